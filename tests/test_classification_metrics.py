"""Accuracy of clips, against counting by hand and against sorting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.metrics import mean_per_class, top_k

SCORES = [
    [0.9, 0.5, 0.1],
    [0.1, 0.9, 0.5],
    [0.5, 0.9, 0.1],
    [0.1, 0.5, 0.9],
]


@pytest.mark.parametrize(
    ("truth", "first", "second", "per_class"),
    [
        ([0, 1, 1, 2], 1.0, 1.0, 1.0),
        ([0, 1, 0, 2], 0.75, 1.0, (1 / 2 + 1 + 1) / 3),
        ([1, 2, 0, 1], 0.0, 1.0, 0.0),
        ([2, 0, 2, 0], 0.0, 0.0, 0.0),
        ([0, 0, 0, 0], 0.25, 0.5, 0.25),
        ([0, 1, 2, 1], 0.5, 0.75, (1 + 1 / 2 + 0) / 3),
    ],
)
def test_small_tables(truth, first, second, per_class):
    assert top_k(SCORES, truth, 1) == first
    assert top_k(SCORES, truth, 2) == second
    assert top_k(SCORES, truth, 3) == top_k(SCORES, truth, 9) == 1.0
    assert mean_per_class(SCORES, truth) == pytest.approx(per_class, abs=1e-15)


def test_a_class_that_never_occurs_is_not_in_the_mean():
    assert mean_per_class([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [0, 0, 1]) == 1.0
    assert mean_per_class([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], [0, 0, 1]) == 0.5


def test_a_model_that_says_the_same_of_all_classes_is_right_of_none():
    for truth in range(6):
        scores = np.full((1, 6), 0.3)
        assert [top_k(scores, [truth], k) for k in (1, 5, 6)] == [0, 0, 1]
        assert mean_per_class(scores, [truth]) == 0
    assert top_k([[-np.inf, 2.0, 1.0]], [0], 2) == 0


def test_scores_that_differ_in_the_last_bit_are_no_tie():
    low = np.float32(1)
    assert top_k([[np.nextafter(low, np.float32(2)), low]], [0], 1) == 1
    assert top_k([[1 + 2**-52, 1.0]], [0], 1) == 1


rows = st.lists(st.tuples(st.permutations(range(6)), st.integers(0, 5)), min_size=1, max_size=12)


@settings(deadline=None)
@given(rows, st.integers(1, 6), st.randoms())
def test_without_ties_it_is_what_sorting_says_and_the_order_of_clips_does_not_matter(rows, k, random):
    scores, truth = np.array([s for s, _ in rows], float), [t for _, t in rows]
    hits = [t in np.argsort(-s)[:k] for s, t in zip(scores, truth, strict=True)]
    assert top_k(scores, truth, k) == sum(hits) / len(hits)
    best = scores.argmax(axis=1)
    shares = [np.mean([best[i] == c for i in range(len(truth)) if truth[i] == c]) for c in sorted(set(truth))]
    assert mean_per_class(scores, truth) == pytest.approx(sum(shares) / len(shares), abs=1e-12)
    order = random.sample(range(len(rows)), len(rows))
    shuffled = [truth[i] for i in order]
    assert top_k(scores[order], shuffled, k) == top_k(scores, truth, k)
    assert mean_per_class(scores[order], shuffled) == mean_per_class(scores, truth)


@pytest.mark.parametrize(
    ("scores", "truth", "k", "problem"),
    [
        ([[1.0, 2.0]], [0], 0, "k must be"),
        ([1.0, 2.0], [0], 1, r"\[N, K\]"),
        ([[1.0, 2.0]], [0, 1], 1, r"\[N, K\]"),
        ([[1.0, 2.0]], [0.0], 1, "whole numbers"),
        (np.zeros((0, 2)), np.zeros(0, int), 1, "no rows"),
        ([[1.0, 2.0]], [2], 1, "classes must be 0 to 1"),
        ([[1.0, 2.0]], [-1], 1, "classes must be 0 to 1"),
        ([[1.0, np.nan]], [0], 1, "not a number"),
        ([[1.0], [0.0]], [0, 0], 1, "one class, no accuracy"),  # whatever it says, it is never wrong
    ],
)
def test_what_has_no_accuracy_is_refused(scores, truth, k, problem):
    with pytest.raises(ValueError, match=problem):
        top_k(scores, truth, k)
    if k:
        with pytest.raises(ValueError, match=problem):
            mean_per_class(scores, truth)
