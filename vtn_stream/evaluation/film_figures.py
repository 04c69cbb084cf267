"""Every figure of each film alone, the worst film first: for people, as JSON and as a table for spreadsheets."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vtn_stream.atomic import check_writable
from vtn_stream.errors import InputError
from vtn_stream.evaluation.figures import Scores
from vtn_stream.evaluation.tally import Tally
from vtn_stream.formats.figures_table import header_of, save_table, six_digits
from vtn_stream.formats.workbook import Cell

__all__ = ["FilmFigures", "check_table", "figures_of", "film_figures", "save_figures", "undefined"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmFigures:
    """The figures of one film, shares 0..1; nan where one is undefined. facts: what else is known of it."""

    film: str
    facts: Mapping[str, float | int | str]
    figures: Mapping[tuple[str, str], float]

    @property
    def main(self) -> float:
        """The main figure of the first metric."""
        return next(iter(self.figures.values()))

    def to_dict(self) -> dict[str, Any]:
        metrics: dict[str, dict[str, float | None]] = {}
        for (metric, name), value in self.figures.items():
            metrics.setdefault(metric, {})[name] = round(value, 6) if math.isfinite(value) else None
        return {"film": self.film, **self.facts, **metrics}


def film_figures(scores: Scores, tallies: Mapping[str, Tally]) -> list[FilmFigures]:
    """The figures of each film, the worst first by the first metric's main figure; those without it last.

    tallies: those of the scores
    """
    facts = {
        film.name: {
            "duration_s": round(film.duration_s, 3),
            "num_true": len(film.true),
            "num_shown": len(film.shown),
        }
        for film in scores.films
    }
    return figures_of(facts, tallies)


def figures_of(facts: Mapping[str, Mapping[str, float | int | str]], tallies: Mapping[str, Tally]) -> list[FilmFigures]:
    """The same of any tallies. facts: of each film, by its name."""
    figures: dict[str, dict[tuple[str, str], float]] = {film: {} for film in facts}
    for metric, tally in tallies.items():
        kept = [f for f, figure in enumerate(tally.names) if figure.label is None]
        each = dict(zip(tally.films, tally.of_each()[:, kept].tolist(), strict=True))
        for film, of in figures.items():
            values = each.get(film, [math.nan] * len(kept))
            of |= {(metric, tally.names[f].name): value for f, value in zip(kept, values, strict=True)}
    rows = [FilmFigures(film=film, facts=facts[film], figures=figures[film]) for film in facts]
    return sorted(rows, key=lambda row: (math.isnan(row.main), np.nan_to_num(row.main), row.film))


def undefined(rows: Sequence[FilmFigures]) -> str | None:
    """A sentence on the films whose main figure is undefined; None if there is no such film."""
    num = sum(math.isnan(row.main) for row in rows)
    if not num:
        return None
    metric, name = next(iter(rows[0].figures))
    films, last = ("1 film has", "it stands") if num == 1 else (f"{num} films have", "they stand")
    return f"{films} no {name} of {metric}, as there is nothing to find or to compare: {last} last."


def check_table(path: Path) -> None:
    """Makes the table's folder if it is missing. Raises InputError where the table could not be written there, or would
    replace anything that is not such a table.
    """
    is_other = False
    try:
        check_writable(path.parent)
        if path.is_file():
            is_other = path.stat().st_size > 0 and not _is_such(header_of(path))
        elif path.exists():
            is_other = True  # a pipe or a device, which is not read
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be written ({error.strerror})",
            "nothing was measured",
            "name another file for the table",
        ) from error
    if is_other:
        raise InputError(
            f"{path.name} is there already and is not a table of films' figures",
            "it was kept and nothing was measured",
            "name another file for the table",
        )


def _is_such(header: Sequence[str]) -> bool:
    return header[:1] == ["film"] and header[1:2] in (["model"], ["duration_s"], ["label"])


def save_figures(path: Path, tables: Mapping[str | None, Sequence[FilmFigures]]) -> None:
    """Writes a row for each film, or each film and model, and a column for each figure; what is undefined stays empty.

    path    of a workbook (.xlsx), else CSV
    tables  the films of each model, by its name; None: there is one, and no column says which
    Raises InputError if the file cannot be written.
    """
    rows = [(model, row) for model, of in tables.items() for row in of]
    names = list(dict.fromkeys(name for _, row in rows for name in row.figures))
    facts = list(dict.fromkeys(name for _, row in rows for name in row.facts))
    by_model = [*tables] != [None]
    header = ["film", *(["model"] if by_model else []), *facts, *(" ".join(name) for name in names)]
    cells: list[list[Cell]] = []
    for model, row in rows:
        cells.append([row.film, *([str(model)] if by_model else []), *(row.facts.get(name) for name in facts)])
        cells[-1] += (six_digits(row.figures.get(name, math.nan)) for name in names)
    save_table(path, header, cells)
