"""The figures of a label in one film or several: how often, how long, which share of the time, how soon. Pure arrays.

N occurrences of the label in order of their starts, M stretches of observed time
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FIGURES", "Figures", "Floats", "covered", "figures", "gaps_between", "joined", "shared"]

Floats = NDArray[np.float64]

FIGURES = (
    "observed_s", "count", "instants", "total_s", "mean_s", "median_s", "sd_s", "longest_s", "share", "rate_per_min",
    "latency_s", "mean_gap_s",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """As `rows.MEANINGS` says of each. None: not defined."""

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


def figures(spans: Sequence[Floats], observed: Sequence[Floats], *, since_s: float | None, lasts: bool) -> Figures:
    """The figures of a label in one film, or in several as if they were one.

    spans     of each film float64 [N, 2]: from when until when, sorted
    observed  of each film float64 [M, 2]: disjoint, sorted
    since_s   from when the latency counts in one film; None for several, which have none
    lasts     whether the label has lengths anywhere; if not, all of it are instants, and lengths are not defined
    """
    observed_s = float(sum((of_film[:, 1] - of_film[:, 0]).sum() for of_film in observed))
    every = np.concatenate(spans)
    lengths = every[:, 1] - every[:, 0]
    long = lengths[lengths > 0]
    between = np.concatenate([gaps_between(of_film) for of_film in spans])
    held_s = sum(covered(*of_film) for of_film in zip(spans, observed, strict=True))
    return Figures(
        observed_s=observed_s,
        count=len(every),
        instants=len(every) - len(long),
        total_s=float(long.sum()) if lasts else None,
        mean_s=float(long.mean()) if len(long) else None,
        median_s=float(np.median(long)) if len(long) else None,
        sd_s=float(long.std(ddof=1)) if len(long) > 1 else None,
        longest_s=float(long.max()) if len(long) else None,
        share=held_s / observed_s if lasts and observed_s > 0 else None,
        rate_per_min=60 * len(every) / observed_s if observed_s > 0 else None,
        latency_s=max(0.0, float(every[0, 0]) - since_s) if len(every) and since_s is not None else None,
        mean_gap_s=float(between.mean()) if len(between) else None,
    )


def gaps_between(spans: Floats) -> Floats:
    """float64 [N - 1]: the time from the end of all before it to the start of each, 0 where they overlap."""
    if len(spans) < 2:
        return np.zeros(0)
    return np.maximum(spans[1:, 0] - np.maximum.accumulate(spans[:-1, 1]), 0.0)


def joined(spans: Floats) -> Floats:
    """float64 [J, 2]: the time of any of these spans, as sorted spans that neither overlap nor touch."""
    spans = spans[spans[:, 1] > spans[:, 0]]
    if not len(spans):
        return np.zeros((0, 2))
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    ends = np.maximum.accumulate(spans[:, 1])
    first = np.flatnonzero(np.r_[True, spans[1:, 0] > ends[:-1]])
    return np.stack((spans[first, 0], ends[np.r_[first[1:] - 1, len(spans) - 1]]), axis=1)


def covered(spans: Floats, observed: Floats) -> float:
    """Seconds of the observed time in which at least one span holds. O((N + M) log N)."""
    parts = shared(joined(spans), observed)
    return float((parts[:, 1] - parts[:, 0]).sum())


def shared(spans: Floats, observed: Floats) -> Floats:
    """float64 [K, 2]: what disjoint sorted spans share with disjoint sorted stretches, in order."""
    firsts = np.searchsorted(spans[:, 1], observed[:, 0], side="right").tolist()
    lasts = np.searchsorted(spans[:, 0], observed[:, 1], side="left").tolist()
    parts = [
        np.clip(spans[first:last], low, high)
        for first, last, (low, high) in zip(firsts, lasts, observed.tolist(), strict=True)
        if first < last
    ]
    return np.concatenate(parts) if parts else np.zeros((0, 2))
