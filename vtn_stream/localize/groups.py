"""Spans of labels that are scored position by position: runs of positions above one level or another.

T positions, K classes, M spans

Zhao et al., "Temporal Action Detection with Structured Segment Networks" (2017), section 4 (temporal actionness
grouping), without its watershed: every level gives its own runs.
"""

import numpy as np
from numpy.typing import NDArray

from vtn_stream.track import Spans

__all__ = ["groups"]

LEVELS = (0.02, *(k / 20 for k in range(1, 20)))


def groups(scores: NDArray[np.floating], valid: NDArray[np.bool_]) -> Spans:
    """The runs [M] of valid positions where a class scores [T, K] at least a level, for each of LEVELS; a run that
    several levels give is there once. It is scored with the mean of its class, and begins and ends midway between two
    positions.
    """
    num = len(scores)
    seen = np.where(valid[:, None], scores, 0).astype(np.float64)
    total = np.concatenate([np.zeros((1, seen.shape[1])), seen.cumsum(axis=0)])
    found = []  # [M, 3] each: class, first position, end
    for level in LEVELS:
        above = np.zeros((num + 2, seen.shape[1]), np.int8)
        above[1:-1] = seen >= level
        change = np.diff(above, axis=0).T  # [K, T + 1], so that runs come class by class
        classes, starts = np.nonzero(change == 1)
        found.append(np.stack([classes, starts, np.nonzero(change == -1)[1]], 1))
    classes, starts, ends = np.unique(np.concatenate(found), axis=0).T
    means = (total[ends, classes] - total[starts, classes]) / np.maximum(ends - starts, 1)
    return Spans(
        bounds=np.stack([starts, ends], 1) - 0.5, classes=classes.astype(np.int64), scores=np.clip(means, 0.0, 1.0)
    )
