"""Films of each container, cut into any pieces while they are written, are what a probe says of the finished file."""

import numpy as np
import pytest
from growing_films import KINDS, SUFFIXES, record
from growing_here import WINDOW, Here, cut
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.video import DecodingProcess, probe

SIZES = st.lists(st.sampled_from((1, 2, 187, 188, 1000, 4096, 20_000)), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def process():
    with DecodingProcess() as process:
        yield process


@pytest.fixture(scope="module")
def finished(process, tmp_path_factory):
    """of(kind, b_frames): how the film was written, and what a probe and a decoder say of it; made once."""
    made = {}

    def of(kind, b_frames):
        if (kind, b_frames) not in made:
            recorded = record(kind, 75, b_frames=b_frames, sound=b_frames == 2, first=10)
            path = tmp_path_factory.mktemp("films") / f"film{SUFFIXES[kind]}"
            path.write_bytes(recorded.finished)
            video = probe(path, process)
            pictures = {
                int(video.pts[i]): frame.copy()
                for (batch,) in process.windows(video, video.pts, [WINDOW])
                for i, frame in zip(batch.items, batch.frames, strict=True)
            }
            made[kind, b_frames] = recorded, video, pictures
        return made[kind, b_frames]

    return of


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_frames_clock_and_pixels_are_those_of_the_finished_file(kind, b_frames, finished):
    recorded, video, pictures = finished(kind, b_frames)
    here = Here(f"film{SUFFIXES[kind]}").follow(cut(recorded.data, 3000))
    assert not here.problem
    assert (here.pts, here.keyframes) == (video.pts.tolist(), video.keyframes.tolist())
    assert here.child.identify(video.end_pts) == video.identity
    assert here.pictures.keys() == pictures.keys()
    assert all(np.array_equal(here.pictures[p], pictures[p]) for p in pictures)


def test_a_frame_is_decoded_once(finished, monkeypatch):
    """What is settled has come out of the decoder: it need not be emptied to get at it."""
    begun = []
    monkeypatch.setattr("vtn_stream.video.growing_reader.GrowingReader._begin_again", lambda *_, **__: begun.append(1))
    for kind in KINDS:
        for num_threads in (1, 3):
            Here(f"film{SUFFIXES[kind]}", num_threads=num_threads).follow(cut(finished(kind, 2)[0].data, 700))
    assert not begun


@given(kind=st.sampled_from(KINDS), b_frames=st.sampled_from((0, 2)), sizes=SIZES)
def test_however_the_bytes_come_the_same_is_said(kind, b_frames, sizes, finished):
    """And at the same byte: digests of a second do not depend on pieces."""
    recorded, video, _ = finished(kind, b_frames)
    pieces, at = [], 0
    for size in [*sizes, len(recorded.data)]:
        pieces.append(recorded.data[at : at + size])
        at += size
    here = Here(f"film{SUFFIXES[kind]}")
    at = 0
    for piece in pieces:
        here.feed(piece, looks=False)
        at += len(piece)
        assert here.pts == video.pts[: len(here.pts)].tolist()
        assert here.keyframes == video.keyframes[: len(here.keyframes)].tolist()
    here.feed(b"", ended=True, looks=False)
    assert (here.pts, here.problem) == (video.pts.tolist(), "")
    assert here.digests == Here(f"film{SUFFIXES[kind]}").follow([recorded.data], looks=False).digests
    assert [second for second, _ in here.digests] == sorted({second for second, _ in here.digests})


def test_another_beginning_has_other_digests(finished):
    """Two films of one clock: no chunk of one is taken for one of the other."""
    first = Here("a.ts").follow([finished("ts", 0)[0].data], looks=False)
    other = Here("a.ts").follow([record("ts", 75, first=10, sound=False, first_number=1).data], looks=False)
    assert first.pts == other.pts
    assert not {digest for _, digest in first.digests} & {digest for _, digest in other.digests}


def test_a_film_begins_with_its_first_seconds():
    """Sound of which only a decoder could tell all, and a picture: not after seven seconds, as of a file."""
    data = record("ts", 250, sound=True, options={"x264-params": "keyint=25:bitrate=2000:nal-hrd=cbr:filler=1"}).data
    here = Here("a.ts")
    for number, piece in enumerate(cut(data, 20_000)):
        here.feed(piece, looks=False)
        if here.pts:
            assert number * 20_000 < len(data) / 3
            return
    raise AssertionError("it did not begin")
