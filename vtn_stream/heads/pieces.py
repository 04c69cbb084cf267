"""A film's tokens in pieces that a head reads one after the other, and its outputs as numpy arrays.

T positions, D width of a token
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vtn_stream.errors import CheckpointError

__all__ = ["Piece", "finite_on_cpu", "pieces"]

# Positions that a head looks at together, besides those to each side that it needs: 16 MB of tokens at D = 1024; of
# wider tokens, as statistics are, fewer.
PIECE = 4096
WIDTH = 1024


class Piece(NamedTuple):
    """frames [1, n, D] of positions [first, first + n): of [start, stop), and of those to each side that a head needs
    to say what happens there. valid [n]: which of them show anything. Where pieces always have one shape, some may lie
    before the film or after it: first may be below 0, and these are not valid.
    """

    start: int
    stop: int
    first: int
    frames: Tensor
    valid: NDArray[np.bool_]

    @property
    def own(self) -> slice:
        """[start, stop) of what a head says of the frames."""
        return slice(self.start - self.first, self.stop - self.first)


def pieces(
    tiles: Iterator[Tensor], num: int, halo: int = 0, *, valid: NDArray[np.bool_] | None = None
) -> Iterator[Piece]:
    """The film's `num` positions, each in [start, stop) of one piece. Pieces begin at multiples of 4 halos: there a
    pyramid pools as it does in the whole film, and at least two thirds of what a head computes is used.

    valid  [num]; None: all are
    """
    there = np.ones(num, np.bool_) if valid is None else valid
    held, first = next(tiles), 0
    most = max(1, min(PIECE, PIECE * WIDTH // held.shape[2]))
    step = most if halo == 0 else 4 * halo * max(1, most // (4 * halo))
    for start in range(0, num, step):
        stop = min(start + step, num)
        low, high = max(0, start - halo), min(stop + halo, num)
        parts = [held[:, low - first :]]
        have = first + held.shape[1]
        while have < high:
            parts.append(next(tiles))
            have += parts[-1].shape[1]
        held, first = torch.cat(parts, 1) if len(parts) > 1 else parts[0], low
        yield Piece(start, stop, low, held[:, : high - low], there[low:high])
    next(tiles, None)  # there is none: what follows the last one is to be done


def finite_on_cpu(tensor: Tensor) -> NDArray[np.float32]:
    """Raises CheckpointError if the network gives NaN or infinity."""
    values: NDArray[np.float32] = tensor.float().cpu().numpy()
    if not np.isfinite(values).all():
        raise CheckpointError("the model's output is not a number (NaN)", "no timeline was drawn", "use another model")
    return values
