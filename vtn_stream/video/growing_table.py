"""Which frames of a film are known while its packets come, and when no other can come before them any more. Standard
library only. Runs in the decoding process.

    packets     1 4 2 3 7 5 6 10 ...          as decoded
    frames      1 2 3 4 5 6 7 . . 10 ...      as shown
                          ^ settled: no frame before it can still come

Where the container says when packets are decoded, no frame is shown before that. Elsewhere a frame comes at most 16
others late.
"""

from bisect import bisect_right, insort
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import median_low

from vtn_stream.film import NO_PTS
from vtn_stream.video.clock import EVEN, LEAP_S, LEAP_STEPS, LONG_LEAP_S, MAX_LEAPS, MAX_SHARE_OF_LEAPS, MAX_SHARED

__all__ = ["News", "Table"]

_REORDERED = 16  # H.264 and HEVC: frames that come before one that is shown earlier
# Codecs whose packets come in the order in which they are shown.
_IN_ORDER = frozenset(("vp8", "vp9", "av1", "libdav1d", "mjpeg", "prores", "dnxhd", "ffv1", "png"))
_RECENT = 256
_END = 2**62


@dataclass(slots=True)
class News:
    """What became known since this was last asked for, as the parent is told.

    pts        of frames that are settled, ascending
    keyframes  of those, where decoding can begin
    dark       spans [start, end) of pts in which nothing is shown, since the clock leaps
    restarts   pts at which the file's own clock had stepped
    """

    pts: list[int] = field(default_factory=list)
    keyframes: list[int] = field(default_factory=list)
    dark: list[tuple[int, int]] = field(default_factory=list)
    restarts: list[int] = field(default_factory=list)


class Table:
    """Is given every packet, in order, as it stands on the one clock.

    bound        no frame shown before it can still come
    settled      the same, some packets later: what is shown before it has come out of a decoder
    told         the same, but for where the clock leaps, if nothing more comes: what is shown then is known later
    num_untimed, num_hidden, num_spread, num_merged  as of VideoInfo
    has_leapt    whether the clock leapt ahead
    last_duration  of the latest frame, as stated; 0 where it is not
    """

    def __init__(self, time_base: Fraction, codec: str, *, has_decode_times: bool, num_late: int) -> None:
        """num_late: how many packets later than `bound` `settled` is."""
        self.bound = self.settled = self.told = -_END
        self.num_untimed = self.num_hidden = self.num_spread = self.num_merged = 0
        self.last_duration = 0
        self.has_leapt = False
        self._latest = -_END
        self._least_leap, self._long_leap = int(LEAP_S / time_base), int(LONG_LEAP_S / time_base)
        self._has_decode_times = has_decode_times
        self._depth = 0 if codec in _IN_ORDER else _REORDERED
        self._bounds: deque[int] = deque(maxlen=num_late + 1)
        self._shown: list[int] = []  # frames that are not settled, ascending
        self._keys: list[int] = []
        self._last = -_END  # the last frame that is settled
        self._last_key = -_END
        self._steps: deque[int] = deque(maxlen=_RECENT)
        self._num_steps = self._num_leaps = self._longest = 0
        self._news = News()

    def add(self, time: int, decode_time: int, duration: int, restart: int, *, is_key: bool, is_hidden: bool) -> int:
        """Takes the next packet. Returns when its frame is shown: NO_PTS if it is not, or that is not known."""
        if restart != NO_PTS:
            self._news.restarts.append(restart)
        self.num_hidden += is_hidden
        self.num_untimed += time == NO_PTS and not is_hidden
        if time != NO_PTS and not is_hidden:
            time = self._placed(time)
        if time != NO_PTS and time >= self.settled:
            if is_key:
                insort(self._keys, time)
            if not is_hidden:
                insort(self._shown, time)
                if time > self._latest:
                    self._latest, self.last_duration = time, duration
        self._advance(decode_time if self._has_decode_times else NO_PTS)
        return NO_PTS if is_hidden else time

    def end(self) -> None:
        """No more packets come."""
        self.bound = _END
        self._settle(_END)

    @property
    def has_frames(self) -> bool:
        """Whether one is settled."""
        return self._last != -_END

    def news(self) -> News:
        told, self._news = self._news, News()
        return told

    def usual_step(self) -> int:
        return median_low(self._steps) if self._steps else 1

    def _placed(self, time: int) -> int:
        """Where the frame goes: not among those that are settled, and not onto another one."""
        if time < self.settled or time <= self._last:
            self.num_merged += 1
            return NO_PTS
        for free in range(time, time + MAX_SHARED):
            at = bisect_right(self._shown, free)
            if at == 0 or self._shown[at - 1] != free:
                self.num_spread += free != time
                return free
        self.num_merged += 1
        return NO_PTS

    def _advance(self, decode_time: int) -> None:
        if decode_time != NO_PTS:
            self.bound = max(self.bound, decode_time)
        elif len(self._shown) > self._depth:
            self.bound = max(self.bound, self._shown[-1 - self._depth] + 1)
        self._bounds.append(self.bound)
        if len(self._bounds) == self._bounds.maxlen:
            self._settle(self._bounds[0])

    def _settle(self, bound: int) -> None:
        if bound <= self.settled:
            return
        self.settled = bound
        count = bisect_right(self._shown, bound - 1)
        for pts in self._shown[:count]:
            self._step_to(pts)
            self._news.pts.append(pts)
            self._last = pts
        del self._shown[:count]
        count = bisect_right(self._keys, bound - 1)
        for pts in self._keys[:count]:
            if pts != self._last_key:
                self._news.keyframes.append(pts)
            self._last_key = pts
        del self._keys[:count]

        ahead = bound - self._last
        is_leap = self.has_frames and bound != _END and ahead > self._least_leap and self._is_leap(ahead)
        self.told = max(self.told, self._last + self.usual_step() if is_leap else bound)

    def _step_to(self, pts: int) -> None:
        """Notes the step from the last frame, and whether the clock leaps over it."""
        if self._last == -_END:
            return
        step = pts - self._last
        if step > self._least_leap and self._is_leap(step):
            self._num_leaps, self.has_leapt = self._num_leaps + 1, True
            self._news.dark.append((max(self._last + self.usual_step(), self.told), pts))
        else:
            self._longest = max(self._longest, step)
            self._steps.append(step)
        self._num_steps += 1

    def _is_leap(self, step: int) -> bool:
        usual = self.usual_step()
        if not self._longest or step <= LEAP_STEPS * usual:
            return False
        few = max(1, min(MAX_LEAPS, MAX_SHARE_OF_LEAPS * self._num_steps))
        if self._longest <= EVEN * usual and self._num_leaps < few:
            return True
        return step > max(self._long_leap, LEAP_STEPS * self._longest)
