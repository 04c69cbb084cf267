"""LosslessCut's CSV: start, end and name of each segment, without a header.

    1.500,4.250,goal
    70.000,,"a marker"

Written: as above; if there are instants, below the header Start,End,Name, under which a segment without an end is a
marker. Seconds have three decimals, which is all that LosslessCut reads of them.
Resolution: milliseconds. Loses scores, attributes, the film's name, length and rate, gaps, curves, clip labels,
provenance. Escapes: RFC 4180 quotes, and an apostrophe before what a spreadsheet would run, as timeline_csv; characters
that text files do not have become U+FFFD, with a warning.
Read: what LosslessCut exports, in seconds or as H:MM:SS.mmm, with commas or tabs; with the header also its tags, which
are attributes. Without the header an empty end is the film's, as old versions have it; where the film's length is not
known, the last time in the file, with a warning. Where all times are whole numbers they may be frames: they are, with a
warning, where a film is known in which they cannot be seconds; else they are refused.
Domain: starts of 0 or later, times in milliseconds; labels without controls and without spaces at the ends.
"""

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice

from vtn_stream.errors import listed
from vtn_stream.formats.annotations.columns import columns_of
from vtn_stream.formats.annotations.text import seconds
from vtn_stream.formats.annotations.words import shown
from vtn_stream.formats.llc import open_ends_told
from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, decoded, refuse, timeline_of
from vtn_stream.formats.timeline_csv import in_ms
from vtn_stream.formats.writing import Options, Written, num, protected, unprotected, xml_text
from vtn_stream.timeline import Segment, Timeline

__all__ = ["claims", "read", "write"]

TITLE = "LosslessCut CSV"
SUFFIX = ".losslesscut.csv"
HEADER = ["Start", "End", "Name"]
SLACK_S = 1.0  # by which a segment may end after its film

_NUM_TRIED = 200  # rows that tell the format
_HEAD = 64 * 1024  # characters in which they are
_FIRST = re.compile(r'\s*+"?(?:Start|[\d:. ]*)"?(\t|,)')  # the first cell, and what ends it
_FINE = re.compile(r"(?:(?:\d{1,4}:)?\d{1,4}:\d{1,2}(?:\.\d+)?|\d{1,9}\.\d+)", re.ASCII)  # no number of frames
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_PLAIN = re.compile(r"[\d.]*\t[\d.]*(?:\t|\Z)", re.ASCII)  # seconds and tabs: Audacity's; here tabs go with H:MM:SS.mmm


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    rows = []
    illegal = 0
    for s in timeline.segments:
        label, broken = xml_text(s.label)
        illegal += broken
        start_s, end_s = (f"{max(0.0, time_s):.3f}" for time_s in (s.start_s, s.end_s))
        rows.append([start_s, "" if in_ms(s.start_s) == in_ms(s.end_s) else end_s, protected(label)])
    marked = sum(not end for _, end, _ in rows)
    table.writerows([HEADER, *rows] if marked else rows)
    warnings = []
    if illegal:
        warnings.append(f"{num(illegal, 'label')} with controls or broken characters: these are written as U+FFFD")
    if marked:
        warnings.append(f"{num(marked, 'instant')} written as a marker below a header, which old versions do not know")
    return Written(content=text.getvalue().encode(), warnings=tuple(warnings))


