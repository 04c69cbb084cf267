"""The frames that a run of chunks needs, and what became of them. Knows numpy, and no decoder, network or store.

A *row* is a distinct frame that is decoded once, however many positions show it and however many inputs need it. A
*view* is what the network is shown of a frame for one input: the picture, or its change since an earlier frame. That
one is a row as well, and may lie before the first chunk.

R rows, V views of one input, n positions of a chunk, H x W the frames' size, D embedding width.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vtn_stream.backbone.change import change_pictures, grey
from vtn_stream.film import FrameIndex, VideoInfo
from vtn_stream.sampling import Chunk, SamplingPlan, earlier_frames
from vtn_stream.track import PICTURE, change_s
from vtn_stream.video import FrameBatch

__all__ = ["Missing", "Rows", "Shown"]

THUMBNAIL_EVERY_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A chunk, and the inputs through which it is to be embedded."""

    chunk: Chunk
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """What the network is shown now: pictures uint8 [N, H, W, 3], and of each its input and the number of the view."""

    pictures: NDArray[np.uint8]
    views: list[tuple[str, int]]


@dataclass(slots=True, kw_only=True, eq=False)
class _Views:
    """The views of one input, by ascending frame. of [n of the run]: the view of each position, -1 without one."""

    of: NDArray[np.intp]
    row: NDArray[np.intp]  # [V]
    earlier: NDArray[np.intp]  # [V] rows; for the picture, `row` itself
    values: NDArray[np.float16]  # [V, D]
    embedded: NDArray[np.bool_] = field(init=False)
    damaged: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.embedded, self.damaged = np.zeros(len(self.row), np.bool_), np.zeros(len(self.row), np.bool_)

    @property
    def is_settled(self) -> NDArray[np.bool_]:
        return self.embedded | self.damaged


