"""Positions become seconds: borders lie midway, and nothing is told twice or left out."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.film import FrameIndex
from vtn_stream.localize import (
    MAX_CURVE_POINTS,
    candidates,
    curve,
    draw,
    edges_s,
    gaps,
    joined,
    located,
    max_candidates_and_spans,
    peaks,
    phases,
    positions,
    propose,
    runs,
    strongest,
)
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores, OperatingPoint, OperatingPoints, PhaseRules, Spans

LABELS = ("A", "B", "C")


def all_at(high, low=None):
    return OperatingPoints(common=OperatingPoint(high=high, low=high if low is None else low))


def grid(num, step_s=1.0, first=0, valid=None):
    grid_s = (first + np.arange(num)) * step_s
    return FrameIndex(
        grid_s=grid_s, frame=np.arange(num), pts_s=grid_s, valid=np.ones(num, bool) if valid is None else valid
    )


def scores(drawing):
    """One letter a position: its class; a dot: no class scores; a question mark: the frame was lost."""
    frame = np.array([[0.75 if c == label else 0 for label in LABELS] for c in drawing], np.float16).reshape(-1, 3)
    return GridScores(frame=frame), np.array([c != "?" for c in drawing], bool)


def drawn(drawing, duration_s, step_s=1.0, first=0):
    s, valid = scores(drawing)
    index = grid(len(drawing), step_s, first, valid)
    segments = runs(s, index, LABELS, duration_s)
    return [(x.start_s, x.end_s, x.label) for x in segments], gaps(~valid, index, duration_s, "lost")


@pytest.mark.parametrize(
    ("drawing", "duration_s", "segments"),
    [
        # 0 1 2 3 4 5
        ("AAABB", 5.0, [(0, 2.5, "A"), (2.5, 5, "B")]),
        ("ABA", 3.0, [(0, 0.5, "A"), (0.5, 1.5, "B"), (1.5, 3, "A")]),
        ("AAA", 2.25, [(0, 2.25, "A")]),
        ("AA.AA", 5.0, [(0, 1.5, "A"), (2.5, 5, "A")]),
        ("AA?AA", 5.0, [(0, 1.5, "A"), (2.5, 5, "A")]),
        ("?AAA?", 5.0, [(0.5, 3.5, "A")]),
        ("...", 3.0, []),
        ("A", 0.2, [(0, 0.2, "A")]),
        ("", 5.0, []),
    ],
)
def test_runs_as_drawings(drawing, duration_s, segments):
    assert drawn(drawing, duration_s)[0] == segments


def test_a_grid_from_a_later_position_begins_half_a_step_before_it():
    assert drawn("AB", 100, step_s=2.0, first=30)[0] == [(59, 61, "A"), (61, 64, "B")]


@pytest.mark.parametrize(
    ("num", "first", "duration_s", "edges"),
    [
        (1, 0, 0.3, [0, 0.3]),
        (3, 0, 2.5, [0, 0.5, 1.5, 2.5]),
        (3, 0, 3.0, [0, 0.5, 1.5, 3.0]),
        (3, 0, 60.0, [0, 0.5, 1.5, 3.0]),
        (3, 60, 999.0, [59.5, 60.5, 61.5, 63.0]),
    ],
)
def test_a_position_stands_for_the_time_around_it(num, first, duration_s, edges):
    assert edges_s(grid(num, first=first), duration_s).tolist() == edges


def test_the_score_is_the_mean_of_the_winning_class():
    frame = np.array([[0.5, 0.25], [0.75, 0.25], [0.25, 1.0]], np.float16)
    segments = runs(GridScores(frame=frame), grid(3), ("A", "B"), 3.0)
    assert [(s.label, s.score) for s in segments] == [("A", 0.625), ("B", 1.0)]


def test_the_mean_of_a_long_run_does_not_drown_in_half_precision():
    frame = np.full((100_000, 1), 0.1, np.float16)
    (segment,) = runs(GridScores(frame=frame), grid(100_000), ("A",), 100_000.0)
    assert segment.score == 0.1


@pytest.mark.parametrize("frame", [None, np.zeros((3, 0), np.float16)])
def test_without_classes_there_is_no_segment(frame):
    assert runs(GridScores(frame=frame), grid(3), (), 3.0) == []


@settings(deadline=None)
@given(
    st.text("ABC?", min_size=1, max_size=30),
    st.sampled_from([0.5, 1.0, 1 / 3, 1001 / 30000]),
    st.integers(0, 5),
    st.floats(0.01, 1.0),
    st.booleans(),
)
def test_segments_and_gaps_tile_the_grid(drawing, step_s, first, rest, whole):
    """No overlap, nothing left out, every border midway, neighbours differ."""
    duration_s = (first + len(drawing) - 1 + rest) * step_s + (0 if whole else 100)
    segments, holes = drawn(drawing, duration_s, step_s, first)
    spans = sorted([*segments, *((g.start_s, g.end_s, "?") for g in holes)])
    step = step_s if len(drawing) > 1 else duration_s
    assert spans[0][0] == pytest.approx(max(0, first * step_s - step / 2))
    assert spans[-1][1] == pytest.approx(min(duration_s, (first + len(drawing) - 1) * step_s + step))
    for (_, end_s, before), (start_s, _, after) in pairwise(spans):
        assert end_s == start_s
        assert before != after
        assert (end_s / step_s + 0.5) == pytest.approx(round(end_s / step_s + 0.5))
    for k, c in enumerate(drawing):
        assert [name for start_s, end_s, name in spans if start_s <= (first + k) * step_s < end_s] == [c]


def test_a_gap_has_its_reason_and_no_position_is_no_gap():
    assert [(g.start_s, g.end_s, g.reason) for g in drawn("A??A", 4.0)[1]] == [(0.5, 2.5, "lost")]
    assert gaps(np.zeros(0, bool), grid(0), 5.0, "lost") == []


@pytest.mark.parametrize("num", [2, 3, 1999, 2000, 2001, 4001, 25_000])
def test_a_curve_keeps_the_peaks_and_the_clock(num):
    values = np.zeros(num, np.float16)
    values[[0, num - 1, num // 2]] = [0.25, 0.5, 1.0]
    drawing = curve(values, grid(num, step_s=0.5, first=4))
    assert drawing.start_s == 2.0
    assert len(drawing.values) <= MAX_CURVE_POINTS
    assert max(drawing.values) == 1.0
    assert drawing.values[-1] in {0.5, 1.0}
    peak_s = drawing.start_s + drawing.values.index(1.0) * drawing.step_s
    assert peak_s <= 2.0 + num // 2 * 0.5 < peak_s + drawing.step_s


@pytest.mark.parametrize("num", [0, 1])
def test_a_curve_needs_two_points(num):
    assert curve(np.zeros(num), grid(num)) is None


# ---- hysteresis


def bumps(drawing, high=0.75, low=0.25):
    """Digits are tenths of the one class's score, a question mark a lost frame."""
    values = np.array([[0.0 if c == "?" else int(c) / 10] for c in drawing], np.float16)
    valid = np.array([c != "?" for c in drawing])
    points = all_at(high, low)
    segments = peaks(GridScores(frame=values), grid(len(drawing), valid=valid), "A", len(drawing), points)
    return [(s.start_s, s.end_s, s.score, s.attributes["peak_s"]) for s in segments]


