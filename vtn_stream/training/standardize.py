"""The mean and the standard deviation of an encoder's inputs.

T positions of a film, F features of a position: its embedding, and differences to earlier ones
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from vtn_stream.model import TemporalEncoder
from vtn_stream.training.films import TrainingFilm

__all__ = ["standardize"]

PIECE = 1024  # positions whose features are looked at together: 31 MB in float64 where F is 3 x 1280
LEAST_DEVIATION = 1e-4  # what never changes tells nothing, and must not be blown up


@torch.no_grad()
def standardize(encoder: TemporalEncoder, films: Sequence[TrainingFilm]) -> None:
    """Gives the encoder the mean and standard deviation [F] of what it reads at the valid positions of the films."""
    total = torch.zeros(2, encoder.config.num_features, dtype=torch.float64)
    num = 0
    for features in (piece for film in films for piece in _features(encoder, film)):
        total += torch.stack([features.sum(0), features.square().sum(0)])
        num += len(features)
    mean = total[0] / max(1, num)
    deviation = (total[1] / max(1, num) - mean.square()).clamp(min=0).sqrt()
    encoder.input_mean.copy_(mean)
    encoder.input_deviation.copy_(torch.where(deviation > LEAST_DEVIATION, deviation, 1.0))


def _features(encoder: TemporalEncoder, film: TrainingFilm) -> Iterator[Tensor]:
    """float64 [n, F] of the film's valid positions, a piece at a time: they are wider than embeddings."""
    values, valid = torch.from_numpy(film.values), torch.from_numpy(film.index.valid)
    for start in range(0, len(values), PIECE):
        low, stop = max(0, start - encoder.config.history), start + PIECE
        features = encoder.features(values[None, low:stop].float(), valid[None, low:stop], history=start - low)[0]
        yield features[valid[start:stop]].double()
