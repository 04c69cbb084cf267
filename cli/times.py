"""Times as people write them: seconds, or HH:MM:SS.mmm."""

import re
from typing import Any

import click

__all__ = ["SECONDS", "about", "clock"]

_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")


class _Seconds(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        if match := _CLOCK.fullmatch(value):
            hours, minutes, seconds = match.groups(default="0")
            return float(hours) * 3600 + float(minutes) * 60 + float(seconds)
        if re.fullmatch(r"\d+(\.\d*)?|\.\d+", value):
            return float(value)
        self.fail(f"{value!r} is not a time; give seconds (95.5) or HH:MM:SS.mmm (00:01:35.500)", param, ctx)


SECONDS = _Seconds()


def clock(seconds: float) -> str:
    """A time for people to read, H:MM:SS.s."""
    tenths = round(abs(seconds) * 10)
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
