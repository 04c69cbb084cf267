"""Instants drawn of spans: where they lie, which of several candidates are one event, and who reads them again."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import clock

from vtn_stream.exchange.selection import redrawn
from vtn_stream.localize import draw, instants
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.track import NO_THRESHOLD, GridScores, OperatingPoint, OperatingPoints, Spans

HALF = OperatingPoints(common=OperatingPoint(high=0.5, low=0.5))


def spans(*told):
    """spans((middle, score), ...) or (middle, score, class): two positions to each side."""
    ranked = sorted(((*one, 0)[:3] for one in told), key=lambda one: -one[1])
    return Spans(
        bounds=np.array([(middle - 2, middle + 2) for middle, _, _ in ranked], np.float64).reshape(-1, 2),
        classes=np.array([k for _, _, k in ranked], np.int64),
        scores=np.array([score for _, score, _ in ranked]),
    )


def drawn(of, points=NO_THRESHOLD, num=40, labels="AB", lost=()):
    index = clock(num, lost=lost)  # 4 positions a second
    return [(s.label, s.start_s * 4, s.score) for s in instants(of, index, labels, num / 4, points)]


# In steps of 1/1024 position, which floats hold exactly: where a step is too small for seconds, equals have no order.
places = st.integers(-3 * 1024, 43 * 1024).map(lambda steps: steps / 1024)


def test_an_instant_lies_midway_between_the_offsets_of_its_point():
    (found,) = instants(spans((10.3, 0.8)), clock(40), "A", 10.0, NO_THRESHOLD)
    assert found == Segment(start_s=2.575, end_s=2.575, label="A", score=0.8)


@pytest.mark.parametrize(
    ("told", "middles"),
    [
        ([(10, 0.9), (11.9, 0.8)], [10]),  # less than two positions apart: one event
        ([(10, 0.9), (12, 0.8)], [10, 12]),
        ([(10, 0.7), (11.5, 0.9), (13, 0.8)], [11.5]),  # the strongest takes both away
        ([(10, 0.9), (11.5, 0.8), (13, 0.7)], [10, 13]),  # what was taken away takes nothing away
        ([(10, 0.8), (10.5, 0.8)], [10]),  # of equals the earlier
        ([(10, 0.9, 0), (10, 0.8, 1)], [10, 10]),  # each label by itself
        ([], []),
    ],
)
def test_candidates_near_a_stronger_one_are_the_same_event(told, middles):
    assert sorted(position for _, position, _ in drawn(spans(*told))) == middles


@given(st.lists(st.tuples(places, st.integers(1, 20).map(lambda n: n / 20), st.integers(0, 1)), max_size=12))
def test_what_remains_is_what_a_plain_loop_leaves(told):
    left, middles = [], []
    for middle, score, k in sorted(told, key=lambda one: (-one[1], min(max(one[0], 0), 39))):
        middle = min(max(middle, 0), 39)
        if all(k != other or abs(middle - at) >= 2 for at, other in middles):
            middles.append((middle, k))
            left.append(("AB"[k], pytest.approx(middle, abs=1e-5), score))
    found = drawn(spans(*told))
    assert sorted(found, key=lambda one: (-one[2], one[1], one[0])) == sorted(
        left, key=lambda one: (-one[2], one[1].expected, one[0])
    )


@given(st.lists(st.tuples(st.floats(0, 39), st.floats(0.01, 1)), max_size=10), st.floats(0.01, 0.99))
def test_a_threshold_leaves_some_out_and_moves_none(told, threshold):
    points = OperatingPoints(common=OperatingPoint(high=threshold, low=threshold))
    everything = instants(spans(*told), clock(40), "A", 10.0, NO_THRESHOLD)
    shown = instants(spans(*told), clock(40), "A", 10.0, points)
    assert set(map(repr, shown)) <= set(map(repr, everything))
    assert all(s in shown for s in everything if s.score > threshold + 1e-4)


def test_instants_stay_on_the_grid_and_need_a_frame():
    assert drawn(spans((-1.5, 0.9), (41, 0.8))) == [("A", 0, 0.9), ("A", 39, 0.8)]
    assert drawn(spans((10.4, 0.9), (20.4, 0.8)), lost=[10]) == [("A", 20.4, 0.8)]
    assert instants(spans((1, 0.9)), clock(0), "A", 10.0, NO_THRESHOLD) == []


def test_segments_and_instants_are_drawn_beside_each_other():
    scores = GridScores(spans=spans((10, 0.9, 0), (11, 0.8, 0), (20, 0.7, 1), (21, 0.6, 1), (30, 0.4, 1)))
    found = draw("spans", scores, clock(40), "AB", 10.0, HALF, None, ["B"])
    assert [(s.label, s.start_s, s.end_s) for s in found] == [("A", 2, 3), ("A", 2.25, 3.25), ("B", 5, 5)]
    with pytest.raises(ValueError, match="phases have a length"):
        draw("phases", scores, clock(40), "AB", 10.0, HALF, None, ["B"])


def test_a_lower_threshold_draws_instants_as_the_provenance_says():
    scores = GridScores(spans=spans((10, 0.9, 0), (30, 0.4, 0), (31, 0.3, 0)))
    timeline = Timeline(
        video_identity="a",
        video_path="a.mp4",
        duration_s=10.0,
        span_s=(0.0, 10.0),
        provenance={"analysis": {"kind": "action localization", **HALF.to_dict(), "instants": ["A"]}},
    )
    found = redrawn(timeline, scores, clock(40), ("A",), 0.0)
    assert [(s.start_s, s.end_s) for s in found] == [(2.5, 2.5), (7.5, 7.5)]
    part = replace(timeline, span_s=(5.0, 10.0))
    assert [s.start_s for s in redrawn(part, scores, clock(40), ("A",), 0.0)] == [7.5]
