"""PySceneDetect's scene list, as `scenedetect list-scenes` writes it: a row a scene; its `load-scenes` reads it.

Ten columns: number, then frame, timecode and seconds of the start, of the end, and of the length. Frames count from 1,
and the end is the last frame of the scene; the end's timecode and seconds are where that frame ends.
Where labels say more than the number, an eleventh column, Label, which PySceneDetect passes over, has them. The line of
timecodes that PySceneDetect may put above the header is left out. Scenes may overlap, and need not follow each other.
Resolution: a frame, in seconds to the millisecond; what is shorter than a frame gets one, with a warning. Loses scores,
the film's name, length and rate, attributes, gaps, curves, clip labels, provenance. Escapes: RFC 4180 quotes, and an
apostrophe before what a spreadsheet would run, as timeline_csv.
Read: by the seconds, with the line above the header and with other columns, which are named; also with semicolons or
tabs, where a comma may be the decimal point. Without labels they are called "scene 1" and so on, by their numbers.
Domain: starts of 0 or later; segments from frame to frame and at least one, in milliseconds; labels without controls.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice

from vtn_stream.errors import listed
from vtn_stream.formats.annotations.text import seconds
from vtn_stream.formats.annotations.words import shown
from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, decoded, named_by, refuse, timeline_of
from vtn_stream.formats.timeline_csv import clock
from vtn_stream.formats.writing import Options, Written, counting_rate, num, protected, unprotected, xml_text
from vtn_stream.timeline import Segment, Timeline

__all__ = ["claims", "read", "write"]

TITLE = "PySceneDetect scene list"

COLUMNS = (
    "Scene Number",
    *("Start Frame", "Start Timecode", "Start Time (seconds)"),
    *("End Frame", "End Timecode", "End Time (seconds)"),
    *("Length (frames)", "Length (timecode)", "Length (seconds)"),
)
LABEL = "Label"
ENDING = "-Scenes"  # of the names that PySceneDetect gives: FILM-Scenes.csv
_READ = (COLUMNS[0], COLUMNS[3], COLUMNS[6])
_NUM_ABOVE = 3  # lines that may stand above the header


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    rate, warnings = counting_rate(timeline, options)
    labelled = any(s.label != f"scene {number}" for number, s in enumerate(timeline.segments, 1))
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*COLUMNS, *[LABEL] * labelled])
    short = illegal = 0
    for number, s in enumerate(timeline.segments, 1):
        first, end = (max(0, round(Fraction(time_s) * rate)) for time_s in (s.start_s, s.end_s))
        short += first == end
        end = max(end, first + 1)
        start_s, end_s, lasts_s = (float(frame / rate) for frame in (first, end, end - first))
        times = (
            *(first + 1, clock(start_s), f"{start_s:.3f}"),
            *(end, clock(end_s), f"{end_s:.3f}"),
            *(end - first, clock(lasts_s), f"{lasts_s:.3f}"),
        )
        label, broken = xml_text(s.label)
        illegal += broken
        table.writerow([number, *times, *[protected(label)] * labelled])
    if short:
        warnings += (f"{num(short, 'segment')} shorter than a frame: written as a whole one",)
    if illegal:
        warnings += (f"{num(illegal, 'label')} with controls or broken characters: these are written as U+FFFD",)
    mark = "\ufeff" if options.bom else ""
    return Written(content=(mark + text.getvalue()).encode(), warnings=warnings)


def claims(head: str, suffix: str) -> bool:
    return _header_line(head) is not None


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    text = decoded(data, name)
    above = _header_line(text)
    if above is None:
        refuse(name, f"it has no line with the columns {listed(_READ)}")
    try:
        rows = list(islice(_rows(text, above), MAX_SEGMENTS + 2))
    except csv.Error as error:
        refuse(name, str(error))
    header = [cell.strip() for cell in rows[0][1]]
    comma = _delimiter(text.split("\n", above + 1)[above]) != ","
    if len(rows) > MAX_SEGMENTS + 1:
        refuse(name, f"it has more than {MAX_SEGMENTS} scenes")
    if twice := [column for column in (*_READ, LABEL) if header.count(column) > 1]:
        refuse(name, f"its header names {listed(twice)} twice", line=above + 1)
    segments = []
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            refuse(name, f"it has {len(cells)} cells, the header {len(header)}", line=line)
        row = dict(zip(header, cells, strict=True))
        number = row[_READ[0]].strip()
        start_s, end_s = (seconds(row[column], comma=comma) for column in _READ[1:])
        if isinstance(start_s, str) or isinstance(end_s, str):
            refuse(name, f"{shown(row[_READ[1]])} and {shown(row[_READ[2]])} are not both seconds", line=line)
        label = unprotected(row[LABEL]) if LABEL in row else f"scene {number}"
        try:
            segments.append(Segment(start_s=start_s, end_s=end_s, label=label))
        except ValueError as error:
            refuse(name, str(error), line=line)
    unread = [column for column in header if column and column not in (*COLUMNS, LABEL)]
    return ReadResult(
        timelines=(timeline_of(segments, name, options, format=TITLE, video=named_by(name).removesuffix(ENDING)),),
        warnings=(f"columns that are not read: {listed(unread, 20)}",) * bool(unread),
    )


def _header_line(text: str) -> int | None:
    """How many lines stand above the header; None for a text that has none of the first lines as one."""
    for above, line in enumerate(text.split("\n", _NUM_ABOVE + 1)[: _NUM_ABOVE + 1]):
        if set(_READ) <= {cell.strip().strip('"') for cell in line.split(_delimiter(line))}:
            return above
    return None


def _rows(text: str, above: int) -> Iterator[tuple[int, list[str]]]:
    """The header and each row below that is not empty, with the line on which it begins. Raises csv.Error."""
    below = text.split("\n", above)[above]
    table = csv.reader(io.StringIO(below, newline=""), delimiter=_delimiter(below.partition("\n")[0]), strict=True)
    line = above + 1
    for cells in table:
        if any(map(str.strip, cells)):
            yield line, cells
        line = above + table.line_num + 1


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)
