"""Hierarchical clustering by average or complete linkage, from a matrix of distances.

scipy has the same, and the tests compare them; importing it takes a quarter of the time that scenes of an hour take
whose embeddings are stored. P things, K groups.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["groups", "squared_distances"]


def groups(
    distances: NDArray[np.float64], linkage: Literal["average", "complete"], *, limit: float = np.inf, most: int = 1
) -> NDArray[np.intp]:
    """The group of each thing [P], numbered from 0: the two nearest groups are joined, until none are nearer than or
    at the limit, or no more than `most` groups are left.

    distances  [P, P], symmetric; between groups it is the mean over their pairs (average), or the largest (complete)
    """
    between = distances.astype(np.float64)  # [P, P] of groups, each in the row of its first thing; a copy
    np.fill_diagonal(between, np.inf)
    nearest = between.argmin(axis=1)
    how_near = between.min(axis=1)
    sizes = np.ones(len(between))
    group = np.arange(len(between))
    for _ in range(len(between) - most):
        a = int(how_near.argmin())
        if how_near[a] > limit:
            break
        first, second = sorted((a, int(nearest[a])))
        joined = between[[first, second]]
        if linkage == "average":
            row = (sizes[first] * joined[0] + sizes[second] * joined[1]) / (sizes[first] + sizes[second])
        else:
            row = joined.max(axis=0)
        row[[first, second]] = np.inf
        between[first] = between[:, first] = row
        between[second] = between[:, second] = how_near[second] = np.inf
        sizes[first] += sizes[second]
        group[group == second] = first
        # no group comes nearer by this: only those look anew whose nearest was one of the two
        stale = np.flatnonzero(np.isfinite(how_near) & ((nearest == first) | (nearest == second)))
        stale = np.union1d(stale, first)
        nearest[stale] = between[stale].argmin(axis=1)
        how_near[stale] = between[stale].min(axis=1)
    return np.unique(group, return_inverse=True)[1]


def squared_distances(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Squared Euclidean distances [M, N] of vectors [M, d] and [N, d]."""
    left, right = a.astype(np.float64), b.astype(np.float64)
    squares = np.square(left).sum(axis=1)[:, None] + np.square(right).sum(axis=1)
    return np.asarray(np.maximum(squares - 2 * left @ right.T, 0))
