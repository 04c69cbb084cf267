"""Where a film may change for good between sampled frames: what is worth looking at frame by frame. Knows numpy only.

A change is suspected where two frames, at most MAX_CHANGE_S apart, differ by more than their surroundings do. There are
two tests, as shots of one or two sampled frames have no surroundings: of the two frames by themselves, and of the means
of some frames before and after. Both are lenient: what is suspected wrongly costs decoding, and nothing else.

    T positions, d width of the points
"""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

__all__ = ["LONGEST_S", "longest", "reach", "suspected_steps", "suspects"]

MAX_CHANGE_S = 2.0  # fades and dissolves
AROUND_S = 3.0  # the calm of a film is measured so far to each side, as a quartile: it holds while shots are short
SIDE_S = 1.5  # whose frames are averaged on each side
LONGEST_S = 8.0  # of what is looked at at once: all its pictures are compared with one another
# How often a difference is that of neighbouring frames in calm surroundings. Chosen on joins of shots: the first finds
# cuts and costs much in motion, the second finds slow changes.
ALONE, MEANS = 4.5, 3.5
BESIDE_S = 0.5  # of a slow change, to see how calm its sides are
# A step that is this part of a slower change is all of it.
SHARP = 0.8


def suspects(points: NDArray[np.float32], fps: Fraction, noise: float) -> NDArray[np.intp]:
    """[C, 2], ascending: between each two positions [a, b] the film may change for good.

    points  [T, d] unit vectors, one for each position of a grid with fps positions a second
    noise   the squared distance below which two pictures are the same
    """
    suspected = suspected_steps(points, fps, noise)
    bounds = np.flatnonzero(np.diff(suspected, prepend=False, append=False)).reshape(-1, 2)
    most = longest(fps)
    parts = [(a, min(a + most, stop)) for start, stop in bounds.tolist() for a in range(start, stop, most)]
    return np.array(parts, np.intp).reshape(-1, 2)


def suspected_steps(points: NDArray[np.float32], fps: Fraction, noise: float) -> NDArray[np.bool_]:
    """[T - 1]: whether the film may change for good from position t to t + 1, of what `suspects` takes."""
    num = len(points)
    suspected = np.zeros(max(0, num - 1), np.bool_)
    if num < 2:
        return suspected
    steps = _distances(points[1:], points[:-1])
    around, side, beside, most = _lengths(fps)
    calm = np.maximum(_quartile(steps, around), noise)
    for length in sorted({1, *(max(1, round(most * share)) for share in (0.25, 0.5, 0.75, 1.0))}):
        if length >= num:
            break
        lowest = _lowest(calm, length)  # [T - length]: of the steps between both frames
        before, after, scatter = _sides(points, length, side)
        difference = _distances(after, before)
        seen = difference >= MEANS * np.maximum(lowest, 2 * scatter)
        if length == 1:
            suspected |= seen | (steps >= ALONE * calm)
            continue
        windows = np.lib.stride_tricks.sliding_window_view(steps, length)
        for start in np.flatnonzero(seen & (windows.max(axis=1) < SHARP * difference)):
            suspected[max(0, start - beside) : start + length + beside] = True
    return suspected


def longest(fps: Fraction) -> int:
    """Steps of a stretch at most."""
    return max(1, round(LONGEST_S * fps))


def reach(fps: Fraction) -> int:
    """So many positions before a step, and so many after it, decide whether it is suspected, and no others."""
    around, side, beside, most = _lengths(fps)
    return beside + most + max(around, side)


def _lengths(fps: Fraction) -> tuple[int, int, int, int]:
    """AROUND_S, SIDE_S, BESIDE_S and MAX_CHANGE_S in positions."""
    return (
        max(2, round(AROUND_S * fps)),
        max(1, round(SIDE_S * fps)),
        max(1, round(BESIDE_S * fps)),
        max(1, round(MAX_CHANGE_S * fps)),
    )


def _distances(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    difference = a - b
    return np.asarray(np.einsum("td,td->t", difference, difference), np.float64)


def _quartile(steps: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """[T - 1]: the lower quartile of the steps up to `reach` away; beyond the ends they are mirrored."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(steps, reach, mode="symmetric"), 2 * reach + 1)
    parts = np.array_split(windows, len(steps) // 4096 + 1)
    return np.concatenate([np.partition(part, reach // 2, axis=1)[:, reach // 2] for part in parts])


def _lowest(calm: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    return np.asarray(np.lib.stride_tricks.sliding_window_view(calm, length).min(axis=1))


def _sides(
    points: NDArray[np.float32], length: int, side: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The means [T - length, d] of up to `side` positions up to each start, and from each end on; how they scatter."""
    num = len(points)
    total = np.concatenate([np.zeros((1, points.shape[1])), np.cumsum(points, axis=0, dtype=np.float64)])
    squares = np.concatenate([[0.0], np.cumsum(np.einsum("td,td->t", points, points, dtype=np.float64))])
    start = np.arange(num - length)
    first, stop = np.maximum(start + 1 - side, 0), np.minimum(start + length + side, num)
    num_before, num_after = start + 1 - first, stop - start - length
    before = (total[start + 1] - total[first]) / num_before[:, None]
    after = (total[stop] - total[start + length]) / num_after[:, None]
    within = squares[start + 1] - squares[first] - num_before * np.einsum("td,td->t", before, before)
    within += squares[stop] - squares[start + length] - num_after * np.einsum("td,td->t", after, after)
    scatter = within / np.maximum(num_before + num_after - 2, 1)
    return before, after, np.maximum(scatter, 0)
