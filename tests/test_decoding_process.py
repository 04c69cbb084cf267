"""The decoding process can be killed, frozen, starved or left alone, and the film goes on. With real processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from counting import number_shown, write_film

from vtn_stream.errors import DecodingLost, VideoError
from vtn_stream.video import DecodingProcess, delivery, probe

SIZE = (48, 80)
LIMIT_S = 60.0  # for anything that must happen
DEADLINE_S = 5.0  # a busy machine starts a process in less


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return probe(write_film(tmp_path_factory.mktemp("films") / "film.mp4", 400).path)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return probe(write_film(tmp_path_factory.mktemp("films") / "other.mkv", 100).path)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A film whose every frame is 13 MB as it is decoded."""
    return write_film(tmp_path_factory.mktemp("films") / "large.mp4", 8, size=(4096, 2176)).path


@pytest.fixture
def process():
    with DecodingProcess() as process:
        yield process


def numbers(process, video, pts=None):
    shown = []
    for batch in process.frames(video, video.pts if pts is None else pts, SIZE):
        shown += [number_shown(frame) for frame in batch.frames]
    return shown


def killed(process, sent=signal.SIGKILL):
    """Its process gets the signal and is dead."""
    os.kill(process.pid, sent)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # all its threads are, and it is still to be reaped


def is_one_line_of_three(error):
    return len(str(error).splitlines()) == 1 and all((error.fact, error.consequence, error.cure))


def children():
    return psutil.Process().children(recursive=True)


# It dies


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSEGV])
def test_a_process_killed_among_frames_is_lost_at_once_and_the_next_film_is_served(process, film, other, sent):
    frames = process.frames(film, film.pts, SIZE)
    next(frames)
    killed(process, sent)
    with pytest.raises(DecodingLost, match=rf"decoding film.mp4 died \(signal {sent.value}\)") as raised:
        for _ in frames:
            pass
    assert is_one_line_of_three(raised.value)
    assert numbers(process, other) == list(range(100))
    assert numbers(process, film) == list(range(400))


def test_a_process_killed_between_two_films_is_replaced_unnoticed(process, film, other):
    assert numbers(process, film) == list(range(400))
    killed(process)
    assert numbers(process, other) == list(range(100))
    killed(process)
    assert process.probe(film.path).identity == film.identity


def test_what_was_handed_over_before_it_died_is_not_asked_again(process, film):
    """What the loop over a film does: it asks for the rest only."""
    shown = []

    def take_until_it_is_killed():
        for batch in process.frames(film, film.pts, SIZE):
            shown.extend(number_shown(frame) for frame in batch.frames)
            if len(shown) >= 64:
                killed(process)

    with pytest.raises(DecodingLost):
        take_until_it_is_killed()
    assert 64 <= len(shown) < 400
    assert shown + numbers(process, film, film.pts[len(shown) :]) == list(range(400))


# It hangs


def test_a_frozen_process_is_lost_at_its_deadline_and_replaced(film, other):
    with DecodingProcess(deadline_s=DEADLINE_S) as process:
        frames = process.frames(film, film.pts, SIZE)
        next(frames)
        frozen = process.pid
        before = time.monotonic()
        os.kill(frozen, signal.SIGSTOP)
        with pytest.raises(DecodingLost, match=r"film.mp4 made no progress for 5 s"):
            for _ in frames:
                pass
        assert DEADLINE_S <= time.monotonic() - before < LIMIT_S
        assert not psutil.pid_exists(frozen)
        assert numbers(process, other) == list(range(100))


@pytest.mark.release
def test_a_process_frozen_before_it_takes_a_long_request_is_lost_too(film):
    """The request is larger than a pipe holds: writing it must not wait for ever either."""
    with DecodingProcess(deadline_s=DEADLINE_S) as process:
        process.probe(film.path)
        os.kill(process.pid, signal.SIGSTOP)
        before = time.monotonic()
        with pytest.raises(DecodingLost, match="made no progress for 5 s"):
            next(process.frames(film, np.arange(100_000), SIZE))
        assert time.monotonic() - before < LIMIT_S


