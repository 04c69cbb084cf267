"""Instants of spans: where an event that has no length lies, and which of several candidates are the same event.

M spans, K classes
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import FrameIndex
from vtn_stream.localize.clock import edges_s, seconds_at
from vtn_stream.localize.spans import joined, subset
from vtn_stream.timeline import Segment
from vtn_stream.track import OperatingPoints, Spans

__all__ = ["SAME_EVENT", "EventsSoFar", "instants"]

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
    events = _seen(spans, index, labels, points)
    found = strongest_of_each_event(events.bounds.mean(axis=1), events.scores, events.classes)
    return _at(subset(events, found), index, labels, duration_s)


class EventsSoFar:
    """The instants of spans that come in the order of their middles: each is told once no span that comes later can
    take it away, or be taken by it.
    """

    def __init__(self, labels: Sequence[str], points: OperatingPoints) -> None:
        self._labels, self._points = labels, points
        self._taken = joined([])  # told already; those that may take away others
        self._open = joined([])

    @property
    def first_open(self) -> float:
        """The first position at which an instant is not decided, of those that came."""
        return float(self._open.bounds.mean(axis=1).min(initial=np.inf))

    def add(self, spans: Spans, before: float, index: FrameIndex) -> list[Segment]:
        """The instants that are decided now. Spans that come later have their middle at `before`, a position of the
        index, or after it.
        """
        open_ = joined([self._open, _seen(spans, index, self._labels, self._points)])
        both = joined([self._taken, open_])
        middles = both.bounds.mean(axis=1)
        may_change = middles > before - SAME_EVENT
        state = _states(middles, both.scores, both.classes, may_change)
        is_new = np.arange(len(both)) >= len(self._taken)
        new = subset(both, (state == _TAKEN) & is_new)
        self._open = subset(both, state == _UNKNOWN)
        self._taken = subset(both, (state == _TAKEN) & (middles > min(before, self.first_open) - 2 * SAME_EVENT))
        return _at(new, index, self._labels, np.inf)

    def rest(self, spans: Spans, index: FrameIndex, duration_s: float) -> list[Segment]:
        """Those that are not told, if these spans were the last ones. Changes nothing."""
        open_ = joined([self._open, _seen(spans, index, self._labels, self._points)])
        both = joined([self._taken, open_])
        found = strongest_of_each_event(both.bounds.mean(axis=1), both.scores, both.classes)
        return _at(subset(both, found[found >= len(self._taken)]), index, self._labels, duration_s)


def _seen(spans: Spans, index: FrameIndex, labels: Sequence[str], points: OperatingPoints) -> Spans:
    """The spans of a score that is high enough, shrunk to their middles, where these show a frame."""
    if len(index) == 0 or len(spans) == 0:
        return subset(spans, np.zeros(0, np.intp))
    middles = np.clip(spans.bounds.mean(axis=1), 0, len(index) - 1)
    high = np.array([points.of(label).high for label in labels])
    seen = index.valid[np.round(middles).astype(np.intp)] & (spans.scores >= high[spans.classes])
    return Spans(bounds=np.stack([middles, middles], 1)[seen], classes=spans.classes[seen], scores=spans.scores[seen])


def _at(events: Spans, index: FrameIndex, labels: Sequence[str], duration_s: float) -> list[Segment]:
    if len(events) == 0:
        return []
    last_s = edges_s(index, duration_s)[-1]
    seconds = seconds_at(events.bounds[:, 0], index)
    return [
        Segment(start_s=time_s, end_s=time_s, label=labels[events.classes[m]], score=round(float(events.scores[m]), 4))
        for m, time_s in enumerate(seconds.tolist())
        if time_s < last_s
    ]


_TAKEN, _GONE, _UNKNOWN = range(3)


def _states(
    middles: NDArray[np.float64],
    scores: NDArray[np.float64],
    classes: NDArray[np.int64],
    may_change: NDArray[np.bool_],
) -> NDArray[np.int8]:
    """As `strongest_of_each_event` [M], where some may be taken away by candidates that are not there yet."""
    state = np.full(len(middles), _TAKEN, np.int8)
    for k in np.unique(classes):
        of_class = np.flatnonzero(classes == k)
        in_time = of_class[np.lexsort((-scores[of_class], middles[of_class]))]
        at = middles[in_time]
        low = np.searchsorted(at, at - SAME_EVENT, "right")
        high = np.searchsorted(at, at + SAME_EVENT, "left")
        gone, unknown = np.zeros(len(at), np.bool_), may_change[in_time].copy()
        for m in np.argsort(-scores[in_time], kind="stable").tolist():
            near = slice(low[m], high[m])
            if gone[m]:
                continue
            if unknown[m]:
                unknown[near] = True
            else:
                gone[near] = True
                gone[m] = False
        state[in_time] = np.where(gone, _GONE, np.where(unknown, _UNKNOWN, _TAKEN))
    return state


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
