"""How good a model is on films that it did not learn: figures, how sure they are, and what goes wrong in which film."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtn_stream.evaluation import Metric, Prediction, Scores, score
from vtn_stream.evaluation.film_figures import film_figures
from vtn_stream.evaluation.tally import Tally
from vtn_stream.formats.annotations.annotated import AnnotatedVideo, Annotations
from vtn_stream.heads import HEADS, Head
from vtn_stream.heads.fitting import AtPoint
from vtn_stream.heads.judged import all_spans, instants_of
from vtn_stream.localize import draw
from vtn_stream.metrics import Reliability, reliability, share_interval
from vtn_stream.model import HeadConfig
from vtn_stream.report.card_facts import ClassFacts, FilmFacts, Mistake
from vtn_stream.track import GridScores
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.mistakes import film_facts, mistakes
from vtn_stream.training.out_of_fold import Choice

__all__ = ["Exam", "Sureness", "drawn", "examine", "measures", "named_figures", "truth_of"]

NEW_FILMS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sureness:
    """What the scores say, and what is right, before and after they were calibrated; unit: of what they are."""

    before: Reliability
    after: Reliability
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exam:
    """scores: everything measured. figures: of all classes together, shares 0..1, the main one first.

    intervals    their 90 % intervals over groups of films, where there is one
    new_films    where the main figure of `NEW_FILMS` new films should lie, in nine of ten cases
    without      [G]: the main figure without each group of films
    films        the worst first, by their film_figure
    mistakes     as in a model card
    sureness     None for a head whose scores are no probabilities
    num_groups   of films that share a scene
    """

    scores: Scores
    figures: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    new_films: tuple[float, float] | None = None
    without: NDArray[np.float64]
    film_figure: str = ""
    films: tuple[FilmFacts, ...] = ()
    classes: tuple[ClassFacts, ...]
    mistakes: tuple[Mistake, ...]
    sureness: Sureness | None = None
    num_groups: int

    @property
    def main(self) -> str:
        """The name of the main figure."""
        return next(iter(self.figures))


def examine(
    films: Sequence[TrainingFilm],
    predictions: Sequence[GridScores],
    labels: Sequence[str],
    head: str,
    config: HeadConfig,
    thresholds: Mapping[str, AtPoint],
    chosen: Sequence[Choice],
    *,
    widened: float = 1.0,
) -> Exam:
    """Scores the timelines that the films would get against the annotations, as `vtn-stream evaluate` does.

    predictions  not yet calibrated
    thresholds   of the finished model
    chosen       by what each film's timeline is drawn
    widened      `metrics.OUT_OF_FOLD` where several models predicted, which learnt one another's films
    """
    kind = HEADS[head]
    said = [
        kind.calibrated(config, prediction, choice.calibration)
        for prediction, choice in zip(predictions, chosen, strict=True)
    ]
    instants = instants_of(films)
    predicted = {
        film.name: drawn(kind, film, prediction, labels, choice, instants)
        for film, prediction, choice in zip(films, said, chosen, strict=True)
    }
    scores = score(predicted, truth_of(films, labels), subset="all", metrics=measures(kind, labels, instants))
    tallies = scores.tallies()
    figures = named_figures(scores, tallies)
    without = _without_each(scores, tallies, {film.name: film.group for film in films})
    every = {name: share_interval(value, without[name], widened=widened) for name, value in figures.items()}
    main = next(iter(figures))
    of_films, each = _by_film(scores, tallies, main)
    return Exam(
        scores=scores,
        figures=figures,
        intervals={name: interval for name, interval in every.items() if interval is not None},
        new_films=share_interval(figures[main], without[main], widened=widened, num_new=NEW_FILMS),
        without=without[main],
        film_figure=of_films,
        films=film_facts(scores, each),
        classes=tuple(_class(label, scores, thresholds.get(label), films) for label in labels),
        mistakes=mistakes(scores),
        sureness=_sureness(kind, config, films, predictions, said, labels),
        num_groups=len({film.group for film in films}),
    )


def truth_of(films: Sequence[TrainingFilm], labels: Sequence[str]) -> Annotations:
    """What is annotated in the films, as `score` takes it."""
    videos = {
        film.name: AnnotatedVideo(
            segments=film.segments,
            clip_label=film.clip_label,
            duration_s=film.duration_s,
            subset="validation",
            known=film.known,
        )
        for film in films
    }
    return Annotations(format="films that were not learnt", labels=tuple(labels), videos=videos)


def measures(head: Head[Any], labels: Sequence[str], instants: Collection[str]) -> tuple[Metric, ...]:
    """The head's, of labels that last; of instants spotting."""
    lasting = tuple(head.measures) if any(label not in instants for label in labels) else ()
    return (*lasting, "spotting") if instants else lasting


def drawn(
    head: Head[Any],
    film: TrainingFilm,
    prediction: GridScores,
    labels: Sequence[str],
    chosen: Choice,
    instants: Collection[str],
) -> Prediction:
    """The timeline that a film gets."""
    if prediction.clip is not None:
        ranked = sorted(zip(labels, prediction.clip.tolist(), strict=True), key=lambda pair: -pair[1])
        return Prediction(clip_labels=tuple(ranked), duration_s=film.duration_s)
    shown = draw(head.drawing, prediction, film.index, labels, film.duration_s, chosen.points, chosen.rules, instants)
    candidates = None if prediction.spans is None else tuple(all_spans(prediction, film, labels, instants))
    return Prediction(segments=tuple(shown), candidates=candidates, duration_s=film.duration_s)


