"""Makes one ascending clock of the timestamps in a file. Knows numpy only.

P packets in the order of the file, each with the time at which its frame is to be shown, in units of the time base.

A file of joined recordings has several clocks, each beginning anew; a receiver that was disturbed makes one that jumps:

    in the file      0 1 2 3 4 | 0 1 2 3          10 11 12 | 4000 | 14 15
    as it is shown   0 1 2 3 4   5 6 7 8          10 11 12   13     14 15

A stretch whose clock has stepped back begins one frame after what was before. Frames that share a timestamp are given
times in between. A clock that leaps far ahead and stays there is left as it is: nothing is shown meanwhile.
"""

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import NO_PTS

__all__ = [
    "EVEN",
    "LEAP_S",
    "LEAP_STEPS",
    "LONG_LEAP_S",
    "MAX_LEAPS",
    "MAX_SHARED",
    "MAX_SHARE_OF_LEAPS",
    "MAX_STRETCHES",
    "REORDERED",
    "Clock",
    "distinct",
    "last_duration",
    "leaps",
    "one_clock",
    "usual_step",
]

# Frames come out of order by at most 16 (H.264, HEVC): one that is this many packets late has another clock.
REORDERED = 32
# So many frames at one timestamp are taken for neighbours; more, for a clock that stands still.
MAX_SHARED = 8
# In which the time base may be divided, so that there are times in between.
_MAX_DIVISION = 1000
# Recordings in a file: a year of daily ones, and much more than anyone joins.
MAX_STRETCHES = 10_000
# A step this long, and so many times longer than usual, is a leap of the clock, if the others are even...
LEAP_S, LEAP_STEPS = 10, 100
# ... which most of them are if the longest is so many times the usual, and leaps are few.
EVEN, MAX_SHARE_OF_LEAPS, MAX_LEAPS = 10, 0.01, 5000
# Where they are not, as in recordings of a screen that stands still for long, only a leap so long is one.
LONG_LEAP_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """When the frame of each packet is shown.

    times       int64 [P], in the time base divided by `division`; NO_PTS where it is not known, or left out
    restarts    times at which a clock had stepped back, or away for a moment
    num_spread  frames that were given times in between
    num_merged  frames left out: too many shared one timestamp
    """

    times: NDArray[np.int64]
    division: int
    restarts: tuple[int, ...]
    num_spread: int
    num_merged: int


def one_clock(
    times: NDArray[np.int64],
    decode_times: NDArray[np.int64],
    shown: NDArray[np.bool_],
    time_base: Fraction,
    step: int = 1,
    wraps_at: int = 2**63 - 1,
    keys: NDArray[np.bool_] | None = None,
) -> Clock:
    """One clock for all packets. Arrays [P]; NO_PTS where a time is not stated.

    decode_times  NO_PTS everywhere where the container has none
    shown         False for packets that are no frame to be seen
    keys          True for keyframes: on one clock none of them is shown before what lies before it; None: not known
    step          for how long a frame is shown, where the times of all are one
    wraps_at      where a clock of this container begins again at 0. FFmpeg counts on there, and does so too where the
                  clock of another recording is simply behind

    Raises ValueError if the clock steps back more than 10,000 times.
    """
    placed = times.copy()
    restarts: list[int] = []
    known = np.flatnonzero(shown & (times != NO_PTS))  # an edit list hides what has to be decoded before its pieces
    if len(known) > 1:
        usual = usual_step(distinct(times[known])[0])
        is_key = np.zeros(len(known), np.bool_) if keys is None else keys[known]
        stretches = _stretches(times[known], decode_times[known], is_key, usual, _leap(usual, time_base), wraps_at)
        ends = [first for first, _ in stretches[1:]] + [len(known)]
        for number, ((first, shift), end) in enumerate(zip(stretches, ends, strict=True)):
            packets = slice(known[first], known[end] if end < len(known) else None)
            placed[packets] += np.where(times[packets] == NO_PTS, 0, shift)
            if number and (number == 1 or shift != stretches[number - 2][1]):  # else it goes on where it had been
                restarts.append(int(placed[known[first:end]].min()))
    placed, division, num_spread, num_merged = _spread(placed, shown, step)
    return Clock(
        times=placed,
        division=division,
        restarts=tuple(sorted(time * division for time in restarts)),
        num_spread=num_spread,
        num_merged=num_merged,
    )


