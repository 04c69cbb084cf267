"""The table of groups: a film and its group in each row, or a subject and its group.

Columns: video (or another name that tables of segments have for it) and group; with subjects also subject, alone or
beside video. Read: comma, semicolon or tab, UTF-8 or UTF-16; workbooks (.xlsx).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vtn_stream.budget.films import Film, same_name
from vtn_stream.errors import InputError, TimelineError, listed
from vtn_stream.film import bare_name, one_form, with_or_without_v
from vtn_stream.formats.annotations.columns import columns_of
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.annotations.table import cells_below, header_of
from vtn_stream.formats.reading import content_of, decoded
from vtn_stream.formats.sheets import is_spreadsheet, table_of
from vtn_stream.formats.writing import num

__all__ = ["GroupLine", "check_no_groups", "grouped_films", "read_groups"]

MAX_BYTES = 64 * 1024 * 1024
MAX_TOLD = 20  # rows that are left out
_NOTHING = "no figures were computed"
_CURE = "give a table with the columns video and group"


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A row: a film by its name, a subject, or both ("" where the table does not say it), and the group."""

    film: str
    subject: str
    group: str


def check_no_groups(path: Path, consequence: str) -> None:
    """Raises InputError for a table of groups, which a list of films with labels looks like."""
    with open(path, "rb") as file:
        head = file.read(4096).removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    names = {" ".join(cell.lower().split()) for cell in header_of(head)}
    if "group" in names and names < {"video", "film", "subject", "group"}:
        raise InputError(f"{path.name} is a table of groups", consequence, "give it with --groups")


def read_groups(path: Path, *, by_subject: bool) -> tuple[list[GroupLine], list[str]]:
    """The rows of a table of groups, and lines on what was left out. Raises InputError.

    by_subject: whether subjects are counted apart; without it there can be no groups of them
    """
    data = content_of(path, consequence=_NOTHING, too_large="give a smaller table", most=MAX_BYTES)
    header, rows, lines = _table(data, path.name)
    names = [" ".join(cell.lower().split()) for cell in header]
    film = columns_of(header).film
    group, subject = (_only(names, name, path.name) for name in ("group", "subject"))
    if film is not None:
        _only(names, names[film], path.name)  # which of two names the film is not known
    if group is None or (film is None and subject is None):
        missing = "group" if group is None else "video"
        there = f": it has {listed(map(str, header), 8)}" if any(header) else ""
        raise InputError(f"{path.name} has no column {missing}{there}", _NOTHING, _CURE)
    if subject is not None and not by_subject and any(cells[subject].strip() for cells in rows):
        raise InputError(f"{path.name} has groups of subjects", _NOTHING, "count them apart with --by subject")
    found, lacking = [], 0
    for cells in rows:
        film_name, its_subject = (cells[i].strip() if i is not None else "" for i in (film, subject))
        if not cells[group].strip() or not (film_name or its_subject):
            lacking += 1
            continue
        found.append(GroupLine(film_name, its_subject, cells[group].strip()))
    if lacking:
        lines.append(f"{path.name}: {num(lacking, 'row')} without a film or without a group: left out")
    return found, lines


def grouped_films(films: Sequence[Film], rows: Sequence[GroupLine], name: str) -> tuple[list[Film], list[str]]:
    """The films with their groups, and lines on what does not fit. name: the table's, for these lines.

    Films are found as elsewhere: with or without their suffix, and with as much of their path as the table has. One
    without a group, or with two, is in no group.
    """
    groups: list[dict[str, None]] = [{} for _ in films]
    unknown: dict[str, None] = {}
    several: dict[str, list[str]] = {}
    by_name = _Names(films)
    for row in rows:
        of = by_name.find(row)
        if not of:
            unknown[row.film or row.subject] = None
        elif len({films[i].name for i in of}) > 1 and row.film:
            several[row.film] = [films[i].name for i in of]
        else:
            for i in of:
                groups[i][row.group] = None
    lines = []
    if unknown:
        near = nearest(next(iter(unknown)), [film.name for film in films]) if len(unknown) == 1 else None
        meant = f" (did you mean {near}?)" if near else ""
        what = "film or subject" if any(row.subject for row in rows) else "film"
        lines.append(
            f"{name}: there is no {what} {listed(unknown)}{meant} here, so no group counts it; use the names of the "
            "films"
        )
    for given, names in several.items():
        lines.append(f"{name}: {given} may be {listed(names)}, so none of them is in this group; write the folders too")
    grouped = []
    twice, without = [], []
    for film, its_groups in zip(films, groups, strict=True):
        grouped.append(replace(film, group=next(iter(its_groups)) if len(its_groups) == 1 else ""))
        called = f"{film.name} ({film.subject})" if film.subject else film.name
        if len(its_groups) > 1:
            twice.append(f"{called} ({listed(its_groups)})")
        elif not its_groups:
            without.append(called)
    if twice:
        lines.append(f"{name}: {listed(twice)} in two groups, so in none; keep one row of each")
    if without:
        lines.append(f"{name}: {listed(without)} in no group, so no group counts them; add a row for each")
    return grouped, lines


class _Names:
    """Finds films by the names in a table."""

    def __init__(self, films: Sequence[Film]) -> None:
        self._films = films
        self._by_name: dict[str, list[int]] = {}
        for i, film in enumerate(films):
            self._by_name.setdefault(bare_name(film.name), []).append(i)

    def find(self, row: GroupLine) -> list[int]:
        """The numbers of the films that a row may be about."""
        if not row.film:
            near: list[int] = list(range(len(self._films)))
        else:
            near = [i for i in self._by_name.get(bare_name(row.film), []) if same_name(row.film, self._films[i].name)]
            near = near or self._by_name.get(with_or_without_v(bare_name(row.film)), [])
            exact = [i for i in near if one_form(self._films[i].name) == one_form(row.film)]
            near = exact or near
        if not row.subject:
            return near
        return [i for i in near if one_form(self._films[i].subject) == one_form(row.subject)]


def _only(names: Sequence[str], name: str, file: str) -> int | None:
    """The column of this name; None if there is none. Raises InputError for two."""
    if names.count(name) > 1:
        raise InputError(f"{file} has two columns {name}", _NOTHING, "keep one of them")
    return names.index(name) if name in names else None


def _table(data: bytes, name: str) -> tuple[list[str], list[list[str]], list[str]]:
    """Header, rows and lines of a table, in text or in a workbook. Raises InputError."""
    lines: list[str] = []
    if is_spreadsheet(data):
        sheet = table_of(data, name, _has_groups, error=InputError)
        text = sheet.text
        lines += [f"{name}: {note}" for note in sheet.notes]
    else:
        try:
            text = decoded(data, name)
        except TimelineError as error:
            raise InputError(error.fact, _NOTHING, error.cure) from error
    findings = Findings(name)
    try:
        rows = [cells for _, cells in cells_below(findings, text)]
    except Unreadable as error:
        place = "" if error.at.line is None else f"line {error.at.line}: "
        raise InputError(f"{name} cannot be read ({place}{error.text})", _NOTHING, error.cure) from error
    wrong = findings.problems
    lines += [f"{name}: line {at.line}: {what}: left out" for at, what in wrong[:MAX_TOLD]]
    if len(wrong) > MAX_TOLD:
        lines.append(f"{name}: {len(wrong) - MAX_TOLD} more rows left out")
    return header_of(text), rows, lines


def _has_groups(text: str) -> bool:
    """Whether a sheet may be the table of groups, by its first rows."""
    return "group" in [" ".join(cell.lower().split()) for cell in header_of(text)]