@pytest.mark.release
def test_a_caller_may_take_longer_than_the_deadline(film):
    with DecodingProcess(deadline_s=DEADLINE_S) as process:
        frames = process.frames(film, film.pts, SIZE)
        shown = [number_shown(frame) for frame in next(frames).frames]
        time.sleep(DEADLINE_S + 0.5)
        for batch in frames:
            shown += [number_shown(frame) for frame in batch.frames]
        assert shown == list(range(400))


class Meddled(DecodingProcess):
    """Its process gets a signal as soon as it was asked something."""

    sent = None

    def __init__(self, **options):
        super().__init__(**options)
        self._process.receive = self._meddling(self._process.receive)

    def _meddling(self, receive):
        def receive_meddled(*asked):
            if self.sent is not None:
                sent, self.sent = self.sent, None
                os.kill(self.pid, sent)
            return receive(*asked)

        return receive_meddled


@pytest.mark.parametrize(
    ("sent", "what"), [(signal.SIGKILL, r"died \(signal 9\)"), (signal.SIGSTOP, "made no progress for 5 s")]
)
def test_a_process_killed_or_frozen_while_it_probes_is_an_error_and_the_next_film_is_served(film, other, sent, what):
    with Meddled(deadline_s=DEADLINE_S) as process:
        process.sent = sent
        before = time.monotonic()
        with pytest.raises(DecodingLost, match=f"film.mp4 {what}") as raised:
            process.probe(film.path)
        assert time.monotonic() - before < LIMIT_S
        assert is_one_line_of_three(raised.value)
        assert process.probe(film.path).identity == film.identity
        assert numbers(process, other) == list(range(100))


def test_a_film_that_takes_far_too_long_is_given_up_however_busy_its_process_looks(film, other, monkeypatch):
    """Time runs out of the whole answer, not of a packet: the film says so, and the next one has its own."""
    with DecodingProcess(deadline_s=5) as process:
        process.probe(other.path)
        monkeypatch.setattr(delivery, "FRAME_S", -0.125)  # of 400 frames: all of ten deadlines
        monkeypatch.setattr(delivery, "PIXEL_S", 0)
        with pytest.raises(DecodingLost, match=r"film.mp4 was far too slow; .*; re-encode the film"):
            numbers(process, film)
        monkeypatch.undo()
        assert numbers(process, other) == list(range(100))


@pytest.mark.release
def test_none_of_the_ended_is_left_as_a_zombie(film):
    before = set(children())
    with DecodingProcess(deadline_s=DEADLINE_S) as process:
        for sent in (signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV):
            frames = process.frames(film, film.pts, SIZE)
            next(frames)
            os.kill(process.pid, sent)
            with pytest.raises(DecodingLost):
                for _ in frames:
                    pass
            assert set(children()) == before
        numbers(process, film)
    assert set(children()) == before


# It has too little memory


def failure(ask):
    """The VideoError that asking ends in, if it does."""
    try:
        ask()
    except VideoError as error:
        return error
    return None


@pytest.mark.parametrize("megabytes", [50, 150, 180, 200, 220, 250, 300])
def test_a_memory_limit_too_small_is_an_error_and_not_a_hang_or_a_gap(large, megabytes):
    """Around what Python and FFmpeg need to start, and above it. Where it suffices after all, every frame comes."""
    shown = []
    with DecodingProcess(deadline_s=20, memory_bytes=megabytes * 1024**2) as process:
        error = failure(lambda: shown.extend(numbers(process, process.probe(large))))
    if error is None:
        assert shown == list(range(8))
        assert megabytes > 50
    else:
        assert is_one_line_of_three(error)
        assert "large.mp4" in str(error)
        assert "no progress" not in str(error)  # the deadline was not waited for


def test_a_film_that_starves_leaves_the_next_one_unharmed(large, other):
    """After the film that has no room, in the same process or in another, there is room again."""
    with DecodingProcess(deadline_s=20, memory_bytes=300 * 1024**2) as process:
        failure(lambda: numbers(process, process.probe(large)))
        assert numbers(process, other) == list(range(100))


