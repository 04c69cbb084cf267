"""How good a model is on films that it did not learn, at operating points that were fitted on others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vtn_stream.evaluation import Confusion, Prediction, Scores, score
from vtn_stream.formats.annotations.annotated import AnnotatedVideo, Annotations
from vtn_stream.heads import HEADS, Head
from vtn_stream.heads.fitting import AtPoint
from vtn_stream.heads.localization import all_spans
from vtn_stream.localize import draw
from vtn_stream.report.card import ClassFacts
from vtn_stream.track import GridScores, OperatingPoints, PhaseRules
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.out_of_fold import Choice

__all__ = ["Exam", "examine"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exam:
    """scores: everything measured. figures: of all classes together, shares 0..1; mistakes as in a model card."""

    scores: Scores
    figures: Mapping[str, float]
    classes: tuple[ClassFacts, ...]
    mistakes: tuple[tuple[str | None, str | None, float], ...]


def examine(
    films: Sequence[TrainingFilm],
    predictions: Sequence[GridScores],
    labels: Sequence[str],
    head: str,
    thresholds: Mapping[str, AtPoint],
    drawn: Sequence[Choice],
) -> Exam:
    """Scores the timelines that the films would get against the annotations, as `vtn-stream evaluate` does.

    drawn: by whose points and rules each film's timeline is drawn.
    """
    predicted = {
        film.name: _prediction(HEADS[head], film, prediction, labels, choice.points, choice.rules)
        for film, prediction, choice in zip(films, predictions, drawn, strict=True)
    }
    truth = Annotations(
        format="validation films",
        labels=tuple(labels),
        videos={
            film.name: AnnotatedVideo(
                segments=film.segments, clip_label=film.clip_label, duration_s=film.duration_s, subset="validation"
            )
            for film in films
        },
    )
    scores = score(predicted, truth, subset="all", metrics=HEADS[head].measures)
    return Exam(
        scores=scores,
        figures=_figures(scores),
        classes=tuple(_class(label, scores, thresholds.get(label)) for label in labels),
        mistakes=_mistakes(scores),
    )


def _prediction(
    head: Head[Any],
    film: TrainingFilm,
    prediction: GridScores,
    labels: Sequence[str],
    points: OperatingPoints,
    rules: PhaseRules | None,
) -> Prediction:
    if prediction.clip is not None:
        ranked = sorted(zip(labels, prediction.clip.tolist(), strict=True), key=lambda pair: -pair[1])
        return Prediction(clip_labels=tuple(ranked), duration_s=film.duration_s)
    shown = draw(head.drawing, prediction, film.index, labels, film.duration_s, points, rules)
    candidates = None if prediction.spans is None else tuple(all_spans(prediction, film, labels))
    return Prediction(segments=tuple(shown), candidates=candidates, duration_s=film.duration_s)


def _figures(scores: Scores) -> dict[str, float]:
    figures = {}
    if (found := scores.detection) is not None:
        low, high = min(found.ranked.thresholds), max(found.ranked.thresholds)
        figures[f"mAP, tIoU {low:g} to {high:g}"] = found.ranked.average_map
        figures[f"F1 of the timelines, tIoU {found.shown_tiou:g}"] = found.total.f1
    if (drawn := scores.segmentation) is not None:
        figures["frame accuracy"] = drawn.scores.accuracy / 100
        figures["edit score"] = drawn.scores.edit / 100
        figures |= {f"F1@{100 * k:g}": f1 / 100 for k, f1 in zip(drawn.scores.overlaps, drawn.scores.f1, strict=True)}
    if (clips := scores.clips) is not None:
        figures |= {"top-1": clips.top_1, "mean per class": clips.mean_per_class}
    return figures


def _class(label: str, scores: Scores, at: AtPoint | None) -> ClassFacts:
    """The figures of a class: at its own threshold as that was fitted, else as in the timelines."""
    found = scores.detection
    ap = shown = None
    if found is not None and label in found.ranked.classes:
        ap, shown = float(found.ranked.classes[label].ap.mean()), found.shown[label]
    if at is not None:
        return ClassFacts(
            label=label, ap=ap, precision=at.precision, recall=at.recall, f1=at.f1, threshold=at.threshold
        )
    if shown is None:
        return ClassFacts(label=label, ap=ap)
    precision = shown.precision if shown.num_found else None
    return ClassFacts(label=label, ap=ap, precision=precision, recall=shown.recall, f1=shown.f1)


def _mistakes(scores: Scores) -> tuple[tuple[str | None, str | None, float], ...]:
    """The largest shares of a label's time, or number, that were predicted as another label."""
    confusion: Confusion | None = None
    if scores.segmentation is not None:
        confusion = scores.segmentation.confusion
    elif scores.clips is not None:
        confusion = scores.clips.confusion
    if confusion is None:
        return ()
    names = [*confusion.labels, None]
    total = confusion.counts.sum(axis=1)
    wrong = [
        (names[r], names[c], float(confusion.counts[r, c] / total[r]))
        for r in range(len(names))
        for c in range(len(names))
        if r != c and confusion.counts[r, c]
    ]
    return tuple(sorted(wrong, key=lambda mistake: -mistake[2]))
