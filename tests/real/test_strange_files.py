"""Every given odd file gives a true clock and its frames, or one line: none is left without an answer."""

import time

import pytest

from vtn_stream.errors import VideoError
from vtn_stream.sampling import SamplingPlan
from vtn_stream.video import DecodingProcess

LIMIT_S = 60.0  # for one film, however busy the machine
NAMED = {
    "sample_fragmented_clearkey.mp4": "cannot be read as a film (it is an encrypted film); ",
    "sample_av1c_fragmented_clearkey.mp4": "cannot be read as a film (it is an encrypted film); ",
    "sample_fragmented_widevine.mp4": "cannot be read as a film (it is an encrypted film); ",
    "subsample_encrypted_altref.webm": "could be decoded: it is encrypted; ",
    "subsample_encrypted_noaltref.webm": "could be decoded: it is encrypted; ",
    "sample_ac4_protected.mp4": "has no video stream; its streams: audio; ",
    "init.mp4": "has no frames; ",
}


@pytest.fixture(scope="module")
def process():
    with DecodingProcess(deadline_s=20) as process:
        yield process


@pytest.mark.parametrize("name", NAMED)
def test_what_cannot_be_served_says_why(data, process, name):
    with pytest.raises(VideoError) as raised:
        process.probe(data / "odd-media" / "androidx" / name)
    assert NAMED[name] in str(raised.value)


def test_a_film_for_two_eyes_shows_the_first_one(data, process):
    """A phone's spatial film: its frames carry something that PyAV has no name for."""
    video = process.probe(data / "odd-media" / "androidx" / "water_180_mvhevc_5frames.mov")
    assert (video.codec, video.num_frames, video.rotation) == ("hevc", 5, 0)


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.release)])
def test_odd_files_are_answered_in_time(data, process, every):
    """Each third, and before a release all of them."""
    files = sorted(file for file in (data / "odd-media").rglob("*") if file.is_file())[::every]
    failures, num_films = [], 0
    for file in files:
        before = time.monotonic()
        try:
            video = process.probe(file)
            plan = SamplingPlan(1)
            assert len(plan.grid(video)) == plan.num_positions(video)
            answered = [
                i for batch in process.frames(video, video.pts[:20], (32, 32)) for i in (*batch.items, *batch.lost)
            ]
            assert sorted(answered) == list(range(min(20, video.num_frames)))
            num_films += 1
        except VideoError as error:
            line = str(error)
            if "nonsense" in line or "failed (" in line or not line.isprintable() or file.name not in line:
                failures.append(f"{file.name}: {line}")
        if time.monotonic() - before > LIMIT_S:
            failures.append(f"{file.name} took {time.monotonic() - before:.0f} s")
    assert not failures, "\n".join(failures)
    assert num_films > len(files) / 2
