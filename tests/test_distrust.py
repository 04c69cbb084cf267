"""A decoding process that a film has taken over can say what it likes: its parent ends it and goes on."""

import os
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from counting import number_shown, write_film
from impostor import EXCESS, IN_A_DECODE, IN_A_PROBE

from vtn_stream.errors import DecodingLost, VideoError
from vtn_stream.video import DecodingProcess, probe
from vtn_stream.video import process as process_module
from vtn_stream.video.process import ChildProcess
from vtn_stream.video.ring import Ring

SIZE = (48, 80)
STILL_READ = "a slot that is still read"
LIMIT_S = 60.0  # for anything that must happen


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return probe(write_film(tmp_path_factory.mktemp("films") / "film.mp4", 100).path)


@pytest.fixture(scope="module")
def honest(video):
    """What a decoding process says of the film: (header, payload) of its facts and of its first frames."""
    said = {}
    receive = ChildProcess.receive

    def recorded(self, *question):
        header, payload = receive(self, *question)
        kind = next(iter({"info", "slot"} & header.keys()), None)
        said.setdefault(kind, (header, payload))
        return header, payload

    with pytest.MonkeyPatch.context() as patch, DecodingProcess() as process:
        patch.setattr(ChildProcess, "receive", recorded)
        process.probe(video.path)
        numbers(process, video)
    return said


@pytest.fixture
def says(tmp_path, monkeypatch, honest):
    """From now on every decoding process says one thing, and nothing more: a script that costs no start of Python."""

    def tell(lie, kind):
        (tmp_path / "said").write_bytes(lie(*honest[kind]))
        script = tmp_path / "impostor"
        script.write_text(f"#!/bin/sh\ncat '{tmp_path}/said'\ncat > /dev/null\n")  # until its parent hangs up
        script.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(script))

    return tell


@pytest.fixture
def lie(monkeypatch):
    """From now on every decoding process tells this lie."""

    def tell(which):
        monkeypatch.setenv("LIE", which)
        monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
        monkeypatch.setattr(process_module, "CHILD", "impostor")

    return tell


def batches(process, video):
    wants_thumbnail = np.arange(video.num_frames) % 20 == 0
    return process.frames(video, video.pts, SIZE, wants_thumbnail)


def read_on(process, video):
    for _ in batches(process, video):
        pass


def numbers(process, video):
    shown = {}
    for batch in batches(process, video):
        shown |= {i: number_shown(frame) for i, frame in zip(batch.items, batch.frames, strict=True)}
    return shown


def complaint(process, ask):
    """Of the parent; and the liar is gone. Had it waited for the deadline, it would say that no progress was made."""
    with pytest.raises(DecodingLost) as raised:
        ask()
    assert process.pid is None
    assert not [child for child in psutil.Process().children() if "impostor" in " ".join(child.cmdline())]
    return str(raised.value)


@pytest.mark.parametrize("which", IN_A_PROBE)
def test_nonsense_about_a_film_is_not_believed(video, says, which):
    says(IN_A_PROBE[which], "info")
    with DecodingProcess(deadline_s=20) as process:
        line = complaint(process, lambda: process.probe(video.path))
    assert line.startswith("the process decoding film.mp4 sent nonsense; ")


@pytest.mark.parametrize("which", [which for which in IN_A_DECODE if which != STILL_READ])
def test_nonsense_about_frames_is_not_believed(video, says, which):
    says(IN_A_DECODE[which], "slot")
    with DecodingProcess(deadline_s=20) as process:
        line = complaint(process, lambda: read_on(process, video))
    assert line.startswith("the process decoding film.mp4 sent nonsense; ")


def test_a_slot_is_not_written_while_it_is_read(video, lie):
    lie(STILL_READ)  # and goes on as if nothing were: that takes a real one
    with DecodingProcess(deadline_s=20) as process:
        line = complaint(process, lambda: numbers(process, video))
    assert line.startswith("the process decoding film.mp4 sent nonsense; ")


@pytest.mark.parametrize(
    ("which", "what"),
    [
        ("silent", "stopped answering"),
        ("drip", "sent nonsense"),  # a header of no bytes, after twelve
        ("lively", "was far too slow"),
        ("gone", r"died (signal 0)"),
    ],
)
def test_a_process_that_does_not_come_to_the_point_is_ended(video, lie, which, what):
    lie(which)
    with DecodingProcess(deadline_s=5) as process:
        line = complaint(process, lambda: process.probe(video.path))
    assert f"film.mp4 {what}" in line


def test_an_honest_process_serves_the_next_film(video, lie, monkeypatch):
    with DecodingProcess(deadline_s=20) as process:
        lie("noise")
        complaint(process, lambda: process.probe(video.path))
        lie("a frame twice")
        complaint(process, lambda: numbers(process, video))
        monkeypatch.setattr(process_module, "CHILD", "vtn_stream.video.child")
        assert numbers(process, video) == {i: i for i in range(100)}


def test_what_it_says_unasked_is_not_taken_for_the_next_answer(video, lie, monkeypatch):
    lie("twice")
    with DecodingProcess(deadline_s=20) as process:
        assert process.probe(video.path).identity == video.identity
        until = time.monotonic() + LIMIT_S
        child = process._process
        while child._is_quiet(child._process):
            assert time.monotonic() < until
            time.sleep(0.01)
        first = process.pid
        monkeypatch.setattr(process_module, "CHILD", "vtn_stream.video.child")
        assert numbers(process, video) == {i: i for i in range(100)}
        assert process.pid != first


def test_its_errors_are_no_longer_than_a_person_reads(video, lie):
    lie("at length")
    assert "at length" in EXCESS
    with DecodingProcess(deadline_s=20) as process, pytest.raises(VideoError) as raised:
        process.probe(video.path)
    line = str(raised.value)
    assert len(line) < 5000
    assert line.isprintable()
    assert len(line.splitlines()) == 1


# The shared memory


def test_the_ring_cannot_be_pulled_from_under_its_reader():
    ring = Ring()
    frames = ring.shaped((3, 64, 24, 32, 3))
    frames[:] = 7
    for size in (0, 2**30):
        with pytest.raises(PermissionError):
            os.ftruncate(ring.fileno(), size)
    assert int(frames.sum()) == 7 * frames.size
    assert ring.shaped((3, 64, 8, 8, 3)).shape == (3, 64, 8, 8, 3)
    with pytest.raises(OSError, match="not permitted"):
        ring.shaped((3, 64, 48, 64, 3))
    ring.close()


def test_a_larger_size_takes_another_ring_and_leaves_the_old_one_whole(video):
    with DecodingProcess() as process:
        held = next(iter(process.frames(video, video.pts, SIZE))).frames
        before = held.copy()
        assert numbers(process, video) == {i: i for i in range(100)}
        large = {}
        for batch in process.frames(video, video.pts[:3], (480, 800)):
            large |= {i: number_shown(frame) for i, frame in zip(batch.items, batch.frames, strict=True)}
        assert large == {0: 0, 1: 1, 2: 2}
        assert held.shape == before.shape
