"""Premiere's marker table: a row a marker, with tabs, in UTF-16; In and Out are timecodes.

    Marker Name  Description  In           Out          Duration     Marker Type
    goal                      00:00:01:00  00:00:04:12  00:00:03:12  Comment

Out is the frame after the last; a marker whose Out is its In is an instant. Premiere exports such tables and imports
none itself: for markers in Premiere there is xmeml; this is for scripts and panels that read what it exports.
Resolution: a frame. Loses scores, the film's name, length and rate, gaps, curves, clip labels, provenance and
attributes, save "comment", which is the Description, and "type", the Marker Type (Comment where there is none).
Escapes: tabs, line breaks and controls become spaces, with a warning; an apostrophe stands before what a spreadsheet
would run, as in timeline_csv.
Read: the columns in this order under names of any language, also with commas or semicolons, in UTF-8; plain numbers are
frames. A marker without a name is called by its description, else by its type. Rate and start timecode are options, as
for any EDL (cmx3600.py); timecodes with semicolons are drop-frame.
Domain: up to 12 hours past the start or up to 24:00:00:00, whichever is later; segments from frame to frame; labels of
one line without spaces at the ends, not empty; read with the rate and start timecode they were written with.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction

from vtn_stream.formats.cmx3600 import one_line
from vtn_stream.formats.edl_events import late_start_told, start_told
from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, decoded, refuse, timeline_of, told
from vtn_stream.formats.timecode import Clock, film_clock, is_timecode, reading_clock
from vtn_stream.formats.writing import Options, Written, num, protected, unprotected
from vtn_stream.timeline import Segment, Timeline

__all__ = ["claims", "read", "write"]

TITLE = "Premiere marker table"
HEADER = ("Marker Name", "Description", "In", "Out", "Duration", "Marker Type")
TYPE = "Comment"

_KNOWN = tuple(name.lower() for name in HEADER)
_NUM_TRIED = 20  # rows that tell the format
_HEAD = 64 * 1024  # characters in which they are
_DROP = re.compile(r"\d{1,2}[:;]\d\d[:;]\d\d;\d\d", re.ASCII)


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    clock, warnings = film_clock(timeline, options)
    rows = [HEADER]
    changed = later = 0
    for s in timeline.segments:
        first, end = clock.span(s)
        given = (s.label, s.attributes.get("comment", ""), s.attributes.get("type", TYPE))
        name, description, kind = (one_line(text) for text in given)
        changed += (name, description, kind) != given
        later += clock.start + end >= clock.day
        lasts = Clock(rate=clock.rate, drop=clock.drop).timecode(end - first)
        times = (clock.timecode(first), clock.timecode(end), lasts)
        rows.append((protected(name), protected(description), *times, protected(kind)))
    if changed:
        warnings += (f"{num(changed, 'marker')} with tabs, line breaks or spaces at the ends: written as one line",)
    if later:
        warnings += (f"{num(later, 'segment')} up to or past 24:00:00:00, where timecode begins again at 00:00:00:00",)
    text = "".join("\t".join(row) + "\n" for row in rows)
    return Written(content=b"\xff\xfe" + text.encode("utf-16-le"), warnings=warnings)


def claims(head: str, suffix: str) -> bool:
    """Whether it begins with Premiere's header, or one of as many names in another language and rows of timecodes."""
    whole = head[:_HEAD] if len(head) < _HEAD else head[:_HEAD].rpartition("\n")[0]
    try:
        rows = [cells for _, cells in zip(range(_NUM_TRIED), _rows(whole), strict=False)]
    except csv.Error:
        return False
    if not rows or len(rows[0][1]) != len(HEADER):
        return False
    (_, names), *below = rows
    if tuple(name.lower() for name in names) == _KNOWN:
        return True
    return bool(below) and not any(map(is_timecode, names)) and all(_is_marker(cells) for _, cells in below)


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    try:
        rows = list(_rows(decoded(data, name)))
    except csv.Error as error:
        refuse(name, str(error))
    if not rows or len(rows[0][1]) != len(HEADER):
        refuse(name, f"its first line is not the header of {len(HEADER)} columns, {', '.join(HEADER)}", line=1)
    del rows[0]
    if len(rows) > MAX_SEGMENTS:
        refuse(name, f"more than {MAX_SEGMENTS} markers")
    drop = any(_DROP.fullmatch(cell) for _, cells in rows for cell in cells[2:4])
    usual = Fraction(30000, 1001) if drop else None  # the table says its mode, not its rate
    clock, warnings = reading_clock(options, rate=options.rate or options.annotation_fps or usual, drop=drop)
    segments, firsts = [], []
    doubtful = defaultdict[str, list[int]](list)
    for line, cells in rows:
        if len(cells) != len(HEADER):
            refuse(name, f"it has {len(cells)} cells, the header {len(HEADER)}", line=line)
        label, description, first, end, lasts, kind = cells
        start = _frame(first, clock, name, line)
        stop = _frame(end, clock, name, line) if end else start
        stop += clock.day if stop < start - clock.day // 2 else 0  # past midnight
        if stop < start:
            refuse(name, f"its Out {end} is before its In {first}", line=line)
        if lasts and stop - start != _frame(lasts, Clock(rate=clock.rate, drop=clock.drop), name, line):
            doubtful["marker{} whose Duration is not from In to Out, which count"].append(line)
        firsts.append(start)
        label, description, kind = map(unprotected, (label, description, kind))
        known = {"comment": description if label else "", "type": kind if kind != TYPE else ""}
        segments.append(
            Segment(
                start_s=clock.seconds(start),
                end_s=clock.seconds(stop),
                label=label or description or kind,
                attributes={key: value for key, value in known.items() if value},
            )
        )
    warnings += told(doubtful) + late_start_told(firsts, "marker", clock, options)
    timeline = timeline_of(
        segments, name, options, format=TITLE, rate=clock.rate, start_timecode=start_told(clock, options)
    )
    return ReadResult(timelines=(timeline,), warnings=warnings)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not empty, and its line. Raises csv.Error.

    With tabs a line is a row, as Premiere quotes nothing; what a spreadsheet has saved may have quotes around a cell.
    """
    header = next((line for line in text[:_HEAD].split("\n") if line.strip()), "")
    delimiter = max("\t,;", key=header.count)
    if delimiter != "\t":
        table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        line = 1
        for cells in table:
            if any(map(str.strip, cells)):
                yield line, _trimmed(cells)
            line = table.line_num + 1
        return
    for line, row in enumerate(text.split("\n"), 1):
        if row.strip():
            yield line, _trimmed([_unquoted(cell) for cell in row.split("\t")])


def _trimmed(cells: list[str]) -> list[str]:
    """The cells without spaces around them, and without empty ones behind the last column."""
    cells = [cell.strip() for cell in cells]
    while len(cells) > len(HEADER) and not cells[-1]:
        cells.pop()
    return cells


def _unquoted(cell: str) -> str:
    quoted = re.fullmatch(r'"((?:[^"]|"")*)"', cell)
    return quoted[1].replace('""', '"') if quoted else cell


def _is_marker(cells: Sequence[str]) -> bool:
    return len(cells) == len(HEADER) and all(map(is_timecode, cells[2:5])) and not is_timecode(cells[5])


def _frame(time: str, clock: Clock, name: str, line: int) -> int:
    if re.fullmatch(r"\d{1,9}", time, re.ASCII):
        return int(time)
    try:
        return clock.frame_at(time)
    except ValueError as error:
        cure = "give its rate with --rate, or let Premiere show timecode or frames when it exports"
        refuse(name, f"{time[:40]!r}: {error}", line=line, cure=cure)
