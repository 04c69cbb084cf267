"""Tables with a header, by row: comma, semicolon or tab; below a line "sep=;" too. Knows no columns."""

import csv
import io
from collections.abc import Iterator

from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.text import sep_line
from vtn_stream.formats.annotations.words import At

__all__ = ["columns", "has_decimal_commas", "rows"]

DELIMITERS = ",;\t"


def columns(text: str) -> list[str]:
    """The cells of the header, in small letters."""
    line = _header(text)
    try:
        cells = next(csv.reader([line], delimiter=_delimiter(line), skipinitialspace=True), [])
    except csv.Error:
        return []
    return [cell.strip().lower() for cell in cells]


def rows(findings: Findings, text: str) -> Iterator[tuple[At, dict[str, str]]]:
    """Each row below the header as column -> cell, stripped. Empty rows are skipped, and rows of another length are
    reported.
    """
    header = columns(text)
    delimiter = _delimiter(_header(text))
    before = sep_line(text)
    reader = csv.reader(
        io.StringIO(text[len(before) :], newline=""), delimiter=delimiter, strict=True, skipinitialspace=True
    )
    above = bool(before)
    line = 1 + above
    try:
        for cells in reader:
            at, first = At(line=line), line == 1 + above
            line = reader.line_num + 1 + above
            cells = [cell.strip() for cell in cells]
            while len(cells) > len(header) and not cells[-1]:  # spreadsheets leave empty cells behind
                cells.pop()
            if first or not any(cells):
                continue
            if len(cells) != len(header):
                findings.problem(at, f"it has {len(cells)} cells, the header {len(header)}")
                continue
            yield at, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise Unreadable(At(line=line), str(error)) from error


def has_decimal_commas(text: str) -> bool:
    """Whether a comma in a cell can be a decimal point: it can if cells do not end with commas."""
    return _delimiter(_header(text)) != ","


def _header(text: str) -> str:
    return text[len(sep_line(text)) :].split("\n", 1)[0]


def _delimiter(line: str) -> str:
    return max(DELIMITERS, key=line.count)
