"""Viterbi with least durations, against every sequence there is."""

from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.localize.viterbi import decode_labels


def value(sequence, scores, least, cost):
    """What a sequence adds up to; None where a run is too short."""
    total, start, previous = 0.0, 0, None
    for label, run in groupby(sequence):
        length = len(list(run))
        if length < least[label]:
            return None
        total += sum(scores[t][label] for t in range(start, start + length))
        if previous is not None:
            total -= cost[previous][label]
        start, previous = start + length, label
    return total


@given(
    scores=st.integers(1, 7).flatmap(
        lambda n: st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=n, max_size=n)
    ),
    least=st.lists(st.integers(1, 4), min_size=3, max_size=3),
    cost=st.lists(st.lists(st.integers(-2, 6), min_size=3, max_size=3), min_size=3, max_size=3),
)
def test_no_sequence_is_better(scores, least, cost):
    found = decode_labels(np.array(scores, float), np.array(least), np.array(cost, float)).tolist()
    if len(scores) < min(least):
        sums = np.sum(scores, axis=0)
        assert found == [int(sums.argmax())] * len(scores)
        return
    values = [value(s, scores, least, cost) for s in product(range(3), repeat=len(scores))]
    assert value(found, scores, least, cost) == max(v for v in values if v is not None)


def decoded(drawing, least=1, cost=0.0):
    """Letters A to C: the label that scores 1 there."""
    scores = np.array([[float(c == label) for label in "ABC"] for c in drawing])
    found = decode_labels(scores, np.full(3, least), np.full((3, 3), cost))
    return "".join("ABC"[k] for k in found)


@pytest.mark.parametrize(
    ("drawing", "least", "cost", "expected"),
    [
        ("AABBA", 1, 0.0, "AABBA"),
        ("AABAA", 2, 0.0, "AAAAA"),
        ("AABAA", 1, 0.6, "AAAAA"),
        ("AABBBAA", 1, 1.0, "AABBBAA"),
        ("ABBBBBC", 2, 0.0, "BBBBBBB"),
        ("ABABABCCCCC", 5, 0.0, "AAAAACCCCCC"),
        ("B", 3, 0.0, "B"),
    ],
)
def test_short_runs_and_dear_changes_are_smoothed_away(drawing, least, cost, expected):
    assert decoded(drawing, least, cost) == expected


def test_a_label_and_a_change_can_be_forbidden():
    scores = np.array([[0.0, -np.inf], [-1.0, 0.0], [0.0, -5.0]])
    free = np.zeros((2, 2))
    assert decode_labels(scores, np.ones(2, int), free).tolist() == [0, 1, 0]
    no_return = np.array([[0, 0], [np.inf, 0]])
    assert decode_labels(scores, np.ones(2, int), no_return).tolist() == [0, 0, 0]


def test_nothing_and_nonsense():
    assert decode_labels(np.zeros((0, 2)), np.ones(2, int), np.zeros((2, 2))).tolist() == []
    with pytest.raises(ValueError, match="2 labels"):
        decode_labels(np.zeros((3, 2)), np.ones(3, int), np.zeros((2, 2)))
