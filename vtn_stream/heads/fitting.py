"""Fits thresholds and phase rules on validation films, after the weights are trained.

K classes, P predictions of a class by descending score
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vtn_stream.heads.judged import Judged
from vtn_stream.heads.labelled_film import LabelledFilm, labels_of
from vtn_stream.localize import phases
from vtn_stream.metrics import labels_on_grid, segmentation_scores
from vtn_stream.timeline import Segment
from vtn_stream.track import LOWEST_THRESHOLD, NO_THRESHOLD, GridScores, OperatingPoint, OperatingPoints, PhaseRules

__all__ = ["AtPoint", "as_operating_points", "clip_points", "phase_rules", "span_points"]

NOTHING_KNOWN = 0.3  # the score of a label that was never validated, where no other was either
# Positions tell nearly the same as their neighbours, so that sums of their log-probabilities are far too sure: what
# changes cost is weighed by one of these, and the least length of a label is a share of the shortest runs seen.
COST_WEIGHTS = (0.0, 1.0, 3.0, 10.0, 30.0)
LENGTH_SHARES = (0.0, 0.5, 1.0)
SHORTEST_PERCENTILE = 5
WITHOUT_VALIDATION = (3.0, 0.5)
# Where labels are decided with a lag: within twice its least length, a run and the one after it are seen to be there or
# not. Where all runs are short, what a change costs still needs positions that outweigh it: a sixth of the longest lag.
LAG_OF_RUN, LEAST_LAG = 2.0, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class AtPoint:
    """How good a label is at its operating point, shares 0..1."""

    threshold: float
    precision: float
    recall: float
    f1: float


def span_points(judged: Mapping[str, Judged]) -> dict[str, AtPoint]:
    """For each label of the truth the score of the highest F1; not for labels that were never predicted."""
    return {
        label: _best_point(one.scores, one.right, one.num_truth) for label, one in judged.items() if len(one.scores)
    }


def clip_points(probabilities: NDArray[np.floating], truth: NDArray[np.integer]) -> dict[int, AtPoint]:
    """The same of whole clips, by class: probabilities [N, K] of clips whose classes are truth [N]."""
    found = {}
    for k in np.unique(truth).tolist():
        order = np.argsort(-probabilities[:, k], kind="stable")
        found[k] = _best_point(probabilities[order, k].astype(np.float64), truth[order] == k, int((truth == k).sum()))
    return found


def _best_point(scores: NDArray[np.float64], right: NDArray[np.bool_], num_truth: int) -> AtPoint:
    """A point between the score of the best F1 and the next lower one, so that small differences do not cross it."""
    hits = right.cumsum()
    number = np.arange(1, len(scores) + 1)
    last = np.append(scores[1:] < scores[:-1], True)  # equal scores come together
    f1 = np.where(last, 2 * hits / (number + num_truth), -1.0)
    best = int(f1.argmax())
    below = float(scores[best + 1]) if best + 1 < len(scores) else 0.0
    threshold = min(1.0, max(LOWEST_THRESHOLD, (float(scores[best]) + below) / 2))
    return AtPoint(
        threshold=threshold,
        precision=float(hits[best] / number[best]),
        recall=float(hits[best] / num_truth),
        f1=float(f1[best]),
    )


def as_operating_points(points: Mapping[str, AtPoint]) -> OperatingPoints:
    """The common one, for labels without their own, is their median."""
    common = float(np.median([p.threshold for p in points.values()])) if points else NOTHING_KNOWN
    return OperatingPoints(common=_point(common), own={label: _point(p.threshold) for label, p in points.items()})


def _point(threshold: float) -> OperatingPoint:
    high = round(threshold, 6)  # scores of segments have 4 digits: one more lies between any two of them
    return OperatingPoint(high=max(LOWEST_THRESHOLD, high), low=max(LOWEST_THRESHOLD, round(high / 2, 6)))


def phase_rules(
    films: Sequence[LabelledFilm],
    validation: Sequence[LabelledFilm],
    predictions: Sequence[GridScores],
    labels: Sequence[str],
    *,
    nothing: bool,
    folds: Sequence[int] = (),
    max_lag: int | None = None,
) -> PhaseRules:
    """How long labels last and what follows what, as in these films; how much that weighs, by the validation films'
    frame accuracy and F1@50 together. The smallest weight of equals.

    folds  where the validation films are these films: the fold of each. While weights are compared, each film is drawn
           by what the films of other folds show: by its own order of labels, too much weight would seem good.
    max_lag  the rules have a lag of at most so many positions, with which the weights are compared too: twice the
             shortest run of the label whose runs are the longest, and at least a sixth of it. None: they have none
    """
    num = len(labels) + nothing
    if not validation:
        return _rules(films, labels, num, *WITHOUT_VALIDATION, max_lag)
    folds = folds if len(set(folds)) > 1 else [0] * len(validation)
    seen: dict[int, _Order] = {}
    for fold in set(folds):
        others = films if len(set(folds)) == 1 else [f for f, its in zip(films, folds, strict=True) if its != fold]
        seen[fold] = _order(others, labels, num)
    weights = [(cost, share) for cost in COST_WEIGHTS for share in LENGTH_SHARES]
    worths = []
    for cost, share in weights:
        rules = {fold: _weighed(order, cost, share, max_lag) for fold, order in seen.items()}
        worths.append(_worth([rules[fold] for fold in folds], validation, predictions, labels))
    return _rules(films, labels, num, *weights[int(np.argmax(worths))], max_lag)


def _worth(
    rules: Sequence[PhaseRules],
    films: Sequence[LabelledFilm],
    predictions: Sequence[GridScores],
    labels: Sequence[str],
) -> float:
    found, truth = {}, {}
    for film, prediction, of_film in zip(films, predictions, rules, strict=True):
        segments = phases(prediction, film.index, labels, film.duration_s, NO_THRESHOLD, of_film)
        there = film.index.valid
        found[film.name] = on_grid(segments, film)[there]
        known = labels_of(film, labels)[there] >= 0
        truth[film.name] = np.where(known, on_grid(film.segments, film)[there], UNKNOWN)
    scores = segmentation_scores(found, truth, background=[NOTHING], unknown=UNKNOWN)
    return scores.accuracy + scores.f1[-1]


NOTHING, UNKNOWN = "", "\n"  # no label is empty, or a line break


def on_grid(segments: Sequence[Segment], film: LabelledFilm) -> NDArray[np.str_]:
    """[T]: the label at each grid time, NOTHING if there is none."""
    return labels_on_grid(segments, film.index.grid_s, NOTHING)


class _Order(NamedTuple):
    """shortest [K]: positions that nearly all runs of a label have; likely [K, K]: what follows what, shares."""

    shortest: NDArray[np.float64]
    likely: NDArray[np.float64]


def _order(films: Sequence[LabelledFilm], labels: Sequence[str], num: int) -> _Order:
    lengths: list[list[int]] = [[] for _ in range(num)]
    follows = np.ones((num, num))  # what was never seen is rare, not impossible
    for film in films:
        for held in _stretches(film, labels, num):
            borders = [0, *(np.flatnonzero(held[1:] != held[:-1]) + 1).tolist(), len(held)]
            runs = [(int(held[start]), stop - start) for start, stop in pairwise(borders) if stop > start]
            if film.known is not None:  # nothing may go on in unknown time, labels end where people say
                runs = [run for n, run in enumerate(runs) if run[0] < len(labels) or 0 < n < len(runs) - 1]
            for k, length in runs:
                lengths[k].append(length)
            for (before, _), (after, _) in pairwise(runs):
                follows[before, after] += 1
    np.fill_diagonal(follows, 0)
    shortest = [float(np.percentile(n, SHORTEST_PERCENTILE)) if n else 1.0 for n in lengths]
    return _Order(np.array(shortest), follows / np.maximum(follows.sum(axis=1, keepdims=True), 1))


def _stretches(film: LabelledFilm, labels: Sequence[str], num: int) -> list[NDArray[np.int64]]:
    """The numbers below num of what happens, one after the other: a stretch ends where nobody knows what follows."""
    held = labels_of(film, labels)
    if film.known is None:
        return [held[(held >= 0) & (held < num)]]
    there = held[film.index.valid]
    parts = np.split(there, np.flatnonzero((there[1:] < 0) != (there[:-1] < 0)) + 1)
    return [part[part < num] for part in parts if len(part) and part[0] >= 0]


def _rules(
    films: Sequence[LabelledFilm],
    labels: Sequence[str],
    num: int,
    cost_weight: float,
    length_share: float,
    max_lag: int | None = None,
) -> PhaseRules:
    return _weighed(_order(films, labels, num), cost_weight, length_share, max_lag)


def _weighed(order: _Order, cost_weight: float, length_share: float, max_lag: int | None) -> PhaseRules:
    cost = -cost_weight * np.log(np.maximum(order.likely, 1e-6))
    np.fill_diagonal(cost, 0)
    lag = None
    if max_lag is not None:
        lag = min(max_lag, max(max_lag // LEAST_LAG, math.ceil(LAG_OF_RUN * float(order.shortest.max()))))
    return PhaseRules(
        lag=lag,
        min_positions=tuple(max(1, int(length_share * n)) for n in order.shortest.tolist()),
        change_cost=tuple(tuple(round(float(c), 4) for c in row) for row in cost),
    )
