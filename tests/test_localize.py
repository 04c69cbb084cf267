"""Positions become seconds: borders lie midway, and nothing is told twice or left out."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_grids import LOW, all_at, grid, spans

from vtn_stream.localize import (
    MAX_CURVE_POINTS,
    curve,
    draw,
    edges_s,
    gaps,
    located,
    peaks,
    phases,
    runs,
)
from vtn_stream.track import GridScores, OperatingPoint, PhaseRules

LABELS = ("A", "B", "C")


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
        ("peaks", GridScores(frame=np.zeros((3, 2), np.float16)), "AB", at_least(2), "cannot use phase rules"),
        ("blobs", GridScores(frame=np.zeros((3, 2), np.float16)), "AB", None, "drawn as blobs"),
    ],
)
def test_what_cannot_be_drawn_so_is_an_error(drawing, scores, labels, rules, complaint):
    with pytest.raises(ValueError, match=complaint):
        draw(drawing, scores, grid(3), labels, 3.0, all_at(0.5), rules)
