"""How much a model doubts what it says, and how well a doubt tells what is wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.metrics.doubt import DOUBTS, answers, auroc, doubt, risk_coverage_area, usual_doubt

HALF = np.full(3, 0.5)
each_measure = pytest.mark.parametrize("measure", DOUBTS)
of_answers = pytest.mark.parametrize("measure", ["least confidence", "margin", "entropy"])
frames = st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=9).map(np.array)


@of_answers
def test_one_sure_answer_is_not_doubted_and_equal_ones_are_doubted_most(measure):
    said = np.array([[1, 0, 0], [0.25, 0.25, 0.25], [0, 0, 0]])  # the last: sure that it is nothing
    np.testing.assert_allclose(doubt(said, measure, HALF, exclusive=True), [0, 1, 0], atol=1e-4)


@of_answers
def test_a_label_that_may_hold_beside_others_is_doubted_by_itself(measure):
    said = np.array([[1, 0, 1], [1, 0.5, 0], [0, 0, 0]])
    np.testing.assert_allclose(doubt(said, measure, HALF, exclusive=False), [0, 1, 0], atol=1e-4)


def test_the_margin_knows_the_second_answer_and_the_least_confidence_does_not():
    said = np.array([[0.5, 0.5, 0], [0.5, 0.25, 0.25]])
    np.testing.assert_allclose(doubt(said, "margin", HALF, exclusive=True), [1, 0.75])
    assert np.ptp(doubt(said, "least confidence", HALF, exclusive=True)) == 0


def test_a_score_at_its_own_threshold_is_doubted_most():
    said, thresholds = np.array([[0.1, 0], [0.5, 0], [0, 0.9], [0, 0]]), np.array([0.1, 0.9])
    np.testing.assert_allclose(doubt(said, "threshold", thresholds, exclusive=False), [1, 5 / 9, 1, 0])


@each_measure
@given(frame=frames, exclusive=st.booleans())
def test_doubts_are_shares(measure, frame, exclusive):
    said = frame / np.maximum(frame.sum(1, keepdims=True), 1) if exclusive else frame
    doubts = doubt(said, measure, HALF, exclusive=exclusive)
    assert doubts.shape == (len(frame),)
    assert (doubts >= -1e-9).all()
    assert (doubts <= 1 + 1e-9).all()


@given(frame=frames, exclusive=st.booleans())
def test_answers_add_up_to_one_and_the_likeliest_is_what_a_timeline_shows(frame, exclusive):
    said = frame / np.maximum(frame.sum(1, keepdims=True), 1) if exclusive else frame
    likely = answers(said, HALF, exclusive=exclusive)
    np.testing.assert_allclose(likely.sum(1), 1)
    if not exclusive:
        np.testing.assert_array_equal(likely.argmax(1) == 3, said.max(1) < 0.5)


def test_a_doubt_that_tells_all_wrong_answers_is_perfect_and_one_that_tells_none_is_chance():
    wrong = np.array([True, False, True, False])
    assert auroc(np.array([0.9, 0.1, 0.8, 0.2]), wrong) == 1
    assert auroc(np.zeros(4), wrong) == 0.5
    assert auroc(np.array([0.1, 0.9, 0.2, 0.8]), wrong) == 0
    assert np.isnan(auroc(np.zeros(2), np.zeros(2, bool)))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_auroc_is_the_share_of_pairs_in_the_right_order(pairs):
    doubts, wrong = np.array([d for d, _ in pairs], float), np.array([w for _, w in pairs])
    if wrong.any() and not wrong.all():
        over = doubts[wrong][:, None] - doubts[~wrong]
        assert auroc(doubts, wrong) == pytest.approx((over > 0).mean() + (over == 0).mean() / 2)


def test_the_risk_is_of_the_surest_answers_first():
    wrong = np.array([False, False, True])
    assert risk_coverage_area(np.array([0.1, 0.2, 0.3]), wrong) == pytest.approx((0 + 0 + 1 / 3) / 3)
    assert risk_coverage_area(np.array([0.3, 0.2, 0.1]), wrong) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert risk_coverage_area(np.zeros(3), wrong) == pytest.approx(1 / 3)  # in any order


def test_labels_that_exclude_each_other_are_doubted_by_their_margin_others_by_their_thresholds():
    assert (usual_doubt(exclusive=True), usual_doubt(exclusive=False)) == ("margin", "threshold")
