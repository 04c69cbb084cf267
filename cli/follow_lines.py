"""What `follow` prints on stdout: JSON lines, each as soon as it is known. docs/following.md defines them."""

import json
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import click

from vtn_stream.following.events import Begun, FollowEvent, LeftOut, Load, Provisional, Restarted, Waiting, Warned
from vtn_stream.results.follow_file import segment_fields
from vtn_stream.timeline import Segment, Timeline

from .stalls import Stalls

__all__ = ["FollowLines"]

LOAD_EVERY_S = 10.0


class FollowLines:
    """Of one film, which is named in the first line and in the last."""

    def __init__(self, film: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._film = film
        self._clock = clock
        self._load_due_s = clock()
        self._stalls = Stalls()
        self._provisional: tuple[Segment, ...] = ()

    def hear(self, event: FollowEvent) -> None:
        """Final and Ended have methods of their own: they are told when what they say is on the disk."""
        if isinstance(event, Begun):
            about = {"delay_s": round(event.delay_s, 3), "is_exact": event.is_exact, "resumed_s": event.resumed_s}
            _log("begun", film=self._film, **about)
        elif isinstance(event, Provisional) and event.segments != self._provisional:
            self._provisional = event.segments
            _log("provisional", segments=[segment_fields(s) for s in event.segments])
        elif isinstance(event, Load) and self._clock() >= self._load_due_s:
            self._load_due_s = self._clock() + LOAD_EVERY_S
            _log("load", **_load(event))
        elif isinstance(event, Waiting) and self._stalls.is_news(event.waited_s):
            _log("waiting", waited_s=round(event.waited_s, 1), begun=event.begun)
        elif isinstance(event, LeftOut):
            _log("left_out", start_s=event.gap.start_s, end_s=event.gap.end_s, every=event.every)
        elif isinstance(event, Restarted):
            _log("restarted", at_s=event.at_s, reason=event.why)
        elif isinstance(event, Warned):
            self.warn(event.message)

    def final(self, segments: Sequence[Segment], until_s: float) -> None:
        for segment in segments:
            _log("segment", **segment_fields(segment))
        _log("final", until_s=until_s)

    def named(self, told: Sequence[Segment], timeline: Timeline) -> None:
        """Of final segments the labels that the finished timeline gives them, where they had others."""
        labels = {(s.start_s, s.end_s, s.label) for s in told}
        known = {(s.start_s, s.end_s) for s in told}
        for s in timeline.segments:
            if (s.start_s, s.end_s) in known and (s.start_s, s.end_s, s.label) not in labels:
                _log("named", **segment_fields(s))

    def warn(self, message: str) -> None:
        _log("warning", message=message)

    def hand_work(self, line: str) -> None:
        _log("hand_work", message=line)

    def done(self, why: str, timeline: Timeline, files: Sequence[str]) -> None:
        counts = {"segments": len(timeline), "gaps": len(timeline.gaps)}
        _log("done", film=self._film, why=why, complete=timeline.complete, **counts, files=list(files))


def _load(event: Load) -> dict[str, float | None]:
    figures = {
        "written_s": event.written_s,
        "done_s": event.done_s,
        "final_s": event.final_s,
        "backlog_s": event.backlog_s,
        "speed": event.speed,
    }
    return {name: round(value, 3) if math.isfinite(value) else None for name, value in figures.items()}


def _log(event: str, **fields: Any) -> None:
    click.echo(json.dumps({"event": event, **fields}, ensure_ascii=True))
