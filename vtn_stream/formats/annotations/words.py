"""Checks untrusted values and shows them in messages: numbers, names, places. Knows no format."""

import math
import re
from typing import NamedTuple

from vtn_stream.errors import printable

__all__ = ["At", "dotted", "id_fault", "in_s", "label_order", "number", "shown", "text_fault"]

MAX_NAME = 1000  # characters of an id or a label


class At(NamedTuple):
    """A place: a line, or a path in a JSON file; `file` if there are several."""

    line: int | None = None
    path: tuple[str | int, ...] = ()
    file: str = ""


def shown(value: object) -> str:
    """The value for a message: short, on one line."""
    if isinstance(value, str):
        text = printable(value) if value and value.strip() == value else repr(value)
    elif isinstance(value, int) and abs(value) >= 10**15:
        text = "a huge number"  # repr() refuses 4300 digits
    elif isinstance(value, int | float):
        text = repr(value)
    else:
        text = "nothing" if value is None else "a list" if isinstance(value, list) else "an object"
    return text if len(text) <= 100 else text[:100] + "..."


def in_s(seconds: float) -> str:
    return f"{round(seconds, 3):.12g} s"


def dotted(path: tuple[str | int, ...]) -> str:
    """database / v1 / annotations / 3, as v1.annotations[3]."""
    path = path[path[:1] == ("database",) :]
    parts = [f"[{part}]" if isinstance(part, int) else f".{shown(part)}" for part in path]
    return "".join(parts).lstrip(".")


def number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def text_fault(text: str) -> str:
    if not text:
        return "is empty"
    if len(text) > MAX_NAME:
        return f"has more than {MAX_NAME} characters"
    return "holds control characters, or broken ones" if printable(text) != text else ""


def id_fault(name: str) -> str:
    if fault := text_fault(name):
        return fault
    parts = re.split(r"[\\/]", name)
    if name.strip() != name or set(parts) <= {".", ""}:
        return "is no name"
    if ".." in parts or not parts[0] or re.fullmatch(r"[A-Za-z]:", parts[0]) or name.startswith("~"):
        return "leads out of the folder"
    return ""


def label_order(label: str) -> tuple[int, int, str]:
    return (0, int(label), label) if re.fullmatch(r"\d{1,9}", label, re.ASCII) else (1, 0, label)
