"""Scenes of films drawn by hand: each letter is a picture, each position a noisy frame of it."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from vtn_stream.scorers.structure import find_scenes
from vtn_stream.track import GridScores

WIDTH = 200


def film(drawing: str, *, noise: float = 0.02, width: int = WIDTH, seed: int = 0) -> NDArray[np.float16]:
    """Embeddings [T, D] of "AAAABBBB": unit-variance pictures, each frame off by `noise` of that."""
    random = np.random.default_rng(seed)
    pictures = {letter: np.abs(random.standard_normal(width)) for letter in sorted(set(drawing))}
    frames = np.array([pictures[letter] for letter in drawing]).reshape(len(drawing), width)
    return (frames + noise * random.standard_normal(frames.shape)).astype(np.float16)


def scores_of(values: NDArray[np.float16], min_positions: int = 3) -> GridScores:
    return find_scenes(values, np.ones(len(values), bool), min_positions=min_positions)


def drawn(scores: GridScores) -> str:
    """The scenes as letters in order of first appearance; "." where the frame was lost."""
    assert scores.frame is not None
    return "".join("." if not row.any() else chr(ord("A") + int(row.argmax())) for row in scores.frame)


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.3])
@pytest.mark.parametrize(
    "drawing",
    [
        "A" * 40,
        "A" * 20 + "B" * 20,
        "AAABBB",
        "A" * 9 + "B" * 5 + "C" * 12,
        "A" * 12 + "B" * 5 + "A" * 9,  # a scene that comes back is the same scene
        ("A" * 6 + "B" * 6 + "C" * 6) * 4,
    ],
)
def test_scenes_are_found_and_recognised(drawing: str, noise: float) -> None:
    assert drawn(scores_of(film(drawing, noise=noise))) == drawing


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_scale_of_the_backbone_does_not_matter(scale: float) -> None:
    drawing = "A" * 10 + "B" * 6 + "A" * 8
    assert drawn(scores_of((film(drawing).astype(np.float64) * scale).astype(np.float16))) == drawing


def test_a_flash_is_no_scene() -> None:
    assert drawn(scores_of(film("A" * 15 + "B" + "A" * 15))) == "A" * 31


def test_slow_change_is_no_cut() -> None:
    first, last = film("AB", noise=0.0).astype(np.float64)
    blend = np.linspace(0, 1, 60)[:, None]
    assert drawn(scores_of((first * (1 - blend) + last * blend).astype(np.float16))) == "A" * 60


def test_lost_frames_are_left_out() -> None:
    drawing = "A" * 10 + "B" * 10 + "A" * 10
    values, valid = film(drawing), np.ones(30, bool)
    valid[[0, 4, 9, 10, 11, 25]] = False
    values[~valid] = 0
    scores = find_scenes(values, valid, min_positions=3)
    assert drawn(scores) == "".join(c if ok else "." for c, ok in zip(drawing, valid, strict=True))
    assert scores.saliency is not None
    assert not scores.saliency[~valid].any()


def test_saliency_peaks_at_the_cuts() -> None:
    saliency = scores_of(film("A" * 10 + "B" * 8 + "C" * 10)).saliency
    assert saliency is not None
    assert sorted(np.argsort(saliency)[-2:]) == [10, 18]
    assert saliency[[10, 18]].min() > 0.5
    assert saliency[0] == 0


def test_confidence_says_how_much_nearer_the_own_scene_is() -> None:
    clear = scores_of(film("A" * 10 + "B" * 10)).frame
    vague = scores_of(film("A" * 10 + "B" * 10, noise=0.3)).frame
    assert clear is not None
    assert vague is not None
    assert 0.5 < vague.max() < clear.max() <= 1
    only = scores_of(film("A" * 10)).frame
    assert only is not None
    assert np.array_equal(only, np.ones((10, 1)))


def test_more_scenes_than_columns_keep_their_cuts() -> None:
    letters = "".join(chr(200 + k) for k in range(1500))
    frame = scores_of(film("".join(c * 6 for c in letters), width=64)).frame
    assert frame is not None
    assert 200 < frame.shape[1] <= 256
    assert np.isfinite(frame).all()
    cuts = np.flatnonzero(np.diff(frame.argmax(axis=1))) + 1
    assert not (cuts % 6).any()
    assert len(cuts) > 0.95 * 1499


@pytest.mark.parametrize("positions", [0, 1, 2, 5])
@pytest.mark.parametrize("width", [1, 3, WIDTH])
def test_short_and_narrow_films(positions: int, width: int) -> None:
    scores = scores_of(film("A" * positions, width=width))
    assert scores.frame is not None
    assert scores.frame.shape == (positions, min(positions, 1))
    assert drawn(scores) == "A" * positions


def test_a_film_of_lost_frames_has_no_scenes() -> None:
    scores = find_scenes(np.zeros((7, 5), np.float16), np.zeros(7, bool), min_positions=3)
    assert scores.frame is not None
    assert scores.frame.shape == (7, 0)


@pytest.mark.parametrize("min_positions", [0, -1])
def test_min_positions_is_positive(min_positions: int) -> None:
    with pytest.raises(ValueError, match="min_positions"):
        scores_of(film("AAA"), min_positions)


@given(
    values=arrays(
        np.float16,
        st.tuples(st.integers(0, 40), st.integers(1, 6)),
        elements=st.floats(0, 100, width=16),
    ),
    lost=st.sets(st.integers(0, 39)),
    min_positions=st.integers(1, 9),
)
def test_any_input_gives_whole_scenes(values: NDArray[np.float16], lost: set[int], min_positions: int) -> None:
    valid = np.array([t not in lost for t in range(len(values))], bool)
    scores = find_scenes(values, valid, min_positions=min_positions)
    again = find_scenes(values.copy(), valid.copy(), min_positions=min_positions)
    frame, saliency = scores.frame, scores.saliency
    assert frame is not None
    assert saliency is not None
    assert again.frame is not None
    assert again.saliency is not None
    assert frame.tobytes() == again.frame.tobytes()
    assert saliency.tobytes() == again.saliency.tobytes()
    assert ((frame >= 0) & (frame <= 1)).all()
    assert ((saliency >= 0) & (saliency <= 1)).all()
    assert not frame[~valid].any()
    scenes = frame[valid].argmax(axis=1) if frame.shape[1] else np.zeros(0, int)
    runs = [len(list(run)) for _, run in itertools.groupby(scenes)]
    assert len(runs) < 2 or min(runs) >= min_positions
    assert list(dict.fromkeys(scenes.tolist())) == list(range(frame.shape[1]))
