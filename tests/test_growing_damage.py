"""Films that are damaged, joined or cut while they are written: the same frames are lost as of the file, and the others
are the same.
"""

import random

import numpy as np
import pytest
from growing_films import SUFFIXES, record
from growing_here import WINDOW, Here, cut
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import VideoError
from vtn_stream.video import DecodingProcess, probe
from vtn_stream.video import growing_child as child

LATER = {"first": 2500, "b_frames": 2}  # 100 s


@pytest.fixture(scope="module")
def process():
    with DecodingProcess() as process:
        yield process


def of_file(path, process):
    video = probe(path, process)
    pictures: dict[int, np.ndarray | None] = {}
    for (batch,) in process.windows(video, video.pts, [WINDOW]):
        pictures |= {int(video.pts[i]): frame.copy() for i, frame in zip(batch.items, batch.frames, strict=True)}
        pictures |= {int(video.pts[i]): None for i in batch.lost}
    return video, pictures


def garbage(num_bytes: int) -> bytes:
    return random.Random(1).randbytes(num_bytes)


def flipped(data: bytes, seed: int) -> bytes:
    rng, changed = random.Random(seed), bytearray(data)
    for _ in range(6):
        changed[rng.randrange(len(data) // 4, len(data))] ^= 0x55
    return bytes(changed)


def half(data: bytes) -> int:
    return len(data) // 2 + 5


DAMAGES = {
    "appended": lambda kind, film: film + record(kind, 60, b_frames=2, first_number=100).data,
    "cut, appended": lambda kind, film: film[: len(film) * 3 // 5 + 77] + record(kind, 60, b_frames=2).data,
    "another size": lambda kind, film: film + record(kind, 60, b_frames=2, size=(128, 96)).data,
    "leap": lambda kind, film: film + record(kind, 60, **LATER).data,
    "garbage": lambda kind, film: film[: half(film)] + garbage(1000) + film[half(film) :],
    "hole": lambda kind, film: film[: half(film)] + film[half(film) + 700 :],
    "flipped bits": lambda kind, film: flipped(film, 7),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["ts", "mkv"])
def test_the_same_frames_are_lost_as_of_the_file(kind, damage, process, tmp_path):
    data = DAMAGES[damage](kind, record(kind, 100, b_frames=2, sound=True).data)
    path = tmp_path / f"film{SUFFIXES[kind]}"
    path.write_bytes(data)
    video, pictures = of_file(path, process)
    here = Here(path.name).follow(cut(data, 3000))
    assert not here.problem
    assert here.pts == video.pts.tolist()
    assert here.lost == sorted(pts for pts, picture in pictures.items() if picture is None)
    assert here.restarts == list(video.restarts)
    assert here.dark == [(span.start, span.end) for span in video.dark]
    if damage != "flipped bits":  # a decoder does not notice each, and guesses from what it has seen before
        found = [(here.pictures[pts], picture) for pts, picture in pictures.items() if picture is not None]
        assert all(np.array_equal(ours, picture) for ours, picture in found)


def test_a_transport_stream_goes_on_after_any_amount_of_garbage():
    film = record("ts", 100, b_frames=2).data
    here = Here("a.ts").follow(cut(film[: half(film)] + garbage(300_000) + film[half(film) :], 20_000))
    assert not here.problem
    assert len(here.pts) > 95
    assert len(here.lost) < 30


def test_a_transport_stream_may_begin_in_its_middle():
    film = record("ts", 100, b_frames=2).data
    here = Here("a.ts").follow(cut(film[len(film) // 3 + 11 :], 3000))
    assert (len(here.pts) > 45, here.problem) == (True, "")


def test_a_film_that_cannot_be_read_any_further_says_so_once_and_what_came_before_counts(monkeypatch):
    """Flash video knows of one film only: what is behind it brings no picture."""
    monkeypatch.setattr(child, "_MAX_VAIN_BYTES", 30_000)
    film, following = record("flv", 50).data, garbage(100_000)
    here = Here("a.flv")
    here.feed(film)
    raised = []
    for piece in cut(following, 20_000):
        here.problem = ""
        here.feed(piece)
        raised += [here.problem] if here.problem else []
    assert len(raised) <= 1
    here.problem = ""
    here.feed(b"", ended=True)
    assert (len(here.pts), here.problem, here.lost) == (50, "", [])


@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(("ts", "mkv live", "fragmented", "flv")),
    size=st.integers(500, 9000),
)
def test_whatever_the_bytes_are_nothing_told_is_taken_back(seed, kind, size, sound_films):
    """`growing_news` checks each answer against all that was told before; every settled frame comes, or is lost."""
    data = flipped(sound_films[kind], seed)
    here = Here(f"a{SUFFIXES[kind]}")
    try:
        here.follow(cut(data, size))
    except VideoError:
        return
    assert sorted(here.pictures) == here.pts


@pytest.fixture(scope="module")
def sound_films():
    return {kind: record(kind, 50, b_frames=2).data for kind in ("ts", "mkv live", "fragmented", "flv")}


def test_how_much_of_a_finished_file_is_the_film_that_was_read(tmp_path):
    """The recorder went on after we stopped, or other bytes stand in the file by now."""
    film = record("ts", 150, b_frames=2).data
    here = Here("a.ts").follow(cut(film[: half(film)], 5000), looks=False)
    seconds = max(second for second, _ in here.digests)
    path = tmp_path / "a.ts"
    path.write_bytes(film)
    assert here.child.compare(str(path))[1] == seconds
    path.write_bytes(film[: half(film)])
    assert here.child.compare(str(path))[1] is None
    path.write_bytes(record("ts", 150, b_frames=2, first_number=1).data)
    assert here.child.compare(str(path))[1] == 0
