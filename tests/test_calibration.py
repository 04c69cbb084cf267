"""Scores that mean what they say: planted exaggerations are found, and the network that says less is the same one."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from planted import LABELS, WIDTH, clip, films, small, track

from vtn_stream.heads import HEADS
from vtn_stream.heads.calibration import AS_IT_IS, Calibration, odds, of_probabilities, of_segments, scaled, share
from vtn_stream.metrics.calibration import reliability
from vtn_stream.model import VTN, VTNConfig
from vtn_stream.track import GridScores, Spans
from vtn_stream.training.validation import predictions


def softmax(logits):
    return torch.from_numpy(logits).softmax(-1).numpy()


def drawn(probabilities, seed=0):
    """A class for each row, with these probabilities."""
    chance = np.random.default_rng(seed).random((len(probabilities), 1))
    return (chance > probabilities.cumsum(axis=1)).sum(axis=1)


@pytest.mark.parametrize("exaggerated", [0.5, 1.0, 2.0])
def test_the_factor_by_which_logits_were_exaggerated_is_found(exaggerated):
    logits = np.random.default_rng(1).normal(size=(20_000, 4))
    found = of_probabilities(softmax(exaggerated * logits), drawn(softmax(logits)), 20_000)
    assert found.scale == pytest.approx(1 / exaggerated, rel=0.05)


def test_the_scale_and_shift_of_segments_are_found():
    rng = np.random.default_rng(2)
    logits = rng.normal(-1, 2, 20_000)
    found = of_segments(share(logits), rng.random(20_000) < share(0.5 * logits - 0.7))
    assert (found.scale, found.shift) == (pytest.approx(0.5, abs=0.03), pytest.approx(-0.7, abs=0.05))


def test_few_examples_that_are_all_right_do_not_make_it_sure():
    sure = scaled(np.array([[0.8, 0.2]]), of_probabilities(np.tile([[0.8, 0.2]], (8, 1)), np.zeros(8, int), 8))
    assert sure[0, 0] == pytest.approx(9 / 10)  # 8 right, and one more of each


@pytest.mark.parametrize("right", [[True] * 5, [False] * 5, [True, True, True, False, False]])
def test_segments_that_say_nothing_of_their_scores_leave_them(right):
    """All right, all wrong, or wrong where the score is high."""
    assert of_segments(np.array([0.1, 0.2, 0.3, 0.8, 0.9]), np.array(right)) == AS_IT_IS


@pytest.mark.parametrize("middle", [0.04, 0.5, 0.97])
@pytest.mark.parametrize("spread", [0.001, 0.01])
def test_segments_whose_scores_hardly_differ_are_as_sure_as_they_are_right(middle, spread):
    """Their scale would be very large: a shift that belongs to it would make all scores 1."""
    scores = middle + spread * np.linspace(-1, 1, 10)
    right = np.array([0, 0, 0, 0, 1, 0, 0, 1, 1, 1], bool)
    found = of_segments(scores, right)
    said = share(found.scale * odds(scores) + found.shift)
    assert said.mean() == pytest.approx(right.mean(), abs=0.05)


def test_odds_and_shares_are_inverse():
    shares = np.array([1e-6, 0.1, 0.5, 0.999])
    assert share(odds(shares)) == pytest.approx(shares)


# ---- what is drawn, before and after


@given(st.floats(0.1, 3), st.integers(0, 1000))
def test_the_most_likely_label_stays_the_same(scale, seed):
    probabilities = softmax(np.random.default_rng(seed).normal(size=(20, 3)))
    assert (scaled(probabilities, Calibration(scale=scale)).argmax(1) == probabilities.argmax(1)).all()


@pytest.mark.parametrize("head", ["dense", "classification"])
def test_a_network_with_a_folded_calibration_says_what_was_promised(head):
    of_head, config = HEADS[head], small(head).head
    torch.manual_seed(0)
    network = VTN(VTNConfig(backbone="b", encoder=small(head).encoder, head=config)).eval()
    for parameter in network.head.parameters():  # logits of a network that has learnt
        torch.nn.init.normal_(parameter, std=0.5)
    some = [track(60, lost=(3, 4), clip_label="run")]
    calibration = Calibration(scale=0.4)
    (before,) = predictions(network, some, 4)
    of_head.calibrate(network, calibration)
    (after,) = predictions(network, some, 4)
    promised = of_head.calibrated(config, before, calibration)
    name = "clip" if head == "classification" else "frame"
    assert getattr(after, name) == pytest.approx(getattr(promised, name), abs=0.015)  # frames are float16
    assert np.abs(getattr(after, name) - getattr(before, name)).max() > 0.05
    if head == "dense":
        assert not after.frame[[3, 4]].any()
        assert not promised.frame[[3, 4]].any()


def test_a_folded_scale_and_shift_are_those_of_the_logits_of_each_point():
    config = small("localization").head
    torch.manual_seed(0)
    network = VTN(VTNConfig(backbone="b", encoder=small("localization").encoder, head=config)).eval()
    film = torch.randn(1, 40, WIDTH)
    with torch.inference_mode():
        before = network.locate(film).logits
        HEADS["localization"].calibrate(network, Calibration(scale=0.5, shift=-1))
        after = network.locate(film).logits
    for was, now in zip(before, after, strict=True):
        torch.testing.assert_close(now, 0.5 * was - 1)


def test_spans_keep_their_order_and_invalid_positions_stay_empty():
    spans = Spans(
        bounds=np.array([[0, 4], [5, 9.0]]), classes=np.array([0, 1], np.int64), scores=np.array([0.9, 0.2], np.float64)
    )
    frame = np.array([[0.5, 0.25], [0, 0]], np.float16)
    moved = HEADS["localization"].calibrated(None, GridScores(frame=frame, spans=spans), Calibration(scale=0.5))
    assert moved.spans.scores.tolist() == pytest.approx([0.75, 1 / 3], abs=1e-6)  # odds 9 and 1/4: roots 3 and 1/2
    assert moved.frame.tolist() == [[0.5, pytest.approx(3**-0.5 / (1 + 3**-0.5), abs=1e-3)], [0, 0]]


# ---- what was said, and what happened


def test_reliability_counts_what_was_said_and_what_happened():
    told = reliability(np.array([0.61, 0.69, 0.65, 0.05, 1.0]), np.array([True, False, True, False, True]))
    assert told.counts == (1, 3, 1)
    assert told.said == pytest.approx((0.05, 0.65, 1.0))
    assert told.happened == pytest.approx((0, 2 / 3, 1))
    assert told.error == pytest.approx((0.05 + 3 * (2 / 3 - 0.65)) / 5)


def test_reliability_of_nothing_has_no_error():
    assert math.isnan(reliability(np.zeros(0), np.zeros(0, np.bool_)).error)


def test_a_dense_head_states_the_label_of_each_position_that_is_known():
    film = track(4, (0, 0.5, "run"), (0.5, 0.75, "jump"), lost=(1,))  # run, lost, jump, nothing
    frame = np.array([[0.7, 0.1], [0, 0], [0.6, 0.3], [0.1, 0.2]], np.float16)
    said = HEADS["dense"].statements(small("dense").head, [GridScores(frame=frame)], [film], LABELS)
    assert said.scores.tolist() == pytest.approx([0.7, 0.6, 0.7], abs=1e-3)
    assert said.right.tolist() == [True, False, True]


def test_a_classifier_states_the_label_of_each_clip():
    said = HEADS["classification"].statements(
        None, [GridScores(clip=np.array([0.8, 0.2], np.float32))] * 2, [clip(0, "run"), clip(1, "jump")], LABELS
    )
    assert (said.scores.tolist(), said.right.tolist()) == (pytest.approx([0.8, 0.8]), [True, False])


def test_a_localization_head_states_three_segments_for_each_true_one():
    """Of five candidates the three best count, where one segment is true; the second of them takes it."""
    film = track(80, (2.0, 5.0, "run"))
    bounds = np.array([[40, 60], [8, 20], [9, 20], [50, 70], [60, 70.0]])
    spans = Spans(bounds=bounds, classes=np.zeros(5, np.int64), scores=np.array([0.9, 0.8, 0.7, 0.6, 0.5]))
    said = HEADS["localization"].statements(None, [GridScores(spans=spans)], [film], LABELS)
    assert said.scores.tolist() == [0.9, 0.8, 0.7]
    assert said.right.tolist() == [False, True, False]


@pytest.mark.parametrize("head", ["dense", "localization"])
def test_films_without_anything_annotated_calibrate_nothing(head):
    film = track(8)
    empty = Spans(bounds=np.zeros((0, 2)), classes=np.zeros(0, np.int64), scores=np.zeros(0))
    said = GridScores(frame=np.zeros((8, 2), np.float16), spans=empty)
    found = HEADS[head].calibration(small(head).head, [said], [film], LABELS)
    assert isinstance(found, Calibration)
    assert math.isfinite(found.scale)
    assert found.shift == 0


def test_other_films_say_the_same_factor():
    """Two halves of the same kind of films agree within a fifth."""
    kind, config = HEADS["dense"], small("dense").head
    found = []
    for seeds in ((0, 1, 2, 3), (4, 5, 6, 7)):
        some = films(seeds)
        rng = np.random.default_rng(seeds[0])
        said = []
        for film in some:
            truth = np.zeros((len(film.index), 3))
            truth[np.arange(len(truth)), [["run", "jump", None].index(at(film, s)) for s in film.index.grid_s]] = 1
            said.append(GridScores(frame=softmax(3 * (truth + rng.normal(0, 1, truth.shape)))[:, :2].astype("f2")))
        found.append(kind.calibration(config, said, some, LABELS).scale)
    assert found[0] < 0.8
    assert found[0] == pytest.approx(found[1], rel=0.2)


def at(film, time_s):
    return next((s.label for s in film.segments if s.start_s <= time_s < s.end_s), None)
