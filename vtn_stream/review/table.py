"""What people made of what a model had said, as JSON values and as a table for spreadsheets."""

import math
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from vtn_stream.formats.figures_table import save_table, six_digits
from vtn_stream.formats.workbook import Cell
from vtn_stream.results.corrected_folder import CorrectedFolder
from vtn_stream.review.agreement import Counts, FilmAgreement, by_label

__all__ = ["save_agreement", "to_dict"]

NUMBERS = tuple(of.name for of in fields(Counts) if of.name != "elsewhere")
SHARES = ("precision", "recall", "f1")


def to_dict(films: Sequence[FilmAgreement], folder: CorrectedFolder) -> dict[str, Any]:
    """JSON values: all films, in the order given, their labels, and what does not count. null: nothing to measure."""
    return {
        "films": {
            film.name: {
                "reviewed": film.reviewed,
                "looked_at": film.looked_at,
                "to_look_at": film.to_look_at,
                **_figures(film.total),
                "accuracy": _or_none(film.accuracy),
                "labels": {
                    label: {"reviewed": film.shares[label], **_figures(counts)} for label, counts in film.labels.items()
                },
            }
            for film in films
        },
        "labels": {label: _figures(counts) for label, counts in by_label(films).items()},
        "all": _figures(sum((film.total for film in films), Counts())),
        "not_corrected": [film.name for film in folder.open],
        "said_before_any_model": [film.name for film in folder.coded],
        "changed_in_an_editor": [film.name for film in folder.edited],
        "corrected_twice": [[film.file.as_posix() for film in files] for files in folder.twice],
        "failed": {file.as_posix(): reason for file, reason in folder.failed.items()},
    }


def save_agreement(path: Path, films: Sequence[FilmAgreement]) -> None:
    """Writes a row for each film and label, after one for all labels of the film, whose label is empty.

    path  of a workbook (.xlsx), else CSV
    What is undefined stays empty. Raises InputError if the file cannot be written.
    """
    table: list[list[Cell]] = []
    for film in films:
        rows = [("", film.reviewed, film.total, film.accuracy)]
        rows += [(label, film.shares[label], counts, math.nan) for label, counts in film.labels.items()]
        for label, reviewed, counts, accuracy in rows:
            shares = (reviewed, *(getattr(counts, name) for name in SHARES), accuracy)
            share, *of_counts, correct = map(six_digits, shares)
            numbers = [getattr(counts, name) for name in NUMBERS]
            at_most = "yes" if counts.is_at_most else "no"
            table.append([film.name, label, share, *numbers, *of_counts, at_most, correct])
    save_table(path, ["film", "label", "reviewed", *NUMBERS, *SHARES, "f1_is_at_most", "accuracy"], table)


def _figures(counts: Counts) -> dict[str, Any]:
    numbers: dict[str, Any] = {name: getattr(counts, name) for name in NUMBERS}
    shares = {name: _or_none(getattr(counts, name)) for name in SHARES}
    return {**numbers, **shares, "f1_is_at_most": counts.is_at_most}


def _or_none(share: float) -> float | None:
    return share if math.isfinite(share) else None
