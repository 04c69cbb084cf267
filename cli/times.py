"""Times on the command line, and for people to read."""

from typing import Any

import click

from vtn_stream.times import seconds_of

__all__ = ["SECONDS", "about", "clock"]


class _Seconds(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        time_s = seconds_of(value)
        if time_s is not None and time_s >= 0:
            return time_s
        self.fail(f"{value!r} is not a time; give seconds (95.5), M:SS or HH:MM:SS.mmm (00:01:35.500)", param, ctx)


SECONDS = _Seconds()


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
