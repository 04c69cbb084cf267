"""Frames, seconds and SMPTE timecode (ST 12-1), for formats that count frames. Exact: rational numbers, no floats.

A film is taken to have one constant rate: frame n stands at n / rate seconds. A time belongs to the nearest frame
border (half to even), starts and ends alike, so that what touches still touches; a frame's seconds give it back.

Timecode names frames HH:MM:SS:FF, with as many frames in a second as the rate rounded (24 at 23.976), so that at 29.97
an hour of it lasts 3603.6 s. Drop-frame timecode, HH:MM:SS;FF, leaves out two names a minute (four at 59.94), save
every tenth minute, and keeps to the hour; it exists at 29.97 and 59.94 only. Elsewhere a drop-frame start is read as
non-drop, with a warning. If no start is stated, timecode starts at 00:00:00:00, non-drop at all rates.

Timecode has few rates. A film at another one is counted at one of these, with a warning. One within 0.2 % of a rate of
timecode is at that rate: it is a mean, and a short last frame makes a mean so high (2700000/89923 is 29.97). Else it is
counted at twice, three times ... its own rate (12.5 at 25, a screen recording of a frame each 10 s at 24), which tells
frames apart; fast ones at a half, a third ... of it (240 at 60); others at the next whole one, whose seconds are
seconds. A whole rate that is asked for holds, with a warning, and so does one that a file is counted at: 15 frames in a
second have names, 12.5 have not.

After 24 hours timecode begins anew: a name more than 12 hours before the film's first one stands for the next day,
one less before it for what is before the film. Above 100 frames a second FF has three digits.
"""

import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction

from vtn_stream.errors import InputError, printable
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import DEFAULT_RATE, Options, counting_rate, exact_rate
from vtn_stream.timeline import Segment, Timeline

__all__ = [
    "TIMECODE_RATES",
    "Clock",
    "can_count",
    "film_clock",
    "has_drop_frame",
    "is_timecode",
    "reading_clock",
    "timecode_rate",
]

_ALSO_NTSC = (24, 30, 48, 60, 72, 96, 120)
TIMECODE_RATES = (  # of ST 12-1 and 12-3, the lowest first
    *sorted(
        {Fraction(base, slower) for base in _ALSO_NTSC for slower in (1, Fraction(1001, 1000))}
        | {*map(Fraction, (25, 50, 100))}
    ),
)
_NEAR = Fraction(2, 1000)  # of a rate: a mean is this far off, and no two rates but 24 and 23.976 and the like are
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


def can_count(rate: Fraction) -> bool:
    """Whether names of whole frames in a second make sense: of 25 and of 30000/1001, of 15, not of 12.5 or 0.1."""
    base = round(rate)
    return base > 0 and rate in (base, Fraction(base * 1000, 1001))


def timecode_rate(rate: Fraction, *, duration_s: float = math.inf, drop: bool = False) -> Fraction:
    """The rate of timecode to count at, for a film of this rate and length.

    drop: its timecode is known to be drop-frame
    """
    if rate in TIMECODE_RATES:
        return rate
    near = [known for known in TIMECODE_RATES if abs(known - rate) <= _NEAR * rate]
    if dropping := [known for known in near if drop and has_drop_frame(known)]:
        return dropping[0]
    # A short last frame is less than a frame: of the rates that it explains the lowest. Others are off by more.
    if by_last_frame := [known for known in near if 0 <= (rate - known) * Fraction(min(duration_s, 1e9)) <= 1]:
        return by_last_frame[0]
    if near:
        return min(near, key=lambda known: abs(known - rate))
    usual = [known for known in TIMECODE_RATES if known <= 60]  # past these few programs go
    finer = [known for known in usual if (known / rate).denominator == 1]
    coarser = [known for known in usual if known > 40 and (rate / known).denominator == 1]
    above = [known for known in usual if known > rate and known.denominator == 1]
    return (finer + coarser[::-1] + above + usual[-1:])[0]


def is_timecode(text: str) -> bool:
    """Whether the text has the form of a timecode, at some rate."""
    return _TIMECODE.fullmatch(text) is not None


def film_clock(timeline: Timeline, options: Options) -> tuple[Clock, tuple[str, ...]]:
    """The clock to write a film's times with, and warnings where it differs from what is stated.

    InputError where the options' start timecode is not a timecode.
    """
    own, warnings = counting_rate(timeline, options)
    drop = _is_drop(options.start_timecode or timeline.start_timecode or "")
    rate = timecode_rate(own, duration_s=timeline.duration_s, drop=drop)
    if rate != own and options.rate is not None and can_count(own):
        warnings += (f"timecode has no {_decimal(own)} frames a second: most editors want {_decimal(rate)} (--rate)",)
        rate = own
    elif rate != own:
        varies = "the film's frame rate varies, and " if options.rate is None and timeline.variable_rate else ""
        warnings = (varies + _other_rate(own, rate),)
    if options.start_timecode is not None:
        clock, doubts = _started(rate, options.start_timecode)
        return clock, warnings + doubts
    try:
        clock, doubts = _started(own if can_count(own) else rate, timeline.start_timecode or "00:00:00:00")
    except InputError as error:
        return Clock(rate=rate), (*warnings, f"{error.fact}: timecode starts at 00:00:00:00")
    # The film's own timecode was counted at its own rate.
    return replace(clock, rate=rate, start=round(clock.start * rate / clock.rate)), warnings + doubts


def reading_clock(
    options: ReadingOptions, *, rate: Fraction | None = None, drop: bool = False
) -> tuple[Clock, tuple[str, ...]]:
    """The clock to read a file with that states this rate, or none: then the options' holds. It starts where they say.

    InputError where the options' start timecode is not a timecode.
    """
    warnings: tuple[str, ...] = ()
    if rate is None and (rate := options.rate) is None:
        rate = DEFAULT_RATE
        warnings += (f"the file states no frame rate: frames are counted at {DEFAULT_RATE} a second (--rate)",)
    stated, rate = rate, exact_rate(float(rate))
    if not can_count(rate):
        rate = timecode_rate(stated, drop=drop)
        warnings += (_other_rate(stated, rate),)
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
            f"{printable(timecode[:40])!r} is not a start timecode: {error}",
            "nothing was written",
            "give HH:MM:SS:FF, or HH:MM:SS;FF for drop-frame, as the film's first frame has it",
        ) from error


def _no_drop_frame(what: str, rate: Fraction) -> str:
    return f"there is no drop-frame timecode at {_decimal(rate)} frames a second: {what} is read as non-drop"


def _other_rate(rate: Fraction, counted: Fraction) -> str:
    if abs(counted - rate) <= _NEAR * rate:
        return f"{_decimal(rate)} frames a second is a mean near {_decimal(counted)}, which is counted at"
    return f"timecode has no {_decimal(rate)} frames a second: they are counted at {_decimal(counted)}"


def _decimal(rate: Fraction) -> str:
    return f"{float(rate):.6g}"
