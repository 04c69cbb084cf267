"""The recipes of the paper, number by number."""

from fractions import Fraction

import pytest

from vtn_stream.errors import InputError
from vtn_stream.model import VARIANTS
from vtn_stream.training.recipes import settings_for

NETWORK = VARIANTS["vtn-vit-b"]()


def settings(recipe="paper", **options):
    return settings_for(recipe, NETWORK, **options)[0]


def test_the_papers_recipe_is_that_of_its_code():
    made, sampling = settings_for("paper", NETWORK)
    assert (sampling.frames, sampling.seconds) == (16, Fraction("5.12"))
    assert (made.optimizer, made.momentum, made.learning_rate, made.weight_decay) == ("sgd", 0.9, 1e-3, 1e-4)
    assert (made.decays, made.batch_size, made.accumulate, made.num_epochs) == ("all", 16, 1, 25)
    assert (made.schedule, made.steps) == ("steps", ((0, 1), (13, 0.1), (24, 0.01)))
    assert (made.max_norm, made.ema, made.warm_up, made.precision) == (None, 0, 0, "float32")
    assert (made.encoder.dropout, made.head.dropout, made.encoder.positions) == (0.1, 0.5, "native")
    backbone = made.backbone
    assert (backbone.blocks, backbone.rate, backbone.layer_decay, backbone.drop_path) == ("all", 1, 1, 0)
    look = backbone.augmentation
    assert (look.short_side, look.flip, look.randaugment, look.mixup, look.smoothing) == ((256, 320), 0.5, None, 0, 0)


def test_the_plus_recipe_adds_augmentation_and_ten_epochs():
    plain, plus = settings(), settings("paper+")
    assert (plus.num_epochs, plus.steps) == (35, ((0, 1), (18, 0.1), (33, 0.01)))
    look = plus.backbone.augmentation
    assert (look.randaugment, look.erasing, look.mixup, look.cutmix, look.smoothing) == ((2, 9), 0.25, 0.8, 1.0, 0.1)
    assert (plus.learning_rate, plus.optimizer, plus.encoder) == (plain.learning_rate, plain.optimizer, plain.encoder)


@pytest.mark.parametrize(
    ("overrides", "rate"),
    [
        ([("batch_size", "64")], 4e-3),
        ([("batch_size", "4")], 2.5e-4),
        ([("batch_size", "64"), ("learning_rate", "0.02")], 0.02),
        ([("batch_size", "64"), ("accumulate", "8")], 4e-3),
    ],
)
def test_the_rate_goes_with_the_batch_unless_it_is_set(overrides, rate):
    assert settings(overrides=overrides).learning_rate == pytest.approx(rate)


def test_frames_and_their_time_can_be_set():
    made, sampling = settings_for("paper", NETWORK, overrides=[("frames", "32"), ("seconds", "2.56")])
    assert (sampling.frames, sampling.seconds, made.crop_positions) == (32, Fraction("2.56"), 32)


def test_frames_of_a_smaller_network_are_smaller():
    assert settings(size=112).backbone.augmentation.short_side == (128, 160)


def test_epochs_are_those_that_are_asked_for():
    assert settings(num_epochs=3).num_epochs == 3


def test_a_setting_that_there_is_not_is_named():
    with pytest.raises(InputError, match="learning_rte"):
        settings(overrides=[("learning_rte", "1")])
