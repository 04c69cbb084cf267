"""BORIS's tables: single events (rows of START, STOP and POINT) and aggregated ones (rows of STATE and POINT).

Single events have the columns Behavior, Time and "Behavior type"; before version 8 Status, below lines about the
observation. A START and the next STOP of one behavior, subject, modifiers and observation are one segment; a POINT is
an instant. Aggregated events have Start (s) and Stop (s). Times are those of the observation: "Time offset (s)" is
taken off, and where it has several media files, of which Source and "Media duration (s)" tell the order and the lengths
(joined by ;, those of other players behind |), they are cut into the films' own. Old tables do not tell the lengths:
there the observation is taken as the film, with a warning. Live observations are called by their ids.
Subject, modifiers and comments are attributes, as in projects. Loses the other columns.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from vtn_stream.errors import listed
from vtn_stream.formats.annotations.boris_events import Event, Kind, Observation, put
from vtn_stream.formats.annotations.boris_films import MAX_S, Film, chosen_film, last_part, rate_of
from vtn_stream.formats.annotations.columns import Columns
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.table import cells_below, delimiter_of
from vtn_stream.formats.annotations.text import seconds
from vtn_stream.formats.annotations.words import At, shown

__all__ = ["claims", "read"]

_TYPES = ("behavior type", "behaviour type", "status")
_OBSERVATION = "observation id"
_OFFSET = "time offset (s)"
NO_SUBJECT = "no focal subject"
_NO_FILM = ("", "na", "not found", "live", "live observation")
_Row = tuple[At, list[str]]
_KINDS: Mapping[str, Kind] = {"POINT": "POINT", "START": "START", "STOP": "STOP", "STATE": "SPAN"}


def claims(header: Sequence[str], found: Columns) -> bool:
    names = [name.lower() for name in header]
    times = found.instant is not None or (found.start is not None and found.end is not None)
    of_boris = found.instant is not None or "behavior" in names or "behaviour" in names
    return times and of_boris and found.label is not None and any(kind in names for kind in _TYPES)


def read(
    findings: Findings, text: str, above: int, header: Sequence[str], found: Columns, own_name: str, *, comma: bool
) -> None:
    """own_name: of the file, for events of no film and no observation"""
    table = _Table([name.lower() for name in header], found, _facts_above(text, above), comma)
    rows = defaultdict[str, list[_Row]](list)
    for at, cells in cells_below(findings, text, above):
        rows[table.observation(cells)].append((at, cells))
    chosen = {name: of for name, of in rows.items() if not name or findings.coding.reads(name)}
    if rows and not chosen:
        raise Unreadable(
            At(),
            f"no observation is called {listed(findings.coding.observations)}",
            f"name one of these: {listed(rows, 10)}",
        )
    films = {name: _films(findings, table, name or own_name, of) for name, of in chosen.items()}
    observations_of = defaultdict[str, list[str]](list)
    for name, of in films.items():
        for film in dict.fromkeys(str(film.name) for film in of):
            observations_of[film].append(name)
    for name, of in films.items():
        at = rows[name][0][0]
        source = name if len(of) > 1 else None
        kept = [
            replace(film, name=chosen_film(findings, at, film, name, observations_of[str(film.name)], source))
            for film in of
        ]
        if any(film.name is not None for film in kept):
            offset_s = table.offset_s(rows[name][0][1])
            observation = Observation(name=name or own_name, at=at, films=tuple(kept), offset_s=offset_s)
            put(findings, observation, list(_events(findings, table, observation, rows[name])))


@dataclass(frozen=True, slots=True)
class _Table:
    """The columns that are read. above: what lines above the header say, in small letters."""

    names: Sequence[str]
    found: Columns
    above: Mapping[str, str]
    comma: bool

    def cell(self, cells: Sequence[str], *names: str) -> str:
        """The cell of the first of these columns that there is; "" without one."""
        index = next((self.names.index(name) for name in names if name in self.names), None)
        return "" if index is None else cells[index]

    def observation(self, cells: Sequence[str]) -> str:
        return self.cell(cells, _OBSERVATION) or self.above.get(_OBSERVATION, "")

    def film(self, cells: Sequence[str]) -> str:
        """The name of the film of this row; "" where it has none."""
        named = self.cell(cells, "media file name", "media file path", "media file")
        index = self.found.film
        if not named and index is not None and self.names[index] != _OBSERVATION:
            named = cells[index]
        return "" if (name := last_part(named)).lower() in _NO_FILM else name

    def modifier(self, cells: Sequence[str]) -> str:
        """As projects have it: those of several sets joined by |."""
        single = [cell for name, cell in zip(self.names, cells, strict=True) if name.startswith("modifier ")]
        while single and not single[-1]:
            single.pop()
        return "|".join(single) or self.cell(cells, "modifiers")

    def subject(self, cells: Sequence[str]) -> str:
        subject = self.cell(cells, "subject")
        return "" if subject.lower() == NO_SUBJECT else subject

    def number(self, cell: str) -> float | None:
        value = seconds(cell, comma=self.comma)
        return value if isinstance(value, float) and abs(value) <= MAX_S else None

    def offset_s(self, cells: Sequence[str]) -> float:
        return self.number(self.cell(cells, _OFFSET) or self.above.get(_OFFSET, "")) or 0.0


def _facts_above(text: str, above: int) -> dict[str, str]:
    """What old tables say of the observation above the header: a name and its value in each line."""
    lines = text.split("\n", above)[:above]
    rows = csv.reader(lines, delimiter=delimiter_of(text, above), skipinitialspace=True)
    return {cells[0].strip().lower(): cells[1].strip() for cells in rows if len(cells) > 1}


def _films(findings: Findings, table: _Table, observation: str, rows: Sequence[_Row]) -> list[Film]:
    """The films of an observation, in their order, with lengths where these are known; else one called as it."""
    at, cells = rows[0]
    names = list(dict.fromkeys(film for _, each in rows if (film := table.film(each))))
    of_player = re.split(r"\||\s+player #", table.cell(cells, "source"))[0]
    if "player #" in of_player.lower():
        listed_films = [last_part(path) for path in re.sub(r"(?i)^\s*player #\d+:\s*", "", of_player).split(";")]
        names = listed_films if all(listed_films) and set(names) <= set(listed_films) else names
    if not names:
        if any(
            cell.lower() in _NO_FILM[1:] for cell in (table.cell(cells, "media file name"), table.cell(cells, "source"))
        ):
            findings.warn(at, f"the observation {shown(observation)} has no film: it is called by its id")
        return [Film(name=observation)]
    lengths = _numbers(table, table.cell(cells, "media duration (s)"))
    if not lengths and len(names) == 1:
        lengths = _numbers(table, table.cell(cells, "total length"))
    rates = _numbers(table, table.cell(cells, "fps", "fps (frame/s)"))
    if len(names) > 1 and len(lengths) != len(names):
        text = (
            f"the observation {shown(observation)} has {len(names)} media files, and their lengths are not in the table"
        )
        findings.warn(at, f"{text}: the observation is taken as the film; its .boris project tells more")
        return [Film(name=observation)]
    films = zip(names, lengths or [None], rates if len(rates) == len(names) else [None] * len(names), strict=False)
    return [Film(name=name, duration_s=length or None, rate=rate_of(rate)) for name, length, rate in films]


def _numbers(table: _Table, cell: str) -> list[float | None]:
    """Of the first player's films: 10.000;20.000|10.000 are two."""
    return [table.number(part) for part in cell.partition("|")[0].split(";")] if cell else []


def _events(findings: Findings, table: _Table, observation: Observation, rows: Iterable[_Row]) -> Iterable[Event]:
    name = next(film.name for film in observation.films if film.name is not None)
    kind_at = next(table.names.index(kind) for kind in _TYPES if kind in table.names)
    found = table.found
    assert found.label is not None
    for at, cells in rows:
        word = cells[kind_at].upper().rpartition(" ")[2]
        kind = _KINDS.get(word)
        if kind is None or (kind == "SPAN") != (found.instant is None and word != "POINT"):
            wanted = "START, STOP or POINT" if found.instant is not None else "STATE or POINT"
            findings.lost(name, at, f"it is {shown(cells[kind_at])}, not {wanted}")
            continue
        start, stop = (None if column is None else cells[column.index] for column in (found.start, found.end))
        time = cells[found.instant.index] if found.instant is not None else start
        yield Event(
            at,
            kind,
            seconds(time or "", comma=table.comma),
            cells[found.label],
            table.subject(cells),
            table.modifier(cells),
            table.cell(cells, "comment", "comment start"),
            table.cell(cells, "comment stop"),
            seconds(stop or "", comma=table.comma),
        )
