"""What a model says of each label over time, small enough for a page. T positions, K labels, N points of a curve."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVELS", "MAX_POINTS", "UNKNOWN", "LabelCurves", "label_curves"]

MAX_POINTS = 2000  # more than the pixels of a wide screen
LEVELS, UNKNOWN = 250, 255  # 0 to LEVELS stand for 0 to 1; steps of 0.004


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelCurves:
    """Curves of one clock.

    name     what the values are: "probability", or "score"
    start_s  when the first point begins; each lasts step_s
    peaks    whether a point is the highest of several positions
    values   label -> uint8 [N]: 0 to LEVELS, or UNKNOWN
    """

    name: str
    start_s: float
    step_s: float
    peaks: bool
    values: Mapping[str, NDArray[np.uint8]]


def label_curves(
    frame: NDArray[np.float16],
    grid_s: NDArray[np.float64],
    known: NDArray[np.bool_],
    labels: Sequence[str],
    *,
    only: Collection[str],
    name: str,
) -> LabelCurves | None:
    """The curves of some labels, each point the highest of its positions; None where there is nothing to draw.

    frame   [T, K], 0..1
    grid_s  [T]: when each position is, evenly spaced; it stands for the time around it
    known   [T]: whether the position was looked at
    only    labels that are wanted; others are not copied
    """
    if len(grid_s) < 2 or frame.shape != (len(grid_s), len(labels)):
        return None
    every = -(-len(grid_s) // MAX_POINTS)
    num = -(-len(grid_s) // every)
    step_s = float(grid_s[-1] - grid_s[0]) / (len(grid_s) - 1)
    values = {}
    for k, label in enumerate(labels):
        if label not in only:
            continue
        levels = np.full(num * every, -1, np.int16)
        levels[: len(grid_s)] = np.where(known, np.round(np.clip(frame[:, k], 0, 1) * np.float32(LEVELS)), -1)
        highest = levels.reshape(num, every).max(axis=1)
        values[label] = np.where(highest < 0, UNKNOWN, highest).astype(np.uint8)
    if not values:
        return None
    start_s = float(grid_s[0]) - step_s / 2
    return LabelCurves(name=name, start_s=start_s, step_s=step_s * every, peaks=every > 1, values=values)
