"""Tables out of Excel workbooks (.xlsx, .xlsm), which may come from anyone. Knows rows and cells only.

Cells come as text, as a person sees them: numbers with all their digits, times as H:MM:SS.mmm, the saved values of
formulas. Macros, links and pictures are not touched. Sizes are limited before anything is unpacked.
Times of hours and minutes alone are what Excel makes of 1:30, typed for minutes and seconds: read as such, and told.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, NoReturn
from zipfile import BadZipFile, ZipFile

from vtn_stream.errors import TimelineError, VtnStreamError, listed
from vtn_stream.formats.reading import MAX_SEGMENTS, told
from vtn_stream.formats.workbook import MAX_COLUMNS, opened
from vtn_stream.formats.writing import xml_text

__all__ = ["Table", "head_of", "is_spreadsheet", "table_of"]

MAX_UNPACKED = 256 * 1024 * 1024  # bytes of all parts: a million cells are 50 MiB
MAX_PARTS = 10_000
MAX_CELLS = 20_000_000  # empty ones between others too
NUM_HEAD = 60  # rows that show what a sheet is about

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_FIRST_DAY = {1899: datetime(1899, 12, 31), 1900: datetime(1899, 12, 31), 1904: datetime(1904, 1, 1)}
_SAVE = "save it as an Excel workbook (.xlsx) or as CSV"
Fits = Callable[[str], bool]


@dataclass(slots=True, kw_only=True)
class Table:
    """A sheet of a workbook.

    guessed  what was read otherwise than it stands there
    notes    this, and the sheets that are not read
    rivals   the names of those that fit as well
    rows     their cells as text, without the empty ones at their ends; row 1 of the sheet is the first
    """

    title: str
    rows: list[list[str]] = field(default_factory=list)
    guessed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The rows as lines of one width, with tabs between the cells and RFC 4180 quotes."""
        width = max(map(len, self.rows), default=0)  # a row ends with its last cell that is not empty
        return "".join("\t".join([*map(_quoted, row), *[""] * (width - len(row))]) + "\n" for row in self.rows)


def is_spreadsheet(data: bytes) -> bool:
    """Whether it is a file of a spreadsheet program, by its content; `table_of` says which it cannot read."""
    return data.startswith(_OLE) or (data.startswith(_ZIP) and _parts(data) is not None)


def head_of(data: bytes, fits: Fits) -> str:
    """The first rows of the sheet that `table_of` reads, as text; nothing of a file that it refuses."""
    try:
        with _workbook(data, "", TimelineError) as book:
            return _chosen(book, fits)[0].text
    except VtnStreamError:
        return ""


def table_of(data: bytes, name: str, fits: Fits, *, error: type[VtnStreamError] = TimelineError) -> Table:
    """The first sheet whose first rows fit as text, else the first with anything in it. Raises `error`.

    name  the file's, for messages
    """
    with _workbook(data, name, error) as book:
        chosen, others = _chosen(book, fits)
        notes = dict[str, list[int | str]]()
        chosen.rows = _trimmed(_rows(book[chosen.title], notes))
        if _has_formulas(data):
            empty = _without_value(data, chosen)
            notes["formula{} without a saved value read as empty: open the workbook in Excel and save it"] = [*empty]
    told_others = (f"the sheet {listed([chosen.title])} is read, and not {listed(others)}",) if others else ()
    chosen.guessed = told(notes)
    chosen.notes = (*told_others, *chosen.guessed)
    return chosen


@contextmanager
def _workbook(data: bytes, name: str, error: type[VtnStreamError]) -> Iterator[Any]:
    """The workbook, opened for reading. Whatever goes wrong in it is an `error`."""

    def refuse(reason: str, cure: str) -> NoReturn:
        raise error(f"{name} cannot be read ({reason})", "nothing was read", cure)

    if data.startswith(_OLE):
        refuse("it is a workbook of Excel's old format, or has a password", f"take the password off, or {_SAVE}")
    parts = _parts(data) or {}
    if "xl/workbook.bin" in parts:
        refuse("it is a binary workbook (.xlsb)", _SAVE)
    if "xl/workbook.xml" not in parts and "[Content_Types].xml" not in parts:
        refuse("it is a spreadsheet of another program than Excel", _SAVE)
    if sum(parts.values()) > MAX_UNPACKED:
        refuse(f"unpacked it is larger than {MAX_UNPACKED // 2**20} MiB", "split it, or save its sheet as CSV")
    if len(parts) > MAX_PARTS:
        refuse(f"it has more than {MAX_PARTS} parts", "save its sheet as CSV")
    try:
        with warnings.catch_warnings(action="ignore"):  # of drawings and the like, which are not read
            book = opened(data)
            try:
                if not any(_is_visible(sheet) for sheet in book.worksheets):
                    refuse("no sheet of it can be seen", _SAVE)
                yield book
            finally:
                book.close()
    except (VtnStreamError, MemoryError):
        raise
    except _TooMuch as caught:
        refuse(str(caught), "split it, or save its sheet as CSV")
    except Exception as caught:  # the library raises whatever a damaged part leads to
        refuse(f"damaged workbook: {type(caught).__name__}", "open it in Excel and save it again, or as CSV")


