"""Computes time budgets of the films in files: the table of contents of this room."""

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vtn_stream.budget.budgets import budget_rows, labels_of
from vtn_stream.budget.films import Film, films_of
from vtn_stream.budget.groups import grouped_films, read_groups
from vtn_stream.budget.notices import notices_of
from vtn_stream.budget.reading import Source, read_files
from vtn_stream.budget.rows import (
    ALL,
    BinRow,
    FilmRow,
    GroupBinRow,
    GroupRow,
    TransitionRow,
    columns_of,
    values_of,
)
from vtn_stream.budget.sequences import transition_rows
from vtn_stream.budget.time_bins import bin_rows
from vtn_stream.budget.unnamed import counted, counted_errors, unnamed
from vtn_stream.errors import AnnotationError, InputError, VtnStreamError
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.name_table import Names
from vtn_stream.timeline import Timeline

if TYPE_CHECKING:
    import pandas

__all__ = ["Stats", "stats"]

_NOTHING = "no figures were computed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Time budgets of films, as tables of rows (`rows`); `MEANINGS` there says what each column means.

    films        a row for each film (and subject) and label
    groups       a row for each group, label and statistic
    bins         a row for each film, label and time bin, if there are bins
    group_bins   the same of groups of several films
    transitions  a row for each pair of labels that follow one another, in each film and group
    notes        what people should know: what was left out, cut or taken for granted
    failed       what could not be read or does not count, and why
    observed     the films as they were counted, for pictures
    """

    films: list[FilmRow]
    groups: list[GroupRow]
    bins: list[BinRow]
    group_bins: list[GroupBinRow]
    transitions: list[TransitionRow]
    notes: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    observed: tuple[Film, ...] = ()

    def __repr__(self) -> str:
        labels = len({row.label for row in self.films})
        tables = ", ".join(name for name, rows in self.tables().items() if rows)
        return f"<Stats of {len(self.observed)} films, {labels} labels: {tables}>"

    def tables(self) -> dict[str, list[Any]]:
        """The tables by their names."""
        names = ("films", "groups", "bins", "group_bins", "transitions")
        return {name: getattr(self, name) for name in names}

    def to_pandas(self) -> "dict[str, pandas.DataFrame]":
        """Each table as a DataFrame, by its name. Raises InputError where pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise InputError(
                "pandas is not installed", "there is no DataFrame", "pip install 'vtn-stream[pandas]'"
            ) from error
        return {
            name: pandas.DataFrame(
                [[math.nan if value is None else value for value in row] for row in values_of(name, rows)],
                columns=list(columns_of(name)),
            )
            for name, rows in self.tables().items()
        }


def stats(
    files: Source | Iterable[Source],
    *,
    groups: str | os.PathLike[str] | None = None,
    bin_s: float | None = None,
    by: Literal["subject"] | None = None,
    reading: ReadingOptions = ReadingOptions(),
    names: Names | None = None,
) -> Stats:
    """How often things happen in films, how long they last, and what follows what.

    files    timelines, files of them, folders of results, and files of annotations of any format that can be read
    groups   a table with the columns video and group (by subject also: subject)
    bin_s    length of the time bins, above 0; None: no bins
    by       "subject": each subject in a film counts as a film of its own
    reading  what files may not say of themselves
    names    films get their random names from this table, and nothing names their files

    Raises InputError if something is asked that cannot be, or nothing can be read: AnnotationError then names what is
    wrong in the file. What fails alone is in `failed`.
    """
    if bin_s is not None and not (math.isfinite(bin_s) and bin_s > 0):
        raise InputError(f"a time bin of {bin_s} s has no length", _NOTHING, "give seconds above 0")
    if by not in (None, "subject"):
        raise InputError(f"{by!r} cannot be counted apart", _NOTHING, 'give by="subject", or a table of groups')
    found, lines, failed = read_files([files] if isinstance(files, str | os.PathLike | Timeline) else files, reading)
    films, told, not_counted = films_of(found)
    errors = [*failed, *not_counted]
    if names is not None:
        errors, lines, told = counted_errors(errors), counted([*lines, *told]), []
    if not films:
        raise _nothing_counts(errors)
    shown = films if names is None else unnamed(films, names)
    notes = [*lines, *told, *notices_of(shown, by_subject=by is not None)]
    if by is not None:
        films = [part for film in films for part in film.by_subject()]
    films = films if names is None or groups is not None else unnamed(films, names)
    of_groups = {ALL: list(range(len(films)))}
    if groups is not None:
        rows, told = read_groups(Path(groups), by_subject=by is not None)
        films, more = grouped_films(films, rows, Path(groups).name)
        told += more
        if names is not None:
            films, told = unnamed(films, names), counted(told)
        notes += told
        of_groups = {}
        for i, film in enumerate(films):
            if film.group:
                of_groups.setdefault(film.group, []).append(i)
    of_groups = dict(sorted(of_groups.items()))
    labels = labels_of(films)
    film_rows, group_rows = budget_rows(films, of_groups, labels)
    bins, group_bins = ([], []) if bin_s is None else bin_rows(films, of_groups, labels, bin_s)
    return Stats(
        films=film_rows,
        groups=group_rows,
        bins=bins,
        group_bins=group_bins,
        transitions=transition_rows(films, of_groups),
        notes=tuple(notes),
        failed=tuple(map(str, errors)),
        observed=tuple(films),
    )


def _nothing_counts(errors: Sequence[VtnStreamError]) -> VtnStreamError:
    if not errors:
        return InputError("there is no film in these files", _NOTHING, "give timelines or annotations of films")
    first, more = errors[0], len(errors) - 1
    fact = first.fact + (f", and {more} more cannot be read" if more else "")
    if isinstance(first, AnnotationError):
        return AnnotationError(fact, _NOTHING, first.cure, first.problems)
    return InputError(fact, _NOTHING, first.cure)
