"""Timelines as CSV: a row a segment, any number of films, for spreadsheets and for `evaluate`.

Columns: video, start_s, end_s, duration_s, start, end (HH:MM:SS.mmm, hours as many as there are), label, score; then
file and file_start_s, if a film is a recording in several files: the one in which a segment starts, and when; subset
and source, if a film has them (in its provenance, from annotations); origin, if a segment is by hand; was_start_s,
was_end_s, was_label and was_score, if a person changed one. A film without segments is a row with its video alone.
Being named so, the same file is read as annotations and, where every segment has a score, as predictions.

Resolution: milliseconds; scores to 4 decimals. Loses the length and identity of the film, gaps, curves, clip labels,
attributes, what was rejected and reviewed, and provenance; films of one name become one. Escapes: RFC 4180 quotes. A
video or label that a spreadsheet would run as a formula (it starts with = + - @, a tab or a line break) gets an
apostrophe before it, and so does one that starts with apostrophes and then one of these: reading takes one apostrophe
off exactly there, so all come back.
Characters that text files do not have (controls, lone surrogates) become U+FFFD.
Read: commas, or semicolons and then also decimal commas; a first line "sep=;"; columns in any order, start_s and end_s
in seconds or H:MM:SS.mmm; duration_s, start, end, file and file_start_s are passed over. Line breaks in cells come back
as \\n.
Comes back the same: times in milliseconds, scores of 4 decimals, labels without controls and carriage returns, origins
where any segment is by hand.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from vtn_stream.film import one_form
from vtn_stream.formats.annotations.text import seconds, sep_line
from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, decoded, refuse, timeline_of
from vtn_stream.formats.writing import Options, Written, num, protected, unprotected, xml_text
from vtn_stream.segments import part_at
from vtn_stream.timeline import ORIGINS, Segment, Timeline

__all__ = ["COLUMNS", "NUMBERS", "claims", "claims_table", "clock", "in_ms", "read", "read_rows", "read_table"]
__all__ += ["rows_of", "write", "write_table"]

COLUMNS = ("video", "start_s", "end_s", "duration_s", "start", "end", "label", "score")
FILE = ("file", "file_start_s")
PARTS = ("subset", "source")
ORIGIN = "origin"
WAS = ("was_start_s", "was_end_s", "was_label", "was_score")
NUMBERS = ("start_s", "end_s", "duration_s", "score", "file_start_s", "was_start_s", "was_end_s", "was_score")
_READ = ("video", "start_s", "end_s", "label", "score")
_STRANGERS = {"video", "label", "file", "was_label", *PARTS}  # columns of text that anyone may have written


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    return write_table(timelines, options, delimiter=",")


def claims(head: str, suffix: str) -> bool:
    return claims_table(head, delimiters=",;")


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    return read_table(data, name, options, delimiters=",;", format="CSV")


def write_table(timelines: Sequence[Timeline], options: Options, *, delimiter: str) -> Written:
    text = io.StringIO(newline="")
    table = csv.writer(text, delimiter=delimiter)
    header, rows, warnings = rows_of(timelines)
    table.writerow(header)
    strangers = [column in _STRANGERS for column in header]
    for row in rows:
        table.writerow([protected(cell) if own else cell for cell, own in zip(row, strangers, strict=True)])
    mark = "\ufeff" if options.bom else ""
    return Written(content=(mark + text.getvalue()).encode(), warnings=warnings)


def rows_of(timelines: Sequence[Timeline]) -> tuple[list[str], list[list[str]], tuple[str, ...]]:
    """The header, the rows below it and the warnings of these timelines as a table."""
    files = FILE if any(timeline.parts for timeline in timelines) else ()
    parts = [part for part in PARTS if any(_part(timeline, part) for timeline in timelines)]
    segments = [s for timeline in timelines for s in timeline.segments]
    said = [ORIGIN] * any(s.by_hand for s in segments) + [*WAS] * any(s.was is not None for s in segments)
    rows = list[list[str]]()
    num_illegal = 0
    for timeline in timelines:
        video, _ = xml_text(timeline.video_path)
        of_film = [xml_text(_part(timeline, part))[0] for part in parts]
        if not timeline.segments:
            rows.append([video, *[""] * (len(COLUMNS) - 1 + len(files)), *of_film, *[""] * len(said)])
        for s in timeline.segments:
            num_illegal += sum(xml_text(each.label)[1] for each in (s, s.was) if each is not None)
            start_s, end_s, label, score = _cells(s)
            whole, ms = divmod(in_ms(s.end_s) - in_ms(s.start_s), 1000)
            lasts = (f"{whole}.{ms:03d}", clock(s.start_s), clock(s.end_s))
            row = [video, start_s, end_s, *lasts, label, score]
            of_segment = [s.origin or "", *([""] * len(WAS) if s.was is None else _cells(s.was))]
            rows.append([*row, *_file_cells(timeline, s)[: len(files)], *of_film, *of_segment[: len(said)]])
    warnings = []
    if num_illegal:
        warnings.append(f"{num(num_illegal, 'label')} with controls or broken characters: these are written as U+FFFD")
    if num_same := len(timelines) - len({timeline.video_path for timeline in timelines}):
        warnings.append(f"{num(num_same, 'film')} with the name of another: the rows do not tell which is which")
    return [*COLUMNS, *files, *parts, *said], rows, tuple(warnings)


def claims_table(head: str, *, delimiters: str) -> bool:
    header, _ = _header(head, delimiters)
    return set(COLUMNS) <= set(header)


def read_table(data: bytes, name: str, options: ReadingOptions, *, delimiters: str, format: str) -> ReadResult:
    text = decoded(data, name)
    header, delimiter = _header(text, delimiters)
    above = sep_line(text)
    table = csv.reader(io.StringIO(text[len(above) :], newline=""), delimiter=delimiter, strict=True)
    line = 1 + bool(above)  # on which a row begins: one with line breaks in its cells ends later

    def rows() -> Iterator[tuple[int, list[str]]]:
        nonlocal line
        next(table)
        line += table.line_num
        for cells in table:
            here, line = line, 1 + bool(above) + table.line_num
            yield here, cells

    try:
        return read_rows(header, rows(), name, options, comma=delimiter != ",", plain=unprotected, format=format)
    except csv.Error as error:
        refuse(name, str(error), line=line)


def read_rows(
    header: Sequence[str],
    rows: Iterable[tuple[int, list[str]]],
    name: str,
    options: ReadingOptions,
    *,
    comma: bool,
    plain: Callable[[str], str],
    format: str,
) -> ReadResult:
    """The timelines in rows of cells, each with the line on which it begins.

    header  in small letters; comma: may be a decimal point; plain: takes off what protects a text from spreadsheets
    """
    if faulty := [column for column in _READ if header.count(column) != 1]:
        refuse(name, f"the header must name {', '.join(_READ)}, each once; look at {', '.join(faulty)}", line=1)
    if faulty := [column for column in (ORIGIN, *WAS) if header.count(column) > 1]:
        refuse(name, f"the header names {', '.join(faulty)} twice", line=1)
    films: dict[str, list[Segment]] = {}
    parts: dict[str, dict[str, str]] = {}  # of each film
    spelled: dict[str, str] = {}  # a film's name in one form of Unicode -> as it came first
    for number, (line, cells) in enumerate(rows):
        if number >= MAX_SEGMENTS:
            refuse(name, f"more than {MAX_SEGMENTS} rows", line=line)
        while len(cells) > len(header) and not cells[-1]:  # spreadsheets leave empty cells behind
            cells.pop()
        if not any(cells):
            continue
        if len(cells) != len(header):
            refuse(name, f"it has {len(cells)} cells, the header {len(header)}", line=line)
        row = {
            column: plain(cell) if column in _STRANGERS else cell for column, cell in zip(header, cells, strict=True)
        }
        video = spelled.setdefault(one_form(row["video"]), row["video"])
        film = films.setdefault(video, [])
        for part in PARTS:
            if row.get(part):
                parts.setdefault(video, {}).setdefault(part, row[part])
        if any(row[column] for column in _READ[1:]):
            film.append(_segment(row, name, line, comma=comma))
    return ReadResult(
        timelines=tuple(
            _with_parts(timeline_of(segments, name, options, format=format, video=video), parts.get(video, {}))
            for video, segments in films.items()
        )
    )


def in_ms(time_s: float) -> int:
    """Milliseconds, rounded as the digits of start_s and end_s are."""
    return int(f"{time_s:.3f}".replace(".", ""))


def clock(time_s: float) -> str:
    """HH:MM:SS.mmm, rounded once, as start_s and end_s are; negative times with a sign."""
    total_ms = in_ms(time_s)
    minutes, ms = divmod(abs(total_ms), 60_000)
    sign = "-" if total_ms < 0 else ""
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}:{ms // 1000:02d}.{ms % 1000:03d}"


def _cells(segment: Segment) -> list[str]:
    """Its start, end, label and score."""
    score = "" if segment.score is None else f"{segment.score:.4f}"
    return [f"{segment.start_s:.3f}", f"{segment.end_s:.3f}", xml_text(segment.label)[0], score]


def _file_cells(timeline: Timeline, segment: Segment) -> tuple[str, str]:
    """The file of a recording in which a segment starts, and when in it."""
    part = part_at(timeline.parts, segment.start_s)
    return ("", "") if part is None else (xml_text(part.video_path)[0], f"{segment.start_s - part.start_s:.3f}")


def _part(timeline: Timeline, part: str) -> str:
    """The subset or source of a film; "" if it has none."""
    value = timeline.provenance.get(part)
    return value if isinstance(value, str) else ""


def _with_parts(timeline: Timeline, parts: Mapping[str, str]) -> Timeline:
    return replace(timeline, provenance={**timeline.provenance, **parts}) if parts else timeline


def _header(text: str, delimiters: str) -> tuple[list[str], str]:
    text = text.removeprefix("\ufeff")
    line = text[len(sep_line(text)) :].split("\n", 1)[0]
    delimiter = max(delimiters, key=line.count)
    return [cell.strip().strip('"').lower() for cell in line.split(delimiter)], delimiter


def _segment(row: dict[str, str], name: str, line: int, *, comma: bool) -> Segment:
    given = row.get(ORIGIN)
    origin = next((origin for origin in ORIGINS if origin == given), None)
    if given and origin is None:
        refuse(name, f"its origin is none of {', '.join(ORIGINS)}", line=line)
    segment = _placed([row[column] for column in _READ[1:]], name, line, comma=comma)
    was = [row.get(column, "") for column in WAS]
    before = _placed(was, name, line, comma=comma, of="was_") if any(was) else None
    try:
        return replace(segment, origin=origin, was=before)
    except ValueError as error:
        refuse(name, str(error), line=line)


def _placed(cells: Sequence[str], name: str, line: int, *, comma: bool, of: str = "its ") -> Segment:
    """A segment of a start, an end, a label and a score."""
    start, end, label, given = cells
    start_s, end_s = seconds(start, comma=comma), seconds(end, comma=comma)
    score = seconds(given, comma=comma) if given else None
    if isinstance(start_s, str) or isinstance(end_s, str):
        refuse(name, f"{of}times are not numbers of seconds", line=line)
    if isinstance(score, str):
        refuse(name, f"{of}score is not a number", line=line)
    try:
        return Segment(start_s=start_s, end_s=end_s, label=label, score=score)
    except ValueError as error:
        refuse(name, str(error), line=line)
