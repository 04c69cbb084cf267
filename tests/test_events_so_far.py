"""Instants that are told while spans come are those of all spans together, and none is taken back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from score_grids import all_at, grid, spans

from vtn_stream.localize import EventsSoFar, instants, joined, subset

LABELS = ("serve", "goal")
NUM = 40


def told(segments):
    return sorted((s.label, s.start_s, s.score) for s in segments)


events = st.lists(
    st.tuples(st.integers(0, 4 * NUM), st.integers(0, 8), st.integers(1, 20), st.integers(0, 1)).map(
        lambda t: (t[0] / 4 - t[1], t[0] / 4 + t[1], t[2] / 20, t[3])
    ),
    max_size=40,
)


@given(events, st.lists(st.integers(1, NUM - 1), max_size=8), st.sets(st.integers(0, NUM - 1), max_size=9))
def test_in_any_parts_they_are_those_of_all_together(rows, cuts, lost):
    given_spans, points = spans(*rows), all_at(0.3)
    index = grid(NUM, valid=~np.isin(np.arange(NUM), list(lost)))
    expected = instants(given_spans, index, LABELS, float(NUM), points)
    so_far, middles = EventsSoFar(LABELS, points), given_spans.bounds.mean(axis=1)
    found, start = [], -np.inf
    for cut in sorted(set(cuts)):
        new = subset(given_spans, (middles >= start) & (middles < cut))
        found += so_far.add(new, cut, index[: cut + 1])
        assert told(found) == told(s for s in expected if s in found)
        start = cut
    rest = so_far.rest(subset(given_spans, middles >= start), index, float(NUM))
    assert told([*found, *rest]) == told(expected)


def test_an_event_waits_only_for_those_that_may_be_the_same():
    so_far, index, points = EventsSoFar(LABELS, all_at(0.3)), grid(NUM), all_at(0.3)
    assert told(so_far.add(spans((4, 6, 0.5), (8, 8.5, 0.9)), 10, index)) == [("serve", 5.0, 0.5)]
    assert so_far.first_open == 8.25
    assert told(so_far.add(spans((10, 10.2, 0.8)), 11, index)) == [("serve", 8.25, 0.9)]
    assert not so_far.add(joined([]), 20, index)  # the one at 10.1 is the same event
    assert told(instants(spans((8, 8.5, 0.9), (10, 10.2, 0.8)), index, LABELS, 40.0, points)) == [("serve", 8.25, 0.9)]


def test_rising_scores_wait_until_they_fall():
    so_far, index = EventsSoFar(LABELS, all_at(0.1)), grid(NUM)
    rising = [(p, p + 0.2, 0.2 + p / 100) for p in range(10)]
    assert not so_far.add(spans(*rising), 10, index)
    assert so_far.first_open == 0.1
    found = so_far.add(joined([]), 30, index)
    assert told(found) == told(instants(spans(*rising), index, LABELS, 40.0, all_at(0.1)))
    assert len(found) == 5


def test_what_is_held_is_what_matters_for_what_comes():
    so_far, index = EventsSoFar(LABELS, all_at(0.1)), grid(2000)
    for p in range(0, 1900, 10):
        so_far.add(spans((p, p + 1, 0.5), (p + 1, p + 2, 0.4)), p + 10, index)
        assert len(so_far._taken) + len(so_far._open) <= 2
