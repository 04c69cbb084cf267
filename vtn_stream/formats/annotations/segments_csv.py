"""Tables of segments (CSV): video,start_s,end_s,label and, if wanted, subset, source, score; a row a segment.

Columns may be called otherwise, and come in any order: `columns.py` knows the names (onset, "Stop (ms)", "Begin Time",
behavior ...). A column without a unit is read as seconds where it holds a fraction or a clock, or is called onset, with
a warning; whole numbers might be frames as well, and are refused. So are columns that mean the same. Times are numbers,
M:SS, H:MM:SS.mmm, or timecode HH:MM:SS:FF and frames from 0, the end's own not included, at the caller's rate. As exact
as the digits. Rows of a time alone, of START, STOP and POINT (BORIS), and of timecodes that are equal are instants.

A header is needed, if below other lines; UTF-8 or UTF-16; commas, semicolons or tabs, with the two latter also decimal
commas. A row with a video and no times and no label is a film in which nothing happens. Without a column for it, by its
name or its cells, the film is called as the file; of a path from the root, in a column of another name, the last part
counts, with a warning. Who does it (subject, tier, player ...) is an attribute. Loses other columns, which a warning
names; the tables that we write of timelines are such files: where people corrected one, its rows say who says so, and
those of a model, which nobody looked at, are no annotations. Escapes: RFC 4180 quotes; space around a cell is dropped.
Labels in alphabetic order, numbers by size.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vtn_stream.film import is_film_name
from vtn_stream.formats.annotations import boris_tables
from vtn_stream.formats.annotations.columns import MAX_COLUMNS, WANTED, columns_of
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.table import cells_below, columns, has_decimal_commas, header_of, lines_above
from vtn_stream.formats.annotations.table_times import Times
from vtn_stream.formats.annotations.text import seconds
from vtn_stream.formats.annotations.words import At, shown
from vtn_stream.formats.reading import named_by

__all__ = ["NAME", "UNNAMED", "check_header", "claims", "holds_times", "read"]

NAME = "CSV"
UNNAMED = "no column names the film"
NUM_TRIED = 20  # rows, in which a column of films shows
_FIRST = At(line=1)
# Of our tables of corrected timelines: who says so, and what a model had said before.
_ORIGIN = "origin"
_OF_RECORDING = ("file", "file_start_s")  # which say in other words when a segment starts
_OF_CORRECTED = (_ORIGIN, "was_start_s", "was_end_s", "was_label", "was_score")


def claims(text: str) -> bool:
    """Whether there is a header with times, or something meant as one."""
    return lines_above(text, holds_times) is not None


def holds_times(header: Sequence[str]) -> bool:
    """Whether a header is that of a table of segments: it names times, and something else that belongs to them."""
    if len(header) > MAX_COLUMNS:
        return False
    found = columns_of(header)
    others = (found.film, found.label, found.scene, found.length, found.score, found.end if found.start else None)
    return found.holds_times and any(other is not None for other in others)


def read(findings: Findings, path: Path, text: str, *, predicted: bool = False) -> None:
    """predicted: they are predictions, so rows that a model says are what is meant."""
    above = lines_above(text, holds_times) or 0
    header = header_of(text, above)
    found, at = columns_of(header), At(line=1 + above)
    check_header(findings, columns(text, above), None, at)
    if found.twice:
        cure = f"leave one of them, or call the columns {WANTED}"
        raise Unreadable(at, f"{' and '.join(found.twice)} may mean the same", cure)
    if found.lacking:
        raise Unreadable(at, f"the header lacks {', '.join(found.lacking)}", f"name the columns {WANTED}")
    comma = has_decimal_commas(text, above)
    if boris_tables.claims(header, found):
        boris_tables.read(findings, text, above, header, found, named_by(path.name), comma=comma)
        return
    if found.film is None and (index := _film_column(text, above, header, found.unread)) is not None:
        found = replace(found, film=index, unread=tuple(name for name in found.unread if name != header[index]))
    origin = header.index(_ORIGIN) if _ORIGIN in found.unread else None
    known = (() if origin is None else _OF_CORRECTED) + (_OF_RECORDING if set(_OF_RECORDING) <= {*found.unread} else ())
    if unread := [name for name in found.unread if name not in known]:
        findings.warn(at, f"columns that are not read: {', '.join(unread[:20])}")
    own_name = named_by(path.name)
    if found.film is None:
        findings.warn(at, f"{UNNAMED}: it is called {own_name}, as the file")
    times = Times(findings, found, text, above, comma=comma)
    shortened = False
    for at, cells in cells_below(findings, text, above):
        film = own_name if found.film is None else _film_named(header[found.film], cells[found.film])
        if found.film is not None and film != cells[found.film] and not shortened:
            shortened = True
            findings.warn(
                at, f"the last part of the paths under {header[found.film]} is the film's name: {shown(film)}"
            )
        length = _cell(cells, found.whole.index if found.whole else None)
        name = findings.film(
            film,
            at,
            duration_s=seconds(length, comma=comma) if length else None,
            subset=_cell(cells, found.subset),
            source=_cell(cells, found.source),
        )
        if not predicted and _cell(cells, origin) == "model":
            findings.problem(at, "a model says so, and nobody looked at it (origin): give FILM.timeline.json instead")
            continue
        label = cells[found.label] if found.label is not None else f"scene {cells[found.scene or 0]}"
        if name is None or not (times.any_in(cells) or (label and found.label is not None)):
            continue
        given = _cell(cells, found.score)
        score = given if given is None or ":" in given else seconds(given, comma=comma)
        who = tuple((header[i].lower(), cells[i]) for i in found.who if cells[i])
        start, end = times.of(name, at, cells)
        if end is None:
            findings.spot(name, at, start, label, who, score)
        else:
            findings.segment(name, at, start, end, label, who, score)


def _film_column(text: str, above: int, header: Sequence[str], unread: Sequence[str]) -> int | None:
    """The one of these columns whose every cell is the name of a film, if there is one alone."""
    named = {i for i, name in enumerate(header) if name in unread}
    for num, (_, cells) in enumerate(cells_below(Findings(""), text, above)):
        named = {i for i in named if is_film_name(cells[i])}
        if not named or num >= NUM_TRIED:
            break
    return named.pop() if len(named) == 1 else None


def _film_named(column: str, cell: str) -> str:
    """The film's id: other programs write where a file lies on their machine, of which the name is what counts."""
    absolute = re.match(r"[/\\]|[A-Za-z]:[/\\]|file:", cell)
    return re.split(r"[/\\]", cell)[-1] if absolute and column.lower() != "video" else cell


def check_header(findings: Findings, header: list[str], known: tuple[str, ...] | None, at: At = _FIRST) -> None:
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        raise Unreadable(at, f"the header names {', '.join(twice)} twice")
    if known is not None and (ignored := [name for name in header if name not in known]):
        findings.warn(at, f"columns that are not read: {', '.join(ignored[:20])}")


def _cell(cells: Sequence[str], index: int | None) -> str | None:
    return (cells[index] or None) if index is not None else None
