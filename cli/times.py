"""Times on the command line, and for people to read."""

import math
import re
from typing import Any

import click

from vtn_stream.times import seconds_of

__all__ = ["LENGTH", "SECONDS", "about", "clock"]


class _Seconds(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        time_s = seconds_of(value)
        if time_s is not None and time_s >= 0:
            return time_s
        self.fail(f"{value!r} is not a time; give seconds (95.5), M:SS or HH:MM:SS.mmm (00:01:35.500)", param, ctx)


class _Length(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    name = "LENGTH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        number = re.fullmatch(r"\s*([0-9.]+)\s*(s|sec|m|min|h)\s*", value, re.ASCII)
        length_s = seconds_of(number[1] if number else value)
        length_s = None if length_s is None else length_s * (_UNITS_S[number[2]] if number else 1)
        if length_s is not None and 0 < length_s < math.inf:
            return length_s
        self.fail(f"{value!r} is not a length of time; give seconds (60 or 60s), 5m, 1.5h or M:SS (1:30)", param, ctx)


LENGTH = _Length()
SECONDS = _Seconds()
_UNITS_S = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}


def clock(seconds: float) -> str:
    """A time for people to read, H:MM:SS.s."""
    tenths = round(min(abs(seconds), 1e12) * 10)  # a stranger's file may say any number
    sign = "-" if seconds < 0 and tenths else ""
    return f"{sign}{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def about(seconds: float) -> str:
    """An estimated time, rounded: about 2 h 10 min, about 7 min, less than a minute."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return f"about {minutes} min"
    if minutes < 24 * 60:
        return f"about {minutes // 60} h {minutes % 60} min"
    return f"about {minutes // 1440} d {minutes // 60 % 24} h"
