"""The newest positions of a film: between which of them the shot may change, so that pictures are worth looking at, and
where their embeddings show a change at once and for good. numpy only.

What is decided of a position is decided when so many more positions have come, and never again:

    rows  . . . . . . . . . . . . . . . . . . . .      a row is a position with a frame that the one before did not show
          decided         |<---- margin ---->|
                          ^                  ^
                          edge               end
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vtn_stream.scorers.recognition import PRIOR, SAME_SCENE, Sums
from vtn_stream.scorers.structure import CONTRAST, contrast_of, noise_in, sharp
from vtn_stream.scorers.suspects import longest, reach, suspected_steps

__all__ = ["Decided", "RecentRows", "Total", "margin"]

# Of peaks nearer to one another than the shortest scene the highest is taken: so many of them in a row are weighed.
WEIGHED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Of some points: how many, their sum [d], the sum of their squares."""

    num: int = 0
    sum: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    squares: float = 0.0

    @classmethod
    def of(cls, points: NDArray[np.float32]) -> "Total":
        return cls(
            num=len(points),
            sum=points.sum(axis=0, dtype=np.float64),
            squares=float(np.einsum("td,td->", points, points, dtype=np.float64)),
        )

    def __add__(self, other: "Total") -> "Total":
        return Total(num=self.num + other.num, sum=self.sum + other.sum, squares=self.squares + other.squares)

    def __sub__(self, other: "Total") -> "Total":
        return Total(num=self.num - other.num, sum=self.sum - other.sum, squares=self.squares - other.squares)

    @property
    def mean(self) -> NDArray[np.float64]:
        return self.sum / max(1, self.num)

    @property
    def scatter(self) -> float:
        """The sum of the squared distances to the mean."""
        return max(0.0, self.squares - self.num * float(self.mean @ self.mean))


class Decided(NamedTuple):
    """What a further stretch of positions gives.

    stretches  [C, 2]: the frames between which pictures may show a change of shot
    changes    [N]: the positions before which the embeddings show a change
    saliency   of the positions that are decided now, as of `find_scenes`
    """

    stretches: list[tuple[int, int]]
    changes: list[int]
    saliency: NDArray[np.float16]


def margin(fps: Fraction, min_positions: int) -> int:
    """So many positions must have come after one for all that is decided of it."""
    return max(reach(fps), max(2, min_positions) + WEIGHED * min_positions) + 1


