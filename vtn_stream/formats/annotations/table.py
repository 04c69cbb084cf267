"""Tables with a header, by row: comma, semicolon or tab. Knows no columns."""

import csv
import io
from collections.abc import Iterator

from vtn_stream.formats.annotations.draft import Draft, Unreadable
from vtn_stream.formats.annotations.words import At

__all__ = ["columns", "rows"]

DELIMITERS = ",;\t"


def columns(text: str) -> list[str]:
    """The cells of the first line, in small letters."""
    line = text.split("\n", 1)[0]
    try:
        cells = next(csv.reader([line], delimiter=_delimiter(line), skipinitialspace=True), [])
    except csv.Error:
        return []
    return [cell.strip().lower() for cell in cells]


def rows(draft: Draft, text: str) -> Iterator[tuple[At, dict[str, str]]]:
    """Each row below the header as column -> cell, stripped. Empty rows are passed over, those of odd length told."""
    header = columns(text)
    delimiter = _delimiter(text.split("\n", 1)[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    line = 1
    try:
        for cells in reader:
            at, first = At(line=line), line == 1
            line = reader.line_num + 1
            cells = [cell.strip() for cell in cells]
            while len(cells) > len(header) and not cells[-1]:  # spreadsheets leave empty cells behind
                cells.pop()
            if first or not any(cells):
                continue
            if len(cells) != len(header):
                draft.problem(at, f"it has {len(cells)} cells, the header {len(header)}")
                continue
            yield at, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise Unreadable(At(line=line), str(error)) from error


def _delimiter(line: str) -> str:
    return max(DELIMITERS, key=line.count)
