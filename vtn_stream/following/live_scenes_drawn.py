"""Segments from the positions of a film as they come and the borders between them. No embeddings, no names.

positions   . . . . x x . . . . . . .       x: no frame; a segment ends there, and the next begins behind
            |-----|     |---|---------->
                            ^border
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import CLOCK_TOLERANCE_S, FrameIndex, VideoInfo

__all__ = ["Drawn", "Span"]

# From when to when.
Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A position and the segment that goes on there: since when, or None."""

    position: int = 0
    open_s: float | None = None


class Drawn:
    """What of a film's positions is drawn, and what not yet. All times are those that `localize.runs` would give."""

    def __init__(self, fps: Fraction) -> None:
        self._fps = fps
        self._step_s = float(1 / fps)
        self._place = _Place()
        self._first = 0  # the position with which the arrays begin
        self._grid_s = np.zeros(0)
        self._frame = np.zeros(0, np.int64)
        self._valid = np.zeros(0, np.bool_)
        self.borders: dict[int, float | None] = {}  # of positions not drawn yet: when the new picture begins
        self.cut_s: dict[int, float] = {}  # of all positions, as of a FrameIndex

    @property
    def num(self) -> int:
        """T: positions that came."""
        return self._first + len(self._grid_s)

    @property
    def position(self) -> int:
        """Positions before it are drawn."""
        return self._place.position

    @property
    def until_s(self) -> float:
        """What will be drawn begins or ends later than this."""
        return 0.0 if not self.position else float(self._grid_s[self.position - 1 - self._first])

    def add(self, index: FrameIndex) -> None:
        self._grid_s = np.concatenate([self._grid_s, index.grid_s])
        self._frame = np.concatenate([self._frame, index.frame])
        self._valid = np.concatenate([self._valid, index.valid])

    def position_at(self, time_s: float) -> int | None:
        """The first position, of those not drawn yet, at this time or later; None if it has not come yet."""
        here = int(np.searchsorted(self._grid_s, time_s - CLOCK_TOLERANCE_S))
        return max(self.position, self._first + here) if here < len(self._grid_s) else None

    def time_s(self, position: int) -> float:
        """When this position stands; of those that are drawn and forgotten, the first one that is not."""
        return float(self._grid_s[max(0, position - self._first)])

    def edge_s(self, position: int, video: VideoInfo) -> float:
        """Where what begins with this position begins."""
        return self._edge_s(position, self.borders, _bounds_s(video), {})

    def joins(self, position: int) -> tuple[int, int] | None:
        """The frames of the position before and of this one; None where one of them has none."""
        here = position - self._first
        if here < 1 or not (self._valid[here - 1] and self._valid[here]):
            return None
        return int(self._frame[here - 1]), int(self._frame[here])

    def advance(self, stop: int, video: VideoInfo) -> list[Span]:
        """Draws the positions before this one, and gives the segments that end there."""
        spans, self._place = self._drawn(stop, self.borders, _bounds_s(video), self.cut_s)
        self.borders = {position: at_s for position, at_s in self.borders.items() if position >= stop}
        kept = max(0, self.position - 1 - self._first)
        self._first += kept
        self._grid_s, self._frame, self._valid = self._grid_s[kept:], self._frame[kept:], self._valid[kept:]
        return spans

    def ahead(self, video: VideoInfo, maybe: Mapping[int, float]) -> list[Span]:
        """The segments behind all that are drawn, if no more comes, with borders that may be there."""
        spans, place = self._drawn(self.num, {**maybe, **self.borders}, _bounds_s(video), {})
        if place.open_s is not None:
            end_s = min(video.duration_s, float(self._grid_s[-1]) + self._step_s)
            spans.append((place.open_s, max(place.open_s, end_s)))
        return spans

    def _drawn(
        self, stop: int, borders: Mapping[int, float | None], bounds_s: NDArray[np.float64], cut_s: dict[int, float]
    ) -> tuple[list[Span], _Place]:
        """What is drawn of the positions before `stop`, and where that leads. Where an edge lies is noted in cut_s."""
        spans, open_s = list[Span](), self._place.open_s
        for position in range(self._place.position, stop):
            here = position - self._first
            if self._valid[here] and (open_s is None or position in borders):
                edge_s = self._edge_s(position, borders, bounds_s, cut_s)
                if open_s is not None:
                    spans.append((open_s, edge_s))
                open_s = edge_s
            elif not self._valid[here] and open_s is not None:
                spans.append((open_s, self._edge_s(position, borders, bounds_s, cut_s)))
                open_s = None
        return spans, _Place(position=max(stop, self._place.position), open_s=open_s)

    def _edge_s(
        self, position: int, borders: Mapping[int, float | None], bounds_s: NDArray[np.float64], cut_s: dict[int, float]
    ) -> float:
        """Where one segment ends and the next begins, between this position and the one before."""
        here = position - self._first
        if position == 0:
            return 0.0
        before_s, own_s = float(self._grid_s[here - 1]), float(self._grid_s[here])
        at_s = borders.get(position)
        if at_s is None and (self._frame[here - 1] < 0) != (self._frame[here] < 0):
            within = (bounds_s > before_s + CLOCK_TOLERANCE_S) & (bounds_s <= own_s + CLOCK_TOLERANCE_S)
            at_s = float(bounds_s[within][-1]) if within.any() else None  # gaps begin and end to the frame
        if at_s is None:
            return (own_s + before_s) / 2
        cut_s[position] = at_s
        return at_s


def _bounds_s(video: VideoInfo) -> NDArray[np.float64]:
    """Where the film begins to show frames, and where it stops."""
    dark = [video.seconds(pts) for span in video.dark for pts in (span.start, span.end)]
    return np.array([video.time_of(0), *dark])
