"""The scenes of a film while it is written: where one ends is final soon, which of them look alike only at the end.

    evaluated at   |       |       |       |         every EVERY_S, whatever pieces the film comes in
    positions      . . . . . . . . . . . . . .
                   final ->|<---- delay ---->|       borders before it never change

T positions, D embedding width, K scenes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import CLOCK_TOLERANCE_S, VideoInfo
from vtn_stream.following.live import FilmSoFar, Rows, Said
from vtn_stream.following.live_scenes_drawn import Drawn
from vtn_stream.following.live_scenes_names import Pieces
from vtn_stream.following.live_scenes_pictures import ShotsSoFar, looked_at, placed_in
from vtn_stream.following.live_scenes_rows import RecentRows
from vtn_stream.placing import BESIDE_S, SIZE
from vtn_stream.scorers.scenes import MIN_SCENE_S, Scenes, first_shown
from vtn_stream.scorers.structure import project
from vtn_stream.scorers.suspects import LONGEST_S, longest
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores
from vtn_stream.transitions import Transition, distinct
from vtn_stream.video import Window

__all__ = ["LABEL", "LiveScenes"]

PICTURE = Window(SIZE)  # all of it

LABEL = "scene"  # until the film has ended
EVERY_S = 2.0
# A change of shot waits at most so long for the pictures of a stretch beside it.
WAITS_S = LONGEST_S + 2 * BESIDE_S
FOLLOWED = (
    "The film was followed while it was written: a border was final before what came later was known, and the names "
    "were given at the end. An analysis of the finished film can find other borders."
)


@dataclass(slots=True, kw_only=True)
class _Weighed:
    """Positions before `end` were weighed, and pictures are to be looked at. is_last: the film has ended there."""

    end: int
    is_last: bool
    stretches: list[tuple[int, int]]


class LiveScenes:
    """Implements `Live`. Segments are called "scene" until the film has ended; then `named` knows which look alike.

    refine  whether cuts are found and placed among the film's own frames, small, which have to be held for two minutes:
            pictures as `window` takes them. Where they are gone, cuts stay on the grid
    """

    is_exact = False
    saliency_name = "change"
    named_by_appearance = True
    needs_whole = False

    def __init__(self, fps: Fraction, *, refine: bool = True, window: Window = PICTURE) -> None:
        self.window = window if refine else None
        self._fps = fps
        self._every = max(1, round(EVERY_S * fps))
        self._rows = RecentRows(fps, MIN_SCENE_S)
        self._drawn = Drawn(fps)
        self._pieces = Pieces()
        self._shots = ShotsSoFar()
        self._changes: list[int] = []  # that the embeddings show, and pictures may show more exactly
        self._known: list[int] = []  # positions where shots begin, of late
        self._mixed: list[tuple[int, int]] = []  # positions [start, stop) that show two shots, of late
        self._last_frame = -1  # of the last position that came; -1: it showed none
        self._end = 0  # positions before it were evaluated
        self._weighed: _Weighed | None = None  # and their pictures are not looked at yet
        self._told: tuple[Segment, ...] = ()  # by an earlier run
        self._told_until_s = 0.0
        self._told_s = list[float]()  # where their borders are, as far as these positions did not come
        self._told_position: int | None = 0  # positions before it were told; None: at least all that came
        self._said_told = False
        self._num_unseen = 0
        self._num_unplaced = 0
        self._is_over = self._is_named = False

    @property
    def delay_s(self) -> float:
        """Positions until all is decided of one, until pictures were looked at, and until it is evaluated."""
        positions = self._rows.margin + self._rows.min_positions + self._every + 2
        waits_s = 0.0
        if self.window is not None:
            waits_s = max(WAITS_S, float((longest(self._fps) + 2) / self._fps) + 2 * BESIDE_S) + BESIDE_S
        return float(positions / self._fps) + waits_s

    def go_on(self, segments: Sequence[Segment], until_s: float) -> None:
        """See `Live`: their borders are taken over, as the pictures that showed them may be gone."""
        self._told, self._told_until_s = tuple(segments), until_s
        self._told_s = sorted({s for segment in segments for s in (segment.start_s, segment.end_s) if s > 0})
        self._told_position = None if until_s > 0 else 0

    def add(self, rows: Rows) -> None:
        """Takes the positions that follow."""
        index = rows.index
        is_new = first_shown(index, self._last_frame)
        self._last_frame = int(index.frame[-1]) if len(index) and index.valid[-1] else -1
        new = np.flatnonzero(is_new)
        self._drawn.add(index)
        self._pieces.see(index.valid)
        self._rows.show(rows.start + np.flatnonzero(index.valid))
        if len(new):
            # one by one: a product of matrices rounds otherwise with other numbers of rows
            points = np.concatenate([project(rows.values[i : i + 1], is_new[i : i + 1]) for i in new.tolist()])
            self._rows.add(rows.start + new, index.frame[new], points)

    def say(self, film: FilmSoFar, *, ended: bool) -> Said:
        """See `Live`. Raises DecodingLost, and can be called again."""
        found: list[Segment] = []
        video = film.video
        self._take_over()
        while (weighed := self._weighed or self._weigh(ended)) is not None:
            self._weighed = weighed
            found += self._looked(film, weighed)
            self._weighed = None
        if self._is_over and not self._is_named:
            self._is_named = True
            found += self._segments(self._drawn.ahead(video, {}))
            self._pieces.finish(self._rows.min_positions)
        if not self._said_told:
            self._said_told, found = True, [*self._told, *found]
        if self._is_over:
            return Said(final=tuple(found), provisional=(), until_s=max(video.duration_s, self._told_until_s))
        maybe = {self._rows.position_of(t.at): video.time_of(t.at) for t in distinct(self._shots.waiting)}
        provisional = self._segments(self._drawn.ahead(video, maybe))
        return Said(
            final=tuple(found),
            provisional=tuple(provisional),
            until_s=max(self._drawn.until_s, self._told_until_s),
        )

    def labels(self) -> tuple[str, ...]:
        """The names [K] of the scenes, in order of appearance; before the end the only one."""
        return Scenes(self._fps).labels(self.scores()) if self._is_over else (LABEL,)

    def named(self, segments: Sequence[Segment]) -> tuple[Segment, ...]:
        """See `Live`."""
        names, result = self.labels(), []
        for segment in segments:
            scene, score = self._pieces.scene_at(segment.start_s)
            result.append(replace(segment, label=names[scene], score=round(score, 4)))
        return tuple(result)

    def scores(self) -> GridScores:
        """As of `Scenes`. Two neighbours can be the same scene, with a border that `cut_s` tells."""
        return self._pieces.scores()

    def cut_s(self) -> NDArray[np.float64] | None:
        """See `Live`."""
        cut_s = np.full(self._drawn.num, np.nan)
        cut_s[list(self._drawn.cut_s)] = list(self._drawn.cut_s.values())
        return cut_s

    def read_whole(self, *_: object, **__: object) -> None:
        """Nothing is left to read."""

    def provenance(self) -> dict[str, Any]:
        return Scenes(self._fps, self.window is not None).provenance()

    def notes(self) -> list[str]:
        notes = [*Scenes(self._fps).notes(), FOLLOWED]
        if self._num_unseen:
            notes.append(
                f"Changes of scene may be missing: {self._num_unseen} places where the picture may change were not "
                "looked at, as their frames were not held any more."
            )
        if self._num_unplaced:
            notes.append(
                f"Borders that are only placed midway between two sampled frames: {self._num_unplaced}. No cut was "
                "seen there, or its frames were not held any more."
            )
        return notes

    # -- what is final

    def _take_over(self) -> None:
        """Puts the borders of an earlier run where they are among the positions that came."""
        while self._told_s and (position := self._drawn.position_at(self._told_s[0])) is not None:
            self._drawn.borders[position] = self._told_s.pop(0)
        if self._told_position is None:
            self._told_position = self._drawn.position_at(self._told_until_s + 2 * CLOCK_TOLERANCE_S)

    @property
    def _num_told(self) -> int:
        """Positions before this one were told by an earlier run."""
        return self._drawn.num if self._told_position is None else self._told_position

    def _weigh(self, ended: bool) -> _Weighed | None:
        """The next positions that can be evaluated: up to a multiple of EVERY_S, or to the film's end."""
        end, num = self._end + self._every - self._end % self._every, self._drawn.num
        is_last = ended and end > num
        if self._is_over or (end > num and not ended):
            return None
        self._end, self._is_over = min(end, num), is_last
        end = self._end
        decided = self._rows.decide(end, is_last=is_last, after=self._num_told, looks=self.window is not None)
        self._pieces.change(decided.saliency)
        self._changes += decided.changes
        return _Weighed(end=end, is_last=is_last, stretches=decided.stretches)

    def _looked(self, film: FilmSoFar, weighed: _Weighed) -> list[Segment]:
        """Looks at pictures where they can tell more, and gives the segments that are final by now."""
        rows, video, final = self._rows, film.video, tuple[Transition, ...]()
        shots, num_unseen, sure = self._shots, 0, weighed.end
        if self.window is not None:
            looked = looked_at(film, weighed.stretches, self.window)
            num_unseen = looked.num_unseen
            before, at_latest = self._frames_decided(video, weighed)
            final, shots = shots.settled(looked.found, before=before, at_latest=at_latest)
            next_frame = min([before, *(t.first for t in shots.waiting)]) + 1
            sure = weighed.end if weighed.is_last else rows.position_of(next_frame)
        begins = {rows.position_of(t.at): t.at for t in final}  # of two changes in one step, the later one
        begins = {position: frame for position, frame in begins.items() if position >= self._num_told}
        known = [*self._known, *begins]
        due = [c for c in self._changes if weighed.is_last or c + rows.min_positions <= sure]
        alone = [c for c in due if all(abs(k - c) >= rows.min_positions for k in known)]
        joins = {c: frames for c in alone if (frames := self._drawn.joins(c)) is not None}
        at_frame: list[int | None] = [None] * len(joins)
        if self.window is not None:
            at_frame = placed_in(film, list(joins.values()), self.window)

        # nothing fails from here on
        self._shots, self._num_unseen = shots, self._num_unseen + num_unseen
        for c in alone:
            self._drawn.borders[c] = None
        for position, frame in [*begins.items(), *zip(joins, at_frame, strict=True)]:
            self._drawn.borders[position] = None if frame is None else video.time_of(frame)
        self._num_unplaced += 0 if self.window is None else sum(frame is None for frame in at_frame)
        self._changes = [c for c in self._changes if c not in due]
        self._known = [k for k in known if k >= weighed.end - 4 * (rows.margin + rows.min_positions)]
        self._mixed += [(rows.position_of(t.first + 1), rows.position_of(t.last)) for t in final]
        decided = weighed.end if weighed.is_last else weighed.end - rows.margin
        stop = max(min([decided, sure, *self._changes]), min(self._num_told, weighed.end), self._drawn.position)
        return self._advance(stop, video)

    def _frames_decided(self, video: VideoInfo, weighed: _Weighed) -> tuple[int, int]:
        """Before which frame no picture will be looked at any more; and up to which frame none is waited for."""
        times_s = video.times_s
        if weighed.is_last:
            return len(times_s), len(times_s)
        since_s = self._drawn.time_s(weighed.end - self._rows.margin) - WAITS_S
        at_latest = int(np.searchsorted(times_s, since_s))
        frame = self._rows.open_frame()
        if frame is None:
            return at_latest, at_latest
        return max(at_latest, int(np.searchsorted(times_s, times_s[frame] - BESIDE_S))), at_latest

    def _advance(self, stop: int, video: VideoInfo) -> list[Segment]:
        """Draws the positions before `stop`, and adds their frames up to pieces."""
        rows, drawn = self._rows, self._drawn
        here = slice(*np.searchsorted(rows.positions, (drawn.position, stop)).tolist())
        positions, points = rows.positions[here], rows.points[here]
        is_mixed = np.zeros(len(positions), np.bool_)
        for start, end in self._mixed:
            is_mixed |= (positions >= start) & (positions < end)
        self._mixed = [(start, end) for start, end in self._mixed if end > stop]
        starts = sorted(p for p in drawn.borders if p < stop)
        cuts = np.searchsorted(positions, starts).tolist()
        if len(positions) and not self._pieces.num:
            self._pieces.begin(0, 0.0)
        for start, first, last in zip([-1, *starts], [0, *cuts], [*cuts, len(positions)], strict=True):
            if start > 0:
                self._pieces.begin(start, drawn.edge_s(start, video))
            self._pieces.take(points[first:last], is_mixed[first:last])
        spans = drawn.advance(stop, video)
        rows.forget(stop)
        return self._segments(spans)

    def _segments(self, spans: Sequence[tuple[float, float]]) -> list[Segment]:
        """Those that no earlier run told."""
        return [
            Segment(start_s=start_s, end_s=end_s, label=LABEL, origin="model")
            for start_s, end_s in spans
            if end_s > self._told_until_s
        ]