@pytest.mark.parametrize(
    ("drawing", "segments"),
    [
        ("0000", []),
        ("0660", []),
        ("0360", []),
        ("0080", [(1.5, 2.5, 0.7998, "2.000")]),
        ("0383", [(0.5, 4, 0.7998, "2.000")]),
        ("1383602", [(0.5, 4.5, 0.7998, "2.000")]),
        ("83238", [(0, 1.5, 0.7998, "0.000"), (2.5, 5, 0.7998, "4.000")]),
        ("89398", [(0, 5, 0.8999, "1.000")]),
        ("88?88", [(0, 1.5, 0.7998, "0.000"), (2.5, 5, 0.7998, "3.000")]),
    ],
)
def test_a_segment_needs_a_peak_and_reaches_as_far_as_the_low_point(drawing, segments):
    assert bumps(drawing) == segments


def test_a_score_equal_to_a_point_reaches_it():
    # 0.8 is no float16: a point is as coarse as the scores are
    assert bumps("080", high=0.8, low=0.8) == [(0.5, 1.5, 0.7998, "1.000")]


def test_classes_overlap_and_each_may_have_its_own_point():
    frame = np.array([[0.6, 0.3], [0.6, 0.3], [0.1, 0.3]], np.float16)
    own = replace(all_at(0.5), own={"B": OperatingPoint(high=0.25, low=0.25)})
    found = peaks(GridScores(frame=frame), grid(3), ("A", "B"), 3, own)
    assert [(s.start_s, s.end_s, s.label) for s in found] == [(0, 1.5, "A"), (0, 3, "B")]
    assert [s.label for s in peaks(GridScores(frame=frame), grid(3), ("A", "B"), 3, all_at(0.5))] == ["A"]