def claims(head: str, suffix: str) -> bool:
    """Whether it begins with LosslessCut's header, or all its first rows are times and a name, and say seconds."""
    whole = head[:_HEAD] if len(head) < _HEAD else head[:_HEAD].rpartition("\n")[0]
    try:
        rows = [cells for _, cells in islice(_rows(whole), _NUM_TRIED)]
    except csv.Error:
        return False
    if rows and _is_header(rows[0]):
        found = columns_of(rows[0])
        return {found.film, found.score, found.fps, found.subset} == {None}  # else it is a table of another kind
    times = [cell.strip() for cells in rows for cell in cells[:2]]
    if all(_PLAIN.match(line) for line in whole.split("\n") if line):
        return False
    return (
        all(len(cells) == len(HEADER) and any(map(str.strip, cells[:2])) for cells in rows)
        and all(not cell or _FINE.fullmatch(cell) or _WHOLE.fullmatch(cell) for cell in times)
        and any(map(_FINE.fullmatch, times))
        and any(re.search(r"[^\W\d]", cells[2]) for cells in rows)
    )


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    try:
        rows = list(islice(_rows(decoded(data, name)), MAX_SEGMENTS + 2))
    except csv.Error as error:
        refuse(name, str(error))
    tags: list[str] = []
    if headed := bool(rows) and _is_header(rows[0][1]):
        tags = [tag.strip() for tag in rows.pop(0)[1][len(HEADER) :]]
        if twice := [tag for tag, times in Counter(filter(None, tags)).items() if times > 1]:
            refuse(name, f"its header names {listed(twice)} twice", line=1)
    if len(rows) > MAX_SEGMENTS:
        refuse(name, f"more than {MAX_SEGMENTS} rows")
    rate, warnings = _counted(rows, headed, options, name)
    film_end_s: float | None = None
    cuts = [(line, *_cut(cells, line, name, rate), cells) for line, cells in rows]
    if not headed and (labels := [label for _, _, end_s, label, _ in cuts if end_s is None]):
        stated = [time_s for _, start_s, end_s, _, _ in cuts for time_s in (start_s, end_s) if time_s is not None]
        film_end_s, doubts = open_ends_told(labels, stated, options)
        warnings += doubts
    elif not headed and not name.lower().endswith(SUFFIX):
        warnings += ("there is no header: each line is read as a start, an end and a name, as LosslessCut has them",)
    segments = []
    for line, start_s, end_s, label, cells in cuts:
        if end_s is None:
            end_s = start_s if film_end_s is None else max(start_s, film_end_s)
        if end_s < start_s:
            cure = (
                "fix it"
                if headed
                else "fix it, or put the line start_s,duration_s,label above if the second is a length"
            )
            refuse(name, "it ends before it starts", line=line, cure=cure)
        segments.append(Segment(start_s=start_s, end_s=end_s, label=label, attributes=_tagged(tags, cells)))
    return ReadResult(timelines=(timeline_of(segments, name, options, format=TITLE),), warnings=warnings)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not empty, and the line on which it begins. Raises csv.Error."""
    begins = _FIRST.match(text)
    table = csv.reader(io.StringIO(text, newline=""), delimiter=begins[1] if begins else ",", strict=True)
    line = 1
    for cells in table:
        if any(map(str.strip, cells)):
            yield line, cells
        line = table.line_num + 1


def _is_header(cells: Sequence[str]) -> bool:
    return [cell.strip() for cell in cells[: len(HEADER)]] == HEADER


def _counted(
    rows: Sequence[tuple[int, Sequence[str]]], headed: bool, options: ReadingOptions, name: str
) -> tuple[Fraction | None, tuple[str, ...]]:
    """The rate of the frames that the times count, with a warning; None for times that are seconds."""
    times = [cell.strip() for _, cells in rows for cell in cells[:2] if cell.strip()]
    if not times or not all(map(_WHOLE.fullmatch, times)):
        return None, ()
    rate, duration_s = options.annotation_fps or options.rate, options.duration_s
    last = max(map(int, times))
    if rate is not None and duration_s is not None and last / rate <= duration_s + SLACK_S < last:
        what = f"read as frames, {float(rate):.6g} a second"
        return rate, (f"all its times are whole numbers, as seconds past the end of the film: {what}",)
    cure = "start_s,end_s,name, or start_frame,end_frame,name if they count frames"
    refuse(
        name,
        "all its times are whole numbers, which may be seconds or frames",
        cure=f"call the columns {cure}" if headed else f"put a line above: {cure}",
    )


def _cut(cells: Sequence[str], line: int, name: str, rate: Fraction | None) -> tuple[float, float | None, str]:
    """Start, end and name of a row; the end is None for an empty cell. rate: of frames, if they are no seconds."""
    if len(cells) < 2:
        refuse(name, "it is not a start, an end and a name", line=line)
    times: list[float | None] = []
    for cell in cells[:2]:
        padded = re.sub(r":(\d)(?!\d)", r":0\1", cell)  # 3:2.99, which LosslessCut reads
        time_s = seconds(padded) if cell.strip() else None
        if isinstance(time_s, str) or (time_s is not None and not math.isfinite(time_s)):
            refuse(name, f"{shown(cell)} is not a time, 12.5 or 0:00:12.5", line=line)
        times.append(time_s if rate is None or time_s is None else float(int(time_s) / rate))
    start_s, end_s = times
    return start_s or 0.0, end_s, unprotected(cells[2].strip()) if len(cells) > 2 else ""


def _tagged(tags: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """The cells behind the name, by their header; LosslessCut calls those without one so."""
    found = {}
    for number, cell in enumerate(cells[len(HEADER) :], 1):
        if cell.strip():
            found[(tags[number - 1] if number <= len(tags) else "") or f"tag{number}"] = unprotected(cell.strip())
    return found