class Rows:
    """The rows of a run of consecutive chunks. `pts` are their timestamps, [R], ascending."""

    def __init__(self, video: VideoInfo, run: Sequence[Missing], plan: SamplingPlan, num_features: int) -> None:
        first, stop = run[0].chunk.start, run[-1].chunk.stop
        self._first = first
        self._grid = plan.grid(video, first, stop)
        shown: dict[str, tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.intp]]] = {}
        for name in dict.fromkeys(name for missing in run for name in missing.inputs):
            needs = np.zeros(stop - first, np.bool_)
            for missing in run:
                if name in missing.inputs:
                    needs[missing.chunk.start - first : missing.chunk.stop - first] = True
            needs &= self._grid.valid
            frames, view = np.unique(self._grid.frame[needs], return_inverse=True)
            of = np.full(len(needs), -1)
            of[needs] = view
            back_s = change_s(name)
            shown[name] = frames, frames if back_s is None else earlier_frames(video, frames, back_s), of
        rows = np.unique(np.concatenate([part for frames, earlier, _ in shown.values() for part in (frames, earlier)]))
        self.pts = video.pts[rows]
        self._views = {
            name: _Views(
                of=of,
                row=np.searchsorted(rows, frames),
                earlier=np.searchsorted(rows, earlier),
                values=np.zeros((len(frames), num_features), np.float16),
            )
            for name, (frames, earlier, of) in shown.items()
        }
        self._due = np.zeros(stop - first, np.bool_)
        self.wants_thumbnail = np.zeros(len(rows), np.bool_)
        if PICTURE in self._views:
            pictures = self._views[PICTURE]
            self._due = (pictures.of >= 0) & _thumbnail_due(plan, first, stop)
            self.wants_thumbnail[pictures.row[pictures.of[self._due]]] = True
        self._thumbnails: dict[int, bytes] = {}
        self._waiting: dict[int, set[tuple[str, int]]] = {}  # views that are not settled, by the rows that they need
        self._greys: dict[int, NDArray[np.uint16]] = {}  # of rows that came, while a change waits for another row

    def ask(self, chunk: Chunk) -> NDArray[np.intp]:
        """The rows to decode for all that is not settled in this chunk and later ones, ascending. What came before and
        was not settled is forgotten: it is among them.
        """
        self._greys.clear()
        self._waiting = defaultdict(set)
        for name, views in self._views.items():
            later = np.unique(views.of[chunk.start - self._first :])
            later = later[later >= 0]
            for view in later[~views.is_settled[later]].tolist():
                self._waiting[int(views.row[view])].add((name, view))
                self._waiting[int(views.earlier[view])].add((name, view))
        return np.array(sorted(self._waiting), np.intp)

    def take(self, rows: NDArray[np.intp], batch: FrameBatch) -> Shown:
        """What the network is to be shown after this batch of decoded frames, of the rows that were asked for."""
        pictures: list[NDArray[np.uint8]] = []
        now: list[NDArray[np.uint16]] = []
        before: list[NDArray[np.uint16]] = []
        views: list[tuple[str, int]] = []
        changes: list[tuple[str, int]] = []
        for row in rows[batch.lost].tolist():
            for name, view in list(self._waiting.get(row, ())):
                self._views[name].damaged[view] = True
                self._forget(name, view)
        for item, frame in zip(batch.items, batch.frames, strict=True):
            row = int(rows[item])
            for name, view in sorted(self._waiting.get(row, ())):
                if name == PICTURE:
                    pictures.append(frame)
                    views.append((name, view))
                    self._forget(name, view)
                    continue
                if row not in self._greys:
                    self._greys[row] = grey(frame)
                own, earlier = (int(of[view]) for of in (self._views[name].row, self._views[name].earlier))
                if own in self._greys and earlier in self._greys:
                    now.append(self._greys[own])
                    before.append(self._greys[earlier])
                    changes.append((name, view))
                    self._forget(name, view)
        self._thumbnails |= {int(rows[i]): jpeg for i, jpeg in batch.thumbnails.items()}
        parts = [np.stack(pictures)] if pictures else [batch.frames[:0]]
        if now:
            parts.append(change_pictures(np.stack(now), np.stack(before)))
        return Shown(pictures=np.concatenate(parts) if now else parts[0], views=views + changes)

    def settle(self, shown: Shown, values: NDArray[np.float16]) -> None:
        """Takes the embeddings [N, D] of what the network was shown."""
        for (name, view), value in zip(shown.views, values, strict=True):
            self._views[name].values[view] = value
            self._views[name].embedded[view] = True

    def is_settled(self, missing: Missing) -> bool:
        """Whether the chunk's result is known for all its inputs."""
        for name in missing.inputs:
            of = self._of(name, missing.chunk)
            if not self._views[name].is_settled[of[of >= 0]].all():
                return False
        return True

    def result(self, chunk: Chunk, name: str) -> tuple[NDArray[np.float16], FrameIndex, dict[int, bytes]]:
        """Of one input: values [n, D], the clock as decoded; of the picture, thumbnails by position in the chunk."""
        views, of = self._views[name], self._of(name, chunk)
        planned = self._grid[chunk.start - self._first : chunk.stop - self._first]
        valid = planned.valid.copy()
        valid[valid] = views.embedded[of[valid]]  # before a film's first frame there is no view at all
        index = FrameIndex(grid_s=planned.grid_s, frame=planned.frame, pts_s=planned.pts_s, valid=valid)
        values = np.zeros((len(of), views.values.shape[1]), np.float16)
        values[valid] = views.values[of[valid]]
        if name != PICTURE:
            return values, index, {}
        # Where it is due, not wherever its frame is shown: a chunk must not depend on which others were in the run.
        due = np.flatnonzero(self._due[chunk.start - self._first : chunk.stop - self._first])
        rows = {int(i): int(views.row[of[i]]) for i in due}
        return values, index, {i: self._thumbnails[row] for i, row in rows.items() if row in self._thumbnails}

    def _of(self, name: str, chunk: Chunk) -> NDArray[np.intp]:
        return self._views[name].of[chunk.start - self._first : chunk.stop - self._first]

    def _forget(self, name: str, view: int) -> None:
        """The view waits for no row any more; a grey that no other view waits for goes."""
        for row in {int(self._views[name].row[view]), int(self._views[name].earlier[view])}:
            self._waiting[row].discard((name, view))
            if not self._waiting[row]:
                del self._waiting[row]
                self._greys.pop(row, None)


def _thumbnail_due(plan: SamplingPlan, start: int, stop: int) -> NDArray[np.bool_]:
    """[stop - start], at the first position of every 10 s of the film."""
    positions = np.arange(start, stop)
    tens = positions * plan.fps.denominator // (plan.fps.numerator * THUMBNAIL_EVERY_S)
    first_of_ten = -(-tens * plan.fps.numerator * THUMBNAIL_EVERY_S // plan.fps.denominator)
    return positions == first_of_ten
