"""What each film adds to the figures, so that those of one film, of all, and of any sample of them follow quickly.

R samples, V films, F figures, K thresholds of tIoU, P predictions of a class
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtn_stream.evaluation.figures import PROPOSALS_TOLD, Metric, Scores
from vtn_stream.evaluation.scored_films import frames
from vtn_stream.metrics import ACTIVITYNET, PhaseScores, detection_map, proposal_ranks, segmentation_counts, top_k
from vtn_stream.timeline import Segment

__all__ = ["TALLIES", "Figure", "Tally", "clip_tally"]

MAX_CELLS = 20_000_000  # of a table that is computed at once

_Segments = Sequence[Segment]
Floats = NDArray[np.float64]
Times = NDArray[np.float64]  # [R, V]: how often each film counts, whole numbers; as floats they multiply fast


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure: a share 0..1, higher is better. label: the class that it is of, if it is of one.

    brief  shown in a table of films, where there is little room
    """

    name: str
    brief: bool = False
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tally:
    """What V films add to F figures of one metric; the first is its main figure.

    films    the names of those that it scores: others say nothing here
    figures  float64 [R, F] of any samples [R, V]; nan where a figure is undefined. A film that counts twice counts as
             two films
    each     float64 [V, F], the figures of each film alone, where they are known already
    """

    names: tuple[Figure, ...]
    films: tuple[str, ...]
    figures: Callable[[Times], Floats]
    each: Floats | None = None

    def of_all(self) -> Floats:
        """[F]: of all films, each once."""
        return self.figures(np.ones((1, len(self.films))))[0]

    def of_each(self) -> Floats:
        """[V, F]: of each film alone."""
        if self.each is not None:
            return self.each
        num = len(self.films)
        at_once = max(1, MAX_CELLS // max(1, num))
        rows = [np.eye(min(at_once, num - first), num, first) for first in range(0, num, at_once)]
        return np.concatenate([self.figures(times) for times in rows])

    def of_samples(self, num: int, seed: int) -> Floats:
        """[num, F]: of as many films as there are, drawn with replacement. Equal seeds draw equal films."""
        rng, films = np.random.default_rng(seed), len(self.films)
        at_once = max(1, MAX_CELLS // max(1, films))
        sizes = [min(at_once, num - first) for first in range(0, num, at_once)]
        draw = (rng.multinomial(films, np.full(films, 1 / films), size).astype(np.float64) for size in sizes)
        return np.concatenate([self.figures(times) for times in draw])

    def only(self, figures: Sequence[Figure]) -> "Tally":
        """With these figures alone."""
        kept = [self.names.index(figure) for figure in figures]
        each = None if self.each is None else self.each[:, kept]
        return Tally(names=tuple(figures), films=self.films, figures=lambda t: self.figures(t)[:, kept], each=each)


def _detection(scores: Scores) -> Tally:
    assert scores.detection is not None
    films, tious = scores.films, scores.detection.ranked.thresholds
    classes = [*scores.detection.ranked.classes]
    ranked = _Ranked.of([(film.candidates, film.true) for film in films], classes, tious)
    shown = _Ranked.of([(film.shown, film.true) for film in films], classes, [scores.detection.shown_tiou])
    num_true = np.array([len(film.true) for film in films])
    num_shown = np.array([len(film.shown) for film in films])
    num_hits = sum((c.num_hits(len(films)) for c in shown), np.zeros(len(films), np.int64))
    ranks = proposal_ranks({f.name: f.candidates for f in films}, {f.name: f.true for f in films}, ACTIVITYNET)
    finding = np.isin([film.name for film in films], ranks.videos)
    told = np.array(PROPOSALS_TOLD) - 1

    def figures(times: Times) -> Floats:
        ap = np.stack([c.average_precision(times) for c in ranked], axis=2)  # [R, K, C]
        mean_ap = _mean(ap, 2)
        true, found, hits = times @ num_true, times @ num_shown, times @ num_hits
        recall = np.stack([r.mean(axis=0) for r in ranks.recalls(times[:, finding].astype(np.int64))])  # [R, 100]
        area = ((recall[:, 1:] + recall[:, :-1]) / 2).sum(axis=1) / 100
        return np.column_stack(
            [
                _mean(mean_ap, 1),
                _share(hits, found),
                _share(hits, true),
                _share(2 * hits, true + found),
                mean_ap,
                recall[:, told],
                area,
                _mean(ap, 1),
            ]
        )

    return Tally(
        names=(
            Figure(name="mAP", brief=True),
            *(Figure(name=name, brief=True) for name in ("precision", "recall", "F1")),
            *(Figure(name=f"mAP@{tiou:g}") for tiou in tious),
            *(Figure(name=f"AR@{n}") for n in PROPOSALS_TOLD),
            Figure(name="AR area"),
            *(Figure(name=f"AP of {label}", label=label) for label in classes),
        ),
        films=tuple(film.name for film in films),
        figures=figures,
    )


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
        cls,
        films: Sequence[tuple[Sequence[Segment], Sequence[Segment]]],
        classes: Sequence[str],
        tious: Sequence[float],
    ) -> "list[_Ranked]":
        """Of each class. films: the predicted and the true segments of each. Each film is matched by itself, as a
        prediction takes segments of its own film only.
        """
        score: dict[str, list[Floats]] = {label: [] for label in classes}
        matched: dict[str, list[NDArray[np.bool_]]] = {label: [] for label in classes}
        num_true = {label: np.zeros(len(films), np.int64) for label in classes}
        for v, (found, true) in enumerate(films):
            here = {s.label for s in true}
            hits = {}
            if true:
                hits = detection_map({"": [s for s in found if s.label in here]}, {"": true}, tious).classes
            for label in classes:
                if label in hits:
                    score[label].append(hits[label].scores)
                    matched[label].append(hits[label].matched)
                    num_true[label][v] = hits[label].num_truth
                else:
                    missed = np.array([s.score for s in found if s.label == label], np.float64)
                    score[label].append(missed)
                    matched[label].append(np.zeros((len(tious), len(missed)), np.bool_))
        ranked = []
        for label in classes:
            order = np.argsort(-np.concatenate(score[label]), kind="stable")
            film = np.repeat(np.arange(len(films)), [len(of) for of in score[label]])
            of_class = np.concatenate(matched[label], axis=1)
            ranked.append(cls(film=film[order], matched=of_class[:, order], num_true=num_true[label]))
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


def _segmentation(scores: Scores) -> Tally:
    assert scores.segmentation is not None
    grids = frames(scores.films, scores.labels, scores.segmentation.fps)
    counts = segmentation_counts(
        {name: ours for name, (ours, _) in grids.items()},
        {name: theirs for name, (_, theirs) in grids.items()},
        background={len(scores.labels)},
        overlaps=scores.segmentation.scores.overlaps,
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

    f1 = tuple(Figure(name=f"F1@{100 * overlap:g}", brief=True) for overlap in counts.overlaps)
    names = (Figure(name="accuracy", brief=True), Figure(name="edit", brief=True), *f1)
    return Tally(names=names, films=counts.videos, figures=figures)


def _phases(scores: Scores) -> Tally:
    assert scores.phases is not None
    forms = scores.phases.forms

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


def _clips(scores: Scores) -> Tally:
    clips, values, truth = clip_table(scores.films, scores.labels)
    return clip_tally([film.name for film in clips], values, truth)


def clip_tally(films: Sequence[str], values: Floats, truth: NDArray[Any]) -> Tally:
    """Of scores [V, K] of whole films, and the true classes [V]."""
    ks = (1, 5) if values.shape[1] > 5 else (1,)
    right = np.array([[top_k(values[[v]], truth[[v]], k) for k in ks] for v in range(len(truth))])  # [V, 1 or 2]
    of_class = np.eye(values.shape[1])[truth]  # [V, K]
    of_class = of_class[:, of_class.any(axis=0)]

    def figures(times: Times) -> Floats:
        top = _share(times @ right, times.sum(axis=1, keepdims=True))
        per_class = _share(times @ (of_class * right[:, :1]), times @ of_class)
        return np.column_stack([top, _mean(per_class, 1)])

    return Tally(
        names=(*(Figure(name=f"top-{k}", brief=True) for k in ks), Figure(name="mean per class")),
        films=tuple(films),
        figures=figures,
        each=np.column_stack([right, right[:, 0]]),
    )


# A new metric is a function and a line.
TALLIES: Mapping[Metric, Callable[[Scores], Tally]] = {
    "detection": _detection,
    "segmentation": _segmentation,
    "phases": _phases,
    "clips": _clips,
}


def _share(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """nan of nothing."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _mean(values: Floats, axis: int) -> Floats:
    """The mean of what is defined; nan where nothing is."""
    defined = ~np.isnan(values)
    return _share(np.where(defined, values, 0.0).sum(axis=axis), defined.sum(axis=axis))
