"""The budget of every label in every film, and its statistics over the films of each group."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from vtn_stream.budget.figures import FIGURES, Floats, figures
from vtn_stream.budget.films import Film
from vtn_stream.budget.grouped import over_films
from vtn_stream.budget.rows import FilmRow, GroupRow, defined
from vtn_stream.film import one_form
from vtn_stream.results.blank import asked_labels

__all__ = ["Label", "budget_rows", "labels_of"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Label:
    """A label: where it is in each film, and whether it has lengths anywhere."""

    name: str
    spans: Sequence[Floats]
    lasts: bool


def labels_of(films: Sequence[Film]) -> list[Label]:
    """All labels of all films, sorted, and those that people meant to use; "" if there is none at all."""
    of_films = [film.spans() for film in films]
    used = {label for of_film in of_films for label in of_film}
    spelled = {one_form(label): label for label in sorted(used)}
    asked = {spelled.setdefault(one_form(label), label) for film in films for label in asked_labels(film.timeline)}
    names = sorted(used | asked) or [""]
    none = np.zeros((0, 2))
    labels = []
    for name in names:
        spans = [of_film.get(name, none) for of_film in of_films]
        num_instants = sum(int((s[:, 0] == s[:, 1]).sum()) for s in spans)
        labels.append(Label(name=name, spans=spans, lasts=num_instants == 0 or num_instants < sum(map(len, spans))))
    return labels


def budget_rows(
    films: Sequence[Film], groups: Mapping[str, Sequence[int]], labels: Sequence[Label]
) -> tuple[list[FilmRow], list[GroupRow]]:
    of = {
        label.name: [
            figures([spans], [film.observed], since_s=film.span_s[0], lasts=label.lasts)
            for film, spans in zip(films, label.spans, strict=True)
        ]
        for label in labels
    }
    rows = [
        FilmRow(film=film.name, group=film.group, subject=film.subject, label=label.name, **asdict(of[label.name][i]))
        for i, film in enumerate(films)
        for label in labels
    ]
    group_rows = []
    for group, members in groups.items():
        for label in labels:
            known = [of[label.name][i] for i in members]
            values = np.array([[_number(getattr(each, name)) for name in FIGURES] for each in known])
            statistics = {
                statistic: dict(zip(FIGURES, map(defined, of_one.tolist()), strict=True))
                for statistic, of_one in over_films(values).items()
            }
            of_all = [label.spans[i] for i in members], [films[i].observed for i in members]
            statistics["pooled"] = asdict(figures(*of_all, since_s=None, lasts=label.lasts))
            group_rows += [
                GroupRow(group=group, label=label.name, statistic=statistic, films=len(members), **of_one)
                for statistic, of_one in statistics.items()
            ]
    return rows, group_rows


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
