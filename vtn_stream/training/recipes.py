"""The recipes of the paper: how a network learns from clips, end to end, written out number by number.

Neimark et al., "Video Transformer Network" (2021), section 4; where the paper is silent, its code's configuration
(github.com/bomri/SlowFast, projects/vtn, VIT_B_VTN.yaml).
"""

from collections.abc import Sequence
from dataclasses import replace

from vtn_stream.model import ClassificationConfig, EncoderConfig, VTNConfig
from vtn_stream.training.augment import PAPER, PAPER_PLUS
from vtn_stream.training.clip_sampling import ClipSampling
from vtn_stream.training.hyperparameters import BackboneLearning, Hyperparameters
from vtn_stream.training.options import RecipeName
from vtn_stream.training.overrides import overridden_clips

__all__ = ["MEAN", "SIZE", "STD", "paper_plus_settings", "paper_settings", "settings_for"]

SIZE = 224  # of the crop, where a network takes it
MEAN, STD = (0.45, 0.45, 0.45), (0.225, 0.225, 0.225)
BATCH_SIZE, LEARNING_RATE = 16, 1e-3  # the rate grows with the batch, and falls with it (Goyal et al. 2017)


def paper_settings(network: VTNConfig, *, size: int = SIZE, num_frames: int = 16, seed: int = 0) -> Hyperparameters:
    """SGD of 25 epochs, everything learns at one rate. size: of the crop; frames are as much larger as those of the
    paper are than 224. network: with attention, and the head of the paper.
    """
    assert isinstance(network.encoder, EncoderConfig)
    assert isinstance(network.head, ClassificationConfig)
    return Hyperparameters(
        encoder=replace(network.encoder, dropout=0.1),
        head=replace(network.head, dropout=0.5),
        crop_positions=num_frames,
        batch_size=BATCH_SIZE,
        num_epochs=25,
        learning_rate=LEARNING_RATE,
        weight_decay=1e-4,
        warm_up=0.0,
        ema=0.0,
        seed=seed,
        optimizer="sgd",
        momentum=0.9,
        decays="all",
        schedule="steps",
        steps=((0.0, 1.0), (13.0, 0.1), (24.0, 0.01)),
        max_norm=None,
        accumulate=1,
        precision="float32",
        backbone=BackboneLearning(
            blocks="all",
            rate=1.0,
            layer_decay=1.0,
            drop_path=0.0,
            augmentation=PAPER.scaled_to((size, size)),
        ),
    )


def paper_plus_settings(
    network: VTNConfig, *, size: int = SIZE, num_frames: int = 16, seed: int = 0
) -> Hyperparameters:
    """The paper's models that are marked "+": DeiT's augmentation and RandAugment, and ten more epochs. At which of
    them the learning rate falls is not published: here at the 18th and the 33rd, as far from the end as in 25.
    """
    settings = paper_settings(network, size=size, num_frames=num_frames, seed=seed)
    assert settings.backbone is not None
    return replace(
        settings,
        num_epochs=35,
        steps=((0.0, 1.0), (18.0, 0.1), (33.0, 0.01)),
        backbone=replace(
            settings.backbone,
            augmentation=PAPER_PLUS.scaled_to((size, size)),
        ),
    )


def settings_for(
    recipe: RecipeName,
    network: VTNConfig,
    *,
    size: int = SIZE,
    sampling: ClipSampling | None = None,
    seed: int = 0,
    num_epochs: int | None = None,
    overrides: Sequence[tuple[str, str]] = (),
) -> tuple[Hyperparameters, ClipSampling]:
    """The settings of a recipe, and which frames of a clip it sees, with what the user wants otherwise. The learning
    rate goes with the size of the batch, unless it is set itself. sampling: where a model says it.

    Raises InputError for what cannot be set.
    """
    sampling = sampling or ClipSampling()
    make = paper_plus_settings if recipe == "paper+" else paper_settings
    settings = make(network, size=size, num_frames=sampling.frames, seed=seed)
    if num_epochs is not None:
        settings = replace(settings, num_epochs=num_epochs)
    settings, sampling = overridden_clips(settings, sampling, overrides)
    if "learning_rate" not in dict(overrides):
        settings = replace(settings, learning_rate=LEARNING_RATE * settings.batch_size / BATCH_SIZE)
    return replace(settings, crop_positions=sampling.frames), sampling
