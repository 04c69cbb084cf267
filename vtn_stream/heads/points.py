"""What a localization head says of a piece: at the points of a pyramid, or, if the model is linear, at its positions.

K classes, n points or positions
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vtn_stream.heads.calibration import AS_IT_IS, Calibration, odds, share
from vtn_stream.heads.pieces import Piece, finite_on_cpu
from vtn_stream.model import VTN
from vtn_stream.model.heads import LinearSpanHead

__all__ = ["LevelPoints", "calibrated", "level_points", "moved", "position_scores"]


class LevelPoints(NamedTuple):
    """Points first, first + 1 ... of level `number`, at every 2^number-th position: scores [n, K], offsets [n, 2]."""

    number: int
    first: int
    scores: NDArray[np.float32]
    offsets: NDArray[np.float32]


@torch.inference_mode()
def level_points(network: VTN, piece: Piece) -> tuple[NDArray[np.float16], list[LevelPoints]]:
    """The scores [n, K] of the piece's positions, 0 where not valid: the highest of the points that are nearest, one a
    level; and the levels' points of these positions. Raises CheckpointError if the network gives no numbers.
    """
    start, stop, first, frames, valid = piece
    known = torch.from_numpy(valid)[None].to(frames.device)
    best = np.zeros((stop - start, network.config.head.num_classes), np.float32)
    at = np.arange(start, stop)
    levels = []
    for number, (logits, offsets, there) in enumerate(zip(*network.head(frames, known), strict=True)):
        stride = 2**number
        scores = finite_on_cpu((logits.float().sigmoid() * there[..., None])[0])  # [n / stride, K]
        nearest = np.minimum((at + stride // 2) // stride - first // stride, len(scores) - 1)
        np.maximum(best, scores[nearest], out=best)
        own = slice((start - first) // stride, -(-(stop - first) // stride))
        levels.append(LevelPoints(number, start // stride, scores[own], finite_on_cpu(offsets[0, own])))
    return (best * valid[piece.own, None]).astype(np.float16), levels


@torch.inference_mode()
def position_scores(network: VTN, piece: Piece) -> NDArray[np.float32]:
    """[n, K] of the piece's positions, before they are calibrated."""
    return finite_on_cpu(network.head(piece.frames).float().sigmoid()[0])[piece.own]


def moved(network: VTN, scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scores of a linear model, calibrated as its head says."""
    head = network.head
    assert isinstance(head, LinearSpanHead)
    calibration = Calibration(scale=float(head.scale), shift=float(head.shift))
    return scores.astype(np.float64) if calibration == AS_IT_IS else calibrated(scores, calibration)


def calibrated(scores: NDArray[np.floating], calibration: Calibration) -> NDArray[np.float64]:
    return share(calibration.scale * odds(scores) + calibration.shift)
