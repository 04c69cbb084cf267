"""Tables with a header, by row: comma, semicolon or tab; below a line "sep=;" or other lines too. Knows no columns."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence

from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.text import lines_of, sep_line
from vtn_stream.formats.annotations.words import At

__all__ = ["cells_below", "columns", "delimiter_of", "has_decimal_commas", "header_of", "lines_above", "rows"]

DELIMITERS = ",;\t"
MAX_ABOVE = 40  # lines above a header: what some programs say of the film
_HEAD = 1024 * 1024  # characters in which it lies, below a line with all cuts of a film


def lines_above(text: str, is_header: Callable[[Sequence[str]], bool]) -> int | None:
    """How many lines stand above the first that is a header; None if none of the first lines is one."""
    for above, line in enumerate(text[:_HEAD].split("\n")[: MAX_ABOVE + 1]):
        if any(mark in line for mark in DELIMITERS) and is_header(header_of(text, above)):
            return above
    return None


def header_of(text: str, above: int | None = None) -> list[str]:
    """The cells of the header, which stands below so many lines; by default below a line "sep=;" if there is one."""
    try:
        return next(_Rows(text[:_HEAD], _above(text, above), strict=False), [])
    except csv.Error:
        return []


def columns(text: str, above: int | None = None) -> list[str]:
    """The cells of the header, in small letters."""
    return [cell.lower() for cell in header_of(text, above)]


def rows(findings: Findings, text: str, above: int | None = None) -> Iterator[tuple[At, dict[str, str]]]:
    """Each row below the header as column -> cell, stripped; columns are in small letters."""
    header = columns(text, above)
    for at, cells in cells_below(findings, text, above):
        yield at, dict(zip(header, cells, strict=True))


def cells_below(findings: Findings, text: str, above: int | None = None) -> Iterator[tuple[At, list[str]]]:
    """The cells of each row below the header, stripped, as many as the header has. Empty rows are skipped, and rows of
    another length are reported.
    """
    above = _above(text, above)
    reader = _Rows(text, above)
    line = 1 + above
    num = 0
    try:
        for row, cells in enumerate(reader):
            at = At(line=line)
            line = reader.line_num + 1 + above
            num = num or len(cells)
            while len(cells) > num and not cells[-1]:  # spreadsheets leave empty cells behind
                cells.pop()
            if not row or not any(cells):
                continue
            if len(cells) != num:
                findings.problem(at, f"it has {len(cells)} cells, the header {num}")
                continue
            yield at, cells
    except csv.Error as error:
        raise Unreadable(At(line=line), str(error)) from error


def delimiter_of(text: str, above: int | None = None) -> str:
    """What stands between the cells of the header."""
    return _delimiter(_line(text, _above(text, above)))


def has_decimal_commas(text: str, above: int | None = None) -> bool:
    """Whether a comma in a cell can be a decimal point: it can if cells do not end with commas."""
    return delimiter_of(text, above) != ","


class _Rows:
    """The rows from the header on, stripped; the header without the empty cells at its end."""

    def __init__(self, text: str, above: int, *, strict: bool = True) -> None:
        start = 0
        for _ in range(above):
            start = text.find("\n", start) + 1
        delimiter = _delimiter(_line(text, above))
        lines = io.StringIO(text[start:], newline="") if "\r" in text else lines_of(text, start)
        self._rows = csv.reader(lines, delimiter=delimiter, strict=strict, skipinitialspace=True)
        self._first = True

    @property
    def line_num(self) -> int:
        return self._rows.line_num

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        cells = [cell.strip() for cell in next(self._rows)]
        while self._first and cells and not cells[-1]:
            cells.pop()
        self._first = False
        return cells


def _above(text: str, above: int | None) -> int:
    return int(bool(sep_line(text))) if above is None else above


def _line(text: str, above: int) -> str:
    return text[:_HEAD].split("\n", above + 1)[above]


def _delimiter(line: str) -> str:
    outside = re.sub('"[^"]*"', "", line)
    return max(DELIMITERS, key=outside.count)