def distinct(times: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct values of times [N], ascending, and how often each comes: numpy's `unique`, quick where they are
    nearly in order.
    """
    ordered = np.sort(times, kind="stable")
    first = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    return ordered[first], np.diff(np.append(first, len(ordered)))


def usual_step(times: NDArray[np.int64]) -> int:
    """The lower median of the steps between ascending times [N]; 1 where there are none."""
    steps = np.sort(np.diff(times))
    return max(1, int(steps[(len(steps) - 1) // 2])) if len(steps) else 1


def last_duration(pts: NDArray[np.int64], stated: int, rate: Fraction | None, time_base: Fraction) -> int:
    """How long the last of these frames is shown: as stated if that is plausible, else a usual step. rate: the mean."""
    if len(pts) > 1:
        usual = int(np.median(np.diff(pts)))
    elif rate:
        usual = max(1, round(1 / (rate * time_base)))
    else:
        usual = max(1, stated)
    return stated if 0 < stated <= 10 * usual else max(1, usual)


def leaps(times: NDArray[np.int64], time_base: Fraction) -> NDArray[np.intp]:
    """Indices of frames, of ascending times [N], after which the clock leaps: they are not shown until the next.

    The clock of a camera or a broadcast does not stand still; that of a screen recording may, while nothing moves.
    """
    steps, usual = np.diff(times), usual_step(times)
    found = np.flatnonzero(steps > _leap(usual, time_base))
    others = np.delete(steps, found)
    if len(found) == 0 or len(others) == 0:
        return found[:0]
    if int(others.max()) <= EVEN * usual and len(found) <= max(1, min(MAX_LEAPS, MAX_SHARE_OF_LEAPS * len(steps))):
        return found
    long = max(LONG_LEAP_S / time_base, LEAP_STEPS * int(others.max()))
    return found[steps[found] > long]


def _leap(usual: int, time_base: Fraction) -> int:
    return max(int(LEAP_S / time_base), LEAP_STEPS * usual)


def _stretches(
    times: NDArray[np.int64],
    decode_times: NDArray[np.int64],
    keys: NDArray[np.bool_],
    usual: int,
    leap: int,
    wraps_at: int,
) -> list[tuple[int, int]]:
    """(first packet, what is added to its times and those that follow) of each stretch with a clock of its own."""
    stretches = [(0, 0)]
    decoded = np.where(decode_times == NO_PTS, times, decode_times)
    if np.all(decode_times == NO_PTS) and np.count_nonzero(np.diff(times) < 0) > len(times) // 100:
        decoded = np.full_like(times, NO_PTS)  # frames come out of order, and nothing says when they are decoded
    high = np.maximum.accumulate(times)
    is_back = np.zeros(len(times), np.bool_)
    is_back[1:] = decoded[1:] < decoded[:-1]
    is_back[1:] &= times[1:] < np.where(keys[1:], high[:-1], decoded[:-1]) - usual
    is_back[REORDERED:] |= times[REORDERED:] < high[:-REORDERED]
    is_back[1:] |= (times[1:] >= wraps_at) & (times[1:] > high[:-1] + leap)
    if not is_back.any():
        return stretches

    shift = before = top = 0
    last_time = last_decoded = returns_at = -1
    tops: deque[int] = deque(maxlen=REORDERED)  # the latest time until each of the last packets
    for i, (time, decode_time, is_key) in enumerate(zip(times.tolist(), decoded.tolist(), keys.tolist(), strict=True)):
        if i:
            late = len(tops) == REORDERED and time + shift < tops[0]
            latest = top - shift if is_key else last_decoded
            late |= i == returns_at or (decode_time < last_decoded and time < latest - usual)
            is_ahead = time + shift > top + leap
            late |= is_ahead and time >= wraps_at > last_time
            if late or is_ahead:
                end = None if late else _return(times, i, shift, (top - REORDERED * usual, top + leap))
                new = shift
                if len(stretches) > 1 and top < time + before <= top + leap:
                    new = before  # it goes on where the stretch before the last one had ended
                elif late or end is not None:
                    step = _tail_step(times[max(stretches[-1][0], i - 256) : i], usual)
                    new = top + step - _first(times, decoded, i, end)
                if new != shift:
                    before, shift, returns_at = shift, new, -1 if end is None else end
                    stretches.append((i, shift))
                    tops.clear()
                    if len(stretches) > MAX_STRETCHES:
                        raise ValueError(f"the clock steps back more than {MAX_STRETCHES} times")
        last_time, last_decoded = time, decode_time
        top = max(top, time + shift) if i else time
        tops.append(top)
    return stretches


def _return(times: NDArray[np.int64], i: int, shift: int, expected: tuple[int, int]) -> int | None:
    """The packet, soon after i, at which the clock that left at i is back; None if it is not."""
    following = times[i + 1 : i + REORDERED] + shift
    back = np.flatnonzero((following > expected[0]) & (following <= expected[1]))
    return i + 1 + int(back[0]) if len(back) else None


def _first(times: NDArray[np.int64], decoded: NDArray[np.int64], i: int, end: int | None) -> int:
    """When the first frame of the stretch that begins at packet i is shown, on its own clock: not always that of i."""
    end = i + REORDERED if end is None else end
    falls = np.flatnonzero(np.diff(decoded[i:end]) < 0)
    return int(times[i : i + 1 + int(falls[0]) if len(falls) else end].min())


def _tail_step(times: NDArray[np.int64], usual: int) -> int:
    return usual_step(distinct(times)[0]) if len(times) > 1 else usual


def _spread(times: NDArray[np.int64], shown: NDArray[np.bool_], step: int) -> tuple[NDArray[np.int64], int, int, int]:
    """Times that no two shown frames share, the division of the time base, how many were spread, and left out."""
    frames = np.flatnonzero(shown & (times != NO_PTS))
    values, counts = distinct(times[frames])
    if len(values) == len(frames):
        return times, 1, 0, 0
    room = np.diff(np.append(values, values[-1] + (usual_step(values) if len(values) > 1 else step)))
    division = int(np.max(-(-counts // room), where=counts <= MAX_SHARED, initial=1))
    if division > _MAX_DIVISION or np.abs(values[[0, -1]]).max() > 2**62 // division:
        division = 1
    order = frames[np.argsort(times[frames], kind="stable")]
    within = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)  # 0, 1, ... of those at one time
    count, gap = np.repeat(counts, counts), np.repeat(room, counts) * division
    fits = (count <= MAX_SHARED) & (count <= gap)
    spread = times.copy()
    spread[times != NO_PTS] *= division
    spread[order] += np.where(fits, within * gap // count, 0)
    merged = order[~fits & (within > 0)]
    spread[merged] = NO_PTS
    return spread, division, int(np.count_nonzero(fits & (within > 0))), len(merged)