def test_the_usual_memory_limit_serves_a_large_film(process, large):
    assert numbers(process, process.probe(large)) == list(range(8))


# The caller leaves


def test_a_loop_left_early_stops_the_process_and_the_next_film_starts_another(process, film, other):
    for _ in process.frames(film, film.pts, SIZE):
        first = process.pid
        break
    assert process.pid is None
    assert not psutil.pid_exists(first)
    assert numbers(process, other) == list(range(100))
    assert numbers(process, film) == list(range(400))


def test_an_error_in_the_loop_does_not_spoil_the_next_film(process, film, other):
    def stumble():
        for batch in process.frames(film, film.pts, SIZE):
            raise ZeroDivisionError(len(batch.items))

    with pytest.raises(ZeroDivisionError):
        stumble()
    assert numbers(process, other) == list(range(100))


def test_frames_of_one_film_are_never_taken_for_those_of_another(process, film, other):
    """A second question before the first is answered in full: the second is served, the first says so."""
    unfinished = process.frames(film, film.pts, SIZE)
    next(unfinished)
    assert numbers(process, other, other.pts[50:60]) == list(range(50, 60))
    with pytest.raises(RuntimeError, match="got another request"):
        next(unfinished)
    assert process.probe(film.path).identity == film.identity
    assert numbers(process, other) == list(range(100))


def test_a_smaller_size_does_not_pull_memory_from_under_a_batch_still_held(process, film, other):
    held = next(process.frames(film, film.pts, (480, 800))).frames
    assert numbers(process, other) == list(range(100))
    assert held.mean() > 0  # its content may have changed; reading it must not be a bus error


def test_one_process_serves_many_films(process, film, other):
    assert process.pid is None, "it starts when first asked"
    process.probe(film.path)
    first = process.pid
    for _ in range(3):
        assert numbers(process, film, film.pts[::50]) == list(range(0, 400, 50))
        assert numbers(process, other, other.pts[::50]) == [0, 50]
    assert process.pid == first


def test_an_unreadable_film_does_not_cost_the_process(process, film, tmp_path):
    process.probe(film.path)
    first = process.pid
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(VideoError, match=r"text\.mp4"):
        process.probe(tmp_path / "text.mp4")
    assert process.pid == first
    assert numbers(process, film, film.pts[:3]) == [0, 1, 2]


# Nothing stays behind


def test_close_leaves_no_process_and_no_shared_memory(film):
    shared = Path("/dev/shm")
    files = set(os.listdir(shared)) if shared.is_dir() else set()
    before = set(children())
    process = DecodingProcess()
    frames = process.frames(film, film.pts, SIZE)
    next(frames)
    assert len(set(children()) - before) == 1
    process.close()
    assert set(children()) == before
    assert not shared.is_dir() or set(os.listdir(shared)) <= files
    process.close()  # twice is as good as once


PARENT = """
import sys, time
from vtn_stream.video import DecodingProcess
from pathlib import Path
process = DecodingProcess()
video = process.probe(Path(sys.argv[1]))
frames = process.frames(video, video.pts, (480, 800)) if sys.argv[2] != "idle" else None
if sys.argv[2] == "waiting for a free slot":
    next(frames)
print(process.pid, flush=True)
if sys.argv[2] == "decoding":
    for _ in frames:
        pass
time.sleep(60)
"""


def test_the_process_ends_when_its_parent_is_killed(film):
    parents = [
        subprocess.Popen([sys.executable, "-c", PARENT, str(film.path), busy], stdout=subprocess.PIPE, text=True)
        for busy in ("idle", "decoding", "waiting for a free slot")
    ]
    orphans = []
    for parent in parents:
        with parent:
            orphans.append(psutil.Process(int(parent.stdout.readline())))
            parent.kill()
    _, alive = psutil.wait_procs(orphans, timeout=LIMIT_S)
    assert not alive
