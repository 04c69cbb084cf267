"""How an image network learns from films: settings that follow from those with which the rest has learnt.

Kumar et al., "Fine-tuning can distort pretrained features" (2022): first the head, then all of it with small steps.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from vtn_stream.training.augment import NATURAL, mirrors
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.hyperparameters import BackboneLearning, Hyperparameters
from vtn_stream.training.linear import LinearSettings

__all__ = ["crop_frames", "tuning"]

EPOCHS = 3  # other tools' runs are best after one to three
BACKBONE_RATE = 1e-4
NETWORK_RATE, LINEAR_RATE = 2e-4, 1e-5  # a linear model reads thousands of features: each step moves all their weights
LAYER_DECAY = 0.75
SHORT = 64  # positions: crops of such films are seen whole
SHARE = 0.25  # of longer ones; the rest is remembered
STEPS = 25  # an epoch, at least: smaller batches, where there are few crops
FEWEST_CLIPS = 4  # of a batch


def crop_frames(settings: Hyperparameters, films: Sequence[TrainingFilm]) -> int:
    """About how many positions of these films are decoded in an epoch."""
    assert settings.backbone is not None
    crop, num = settings.crop_positions, 0.0
    for film in films:
        length = len(film.values)
        num += max(1, math.ceil(length / crop)) * min(length, crop) * settings.backbone.share
    return math.ceil(num)


def tuning(
    settings: Hyperparameters | LinearSettings,
    films: Sequence[TrainingFilm],
    labels: Sequence[str],
    blocks: str | int,
    *,
    names_clips: bool,
    seed: int,
    passes_over: bool = True,
) -> Hyperparameters:
    """The settings for the second stage of a training.

    settings: of the first; blocks: which of the network's learn; passes_over: whether training can pass over some.
    """
    lengths = [len(film.values) for film in films]
    if isinstance(settings, LinearSettings):
        crop = max(lengths) if names_clips else min(max(lengths), 4 * SHORT)
        begun = Hyperparameters(
            encoder=settings.encoder, head=settings.head, crop_positions=crop, batch_size=8, num_epochs=EPOCHS
        )
        rate = LINEAR_RATE
    else:
        begun, crop, rate = settings, settings.crop_positions, NETWORK_RATE
    num_crops = sum(max(1, math.ceil(num / crop)) for num in lengths)
    fewest = FEWEST_CLIPS if names_clips else 1
    augmentation = NATURAL if mirrors(labels) else replace(NATURAL, flip=0.0)
    return replace(
        begun,
        seed=seed,
        num_epochs=EPOCHS,
        batch_size=max(fewest, min(begun.batch_size, num_crops // STEPS)),
        learning_rate=rate,
        backbone=BackboneLearning(
            blocks=blocks if isinstance(blocks, int) else "all",
            rate=BACKBONE_RATE / rate,
            layer_decay=LAYER_DECAY,
            drop_path=0.1 if passes_over else 0.0,
            share=1.0 if crop <= SHORT or max(lengths) <= SHORT else SHARE,
            augmentation=augmentation,
        ),
    )
