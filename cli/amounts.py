"""Sizes and ages as people write them: 20GB, 1.5TiB; 30d, 12h."""

import re
from typing import Any

import click

__all__ = ["AGE", "SIZE", "age", "size"]

_SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(?:([kMGTP])(i?))?B?", re.IGNORECASE)
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_AGE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(h|d|w)", re.IGNORECASE)
_SECONDS = {"h": 3600, "d": 86400, "w": 7 * 86400}


class _Size(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if match := _SIZE.fullmatch(value.strip()):
            number, prefix, binary = match.groups()
            return int(float(number) * (1024 if binary else 1000) ** _POWERS.get((prefix or "").lower(), 0))
        self.fail(f"{value!r} is not a size; give one like 20GB, 500MB or 1.5TiB", param, ctx)


class _Age(click.ParamType):  # type: ignore[type-arg]  # as above
    name = "AGE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if match := _AGE.fullmatch(value.strip()):
            return float(match[1]) * _SECONDS[match[2].lower()]
        self.fail(f"{value!r} is not an age; give one in hours, days or weeks: 12h, 30d, 2w", param, ctx)


SIZE, AGE = _Size(), _Age()


def size(num_bytes: int) -> str:
    """A size for people to read, with the prefix that leaves one to three digits before the point."""
    amount, prefixes = float(num_bytes), iter("kMGTP")
    unit = "B"
    while round(amount, 1) >= 1000 and (prefix := next(prefixes, "")):
        amount, unit = amount / 1000, f"{prefix}B"
    return f"{num_bytes} B" if unit == "B" else f"{amount:.1f} {unit}"


def age(seconds: float) -> str:
    """An age for people to read, in whole days or hours."""
    num, unit = (int(seconds // 86400), "day") if seconds >= 2 * 86400 else (int(max(seconds, 0) // 3600), "hour")
    return f"{num} {unit}{'s' * (num != 1)}"
