"""Turns positions into seconds, and values at positions into gaps and curves.

T positions. A position stands for the time around it: the border between positions p-1 and p lies midway between their
grid times, so that a border drawn from samples is off by half a step at most. Where a cut was placed between the two,
the border is there: when the first frame after the cut appears.

    grid     t0      t1      t2      t3
    edges  |     |       |    |          |
           0    mid     mid  cut        end

The bounds of spans are not samples: 2.5 is the time midway between t2 and t3.

The grid of a recording of several files may have a shorter step before each join. Times are read between neighbours
there. On an even grid all follows from its ends, so that no digit is lost: a step differs by what floats lose.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import CLOCK_TOLERANCE_S, FrameIndex
from vtn_stream.timeline import Curve, Gap, Segment

__all__ = [
    "MAX_CURVE_POINTS",
    "curve",
    "edges_s",
    "gaps",
    "grid_step_s",
    "is_even",
    "positions",
    "runs_of",
    "seconds_at",
]

MAX_CURVE_POINTS = 2000  # more than the pixels of a wide screen


def edges_s(index: FrameIndex, duration_s: float) -> NDArray[np.float64]:
    """float64 [T + 1]: position p stands for [edges[p], edges[p + 1]) seconds. For T >= 1, of a grid from p = 0
    or from a later one; the last position stands until the next would come or the film ends.
    """
    grid_s = index.grid_s
    step_s = duration_s
    if len(grid_s) > 1:
        step_s = float(grid_s[1] - grid_s[0]) if is_even(index) else grid_step_s(index)
    first = 0.0 if grid_s[0] < step_s / 2 else grid_s[0] - step_s / 2
    last = min(duration_s, grid_s[-1] + step_s)
    starts = np.concatenate([[first], (grid_s[1:] + grid_s[:-1]) / 2])
    if index.cut_s is not None:
        starts = np.where(np.isnan(index.cut_s), starts, index.cut_s)
    return np.append(starts, last)


def positions(segments: Iterable[Segment], index: FrameIndex) -> NDArray[np.float64]:
    """float64 [N, 2]: where segments start and end on the grid, in positions; `located` is the way back."""
    seconds = np.array([(s.start_s, s.end_s) for s in segments], np.float64).reshape(-1, 2)
    if is_even(index):
        return (seconds - index.grid_s[0]) / grid_step_s(index)
    return _between(seconds, index.grid_s, np.arange(len(index), dtype=np.float64), 1 / grid_step_s(index))


def seconds_at(positions: NDArray[np.float64], index: FrameIndex) -> NDArray[np.float64]:
    """The times at which these positions are: float64 of the same shape, in whole microseconds, as a film's own clock
    has them; less is noise of the arithmetic.
    """
    if is_even(index):
        return np.round(index.grid_s[0] + positions * grid_step_s(index), 6)
    numbers = np.arange(len(index), dtype=np.float64)
    return np.round(_between(positions, numbers, index.grid_s, grid_step_s(index)), 6)


def grid_step_s(index: FrameIndex) -> float:
    """The step, measured over the whole grid: the difference of two late neighbours has lost digits. 1 s for one
    position. Of an uneven grid the longest one: only those before joins are shorter.
    """
    if len(index) < 2:
        return 1.0
    if not is_even(index):
        return float(np.diff(index.grid_s).max())
    return float(index.grid_s[-1] - index.grid_s[0]) / (len(index) - 1)


def is_even(index: FrameIndex) -> bool:
    """Whether all steps are equal, but for what floats lose."""
    steps = np.diff(index.grid_s)
    return not len(steps) or float(steps.max() - steps.min()) < CLOCK_TOLERANCE_S


def _between(
    of: NDArray[np.float64], known: NDArray[np.float64], there: NDArray[np.float64], slope: float
) -> NDArray[np.float64]:
    """Where `of` is, if `known` [T] are `there` [T], both ascending: straight from one to the next, and with this slope
    beyond the first and the last.
    """
    inside: NDArray[np.float64] = np.interp(of, known, there)
    return inside + slope * (np.minimum(of - known[0], 0) + np.maximum(of - known[-1], 0))


def gaps(of: NDArray[np.bool_], index: FrameIndex, duration_s: float, reason: str) -> list[Gap]:
    """A gap for each run of positions where `of` [T] holds."""
    if len(index) == 0:
        return []
    edges = edges_s(index, duration_s)
    return [
        Gap(start_s=float(edges[start]), end_s=float(edges[stop]), reason=reason)
        for start, stop in runs_of(of)
        if of[start]
    ]


def curve(values: NDArray[np.floating], index: FrameIndex) -> Curve | None:
    """values [T] over time, decimated by maxima to at most 2000 points; None if there are too few to draw."""
    if len(index) < 2:
        return None
    if not is_even(index):
        values = _evenly(values, index)
    every = -(-len(values) // MAX_CURVE_POINTS)
    padded = np.zeros(-(-len(values) // every) * every)
    padded[: len(values)] = values
    peaks = padded.reshape(-1, every).max(axis=1)
    step_s = float(index.grid_s[1] - index.grid_s[0]) if is_even(index) else grid_step_s(index)
    return Curve(start_s=float(index.grid_s[0]), step_s=step_s * every, values=tuple(round(float(v), 4) for v in peaks))


def _evenly(values: NDArray[np.floating], index: FrameIndex) -> NDArray[np.floating]:
    """The values at equal steps from the first position on: of those that are nearest to one, the highest."""
    at = np.rint((index.grid_s - index.grid_s[0]) / grid_step_s(index)).astype(np.intp)
    evenly = np.zeros(at[-1] + 1, values.dtype)
    np.maximum.at(evenly, at, values)
    return evenly


def runs_of(values: NDArray[np.integer] | NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[start, stop) of each run of equal values."""
    borders = np.flatnonzero(values[1:] != values[:-1]) + 1
    return list(zip([0, *borders.tolist()], [*borders.tolist(), len(values)], strict=True))
