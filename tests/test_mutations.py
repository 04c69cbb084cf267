"""Films with bytes flipped, cut, repeated and zeroed: each gives frames, gaps, or one line, in bounded time.

400 of them, in which each film comes 20 times, and before a release 2,000. The seed of a case is its number. To look
at one: `python tests/test_mutations.py 1234 case.bin` writes that file.
"""

import os
import re
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest
from counting import write_film

from vtn_stream.errors import InputError, VideoError
from vtn_stream.sampling import SamplingPlan
from vtn_stream.video import DecodingProcess, probe

NUM_CASES, NUM_BEFORE_RELEASE = 400, 2000
GROUP = 100
NUM_FRAMES = 12
DEADLINE_S = 10.0
LIMIT_S = 60.0  # for one film, however busy the machine
SIZE = (24, 32)

_B_FRAMES = {"tune": "fastdecode", "x264-params": "bframes=2:b-adapt=0:keyint=6"}
_HEVC = {"x265-params": "keyint=6:log-level=none:pools=1:frame-threads=1"}
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}

# File name, codec, what else write_film is told.
FILMS = [
    ("h264.mp4", "libx264", {"options": _B_FRAMES, "mux": {"movflags": "faststart"}}),
    ("h264-sound.mp4", "libx264", {"audio_s": 0.5}),
    ("h264-fragments.mp4", "libx264", {"mux": _FRAGMENTS}),
    ("h264.mkv", "libx264", {"options": _B_FRAMES}),
    ("h264.ts", "libx264", {"options": _B_FRAMES}),
    ("h264.flv", "libx264", {}),
    ("h264.avi", "libx264", {}),
    ("hevc.mp4", "libx265", {"options": _HEVC}),
    ("hevc-fragments.mp4", "libx265", {"options": _HEVC, "mux": _FRAGMENTS}),
    ("hevc.mkv", "libx265", {"options": _HEVC}),
    ("hevc.ts", "libx265", {"options": _HEVC}),
    ("vp9.webm", "libvpx-vp9", {"options": {"g": "6"}}),
    ("vp9.mp4", "libvpx-vp9", {"options": {"g": "6"}}),
    ("vp8.webm", "libvpx", {"options": {"g": "6"}}),
    ("mpeg4.avi", "mpeg4", {"options": {"g": "6"}}),
    ("mpeg4.mp4", "mpeg4", {"options": {"g": "6"}}),
    ("mpeg4.nut", "mpeg4", {"options": {"g": "6"}}),
    ("mpeg4.mov", "mpeg4", {"options": {"bf": "2"}, "first": 1}),
]


def originals(folder: Path) -> list[tuple[str, bytes]]:
    made = []
    for name, codec, more in FILMS:
        film = write_film(folder / name, NUM_FRAMES, codec=codec, size=(64, 48), **more)
        made.append((name, film.path.read_bytes()))
    contents = dict(made)
    twice, cut = contents["h264.ts"] * 2, contents["h264-sound.mp4"]
    return [*made, ("h264-twice.ts", twice), ("h264-cut.mp4", cut[: len(cut) * 2 // 3])]


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """One to six wounds, half of them where containers and codecs keep their headers."""
    content = bytearray(data)
    names = [match.start() for match in re.finditer(rb"[a-z][a-zA-Z0-9]{3}|\x1a\x45|\x47\x40|\x00\x00\x01", data)]
    for _ in range(rng.choice([1, 1, 2, 3, 6])):
        if len(content) < 16:
            break
        size = len(content)
        where = rng.integers(0, 4)
        at = int(
            rng.integers(0, min(size, 600))
            if where == 0
            else rng.choice(names) + rng.integers(-8, 24)
            if where == 1 and names
            else rng.integers(0, size)
        )
        at = min(max(at, 0), size - 1)
        length = int(min(2 ** rng.uniform(0, 9), size - at))
        match int(rng.integers(0, 8)):
            case 0 | 1:  # bits flip
                content[at] ^= 1 << int(rng.integers(0, 8))
            case 2:  # bytes turn into others
                content[at : at + min(length, 8)] = rng.bytes(min(length, 8))
            case 3:  # zeroed
                content[at : at + length] = bytes(length)
            case 4:  # cut out
                del content[at : at + length]
            case 5:  # repeated
                content[at:at] = content[at : at + length] * int(rng.integers(1, 4))
            case 6:  # a number at its limits
                width = int(rng.choice([2, 4, 8]))
                extreme = rng.choice([b"\xff", b"\x7f", b"\x80", b"\x00"])
                content[at : at + width] = (bytes(extreme) + rng.choice([b"\xff", b"\x00"]) * 7)[:width]
            case 7:  # cut short
                if rng.integers(0, 3) == 0:
                    del content[at:]
    return bytes(content)


def case(number: int, films: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    """The file of this number: its name and content."""
    rng = np.random.default_rng(number)
    name, data = films[number % len(films)]
    return f"{number}-{name}", mutated(data, rng)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return originals(tmp_path_factory.mktemp("originals"))


@pytest.fixture(scope="module")
def outcomes():
    """How often what came out."""
    counts: dict[str, int] = {}
    yield counts
    print(f"\n{counts}")


@pytest.fixture(scope="module")
def process(outcomes):
    before = set(psutil.Process().children(recursive=True))
    with DecodingProcess(deadline_s=DEADLINE_S) as process:
        yield process
    assert set(psutil.Process().children(recursive=True)) <= before


def outcome(path: Path, process: DecodingProcess) -> str:
    """What became of it; AssertionError for what must not happen."""
    try:
        video = probe(path, process)
        plan = SamplingPlan(Fraction(1, 2))
        try:
            assert plan.num_positions(video) == len(plan.grid(video))
            assert len(plan.chunks(video)) >= 1
        except InputError as error:
            return checked(error, path)
        answered = []
        for batch in process.frames(video, video.pts[:NUM_FRAMES], SIZE):
            assert batch.frames.shape == (len(batch.items), *SIZE, 3)
            answered += [*batch.items, *batch.lost]
        assert sorted(answered) == list(range(min(NUM_FRAMES, video.num_frames)))
        return "frames" if video.num_frames else "nothing"
    except VideoError as error:
        return checked(error, path)


def checked(error: VideoError | InputError, path: Path) -> str:
    line = str(error)
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    assert all((error.fact, error.consequence, error.cure))
    assert path.name in line
    assert "nonsense" not in line, line
    assert not re.search(r"\((Key|Type|Index|Attribute|Value|Assertion|ZeroDivision|Overflow|Unicode|Name)Error", line)
    return type(error).__name__


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(first, marks=[] if first < NUM_CASES else pytest.mark.release)
        for first in range(0, NUM_BEFORE_RELEASE, GROUP)
    ],
)
def test_a_mutated_film_gives_frames_gaps_or_one_line(first, films, process, outcomes, tmp_path):
    failures = []
    for number in range(first, first + GROUP):
        name, content = case(number, films)
        path = tmp_path / name
        path.write_bytes(content)
        before = time.monotonic()
        try:
            result = outcome(path, process)
        except Exception as error:  # all of them are wanted, not the first
            failures.append(f"{name}: {type(error).__name__}: {error}")
            continue
        outcomes[result] = outcomes.get(result, 0) + 1
        if time.monotonic() - before > LIMIT_S:
            failures.append(f"{name}: took {time.monotonic() - before:.1f} s")
        path.unlink()
    assert not failures, "\n".join(failures)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        Path(sys.argv[2]).write_bytes(case(int(sys.argv[1]), originals(Path(folder)))[1])
    print(os.path.getsize(sys.argv[2]), "bytes")
