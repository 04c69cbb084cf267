"""Spans of labels that are scored position by position: runs of positions above one level or another.

T positions, K classes, M spans

Zhao et al., "Temporal Action Detection with Structured Segment Networks" (2017), section 4 (temporal actionness
grouping): every level gives its own runs. Shou et al., "AutoLoc" (2018), section 3.3: a run is as good as it differs
from what is beside it; by its own mean, the middle of an action would beat the action.
"""

import numpy as np
from numpy.typing import NDArray

from vtn_stream.track import Spans

__all__ = ["groups"]

FLANK = 0.25  # of a run's length
LEVELS = (0.02, *(k / 20 for k in range(1, 20)))


def groups(scores: NDArray[np.floating], valid: NDArray[np.bool_], reach: int = 0) -> Spans:
    """The runs [M] of valid positions where a class scores [T, K], on average over `reach` positions to each side, at
    least a level, for each of LEVELS; a run that several levels give is there once, if it scores above 0.

    A run is scored with the mean of its class less that of its flanks, a quarter of its length to each side, and begins
    and ends midway between two positions.
    """
    num, there = len(scores), valid[:, None].astype(np.float64)
    seen = np.where(valid[:, None], scores, 0).astype(np.float64)
    if reach and num:
        seen = there * _sums(seen, reach) / np.maximum(_sums(there, reach), 1)
    total = np.concatenate([np.zeros((1, seen.shape[1])), seen.cumsum(axis=0)])
    found = []  # [M, 3] each: class, first position, end
    for level in LEVELS:
        above = np.zeros((num + 2, seen.shape[1]), np.int8)
        above[1:-1] = seen >= level
        change = np.diff(above, axis=0).T  # [K, T + 1], so that runs come class by class
        classes, starts = np.nonzero(change == 1)
        found.append(np.stack([classes, starts, np.nonzero(change == -1)[1]], 1))
    classes, starts, ends = np.unique(np.concatenate(found), axis=0).T
    flanks = np.maximum(1, np.round(FLANK * (ends - starts)).astype(np.int64))
    low, high = np.maximum(starts - flanks, 0), np.minimum(ends + flanks, num)
    inside = total[ends, classes] - total[starts, classes]
    outside = total[high, classes] - total[low, classes] - inside
    contrast = inside / np.maximum(ends - starts, 1) - outside / np.maximum(high - low - (ends - starts), 1)
    kept = contrast > 0
    return Spans(
        bounds=np.stack([starts, ends], 1)[kept] - 0.5,
        classes=classes[kept].astype(np.int64),
        scores=np.minimum(contrast[kept], 1.0),
    )


def _sums(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """[T, ...]: over the positions up to `reach` away."""
    total = np.concatenate([np.zeros((1, values.shape[1])), values.cumsum(axis=0)])
    at = np.arange(len(values))
    return total[np.minimum(at + reach + 1, len(values))] - total[np.maximum(at - reach, 0)]
