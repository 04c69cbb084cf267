"""What a store keeps beside embeddings: the probe of a film, and scores."""

import contextlib
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from stored_chunks import changed_bytes, content, film, store, the_file  # noqa: F401  (fixtures among them)

from vtn_stream.errors import DamagedFile
from vtn_stream.film import FrameIndex, VideoInfo
from vtn_stream.store import read_scores, write_scores
from vtn_stream.track import GridScores

# ---- probes


@pytest.fixture
def movie(tmp_path):
    path = tmp_path / "movie.mp4"
    path.write_bytes(b"as if it were a film")
    return path


def same_film(a, b):
    names = [n for n in VideoInfo.__dataclass_fields__ if n not in {"pts", "keyframes"}]
    return all(getattr(a, n) == getattr(b, n) for n in names) and all(
        np.array_equal(getattr(a, n), getattr(b, n)) and getattr(a, n).dtype == getattr(b, n).dtype
        for n in ("pts", "keyframes")
    )


@pytest.mark.parametrize(
    "fields", [{}, {"nominal_rate": None, "start_timecode": None, "keyframes": np.zeros(0, np.int64)}]
)
def test_a_probe_is_remembered_as_it_was(store, movie, fields):
    assert store.probed(movie) is None
    store.remember(video := film(movie, **fields))
    assert same_film(store.probed(movie), video)


def test_a_probe_is_forgotten_when_the_file_changes(store, movie):
    store.remember(film(movie))
    status = movie.stat()
    movie.write_bytes(b"as if it were a FILM")  # as long as before
    os.utime(movie, ns=(status.st_atime_ns, status.st_mtime_ns))  # and as old
    assert store.probed(movie) is None
    store.remember(film(movie))
    replacement = movie.with_name("new.mp4")
    replacement.write_bytes(movie.read_bytes())
    os.replace(replacement, movie)
    assert store.probed(movie) is None


def test_a_probe_goes_with_a_hard_link(store, movie):
    link = movie.with_name("same.mp4")
    link.hardlink_to(movie)
    store.remember(film(movie))
    assert store.probed(link).path == link


def test_a_damaged_probe_is_no_probe(store, movie):
    store.remember(film(movie))
    path, whole, num_found = the_file(store), store.probed(movie), 0
    for _ in changed_bytes(path):
        if (back := store.probed(movie)) is None:
            num_found += 1
        else:
            assert same_film(back, whole)
    assert num_found > path.stat().st_size / 2


# ---- scores


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.integers(0, 6), st.integers(0, 4))
def test_scores_come_back_bit_equal(tmp_path, data, num, num_classes):
    def halves(*shape):
        return data.draw(st.none() | npst.arrays(np.float16, shape))

    scores = GridScores(
        frame=halves(num, num_classes),
        saliency=halves(num),
        clip=data.draw(st.none() | npst.arrays(np.float32, num_classes, elements={"allow_nan": False})),
    )
    index = FrameIndex(
        grid_s=np.arange(num) / 3,
        frame=np.arange(num),
        pts_s=np.arange(num) / 3,
        valid=data.draw(npst.arrays(np.bool_, num)),
    )
    labels = tuple(data.draw(st.lists(st.text(), min_size=num_classes, max_size=num_classes)))
    write_scores(tmp_path / "s.arrow", scores, index, labels, "c0ffee")
    back, clock, names = read_scores(tmp_path / "s.arrow")
    assert names == labels
    assert clock.grid_s.tobytes() == index.grid_s.tobytes()
    assert clock.valid.tolist() == index.valid.tolist()
    for name in ("frame", "saliency", "clip"):
        put, got = getattr(scores, name), getattr(back, name)
        if put is None or (name == "frame" and num_classes == 0):  # no class: nothing was said
            assert got is None
        else:
            assert (got.dtype, got.shape, got.tobytes()) == (put.dtype, put.shape, put.tobytes())


def test_damaged_scores_are_damage_or_unchanged(tmp_path):
    path = tmp_path / "s.arrow"
    _, index, _ = content()
    scores = GridScores(frame=np.eye(6, 3, dtype=np.float16), saliency=np.linspace(0, 1, 6, dtype=np.float16))
    write_scores(path, scores, index, ("a", "b", "c"), "c0ffee")

    def read():
        back, clock, labels = read_scores(path)
        return [a.tobytes() for a in (back.frame, back.saliency, clock.grid_s, clock.valid)], back.frame.shape, labels

    whole = read()
    for _ in changed_bytes(path):
        with contextlib.suppress(DamagedFile):
            assert read() == whole
