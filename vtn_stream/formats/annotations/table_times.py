"""The times in the rows of a table: of which unit, and in seconds of the film. Knows no header but its columns."""

import re
from collections.abc import Sequence
from fractions import Fraction

from vtn_stream.formats.annotations.columns import Columns, TimeColumn, Unit
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.frames import NO_RATE, rate_of
from vtn_stream.formats.annotations.table import cells_below
from vtn_stream.formats.annotations.text import seconds
from vtn_stream.formats.annotations.words import At, in_s
from vtn_stream.formats.timecode import Clock, has_drop_frame
from vtn_stream.times import is_clock

__all__ = ["Times"]

_TIMECODE = re.compile(r"\d{1,2}([:;])[0-5]\d\1[0-5]\d[:;]\d{2,3}", re.ASCII)  # all ; in Premiere's drop-frame


class Times:
    """Reads the times of each row. Raises Unreadable where whole numbers are of no known unit.

    comma: it may be a decimal point
    """

    def __init__(self, findings: Findings, found: Columns, text: str, above: int, *, comma: bool) -> None:
        self._findings, self._comma = findings, comma
        self._fps = found.fps
        self._start = found.start or found.instant
        self._end = found.end
        self._length = found.length if found.start and not found.end else None
        columns = [column for column in (self._start, self._end, self._length) if column is not None]
        self._columns = columns
        self._unit = self._unit_of(columns, text, above)
        self._late_at: At | None = None
        if found.instant is self._start and self._start is not None:
            findings.warn(At(line=1 + above), f"each row has one time, {self._start.name}: it is read as an instant")
        counts = [column.name for column in columns if self._of(column) == "frames"]
        if counts:
            end = "" if self._end is None else ", the end's own not included"
            findings.warn(At(line=1 + above), f"{' and '.join(counts)} are read as frames that count from 0{end}")

    def any_in(self, cells: Sequence[str]) -> bool:
        return any(cells[column.index] for column in self._columns)

    def of(self, film: str, at: At, cells: Sequence[str]) -> tuple[object, object]:
        """Start and end in seconds, or what stands in their place; the end is None for an instant."""
        start = self._seconds(film, at, self._start, cells)
        if self._end is None and self._length is None:
            return start, None
        end = self._seconds(film, at, self._end or self._length, cells)
        if self._length is not None and isinstance(start, float) and isinstance(end, float):
            if not end:
                return start, None
            end += start
        if start == end and self._start is not None and _TIMECODE.fullmatch(cells[self._start.index]):
            return start, None
        return start, end

    def _of(self, column: TimeColumn) -> Unit:
        return column.unit or self._unit

    def _seconds(self, film: str, at: At, column: TimeColumn | None, cells: Sequence[str]) -> object:
        assert column is not None
        cell = cells[column.index]
        if _TIMECODE.fullmatch(cell):
            return self._of_timecode(film, at, cells, cell, counts=column is not self._length)
        value, unit = seconds(cell, comma=self._comma), self._of(column)
        if isinstance(value, str) or unit == "s" or ":" in cell:
            return value
        if unit == "frames":
            rate = self._rate(film, at, cells, f"the column {column.name}")
            return float(Fraction(value) / rate) if abs(value) < 1e15 else value
        if unit == "clock":  # which a plain number is not: it may be frames
            return f"{cell} in a column of timecode"
        return value / 1000 if unit == "ms" else value * 60

    def _rate(self, film: str, at: At, cells: Sequence[str], what: str) -> Fraction:
        rate = rate_of(cells[self._fps]) if self._fps is not None else self._findings.rate_of(film)
        if rate is None:
            raise Unreadable(at, f"{what} counts frames, whose seconds are not known", NO_RATE)
        return rate

    def _of_timecode(self, film: str, at: At, cells: Sequence[str], cell: str, *, counts: bool) -> object:
        """Seconds from the start timecode, or of a length from zero; the cell itself where it does not exist."""
        rate = self._rate(film, at, cells, f"the timecode {cell}")
        clock = Clock(rate=rate, drop=";" in cell and has_drop_frame(rate))
        first = self._findings.start_timecode
        try:
            start = clock.count(first) if first is not None and counts else 0
            time_s = clock.seconds(Clock(rate=clock.rate, drop=clock.drop, start=start).frame_at(cell))
        except ValueError:
            return cell
        if counts and first is None and time_s >= 3600 and self._late_at is None:
            self._late_at = at
            doubt = (
                f"timecode begins at {cell} and no start timecode is given: it is taken as {in_s(time_s)} of the film"
            )
            self._findings.warn(at, doubt)
        return time_s

    def _unit_of(self, columns: Sequence[TimeColumn], text: str, above: int) -> Unit:
        """What plain numbers are where the name says no unit."""
        silent = [column for column in columns if not column.unit]
        known = [column.unit for column in columns if column.unit and column.unit != "clock"]
        if not silent:
            return "s"
        names = " and ".join(column.name for column in silent)
        at = At(line=1 + above)
        if known:
            self._findings.warn(at, f"{names}: no unit is given, read as {known[0]}, as the others")
            return known[0]
        numbers = False
        for _, cells in cells_below(Findings(""), text, above):
            for column in silent:
                cell = cells[column.index]
                if is_clock(cell) or _TIMECODE.fullmatch(cell):
                    return "s"
                value = seconds(cell, comma=self._comma)
                if isinstance(value, float):
                    numbers = True
                    if not value.is_integer() or "." in cell or "," in cell:
                        self._findings.warn(at, f"{names}: no unit is given, read as seconds")
                        return "s"
        if numbers and not all(column.convention for column in silent[:1]):
            new = " and ".join(f"{word}_s" for word in ("start", "end")[: len(silent)])
            cure = f"call them {new}, or likewise _ms or _frame, in the header"
            raise Unreadable(at, f"{names} may be seconds, milliseconds or frames", cure)
        if numbers:
            self._findings.warn(at, f"{names}: no unit is given, read as seconds")
        return "s"
