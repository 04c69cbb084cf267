"""How a network is trained, and how this follows from the data; users set nothing here.

T positions of a film's grid, K classes
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

from vtn_stream.heads import HEADS
from vtn_stream.heads.labelled_film import longest_segment
from vtn_stream.model import DenseConfig, EncoderConfig, HeadConfig, LocalizationConfig, StatisticsConfig
from vtn_stream.training.augment import Augmentation
from vtn_stream.training.events import HeadKind
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.ways import Motion

__all__ = ["BackboneLearning", "Hyperparameters", "followed", "natural_hyperparameters"]

# Two layers of a width that embeddings of a few films can fill. Four were hardly better on a dozen films.
WIDTH = 128
NUM_LAYERS = 2
WINDOW_S = 8.0  # what a frame sees, from end to end, in each layer
LAGS_S: dict[Motion, tuple[float, ...]] = {
    "changes": (0.5, 2.0),  # a movement, and a change of posture
    "sizes of changes": (0.125, 0.5),  # how hasty it is
    "none": (),
}
CROP_S = 200.0  # what is learnt at once: minutes around an action tell what it is
MAX_CROP = 2304  # positions: the longest sequence of ActionFormer's recipe
BATCH_POSITIONS = 1200
MAX_LAG_S = 30  # after a moment that may decide its label, in a model that can be followed
NUM_STEPS = 200  # at least, whatever the data: below, the network has not converged
MIN_EPOCHS, MAX_EPOCHS = 10, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneLearning:
    """How the image network learns along. Its layers of normalisation that keep means of many pictures stay in
    evaluation mode: frames then do not depend on each other, and pieces of a batch give what the whole one gives.

    blocks       which of its blocks learn: the last so many, all of them with its first layers, or only its norms
    rate         its learning rate, as a share of the others'
    layer_decay  the rate of each block is so many times that of the next one
    drop_path    the probability that a block is passed over in training (Huang et al., "Stochastic depth", 2016)
    piece        frames that pass it at once: what is in between is computed again for the gradient; None: all at once,
                 and kept
    share        of a crop's pieces that are decoded and learn; the other embeddings are those of the last time
    """

    blocks: Literal["all", "norms"] | int = "all"
    rate: float = 1.0
    layer_decay: float = 1.0
    drop_path: float = 0.0
    piece: int | None = 16
    share: float = 1.0
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """One way to train.

    encoder         of a linear model, statistics: where it goes on from one with an image network that learns
    crop_positions  of a film that are learnt at once; batch_size, crops of a step, in `accumulate` parts
    optimizer       adamw; or sgd with Nesterov's momentum
    decays          what weight_decay is for: matrices, but no tables of positions and tokens; or everything but the
                    layers of the backbone that keep means of many pictures
    schedule        cosine: half a cosine down to 0, after a linear rise in the first warm_up of the steps; steps: the
                    learning rate times a share, from an epoch on, which may be a fraction: (epoch, share), ascending
    ema             the share of old weights in the running mean, once it has run in; 0: the last weights count
    max_norm        to which a longer gradient is cut; None: it is not
    precision       of the products; bfloat16 only where the device has it, else float32
    smoothing       a dense head's weight of changes between neighbouring positions
    backbone        how the image network learns; None: it does not, and embeddings are read
    """

    encoder: EncoderConfig | StatisticsConfig
    head: HeadConfig
    crop_positions: int
    batch_size: int
    num_epochs: int
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warm_up: float = 0.1
    ema: float = 0.99
    smoothing: float = 0.15
    seed: int = 0
    optimizer: Literal["adamw", "sgd"] = "adamw"
    momentum: float = 0.9
    decays: Literal["matrices", "all"] = "matrices"
    schedule: Literal["cosine", "steps"] = "cosine"
    steps: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    max_norm: float | None = 1.0
    accumulate: int = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    backbone: BackboneLearning | None = None


def natural_hyperparameters(
    films: Sequence[TrainingFilm],
    labels: Sequence[str],
    head: HeadKind,
    fps: Fraction,
    *,
    motion: Motion = "changes",
    global_token: bool = True,
    seed: int = 0,
    num_epochs: int | None = None,
) -> Hyperparameters:
    """The hyperparameters that suit these films, all of one rate. global_token: False for a model that can be followed.
    Raises ValueError without films.
    """
    if not films:
        raise ValueError("there is nothing to learn from")
    lengths = [len(film.values) for film in films]
    kind = HEADS[head]
    longest = longest_segment(films) if kind.learns_segments else 0  # longer than a crop, it would never be asked about
    crop = _even(min(max(lengths), MAX_CROP, max(64, round(CROP_S * fps), math.ceil(longest))))
    batch_size = max(8 if kind.names_clips else 1, BATCH_POSITIONS // crop)
    steps = math.ceil(sum(max(1, math.ceil(n / crop)) for n in lengths) / batch_size)  # an epoch
    window = _even(max(4, round(WINDOW_S * fps)))
    lags = tuple(sorted({max(1, round(lag_s * fps)) for lag_s in LAGS_S[motion]}))
    return Hyperparameters(
        encoder=EncoderConfig(
            input_width=films[0].values.shape[1],
            width=WIDTH,
            num_heads=4,
            feedforward_width=2 * WIDTH,
            attention_windows=(window,) * NUM_LAYERS,
            positions="none",
            difference_lags=lags if motion == "changes" else (),
            magnitude_lags=lags if motion == "sizes of changes" else (),
            reads_embeddings=motion != "sizes of changes",
            standardized=True,
            input_dropout=0.3,
            dropout=0.3,
            global_token=global_token,
        ),
        head=kind.config_for(films, len(labels), WIDTH),
        crop_positions=crop,
        batch_size=batch_size,
        num_epochs=num_epochs or min(MAX_EPOCHS, max(MIN_EPOCHS, math.ceil(NUM_STEPS / steps))),
        seed=seed,
    )


def followed(head: HeadConfig, fps: Fraction) -> HeadConfig:
    """The head of a model that can be followed: what it says of a moment depends on what is near in time alone."""
    if isinstance(head, LocalizationConfig):
        return replace(head, in_blocks=True)
    if isinstance(head, DenseConfig):
        return replace(head, max_lag=max(1, round(MAX_LAG_S * fps)))
    return head


def _even(number: int) -> int:
    return number + number % 2
