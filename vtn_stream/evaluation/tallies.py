"""The tally of each metric: a function each, of what `score` has at hand.

R samples, V films, F figures, K thresholds of tIoU or tolerances, P predictions of a class
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtn_stream.evaluation.figures import PROPOSALS_TOLD, Detection, Phases, Segmentation, Spotting
from vtn_stream.evaluation.scored_films import ScoredFilm
from vtn_stream.evaluation.tally import MAX_CELLS, Figure, Tally, Times
from vtn_stream.metrics import (
    ACTIVITYNET,
    ClassScores,
    PhaseScores,
    SpotClass,
    WindowCounts,
    detection_map,
    proposal_ranks,
    segmentation_counts,
    spot_map,
    top_k,
    window_counts,
)
from vtn_stream.timeline import Segment

__all__ = ["clip_tally", "detection_tally", "phase_tally", "segmentation_tally", "spot_tally"]

_Segments = Sequence[Segment]
Floats = NDArray[np.float64]

# A film, and what is predicted of it -> of each label of its truth, what is matched.
_Match = Callable[[ScoredFilm, _Segments], Mapping[str, ClassScores] | Mapping[str, SpotClass]]


def detection_tally(films: Sequence[ScoredFilm], detection: Detection) -> Tally:
    """Of the films of which these are the figures."""
    tious = detection.ranked.thresholds
    classes = [*detection.ranked.classes]

    def matches(thresholds: Sequence[float]) -> _Match:
        def match(film: ScoredFilm, found: _Segments) -> Mapping[str, ClassScores]:
            here = {s.label for s in film.true}
            mine = {film.name: [s for s in found if s.label in here]}
            return detection_map(mine, {film.name: film.true}, thresholds).classes

        return match

    ranked = _Ranked.of([(film, film.candidates) for film in films], classes, matches(tious), len(tious))
    shown = _Ranked.of([(film, film.shown) for film in films], classes, matches([detection.shown_tiou]), 1)
    of_shown = _of_shown(films, sum((c.num_hits(len(films)) for c in shown), np.zeros(len(films), np.int64)))
    ranks = proposal_ranks({f.name: f.candidates for f in films}, {f.name: f.true for f in films}, ACTIVITYNET)
    finding = np.isin([film.name for film in films], ranks.videos)
    rows = np.array(PROPOSALS_TOLD) - 1

    def figures(times: Times) -> Floats:
        ap = np.stack([c.average_precision(times) for c in ranked], axis=2)  # [R, K, C]
        mean_ap = _mean(ap, 2)
        recall = np.stack([r.mean(axis=0) for r in ranks.recalls(times[:, finding].astype(np.int64))])  # [R, 100]
        area = ((recall[:, 1:] + recall[:, :-1]) / 2).sum(axis=1) / 100
        return np.column_stack(
            [
                _mean(mean_ap, 1),
                of_shown(times),
                mean_ap,
                recall[:, rows],
                area,
                _mean(ap, 1),
            ]
        )

    return Tally(
        names=(
            Figure(name="mAP", brief=True),
            *(Figure(name=name, brief=name == "F1") for name in ("precision", "recall", "F1")),
            *(Figure(name=f"mAP@{tiou:g}") for tiou in tious),
            *(Figure(name=f"AR@{n}") for n in PROPOSALS_TOLD),
            Figure(name="AR area"),
            *(Figure(name=f"AP of {label}", label=label) for label in classes),
        ),
        films=tuple(film.name for film in films),
        figures=figures,
    )


def spot_tally(films: Sequence[ScoredFilm], rates: Mapping[str, Fraction] | None, spotting: Spotting) -> Tally:
    """Of the films of which these are the figures. rates: of their annotations, where tolerances count frames."""
    classes = [label for label in spotting.labels if any(s.label == label for film in films for s in film.true)]

    def matches(tolerances: Sequence[float], of: Mapping[str, Fraction] | None = None) -> _Match:
        def match(film: ScoredFilm, found: _Segments) -> Mapping[str, SpotClass]:
            ranked = [replace(s, score=1.0) if s.score is None else s for s in found]
            return spot_map({film.name: ranked}, {film.name: film.true}, tolerances, rates=of).classes

        return match

    names, parts = [], []
    for of, unit, given in ((spotting.seconds, "s", None), (spotting.frames, "frames", rates)):
        if of is not None:
            pairs = [(film, film.candidates) for film in films]
            match = matches(of.tolerances, given)
            names += [Figure(name=f"mAP@{tolerance:g} {unit}", brief=unit == "s") for tolerance in of.tolerances]
            parts.append(_mean_ap(_Ranked.of(pairs, classes, match, len(of.tolerances))))
    for name, windows in (("tight mAP", spotting.tight), ("loose mAP", spotting.loose)):
        if windows is not None:
            names.append(Figure(name=name))
            found = {film.name: film.candidates for film in films}
            true = {film.name: film.true for film in films}
            counts = window_counts(found, true, spotting.labels, windows.widths_s)
            parts.append(_average_map(counts, np.array([len(film.true) for film in films])))
    shown = _Ranked.of([(film, film.shown) for film in films], classes, matches([spotting.shown_within_s]), 1)
    num_hits = sum((c.num_hits(len(films)) for c in shown), np.zeros(len(films), np.int64))
    names += [Figure(name=name, brief=name == "F1") for name in ("precision", "recall", "F1")]
    parts.append(_of_shown(films, num_hits))
    return Tally(
        names=tuple(names),
        films=tuple(film.name for film in films),
        figures=lambda times: np.column_stack([part(times) for part in parts]),
    )


def _mean_ap(ranked: "Sequence[_Ranked]") -> Callable[[Times], Floats]:
    """[R, K]: the mean over classes."""
    return lambda times: _mean(np.stack([c.average_precision(times) for c in ranked], axis=2), 2)


def _average_map(counts: Mapping[str, WindowCounts], num_true: NDArray[np.int64]) -> Callable[[Times], Floats]:
    """[R, 1]; nan where no film has anything to find."""

    def figures(times: Times) -> Floats:
        mean_ap = np.mean([of.average_precision(times) for of in counts.values()], axis=0)  # [R, D]
        area = mean_ap if mean_ap.shape[1] == 1 else (mean_ap[:, 1:] + mean_ap[:, :-1]) / 2
        return np.where((times @ num_true > 0)[:, None], area.mean(axis=1, keepdims=True), np.nan)

    return figures


def _of_shown(films: Sequence[ScoredFilm], num_hits: NDArray[np.int64]) -> Callable[[Times], Floats]:
    """[R, 3]: precision, recall and F1 of what the timelines show."""
    num_true = np.array([len(film.true) for film in films])
    num_shown = np.array([len(film.shown) for film in films])

    def figures(times: Times) -> Floats:
        true, found, hits = times @ num_true, times @ num_shown, times @ num_hits
        return np.column_stack([_share(hits, found), _share(hits, true), _share(2 * hits, true + found)])

    return figures


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ranked:
    """The predictions of one class, of all films, by descending score.

    film      int64 [P]; matched: bool [K, P]
    num_true  int64 [V]
    """

    film: NDArray[np.int64]
    matched: NDArray[np.bool_]
    num_true: NDArray[np.int64]

    @classmethod
    def of(
        cls, films: Sequence[tuple[ScoredFilm, _Segments]], classes: Sequence[str], match: "_Match", num: int
    ) -> "list[_Ranked]":
        """Of each class. films: with what is predicted of each; each is matched by itself, as a prediction takes true
        segments of its own film only. num: thresholds K
        """
        score: dict[str, list[Floats]] = {label: [] for label in classes}
        matched: dict[str, list[NDArray[np.bool_]]] = {label: [] for label in classes}
        num_true = {label: np.zeros(len(films), np.int64) for label in classes}
        for v, (film, found) in enumerate(films):
            hits = match(film, found) if film.true else {}
            for label in classes:
                if label in hits:
                    score[label].append(hits[label].scores)
                    matched[label].append(hits[label].matched)
                    num_true[label][v] = hits[label].num_truth
                else:
                    missed = np.array([s.score for s in found if s.label == label], np.float64)
                    score[label].append(missed)
                    matched[label].append(np.zeros((num, len(missed)), np.bool_))
        ranked = []
        for label in classes:
            order = np.argsort(-np.concatenate(score[label]), kind="stable")
            of = np.repeat(np.arange(len(films)), [len(scores) for scores in score[label]])
            of_class = np.concatenate(matched[label], axis=1)
            ranked.append(cls(film=of[order], matched=of_class[:, order], num_true=num_true[label]))
        return ranked

    def num_hits(self, num_films: int) -> NDArray[np.int64]:
        """[V], at the first threshold."""
        return np.bincount(self.film[self.matched[0]], minlength=num_films)

    def average_precision(self, times: Times) -> Floats:
        """[R, K]: as `detection_map` gives it for copies of the films; nan without a true segment.

        Recall rises at matches only, and between two matches precision only falls: the envelope needs precision where
        something is matched at any threshold, and nowhere else.
        """
        at = np.flatnonzero(self.matched.any(axis=0))  # [U]
        before = np.zeros((len(at), times.shape[1]))  # predictions of each film up to and with each of these
        step = np.searchsorted(at, np.arange(len(self.film)))
        within = step < len(at)
        np.add.at(before, (step[within], self.film[within]), 1)
        before = before.cumsum(axis=0)
        num_true = times @ self.num_true
        ap = np.zeros((len(times), len(self.matched)))
        at_once = max(1, MAX_CELLS // max(1, len(at)))
        for start in range(0, len(times), at_once):
            rows = slice(start, start + at_once)
            num = times[rows] @ before.T  # [r, U]
            often = times[rows][:, self.film[at]]  # [r, U]
            for k, matched in enumerate(self.matched[:, at]):
                hits = often * matched
                precision = np.divide(hits.cumsum(axis=1), num, out=np.zeros(num.shape), where=num > 0)
                envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
                ap[rows, k] = (envelope * hits).sum(axis=1)
        return _share(ap, num_true[:, None])


def segmentation_tally(
    on_grid: Mapping[str, tuple[NDArray[np.int32], NDArray[np.int32]]], nothing: int, segmentation: Segmentation
) -> Tally:
    """Of the labels of frames [T] of each film, predicted and true, of which these are the figures; nothing: the number
    of no label, after which comes that of what is not known.
    """
    counts = segmentation_counts(
        {name: ours for name, (ours, _) in on_grid.items()},
        {name: theirs for name, (_, theirs) in on_grid.items()},
        background={nothing},
        unknown=nothing + 1,
        overlaps=segmentation.scores.overlaps,
    )

    def figures(times: Times) -> Floats:
        num_runs = times @ counts.num_runs
        f1 = _share(2 * (times @ counts.hits), num_runs[:, None])
        return np.column_stack(
            [
                _share(times @ counts.num_right, times @ counts.num_frames),
                _share(times @ counts.edit, 100 * times.sum(axis=1)),
                np.where(num_runs[:, None] > 0, f1, 1.0),  # nothing on both sides: as `segmentation_scores` has it
            ]
        )

    f1 = tuple(Figure(name=f"F1@{100 * overlap:g}", brief=overlap == 0.5) for overlap in counts.overlaps)
    names = (Figure(name="accuracy", brief=True), Figure(name="edit", brief=True), *f1)
    return Tally(names=names, films=counts.videos, figures=figures)


def phase_tally(phases: Phases) -> Tally:
    """Of the films of which these are the figures."""
    forms = phases.forms

    def figures(times: Times) -> Floats:
        return np.column_stack([column for form in forms.values() for column in _of_form(form, times)]) / 100

    return Tally(
        names=tuple(
            Figure(name=f"{form} {name}", brief=form == "strict")
            for form in forms
            for name in ("accuracy", "precision", "recall", "Jaccard")
        ),
        films=next(iter(forms.values())).videos,
        figures=figures,
    )


def _of_form(form: PhaseScores, times: Times) -> Iterator[Floats]:
    yield _share(times @ form.accuracy_per_video, times.sum(axis=1))
    for measure in (form.precision, form.recall, form.jaccard):
        defined = ~np.isnan(measure.values)  # [N, V]
        total = times @ np.where(defined, measure.values, 0.0).T
        yield _mean(_share(total, times @ defined.T.astype(np.float64)), 1)


def clip_tally(
    films: Sequence[str], answers: Mapping[str, Floats], truth: NDArray[Any], num_answers: int | None = None
) -> Tally:
    """Of scores [V, K] of whole films, and the true classes [V].

    answers      by what they are decided; "" for nothing but the scores themselves
    num_answers  that a film can have; by default K
    """
    names, each, parts = [], [], []
    for rule, values in answers.items():
        num = values.shape[1] if num_answers is None else num_answers
        ks = (1, 5) if num > 5 else (1,)
        known = num > 1 or bool(rule)
        right = np.array(
            [[top_k(values[[v]], truth[[v]], k) if known else np.nan for k in ks] for v in range(len(truth))]
        )
        of_class = np.eye(values.shape[1])[truth]  # [V, K]
        parts.append((right, of_class[:, of_class.any(axis=0)]))
        each.append(np.column_stack([right, right[:, 0]]))
        by = f" by {rule}" if rule else ""
        names += [*(Figure(name=f"top-{k}{by}", brief=True) for k in ks), Figure(name=f"mean per class{by}")]

    def figures(times: Times) -> Floats:
        columns = []
        for right, of_class in parts:
            columns.append(_share(times @ right, times.sum(axis=1, keepdims=True)))
            columns.append(_mean(_share(times @ (of_class * right[:, :1]), times @ of_class), 1))
        return np.column_stack(columns)

    return Tally(names=tuple(names), films=tuple(films), figures=figures, each=np.concatenate(each, axis=1))


def _share(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """nan of nothing."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _mean(values: Floats, axis: int) -> Floats:
    """The mean of what is defined; nan where nothing is."""
    defined = ~np.isnan(values)
    return _share(np.where(defined, values, 0.0).sum(axis=axis), defined.sum(axis=axis))