def named_figures(scores: Scores, tallies: Mapping[str, Tally]) -> dict[str, float]:
    """The figures of all labels together, by the names that users see, where they are defined.

    tallies: those of the scores
    """
    figures = {}
    for metric, tally in tallies.items():
        for figure, value in zip(tally.names, tally.of_all().tolist(), strict=True):
            name = _name(scores, metric, figure.name)
            if name is not None and math.isfinite(value):
                figures[name] = value
    return figures


def _without_each(
    scores: Scores, tallies: Mapping[str, Tally], groups: Mapping[str, str]
) -> dict[str, NDArray[np.float64]]:
    """Each figure without each group of films [G]."""
    return {
        name: column
        for metric, tally in tallies.items()
        for figure, column in zip(tally.names, tally.without_each(groups).T, strict=True)
        if (name := _name(scores, metric, figure.name)) is not None
    }


def _name(scores: Scores, metric: str, figure: str) -> str | None:
    """What a figure of a tally is called; None: it is not among the figures of a model."""
    if metric == "segmentation":
        return {"accuracy": "frame accuracy", "edit": "edit score"}.get(figure, figure)
    if metric == "detection" and scores.detection is not None:
        tious = scores.detection.ranked.thresholds
        if figure == "mAP":
            return f"mAP, tIoU {min(tious):g} to {max(tious):g}"
        if figure in ("precision", "recall", "F1"):
            return f"{figure} of the timelines, tIoU {scores.detection.shown_tiou:g}"
        return None
    if metric == "clips":
        return figure if figure in ("top-1", "mean per class") else None
    if metric == "spotting" and scores.spotting is not None:
        if figure in ("precision", "recall", "F1"):
            return f"{figure} of the timelines, within {scores.spotting.shown_within_s:g} s"
        return figure if figure.startswith("mAP@") or figure == "tight mAP" else None
    return figure


def _by_film(scores: Scores, tallies: Mapping[str, Tally], main: str) -> tuple[str, list[tuple[str, float | None]]]:
    """The name of the figure by which films are compared, and each film with it, the worst first.

    It is the main one, but F1 instead of mAP: that of one film is a mean over its own labels, and mostly above that of
    all films.
    """
    metric, tally = next(iter(tallies.items()))
    name = "F1" if main.startswith("mAP") else tally.names[0].name
    rows = [(row.film, row.figures[metric, name]) for row in film_figures(scores, tallies)]
    rows.sort(key=lambda row: (math.isnan(row[1]), np.nan_to_num(row[1]), row[0]))
    return _name(scores, metric, name) or name, [(film, None if math.isnan(of) else of) for film, of in rows]


def _class(label: str, scores: Scores, at: AtPoint | None, films: Sequence[TrainingFilm]) -> ClassFacts:
    """The figures of a class as the timelines show it, and the threshold of the finished model."""
    with_it = [film for film in films if label == film.clip_label or any(s.label == label for s in film.segments)]
    num = sum(1 if film.clip_label is not None else _count(film, label) for film in with_it)
    ap = precision = recall = f1 = None
    if (found := scores.detection) is not None and label in found.ranked.classes:
        shown = found.shown[label]
        ap, recall, f1 = float(found.ranked.classes[label].ap.mean()), shown.recall, shown.f1
        precision = shown.precision if shown.num_found else None
    elif scores.spotting is not None and label in scores.spotting.shown:
        if (seconds := scores.spotting.seconds) is not None and label in seconds.classes:
            ap = float(seconds.classes[label].ap.mean())
        shown = scores.spotting.shown[label]
        recall, f1 = shown.recall, shown.f1
        precision = shown.precision if shown.num_found else None
    elif scores.clips is not None and (confusion := scores.clips.confusion) is not None and label in confusion.labels:
        k = confusion.labels.index(label)
        hits, true, said = (int(n) for n in (confusion.counts[k, k], *(confusion.counts.sum(a)[k] for a in (1, 0))))
        recall, precision = (hits / true if true else None), (hits / said if said else None)
        f1 = 2 * hits / (true + said)
    return ClassFacts(
        label=label,
        ap=ap,
        precision=precision,
        recall=None if recall is None or math.isnan(recall) else recall,
        f1=f1,
        threshold=None if at is None else at.threshold,
        num_examples=num,
        num_films=len(with_it),
        num_sources=len({film.group for film in with_it}),
    )


def _count(film: TrainingFilm, label: str) -> int:
    return sum(segment.label == label for segment in film.segments)


def _sureness(
    head: Head[Any],
    config: HeadConfig,
    films: Sequence[TrainingFilm],
    before: Sequence[GridScores],
    after: Sequence[GridScores],
    labels: Sequence[str],
) -> Sureness | None:
    said = [head.statements(config, predictions, films, labels) for predictions in (before, after)]
    if said[0] is None or said[1] is None or not len(said[0].scores):
        return None
    first, then = (reliability(each.scores, each.right) for each in said if each is not None)
    return Sureness(before=first, after=then, unit=said[0].unit)
