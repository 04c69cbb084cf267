"""Frames of many films decoded in several processes: in order, the same however many there are, whatever happens."""

import os
import signal
import threading
import time
from itertools import islice

import numpy as np
import psutil
import pytest
from counting import number_shown, write_film
from test_damage import damage

from vtn_stream.errors import DecodingLost, VideoError
from vtn_stream.video import decoders as decoders_module
from vtn_stream.video import probe
from vtn_stream.video.decoders import Decoders, FrameRequest, num_decoders
from vtn_stream.video.process import ChildProcess

SIZE = (48, 80)
LIMIT_S = 60.0  # for anything that must happen


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Three counting films, of which one is damaged from frame 20 to its next keyframe, and a file that is no film."""
    folder = tmp_path_factory.mktemp("films")
    write_film(folder / "long.mp4", 160)
    write_film(folder / "short.mkv", 30, size=(96, 160))
    damage(write_film(folder / "damaged.mp4", 80).path, 20)  # keyframes at 0 and 40
    (folder / "noise.mp4").write_bytes(bytes(range(256)) * 40)
    return folder


@pytest.fixture(scope="module")
def remembered():
    """Films that need no probing, by their paths."""
    return {}


@pytest.fixture(scope="module")
def decoders(remembered):
    """Two processes that all tests share which need no others: starting one takes a quarter of a second."""
    with Decoders(2, probe=lambda path, process: remembered.get(path) or probe(path, process)) as decoders:
        yield decoders


def request(path, frames, size=SIZE):
    return FrameRequest(video=path, choose=np.array(frames, np.int64), size=size)


def numbers(answer):
    return [number_shown(frame) for frame in answer.frames]


def read(requests, num=1, **options):
    with Decoders(num, **options) as decoders:
        return list(decoders.read(requests, ahead=4))


def many(films):
    """Requests of all films, some after each other of one, forwards and backwards, in changing sizes."""
    rng = np.random.default_rng(0)
    lengths = {"long.mp4": 160, "short.mkv": 30, "damaged.mp4": 80}
    return [
        request(
            films / name,
            np.sort(rng.integers(0, lengths[name], 4)),
            tuple(rng.choice([(48, 80), (60, 60), (96, 160)])),
        )
        for name in rng.choice([*lengths, "damaged.mp4"], 20)
    ]


def children():
    return {child.pid for child in psutil.Process().children(recursive=True)}


def gone(pids):
    until = time.monotonic() + LIMIT_S
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.01)
    return not any(psutil.pid_exists(pid) for pid in pids)


# What comes


def test_frames_come_in_the_order_and_as_often_as_they_are_asked_for(films, decoders):
    (answer,) = decoders.read([request(films / "long.mp4", [7, 3, 3, 120, 0, 7])], ahead=4)
    assert numbers(answer) == [7, 3, 3, 120, 0, 7]
    assert answer.indices.tolist() == [7, 3, 3, 120, 0, 7]
    assert answer.lost.tolist() == []
    assert answer.frames.shape == (6, *SIZE, 3)


def test_frames_and_sizes_may_depend_on_the_film(films, decoders):
    asked = FrameRequest(
        video=films / "short.mkv",
        choose=lambda video: np.arange(0, video.num_frames, 10),
        size=lambda video: (video.height // 2, video.width // 2),
    )
    (answer,) = decoders.read([asked], ahead=4)
    assert numbers(answer) == [0, 10, 20]
    assert answer.frames.shape[1:] == (80, 48, 3)


def test_more_frames_than_a_batch_of_the_ring_holds(films, decoders):
    (answer,) = decoders.read([request(films / "long.mp4", range(159, -1, -1))], ahead=4)
    assert numbers(answer) == list(range(159, -1, -1))


def test_no_frame_of_a_film_is_an_answer_too(films, decoders):
    (answer,) = decoders.read([request(films / "long.mp4", [])], ahead=4)
    assert answer.frames.shape == (0, *SIZE, 3)


def test_no_request_starts_no_process(decoders):
    before = children()
    assert list(decoders.read([], ahead=3)) == []
    assert children() == before


def test_answers_are_the_same_bits_whatever_the_number_of_processes(films, decoders):
    one, three = (read(many(films), num) for num in (1, 3))
    two = list(decoders.read(many(films), ahead=6))
    for asked, *answers in zip(many(films), one, two, three, strict=True):
        for answer in answers:
            assert np.array_equal(answer.frames, answers[0].frames)
            assert np.array_equal(answer.lost, answers[0].lost)
            sound = [row for row in range(4) if row not in answer.lost]
            assert [number_shown(answer.frames[row]) for row in sound] == list(asked.choose[sound])
    assert any(len(answer.lost) for answer in one)


def test_frames_stay_what_they_are_when_later_ones_come(films, decoders):
    first, *_ = decoders.read([request(films / "long.mp4", [k]) for k in range(8)], ahead=4)
    assert numbers(first) == [0]


def test_a_film_that_was_probed_is_not_probed_again(films, decoders):
    video = probe(films / "long.mp4")
    (answer,) = decoders.read([request(video, [5])], ahead=1)
    assert (numbers(answer), answer.video) == ([5], video)


def test_who_remembers_films_is_asked_first(films, decoders, remembered):
    remembered[films / "long.mp4"] = video = probe(films / "long.mp4")
    (answer,) = decoders.read([request(films / "long.mp4", [6])], ahead=1)
    assert (numbers(answer), answer.video) == ([6], video)


# What cannot be decoded


def test_errors_stand_in_the_place_of_their_answers(films, decoders):
    asked = [
        request(films / "long.mp4", [1]),
        request(films / "noise.mp4", [2]),
        request(films / "none.mp4", [3]),
        request(films / "short.mkv", [4]),
    ]
    first, noise, none, last = decoders.read(asked, ahead=4)
    assert (numbers(first), numbers(last)) == ([1], [4])
    assert isinstance(noise, VideoError)
    assert "noise.mp4" in noise.fact
    assert isinstance(none, VideoError)
    assert "cannot be opened" in none.fact


def test_what_chooses_may_refuse_the_film(films, decoders):
    def refused(video):
        raise VideoError("it is too narrow", "it was not read", "crop it")

    asked = FrameRequest(video=films / "long.mp4", choose=np.arange(2), size=refused)
    refusal, answer = decoders.read([asked, request(films / "long.mp4", [9])], ahead=4)
    assert str(refusal).startswith("it is too narrow")
    assert numbers(answer) == [9]


def test_a_disk_that_fails_is_an_error_of_the_film(films):
    def fails(path, process):
        raise OSError(5, "Input/output error")

    (answer,) = read([request(films / "long.mp4", [9])], probe=fails)
    assert isinstance(answer, VideoError)
    assert answer.fact == "long.mp4 cannot be read (Input/output error)"


def test_frames_that_the_film_does_not_have_are_a_mistake_of_the_caller(films, decoders):
    answers = decoders.read([request(films / "long.mp4", [0]), request(films / "long.mp4", [160])], ahead=2)
    assert numbers(next(answers)) == [0]
    with pytest.raises(ValueError, match="160 frames, and others"):
        next(answers)


def test_a_film_that_changes_while_it_is_read_is_an_error(films, tmp_path, decoders):
    path = write_film(tmp_path / "film.mp4", 10).path
    video = probe(path)
    os.utime(path, (1, 1))
    (answer,) = decoders.read([request(video, [3])], ahead=4)
    assert isinstance(answer, VideoError)
    assert "was replaced or written to" in answer.fact


def test_a_frame_that_damage_took_is_named_by_its_row_and_is_black(films, decoders):
    (answer,) = decoders.read([request(films / "damaged.mp4", [41, 0, 30, 79, 30])], ahead=4)
    assert answer.lost.tolist() == [2, 4]
    assert not answer.frames[answer.lost].any()
    assert [number_shown(answer.frames[row]) for row in (0, 1, 3)] == [41, 0, 79]


# Processes that end


def test_a_killed_process_costs_nothing(films, decoders):
    asked = [request(films / "long.mp4", [k]) for k in range(40)]
    answers = decoders.read(asked, ahead=3)
    shown = [numbers(next(answers))]
    for pid in decoders.pids:
        os.kill(pid, signal.SIGKILL)
    assert shown + [numbers(answer) for answer in answers] == [[k] for k in range(40)]


def test_a_film_that_always_kills_its_process_is_an_error_and_the_next_is_served(films, decoders, monkeypatch):
    ask, killed = ChildProcess.ask, []

    def asked(process, request, header, payload=b"", **how):
        ask(process, request, header, payload, **how)
        if header["do"] == "decode" and header["path"].endswith("short.mkv"):
            killed.append(process.pid)
            os.kill(process.pid, signal.SIGKILL)

    monkeypatch.setattr(ChildProcess, "ask", asked)
    names = ("long.mp4", "short.mkv", "long.mp4")
    first, lost, last = decoders.read([request(films / name, [8]) for name in names], ahead=4)
    assert isinstance(lost, DecodingLost)
    assert "short.mkv died (signal 9)" in lost.fact
    assert len(set(killed)) == 2
    assert (numbers(first), numbers(last)) == ([8], [8])


def test_closing_ends_processes_that_are_at_work(films):
    decoders = Decoders(2)
    answers = decoders.read(many(films), ahead=12)
    next(answers)
    pids = decoders.pids
    assert pids
    before = time.monotonic()
    decoders.close()
    assert time.monotonic() - before < LIMIT_S
    assert gone(pids)
    assert decoders.pids == []
    with pytest.raises(RuntimeError, match="closed"):
        list(decoders.read(many(films), ahead=1))


def test_ctrl_c_leaves_no_process(films):
    before, threads = children(), set(threading.enumerate())

    def interrupted():
        with Decoders(2) as decoders:
            for _ in decoders.read(many(films), ahead=4):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert gone(children() - before)
    assert set(threading.enumerate()) <= threads


def test_who_stops_taking_answers_can_ask_for_others(films, decoders):
    asked = [request(films / "long.mp4", [k]) for k in range(40)]
    assert [numbers(answer) for answer in islice(decoders.read(asked, ahead=8), 2)] == [[0], [1]]
    (answer,) = decoders.read([request(films / "short.mkv", [29])], ahead=8)
    assert numbers(answer) == [29]


def test_two_readers_take_turns(films, decoders):
    one, other = (
        decoders.read([request(films / name, [k]) for k in range(6)], ahead=3) for name in ("long.mp4", "short.mkv")
    )
    assert [(numbers(a), numbers(b)) for a, b in zip(one, other, strict=True)] == [([k], [k]) for k in range(6)]


# Memory


def asked_before_each(decoders, films, ahead):
    """How many requests were taken before each answer was given."""
    taken = 0

    def requests():
        nonlocal taken
        for k in range(12):
            taken += 1
            yield request(films / "long.mp4", [k])

    counts = []
    for number, _ in enumerate(decoders.read(requests(), ahead=ahead)):
        time.sleep(0.02)
        counts.append(taken - number - 1)
    return counts


def test_no_more_is_decoded_ahead_than_is_asked_for(films, decoders):
    assert max(asked_before_each(decoders, films, ahead=3)) == 3 - 1


def test_no_more_is_decoded_ahead_than_there_is_memory_for(films):
    frame = 3 * SIZE[0] * SIZE[1]
    with Decoders(1, max_bytes=2 * frame) as decoders:
        assert max(asked_before_each(decoders, films, ahead=10)) == 1


def test_another_size_of_frames_needs_no_other_process(films):
    with Decoders(1) as decoders:
        pids = []
        for size in ((48, 80), (320, 568), (90, 60)):
            list(decoders.read([request(films / "long.mp4", [3], size)], ahead=1))
            pids += decoders.pids
        assert len(set(pids)) == 1


def test_a_size_beyond_the_reserve_takes_another_process(films):
    with Decoders(1, reserve_bytes=1) as decoders:
        for size in ((48, 80), (96, 160)):
            (answer,) = decoders.read([request(films / "long.mp4", [3], size)], ahead=1)
            assert numbers(answer) == [3]


def test_beside_a_gpu_all_cores_but_one_decode():
    assert num_decoders(has_gpu=False) == 1
    assert num_decoders(has_gpu=True) == max(1, len(os.sched_getaffinity(0)) - 1)


def test_closing_does_not_wait_for_a_disk_that_does_not_answer(films, monkeypatch):
    monkeypatch.setattr(decoders_module, "_CLOSE_S", 0.2)
    asked, answers = threading.Event(), threading.Event()

    def stuck(path, process):
        asked.set()
        answers.wait(LIMIT_S)
        raise VideoError("it answers late", "it was not read", "wait")

    decoders, read = Decoders(1, probe=stuck), []
    reader = threading.Thread(
        target=lambda: read.extend(decoders.read([request(films / "long.mp4", [1])], ahead=1)), daemon=True
    )
    reader.start()
    assert asked.wait(LIMIT_S)
    before = time.monotonic()
    decoders.close()
    assert time.monotonic() - before < LIMIT_S / 2
    answers.set()
    reader.join(LIMIT_S)
    assert [str(answer) for answer in read] == ["it answers late; it was not read; wait"]
