"""Whether a machine keeps up with a film that grows, and how many positions it looks at. Standard library only."""

from collections import deque
from typing import NamedTuple

__all__ = ["MAX_EVERY", "Pace"]

LOOK_BACK_S = 60.0  # a speed is that of the last minute: shorter ones jump with every piece
# A film that is so far behind is thinned out where the machine is too slow as well. Less is no reason: some network
# comes back from a pause, a graphics card is shared for a moment.
LONG_S = 120.0
SHORT_S = 30.0  # and from here on, more is looked at again
MAX_EVERY = 8  # at 2 positions a second, one look in four seconds: with fewer, no action would be seen
NOTE_EVERY_S = 1.0


class _Moment(NamedTuple):
    now_s: float
    num_bytes: int
    done_s: float


class Pace:
    """The speed of embedding beside the speed of growth.

    A film that is long already when it is first read is caught up with, and not thinned out: only what grows faster
    than it is embedded is.
    """

    def __init__(self) -> None:
        self._moments: deque[_Moment] = deque()
        self._s_per_byte = 0.0
        self._backlog_s = 0.0
        self._changed_s = -float("inf")  # when `every` last changed
        self._every = 1

    def note(self, now_s: float, *, num_read: int, num_waiting: int, known_s: float, done_s: float) -> None:
        """Takes where things stand.

        now_s        of any clock that goes forward
        num_read     bytes of the film that were read, num_waiting: that lie there unread
        known_s      of the film whose frames are known, done_s: of it that is embedded
        """
        if num_read > 0 and known_s > 0:
            self._s_per_byte = known_s / num_read
        self._backlog_s = max(0.0, known_s - done_s) + num_waiting * self._s_per_byte
        moment = _Moment(now_s, num_read + num_waiting, done_s)
        if self._moments and now_s - self._moments[-1].now_s < NOTE_EVERY_S:
            return
        self._moments.append(moment)
        while len(self._moments) > 2 and now_s - self._moments[1].now_s >= LOOK_BACK_S:
            self._moments.popleft()
        self._decide(now_s)

    @property
    def backlog_s(self) -> float:
        """Seconds of film that are there and not embedded; of bytes that were not read it is an estimate."""
        return self._backlog_s

    @property
    def s_per_byte(self) -> float:
        """How many seconds of film a byte stands for; 0 while that is not known."""
        return self._s_per_byte

    @property
    def speed(self) -> float:
        """Seconds of film embedded in a second, over the last minute."""
        return self._rate([moment.done_s for moment in self._moments])

    @property
    def growth(self) -> float:
        """Seconds of film that come in a second, over the last minute."""
        return self._rate([moment.num_bytes * self._s_per_byte for moment in self._moments])

    @property
    def every(self) -> int:
        """Of so many positions one is looked at: 1, 2, 4 or 8."""
        return self._every

    def _rate(self, values: list[float]) -> float:
        if len(values) < 2:
            return 0.0
        lasted_s = self._moments[-1].now_s - self._moments[0].now_s
        return (values[-1] - values[0]) / lasted_s if lasted_s > 0 else 0.0

    def _decide(self, now_s: float) -> None:
        """Changes `every` where a whole minute since the last change says so."""
        since_s = max(self._moments[0].now_s, self._changed_s)
        if now_s - since_s < LOOK_BACK_S:
            return
        every = self._every
        if self._backlog_s > LONG_S and self.speed < self.growth:
            every = min(MAX_EVERY, 2 * every)
        elif self._backlog_s < SHORT_S:
            every = max(1, every // 2)
        if every != self._every:
            self._every, self._changed_s = every, now_s
