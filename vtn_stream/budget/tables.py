"""Time budgets as files: one long table (CSV), all tables with their meanings (JSON), a workbook (xlsx).

A CSV holds all tables below one another; its first column, level, says which: film, group, bin, group_bin, transition.
What is not defined is an empty cell, null in JSON. Resolution: six decimals; of what is smaller than 0.001, six digits.
"""

import csv
import io
import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from vtn_stream.budget.rows import MEANINGS, TABLES, columns_of, values_of
from vtn_stream.budget.stats import Stats
from vtn_stream.errors import InputError
from vtn_stream.formats.writing import cell

__all__ = ["LEVELS", "as_csv", "as_json", "as_xlsx"]

# What the rows of each table are called in the long table.
LEVELS = {
    "films": "film", "groups": "group", "bins": "bin", "group_bins": "group_bin", "transitions": "transition",
}  # fmt: skip
_COLUMNS = (
    "level", "film", "group", "subject", "label", "next_label", "statistic", "films", "bin", "start_s", "end_s",
)  # fmt: skip
_DIGITS, _SMALL = 6, 0.001  # smaller numbers have six digits that count


def as_csv(stats: Stats, *, bom: bool = False) -> bytes:
    """The long table: a row for each row of each table."""
    columns = list(dict.fromkeys([*_COLUMNS, *(column for table in TABLES for column in columns_of(table))]))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    for name, rows in stats.tables().items():
        places = [columns.index(column) for column in columns_of(name)]
        row = [LEVELS[name], *[""] * (len(columns) - 1)]
        for values in values_of(name, rows):
            for place, value in zip(places, values, strict=True):
                row[place] = _text(value)
            table.writerow(row)
    return (("\ufeff" if bom else "") + text.getvalue()).encode("utf-8", "replace")


def as_json(stats: Stats) -> bytes:
    """Each table as a list of objects, an object a line; the meanings of their columns; notes, and what failed."""
    parts = []
    for name, rows in stats.tables().items():
        columns = columns_of(name)
        lines = [_dumps(dict(zip(columns, map(_rounded, of_row), strict=True))) for of_row in values_of(name, rows)]
        parts.append(f'"{name}": [' + ",".join(f"\n  {line}" for line in lines) + ("\n ]" if lines else "]"))
    known = {"meanings": MEANINGS, "notes": stats.notes, "failed": stats.failed}
    parts += [f'"{name}": {_dumps(value)}' for name, value in known.items()]
    return ("{\n " + ",\n ".join(parts) + "\n}\n").encode()


def as_xlsx(stats: Stats) -> bytes:
    """A sheet for each table that has rows, and one that says what the columns mean and what should be known.

    Raises InputError if a table is larger than a sheet can be.
    """
    from vtn_stream.formats.workbook import workbook

    sheets = {
        name: [list(columns_of(name)), *(list(map(_rounded, of_row)) for of_row in values_of(name, rows))]
        for name, rows in stats.tables().items()
        if rows or name == "films"
    }
    about = [["about", "meaning"], *([name, meaning] for name, meaning in MEANINGS.items()), *_known(stats)]
    try:
        return workbook({**sheets, "about": about})
    except InputError as error:
        raise InputError(
            error.fact, error.consequence, "write CSV or JSON, or give longer bins or fewer films"
        ) from error


def _known(stats: Stats) -> Iterable[list[str]]:
    yield from (["note", note] for note in stats.notes)
    yield from (["not counted", line] for line in stats.failed)


def _rounded(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return round(value, _DIGITS) if abs(value) >= _SMALL else float(f"{value:.{_DIGITS}g}")


_dumps = json.JSONEncoder(allow_nan=False).encode
_cell = cache(cell)  # a few names, in very many rows


def _text(value: Any) -> str:
    if isinstance(value, str):
        return _cell(value)
    if isinstance(value, float):
        return f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".") if abs(value) >= _SMALL else f"{value:.{_DIGITS}g}"
    return "" if value is None else str(value)
