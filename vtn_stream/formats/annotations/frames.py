"""Segments as frames that count from 1, the last one included: FiftyOne and Label Studio do so. Knows no format.

Frame n is [(n - 1) / rate, n / rate); a bound goes to the nearest border of frames, so that what touches still does.
"""

import math
import re
from collections.abc import Sequence
from fractions import Fraction

from vtn_stream.formats.annotations.words import number
from vtn_stream.formats.writing import num
from vtn_stream.timeline import Segment

__all__ = ["NO_RATE", "first_and_last", "num_short", "rate_of", "seconds_of", "short_warnings"]

MAX_RATE = 1_000_000
NO_RATE = "say how many a second with --annotation-fps; in report and plot with --rate"


def first_and_last(segment: Segment, rate: Fraction, duration_s: float) -> tuple[int, int]:
    """The first and last frame of a segment. One of less than half a frame gets one frame, inside the film."""
    start, stop = _border(segment.start_s, rate), _border(segment.end_s, rate)
    if stop > start:
        return start + 1, stop
    first = min(start, max(_border(duration_s, rate) - 1, 0)) + 1
    return first, first


def num_short(segments: Sequence[Segment], rate: Fraction) -> int:
    """How many segments `first_and_last` had to make a frame of."""
    return sum(_border(s.end_s, rate) <= _border(s.start_s, rate) for s in segments)


def short_warnings(count: int) -> tuple[str, ...]:
    if not count:
        return ()
    return (f"{num(count, 'segment')} shorter than a frame, of which there are no parts: written as one frame",)


def seconds_of(first: int, last: int, rate: Fraction) -> tuple[float, float]:
    return float((first - 1) / rate), float(last / rate)


def rate_of(value: object) -> Fraction | None:
    """The exact rate that 25, 29.97002997002997 or "30000/1001" means; None for anything that is not a rate."""
    if isinstance(value, str):
        value = _of_text(value)
    if (given := number(value)) is None:
        return None
    if not (math.isfinite(given) and 1e-3 <= given <= MAX_RATE):
        return None
    return Fraction(given).limit_denominator(1001)


def _of_text(text: str) -> float | None:
    """A rate given as text, without exponents: Fraction("1e9999999") would take minutes."""
    if not re.fullmatch(r"\d{1,12}(\.\d{0,12}|/[1-9]\d{0,11})?", text, re.ASCII):
        return None
    return float(Fraction(text))


def _border(time_s: float, rate: Fraction) -> int:
    return max(round(Fraction(time_s) * rate), 0)
