"""One ascending clock for the packets of a film while they come; as `clock`, which has all of them and says what is
meant. Standard library only. Runs in the decoding process.

A packet is put on the clock as soon as it comes. Only one at which the clock steps back, or leaps ahead, waits for 32
more: they tell whether the clock stays there.

It is decided once, so that nothing that was said of a film changes: where `clock` would divide the time base to find
room for frames that share a time, they are put into the next free ticks (`growing_table`).
"""

from collections import deque
from fractions import Fraction
from itertools import pairwise
from statistics import median_low
from typing import NamedTuple

from vtn_stream.film import NO_PTS
from vtn_stream.video.clock import LEAP_S, LEAP_STEPS, MAX_STRETCHES, REORDERED

__all__ = ["GrowingClock", "OnClock"]

_RECENT = 256  # packets whose steps say what is usual


class OnClock(NamedTuple):
    """When the frame of a packet is shown, and decoded, on the one clock; NO_PTS where that is not known. restart: when
    the first frame is shown after the file's clock had stepped, if it has at this packet; else NO_PTS.
    """

    time: int
    decode_time: int
    restart: int


class _Packet(NamedTuple):
    time: int
    decode_time: int
    is_key: bool
    is_shown: bool


class GrowingClock:
    def __init__(self, time_base: Fraction, *, has_decode_times: bool, wraps_at: int = 2**63 - 1) -> None:
        self._least_leap = int(LEAP_S / time_base)
        self._has_decode_times = has_decode_times
        self._wraps_at = wraps_at
        self._waiting: deque[_Packet] = deque()
        self._num_known = 0  # of those that wait: shown, at a known time
        self._recent: deque[int] = deque(maxlen=_RECENT)  # times of known packets, as the file says, of one stretch
        self._known_usual = 1
        self._is_first = True
        self._shift = self._before = self._top = 0
        self._last_time = self._last_decoded = 0
        self._returns_in: int | None = None  # so many known packets later the clock is back
        self._num_stretches = 1
        self._tops: deque[int] = deque(maxlen=REORDERED)  # the latest time until each of the last packets

    def add(self, time: int, decode_time: int, *, is_key: bool, is_shown: bool) -> list[OnClock]:
        """Takes the next packet. Returns those, in order, that are on the clock now.

        Raises ValueError if the clock steps back more than 10,000 times.
        """
        is_known = is_shown and time != NO_PTS
        self._waiting.append(_Packet(time, decode_time, is_key, is_known))
        self._num_known += is_known
        return self._settled(is_ended=False)

    def end(self) -> list[OnClock]:
        """No more packets come: those that wait."""
        return self._settled(is_ended=True)

    def _settled(self, *, is_ended: bool) -> list[OnClock]:
        settled = []
        while self._waiting:
            packet, restart = self._waiting[0], NO_PTS
            if packet.is_shown:
                decoded = self._decoded(packet)
                if not self._is_first and self._steps(packet, decoded):
                    if self._num_known < REORDERED and not is_ended:
                        break
                    restart = self._restart(packet, decoded)
                self._take(packet, decoded)
                self._num_known -= 1
            self._waiting.popleft()
            settled.append(
                OnClock(
                    NO_PTS if packet.time == NO_PTS else packet.time + self._shift,
                    NO_PTS if packet.decode_time == NO_PTS else packet.decode_time + self._shift,
                    restart,
                )
            )
        return settled

    def _decoded(self, packet: _Packet) -> int:
        if not self._has_decode_times:
            return 0
        return packet.time if packet.decode_time == NO_PTS else packet.decode_time

    def _steps(self, packet: _Packet, decoded: int) -> bool:
        """Whether the clock may have stepped here. It is cheap for a film of which it has not."""
        return self._is_late(packet, decoded) or self._is_ahead(packet)

    def _is_late(self, packet: _Packet, decoded: int) -> bool:
        if self._returns_in == 0:
            return True
        if len(self._tops) == REORDERED and packet.time + self._shift < self._tops[0]:
            return True
        latest = self._top - self._shift if packet.is_key else self._last_decoded
        if decoded < self._last_decoded and packet.time < latest and packet.time < latest - self._usual():
            return True
        return packet.time >= self._wraps_at > self._last_time and self._is_ahead(packet)

    def _is_ahead(self, packet: _Packet) -> bool:
        ahead = packet.time + self._shift - self._top
        return ahead > self._least_leap and ahead > self._leap()

    def _leap(self) -> int:
        return max(self._least_leap, LEAP_STEPS * self._usual())

    def _restart(self, packet: _Packet, decoded: int) -> int:
        """Finds what is added to the times from here on. Returns when the first frame of a new stretch is shown."""
        known = [p for p in self._waiting if p.is_shown][:REORDERED]
        is_late = self._is_late(packet, decoded)
        end = None if is_late else self._return(known)
        begins, new, leap = NO_PTS, self._shift, self._leap()
        goes_back = self._num_stretches > 1 and self._top < packet.time + self._before <= self._top + leap
        if goes_back:
            new = self._before  # it goes on where the stretch before the last one had ended
        elif is_late or end is not None:
            begins = self._top + self._usual()
            new = begins - _first(known[:end], [self._decoded(p) for p in known[:end]])
        if new == self._shift:
            return NO_PTS
        self._before, self._shift, self._returns_in = self._shift, new, end
        self._num_stretches += 1
        self._tops.clear()
        self._recent.clear()
        if self._num_stretches > MAX_STRETCHES:
            raise ValueError(f"the clock steps back more than {MAX_STRETCHES} times")
        return begins

    def _return(self, known: list[_Packet]) -> int | None:
        """How many known packets later the clock that leaves here is back; None if it is not soon."""
        earliest, latest = self._top - REORDERED * self._usual(), self._top + self._leap()
        times = (p.time + self._shift for p in known[1:])
        return next((i + 1 for i, time in enumerate(times) if earliest < time <= latest), None)

    def _take(self, packet: _Packet, decoded: int) -> None:
        if self._returns_in is not None:
            self._returns_in = self._returns_in - 1 if self._returns_in else None
        self._last_time, self._last_decoded = packet.time, decoded
        placed = packet.time + self._shift
        self._top = placed if self._is_first else max(self._top, placed)
        self._tops.append(self._top)
        self._recent.append(packet.time)
        self._is_first = False

    def _usual(self) -> int:
        """The step that is usual lately; 1 where there was none."""
        times = sorted(set(self._recent))
        if len(times) > 1:
            self._known_usual = median_low(b - a for a, b in pairwise(times))
        return self._known_usual


def _first(stretch: list[_Packet], decoded: list[int]) -> int:
    """When the first frame of a stretch that begins with these packets is shown, on its own clock."""
    falls = next((i for i in range(1, len(decoded)) if decoded[i] < decoded[i - 1]), len(decoded))
    return min(packet.time for packet in stretch[:falls])
