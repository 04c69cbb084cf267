"""Spans that a network proposes become segments: none twice, none outside of the film, each at its time."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_grids import LOW, all_at, grid, spans

from vtn_stream.film import FrameIndex
from vtn_stream.localize import (
    candidates,
    joined,
    located,
    max_candidates_and_spans,
    positions,
    propose,
    strongest,
)
from vtn_stream.timeline import Segment
from vtn_stream.track import OperatingPoint, Spans


def rows(spans):
    return [
        (*bounds, score, k)
        for bounds, score, k in zip(spans.bounds.tolist(), spans.scores.tolist(), spans.classes.tolist(), strict=True)
    ]


def test_a_point_proposes_a_span_for_each_class_that_it_scores():
    scores = np.array([[0.9, 0.0005], [0.0005, 0.0005], [0.25, 0.5]], np.float32)
    offsets = np.array([[2, 4], [1, 1], [0, 0.5]], np.float32)
    assert rows(strongest(candidates(scores, offsets, level=1, first=7), 9)) == [
        (10, 22, pytest.approx(0.9), 0),
        (18, 19, 0.5, 1),
        (18, 19, 0.25, 0),
    ]
    assert len(candidates(scores, offsets, level=1, min_score=0.5)) == 2


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(1, 4), st.integers(0, 2)).map(
            lambda t: (t[0], t[0] + t[1], t[2] / 4, t[3])
        ),
        max_size=30,
    ),
    st.integers(1, 30),
    st.randoms(),
)
def test_the_strongest_are_the_first_of_all_sorted(given_rows, num, random):
    expected = sorted(given_rows, key=lambda r: (-r[2], r[3], r[0], r[1]))[:num]
    random.shuffle(given_rows)
    assert rows(strongest(spans(*given_rows), num)) == expected


def test_soft_nms_of_the_worked_example():
    levels = [spans((0, 10, 0.9), (1, 11, 0.8)), spans((20, 30, 0.7), (0, 2, 0.6))]
    found = propose(levels, 100, Fraction(10))
    assert found.bounds.tolist() == [[0, 10], [20, 30], [0, 2], [1, 11]]
    assert found.scores.tolist() == pytest.approx([0.9, 0.7, 0.5538698, 0.2062811], abs=1e-7)


def test_spans_of_no_length_are_not_proposed():
    found = propose([spans((5, 5.04, 0.9), (7, 7, 0.8), (9, 9.06, 0.7))], 100, Fraction(10))
    assert rows(found) == [(9, 9.06, 0.7, 0)]
    assert rows(propose([], 100, Fraction(10))) == []


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(0.1, (2000, 200)), (30, (2000, 200)), (45, (3000, 300)), (60, (4000, 400)), (24 * 60, (96_000, 9600))],
)
def test_longer_films_may_have_more_spans(minutes, expected):
    assert max_candidates_and_spans(int(minutes * 60 * 10), Fraction(10)) == expected


def test_no_more_are_taken_than_a_film_may_have():
    many = spans(*((3 * i, 3 * i + 2, 0.01 + i / 1_000_000) for i in range(2500)))
    found = propose([many], 18_000, Fraction(10))
    assert len(found) == 200
    assert found.bounds[0].tolist() == [7497, 7499]
    assert len(propose([many], 20 * 36_000, Fraction(10))) == 2500  # of 20 hours
    # each level brings its own
    assert len(propose([many, many], 20 * 36_000, Fraction(10))) == 5000


def test_none_is_lost_that_a_timeline_may_show():
    many = spans(*((3 * i, 3 * i + 2, 0.01 + i / 100_000) for i in range(1500)))  # 500 have 0.02 or more
    found = propose([many], 18_000, Fraction(10))
    assert len(found) == 500
    assert found.scores.min() == pytest.approx(0.02)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(4, 200), st.integers(0, 2)), min_size=1, max_size=8),
    st.integers(1, 7),
    st.sampled_from([Fraction(10), Fraction(2), Fraction(30_000, 1001)]),
)
def test_what_a_pyramid_is_taught_is_what_it_decodes_to(drawn, num_levels, fps):
    """Segments one after the other -> targets at every point -> candidates -> spans -> the segments."""
    import torch

    from vtn_stream.heads.targets import pyramid_targets

    truth, now = [], 0.0
    for gap, length, k in drawn:
        truth.append((now + gap / 2, now + (gap + length) / 2, k))
        now = truth[-1][1]
    num = int(now) + 5
    bounds = torch.tensor([[start, end] for start, end, _ in truth], dtype=torch.float64)
    num_points = [-(-num // 2**level) for level in range(num_levels)]
    levels = [
        candidates(0.9 * target.classes.numpy(), target.offsets.numpy(), level)
        for level, target in enumerate(pyramid_targets(bounds, torch.tensor([k for *_, k in truth]), num_points, 3))
    ]
    found = located(propose(levels, num, fps), grid(num, float(1 / fps)), "ABC", float(num / fps), all_at(0.5))
    assert {s.score for s in found} == {0.9}
    assert sorted((s.start_s, s.end_s, s.label) for s in found) == [
        (pytest.approx(start / fps, abs=1e-6), pytest.approx(end / fps, abs=1e-6), "ABC"[k]) for start, end, k in truth
    ]


@given(
    st.lists(
        st.tuples(st.floats(0, 900), st.floats(0.001, 90)).map(lambda t: (round(t[0], 6), round(t[0] + t[1], 6))),
        max_size=5,
    ),
    st.sampled_from([1.0, 0.1, 1001 / 30_000]),
    st.integers(0, 50),
)
def test_seconds_to_positions_and_back(times, step_s, first):
    index = grid(int(1000 / step_s), step_s, first)
    segments = [Segment(start_s=index.grid_s[0] + a, end_s=index.grid_s[0] + b, label="A") for a, b in times]
    bounds = positions(segments, index)
    np.testing.assert_allclose(bounds, np.array(times).reshape(-1, 2) / step_s, atol=1e-6)
    there = Spans(bounds=bounds, classes=np.zeros(len(bounds), np.int64), scores=np.ones(len(bounds)))
    back = located(there, index, "A", 2000.0, LOW)
    assert [(s.start_s, s.end_s) for s in back] == [
        (pytest.approx(s.start_s, abs=1e-6), pytest.approx(s.end_s, abs=1e-6)) for s in segments
    ]


def test_a_day_of_positions_stays_on_its_clock():
    fps = Fraction(30_000, 1001)
    k = np.arange(24 * 3600 * 30)
    grid_s = k * fps.denominator / fps.numerator
    index = FrameIndex(grid_s=grid_s, frame=k, pts_s=grid_s, valid=np.ones(len(k), bool))
    (last,) = located(spans((len(k) - 3, len(k) - 2, 1.0)), index, "A", 1e9, LOW)
    assert (last.start_s, last.end_s) == (pytest.approx(grid_s[-3], abs=1e-6), pytest.approx(grid_s[-2], abs=1e-6))


@pytest.mark.parametrize(
    ("drawing", "bounds", "segment"),
    [
        ("VVVVVV", (1.25, 3.5), (1.25, 3.5)),
        ("VVVVVV", (-4, 2), (0, 2)),
        ("VVVVVV", (3, 99), (3, 5.5)),
        ("VVVVVV", (-4, 99), (0, 5.5)),
        ("VVVVVV", (-4, -1), None),
        ("VVVVVV", (6, 9), None),
        ("VVVVVV", (-4, 0), None),
        # position 2 stands for 1.5 to 2.5
        ("VV?VVV", (1.5, 2.5), None),
        ("VV?VVV", (1.75, 2.25), None),
        ("VV?VVV", (1.25, 2.25), (1.25, 2.25)),
        ("VV?VVV", (1.75, 2.75), (1.75, 2.75)),
        ("?V????", (-3, 99), (0, 5.5)),
        ("??????", (1, 5), None),
    ],
)
def test_a_span_is_cut_at_the_films_ends_and_needs_a_frame(drawing, bounds, segment):
    index = grid(6, valid=np.array([c == "V" for c in drawing]))
    found = located(spans((*bounds, 0.5)), index, "A", 5.5, LOW)
    assert [(s.start_s, s.end_s) for s in found] == ([] if segment is None else [segment])


def test_a_part_of_a_film_tells_of_that_part_only():
    index = grid(10, step_s=2.0, first=30)  # 59 s to 80 s
    found = located(spans((-9, 2, 0.9), (3, 4.5, 0.8), (8, 20, 0.7)), index, "A", 300.0, LOW)
    assert [(s.start_s, s.end_s, s.score) for s in found] == [(59, 64, 0.9), (66, 69, 0.8), (76, 80, 0.7)]


def test_a_segment_needs_the_score_that_its_label_asks_for():
    there = spans((0, 2, 0.9, 1), (1, 3, 0.8, 0), (2, 4, 0.51236, 1), (3, 5, 0.5, 0), (4, 6, 0.49, 0))
    own = replace(all_at(0.5), own={"B": OperatingPoint(high=0.6, low=0.1)})
    found = located(there, grid(9), ("A", "B"), 9.0, own)
    assert [(s.start_s, s.label, s.score) for s in found] == [(0, "B", 0.9), (1, "A", 0.8), (3, "A", 0.5)]
    assert [s.score for s in located(there, grid(9), ("A", "B"), 9.0, all_at(0.5))] == [0.9, 0.8, 0.5124, 0.5]
    assert located(there, grid(0), ("A", "B"), 9.0, all_at(0.5)) == []


def test_joined_spans_are_all_of_them():
    assert rows(joined([spans((0, 1, 0.5)), spans(), spans((2, 3, 0.75, 1))])) == [(0, 1, 0.5, 0), (2, 3, 0.75, 1)]
    assert rows(joined([])) == []
