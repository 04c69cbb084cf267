"""Frames, seconds and SMPTE timecode (ST 12-1), for formats that count frames. Exact: rational numbers, no floats.

A film is taken to have one constant rate: frame n stands at n / rate seconds. A time belongs to the nearest frame
border (half to even), starts and ends alike, so that what touches still touches; a frame's seconds give it back.

Timecode names frames HH:MM:SS:FF, with as many frames in a second as the rate rounded (24 at 23.976), so that at 29.97
an hour of it lasts 3603.6 s. Drop-frame timecode, HH:MM:SS;FF, leaves out two names a minute (four at 59.94), save
every tenth minute, and keeps to the hour; it exists at 29.97 and 59.94 only. Elsewhere a drop-frame start is read as
non-drop, with a warning. If no start is stated, timecode starts at 00:00:00:00, non-drop at all rates.

After 24 hours timecode begins anew: a name more than 12 hours before the film's first one stands for the next day,
one less before it for what is before the film. Above 100 frames a second FF has three digits.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from vtn_stream.errors import InputError, printable
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import DEFAULT_RATE, Options, counting_rate
from vtn_stream.timeline import Segment, Timeline

__all__ = ["Clock", "film_clock", "has_drop_frame", "is_timecode", "reading_clock"]

_TIMECODE = re.compile(r"(\d{1,2})[:;.,](\d\d)[:;.,](\d\d)([:;.,])(\d{2,3})", re.ASCII)
_MOST_FRAMES = 2**50  # a million years; up to there a float of seconds tells frames apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How a film's frames are counted and named. start: the number of its first frame, counted from 00:00:00:00."""

    rate: Fraction
    drop: bool = False
    start: int = 0

    @property
    def base(self) -> int:
        """Frames in a second of timecode."""
        return max(1, round(self.rate))

    @property
    def day(self) -> int:
        """Frames in 24 hours of timecode."""
        return 24 * 3600 * self.base - 24 * 54 * self._dropped

    @property
    def _dropped(self) -> int:
        """The number of timecodes left out at the start of a minute."""
        return self.base // 15 if self.drop else 0

    def frame(self, seconds: float | Fraction) -> int:
        """The film's frame whose border is nearest; never below 0."""
        return min(max(0, round(Fraction(seconds) * self.rate)), _MOST_FRAMES)

    def seconds(self, frame: int) -> float:
        return frame * self.rate.denominator / self.rate.numerator

    def span(self, segment: Segment) -> tuple[int, int]:
        """The first frame and the one after the last; equal for a segment shorter than a frame."""
        return self.frame(segment.start_s), self.frame(segment.end_s)

    def timecode(self, frame: int) -> str:
        """The name of a frame of the film."""
        count = (self.start + frame) % self.day
        if self.drop:
            tens, rest = divmod(count, 600 * self.base - 9 * self._dropped)
            minutes = max(0, rest - self._dropped) // (60 * self.base - self._dropped)
            count += self._dropped * (9 * tens + minutes)
        seconds, left = divmod(count, self.base)
        digits = 2 if self.base <= 100 else 3
        names = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        return f"{names}{';' if self.drop else ':'}{left:0{digits}d}"

    def count(self, timecode: str) -> int:
        """Frames from 00:00:00:00 to the one of this name; the next one's, where drop-frame leaves the name out.

        ValueError for anything that is not a timecode at this rate. Whether it is drop-frame says the clock, not its
        last mark.
        """
        match = _TIMECODE.fullmatch(timecode)
        if match is None:
            raise ValueError("it is not HH:MM:SS:FF")
        hours, minutes, seconds, left = (int(match[i]) for i in (1, 2, 3, 5))
        if hours > 23 or minutes > 59 or seconds > 59 or left >= self.base:
            raise ValueError(f"it does not exist at {float(self.rate):.6g} frames a second")
        if minutes % 10 and not seconds:
            left = max(left, self._dropped)
        minutes += 60 * hours
        return (60 * minutes + seconds) * self.base + left - self._dropped * (minutes - minutes // 10)

    def frame_at(self, timecode: str) -> int:
        """The film's frame of this name, below 0 up to 12 hours before it. ValueError for anything else."""
        frame = self.count(timecode) - self.start
        return frame + self.day if 2 * frame < -self.day else frame


def has_drop_frame(rate: Fraction) -> bool:
    """Whether drop-frame timecode exists: at 30000/1001 and 60000/1001, also where a file says 29.97 or 59.94."""
    return any(abs(rate - Fraction(base * 1000, 1001)) < Fraction(1, 1000) for base in (30, 60))


def is_timecode(text: str) -> bool:
    """Whether the text has the form of a timecode, at some rate."""
    return _TIMECODE.fullmatch(text) is not None


def film_clock(timeline: Timeline, options: Options) -> tuple[Clock, tuple[str, ...]]:
    """The clock to write a film's times with, and warnings where it differs from what is stated.

    InputError where the options' start timecode is not a timecode.
    """
    rate, warnings = counting_rate(timeline, options)
    if options.start_timecode is not None:
        clock, doubts = _started(rate, options.start_timecode)
        return clock, warnings + doubts
    try:
        clock, doubts = _started(rate, timeline.start_timecode or "00:00:00:00")
    except InputError as error:
        return Clock(rate=rate), (*warnings, f"{error.fact}: timecode starts at 00:00:00:00")
    return clock, warnings + doubts


def reading_clock(
    options: ReadingOptions, *, rate: Fraction | None = None, drop: bool = False
) -> tuple[Clock, tuple[str, ...]]:
    """The clock to read a file with that states this rate, or none: then the options' holds. It starts where they say.

    InputError where the options' start timecode is not a timecode.
    """
    warnings: tuple[str, ...] = ()
    if rate is None and (rate := options.rate) is None:
        rate = DEFAULT_RATE
        warnings += (f"the file states no frame rate: frames are counted at {DEFAULT_RATE} a second",)
    if drop and not has_drop_frame(rate):
        drop = False
        warnings += (_no_drop_frame("its timecode", rate),)
    clock = Clock(rate=rate, drop=drop)
    if options.start_timecode is None:
        return clock, warnings
    clock = Clock(rate=rate, drop=drop, start=_count(clock, options.start_timecode))
    if _is_drop(options.start_timecode) and not drop:
        doubt = f"the start timecode {options.start_timecode} is drop-frame, the file is not"
        warnings += (f"{doubt}: it is read as {clock.timecode(0)}",)
    return clock, warnings


def _started(rate: Fraction, timecode: str) -> tuple[Clock, tuple[str, ...]]:
    asked = _is_drop(timecode)
    clock = Clock(rate=rate, drop=asked and has_drop_frame(rate))
    clock = Clock(rate=rate, drop=clock.drop, start=_count(clock, timecode))
    return clock, (_no_drop_frame(timecode, rate),) if asked and not clock.drop else ()


def _is_drop(timecode: str) -> bool:
    match = _TIMECODE.fullmatch(timecode)
    return match is not None and match[4] != ":"


def _count(clock: Clock, timecode: str) -> int:
    try:
        return clock.count(timecode)
    except ValueError as error:
        raise InputError(
            f"{printable(timecode[:40])!r} is no start timecode: {error}",
            "nothing was written",
            "give HH:MM:SS:FF, or HH:MM:SS;FF for drop-frame, as the film's first frame has it",
        ) from error


def _no_drop_frame(what: str, rate: Fraction) -> str:
    return f"there is no drop-frame timecode at {float(rate):.6g} frames a second: {what} is read as non-drop"
