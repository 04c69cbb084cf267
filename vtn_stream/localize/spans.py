"""What a pyramid proposes: the candidates of its points, the spans that remain of them, and their segments.

M spans, K classes, n points of a level
"""

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import FrameIndex
from vtn_stream.localize.clock import edges_s, seconds_at
from vtn_stream.localize.soft_nms import soft_nms
from vtn_stream.timeline import Segment
from vtn_stream.track import OperatingPoints, Spans

__all__ = [
    "MIN_SPAN_SCORE",
    "candidates",
    "joined",
    "located",
    "max_candidates_and_spans",
    "of_classes",
    "propose",
    "strongest",
    "subset",
]

# As Zhang et al., "ActionFormer" (2022) decode a pyramid. The two numbers are for half an hour of film and for less: an
# hour has twice as many actions.
NUM_CANDIDATES, NUM_SPANS, HALF_HOUR_S = 2000, 200, 1800
MIN_SPAN_SCORE = 0.001  # of a candidate, and of a span after soft-NMS
# A span after soft-NMS with this score is kept, however many there are: a ball may be passed 700 times in half an hour.
# Thresholds of labels that can be used lie above it.
ALWAYS_KEPT = 0.02
SHORTEST = 0.05  # positions


def candidates(
    scores: NDArray[np.floating],
    offsets: NDArray[np.floating],
    level: int,
    first: int = 0,
    *,
    min_score: float = MIN_SPAN_SCORE,
) -> Spans:
    """The proposals of the points first, first + 1 ... of a level: scores [n, K]; offsets [n, 2] to start and end, >=
    0, in strides of 2^level positions. In no order; points of a score below min_score propose nothing.
    """
    points, classes = np.nonzero(scores >= min_score)
    reach = offsets[points].astype(np.float64)
    bounds = (first + points[:, None] + reach * [-1, 1]) * 2**level
    return Spans(bounds=bounds, classes=classes, scores=scores[points, classes].astype(np.float64))


def propose(levels: Iterable[Spans], num_positions: int, fps: Fraction) -> Spans:
    """The strongest of the levels' candidates, without those they overlap (gaussian soft-NMS in each class)."""
    num_candidates, num_spans = max_candidates_and_spans(num_positions, fps)
    spans = joined([strongest(level, num_candidates) for level in levels])
    spans = subset(spans, np.flatnonzero(spans.bounds[:, 1] - spans.bounds[:, 0] >= SHORTEST))
    most = max(num_spans, int(np.count_nonzero(spans.scores >= ALWAYS_KEPT)))
    kept, scores = soft_nms(
        spans.bounds, spans.scores, spans.classes, max_segments=most, sigma=0.5, min_score=MIN_SPAN_SCORE
    )
    num = max(num_spans, int(np.count_nonzero(scores >= ALWAYS_KEPT)))  # descending
    return Spans(bounds=spans.bounds[kept[:num]], classes=spans.classes[kept[:num]], scores=scores[:num])


def max_candidates_and_spans(num_positions: int, fps: Fraction) -> tuple[int, int]:
    """How many candidates a level may have, and how many spans are kept in all, besides those that are ALWAYS_KEPT."""
    half_hours = max(Fraction(1), num_positions / Fraction(fps) / HALF_HOUR_S)
    return math.ceil(NUM_CANDIDATES * half_hours), math.ceil(NUM_SPANS * half_hours)


def strongest(spans: Spans, num: int) -> Spans:
    """At most the `num` highest, by descending score, then by class, start and end, so that their original order does
    not matter.
    """
    if 0 < num < len(spans):
        least = np.partition(spans.scores, len(spans) - num)[len(spans) - num]
        spans = subset(spans, np.flatnonzero(spans.scores >= least))
    start, end = spans.bounds.T
    return subset(spans, np.lexsort((end, start, spans.classes, -spans.scores))[:num])


def joined(parts: Sequence[Spans]) -> Spans:
    """Joins the parts, one after the other."""
    return Spans(
        bounds=np.concatenate([np.zeros((0, 2)), *(part.bounds for part in parts)]),
        classes=np.concatenate([np.zeros(0, np.int64), *(part.classes for part in parts)]),
        scores=np.concatenate([np.zeros(0), *(part.scores for part in parts)]),
    )


def of_classes(spans: Spans, chosen: Sequence[bool]) -> tuple[Spans, Spans]:
    """The spans whose class is chosen [K], and the others."""
    which = np.array(chosen, np.bool_)[spans.classes]
    return subset(spans, np.flatnonzero(which)), subset(spans, np.flatnonzero(~which))


def located(
    spans: Spans,
    index: FrameIndex,
    labels: Sequence[str],
    duration_s: float,
    points: OperatingPoints,
) -> list[Segment]:
    """A segment for each span whose score reaches its class's `high`, cut where the grid or the film ends. Spans that
    lie entirely in a gap are left out: no frame shows them.
    """
    if len(index) == 0:
        return []
    high = np.array([points.of(label).high for label in labels])
    spans = subset(spans, np.flatnonzero(spans.scores >= high[spans.classes]))
    edges = edges_s(index, duration_s)
    seconds = np.clip(seconds_at(spans.bounds, index), edges[0], edges[-1]) + 0.0  # which is how -0.0 becomes 0.0
    first = np.searchsorted(edges, seconds[:, 0], "right") - 1
    last = np.searchsorted(edges, seconds[:, 1], "left")
    num_valid = np.concatenate([[0], np.cumsum(index.valid)])
    seen = (seconds[:, 0] < seconds[:, 1]) & (num_valid[last] > num_valid[first])
    return [
        Segment(
            start_s=float(seconds[i, 0]),
            end_s=float(seconds[i, 1]),
            label=labels[spans.classes[i]],
            score=round(float(spans.scores[i]), 4),
        )
        for i in np.flatnonzero(seen)
    ]


def subset(spans: Spans, which: NDArray[np.intp] | NDArray[np.bool_]) -> Spans:
    """Some of the spans: their numbers, or a mask [M]."""
    return Spans(bounds=spans.bounds[which], classes=spans.classes[which], scores=spans.scores[which])
