"""From embeddings to events: every position goes to the model, and what that says to those who listen."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vtn_stream.draft import Analysis
from vtn_stream.film import VideoInfo, shareable_name
from vtn_stream.following.events import Begun, FollowEvent, LeftOut, Load, Provisional, Told
from vtn_stream.following.finals import Finals, missing_from
from vtn_stream.following.held import Held
from vtn_stream.following.live import Live
from vtn_stream.following.load import Pace
from vtn_stream.following.pieces import STEP_S, Embedded
from vtn_stream.following.so_far import SoFar
from vtn_stream.following.stretches import Stretches
from vtn_stream.localize import draws_one_label
from vtn_stream.outline import GAP_REASONS, LEFT_OUT, Outline
from vtn_stream.segments import Gap, Segment

if TYPE_CHECKING:
    from vtn_stream.checkpoints.training_films import FilmRole

__all__ = ["Telling"]

# That all is known is asked by the second; and frames come in another order than they are shown in, so that some more
# packets must come until one is known: at 25 frames a second about 2 s in all, at one a second 21 s.
ASKED_EVERY_S, ORDER_FRAMES, LEAST_ORDER_S = 1.0, 20, 2.0
PROVISIONAL_EVERY_S = 5.0
PROVISIONAL_SHARE = 0.03  # of the time that a run has taken, at most
LOAD_EVERY_S = 1.0


class Telling:
    """What was said of a film so far, and what was told of that.

    begins  a name for the film, the same while it grows
    told    what an earlier run told; it stays
    """

    def __init__(
        self,
        live: Live,
        outline: Outline,
        stretches: Stretches,
        pace: Pace,
        *,
        begins: str,
        told: Told,
        name: str | None,
        tell: Callable[[FollowEvent], None],
    ) -> None:
        self._live, self._stretches, self._pace = live, stretches, pace
        self._begins, self._name, self._tell = begins, name, tell
        self._so_far = SoFar(outline, live)
        self._finals = Finals(told, draws_one_label=draws_one_label(live.provenance()))
        self._held = Held()
        self._provisional: tuple[Segment, ...] = ()
        self._order_s = _order_s(stretches.video)
        self._done_s = 0.0
        self._num_restarts = 0
        self._began_s = self._provisional_s = self._load_s = time.monotonic()
        self._spent_s = 0.0
        if told.segments or told.until_s:
            live.go_on(told.segments, told.until_s)
        tell(Begun(delay_s=round(self._delay_s, 3), is_exact=live.is_exact, resumed_s=told.until_s))

    @property
    def _delay_s(self) -> float:
        return self._live.delay_s + STEP_S + self._order_s

    def add(self, embedded: Embedded, every: int) -> None:
        """Positions that follow, in steps: what is said depends on them alone, however many come at once."""
        stretches = self._stretches
        for start, stop in stretches.last.pieces.steps(embedded.start, embedded.stop):
            rows = stretches.rows(embedded, start, stop)
            left_out = embedded.left_out[start - embedded.start : stop - embedded.start]
            self._so_far.add(stretches.video, rows, embedded, left_out)
            self._live.add(self._held.fill(rows, left_out))
            if left_out.any():
                end_s = stretches.first_s + float(stop / stretches.fps)
                gap = Gap(start_s=float(rows.index.grid_s[0]), end_s=end_s, reason=GAP_REASONS[LEFT_OUT])
                self._tell(LeftOut(gap=gap, every=every))
            self._done_s = stretches.first_s + float(stop / stretches.fps)
            said = self._live.say(stretches, ended=False)
            self._provisional = said.provisional
            if (final := self._finals.take(said)) is not None:
                self._tell(final)
        self._tell_provisional()

    def restarted(self) -> None:
        self._num_restarts += 1

    def tell_load(self, num_waiting: int) -> None:
        """How far the run has come, about once a second. num_waiting: bytes of the film that lie there unread."""
        now_s = time.monotonic()
        known_s = self._stretches.known_s
        num_read = self._stretches.num_read
        self._pace.note(now_s, num_read=num_read, num_waiting=num_waiting, known_s=known_s, done_s=self._done_s)
        if now_s - self._load_s < LOAD_EVERY_S:
            return
        self._load_s = now_s
        backlog_s = self._pace.backlog_s
        self._tell(
            Load(
                written_s=self._done_s + backlog_s,
                done_s=self._done_s,
                final_s=min(self._finals.until_s, self._done_s),
                backlog_s=backlog_s,
                speed=self._pace.speed,
            )
        )

    def _tell_provisional(self) -> None:
        now_s = time.monotonic()
        if now_s - self._provisional_s < PROVISIONAL_EVERY_S:
            return
        if self._spent_s > PROVISIONAL_SHARE * (now_s - self._began_s):
            return
        segments = tuple(self._finals.after_told(self._provisional))
        timeline = self._timeline_so_far((*self._finals.segments, *segments))
        self._tell(Provisional(timeline=timeline, segments=segments))
        self._provisional_s = time.monotonic()
        self._spent_s += self._provisional_s - now_s

    def _timeline_so_far(self, segments: Sequence[Segment]) -> Any:
        followed = self._followed | {"final_until_s": round(self._finals.until_s, 3)}
        timeline = self._so_far.provisional(self._stretches.video, self._begins, segments, followed=followed)
        return timeline if self._name is None else replace(timeline, video_path=shareable_name(self._name))

    @property
    def _followed(self) -> dict[str, Any]:
        return {
            "delay_s": round(self._delay_s, 3),
            "exact": self._live.is_exact,
            "left_out": self._so_far.num_left_out,
            "restarts": self._num_restarts,
        }

    def failed(self) -> Analysis:
        """The film broke off: what is final stays, the rest is provisional."""
        said = self._live.say(self._stretches, ended=True)
        segments = (*self._finals.segments, *self._finals.after_told((*said.final, *said.provisional)))
        timeline = self._timeline_so_far(segments)
        return Analysis(
            timeline=timeline, scores=self._live.scores(), index=self._so_far.index, labels=self._live.labels()
        )

    def end(self) -> None:
        """No more comes: all that is seen is final."""
        said = self._live.say(self._stretches, ended=True)
        self._provisional = ()
        if (final := self._finals.take(said)) is not None:
            self._tell(final)

    def finished(
        self,
        video: VideoInfo,
        *,
        read_whole: Callable[[Live, SoFar], None],
        role: "FilmRole | None",
        notes: Sequence[str],
        warn: Callable[[str], None],
    ) -> Analysis:
        """The film's analysis, after its end. read_whole: gives the model all of it once more, where it wants that."""
        live, final = self._live, self._finals.segments
        if live.needs_whole:
            read_whole(live, self._so_far)
        scores = live.scores()
        segments = live.named(final)
        notes = list(notes)
        if lacking := missing_from(segments, final, by_name=not live.named_by_appearance):
            line = f"{len(lacking)} segments that were final are not in the timeline: this is a fault of vtn-stream"
            warn(line)
            notes.append(f"{line}.")
        timeline = self._so_far.finished(video, segments, scores, followed=self._followed, notes=notes, role=role)
        if self._name is not None:
            timeline = replace(timeline, video_path=shareable_name(Path(self._name).name))
        index = replace(self._so_far.index, cut_s=live.cut_s())
        return Analysis(timeline=timeline, scores=scores, index=index, labels=live.labels())


def _order_s(video: VideoInfo) -> float:
    """How long after it is written a frame is known, by the steps between the first ones."""
    steps_s = np.diff(video.pts) * float(video.time_base)
    return (
        max(LEAST_ORDER_S, ASKED_EVERY_S + ORDER_FRAMES * float(np.median(steps_s))) if len(steps_s) else LEAST_ORDER_S
    )
