"""Soft non-maximum suppression of segments in time (Bodla et al., "Soft-NMS", 2017, gaussian). Knows numpy only.

N candidates, M kept
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["soft_nms"]

_GONE = -1.0  # the score of what was taken
_BLOCK = 256  # candidates of which only the highest score is remembered: a choice looks at N / 256 of them


def soft_nms(
    segments: NDArray[np.floating],
    scores: NDArray[np.floating],
    classes: NDArray[np.integer],
    *,
    max_segments: int,
    sigma: float = 0.5,
    min_score: float = 0.001,
    fixed: NDArray[np.bool_] | None = None,
    always: float = np.inf,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Take the highest again and again; segments of its class that overlap it have their score multiplied by
    exp(-tIoU^2 / sigma).

    segments  [N, 2], start <= end, in any unit; scores [N], in 0..1; classes [N]
    fixed     [N] those whose score is decided: they take others' score in their turn, and nothing takes of theirs

    always    those that have at least this score by then do not count towards max_segments, and the fixed ones neither

    Returns which were taken [M] and their scores by then [M], descending; those below min_score are left out, and so is
    what comes after max_segments. The order of the candidates does not matter: of equal scores the lower class goes
    first, then the earlier start, the earlier end.

    Only what can overlap is looked at, and the highest is found among the highest of blocks: an hour takes a fraction
    of a second, and a day not 24 times the square.
    """
    segments = np.asarray(segments, np.float64).reshape(-1, 2)
    if not len(segments) == len(scores) == len(classes):
        raise ValueError(f"{len(segments)} segments, {len(scores)} scores and {len(classes)} classes")
    if np.any(segments[:, 0] > segments[:, 1]):
        raise ValueError("a segment ends before it starts")
    order = np.lexsort((segments[:, 1], segments[:, 0], classes))
    start, end = segments[order].T
    kinds, firsts = np.unique(np.asarray(classes)[order], return_index=True)
    borders = np.append(firsts, len(order))
    of_class = np.repeat(np.arange(len(kinds)), np.diff(borders))
    # ends before which nothing of a class reaches: the highest end so far tells where an overlap can begin
    reach = np.concatenate([np.maximum.accumulate(end[a:b]) for a, b in pairwise(borders)] or [end])

    num_blocks = -(-len(order) // _BLOCK)
    left = np.full(num_blocks * _BLOCK, _GONE)
    left[: len(order)] = np.asarray(scores, np.float64)[order]
    stays = np.zeros(len(order), np.bool_) if fixed is None else np.asarray(fixed, np.bool_)[order]
    highest = left.reshape(num_blocks, _BLOCK).max(axis=1)
    taken: list[int] = []
    values: list[float] = []
    num_counted = 0
    while num_counted < max_segments and num_blocks:
        block = int(highest.argmax())
        best = block * _BLOCK + int(left[block * _BLOCK : (block + 1) * _BLOCK].argmax())
        if left[best] < min_score:
            break
        taken.append(best)
        values.append(float(left[best]))
        num_counted += int(left[best] < always and not stays[best])
        left[best] = _GONE
        first, last = borders[of_class[best]], borders[of_class[best] + 1]
        low = first + np.searchsorted(reach[first:last], start[best], "right")
        high = first + np.searchsorted(start[first:last], end[best], "left")
        low, high = min(low, best), max(high, best + 1)  # a segment of no length overlaps nothing, not even itself
        near = slice(low, high)
        shared = np.minimum(end[near], end[best]) - np.maximum(start[near], start[best])
        union = np.maximum((end[near] - start[near]) + (end[best] - start[best]) - shared, 1e-300)
        tiou = np.clip(shared / union, 0, 1)
        left[near] *= np.where(stays[near], 1.0, np.exp(-(tiou**2) / sigma))
        blocks = slice(low // _BLOCK, (high - 1) // _BLOCK + 1)
        highest[blocks] = left.reshape(num_blocks, _BLOCK)[blocks].max(axis=1)
    return order[taken], np.array(values)
