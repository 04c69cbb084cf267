"""A linear model is fitted to films: what it learns, from what, and that nothing but the films decides."""

import copy
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from planted import FPS, LABELS, clips, films, planted, track
from planted import HEADS as CONFIGS

from vtn_stream.errors import TrainingError
from vtn_stream.heads import HEADS
from vtn_stream.heads.calibration import Calibration
from vtn_stream.heads.labelled_film import labels_of
from vtn_stream.model import ClassificationConfig, DenseConfig
from vtn_stream.training import linear as linear_module
from vtn_stream.training.linear import fit_linear, natural_linear
from vtn_stream.training.validation import predictions


def fitted(films, head, labels=LABELS, **options):
    settings = natural_linear(films, labels, head, FPS, **options)
    return fit_linear(films, labels, settings, backbone="none")


def metric(result, films, head):
    return HEADS[head].metric(predictions(result.network, films, FPS), films, LABELS)


@pytest.fixture(scope="module")
def dense():
    return fitted(films(range(6)), "dense")


def test_a_planted_signal_is_learnt(dense):
    new = films(range(50, 54))
    assert metric(dense, new, "dense") > 0.9
    assert not dense.network.training
    assert dense.losses[0] < 0.5


def test_without_the_signal_nothing_is_learnt():
    new = films(range(50, 54), strength=0.0)
    truth = np.concatenate([labels_of(film, LABELS) for film in new])
    assert (
        metric(fitted(films(range(6), strength=0.0), "dense"), new, "dense")
        <= np.bincount(truth).max() / len(truth) + 0.05
    )


def test_clips_are_told_apart_by_their_whole():
    result = fitted(clips(range(20)), "classification")
    assert metric(result, clips(range(30, 50)), "classification") == 1.0
    assert isinstance(result.network.config.head, ClassificationConfig)


