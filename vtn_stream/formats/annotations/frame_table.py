"""Which columns of a table hold 0 and 1, and which one says what its rows stand for. Knows no labels and no seconds.

A first column without a name is the index that data frames are written with.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from vtn_stream.formats.annotations.columns import MAX_COLUMNS, Unit, columns_of
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.table import cells_below, has_decimal_commas, header_of
from vtn_stream.formats.annotations.text import seconds

__all__ = ["NO", "UNKNOWN", "VALUES", "YES", "Clock", "claims", "clock_of", "is_count", "num_unnamed", "numbers_only"]

NUM_TRIED = 20  # rows that tell
NO, UNKNOWN, YES = 0, 1, 2  # of several columns of one label, the largest counts
VALUES = {
    **dict.fromkeys(("0", "0.0", "0,0", "0.", "false", "False", "FALSE"), NO),
    **dict.fromkeys(("-1", "-1.0", "-1,0", "", "nan", "NaN", "NA", "N/A", "null", "None"), UNKNOWN),
    **dict.fromkeys(("1", "1.0", "1,0", "1.", "true", "True", "TRUE"), YES),
}
_INDEX = re.compile(r"|index|idx|unnamed: ?\d+(\.\d+)?", re.IGNORECASE)
_FRAMES = re.compile(r"(frames?|image|row)([ _.-]?(index|idx|number|num|nr|no|id|count))?\.?", re.IGNORECASE)


class Clock(NamedTuple):
    """The column that says where rows are. column: None where they are the frames, one after the other."""

    column: int | None
    unit: Unit


def num_unnamed(header: Sequence[str]) -> int:
    """How many columns at the beginning are indices of data frames; some were written with several."""
    num = 0
    while num < len(header) and _INDEX.fullmatch(header[num]):
        num += 1
    return num


def clock_of(header: Sequence[str]) -> tuple[Clock, tuple[int, ...]]:
    """The clock, of times if there is one; and the columns at the beginning that hold no label."""
    num = num_unnamed(header)
    frames = list(range(num))
    times: list[Clock] = []
    for i in range(num, min(num + 2, len(header))):
        found = columns_of([header[i]]).instant
        if _FRAMES.fullmatch(header[i]) or (found is not None and found.unit == "frames"):
            frames.append(i)
        elif found is not None:
            times.append(Clock(i, found.unit))
        else:
            break
    clock = times[0] if times else Clock(frames[-1] if frames else None, "frames")
    return clock, (*frames, *(of.column for of in times if of.column is not None))


def claims(text: str) -> bool:
    """Whether there is a header with a column of 0 and 1 below, and with no segments: no starts, ends or texts."""
    header = header_of(text)
    if not 2 <= len(header) <= MAX_COLUMNS or all(_is_number(cell, comma=True) for cell in header):
        return False
    found = columns_of(header)
    if found.start is not None and (found.end is not None or found.length is not None):
        return False
    rows: list[list[str]] = []
    comma = has_decimal_commas(text)
    try:
        for _, cells in cells_below(Findings(""), text):
            rows.append(cells)
            if len(rows) == NUM_TRIED:
                break
    except Unreadable:
        return False
    clock, others = clock_of(header)
    labels = [i for i in range(len(header)) if i not in others and header[i]]
    if not rows:  # with this column it can be nothing else
        return clock.column is not None and "background" in map(str.lower, header)
    num_tried = len(rows)
    rows = [cells for cells in rows if numbers_only(cells, comma=comma)]
    if 2 * len(rows) <= num_tried:
        return False
    in_time = clock.unit != "frames"

    def is_binary(i: int) -> bool:
        cells = [of[i] for of in rows]
        return any(cells) and all(cell in VALUES or (in_time and is_count(cell)) for cell in cells)

    binary = [i for i in labels if is_binary(i)]
    if not binary or binary == [found.label]:
        return False
    return clock.column is not None or len(binary) == len(labels)


def is_count(cell: str) -> bool:
    """Whether a cell may say how often something happened until the next row."""
    return cell.isascii() and cell.isdecimal() and len(cell) < 3


def numbers_only(cells: Sequence[str], *, comma: bool) -> bool:
    return all(cell in VALUES or _is_number(cell, comma=comma) for cell in cells)


def _is_number(cell: str, *, comma: bool) -> bool:
    return isinstance(seconds(cell, comma=comma), float)