# ---- labels of which one holds at a time

LOW = all_at(0.01)


def phased(drawing, rules=None, points=LOW):
    """One letter a position: the label that is likely there; a dot: none of them; a question mark: a lost frame."""
    frame = np.array([[0 if c == "?" else 0.875 if c == label else 0.0625 for label in "AB"] for c in drawing])
    frame = frame.reshape(-1, 2)
    valid = np.array([c != "?" for c in drawing], bool)
    scores = GridScores(frame=frame.astype(np.float16))
    index = grid(len(drawing), valid=valid)
    return phases(scores, index, ("A", "B"), len(drawing), points, rules)


def at_least(num, outputs=3, cost=0.0):
    return PhaseRules(min_positions=(num,) * outputs, change_cost=((cost,) * outputs,) * outputs)


@pytest.mark.parametrize(
    ("drawing", "rules", "segments"),
    [
        ("AAB.A", None, [(0, 1.5, "A"), (1.5, 2.5, "B"), (3.5, 5, "A")]),
        ("A?A", None, [(0, 0.5, "A"), (1.5, 3, "A")]),
        ("....", None, []),
        ("????", None, []),
        ("????", at_least(2), []),
        ("AABAA", at_least(1), [(0, 1.5, "A"), (1.5, 2.5, "B"), (2.5, 5, "A")]),
        ("AABAA", at_least(2), [(0, 5, "A")]),
        ("AABAA", at_least(1, cost=2.0), [(0, 5, "A")]),
        ("AA.AA", at_least(2), [(0, 5, "A")]),
        ("A..BB", at_least(2), [(2.5, 5, "B")]),
        ("AABAA", at_least(2, outputs=2), [(0, 5, "A")]),
        # nothing is no output of the network: some label always holds
        ("AA..BB", at_least(3, outputs=2), [(0, 2.5, "A"), (2.5, 6, "B")]),
        # a run breaks where frames were lost, and the rules reach over it
        ("AA?AA", at_least(5), [(0, 1.5, "A"), (2.5, 5, "A")]),
        ("AABBBB", at_least(4), [(0, 6, "B")]),
        ("AA??BBBB", at_least(4), [(0, 1.5, "A"), (3.5, 8, "B")]),
        # what is not known yet may be more of the last label
        ("BBBBA", at_least(4), [(0, 5, "B")]),
        ("BBBBA???", at_least(4), [(0, 3.5, "B"), (3.5, 4.5, "A")]),
        ("BBBBA" + 300 * "?", at_least(10**30), [(0, 4.5, "B")]),
        ("A", at_least(3), [(0, 1, "A")]),
        ("", at_least(3), []),
    ],
)
def test_phases_as_drawings(drawing, rules, segments):
    assert [(s.start_s, s.end_s, s.label) for s in phased(drawing, rules)] == segments