def test_chances_are_as_often_right_as_they_say():
    """Of clips of which three quarters are labelled as what they show."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(900):
        shown = number % 2
        label = LABELS[shown if rng.random() < 0.75 else 1 - shown]
        values = 0.1 * rng.standard_normal((8, 8))
        values[:, 0] += shown
        made.append(track(8, (0, 2, label), name=f"{number}", values=values, clip_label=label))
    network = fitted(made[:300], "classification", decay=1e-3).network
    chances = np.stack([scores.clip for scores in predictions(network, made[300:], FPS)])
    right = [LABELS[k] == film.clip_label for k, film in zip(chances.argmax(1), made[300:], strict=True)]
    assert abs(chances.max(1).mean() - np.mean(right)) < 0.06
    assert abs(np.mean(right) - 0.75) < 0.06


@pytest.fixture(scope="module")
def finding():
    return fitted(films(range(6)), "localization")


def test_segments_are_found(finding):
    """Also by the measure of networks that find segments."""
    new = films(range(50, 54))
    scores = predictions(finding.network, new, FPS)
    assert metric(finding, new, "localization") > 0.7
    assert HEADS["localization"].thresholds(scores, new, LABELS)["run"].f1 > 0.8


def test_two_labels_at_once_are_both_seen():
    both = []
    for seed in range(4):
        values = 0.2 * np.random.default_rng(seed).standard_normal((80, 8))
        values[20:60, 0] += 2
        values[40:70, 1] += 2
        both.append(track(80, (5, 15, "run"), (10, 17.5, "jump"), name=str(seed), values=values))
    frame = predictions(fitted(both[:3], "localization").network, both[3:], FPS)[0].frame
    assert (frame[44:56] > 0.5).all()
    assert (frame[:10] < 0.5).all()


def test_a_calibration_is_kept_in_the_head(finding):
    """Before the spans that overlap lose score, and so nearly what was promised; the strongest of all exactly."""
    network, new = copy.deepcopy(finding.network), films([50])
    first, second = Calibration(scale=0.5, shift=-0.7), Calibration(scale=1.5, shift=0.2)
    head, promised = HEADS["localization"], predictions(network, new, FPS)[0]
    for calibration in (first, second):
        promised = head.calibrated(network.config.head, promised, calibration)
        head.calibrate(network, calibration)
    given = predictions(network, new, FPS)[0]
    close = (promised.frame > 0.02) & (promised.frame < 0.98)  # half precision says little of the rest
    np.testing.assert_allclose(given.frame[close], promised.frame[close], atol=5e-3)
    assert given.spans.scores[0] == pytest.approx(promised.spans.scores[0])


def test_a_segment_shorter_than_a_step_is_learnt_at_one_position():
    short = track(40, (3.05, 3.1, "run"), (6.0, 8.0, "jump"), name="a")
    truth, known = linear_module._held(short, LABELS, CONFIGS["localization"])
    assert np.flatnonzero(truth[:, 0]).tolist() == [13]
    assert np.flatnonzero(truth[:, 1]).tolist() == list(range(24, 32))
    assert known.all()


@pytest.mark.parametrize(("make", "head"), [(films, "dense"), (clips, "classification")])
def test_the_number_of_threads_changes_no_bit(make, head):
    found, before = [], torch.get_num_threads()
    for num in (1, 2):
        torch.set_num_threads(num)
        network = fitted(make(range(4)), head).network
        assert torch.get_num_threads() == num
        found.append({name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()})
    torch.set_num_threads(before)
    assert found[0] == found[1]


def test_lost_positions_are_not_learnt():
    good = films(range(4))
    lost = list(range(20, 60))
    spoilt = []
    for film in good:
        valid = film.index.valid.copy()
        valid[lost] = False
        strange = film.values.copy()
        spoilt.append([])
        for filling in (0.0, 100.0):
            strange = film.values.copy()
            strange[lost] = filling
            spoilt[-1].append(replace(film, values=strange, index=replace(film.index, valid=valid)))
    networks = [fitted([pair[n] for pair in spoilt], "dense").network for n in (0, 1)]
    assert torch.equal(networks[0].head.out.weight, networks[1].head.out.weight)


def test_the_decay_is_chosen_where_films_differ():
    """Noise alone asks for the strongest decay, a clear signal for a weak one."""
    noise = fitted(films(range(4), strength=0.0), "dense")
    clear = fitted(films(range(4)), "dense")
    chosen = [float(result.notes[-1].split(", ")[1]) for result in (noise, clear)]
    assert chosen[0] == max(linear_module.DECAYS)
    assert chosen[1] < chosen[0]
    assert "chosen by cross-validation inside the training films" in clear.notes[-1]


def test_films_of_one_group_cannot_choose_it_and_that_is_said():
    one = [replace(film, group="source a") for film in films(range(3))]
    assert "is the usual" in fitted(one, "dense").notes[-1]


def test_a_given_decay_is_used_and_not_chosen():
    strong, weak = (fitted(films(range(2)), "dense", decay=decay) for decay in (10.0, 1e-3))
    assert strong.notes == weak.notes == ()
    assert strong.network.head.out.weight.norm() < 0.1 * weak.network.head.out.weight.norm()


def test_of_very_many_positions_every_second_is_used_and_that_is_said(monkeypatch):
    monkeypatch.setattr(linear_module, "MAX_EXAMPLES", 500)
    result = fitted(films(range(6)), "dense")  # 960 positions
    assert result.notes[0] == "The linear model was fitted to every 2nd labelled position of the films."
    assert metric(result, films(range(50, 54)), "dense") > 0.9


def test_a_label_that_no_film_shows_does_no_harm():
    result = fitted(films(range(4)), "dense", labels=(*LABELS, "swim"))
    scores = predictions(result.network, films([50]), FPS)[0]
    assert scores.frame[:, 2].max() < 0.2


def test_embeddings_that_are_not_numbers_are_refused():
    strange = planted(1)
    strange.values[3, 3] = np.nan
    with pytest.raises(TrainingError, match="embeddings of film 1 are not numbers"):
        fitted([planted(0), strange], "dense")


def test_films_without_a_labelled_position_are_refused():
    covered = track(40, (0.0, 10.0, "run"), name="a")
    settings = natural_linear([covered], LABELS, "dense", FPS)
    assert settings.head == DenseConfig(num_classes=2, nothing=False)
    with pytest.raises(TrainingError, match="no position of the training films has a label"):
        fit_linear([track(40, name="b")], LABELS, settings, backbone="none")


def test_constant_films_are_fitted_and_nothing_is_blown_up():
    flat = [track(40, (0.0, 5.0, "run"), name=str(n), values=np.ones((40, 8))) for n in range(3)]
    scores = predictions(fitted(flat, "dense").network, flat, FPS)[0]
    assert np.isfinite(scores.frame).all()


@pytest.mark.parametrize("fps", [Fraction(1, 4), Fraction(1), Fraction(30)])
def test_reach_and_lags_are_seconds_at_every_rate(fps):
    encoder = natural_linear(films(range(2)), LABELS, "dense", fps).encoder
    assert encoder.reach == round(linear_module.REACH_S * fps)
    assert all(lag >= 1 for lag in encoder.lags)
