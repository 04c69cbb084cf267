"""Times as people write them: 95.5, 1:35.5, 0:01:35.5 and 00:01:35,500 are 95.5 seconds."""

import re

__all__ = ["is_clock", "seconds_of"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)", re.ASCII)
_CLOCK = re.compile(r"(?:(\d+):(?=[0-5]\d:))?(\d+):([0-5]\d(?:[.,]\d*)?)", re.ASCII)


def seconds_of(text: str, *, comma: bool = False) -> float | None:
    """Seconds in a number, in M:SS or in H:MM:SS, with or without a fraction; inf for too many digits, None for
    anything else.

    comma: it may be a number's decimal point as well; a clock's it always may
    """
    text = text.strip()
    if ":" in text and (clock := _CLOCK.fullmatch(text)):
        hours, minutes, seconds = clock.groups(default="0")
        return float(hours) * 3600 + float(minutes) * 60 + float(seconds.replace(",", "."))
    text = text.replace(",", ".") if comma else text
    return float(text) if _NUMBER.fullmatch(text) else None


def is_clock(text: str) -> bool:
    """Whether it is written with colons, as a clock shows it."""
    return _CLOCK.fullmatch(text.strip()) is not None
