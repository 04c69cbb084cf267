"""Grid scores to segments and gaps. THE place where positions become seconds; knows no model and no file.

T positions, K classes. A position speaks of the time around it: the border between positions p-1 and p lies
midway between their grid times, so that a border drawn from samples is off by half a step at most.

    grid     t0      t1      t2      t3
    edges  |     |       |       |       |
           0    mid     mid     mid     end
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import FrameIndex
from vtn_stream.timeline import Curve, Gap, Segment
from vtn_stream.track import GridScores, OperatingPoint

__all__ = ["curve", "edges_s", "gaps", "peaks", "runs"]

MAX_CURVE_POINTS = 2000  # more than the pixels of a wide screen


def edges_s(index: FrameIndex, duration_s: float) -> NDArray[np.float64]:
    """float64 [T + 1]: position p stands for [edges[p], edges[p + 1]) seconds. For T >= 1, of a grid from p = 0
    or from a later one; the last position stands until the next would come or the film ends.
    """
    grid_s = index.grid_s
    step_s = float(grid_s[1] - grid_s[0]) if len(grid_s) > 1 else duration_s
    first = 0.0 if grid_s[0] < step_s / 2 else grid_s[0] - step_s / 2
    last = min(duration_s, grid_s[-1] + step_s)
    return np.concatenate([[first], (grid_s[1:] + grid_s[:-1]) / 2, [last]])


def runs(scores: GridScores, index: FrameIndex, labels: Sequence[str], duration_s: float) -> list[Segment]:
    """One segment for each run of positions with the same best class, scored with the mean of that class.

    Positions that are invalid, or where no class scores above 0, belong to none and break a run.
    """
    if scores.frame is None or scores.frame.shape[1] == 0 or len(index) == 0:
        return []
    edges = edges_s(index, duration_s)
    best = scores.frame.argmax(axis=1)
    value = np.take_along_axis(scores.frame, best[:, None], axis=1)[:, 0]
    best = np.where(index.valid & (value > 0), best, -1)
    return [
        Segment(
            start_s=float(edges[start]),
            end_s=float(edges[stop]),
            label=labels[best[start]],
            score=round(float(value[start:stop].mean(dtype=np.float64)), 4),
        )
        for start, stop in _runs(best)
        if best[start] >= 0
    ]


def peaks(
    scores: GridScores,
    index: FrameIndex,
    labels: Sequence[str],
    duration_s: float,
    point: OperatingPoint,
    points: Mapping[str, OperatingPoint] | None = None,
) -> list[Segment]:
    r"""For each class, by itself, the stretches that stay at `low` or above and reach `high` somewhere (hysteresis).

    high   - - - - - - - -.-.- - -
    low    - - .-. - - - / - \ - -        The first bump is left out. The second is one segment, scored with its peak;
           ___/   \_____/     \___        attribute peak_s says when that is.
                       |------|

    points are those of labels that have their own. Classes overlap where several hold. Invalid positions end a segment.
    """
    if scores.frame is None or len(index) == 0:
        return []
    edges, found = edges_s(index, duration_s), []
    highest = scores.frame.max(axis=0)  # most of many classes never come near their point
    for k, label in enumerate(labels):
        at = (points or {}).get(label, point)
        if highest[k] < np.float16(at.high):
            continue
        values = scores.frame[:, k]
        holds = index.valid & (values >= np.float16(at.low))
        for start, stop in _runs(holds):
            peak = start + int(values[start:stop].argmax())
            if holds[start] and values[peak] >= np.float16(at.high):
                found.append(
                    Segment(
                        start_s=float(edges[start]),
                        end_s=float(edges[stop]),
                        label=label,
                        score=round(float(values[peak]), 4),
                        attributes={"peak_s": f"{index.grid_s[peak]:.3f}"},
                    )
                )
    return found


def gaps(of: NDArray[np.bool_], index: FrameIndex, duration_s: float, reason: str) -> list[Gap]:
    """A gap for each run of positions where `of` [T] holds."""
    if len(index) == 0:
        return []
    edges = edges_s(index, duration_s)
    return [
        Gap(start_s=float(edges[start]), end_s=float(edges[stop]), reason=reason)
        for start, stop in _runs(of)
        if of[start]
    ]


def curve(values: NDArray[np.floating], index: FrameIndex) -> Curve | None:
    """values [T] over time, decimated by maxima to at most 2000 points; None where there are too few to draw."""
    if len(index) < 2:
        return None
    every = -(-len(values) // MAX_CURVE_POINTS)
    padded = np.zeros(-(-len(values) // every) * every)
    padded[: len(values)] = values
    peaks = padded.reshape(-1, every).max(axis=1)
    step_s = float(index.grid_s[1] - index.grid_s[0])
    return Curve(start_s=float(index.grid_s[0]), step_s=step_s * every, values=tuple(round(float(v), 4) for v in peaks))


def _runs(values: NDArray[np.integer] | NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[start, stop) of each run of equal values."""
    borders = np.flatnonzero(values[1:] != values[:-1]) + 1
    return list(zip([0, *borders.tolist()], [*borders.tolist(), len(values)], strict=True))
