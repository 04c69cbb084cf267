"""After damage no frame is trusted up to the next keyframe, and all are from there on."""

from pathlib import Path

import av
import pytest
from counting import number_shown, write_film

from vtn_stream.video import DecodingProcess, probe
from vtn_stream.video.damage import DamageLog

pytestmark = pytest.mark.usefixtures("warm_decoders")

SIZE = (48, 80)


# ---- the log alone: packets are named by their pts


def log_of(*packets: tuple[int, str], delay: int = 0) -> DamageLog:
    """Packets in the order of decoding: pts and kind, K keyframe, P, B disposable."""
    log = DamageLog(delay)
    for pts, kind in packets:
        log.sent(pts, is_keyframe=kind == "K", is_disposable=kind == "B")
    return log


def unsound(log, *pts):
    return [p for p in pts if not log.is_sound(p)]


def test_a_film_without_complaints_is_sound():
    assert unsound(log_of((0, "K"), (1, "P"), (2, "P")), 0, 1, 2) == []


def test_damage_lasts_from_its_frame_to_the_next_keyframe():
    log = log_of((0, "K"), (1, "P"), (2, "P"))
    log.failed()
    log.sent(3, is_keyframe=False, is_disposable=False)
    log.sent(4, is_keyframe=True, is_disposable=False)
    log.sent(5, is_keyframe=False, is_disposable=False)
    assert unsound(log, 0, 1, 2, 3, 4, 5) == [2, 3]


def test_a_damaged_frame_that_nothing_refers_to_is_lost_alone():
    log = log_of((0, "K"), (2, "P"), (1, "B"))
    log.failed()
    log.sent(4, is_keyframe=False, is_disposable=False)
    assert unsound(log, 0, 1, 2, 4) == [1]


def test_a_late_complaint_counts_from_its_frame_and_takes_those_shown_before_it():
    """P 4 is damaged: B 3, predicted from it, is shown before it and sent after it."""
    log = log_of((0, "K"), (1, "P"), (4, "P"), (2, "P"), (3, "B"), (8, "P"))
    log.corrupt(4)
    assert unsound(log, 0, 1, 2, 3, 4, 8) == [2, 3, 4, 8]


def test_frames_shown_before_the_next_keyframe_but_sent_after_it_are_predicted_from_what_was_before():
    log = log_of((0, "K"), (2, "P"))
    log.failed()
    log.sent(6, is_keyframe=True, is_disposable=False)
    for pts in (4, 5, 7):
        log.sent(pts, is_keyframe=False, is_disposable=True)
    assert unsound(log, 2, 4, 5, 6, 7) == [2, 4, 5]


def test_a_keyframe_that_has_been_sent_already_ends_damage_as_well():
    log = log_of((0, "K"), (1, "P"), (2, "P"), (3, "K"), (4, "P"))
    log.corrupt(1)
    assert unsound(log, 0, 1, 2, 3, 4) == [1, 2]


def test_with_threads_any_of_the_packets_held_may_be_the_one():
    log = log_of((0, "K"), (1, "P"), (2, "P"), (3, "P"), delay=2)
    log.failed()
    assert unsound(log, 0, 1, 2, 3) == [1, 2, 3]


def test_frames_before_the_keyframe_at_which_decoding_began_spoil_nothing():
    log = log_of((10, "K"), (8, "P"), (11, "P"))
    log.corrupt(8)
    assert unsound(log, 8, 10, 11) == [8]


def test_decoding_that_began_anew_is_sound():
    log = log_of((0, "K"), (1, "P"))
    log.failed()
    log.restart()
    assert log_of() is not log
    log.sent(1, is_keyframe=True, is_disposable=False)
    assert unsound(log, 1) == []


def test_hours_of_packets_are_forgotten_but_not_what_lasts():
    log = log_of((0, "K"), (1, "P"))
    log.failed()
    for pts in range(2, 10_000):
        log.sent(pts, is_keyframe=False, is_disposable=False)
    assert not log.is_sound(9_999)
    assert len(log._order) <= 1024


# ---- real films, damaged


def damage(path: Path, number: int) -> None:
    """Wipe the slice of the frame shown as `number`, all but its first byte."""
    with av.open(str(path)) as container:
        found = sorted((p.pts, p.pos, p.size) for p in container.demux(video=0) if p.size)
    _, at, size = found[number]
    content = bytearray(path.read_bytes())
    first = (
        content.index(b"x264", at) + 700 if number == 0 else at + 5
    )  # the encoder's signature comes before the first
    content[first : at + size] = bytes(at + size - first)
    path.write_bytes(content)


def shown(video):
    """Numbers of the frames handed over, by frame; and the lost frames."""
    numbers, lost = {}, set()
    with DecodingProcess() as process:
        for batch in process.frames(video, video.pts, SIZE):
            lost |= set(batch.lost)
            for i, picture in zip(batch.items, batch.frames, strict=True):
                try:
                    numbers[i] = number_shown(picture)
                except ValueError:
                    numbers[i] = None
    assert set(numbers) | lost == set(range(video.num_frames))
    return numbers, lost


X264 = {"tune": "fastdecode", "x264-params": "bframes=2:b-adapt=0:b-pyramid=none:keyint=40:min-keyint=40:scenecut=0"}


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
@pytest.mark.parametrize(("number", "first_lost"), [(0, 0), (43, 41), (79, 77), (119, 117)])
def test_damage_costs_the_frames_up_to_the_next_keyframe_and_no_wrong_one_is_handed_over(
    tmp_path, name, number, first_lost
):
    """120 frames, a keyframe every 40, P every third: 41 and 42 are predicted from 43, and shown before it."""
    video = probe(write_film(tmp_path / name, 120, options=X264).path)
    damage(video.path, number)
    numbers, lost = shown(probe(video.path))
    assert lost == set(range(first_lost, (number // 40 + 1) * 40))
    assert all(number == frame for frame, number in numbers.items())


def test_a_damaged_frame_between_others_is_lost_alone(tmp_path):
    video = probe(write_film(tmp_path / "film.mp4", 120, options=X264).path)
    damage(video.path, 41)
    numbers, lost = shown(probe(video.path))
    assert lost == {41}
    assert all(number == frame for frame, number in numbers.items())


def test_where_packets_are_missing_in_a_transport_stream_few_wrong_frames_pass(tmp_path):
    """The container does not say what it lost, and the decoder notices only at the next frame that others refer to:
    up to then those between, here three, are predicted from the wrong ones."""
    path = write_film(tmp_path / "film.ts", 120, options=X264).path
    content = bytearray(path.read_bytes())
    middle = len(content) // 188 // 2 * 188
    content[middle : middle + 10 * 188] = bytes(10 * 188)
    path.write_bytes(content)
    numbers, lost = shown(probe(path))
    assert 0 < len(lost) <= 40
    times = probe(path).times_s
    assert sum(number != round(times[frame] * 25) for frame, number in numbers.items()) <= 3