def test_a_phase_is_scored_with_the_mean_of_its_label_and_needs_the_labels_point():
    (whole,) = phased("AABAA", at_least(2))
    assert whole.score == pytest.approx((4 * 0.875 + 0.0625) / 5)
    strict = replace(LOW, own={"A": OperatingPoint(high=0.75, low=0.5)})
    assert [s.label for s in phased("AABAABBBB", at_least(2), points=strict)] == ["B"]
    assert [s.label for s in phased("AAAABBBB", at_least(2), points=strict)] == ["A", "B"]
    assert [s.label for s in phased("AAB", points=all_at(0.875, 0.5))] == ["A", "B"]


def test_one_sure_position_does_not_outvote_a_minute():
    frame = np.full((60, 2), 0.5, np.float16)
    frame[:, 0], frame[:, 1] = 0.75, 0.25
    frame[30] = [0, 1]
    rules = at_least(20, outputs=2)
    found = phases(GridScores(frame=frame), grid(60), ("A", "B"), 60, LOW, rules)
    assert [s.label for s in found] == ["A"]


# ---- spans


def spans(*rows):
    """(start, end, score) or (start, end, score, class)"""
    return Spans(
        bounds=np.array([row[:2] for row in rows], float).reshape(-1, 2),
        classes=np.array([row[3] if len(row) > 3 else 0 for row in rows], np.int64),
        scores=np.array([row[2] for row in rows], float),
    )


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
    many = spans(*((3 * i, 3 * i + 2, 0.5 + i / 10_000) for i in range(2500)))
    found = propose([many], 18_000, Fraction(10))
    assert len(found) == 200
    assert found.bounds[0].tolist() == [7497, 7499]
    assert len(propose([many], 20 * 36_000, Fraction(10))) == 2500  # of 20 hours
    # each level brings its own
    assert len(propose([many, many], 20 * 36_000, Fraction(10))) == 5000


@settings(deadline=None, max_examples=60)
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


# ---- as an analysis draws


def test_scores_are_drawn_as_they_are_asked_to_be():
    frame = GridScores(frame=np.array([[0.9, 0.6], [0.2, 0.6], [0.2, 0.6]], np.float16))
    where, points = (grid(3), ("A", "B"), 3.0), all_at(0.5)
    assert draw("peaks", frame, *where, points) == peaks(frame, *where, points)
    assert draw("phases", frame, *where, LOW, at_least(2)) == phases(frame, *where, LOW, at_least(2))
    both = GridScores(frame=frame.frame, spans=spans((0, 2, 0.75, 1)))
    assert draw("spans", both, *where, points) == located(both.spans, *where, points)
    assert [(s.start_s, s.label) for s in draw("spans", both, *where, points)] == [(0, "B")]


@pytest.mark.parametrize(
    ("drawing", "scores", "labels", "rules", "complaint"),
    [
        ("spans", GridScores(frame=np.zeros((3, 2), np.float16)), "AB", None, "no spans"),
        ("peaks", GridScores(), "AB", None, "no score of 2 labels at each of 3 positions"),
        ("phases", GridScores(frame=np.zeros((3, 2), np.float16)), "ABC", None, "no score of 3 labels"),
        ("peaks", GridScores(frame=np.zeros((4, 2), np.float16)), "AB", None, "each of 3 positions"),
        ("peaks", GridScores(frame=np.zeros((3, 2), np.float16)), "AB", at_least(2), "no rules"),
        ("blobs", GridScores(frame=np.zeros((3, 2), np.float16)), "AB", None, "drawn as blobs"),
    ],
)
def test_what_cannot_be_drawn_so_is_an_error(drawing, scores, labels, rules, complaint):
    with pytest.raises(ValueError, match=complaint):
        draw(drawing, scores, grid(3), labels, 3.0, all_at(0.5), rules)