class RecentRows:
    """The rows that still decide something, on a grid of this rate; and sums of all before. Scenes that embeddings show
    last min_s seconds. Frames that only repeat count once, as for the finished film.
    """

    def __init__(self, fps: Fraction, min_s: float) -> None:
        self._fps, self._min_s = fps, min_s
        self.min_positions = max(1, round(min_s * fps))
        self.margin = margin(fps, self.min_positions)
        self.positions = np.zeros(0, np.int64)  # [R]
        self.frames = np.zeros(0, np.int64)
        self.points = np.zeros((0, 1), np.float32)  # [R, d]
        self._num_shown = 0  # positions that show a frame, before `_end`
        self._shown = np.zeros(0, np.int64)  # of the positions from `_end` on, those that show a frame
        self._end = 0  # positions before it were weighed together
        self._before = Total()  # of the rows that are forgotten
        self._num_before = 0
        self._edge = 0  # positions before it are decided
        self._open: int | None = None  # the row with which a stretch began that goes on
        self._last = Total()  # of all rows up to the last change that was weighed
        self._pieces = (0, 0.0, 0)  # between such changes: rows, their scatter, how many pieces

    def add(self, positions: NDArray[np.int64], frames: NDArray[np.int64], points: NDArray[np.float32]) -> None:
        """New rows."""
        self.positions = np.concatenate([self.positions, positions])
        self.frames = np.concatenate([self.frames, frames])
        self.points = np.concatenate([self.points, points]) if len(self.points) else points

    def show(self, positions: NDArray[np.int64]) -> None:
        """New positions that show a frame, with or without a row."""
        self._shown = np.concatenate([self._shown, positions])

    def decide(self, end: int, *, is_last: bool, after: int, looks: bool) -> Decided:
        """Weighs the positions before `end`, as if there were no more yet; is_last: there are no more.

        after  positions before it are decided already
        looks  whether pictures are looked at
        """
        num = int(np.searchsorted(self.positions, end))
        positions, points = self.positions[:num], self.points[:num]
        is_before = self._shown < end
        self._num_shown += int(is_before.sum())
        self._shown, self._end = self._shown[~is_before], end
        rate = self._fps * Fraction(max(1, self._num_before + num), max(1, self._num_shown))
        whole = self._before + Total.of(points)
        noise = noise_in(whole.scatter / max(1, whole.num - 1))
        edge = end if is_last else max(self._edge, end - self.margin)
        first, looked, stop = np.searchsorted(positions, (self._edge, max(self._edge, after), edge)).tolist()

        stretches = list(self._stretches(suspected_steps(points, rate, noise), looked, stop, rate, is_last, looks))
        saliency = np.zeros(edge - self._edge, np.float16)
        changes = []
        if num:
            min_rows = max(1, round(self._min_s * rate))
            contrast = contrast_of(points, max(2, min_rows), noise)
            new = slice(first, stop)
            saliency[positions[new] - self._edge] = contrast[new] / (contrast[new] + CONTRAST)
            found = self._changes(contrast, first, stop, min_rows, noise)
            changes = [position for position in found if position >= after]
        self._edge = edge
        return Decided(stretches, changes, saliency)

    def open_frame(self) -> int | None:
        """Stretches that are still to come begin at this frame or after it. None: there is no row."""
        num = int(np.searchsorted(self.positions, self._edge))
        if not num:
            return None
        return int(self.frames[num - 1 if self._open is None else self._open - self._num_before])

    def position_of(self, frame: int) -> int:
        """The first position of those weighed that shows this frame or a later one; else the next one."""
        row = int(np.searchsorted(self.frames, frame))
        return min(self._end, int(self.positions[row])) if row < len(self.positions) else self._end

    def forget(self, position: int) -> None:
        """Rows before this position, and before those that decide about others, are not asked for any more."""
        undecided = int(np.searchsorted(self.positions, self._edge)) - 1
        row = min(undecided, int(np.searchsorted(self.positions, position))) - self.margin - 1
        if self._open is not None:
            row = min(row, self._open - self._num_before)
        if row > 0:
            self._before += Total.of(self.points[:row])
            self._num_before += row
            self.positions, self.frames, self.points = self.positions[row:], self.frames[row:], self.points[row:]

    def _stretches(
        self, suspected: NDArray[np.bool_], first: int, stop: int, rate: Fraction, is_last: bool, looks: bool
    ) -> Iterator[tuple[int, int]]:
        """Those that end now: of the steps to rows [first, stop). The same as all of a film's at once."""
        most = longest(rate)
        for row in range(max(1, first), stop) if looks else ():
            step = row - 1 + self._num_before  # from this row, of all
            if self._open is not None and (step - self._open >= most or not suspected[row - 1]):
                yield self._frame(self._open), self._frame(step)
                self._open = None
            if self._open is None and suspected[row - 1]:
                self._open = step
        if is_last and self._open is not None:
            yield self._frame(self._open), int(self.frames[stop - 1])
            self._open = None

    def _frame(self, row: int) -> int:
        return int(self.frames[row - self._num_before])

    def _changes(self, contrast: NDArray[np.float32], first: int, stop: int, min_rows: int, noise: float) -> list[int]:
        """The positions at which the embeddings change for good: peaks of the contrast whose two sides differ."""
        last = self._last.num - self._num_before
        starts = sharp(contrast, min_rows, first=first, taken=[max(0, last)])
        starts = starts[starts >= first]
        found = []
        for i, start in enumerate(starts.tolist()):
            if start >= stop or not self._num_before + start:
                break
            until = int(starts[i + 1]) if i + 1 < len(starts) else len(self.points)
            so_far = self._before + Total.of(self.points[:start])
            before = so_far - self._last
            after = Total.of(self.points[start : min(until, start + self.margin, len(contrast))])
            num, scatter, pieces = self._pieces
            self._pieces = num + before.num, scatter + before.scatter, pieces + 1
            if self._differ(before, after, min_rows, noise) * contrast[start] >= SAME_SCENE * CONTRAST:
                found.append(int(self.positions[start]))
            self._last = so_far
        return found

    def _differ(self, before: Total, after: Total, min_rows: int, noise: float) -> float:
        """How far the means of two pieces are apart, in units of their variances. What is typical is taken from the
        pieces so far, of which `before` is one.
        """
        num, scatter, pieces = self._pieces
        typical = (scatter + after.scatter) / max(num + after.num - pieces - 1, 1)
        sums = Sums(
            np.array([before.num, after.num]),
            np.stack([before.mean, after.mean]),
            np.array([before.scatter, after.scatter]),
        )
        _, means, variances = sums.pieces(PRIOR * min_rows, noise, typical)
        return float(np.square(means[1] - means[0]).sum() / variances.sum())
