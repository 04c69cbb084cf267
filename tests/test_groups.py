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


def score_by_hand(scores, start, end):
    """The mean of the run less that of its flanks."""
    flank = max(1, round(0.25 * (end - start)))
    beside = np.concatenate([scores[max(0, start - flank) : start], scores[end : end + flank]])
    return scores[start:end].mean() - (beside.mean() if len(beside) else 0)


@given(st.integers(1, 30), st.integers(1, 3), st.integers(0, 1000))
def test_each_run_above_a_level_that_differs_from_its_flanks_is_a_span_once(num, num_classes, seed):
    rng = np.random.default_rng(seed)
    scores = rng.random((num, num_classes)) ** 2
    valid = rng.random(num) < 0.8
    spans = groups(scores, valid)
    found = {
        (int(k), *bounds): score
        for k, bounds, score in zip(spans.classes, spans.bounds.tolist(), spans.scores, strict=True)
    }
    assert len(found) == len(spans)
    seen = scores * valid[:, None]
    expected = {
        (k, start, end): score_by_hand(seen[:, k], int(start + 0.5), int(end + 0.5))
        for k, start, end in by_hand(scores, valid)
    }
    assert found == pytest.approx({run: score for run, score in expected.items() if score > 1e-12})


def test_a_slope_gives_a_span_for_each_level_it_reaches():
    #                      0    1    2    3    4
    scores = np.array([[0.0, 0.21, 0.9, 0.21, 0.0]]).T
    spans = groups(scores, np.ones(5, bool))
    assert sorted(spans.bounds.tolist()) == [[0.5, 3.5], [1.5, 2.5]]


def test_a_whole_action_scores_more_than_its_middle():
    scores = np.array([[0.0, 0.0, 0.8, 0.9, 1.0, 0.9, 0.8, 0.0, 0.0]]).T
    spans = groups(scores, np.ones(9, bool))
    assert spans.bounds[spans.scores.argmax()].tolist() == [1.5, 6.5]


def test_what_was_lost_parts_a_run():
    scores = np.full((5, 1), 0.5)
    spans = groups(scores, np.array([True, True, False, True, True]))
    assert sorted(spans.bounds.tolist()) == [[-0.5, 1.5], [2.5, 4.5]]


def test_with_a_reach_one_doubtful_position_parts_nothing():
    scores = np.array([[0.0, 0.0, 0.0, 0.9, 0.9, 0.0, 0.9, 0.9, 0.0, 0.0, 0.0]]).T
    there = np.ones(11, bool)
    assert [2.5, 7.5] not in groups(scores, there).bounds.tolist()
    assert [2.5, 7.5] in groups(scores, there, reach=1).bounds.tolist()


@pytest.mark.parametrize("reach", [0, 2])
def test_nothing_that_scores_gives_no_span(reach):
    assert len(groups(np.zeros((4, 2)), np.ones(4, bool), reach)) == 0
    assert len(groups(np.zeros((0, 2)), np.ones(0, bool), reach)) == 0
    assert len(groups(np.ones((4, 2)), np.zeros(4, bool), reach)) == 0


def test_a_table_of_groups_among_the_films_is_told_where_it_belongs(here, tmp_path):
    (tmp_path / "a.csv").write_text("video,start_s,end_s,label,group\na.mp4,0,1,walk,x\n")
    (tmp_path / "groups.csv").write_text("video,group\na.mp4,old\n")
    code, out, err = here("stats", tmp_path / "a.csv", tmp_path / "groups.csv")
    assert (code, "groups.csv is a table of groups; it does not count; give it with --groups" in err) == (1, True)
    assert "a.mp4" in out
    assert here("stats", tmp_path / "a.csv", "--groups", tmp_path / "groups.csv")[0] == 0
