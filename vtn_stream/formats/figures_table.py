"""Tables of figures for spreadsheets: CSV, or an Excel workbook where the file's name ends in .xlsx."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from vtn_stream.atomic import write_whole
from vtn_stream.errors import InputError, VtnStreamError, printable
from vtn_stream.formats.sheets import is_spreadsheet, table_of
from vtn_stream.formats.workbook import Cell, workbook
from vtn_stream.formats.writing import cell

__all__ = ["header_of", "save_table", "six_digits", "table_content"]

XLSX = ".xlsx"


def save_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Cell]], *, sheet: str = "figures") -> None:
    """Writes a table, whole or not at all: a workbook where the path ends in .xlsx, else CSV.

    nan and None are empty cells. Text never runs as a formula: CSV has an apostrophe before what
    would. Raises InputError if the file cannot be written.
    """
    content = table_content(header, rows, sheet=sheet, xlsx=path.suffix.lower() == XLSX)
    try:
        write_whole(path, [content])
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be written ({error.strerror})", "there is no table", "name another file"
        ) from error


def table_content(
    header: Sequence[str], rows: Iterable[Sequence[Cell]], *, sheet: str = "figures", xlsx: bool = False
) -> bytes:
    """The content of such a file. Raises InputError if a sheet cannot hold the table."""
    table = [list(row) for row in (header, *rows)]
    if xlsx:
        return workbook({sheet: [[printable(v) if isinstance(v, str) else v for v in row] for row in table]})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([[_as_text(value) for value in row] for row in table])
    return text.getvalue().encode("utf-8", "replace")


def header_of(path: Path) -> list[str]:
    """The header of the table in a file, as `save_table` writes it; [] of any other file. Raises OSError."""
    with open(path, "rb") as file:
        head = file.read(4096)
        if is_spreadsheet(head):
            try:
                rows = table_of(head + file.read(), path.name, lambda text: True).rows
            except VtnStreamError:
                return []
            return rows[0] if rows else []
    return next(csv.reader(io.StringIO(head.decode("utf-8", "replace"))), [])


def six_digits(value: float) -> float:
    """A figure as tables have it: more of its digits say nothing."""
    return float(f"{value:.6g}")


def _as_text(value: Cell) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.15g}"
    return cell(value) if isinstance(value, str) else str(value)
