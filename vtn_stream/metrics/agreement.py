"""How far two annotators agree: Cohen's kappa over time, and the intraclass correlation of what they count.

Time is integrated exactly, from each border of a segment to the next: no frame rate and no step changes a figure.
Nothing depends on which of the two is named first, nor on what the labels are called.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from vtn_stream.metrics.intervals import f_quantile

__all__ = ["Icc", "Icc1", "Kappa", "Piece", "Placed", "State", "cohens_kappa", "icc", "pieces", "shared_time"]

CONFIDENCE = 0.95
SAME = 1e-12  # of all variance: what rounding leaves of none

_What = TypeVar("_What", bound=Hashable)
State = tuple[str, ...]  # the labels that hold at one moment, sorted; () where nothing does
Placed = tuple[float, float, str]  # from, until (seconds), label


class Piece(NamedTuple):
    """A stretch [start_s, end_s) in which neither annotator's labels change."""

    start_s: float
    end_s: float
    a: State
    b: State


def pieces(a: Iterable[Placed], b: Iterable[Placed], within: Iterable[tuple[float, float]]) -> Iterator[Piece]:
    """What each of two annotators says, from each border to the next, in order of time, in these spans alone.

    Where one label holds twice at a moment, it holds once; what has no length holds nowhere.
    """
    changes: dict[float, list[tuple[int, str, int]]] = {}
    spans = [(0, *each) for each in a] + [(1, *each) for each in b] + [(2, *span, "") for span in within]
    for which, start_s, end_s, label in spans:
        if start_s < end_s:
            changes.setdefault(start_s, []).append((which, label, 1))
            changes.setdefault(end_s, []).append((which, label, -1))
    holding: tuple[Counter[str], Counter[str], Counter[str]] = (Counter(), Counter(), Counter())
    for start_s, end_s in pairwise(sorted(changes)):
        for which, label, by in changes[start_s]:
            holding[which][label] += by
            if not holding[which][label]:
                del holding[which][label]
        if holding[2]:
            yield Piece(start_s, end_s, tuple(sorted(holding[0])), tuple(sorted(holding[1])))


def shared_time(of: Iterable[Piece]) -> dict[tuple[State, State], float]:
    """Seconds of each pair of states: the confusion matrix of two annotators, in time."""
    lengths: dict[tuple[State, State], list[float]] = {}
    for piece in of:
        lengths.setdefault((piece.a, piece.b), []).append(piece.end_s - piece.start_s)
    return {pair: math.fsum(parts) for pair, parts in sorted(lengths.items())}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kappa:
    """Cohen's kappa (Cohen 1960): (observed - expected) / (1 - expected).

    value     -1..1; None where it is undefined, and `why` says the reason
    observed  the share in which both say the same, 0..1; expected: what chance alone gives with how often each says
              each; None where there is nothing to compare
    """

    value: float | None
    observed: float | None
    expected: float | None
    why: str | None = None


def cohens_kappa(table: Mapping[tuple[_What, _What], float]) -> Kappa:
    """Kappa of a confusion matrix, as weights >= 0 of the pairs (what A says, what B says)."""
    total = math.fsum(table.values())
    if not total:
        return Kappa(value=None, observed=None, expected=None, why="there is no time to compare")
    observed = math.fsum(weight for (a, b), weight in table.items() if a == b) / total
    of_a, of_b = _shares(table, 0, total), _shares(table, 1, total)
    if len(of_a.keys() | of_b.keys()) == 1:
        return Kappa(value=None, observed=observed, expected=1.0, why="both say one and the same all the time")
    expected = math.fsum(share * of_b.get(what, 0.0) for what, share in of_a.items())
    return Kappa(value=(observed - expected) / (1 - expected), observed=observed, expected=expected)