class _TooMuch(Exception):
    """A sheet is larger than any table of annotations."""


def _parts(data: bytes) -> Mapping[str, int] | None:
    """The parts of a spreadsheet and their sizes unpacked; None for any other file."""
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            parts = {entry.filename: entry.file_size for entry in archive.infolist()}
            kind = archive.open("mimetype").read(100) if "mimetype" in parts else b""
    except (BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, EOFError):
        # Cut off, perhaps: a workbook begins with one of these parts.
        return {"[Content_Types].xml": 0} if re.search(rb"\[Content_Types\]\.xml|xl/|docProps/", data[:4096]) else None
    is_known = {"xl/workbook.xml", "xl/workbook.bin", "Index/Document.iwa"} & parts.keys()
    return parts if is_known or b"opendocument.spreadsheet" in kind else None


def _is_visible(sheet: Any) -> bool:
    return bool(sheet.sheet_state == "visible")


def _chosen(book: Any, fits: Fits) -> tuple[Table, list[str]]:
    """The first rows of the sheet that counts, and the names of the others that hold anything."""
    heads = list[Table]()
    for sheet in book.worksheets:
        rows = list[list[str]]()
        if _is_visible(sheet):
            for row in _rows(sheet, {}):
                rows.append(row)
                if len(rows) == NUM_HEAD:
                    break
            heads.append(Table(title=sheet.title, rows=rows))
    filled = [head for head in heads if any(map(any, head.rows))] or heads[:1]
    fitting = [head for head in filled if fits(head.text)] or filled[:1]
    chosen = fitting[0]
    chosen.rivals = tuple(head.title for head in fitting[1:])
    return chosen, [head.title for head in filled if head is not chosen]


def _rows(sheet: Any, notes: dict[str, list[int | str]]) -> Iterator[list[str]]:
    """The cells of each row as text."""
    sheet.reset_dimensions()  # programs write wrong ones, behind which nothing would be read
    num_cells = 0
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        num_cells += len(cells)
        if number > MAX_SEGMENTS or num_cells > MAX_CELLS or len(cells) > MAX_COLUMNS:
            raise _TooMuch(f"its sheet {listed([sheet.title])} has too many cells")
        row = [_text(cell, number, notes) for cell in cells]
        while row and not row[-1]:
            row.pop()
        yield row


def _trimmed(rows: Iterator[list[str]]) -> list[list[str]]:
    kept = list(rows)
    while kept and not kept[-1]:
        kept.pop()
    return kept


def _text(cell: Any, number: int, notes: dict[str, list[int | str]]) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, str):
        text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value) if "_x" in value else value
        return xml_text(text)[0].replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    lasts = _since_midnight(value, cell.number_format)
    if lasts is None:
        return value.isoformat(" ") if isinstance(value, datetime) and value.time() != time() else _day(value)
    return _clock(lasts, cell.number_format, number, notes)


def _day(value: object) -> str:
    return (
        (value.date() if isinstance(value, datetime) else value).isoformat() if isinstance(value, date) else str(value)
    )


def _since_midnight(value: object, number_format: str) -> timedelta | None:
    """How long, for a time of day and what Excel counts in days; None for a date."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, time):
        return timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
    is_time = not re.search("[yd]", re.sub(r'"[^"]*"|\\.|\[[^hms\]]*\]', "", number_format.lower()))
    if isinstance(value, datetime) and is_time and value.year in _FIRST_DAY:
        return value - _FIRST_DAY[value.year]
    return None


def _clock(lasts: timedelta, number_format: str, number: int, notes: dict[str, list[int | str]]) -> str:
    """H:MM:SS.mmm; what has no seconds is taken for minutes and seconds."""
    total_ms = round(lasts / timedelta(milliseconds=1))
    whole_minutes = total_ms % 60_000 == 0
    if whole_minutes and ("s" not in number_format.lower() or total_ms >= 86_400_000):
        total_ms //= 60
        notes.setdefault("time{} of hours and minutes, as 1:30, read as minutes and seconds", []).append(number)
    sign, (minutes, ms) = "-" * (total_ms < 0), divmod(abs(total_ms), 60_000)
    return f"{sign}{minutes // 60}:{minutes % 60:02d}:{ms // 1000:02d}.{ms % 1000:03d}"


def _has_formulas(data: bytes) -> bool:
    with ZipFile(io.BytesIO(data)) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        return any(re.search(rb"<(?:\w+:)?f[\s/>]", archive.read(name)) for name in sheets)


def _without_value(data: bytes, table: Table) -> list[int]:
    """The rows in which a formula has no saved value."""
    book = opened(data, formulas=True)
    try:
        sheet = book[table.title]
        sheet.reset_dimensions()
        found = []
        for number, cells in enumerate(sheet.iter_rows(max_row=len(table.rows) or 1), start=1):
            row = table.rows[number - 1] if number <= len(table.rows) else []
            values = [*row, *[""] * (len(cells) - len(row))]
            if any(cell.data_type == "f" and not value for cell, value in zip(cells, values, strict=False)):
                found.append(number)
        return found
    finally:
        book.close()


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if re.search(r'[\t\n",;]', cell) else cell
