"""A clip classifier on a film while it is written: its windows slide as far as the film has come.

T positions so far, N of a window, K labels

    positions    . . . . . . . . . . . . . . . .
    windows    |- - - -|- - - -|- - - -|            every stride; all their positions are there
                                   |- - - -|        one more, that ends where the film does, if it ended now
               |--- decided ------|                 it lies behind these, wherever the film ends
"""

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.film import FrameIndex
from vtn_stream.following.live_head import LiveHead
from vtn_stream.localize import edges_s, peaks
from vtn_stream.model import VTN
from vtn_stream.scorers.clips import ClipWindows, WindowMeans, classifier_notes, read_whole
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores

__all__ = ["LivePeaks"]


class LivePeaks(LiveHead):
    """Exact: a window's scores depend on its positions alone. delay_s: a position is decided once a window fits behind
    it; one more tells that a segment has ended. What the whole film shows is read in the end, by `read_whole`.
    """

    is_exact = True
    needs_whole = True

    def __init__(self, checkpoint: Checkpoint, network: VTN, point: str | None, fps: Fraction) -> None:
        super().__init__(checkpoint, network, point, fps)
        length, num_labels = checkpoint.window.num_positions, len(checkpoint.labels)
        self.delay_s = float((length + 1) / fps)
        self._windows = ClipWindows(checkpoint, network, fps, length)
        self._means = WindowMeans(length, num_labels)
        self._next = 0  # the start of the first window that was not read
        self._held = _Held(checkpoint.config.encoder.input_width)
        self._decided = 0  # positions whose score is final
        self._drawn_to = 0  # those of which the segments were looked at
        self._open = np.zeros(num_labels, np.int64)  # [K]: where the label's run begins that goes on there
        at = [self._points.of(label) for label in checkpoint.labels]
        self._low = np.array([point.low for point in at], np.float16)
        self._whole: tuple[NDArray[np.float32], NDArray[np.float16] | None] | None = None

    def _read(self, values: NDArray[np.float16], valid: NDArray[np.bool_]) -> None:
        self._held.add(values, valid)
        length, stride = self._windows.length, self._checkpoint.window.stride
        num = len(self._grown)
        starts = np.arange(self._next, num - length + 1, stride)
        if len(starts):
            self._score(self._windows, starts)
            self._next = int(starts[-1]) + stride
        decided = max(0, num - length)
        self._put_means(self._decided, num)
        self._decided = decided
        self._means.forget(decided)
        self._held.forget(min(self._next, decided))

    def _close(self) -> None:
        """The last window ends where the film does. A film that is shorter than a window has one of its own length."""
        num, length = len(self._grown), self._windows.length
        last = max(0, num - length)
        if last != self._next - self._checkpoint.window.stride:
            windows = self._windows
            if num < length:
                windows = ClipWindows(self._checkpoint, self._network, self._fps, num)
                self._means = WindowMeans(num, len(self._checkpoint.labels))
            self._score(windows, np.array([last]))
        self._put_means(self._decided, num)
        self._decided = num

    def _score(self, windows: ClipWindows, starts: NDArray[np.int64]) -> None:
        held = self._held
        self._means.add(starts, windows.probabilities(held.values, held.valid, starts - held.first))

    def _put_means(self, first: int, stop: int) -> None:
        positions = np.arange(first, stop)
        self._grown.frame[first:stop] = self._means.at(positions, self._grown.index(first, stop).valid)

    def _final(self) -> list[Segment]:
        """Of the runs that ended at a position that is decided too."""
        first, stop = self._drawn_to, self._decided
        if stop <= first:
            return []
        last_s = self._grown.index(stop - 1, stop).grid_s[0]
        holds = self._holds(first, stop)
        found = [s for s in self._peaks(holds, first, stop) if s.end_s < last_s]
        off = ~holds
        begins = stop - off[::-1].argmax(axis=0)  # after the last position at which a label does not hold
        self._open = np.where(off.any(axis=0), begins, self._open)
        self._drawn_to = stop
        return found

    def _until_s(self) -> float:
        if self._drawn_to < 2:
            return 0.0
        return float(edges_s(self._grown.index(self._drawn_to - 2, self._drawn_to), math.inf)[1])

    def _provisional(self, end_s: float) -> list[Segment]:
        first, stop = self._drawn_to, len(self._grown)
        return self._peaks(self._holds(first, stop), first, stop, end_s)

    def _rest(self, duration_s: float) -> list[Segment]:
        return self._not_told(
            peaks(self.scores(), self._grown.index(), self._checkpoint.labels, duration_s, self._points)
        )

    def _holds(self, first: int, stop: int) -> NDArray[np.bool_]:
        """[n, K]"""
        return self._grown.index(first, stop).valid[:, None] & (self._grown.frame[first:stop] >= self._low)

    def _peaks(self, holds: NDArray[np.bool_], first: int, stop: int, end_s: float = math.inf) -> list[Segment]:
        """The segments before `stop` of all runs that hold from position `first` on, or went on there."""
        found = list[Segment]()
        for k in np.flatnonzero(holds.any(axis=0) | (self._open < first)).tolist():
            begin = int(self._open[k])
            low = max(0, begin - 1)  # where a position stands depends on the one before
            index = self._grown.index(low, stop)
            valid = index.valid.copy()
            valid[: begin - low] = False
            scores = GridScores(frame=self._grown.frame[low:stop, k : k + 1])
            found += peaks(scores, replace(index, valid=valid), self._checkpoint.labels[k : k + 1], end_s, self._points)
        return found

    def scores(self) -> GridScores:
        clip, saliency = (None, None) if self._whole is None else self._whole
        return GridScores(frame=self._grown.frame, clip=clip, saliency=saliency)

    def read_whole(
        self,
        values: NDArray[np.float16],
        index: FrameIndex,
        *,
        scratch: Path,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        if index.valid.any():
            ids = self._checkpoint.window.position_ids(len(values), self._fps)
            own = scratch / f"followed-{self._checkpoint.digest}-{len(values)}"  # it is emptied in the end
            self._whole = read_whole(self._network, values, index.valid, ids, scratch=own, on_progress=on_progress)

    def notes(self) -> list[str]:
        notes = classifier_notes(self._checkpoint, self._fps, len(self._grown))
        if self._whole is None:
            notes.append("What the film shows as a whole was not asked: not all of its embeddings are stored.")
        return notes


class _Held:
    """Embeddings [n, D] of the positions from `first` on."""

    def __init__(self, width: int) -> None:
        self.first = 0
        self.values = np.zeros((0, width), np.float16)
        self.valid = np.zeros(0, np.bool_)

    def add(self, values: NDArray[np.float16], valid: NDArray[np.bool_]) -> None:
        self.values = np.concatenate([self.values, values])
        self.valid = np.concatenate([self.valid, valid])

    def forget(self, before: int) -> None:
        if before > self.first:
            self.values, self.valid = (
                self.values[before - self.first :].copy(),
                self.valid[before - self.first :].copy(),
            )
            self.first = before
