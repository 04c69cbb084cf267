"""Waits for bytes: how long none has come, and when that is long enough. Standard library only."""

import threading
import time
from collections.abc import Iterator
from typing import Literal, Self

from vtn_stream.following.feed import Nothing

__all__ = ["POLL_S", "Source", "Waiting"]

POLL_S = 0.25  # a look at a file costs some microseconds, and a segment is final some seconds after its end
_TELL_S = 0.5


class Waiting:
    """The wait of one source. until_idle_s: after so long without a byte it is over; None: never."""

    def __init__(self, until_idle_s: float | None) -> None:
        self._until_idle_s = until_idle_s
        self._since: float | None = None
        self._told = 0.0
        self._closed = threading.Event()

    def came(self) -> None:
        """Something came: the wait begins again with the next look that finds nothing."""
        self._since = None

    def waits(self, *, has_slept: bool = False) -> Iterator[Nothing]:
        """Sleeps until the next look, and says about twice a second how long it has been.

        has_slept: the source was looked at for POLL_S already.
        """
        now = time.monotonic()
        if self._since is None:
            self._since = self._told = now
        if not has_slept:
            left_s = POLL_S if self._until_idle_s is None else self._until_idle_s - self.waited_s
            self._closed.wait(min(left_s, POLL_S) if left_s > 0 else POLL_S)
        if time.monotonic() - self._told >= _TELL_S:
            self._told = time.monotonic()
            yield Nothing(waited_s=self.waited_s)

    def pause(self) -> None:
        """Sleeps for POLL_S, though something came."""
        self._closed.wait(POLL_S)

    @property
    def waited_s(self) -> float:
        """Since the first look that found nothing."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    @property
    def is_over(self) -> bool:
        """Whether the source was idle for as long as was asked. It is asked after a look that found nothing."""
        return self._until_idle_s is not None and self._since is not None and self.waited_s >= self._until_idle_s

    @property
    def is_closed(self) -> bool:
        return self._closed.is_set()

    def close(self) -> None:
        self._closed.set()


class Source:
    """What all feeds have in common: see `Feed`."""

    def __init__(self, name: str, until_idle_s: float | None) -> None:
        self.name = name
        self.ended: Literal["end", "idle"] = "end"
        self._wait = Waiting(until_idle_s)

    def close(self) -> None:
        self._wait.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