def _shares(table: Mapping[tuple[_What, _What], float], side: Literal[0, 1], total: float) -> dict[_What, float]:
    """Of all that one of them says, which part each thing is; what has no weight is not among it."""
    weights: dict[_What, list[float]] = {}
    for pair, weight in table.items():
        if weight > 0:
            weights.setdefault(pair[side], []).append(weight)
    return {what: math.fsum(parts) / total for what, parts in weights.items()}


@dataclass(frozen=True, slots=True)
class Icc1:
    """One intraclass correlation, up to 1, and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Icc:
    """Intraclass correlations of single ratings (Shrout and Fleiss 1979; McGraw and Wong 1996).

    agreement    ICC(2,1), also called ICC(A,1): a constant difference between the annotators lowers it
    consistency  ICC(3,1), also called ICC(C,1): it does not
    Both are None where they are undefined, and `why` says the reason.
    """

    agreement: Icc1 | None
    consistency: Icc1 | None
    why: str | None = None


def icc(ratings: Sequence[tuple[float, float]] | NDArray[np.float64]) -> Icc:
    """The correlations of two annotators' ratings [N, 2] of N films."""
    values = np.asarray(ratings, np.float64).reshape(-1, 2)
    num, raters = values.shape
    if num < 2:
        return Icc(agreement=None, consistency=None, why="it needs two films or more")
    mean, of_film, of_rater = values.mean(), values.mean(axis=1), values.mean(axis=0)
    between = raters * float(((of_film - mean) ** 2).sum())
    across = num * float(((of_rater - mean) ** 2).sum())
    rest = float(((values - of_film[:, None] - of_rater + mean) ** 2).sum())
    least = SAME * max(between + across + rest, mean**2 * SAME)
    between, across, rest = (0.0 if part <= least else part for part in (between, across, rest))
    if not between + across + rest:
        return Icc(agreement=None, consistency=None, why="all films have the same in both")
    films, rater, error = between / (num - 1), across / (raters - 1), rest / ((num - 1) * (raters - 1))
    consistency = _consistency(num, films, error) if films + error else None
    agreement = _agreement(num, films, rater, error) if films + rater or num > 2 else None
    why = None
    if consistency is None or agreement is None:
        why = "each annotator has the same in all films" if consistency is None else "two films are too few for it"
    return Icc(agreement=agreement, consistency=consistency, why=why)


def _consistency(num: int, films: float, error: float) -> Icc1:
    if not error:
        return Icc1(1.0, 1.0, 1.0)
    ratio, degrees = films / error, num - 1
    reach = f_quantile((1 + CONFIDENCE) / 2, degrees, degrees)
    low, high = ratio / reach, ratio * reach
    return Icc1((films - error) / (films + error), (low - 1) / (low + 1), (high - 1) / (high + 1))


def _agreement(num: int, films: float, rater: float, error: float) -> Icc1:
    """For two raters; films, rater and error are mean squares. The interval is that of McGraw and Wong, table 7."""
    value = (films - error) / (films + error + 2 * (rater - error) / num)
    if not error and not rater:
        return Icc1(1.0, 1.0, 1.0)
    degrees = _degrees(num, value, rater, error)
    upper, lower = (f_quantile((1 + CONFIDENCE) / 2, *of) for of in ((num - 1, degrees), (degrees, num - 1)))
    others = 2 * rater + (num - 2) * error
    low = num * (films - upper * error) / (upper * others + num * films)
    high = num * (lower * films - error) / (others + num * lower * films)
    return Icc1(value, low, high)


def _degrees(num: int, value: float, rater: float, error: float) -> float:
    """Satterthwaite's degrees of freedom of the mean squares of raters and of error."""
    raters = 2 * value * rater
    errors = (num * (1 + value) - 2 * value) * error
    squares = (num - 1) * raters**2 + errors**2
    # With a value below 0 the two may cancel: of sums, there is never less than one degree.
    return max(1.0, (num - 1) * (raters + errors) ** 2 / squares) if squares else float(num - 1)
