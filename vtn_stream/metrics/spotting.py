"""Spotting: is an event found near the moment at which it happens? As SoccerNet and E2E-Spot score it.

C classes, D tolerances or windows, P predictions, G true events, V films

Spots are segments without a length, by film; the truth's keys are the films that are scored, also those in which
nothing happens. A spot that lasts raises ValueError; a prediction without a score or of a film outside the truth, and a
truth without a spot, raise InputError. Nothing depends on the order of films or of spots.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import InputError
from vtn_stream.timeline import Segment

__all__ = [
    "LOOSE_S",
    "SHOWN_WITHIN_S",
    "TIGHT_S",
    "TOLERANCES_S",
    "SpotClass",
    "SpotScores",
    "WindowCounts",
    "WindowScores",
    "spot_map",
    "window_counts",
    "window_map",
]

# SoccerNet's windows in seconds, as wide as they are from end to end: a spot is found up to half of it away.
TIGHT_S = (1.0, 2.0, 3.0, 4.0, 5.0)
LOOSE_S = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0)

TOLERANCES_S = (0.5, 1.0, 2.0)  # how far away an event may be found
SHOWN_WITHIN_S = 1.0  # of a true event, what a timeline shows is right

CELLS_A_SECOND = 2  # of SoccerNet's raster
NUM_THRESHOLDS = 200  # of the score, from 0 to 1
RECALLS = np.arange(11) / 10  # at which precision is read

Spots = Mapping[str, Sequence[Segment]]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowScores:
    """SoccerNet's average precision. widths_s: the windows. classes: float64 [D], 0..1, of every label asked for."""

    widths_s: tuple[float, ...]
    classes: Mapping[str, Floats]

    @property
    def mean_ap(self) -> Floats:
        """float64 [D]: the mean over all classes, also over those that no film has, which are 0."""
        return np.mean(list(self.classes.values()), axis=0)

    @property
    def average_map(self) -> float:
        """Average-mAP: the area under `mean_ap`, by trapezoids, over the distance from the first window to the last."""
        return _average(self.mean_ap)

    def average_ap(self, label: str) -> float:
        """The same of one class."""
        return _average(self.classes[label])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpotClass:
    """How well one class is spotted.

    num_truth  true events in all films
    ap         float64 [D], average precision at each tolerance, 0..1
    scores     float64 [P], of the predictions of this class, descending
    matched    bool [D, P], whether the prediction took a true event
    """

    num_truth: int
    ap: Floats
    scores: Floats
    matched: Bools


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpotScores:
    """Average precision at tolerances, in frames or in seconds; classes are those of the truth, by name."""

    tolerances: tuple[float, ...]
    classes: Mapping[str, SpotClass]

    @property
    def mean_ap(self) -> Floats:
        """float64 [D], 0..1: the mean over the classes at each tolerance."""
        return np.mean([c.ap for c in self.classes.values()], axis=0)


