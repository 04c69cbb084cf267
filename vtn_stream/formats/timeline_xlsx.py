"""Timelines as an Excel workbook: the table of `timeline_csv` on one sheet, named segments.

Numbers are numbers, which show milliseconds, text is text and never runs as a formula, so nothing needs an apostrophe
(`workbook.py`). Resolution and losses are those of the CSV. More than 1,048,575 rows, or a label of more than 32,767
characters, Excel cannot hold: no file is written then.
Read: the first sheet with such a header in its first row; `sheets.py` says how cells are read. Columns in any order.
Comes back the same: what does from CSV.
"""

from collections.abc import Sequence

from vtn_stream.formats.reading import ReadingOptions, ReadResult
from vtn_stream.formats.sheets import table_of
from vtn_stream.formats.timeline_csv import NUMBERS, claims_table, read_rows, rows_of
from vtn_stream.formats.workbook import Cell, workbook
from vtn_stream.formats.writing import Options, Written
from vtn_stream.timeline import Timeline

__all__ = ["claims", "read", "write"]


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    header, rows, warnings = rows_of(timelines)
    in_numbers = [column in NUMBERS for column in header]
    cells: list[list[Cell]] = [[*header]]
    for row in rows:
        cells.append([float(c) if is_number and c else c for c, is_number in zip(row, in_numbers, strict=True)])
    return Written(content=workbook({"segments": cells}), warnings=warnings)


def claims(head: str, suffix: str) -> bool:
    """Of a workbook the head is its table as text."""
    return suffix == ".xlsx" and claims_table(head, delimiters="\t")


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    table = table_of(data, name, lambda text: claims_table(text, delimiters="\t"))
    header = [cell.strip().lower() for cell in table.rows[0]] if table.rows else []
    rows = ((number, [*row, *[""] * (len(header) - len(row))]) for number, row in enumerate(table.rows[1:], start=2))
    result = read_rows(header, rows, name, options, comma=True, plain=str, format="Excel")
    return ReadResult(timelines=result.timelines, warnings=(*table.notes, *result.warnings))
