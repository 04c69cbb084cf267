"""What the data asks for: whatever the films are, it can be taught and read."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from planted import LABELS, WIDTH, clip, track

from vtn_stream.model import ClassificationConfig, DenseConfig, LocalizationConfig
from vtn_stream.training.hyperparameters import MAX_CROP, MAX_EPOCHS, MIN_EPOCHS, natural_hyperparameters
from vtn_stream.training.loop import fit


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def film(num, *segments, fps=Fraction(4)):
    return track(num, *segments, fps=fps)


@pytest.mark.parametrize(
    ("head", "segments", "config"),
    [
        ("classification", [(0.0, 10.0, "run")], ClassificationConfig(num_classes=2)),
        ("dense", [(0.0, 5.0, "run"), (5.0, 10.0, "jump")], DenseConfig(num_classes=2)),
        ("dense", [(0.0, 5.0, "run"), (6.0, 10.0, "jump")], DenseConfig(num_classes=2, nothing=True)),
        ("dense", [(0.0, 9.0, "run"), (1.0, 5.0, "jump")], DenseConfig(num_classes=2, nothing=True)),
    ],
)
def test_the_head_can_say_what_is_annotated(head, segments, config):
    assert natural_hyperparameters([film(40, *segments)], LABELS, head, Fraction(4)).head == config


@pytest.mark.parametrize("longest", [0.5, 3, 4, 5, 16, 17, 100, 1000])
def test_the_pyramid_reaches_as_far_as_the_longest_segment(longest):
    """Level l asks up to 2^(l+2) positions from a point to an end: the last one holds the half of every segment."""
    films = [film(4100, (10.0, 10.0 + longest / 4, "run")), film(50, (1.0, 1.2, "jump"))]
    head = natural_hyperparameters(films, LABELS, "localization", Fraction(4)).head
    assert isinstance(head, LocalizationConfig)
    assert 2 ** (head.num_levels + 1) >= longest / 2


@pytest.mark.parametrize("num", [1, 2, 39, 1000, 20_000])
@pytest.mark.parametrize("fps", [Fraction(1), Fraction(30000, 1001), Fraction(100)])
@pytest.mark.parametrize("head", ["localization", "dense", "classification"])
def test_sizes_fit_any_film_and_rate(num, fps, head):
    settings = natural_hyperparameters([film(num, (0.0, 0.01, "run"), fps=fps)], LABELS, head, fps)
    assert 1 <= settings.crop_positions <= MAX_CROP
    assert settings.crop_positions <= num + 1
    assert settings.batch_size >= 1
    assert MIN_EPOCHS <= settings.num_epochs <= MAX_EPOCHS
    assert settings.encoder.input_width == WIDTH


def test_more_films_are_seen_less_often():
    few, many = (
        natural_hyperparameters([film(2000, (1.0, 5.0, "run"))] * num, LABELS, "localization", Fraction(4)).num_epochs
        for num in (1, 200)
    )
    assert few > many


def test_motion_is_an_encoder_that_reads_changes_or_their_sizes():
    films = [film(400, (1.0, 5.0, "run"))]
    changes, sizes, without = (
        natural_hyperparameters(films, LABELS, "localization", Fraction(8), motion=motion)
        for motion in ("changes", "sizes of changes", "none")
    )
    assert changes == replace(without, encoder=replace(without.encoder, difference_lags=(4, 16)))
    assert sizes == replace(without, encoder=replace(without.encoder, magnitude_lags=(1, 4), reads_embeddings=False))


def test_what_is_asked_for_is_taken():
    settings = natural_hyperparameters(
        [film(400, (1.0, 5.0, "run"))], LABELS, "localization", Fraction(4), seed=7, num_epochs=3
    )
    assert (settings.seed, settings.num_epochs) == (7, 3)


def test_without_films_there_is_nothing_to_learn():
    with pytest.raises(ValueError, match="nothing to learn"):
        natural_hyperparameters([], LABELS, "dense", Fraction(4))


@pytest.mark.parametrize("head", ["localization", "dense", "classification"])
def test_the_oddest_films_can_be_taught(head):
    if head == "classification":
        films = [clip(0, "run", num=1), clip(1, "jump", num=30)]
    else:
        odd = track(30, (0.0, 0.1, "run"), (3.0, 3.0, "jump"), (0.0, 7.5, "jump"), lost=range(29))
        films = [odd, track(1, (0.0, 0.25, "run"))]
    settings = natural_hyperparameters(films, LABELS, head, Fraction(4), num_epochs=1)
    fitted = fit(films, LABELS, settings, Fraction(4), backbone="none")
    assert np.isfinite(fitted.losses).all()
