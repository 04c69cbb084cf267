"""The pictures of time budgets: what `report.budget_plots` draws of them."""

from collections.abc import Mapping

import numpy as np

from vtn_stream.budget.rows import ALL
from vtn_stream.budget.stats import Stats
from vtn_stream.report.budget_plots import Bars, EthogramFilm, ethogram, share_bars, transition_matrix

__all__ = ["pictures"]


def pictures(stats: Stats) -> Mapping[str, bytes]:
    """By the names of their files: ethogram.svg, budget.svg, transitions.svg. Equal input gives equal bytes."""
    labels = list(dict.fromkeys(row.label for row in stats.films if row.label))
    films = [
        EthogramFilm(
            name=f"{film.name} ({film.subject})" if film.subject else film.name,
            group=film.group,
            segments=film.segments,
            observed=[(low, high) for low, high in film.observed.tolist()],
        )
        for film in sorted(stats.observed, key=lambda film: film.group)
    ]
    groups = list(dict.fromkeys(row.group for row in stats.groups))
    number = {label: i for i, label in enumerate(labels)}
    counts = {group: np.zeros((len(labels), len(labels)), np.int64) for group in groups}
    for row in stats.transitions:
        if not row.film:
            counts[row.group][number[row.label], number[row.next_label]] = row.count
    return {
        "ethogram.svg": ethogram(films, labels),
        "budget.svg": share_bars(_bars(stats, labels, groups)),
        "transitions.svg": transition_matrix(counts, labels),
    }


def _bars(stats: Stats, labels: list[str], groups: list[str]) -> list[Bars]:
    """The films of each label and group; without a table of groups all films are one."""
    is_grouped = any(row.group for row in stats.films)
    shares: dict[tuple[str, str], list[float | None]] = {}
    rates: dict[tuple[str, str], list[float | None]] = {}
    for row in stats.films:
        key = (row.label, row.group if is_grouped else ALL)
        shares.setdefault(key, []).append(row.share)
        rates.setdefault(key, []).append(row.rate_per_min)
    return [
        Bars(label=label, group=group, shares=shares[label, group], rates=rates[label, group])
        for label in labels
        for group in groups
    ]
