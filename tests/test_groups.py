"""Runs of positions above a level become spans."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.localize import groups
from vtn_stream.localize.groups import LEVELS


def by_hand(scores, valid):
    """One level and one class after the other, as a set of (class, start, end)."""
    found = set()
    for k in range(scores.shape[1]):
        for level in LEVELS:
            above = [False, *((scores[:, k] >= level) & valid), False]
            borders = [t for t, (a, b) in enumerate(pairwise(above)) if a != b]
            found |= {(k, start - 0.5, end - 0.5) for start, end in zip(borders[::2], borders[1::2], strict=True)}
    return found


@given(st.integers(1, 30), st.integers(1, 3), st.integers(0, 1000))
def test_each_run_above_a_level_is_a_span_once_with_its_mean(num, num_classes, seed):
    rng = np.random.default_rng(seed)
    scores = rng.random((num, num_classes)) ** 2
    valid = rng.random(num) < 0.8
    spans = groups(scores, valid)
    as_set = {(int(k), *bounds) for k, bounds in zip(spans.classes, spans.bounds.tolist(), strict=True)}
    assert as_set == by_hand(scores, valid)
    assert len(as_set) == len(spans)
    for k, (start, end), score in zip(spans.classes, spans.bounds, spans.scores, strict=True):
        assert score == pytest.approx(scores[int(start + 0.5) : int(end + 0.5), k].mean())


def test_a_slope_gives_a_span_for_each_level_it_reaches():
    #                      0    1    2    3    4
    scores = np.array([[0.0, 0.21, 0.9, 0.21, 0.0]]).T
    spans = groups(scores, np.ones(5, bool))
    assert sorted(spans.bounds.tolist()) == [[0.5, 3.5], [1.5, 2.5]]


def test_what_was_lost_parts_a_run():
    scores = np.full((5, 1), 0.5)
    spans = groups(scores, np.array([True, True, False, True, True]))
    assert sorted(spans.bounds.tolist()) == [[-0.5, 1.5], [2.5, 4.5]]


def test_nothing_that_scores_gives_no_span():
    assert len(groups(np.zeros((4, 2)), np.ones(4, bool))) == 0
    assert len(groups(np.zeros((0, 2)), np.ones(0, bool))) == 0
