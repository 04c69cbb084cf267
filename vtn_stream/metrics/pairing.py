"""Which events of two annotators are the same event: pairs of one label, the closest first.

Each event is in one pair at most. Pairs are taken in order of how close they are, so those within a small tolerance are
also pairs within a larger one. Equally close pairs are taken in order of time, in a way that does not depend on whose
events are named first.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import InputError

__all__ = ["Pair", "paired_by_ends", "paired_by_overlap"]

MAX_CANDIDATES = 10_000_000  # pairs that are looked at: about 1 GB

Events = Sequence[tuple[float, float]]  # start_s, end_s of events of one label; equal for an instant
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Pair(NamedTuple):
    """a and b: the numbers of the events, on each side. away: how far their ends lie apart, or their tIoU."""

    a: int
    b: int
    away: float


def paired_by_ends(a: Events, b: Events, most_s: float) -> list[Pair]:
    """Pairs whose starts, and whose ends, both lie at most this far apart, to the microsecond. away: seconds, the
    larger of both.

    Raises InputError where too many events lie so close that the pairs cannot be looked at.
    """
    first, second = _array(a), _array(b)
    order = np.argsort(second[:, 0], kind="stable")
    starts = second[order, 0]
    reach_s = most_s + 1e-6
    low = np.searchsorted(starts, first[:, 0] - reach_s, "left")
    high = np.searchsorted(starts, first[:, 0] + reach_s, "right")
    left, right = _candidates(low, high, order)
    apart = np.round(np.abs(first[left] - second[right]) * 1e6)  # [P, 2] microseconds
    farthest = apart.max(axis=1)
    near = farthest <= round(most_s * 1e6)
    left, right, farthest, total = left[near], right[near], farthest[near], apart.sum(axis=1)[near]
    return _taken(first, second, left, right, [farthest, total], farthest / 1e6)


def paired_by_overlap(a: Events, b: Events, least: float) -> list[Pair]:
    """Pairs whose temporal intersection over union is at least this, above 0. away: their tIoU.

    Raises InputError where too many events overlap.
    """
    first, second = _array(a), _array(b)
    order = np.argsort(second[:, 0], kind="stable")
    ended = np.maximum.accumulate(second[order, 1]) if len(second) else second[:, 1]
    low = np.searchsorted(ended, first[:, 0], "right")
    high = np.searchsorted(second[order, 0], first[:, 1], "left")
    left, right = _candidates(low, np.maximum(low, high), order)
    shared = np.minimum(first[left, 1], second[right, 1]) - np.maximum(first[left, 0], second[right, 0])
    overlap = shared > 0
    left, right, shared = left[overlap], right[overlap], shared[overlap]
    lengths = (first[left, 1] - first[left, 0]) + (second[right, 1] - second[right, 0])
    tiou = np.round(shared / (lengths - shared), 9)
    enough = tiou >= least
    return _taken(first, second, left[enough], right[enough], [-tiou[enough]], tiou[enough])


def _array(events: Events) -> Floats:
    return np.asarray(events, np.float64).reshape(-1, 2)


def _candidates(low: Ints, high: Ints, order: Ints) -> tuple[Ints, Ints]:
    """The pairs of each first event with the second ones from low to high, in their order by start."""
    counts = high - low
    num = int(counts.sum())
    if num > MAX_CANDIDATES:
        raise InputError(
            f"{num:,} pairs of events of one label lie close enough to be the same event",
            "the events were not compared",
            "compare less at once, or with a smaller tolerance",
        )
    left = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(num) - np.repeat(counts.cumsum() - counts, counts)
    return left, order[np.repeat(low, counts) + within]


def _taken(first: Floats, second: Floats, left: Ints, right: Ints, keys: Sequence[Floats], away: Floats) -> list[Pair]:
    """Pairs by these keys, the first ones foremost, each event once."""
    one, other = first[left], second[right]
    low, high = np.minimum(one, other), np.maximum(one, other)
    by_time = (low[:, 0], high[:, 0], low[:, 1], high[:, 1])
    free_a, free_b = [True] * len(first), [True] * len(second)
    pairs = []
    for n in np.lexsort((*by_time[::-1], *keys[::-1])).tolist():
        i, j = int(left[n]), int(right[n])
        if free_a[i] and free_b[j]:
            free_a[i] = free_b[j] = False
            pairs.append(Pair(i, j, float(away[n])))
    return pairs
