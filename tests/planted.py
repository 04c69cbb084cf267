"""Tracks with a signal that is learnt in seconds: while a label holds, embeddings lean towards its direction."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from vtn_stream.film import FrameIndex
from vtn_stream.model import ClassificationConfig, DenseConfig, EncoderConfig, LocalizationConfig
from vtn_stream.timeline import Segment
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.hyperparameters import Hyperparameters

FPS = Fraction(4)
WIDTH = 8
LABELS = ("run", "jump")


def clock(num, fps=FPS, lost=()):
    """The index of `num` positions, of which some are lost."""
    grid_s = np.arange(num) * fps.denominator / fps.numerator
    valid = np.ones(num, np.bool_)
    valid[list(lost)] = False
    return FrameIndex(grid_s=grid_s, frame=np.arange(num), pts_s=grid_s, valid=valid)


def track(num, *segments, name="film", clip_label=None, values=None, lost=(), fps=FPS, seed=0):
    """track(40, (1.0, 3.5, "run"), ...): a film of `num` positions with noise in it, or with these values."""
    if values is None:
        values = np.random.default_rng(seed).standard_normal((num, WIDTH))
    values = np.asarray(values, np.float16).copy()
    values[list(lost)] = 0
    return TrainingFilm(
        name=name,
        identity=name,
        group=name,
        subset=None,
        values=values,
        index=clock(num, fps, lost),
        duration_s=float(num / fps),
        segments=tuple(Segment(start_s=start_s, end_s=end_s, label=label) for start_s, end_s, label in segments),
        clip_label=clip_label,
    )


def planted(seed, num=160, strength=2.0, lost=()):
    """Noise in which the labels hold by turns, for 2 to 6 s each, with pauses of 1 to 4 s."""
    rng = np.random.default_rng(seed)
    values, segments, start_s = 0.5 * rng.standard_normal((num, WIDTH)), [], rng.uniform(0, 3)
    grid_s = clock(num).grid_s
    while start_s < grid_s[-1] - 2:
        end_s = min(start_s + rng.uniform(2, 6), num / float(FPS))
        k = int(rng.integers(len(LABELS)))
        values[(start_s <= grid_s) & (grid_s < end_s), k] += strength
        segments.append((start_s, end_s, LABELS[k]))
        start_s = end_s + rng.uniform(1, 4)
    return track(num, *segments, name=f"film {seed}", values=values, lost=lost)


def clip(seed, label, num=24):
    """A film of one label as a whole."""
    values = 0.5 * np.random.default_rng(seed).standard_normal((num, WIDTH))
    values[:, LABELS.index(label)] += 1
    return track(num, (0, num / float(FPS), label), name=f"clip {seed}", values=values, clip_label=label)


def clips(seeds):
    return [clip(seed, LABELS[seed % 2]) for seed in seeds]


def films(seeds, **options):
    return [planted(seed, **options) for seed in seeds]


HEADS = {
    "localization": LocalizationConfig(num_classes=2, num_levels=3, tower_width=32),
    "dense": DenseConfig(num_classes=2, nothing=True),
    "classification": ClassificationConfig(num_classes=2, dropout=0.1),
}


def small(head="localization", **changes):
    """Those of a network of a few thousand parameters."""
    encoder = EncoderConfig(
        input_width=WIDTH,
        width=16,
        num_heads=2,
        feedforward_width=32,
        attention_windows=(8,),
        positions="sinusoidal",
        difference_lags=(2,),
        standardized=True,
        dropout=0.05,
    )
    settings = Hyperparameters(
        encoder=encoder,
        head=HEADS[head],
        crop_positions=64,
        batch_size=2,
        num_epochs=5,
        learning_rate=2e-2,
        ema=0.9,
    )
    return replace(settings, **changes)
