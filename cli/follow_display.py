"""What the terminal shows while a film is followed, on stderr: one live line, or a line now and then; and news."""

import sys
import time
from collections.abc import Callable
from typing import Self

from rich.live import Live
from rich.text import Text

from vtn_stream.errors import printable
from vtn_stream.following.events import Begun, FollowEvent, LeftOut, Load, Restarted, Waiting, Warned

from .console import err, out, shows_progress
from .stalls import Stalls
from .times import clock as clock_of

__all__ = ["FollowDisplay"]

LINE_EVERY_S = 60.0
SLOW_S = 5.0  # a backlog that is named: less is on its way


class FollowDisplay:
    """A context manager. On a terminal that does not get the JSON lines as well, a line of it lives."""

    def __init__(self, film: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._film = printable(film)
        self._clock = clock
        self._line_due_s = clock() + LINE_EVERY_S
        self._left_out_due_s = clock()
        self._every = 1
        self._load: Load | None = None
        self._waited_s = 0.0
        self._stalls = Stalls()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Says at once what is followed: libraries that take a while to load come after."""
        if not out.quiet:
            err.print(Text(f"following {self._film}"), soft_wrap=True)
        if shows_progress() and not sys.stdout.isatty():
            self._live = Live(
                get_renderable=lambda: Text(self.status, overflow="ellipsis", no_wrap=True),
                console=err,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    @property
    def status(self) -> str:
        """One line: what is written, what is final, and what is missing in between."""
        parts = []
        if (load := self._load) is not None:
            parts = [f"{clock_of(load.written_s)} written", f"final until {clock_of(load.final_s)}"]
            parts.append(f"{max(0.0, load.written_s - load.final_s):.0f} s behind")
            if load.backlog_s >= SLOW_S:
                parts.append(f"{load.backlog_s:.0f} s to embed")
            if load.speed > 0:
                parts.append(f"speed {load.speed:.1f}x")
        if self._waited_s >= 1 or load is None:
            parts.append(f"waiting for {self._what}, {self._waited_s:.0f} s")
        return f"{self._film}: {', '.join(parts)}"

    def hear(self, event: FollowEvent) -> None:
        if isinstance(event, Load):
            if self._load is None or event.written_s > self._load.written_s:  # it is told while nothing comes, too
                self._waited_s = 0.0
            self._load = event
        elif isinstance(event, Waiting):
            self._waited_s = event.waited_s
            if self._stalls.is_news(event.waited_s):
                self.say(f"nothing has come for {event.waited_s:.0f} s; waiting for {self._what}", is_warning=False)
        elif isinstance(event, Begun):
            self._hear_begun(event)
        elif isinstance(event, LeftOut):
            self._hear_left_out(event)
        elif isinstance(event, Restarted):
            self.say(f"at {clock_of(event.at_s)} a new stretch begins: {event.why}")
        elif isinstance(event, Warned):
            self.say(event.message)
        if not self._live and not out.quiet and self._clock() >= self._line_due_s:
            self._line_due_s = self._clock() + LINE_EVERY_S
            err.print(Text(self.status), soft_wrap=True)

    def say(self, line: str, *, is_warning: bool = True) -> None:
        """A line that stays. Only warnings are printed where the terminal is to be quiet."""
        if is_warning or not out.quiet:
            err.print(Text(f"{self._film}: {printable(line)}"), soft_wrap=True)

    @property
    def _what(self) -> str:
        return "the film to begin" if self._load is None else "more of the film"

    def _hear_begun(self, event: Begun) -> None:
        line = f"a segment is final at most {event.delay_s:.0f} s of film after its end"
        if event.resumed_s:
            line += f"; until {clock_of(event.resumed_s)} an earlier run has come, whose segments are not printed again"
        self.say(line, is_warning=False)

    def _hear_left_out(self, event: LeftOut) -> None:
        """When it begins, when it gets better or worse, and once a minute."""
        now_s = self._clock()
        if event.every != self._every or now_s >= self._left_out_due_s:
            self._every, self._left_out_due_s = event.every, now_s + LINE_EVERY_S
            at = clock_of(event.gap.start_s)
            self.say(f"this machine is too slow: from {at} only one of {event.every} positions is looked at")
