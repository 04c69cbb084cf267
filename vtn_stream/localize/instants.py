"""Instants of spans: where an event that has no length lies, and which of several candidates are the same event.

M spans, K classes
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import FrameIndex
from vtn_stream.localize.clock import edges_s, seconds_at
from vtn_stream.timeline import Segment
from vtn_stream.track import OperatingPoints, Spans

__all__ = ["SAME_EVENT", "instants"]

SAME_EVENT = 2.0  # positions: candidates of a class that are less apart are one event, the strongest of them


def instants(
    spans: Spans,
    index: FrameIndex,
    labels: Sequence[str],
    duration_s: float,
    points: OperatingPoints,
) -> list[Segment]:
    """An instant at the middle of each span whose score reaches its class's `high`; of spans of a class whose middles
    are less than SAME_EVENT positions apart, only the strongest counts.

    Instants lie on the grid, from its first position to its last; those at a position without a frame are left out. A
    higher threshold leaves some out, and moves none.
    """
    if len(index) == 0 or len(spans) == 0:
        return []
    middles = np.clip(spans.bounds.mean(axis=1), 0, len(index) - 1)
    seen = index.valid[np.round(middles).astype(np.intp)]
    high = np.array([points.of(label).high for label in labels])
    candidates = np.flatnonzero(seen & (spans.scores >= high[spans.classes]))
    found = candidates[
        strongest_of_each_event(middles[candidates], spans.scores[candidates], spans.classes[candidates])
    ]
    last_s = edges_s(index, duration_s)[-1]
    seconds = seconds_at(middles[found], index)
    return [
        Segment(start_s=time_s, end_s=time_s, label=labels[spans.classes[m]], score=round(float(spans.scores[m]), 4))
        for m, time_s in zip(found.tolist(), seconds.tolist(), strict=True)
        if time_s < last_s
    ]


def strongest_of_each_event(
    middles: NDArray[np.float64], scores: NDArray[np.float64], classes: NDArray[np.int64]
) -> NDArray[np.intp]:
    """Which of candidates [M] remain, by descending score, when each takes away the weaker ones of its class that are
    less than SAME_EVENT positions away. Of equal scores the earlier one remains.
    """
    taken: list[int] = []
    for k in np.unique(classes):
        of_class = np.flatnonzero(classes == k)
        in_time = of_class[np.lexsort((-scores[of_class], middles[of_class]))]
        at = middles[in_time]
        low = np.searchsorted(at, at - SAME_EVENT, "right")
        high = np.searchsorted(at, at + SAME_EVENT, "left")
        free = np.ones(len(at), np.bool_)
        for m in np.argsort(-scores[in_time], kind="stable").tolist():
            if free[m]:
                taken.append(int(in_time[m]))
                free[low[m] : high[m]] = False
    order = np.array(taken, np.intp)
    return order[np.lexsort((middles[order], -scores[order]))]
