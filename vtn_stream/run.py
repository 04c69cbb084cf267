"""A run of chunks while it is decoded and embedded: what is still to come, and what became of each position. Knows no
decoder, network or store.

R rows (frames to decode), V views of one input, n positions of a chunk, D embedding width. `views` has the words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import FrameIndex, VideoInfo
from vtn_stream.sampling import Chunk, SamplingPlan
from vtn_stream.track import PICTURE
from vtn_stream.video import FrameBatch
from vtn_stream.views import Shown, Views

__all__ = ["Missing", "Pass", "Run"]

THUMBNAIL_EVERY_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A chunk, and the inputs through which it is to be embedded."""

    chunk: Chunk
    inputs: tuple[str, ...]


@dataclass(slots=True, kw_only=True, eq=False)
class _Column:
    """What is known of one input. of [n of the run]: the view of each position, -1 without one."""

    of: NDArray[np.intp]
    values: NDArray[np.float16]  # [V, D]
    embedded: NDArray[np.bool_] = field(init=False)  # [V]
    damaged: NDArray[np.bool_] = field(init=False)  # [V]

    def __post_init__(self) -> None:
        self.embedded, self.damaged = np.zeros(len(self.values), np.bool_), np.zeros(len(self.values), np.bool_)

    def is_settled(self, views: NDArray[np.intp]) -> NDArray[np.bool_]:
        return self.embedded[views] | self.damaged[views]


class Run:
    """Consecutive chunks, each with inputs of its own: every frame is decoded once, for all of them.

    pts              int64 [R], ascending: of the frames to decode
    wants_thumbnail  bool [R]

    wanted           bool [positions of the run]: which positions are embedded, the others stay invalid; None: all
    """

    def __init__(
        self,
        video: VideoInfo,
        run: Sequence[Missing],
        plan: SamplingPlan,
        num_features: int,
        wanted: NDArray[np.bool_] | None = None,
    ) -> None:
        first, stop = run[0].chunk.start, run[-1].chunk.stop
        self._first = first
        self._grid = plan.grid(video, first, stop)
        if wanted is not None:
            self._grid = replace(self._grid, valid=self._grid.valid & wanted)
        self._columns: dict[str, _Column] = {}
        frames: dict[str, NDArray[np.int64]] = {}
        for name in dict.fromkeys(name for missing in run for name in missing.inputs):
            needs = np.zeros(stop - first, np.bool_)
            for missing in run:
                needs[self._within(missing.chunk)] = name in missing.inputs
            needs &= self._grid.valid
            of = np.full(len(needs), -1)
            frames[name], of[needs] = np.unique(self._grid.frame[needs], return_inverse=True)
            self._columns[name] = _Column(of=of, values=np.zeros((len(frames[name]), num_features), np.float16))
        self._views = Views(video, frames)
        self.pts = self._views.pts
        self.wants_thumbnail = np.zeros(len(self.pts), np.bool_)
        self._due = np.zeros(stop - first, np.bool_)
        if PICTURE in self._columns:
            of = self._columns[PICTURE].of
            self._due = (of >= 0) & _thumbnail_due(plan, first, stop)
            self.wants_thumbnail[self._views.rows[PICTURE][of[self._due]]] = True
        self._thumbnails: dict[int, bytes] = {}
        self._num_left = np.zeros(len(self.pts), np.int64)  # [R]: views of a frame that are not embedded yet
        for rows in self._views.rows.values():
            self._num_left[rows] += 1

    def ask(self, chunk: Chunk) -> NDArray[np.intp]:
        """The rows to decode for all that is not settled in this chunk and later ones, ascending."""
        wanted = {}
        for name, column in self._columns.items():
            later = np.unique(column.of[chunk.start - self._first :])
            later = later[later >= 0]
            wanted[name] = later[~column.is_settled(later)]
        return self._views.ask(wanted)

    def take(self, rows: NDArray[np.intp], batch: FrameBatch) -> Shown:
        """What the network is to be shown after this batch of decoded frames, of the rows that were asked for."""
        shown = self._views.take(rows, batch)
        for name, view in shown.damaged:
            self._columns[name].damaged[view] = True
        self._thumbnails |= {int(rows[i]): jpeg for i, jpeg in batch.thumbnails.items()}
        return shown

    def settle(self, shown: Shown, values: NDArray[np.float16]) -> int:
        """Takes the embeddings [N, D] of what the network was shown. Returns of how many frames that was the last."""
        num_done = 0
        for (name, view), value in zip(shown.views, values, strict=True):
            self._columns[name].values[view] = value
            self._columns[name].embedded[view] = True
            row = self._views.rows[name][view]
            self._num_left[row] -= 1
            num_done += int(self._num_left[row] == 0)
        return num_done

    def is_settled(self, missing: Missing) -> bool:
        """Whether the chunk's result is known for all its inputs."""
        columns = [self._columns[name] for name in missing.inputs]
        views = [column.of[self._within(missing.chunk)] for column in columns]
        return all(column.is_settled(of[of >= 0]).all() for column, of in zip(columns, views, strict=True))

    def result(self, chunk: Chunk, name: str) -> tuple[NDArray[np.float16], FrameIndex, dict[int, bytes]]:
        """Of one input: values [n, D], the clock as decoded; of the picture, thumbnails by position in the chunk."""
        column, within = self._columns[name], self._within(chunk)
        of, planned = column.of[within], self._grid[within]
        valid = planned.valid.copy()
        valid[valid] = column.embedded[of[valid]]  # before a film's first frame there is no view at all
        index = FrameIndex(grid_s=planned.grid_s, frame=planned.frame, pts_s=planned.pts_s, valid=valid)
        values = np.zeros((len(of), column.values.shape[1]), np.float16)
        values[valid] = column.values[of[valid]]
        if name != PICTURE:
            return values, index, {}
        # Where it is due, not wherever its frame is shown: a chunk must not depend on which others were in the run.
        rows = {int(i): int(self._views.rows[name][of[i]]) for i in np.flatnonzero(self._due[within])}
        return values, index, {i: self._thumbnails[row] for i, row in rows.items() if row in self._thumbnails}

    def _within(self, chunk: Chunk) -> slice:
        return slice(chunk.start - self._first, chunk.stop - self._first)


