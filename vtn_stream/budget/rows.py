"""The rows of time budgets, one dataclass a table, and what each column means. None stands for what is not defined."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Literal

__all__ = ["ALL", "MEANINGS", "TABLES", "BinRow", "FilmRow", "GroupBinRow", "GroupRow", "Statistic", "TransitionRow"]
__all__ += ["columns_of", "defined", "values_of"]

ALL = "all"  # the group of all films, where nobody made groups

# n: how many films have a value; mean, sd, sem: over these films, each counts once; pooled: as if all were one film
Statistic = Literal["n", "mean", "sd", "sem", "pooled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmRow:
    """One label in one film, of one subject if asked by subject. A film has a row for every label of all films."""

    film: str
    group: str
    subject: str
    label: str
    observed_s: float
    count: int
    instants: int
    total_s: float | None
    mean_s: float | None
    median_s: float | None
    sd_s: float | None
    longest_s: float | None
    share: float | None
    rate_per_min: float | None
    latency_s: float | None
    mean_gap_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """One statistic of one label over the films of a group. films: how many there are, or subjects in films."""

    group: str
    label: str
    statistic: Statistic
    films: int
    observed_s: float | None
    count: float | None
    instants: float | None
    total_s: float | None
    mean_s: float | None
    median_s: float | None
    sd_s: float | None
    longest_s: float | None
    share: float | None
    rate_per_min: float | None
    latency_s: float | None
    mean_gap_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BinRow:
    """One label in one time bin of one film. bin: from 0; start_s, end_s: in the film."""

    film: str
    group: str
    subject: str
    label: str
    bin: int
    start_s: float
    end_s: float
    observed_s: float
    count: int
    total_s: float | None
    share: float | None
    rate_per_min: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupBinRow:
    """One statistic of one label in one time bin over the films of a group. films: those that have this bin.

    start_s, end_s: since the films began to be observed.
    """

    group: str
    label: str
    bin: int
    start_s: float
    end_s: float
    statistic: Statistic
    films: int
    observed_s: float | None
    count: float | None
    total_s: float | None
    share: float | None
    rate_per_min: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionRow:
    """How often one label comes next after another: in one film, or, where film is empty, in a whole group.

    probability: of all that comes next after `label`, how much is `next_label`, 0..1
    """

    film: str
    group: str
    subject: str
    label: str
    next_label: str
    count: int
    probability: float


TABLES = {
    "films": FilmRow, "groups": GroupRow, "bins": BinRow, "group_bins": GroupBinRow, "transitions": TransitionRow,
}  # fmt: skip


def columns_of(table: str) -> tuple[str, ...]:
    """The columns of one of the TABLES."""
    return tuple(field.name for field in fields(TABLES[table]))


def values_of(table: str, rows: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """The values of each row of one of the TABLES, in the order of its columns."""
    return map(attrgetter(*columns_of(table)), rows)


def defined(value: float) -> float | None:
    """None for nan."""
    return None if math.isnan(value) else value


MEANINGS = {
    "observed_s": "seconds in which it is known what happens: the analyzed part of the film without its gaps (damage)",
    "count": "segments and instants; in a time bin, those that start there",
    "instants": "how many of these have no length",
    "total_s": "sum of the lengths of all segments; where two of one label overlap, both count; in a time bin, of the "
    "parts that lie in it",
    "mean_s": "mean length of a segment (instants have none)",
    "median_s": "median length of a segment",
    "sd_s": "standard deviation of the lengths, with n - 1; of two segments or more",
    "longest_s": "length of the longest segment",
    "share": "part of the observed time in which the label holds, 0 to 1; where two of one label overlap, the time "
    "counts once, and gaps do not count",
    "rate_per_min": "count a minute of observed time",
    "latency_s": "seconds from the start of the analyzed part to the first start; empty if it never happens",
    "mean_gap_s": "mean time from the end of one to the start of the next, 0 where they overlap; of two or more",
    "group": "of the table of groups; without one, all films are one group",
    "films": "how many films the group has (by subject: subjects in films)",
    "statistic": "n: films in which the figure is defined; mean, sd (n - 1) and sem (sd / root of n) over these films, "
    "each counts once; pooled: as if all films of the group were one",
    "bin": "number of the time bin, from 0; bins begin where the analyzed part begins, and the last one may be shorter",
    "transitions": "for each label, which label starts next in the same film (of the same subject), by start, then "
    "end; a label that follows itself counts; not across gaps. probability is the count divided by all that come next "
    "after the label. Pairs that never occur have no row; without a film: the whole group",
    "labels": "a film has a row for each label of all films, with 0 where the label does not occur; the lengths of a "
    "label that has instants only are empty",
}