def window_map(predictions: Spots, truth: Spots, labels: Sequence[str], widths_s: Sequence[float]) -> WindowScores:
    """Average precision as SoccerNet computes it (Deliege et al., "SoccerNet-v2", 2021; its average_mAP).

    Spots lie in cells of half a second, [k/2, (k+1)/2) of their film; a half of a match is a film where halves are
    films. Of several true spots of a class in one cell one counts, and of predictions the one that scores
    highest. In order of time each true spot takes, of the predictions that are still free and at most half a window
    away, the one that scores highest (of two alike the earlier). At 200 thresholds from 0 to 1 precision and recall are
    counted; AP is the mean, over the recalls 0, .1 ... 1, of the best precision that is reached with such a recall or
    more. Predictions of other labels are passed over, and those that score below 0.

    Three things differ from its program, where they occur: of two predictions in one cell that keeps the last of the
    file; it moves what comes later than 120 minutes to there; and it knows its own list of labels.
    """
    counts = window_counts(predictions, truth, labels, widths_s)
    return WindowScores(
        widths_s=tuple(widths_s),
        classes={label: of.average_precision(np.ones((1, len(of.num_truth))))[0] for label, of in counts.items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowCounts:
    """What `window_map` is made of, for one class: counts of each film, films by name.

    num_truth  int64 [V], true events
    found      int64 [V, 200], predictions that score at least each threshold; hits: int64 [V, D, 200], of these, those
               that a true event took
    """

    num_truth: Ints
    found: Ints
    hits: Ints

    def average_precision(self, times: Floats) -> Floats:
        """float64 [R, D], for each row of times [R, V], which says how often each film counts; 0 without an event."""
        num_truth = (times @ self.num_truth)[:, None, None]
        hits = np.einsum("rv,vdn->rdn", times, self.hits, optimize=True)  # [R, D, 200]
        precision = hits / np.maximum(times @ self.found, 1)[:, None]
        recall = np.divide(hits, num_truth, out=np.full(hits.shape, -1.0), where=num_truth > 0)
        return np.mean([np.where(recall >= least, precision, 0.0).max(axis=2) for least in RECALLS], axis=0)


def window_counts(
    predictions: Spots, truth: Spots, labels: Sequence[str], widths_s: Sequence[float]
) -> dict[str, WindowCounts]:
    """What `window_map` is made of, by class; see there."""
    films = _checked(predictions, truth)
    of_truth, of_predictions = _by_label(truth, films), _by_label(predictions, films)
    thresholds = np.linspace(0, 1, NUM_THRESHOLDS)
    classes = {}
    for label in labels:
        num_truth, found, hits = [], [], []
        for film in films:
            true = _cells(of_truth[film].get(label, []))[0]
            cells, scores = _cells([s for s in of_predictions[film].get(label, []) if _score(s) >= 0])
            num_truth.append(len(true))
            order = np.argsort(scores)
            first = np.searchsorted(scores[order], thresholds)
            found.append(len(scores) - first)
            taken = np.array([_in_windows(true, cells, scores, width_s) for width_s in widths_s])[:, order]  # [D, P]
            hits.append(np.pad(taken[:, ::-1].cumsum(axis=1)[:, ::-1], ((0, 0), (0, 1)))[:, first])
        classes[label] = WindowCounts(num_truth=np.array(num_truth), found=np.stack(found), hits=np.stack(hits))
    return classes


def spot_map(
    predictions: Spots,
    truth: Spots,
    tolerances: Sequence[float],
    *,
    rates: Mapping[str, float | Fraction] | None = None,
) -> SpotScores:
    """Average precision at tolerances as E2E-Spot computes it (Hong et al., 2022, section 4; its compute_mAPs).

    Per class, the predictions of all films in descending order of score (those alike by film, then by time): each takes
    the nearest of the true events of its film that are still free (of two alike the earlier), if that is at most the
    tolerance away. AP is the area under the monotone envelope of precision over recall, through all points; a class
    that is never predicted has 0. Predictions of labels that no film of the truth has are passed over.

    tolerances  seconds, to the microsecond; with rates, frames
    rates       of each film, frames a second: a time is the frame that it lies in, and distances are counted in frames

    One thing differs from its program: there two true events of one label and frame count as two and are found once.
    """
    films = _checked(predictions, truth)
    if any(not tolerance >= 0 for tolerance in tolerances) or not len(tolerances):
        raise ValueError(f"tolerances are one or more numbers from 0, got {tolerances}")
    unit = 1e6 if rates is None else 1.0
    reach = np.round(np.asarray(tolerances, np.float64) * unit).astype(np.int64)
    of_truth, of_predictions = _by_label(truth, films), _by_label(predictions, films)
    classes = {}
    for label in sorted({label for spots in of_truth.values() for label in spots}):
        scores, matched, num_truth = [], [], 0
        for film in films:
            rate = None if rates is None else float(rates[film])
            true = np.sort(_whole([s.start_s for s in of_truth[film].get(label, [])], rate))
            found = sorted(
                ((s.start_s, _score(s)) for s in of_predictions[film].get(label, [])),
                key=lambda spot: (-spot[1], spot[0]),
            )
            num_truth += len(true)
            scores += [score for _, score in found]
            matched.append(_nearest(true, _whole([time_s for time_s, _ in found], rate), reach))
        order = np.argsort(-np.array(scores, np.float64), kind="stable")
        taken = np.concatenate(matched, axis=1)[:, order]
        classes[label] = SpotClass(
            num_truth=num_truth,
            ap=_all_points(taken, num_truth),
            scores=np.array(scores, np.float64)[order],
            matched=taken,
        )
    return SpotScores(tolerances=tuple(tolerances), classes=classes)


def _average(ap: Floats) -> float:
    """The area under ap [D], by trapezoids, over windows whose widths are evenly spaced; of one window its own."""
    return float(ap[0] if len(ap) == 1 else ((ap[1:] + ap[:-1]) / 2).mean())


def _checked(predictions: Spots, truth: Spots) -> list[str]:
    """The films of the truth, sorted."""
    if others := sorted(set(predictions) - set(truth)):
        raise InputError(
            f"there are predictions for {others[0]}, which is not among the films of the truth ({len(others)} such)",
            "nothing was scored",
            "leave them out",
        )
    for spots in (*predictions.values(), *truth.values()):
        if lasting := next((s for s in spots if s.start_s < s.end_s), None):
            raise ValueError(f"a spot has no length, got {lasting}")
    for film, spots in predictions.items():
        if unscored := next((s for s in spots if s.score is None), None):
            raise InputError(
                f"a prediction of {film} has no score ({unscored.label} at {unscored.start_s:g} s)",
                "predictions cannot be ranked without",
                "score every prediction, all alike if need be",
            )
    if not any(truth.values()):
        raise InputError("the truth holds no spot", "nothing can be scored", "check which films were chosen")
    return sorted(truth)


def _by_label(spots: Spots, films: Sequence[str]) -> dict[str, dict[str, list[Segment]]]:
    """The spots of each film and label."""
    found: dict[str, dict[str, list[Segment]]] = {film: {} for film in films}
    for film in films:
        for s in spots.get(film, ()):
            found[film].setdefault(s.label, []).append(s)
    return found


def _score(spot: Segment) -> float:
    assert spot.score is not None  # `_checked` was asked
    return spot.score


def _cells(spots: Sequence[Segment]) -> tuple[Ints, Floats]:
    """The cells of SoccerNet's raster in which spots lie, ascending, each once, and the highest score in each."""
    cells = np.floor([s.start_s * CELLS_A_SECOND for s in spots]).astype(np.int64)
    scores = np.array([s.score or 0.0 for s in spots], np.float64)
    order = np.lexsort((-scores, cells))
    first = np.unique(cells[order], return_index=True)[1]
    return cells[order][first], scores[order][first]


def _in_windows(true: Ints, cells: Ints, scores: Floats, width_s: float) -> Bools:
    """Whether each prediction [P], in ascending cells, is taken by a true spot of true [G]."""
    taken = np.zeros(len(cells), np.bool_)
    reach = width_s * CELLS_A_SECOND / 2
    starts, stops = np.searchsorted(cells, true - reach, "left"), np.searchsorted(cells, true + reach, "right")
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        free = np.where(taken[start:stop], -1.0, scores[start:stop])
        if len(free) and free.max() >= 0:
            taken[start + int(free.argmax())] = True
    return taken


def _whole(times_s: Sequence[float], rate: float | None) -> Ints:
    """Times as whole numbers: microseconds, or the frames at `rate` that they lie in."""
    times = np.array(times_s, np.float64)
    if rate is None:
        return np.round(times * 1e6).astype(np.int64)
    return np.floor(times * rate + 1e-6).astype(np.int64)  # frame / rate * rate may be less than frame


def _nearest(true: Ints, found: Ints, reach: Ints) -> Bools:
    """Whether each prediction [P], by descending score, takes one of true [G], ascending, at each tolerance [D]."""
    matched = np.zeros((len(reach), len(found)), np.bool_)
    if not len(true):
        return matched
    for matches, most in zip(matched, reach.tolist(), strict=True):
        free = np.ones(len(true), np.bool_)
        for p in _near(true, found, most):
            distance = np.where(free, np.abs(true - found[p]), np.iinfo(np.int64).max)
            g = int(distance.argmin())
            if distance[g] <= most:
                free[g], matches[p] = False, True
    return matched


def _near(true: Ints, found: Ints, most: int) -> Iterator[int]:
    """The predictions with a true event at most so far away; the others take nothing."""
    is_near = np.searchsorted(true, found - most, "left") < np.searchsorted(true, found + most, "right")
    yield from np.flatnonzero(is_near).tolist()


def _all_points(matched: Bools, num_truth: int) -> Floats:
    """float64 [D]: recall rises by 1 / num_truth at each match, under the best precision from there on."""
    precision = matched.cumsum(axis=1) / np.arange(1, matched.shape[1] + 1)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    return (envelope * matched).sum(axis=1) / num_truth