class Pass:
    """Runs of several regions of one film, in one pass over it: every frame is decoded once, for all of them."""

    def __init__(self, runs: Mapping[str, Run]) -> None:
        self._runs = runs
        self._rows: dict[str, NDArray[np.intp]] = {}  # that each run asks for
        self._places: dict[str, NDArray[np.intp]] = {}  # where each of the asked timestamps is among these; -1: nowhere

    def ask(self, chunk: Chunk) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Which timestamps to decode for all that is not settled in this chunk and later ones, ascending, and which of
        them want thumbnails.
        """
        self._rows = {region: run.ask(chunk) for region, run in self._runs.items()}
        pts = np.unique(np.concatenate([run.pts[self._rows[region]] for region, run in self._runs.items()]))
        wants_thumbnail = np.zeros(len(pts), np.bool_)
        for region, run in self._runs.items():
            rows = self._rows[region]
            at = np.searchsorted(pts, run.pts[rows])
            self._places[region] = np.full(len(pts), -1)
            self._places[region][at] = np.arange(len(rows))
            wants_thumbnail[at] |= run.wants_thumbnail[rows]
        return pts, wants_thumbnail

    def take(self, batches: Sequence[FrameBatch]) -> Iterator[tuple[Run, Shown]]:
        """What the network is to be shown of each region after these batches, one of each region's pictures."""
        for (region, run), batch in zip(self._runs.items(), batches, strict=True):
            place = self._places[region]
            wanted = [i for i, item in enumerate(batch.items) if place[item] >= 0]
            own = FrameBatch(
                frames=batch.frames if len(wanted) == len(batch.items) else batch.frames[wanted],
                items=[int(place[batch.items[i]]) for i in wanted],
                lost=[int(place[item]) for item in batch.lost if place[item] >= 0],
                thumbnails={int(place[item]): jpeg for item, jpeg in batch.thumbnails.items() if place[item] >= 0},
            )
            yield run, run.take(self._rows[region], own)


def _thumbnail_due(plan: SamplingPlan, start: int, stop: int) -> NDArray[np.bool_]:
    """[stop - start], at the first position of every 10 s of the film."""
    positions = np.arange(start, stop)
    tens = positions * plan.fps.denominator // (plan.fps.numerator * THUMBNAIL_EVERY_S)
    first_of_ten = -(-tens * plan.fps.numerator * THUMBNAIL_EVERY_S // plan.fps.denominator)
    return positions == first_of_ten
