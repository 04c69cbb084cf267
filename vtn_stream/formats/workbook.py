"""Tables as Excel workbooks (.xlsx): the only door to openpyxl. Knows rows and cells only.

Text is typed as text, so that nothing in a table of strangers runs as a formula, also after someone has edited the cell
(quotePrefix). Numbers are numbers. Equal tables give equal bytes: a workbook holds no time, user or host name.
Text: characters that XML does not have become U+FFFD and every line break \\n; what looks like Excel's own escape for a
character (_x000A_) is escaped as Excel does it.
"""

import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from vtn_stream.errors import InputError, listed
from vtn_stream.formats.writing import xml_text

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

__all__ = ["MAX_COLUMNS", "Cell", "opened", "workbook"]

Cell = str | int | float | bool | None

# What Excel holds.
MAX_ROWS, MAX_COLUMNS, MAX_TEXT, MAX_TITLE = 1_048_576, 16_384, 32_767, 31
MAX_EXACT = 10**15  # whole numbers of more digits would be rounded

MS = "0.000"  # how seconds are shown, as in every table
_WIDTHS = (8, 60)  # of a column, in characters
_NUM_MEASURED = 200  # rows whose text says how wide the columns are
_RUNS = re.compile("[=+\\-@'\t\n#]")
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_CORE = "docProps/core.xml"
_CORE_CONTENT = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    b'<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>vtn-stream</dc:creator></cp:coreProperties>'
)


def workbook(sheets: Mapping[str, Sequence[Sequence[Cell]]]) -> bytes:
    """The content of an .xlsx file; the first row of each sheet is its header.

    sheets: their rows by their names, which become legal ones where Excel does not allow them, and stay different. Of
    numbers nan is an empty cell. In a column whose header ends in _s (seconds) numbers show milliseconds.
    Raises InputError if a table is larger than a sheet can be.
    """
    from openpyxl import Workbook
    from openpyxl.writer.excel import ExcelWriter

    checked = {title: _checked(title, rows) for title, rows in zip(_titles(sheets), sheets.values(), strict=True)}
    book = Workbook(write_only=True)
    for title, rows in checked.items():
        _fill(book.create_sheet(title), rows)
    if not sheets:
        book.create_sheet("Sheet")
    content = io.BytesIO()
    with ZipFile(content, "w") as archive:
        ExcelWriter(book, _Archive(archive)).write_data()
    return content.getvalue()


def opened(data: bytes, *, formulas: bool = False) -> Any:
    """A workbook of openpyxl, to be read row by row; cells hold the saved values of formulas, or these themselves.

    It must be closed. Raises whatever openpyxl makes of a damaged one: `sheets.py` reads what is not trusted.
    """
    from openpyxl import load_workbook

    return load_workbook(io.BytesIO(data), read_only=True, data_only=not formulas, keep_links=False)


class _Archive:
    """What openpyxl needs of a zip file, with entries and properties that have no time."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self.namelist = archive.namelist

    def writestr(self, name: str, data: str | bytes) -> None:
        entry = ZipInfo(name)  # of 1980, the first time that archives have
        entry.compress_type = ZIP_DEFLATED
        entry.create_system = 0  # the same on every system
        self._archive.writestr(entry, _CORE_CONTENT if name == _CORE else data)

    def write(self, path: str, name: str) -> None:
        with open(path, "rb") as file:
            self.writestr(name, file.read())


def _titles(names: Iterable[str]) -> list[str]:
    """Names that Excel allows for sheets: 1 to 31 characters, without []:*?/\\, all different in any case."""
    titles: list[str] = []
    taken = {"history"}  # Excel's own
    for name in names:
        legal = re.sub(r"[][:*?/\\\x00-\x1f\x7f]", "_", xml_text(name)[0]).strip(" '") or "Sheet"
        title, number = _cut(legal, MAX_TITLE).rstrip(" '"), 1
        while title.casefold() in taken:
            number += 1
            end = f" ({number})"
            title = _cut(legal, MAX_TITLE - len(end)) + end
        taken.add(title.casefold())
        titles.append(title)
    return titles


def _cut(text: str, most: int) -> str:
    """Its beginning, of so many characters as Excel counts them (UTF-16)."""
    while _length(text) > most:
        text = text[:-1]
    return text


def _length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _checked(title: str, rows: Sequence[Sequence[Cell]]) -> list[list[Cell]]:
    """The rows as Excel can hold them."""
    if len(rows) > MAX_ROWS:
        _too_large(title, f"{len(rows)} rows", MAX_ROWS)
    if (num_columns := max(map(len, rows), default=0)) > MAX_COLUMNS:
        _too_large(title, f"{num_columns} columns", MAX_COLUMNS)
    checked: list[list[Cell]] = []
    for number, row in enumerate(rows, start=1):
        checked.append([_held(value) for value in row])
        for value in checked[-1]:
            if isinstance(value, str) and len(value) > MAX_TEXT // 2 and _length(value) > MAX_TEXT:
                _too_large(title, f"{_length(value)} characters in a cell of row {number}", MAX_TEXT)
    return checked


def _held(value: Cell) -> Cell:
    """The value as Excel can hold it; None where a cell is empty."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, str):
        text = xml_text(value)[0].replace("\r\n", "\n").replace("\r", "\n")
        return _ESCAPE.sub("_x005F_", text) or None
    return str(value) if isinstance(value, int) and abs(value) >= MAX_EXACT else value


def _fill(sheet: "Worksheet", rows: Sequence[Sequence[Cell]]) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    for column, width in enumerate(_widths(rows[:_NUM_MEASURED]), start=1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.freeze_panes = "A2"
    in_ms = [isinstance(name, str) and name.endswith("_s") for name in rows[0]] if rows else []
    # Each is written again and again: a cell of its own for every value takes twice the time.
    header, typed, prefixed, seconds = (WriteOnlyCell(sheet) for _ in range(4))
    header.font = Font(bold=True)
    header.quotePrefix = prefixed.quotePrefix = True
    seconds.number_format = MS

    def cells(row: Sequence[Cell], *, first: bool) -> Iterator[Any]:
        for column, value in enumerate(row):
            if isinstance(value, str) and (first or _RUNS.match(value)):
                cell = header if first else typed if value.startswith("#") else prefixed
                cell.value = value
                cell.data_type = "s"  # whatever it looks like: a formula, an error
                yield cell
            elif isinstance(value, int | float) and column < len(in_ms) and in_ms[column]:
                seconds.value = value
                yield seconds
            else:
                yield value

    for number, row in enumerate(rows):
        sheet.append(cells(row, first=number == 0))


def _widths(rows: Sequence[Sequence[Cell]]) -> list[float]:
    """Of each column, for its longest line of text."""
    least, most = _WIDTHS
    widths: list[float] = []
    for row in rows:
        widths += [least] * (len(row) - len(widths))
        for column, value in enumerate(row):
            text = f"{value:.3f}" if isinstance(value, float) else "" if value is None else str(value)[:1000]
            longest = max((len(line) for line in text.splitlines()), default=0)
            widths[column] = max(widths[column], min(longest + 2, most))
    return widths


def _too_large(title: str, what: str, most: int) -> NoReturn:
    raise InputError(
        f"the sheet {listed([title])} would have {what}, and Excel holds {most}",
        "no workbook was written",
        "write CSV or Parquet, or fewer films to a file",
    )
