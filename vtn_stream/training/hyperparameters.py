"""How a network is trained, and how this follows from the data; users set nothing here.

T positions of a film's grid, K classes
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from vtn_stream.heads import HEADS
from vtn_stream.heads.labelled_film import longest_segment
from vtn_stream.model import EncoderConfig, HeadConfig
from vtn_stream.training.events import HeadKind
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.ways import Motion

__all__ = ["Hyperparameters", "natural_hyperparameters"]

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
NUM_STEPS = 200  # at least, whatever the data: below, the network has not converged
MIN_EPOCHS, MAX_EPOCHS = 10, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """One way to train.

    crop_positions  of a film that are learnt at once; batch_size, crops at once
    weight_decay    of matrices; never of biases, norms, scales and tables
    ema             the share of old weights in the running mean, once it has run in
    smoothing       a dense head's weight of changes between neighbouring positions
    """

    encoder: EncoderConfig
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


def natural_hyperparameters(
    films: Sequence[TrainingFilm],
    labels: Sequence[str],
    head: HeadKind,
    fps: Fraction,
    *,
    motion: Motion = "changes",
    seed: int = 0,
    num_epochs: int | None = None,
) -> Hyperparameters:
    """The hyperparameters that suit these films, all of one rate. Raises ValueError without films."""
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
        ),
        head=kind.config_for(films, len(labels), WIDTH),
        crop_positions=crop,
        batch_size=batch_size,
        num_epochs=num_epochs or min(MAX_EPOCHS, max(MIN_EPOCHS, math.ceil(NUM_STEPS / steps))),
        seed=seed,
    )


def _even(number: int) -> int:
    return number + number % 2
