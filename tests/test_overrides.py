"""Settings of a training, changed by KEY=VALUE and shown in the same words."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest

from vtn_stream.errors import InputError
from vtn_stream.model import VARIANTS, DenseConfig, StatisticsConfig, vtn_of
from vtn_stream.training.augment import Augmentation
from vtn_stream.training.clip_sampling import ClipSampling
from vtn_stream.training.hyperparameters import BackboneLearning, Hyperparameters
from vtn_stream.training.overrides import overridden, overridden_clips, shown

VTN = VARIANTS["vtn-vit-b"]()
FROZEN = Hyperparameters(encoder=VTN.encoder, head=VTN.head, crop_positions=16, batch_size=16, num_epochs=25)
SETTINGS = replace(FROZEN, backbone=BackboneLearning())
STEPS = ((0.0, 1.0), (13.0, 0.1), (24.5, 1 / 3))


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("epochs", "3", lambda s: s.num_epochs == 3),
        ("learning_rate", "1e-3", lambda s: s.learning_rate == 1e-3),
        ("max_norm", "none", lambda s: s.max_norm is None),
        ("max_norm", "null", lambda s: s.max_norm is None),
        ("max_norm", "0.5", lambda s: s.max_norm == 0.5),
        ("optimizer", "sgd", lambda s: s.optimizer == "sgd"),
        ("precision", "bfloat16", lambda s: s.precision == "bfloat16"),
        ("steps", "0:1,13:.1,24.5:.01", lambda s: s.steps == ((0, 1), (13, 0.1), (24.5, 0.01))),
        ("encoder.layers", "6", lambda s: s.encoder.attention_windows == (18,) * 6),
        ("encoder.window", "36", lambda s: s.encoder.attention_windows == (36,) * 3),
        ("encoder.window", "18, 18, 36", lambda s: s.encoder.attention_windows == (18, 18, 36)),
        ("encoder.positions", "sinusoidal", lambda s: s.encoder.positions == "sinusoidal"),
        ("encoder.num_heads", "1", lambda s: s.encoder.num_heads == 1),
        ("encoder.uniform_attention", "true", lambda s: s.encoder.uniform_attention is True),
        ("head.dropout", "0", lambda s: s.head.dropout == 0),
        ("backbone.blocks", "norms", lambda s: s.backbone.blocks == "norms"),
        ("backbone.blocks", "0", lambda s: s.backbone.blocks == 0),
        ("backbone.piece", "none", lambda s: s.backbone.piece is None),
        ("augmentation.short_side", "256,320", lambda s: s.backbone.augmentation.short_side == (256, 320)),
        ("augmentation.randaugment", "2,9", lambda s: s.backbone.augmentation.randaugment == (2, 9)),
        ("augmentation.randaugment", "9,2", lambda s: s.backbone.augmentation.randaugment == (9, 2)),
        ("smoothing", "0.2", lambda s: s.smoothing == 0.2 and s.backbone.augmentation.smoothing == 0),
        ("augmentation.smoothing", "0.2", lambda s: s.smoothing == 0.15 and s.backbone.augmentation.smoothing == 0.2),
    ],
)
def test_a_value_is_read_by_the_type_of_its_setting(key, text, value):
    assert value(overridden(SETTINGS, [(key, text)]))


def test_nothing_else_changes():
    changed = overridden(SETTINGS, [("encoder.num_heads", "1"), ("epochs", "3")])
    assert replace(changed, encoder=replace(changed.encoder, num_heads=12), num_epochs=25) == SETTINGS
    assert overridden(SETTINGS, []) == SETTINGS


def test_sizes_that_only_go_together_may_be_set_in_any_order():
    both = [("encoder.width", "90"), ("encoder.num_heads", "9")]
    for order in (both, both[::-1]):
        encoder = overridden(SETTINGS, order).encoder
        assert (encoder.width, encoder.num_heads) == (90, 9)
    layers = overridden(SETTINGS, [("encoder.window", "2,4"), ("encoder.layers", "2")]).encoder
    assert layers.attention_windows == (2, 4)


def test_frames_and_footprint_belong_to_clips():
    settings, sampling = overridden_clips(
        SETTINGS, ClipSampling(), [("frames", "32"), ("seconds", "2.56"), ("epochs", "1")]
    )
    assert sampling == ClipSampling(frames=32, seconds=Fraction(64, 25))
    assert settings == replace(SETTINGS, num_epochs=1)
    with pytest.raises(InputError, match="frames cannot be set: whole films are learnt from"):
        overridden(SETTINGS, [("frames", "32")])


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("encoder.layer", "6", "did you mean encoder.layers?"),
        ("num_epochs", "6", "did you mean epochs?"),
        ("dropout", "0", "did you mean encoder.dropout or head.dropout?"),
        ("nonsense", "6", "there is no setting nonsense; .*--print-settings shows all"),
        ("seed", "6", "another option"),
        ("head.num_classes", "6", "it follows from the data"),
        ("epochs", "0", "epochs cannot be 0; .*it takes a whole number, at least 1"),
        ("epochs", "2.5", "it takes a whole number"),
        ("epochs", "", "epochs cannot be empty"),
        ("learning_rate", "0", "it takes a number, above 0"),
        ("learning_rate", "nan", "it takes a number"),
        ("learning_rate", "inf", "it takes a number"),
        ("encoder.dropout", "1", "a number, at least 0 and below 1"),
        ("augmentation.flip", "2", "a number, at least 0 and at most 1"),
        ("augmentation.area", "1,0.5", "two of them with a comma, the smaller one first: a number, above 0"),
        ("augmentation.area", "0,0.5", "a number, above 0 and at most 1"),
        ("augmentation.short_side", "256", "none"),
        ("encoder.positions", "rotary", "it takes native or learned or sinusoidal or none"),
        ("encoder.uniform_attention", "1", "it takes true or false"),
        ("encoder.num_heads", "7", "these settings do not go together: width 768 cannot be divided into 7 heads"),
        ("encoder.window", "17", "even"),
        ("encoder.window", "18,18,", "or several with commas"),
        ("steps", "1:1", "epochs from 0 on"),
        ("steps", "0:1,3:.1,2:.2", "epochs from 0 on"),
        ("steps", "0:1,3", "epochs from 0 on"),
        ("max_norm", "x\n", "max_norm cannot be x; .*it takes a number, at least 0 or none"),
        ("seconds", "1/0", "it takes a number, above 0"),
        ("seconds", "0", "it takes a number, above 0"),
        ("seconds", "1e400", "it takes a number, above 0"),
        ("seconds", "1e999999999", "it takes a number, above 0"),
        ("seconds", "1" + "0" * 400 + "/3", "it takes a number, above 0"),
        ("frames", "-1", "at least 1"),
    ],
)
def test_a_wrong_setting_is_one_line_with_the_cure(key, text, says):
    with pytest.raises(InputError, match=says) as caught:
        overridden_clips(SETTINGS, ClipSampling(), [(key, text)])
    assert "nothing was trained" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "needs"),
    [
        ("smoothing", "0.4", None),
        ("backbone.share", "0.5", None),
        ("warm_up", "0.2", ("schedule", "cosine")),
        ("steps", "0:1,5:0.1", ("schedule", "steps")),
        ("momentum", "0.5", ("optimizer", "sgd")),
        ("augmentation.area", "0.5,1", ("augmentation.short_side", "none")),
        ("augmentation.jitter", "0.4", ("augmentation.jitter_share", "0.5")),
    ],
)
def test_what_would_change_nothing_in_clips_is_refused(key, value, needs):
    short = Augmentation(short_side=(256, 320))
    settings = replace(SETTINGS, backbone=BackboneLearning(augmentation=short))
    other = {"warm_up": ("schedule", "steps")}.get(key)
    given = [(key, value), *([other] if other else [])]
    with pytest.raises(InputError, match=f"{key} would change nothing"):
        overridden_clips(settings, ClipSampling(), given)
    assert overridden_clips(settings, ClipSampling(), [(key, str(shown(settings)[key]))])[0] == settings
    if needs is not None:
        changed, _ = overridden_clips(settings, ClipSampling(), [(key, value), needs])
        assert changed != overridden_clips(settings, ClipSampling(), [needs])[0]


def test_native_positions_are_for_clips():
    films = replace(FROZEN, encoder=replace(FROZEN.encoder, positions="none"))
    with pytest.raises(InputError, match=r"native positions count the frames of a clip.*learned, sinusoidal or none"):
        overridden(films, [("encoder.positions", "native")])
    assert overridden(films, [("encoder.positions", "learned")]).encoder.positions == "learned"


def test_a_model_that_goes_on_keeps_what_its_weights_follow_from():
    films = replace(FROZEN, encoder=replace(FROZEN.encoder, positions="none"))
    given = [("encoder.window", "4"), ("encoder.dropout", "0"), ("head.dropout", "0"), ("encoder.layers", "3")]
    changed = overridden(films, given, keeps_sizes=True)
    assert (changed.encoder.attention_windows, changed.encoder.dropout, changed.head.dropout) == ((4, 4, 4), 0, 0)
    for key, value in (("encoder.layers", "2"), ("encoder.width", "96"), ("encoder.positions", "learned")):
        with pytest.raises(InputError, match=f"{key} cannot be set: the model from which .* --from"):
            overridden(films, [(key, value)], keeps_sizes=True)


def test_a_linear_model_has_no_encoder_to_set():
    linear = replace(SETTINGS, encoder=StatisticsConfig(input_width=8, reach=2), head=DenseConfig(num_classes=3))
    assert not any(key.startswith("encoder.") for key in shown(linear))
    assert overridden(linear, [("backbone.rate", "0.5")]).backbone.rate == 0.5
    with pytest.raises(InputError, match=r"there is no setting encoder\.layers"):
        overridden(linear, [("encoder.layers", "2")])


def test_windows_must_fit_the_layers():
    with pytest.raises(InputError, match="2 layers, and 3 windows"):
        overridden(SETTINGS, [("encoder.layers", "2"), ("encoder.window", "18,18,36")])


def test_a_setting_given_twice_must_be_the_same():
    assert overridden(SETTINGS, [("epochs", "3"), ("epochs", "3")]).num_epochs == 3
    with pytest.raises(InputError, match="epochs is set twice"):
        overridden(SETTINGS, [("epochs", "3"), ("epochs", "4")])


@pytest.mark.parametrize("key", ["backbone.rate", "augmentation.flip"])
def test_what_the_image_network_would_learn_by_needs_one_that_learns(key):
    assert key not in shown(FROZEN)
    with pytest.raises(InputError, match=r"the image network does not learn.*--learn-backbone"):
        overridden(FROZEN, [(key, "0.5")])


@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        FROZEN,
        replace(FROZEN, head=DenseConfig(num_classes=3, nothing=True), steps=STEPS, schedule="steps", max_norm=None),
        replace(
            SETTINGS,
            encoder=vtn_of("x", 96, attention_windows=(2, 4)).encoder,
            backbone=BackboneLearning(blocks=4, piece=None, augmentation=Augmentation(short_side=(256, 320))),
        ),
        replace(SETTINGS, backbone=BackboneLearning(augmentation=Augmentation(area=(0.7, 1.0)))),
    ],
)
def test_what_is_shown_can_be_given_back(settings):
    """On top of other settings of the same network and labels."""
    sampling = ClipSampling(frames=7, seconds=Fraction(10, 3))
    values = json.loads(json.dumps(shown(settings, sampling)))
    encoder = replace(SETTINGS.encoder, input_width=settings.encoder.input_width)
    backbone = settings.backbone and BackboneLearning(rate=0.3)
    other = replace(SETTINGS, encoder=encoder, head=replace(settings.head), backbone=backbone)
    given = [(key, str(value)) for key, value in values.items()]
    assert overridden_clips(other, ClipSampling(), given) == (settings, sampling)
