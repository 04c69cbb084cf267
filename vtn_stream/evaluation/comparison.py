"""Two models on the same films: the difference of each figure, how sure it is, and who is better in how many films.

R resamples, V films, F figures
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vtn_stream.evaluation.tallies import Figure, Tally

__all__ = ["Comparison", "Difference", "compare"]

NUM_RESAMPLES = 1000
SEED = 0
SHARE = 0.95  # of the resamples that the interval holds
FEW_FILMS = 5  # fewer say little of others
SAME = 1e-9  # figures that differ by less are equal: what is left is noise of the arithmetic


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One figure of both, shares 0..1.

    values    of the first and of the second; nan where undefined
    interval  of the second minus the first; None for fewer than two films, and where the figure is undefined
    films     in how many the first is better, the second is, and both are alike; films in which the figure of either is
              undefined are not counted
    """

    metric: str
    figure: Figure
    values: tuple[float, float]
    interval: tuple[float, float] | None
    films: tuple[int, int, int]

    @property
    def difference(self) -> float:
        return self.values[1] - self.values[0]

    def to_dict(self) -> dict[str, Any]:
        first, second, alike = self.films
        return {
            "metric": self.metric,
            "figure": self.figure.name,
            "values": [_share(value) for value in self.values],
            "difference": _share(self.difference),
            "interval": None if self.interval is None else [_share(bound) for bound in self.interval],
            "films": {"first_better": first, "second_better": second, "alike": alike},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """names: of both models. num_films: that were compared. notes: what a reader of the figures must know."""

    names: tuple[str, str]
    num_films: int
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "models": list(self.names),
            "num_films": self.num_films,
            "interval": {
                "method": "paired bootstrap over films, percentiles",
                "share": SHARE,
                "resamples": NUM_RESAMPLES,
                "seed": SEED,
            },
            "figures": [difference.to_dict() for difference in self.differences],
            "notes": list(self.notes),
        }


def compare(names: tuple[str, str], first: Mapping[str, Tally], second: Mapping[str, Tally]) -> Comparison:
    """Compares two models film by film. The tallies are of the same films and metrics.

    The interval is that of a paired bootstrap (Efron and Tibshirani 1993, sections 13.3 and 15.5 on percentiles and on
    pairs): films are drawn with replacement, as many as there are, the same ones for both; every figure is computed
    anew of each sample.
    """
    differences: list[Difference] = []
    notes = []
    num_films = max((len(tally.films) for tally in first.values()), default=0)
    for metric in first:
        a, b = _common(first[metric], second[metric])
        num = len(a.films)
        drawn = b.of_samples(NUM_RESAMPLES, SEED) - a.of_samples(NUM_RESAMPLES, SEED)  # [R, F]
        gaps = b.of_each() - a.of_each()  # [V, F]
        for f, (figure, *values) in enumerate(zip(a.names, a.of_all().tolist(), b.of_all().tolist(), strict=True)):
            known = drawn[~np.isnan(drawn[:, f]), f]
            interval = None
            if num > 1 and len(known):
                low, high = np.quantile(known, [(1 - SHARE) / 2, (1 + SHARE) / 2])
                interval = float(low), float(high)
            better = [np.count_nonzero(which) for which in (gaps[:, f] < -SAME, gaps[:, f] > SAME)]
            alike = np.count_nonzero(np.abs(gaps[:, f]) <= SAME)
            differences.append(
                Difference(
                    metric=metric,
                    figure=figure,
                    values=(values[0], values[1]),
                    interval=interval,
                    films=(int(better[0]), int(better[1]), int(alike)),
                )
            )
    if num_films < 2:
        notes.append("There is no interval: one film does not say how much films differ.")
    elif num_films < FEW_FILMS:
        notes.append(f"{num_films} films say little about others: the intervals are too narrow, and may mislead.")
    return Comparison(names=names, num_films=num_films, differences=tuple(differences), notes=tuple(notes))


def _common(first: Tally, second: Tally) -> tuple[Tally, Tally]:
    """Both with the figures that both have, in the order of the first. Raises ValueError for other films."""
    if first.films != second.films:
        raise ValueError("the tallies are of different films")
    both = [figure for figure in first.names if figure in second.names]
    return first.only(both), second.only(both)


def _share(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
