"""The best sequence of labels, given how long each must last and what each change costs. Knows numpy only.

T positions, K labels
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["decode_labels"]


def decode_labels(
    scores: NDArray[np.floating], min_positions: NDArray[np.integer], change_cost: NDArray[np.floating]
) -> NDArray[np.intp]:
    """[T]: the labels with the highest sum of scores [T, K], minus change_cost [K, K] (from, to) at every change.

    A run of label k is at least min_positions[k] long; in a sequence shorter than all of these one label holds. Scores
    are log-probabilities, or anything that adds up; -inf forbids a label at a position, +inf in change_cost a change.

    Viterbi over runs instead of positions: label k can hold at t because it did at t - 1, or because a run of the least
    length ends here, whose sum is a difference of two running sums. O(T K^2), whatever the least lengths are.
    """
    num, num_labels = scores.shape
    least = np.maximum(np.asarray(min_positions, np.intp), 1)
    if least.shape != (num_labels,) or change_cost.shape != (num_labels, num_labels):
        raise ValueError(
            f"{num_labels} labels, but {list(least.shape)} least lengths and costs {list(change_cost.shape)}"
        )
    if num == 0:
        return np.zeros(0, np.intp)
    if num < least.min():
        return np.full(num, int(np.asarray(scores, np.float64).sum(axis=0).argmax()))

    # -inf would make differences of sums undefined: far below every sum of real scores serves
    finite = np.asarray(scores, np.float64)
    worst = -1.0 - 2 * num * float(np.abs(np.where(np.isfinite(finite), finite, 0)).max(initial=1.0))
    finite = np.maximum(finite, worst)
    total = np.concatenate([np.zeros((1, num_labels)), np.cumsum(finite, axis=0)])  # [T + 1, K]
    cost = np.array(change_cost, np.float64)
    np.fill_diagonal(cost, np.inf)  # a run does not change into itself

    label = np.arange(num_labels)
    best = np.full(num_labels, -np.inf)  # of the first t positions, the last run whole and of label k
    # A day has 864,000 positions: what is kept of each is no wider than it must be.
    begin = np.zeros((num + 1, num_labels), np.int32)  # where that run begins
    came_from = np.zeros((num + 1, num_labels), np.int32)  # the label before it
    entry = np.full((num + 1, num_labels), -np.inf)  # of the first t positions, if a run of label k begins there
    entry_from = np.zeros((num + 1, num_labels), np.int32)
    entry[0] = 0
    for t in range(1, num + 1):
        starts = t - least
        can = starts >= 0
        at = np.maximum(starts, 0)
        fresh = np.where(can, entry[at, label] + total[t] - total[at, label], -np.inf)
        kept = best + finite[t - 1]
        is_fresh = fresh > kept
        best = np.where(is_fresh, fresh, kept)
        begin[t] = np.where(is_fresh, at, begin[t - 1])
        came_from[t] = np.where(is_fresh, entry_from[at, label], came_from[t - 1])
        ways = best[:, None] - cost  # [from, to]
        entry_from[t] = ways.argmax(axis=0)
        entry[t] = ways[entry_from[t], label]

    result = np.zeros(num, np.intp)
    stop, k = num, int(best.argmax())
    while True:
        start, previous = int(begin[stop, k]), int(came_from[stop, k])
        result[start:stop] = k
        if start == 0:
            return result
        stop, k = start, previous
