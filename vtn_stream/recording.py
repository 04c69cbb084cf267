"""Many files, one recording: the films that a camera wrote one after the other, as one film on one clock. Numpy only.

    part1  0 ------ 10      part2  0 --- 4        part3  0 -- 3
    joined 0 ------ 10 --------- 14  (no file)  20 ------- 23

Every file stays what it is: its frames, its grid and its identity, so that what is stored of it is found.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import CLOCK_TOLERANCE_S, Dark, FilmPart, VideoInfo

__all__ = ["duration", "joined"]

# The finest clock of a recording. Time bases whose common measure is finer are rounded to it: 2^63 of these are 292
# years, and no film shows two frames within one.
FINEST = Fraction(1, 10**9)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    """Takes the pts of a part to those of the recording: times in units of `time_base`, later by `shift` seconds."""

    own: Fraction
    shift: Fraction
    time_base: Fraction

    def at(self, pts: int) -> int:
        return round((pts * self.own + self.shift) / self.time_base)

    def all(self, pts: NDArray[np.int64]) -> NDArray[np.int64]:
        scale, shift = self.own / self.time_base, self.shift / self.time_base
        largest = int(np.abs(pts).max(initial=0))
        if scale.denominator == shift.denominator == 1 and largest * scale + abs(shift) < 2**62:
            return pts * scale.numerator + shift.numerator
        return np.array([self.at(one) for one in pts.tolist()], np.int64)


def joined(name: str, videos: Sequence[VideoInfo], starts: Sequence[Fraction] | None = None) -> VideoInfo:
    """The recording of these films, in this order, as if it were one film with this name.

    starts  when each begins, seconds on the recording's clock, the first at 0; none before the end of the one before.
            None: each begins where the one before ends

    Frames of files with one time base that follow one another have the times of the film that was cut, to the bit.
    """
    if not videos or any(video.parts for video in videos):
        raise ValueError("a recording is made of one film or more, none of which is a recording")
    if starts is None:
        starts = [Fraction(0)]
        for video in videos[:-1]:
            starts.append(starts[-1] + duration(video))
    ends = [start + duration(video) for start, video in zip(starts, videos, strict=True)]
    if starts[0] != 0 or any(start < end - _TOLERANCE for start, end in zip(starts[1:], ends, strict=False)):
        raise ValueError(f"films begin at 0, or where the one before ends, or later; got {[str(s) for s in starts]}")

    zero = _zero(videos[0])
    shifts = [start - _zero(video) + zero for start, video in zip(starts, videos, strict=True)]
    time_base = _common([video.time_base for video in videos] + [abs(shift) for shift in shifts if shift])
    clocks = [
        _Clock(own=video.time_base, shift=shift, time_base=time_base)
        for video, shift in zip(videos, shifts, strict=True)
    ]
    pts, keyframes, dark, parts = list[NDArray[np.int64]](), list[NDArray[np.int64]](), list[Dark](), list[FilmPart]()
    first_frame = 0
    for i, (video, clock) in enumerate(zip(videos, clocks, strict=True)):
        own = _ascending(clock.all(video.pts), int(pts[-1][-1]) + 1 if pts else None)
        if i:
            dark += _between(ends[i - 1], starts[i], zero, time_base, first_pts=int(own[0]))
        dark += [Dark(start=clock.at(span.start), end=clock.at(span.end), why=span.why) for span in video.dark]
        parts.append(FilmPart(video=video, start=starts[i], first_frame=first_frame))
        pts.append(own)
        keyframes.append(own[np.searchsorted(video.pts, video.keyframes).clip(max=len(own) - 1)])
        first_frame += len(own)

    first = videos[0]
    rates = {video.nominal_rate for video in videos}
    return VideoInfo(
        path=Path(name),
        identity=_identity(videos, starts),
        stream=first.stream,
        codec=first.codec,
        width=first.width,
        height=first.height,
        time_base=time_base,
        start=zero,
        pts=np.concatenate(pts),
        end_pts=max(clocks[-1].at(videos[-1].end_pts), int(pts[-1][-1]) + 1),
        keyframes=np.unique(np.concatenate(keyframes)),
        rotation=first.rotation,
        mirrored=first.mirrored,
        sample_aspect_ratio=first.sample_aspect_ratio,
        nominal_rate=first.nominal_rate if len(rates) == 1 else None,
        start_timecode=first.start_timecode,
        dark=tuple(dark),
        parts=tuple(parts),
    )


def duration(video: VideoInfo) -> Fraction:
    """How long a film lasts, without rounding: to a frame, where its container's start is that of its first one."""
    return video.end_pts * video.time_base - _zero(video)


_TOLERANCE = Fraction(CLOCK_TOLERANCE_S).limit_denominator(10**6)


def _zero(video: VideoInfo) -> Fraction:
    """The film's own 0: its container's start, or its first frame where the two differ by the container's rounding."""
    first = int(video.pts[0]) * video.time_base
    return first if abs(first - video.start) < _TOLERANCE else video.start


def _common(times: Sequence[Fraction]) -> Fraction:
    """The largest time of which all of these are multiples; FINEST if it would be finer."""
    lcm = math.lcm(*(time.denominator for time in times))
    common = Fraction(math.gcd(*(int(time * lcm) for time in times)), lcm)
    return max(common, FINEST)


def _ascending(pts: NDArray[np.int64], least: int | None) -> NDArray[np.int64]:
    """The pts, moved where rounding, or a first frame before its container's start, would break their order."""
    if least is not None and pts[0] < least:
        pts = np.maximum(pts, least)
    if np.all(np.diff(pts) > 0):
        return pts
    steps = np.arange(len(pts))
    return np.asarray(np.maximum.accumulate(pts - steps) + steps, np.int64)


def _between(end: Fraction, start: Fraction, zero: Fraction, time_base: Fraction, *, first_pts: int) -> list[Dark]:
    """What is dark from the end of a file to the first frame of the next one, which begins at `start`."""
    until = min(round((start + zero) / time_base), first_pts)
    since = round((end + zero) / time_base)
    found = []
    if (until - since) * time_base > _TOLERANCE:
        found.append(Dark(start=since, end=until, why="no file"))
    else:
        until = max(since, until)
    if (first_pts - until) * time_base > _TOLERANCE:
        found.append(Dark(start=until, end=first_pts, why="leap"))  # as of a film whose first frame comes late
    return found


def _identity(videos: Sequence[VideoInfo], starts: Sequence[Fraction]) -> str:
    """Of the same letters and length as a film's."""
    facts = [[video.identity, str(start)] for video, start in zip(videos, starts, strict=True)]
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()
