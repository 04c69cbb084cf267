"""What is reached without looking: each film gets the label that is most frequent in the films of the other folds."""

from collections import defaultdict
from collections.abc import Sequence

from vtn_stream.evaluation import Prediction, score
from vtn_stream.heads import HEADS
from vtn_stream.timeline import Segment
from vtn_stream.training.exam import named_figures, truth_of
from vtn_stream.training.films import TrainingFilm

__all__ = ["MOST_FREQUENT", "most_frequent"]

MOST_FREQUENT = "most frequent label"


def most_frequent(
    films: Sequence[TrainingFilm], folds: Sequence[int], labels: Sequence[str], head: str
) -> dict[str, float]:
    """Figures of labels over time or of clips, by name; what asks for single segments says nothing here."""
    said = {}
    for film, fold in zip(films, folds, strict=True):
        others = [other for other, its in zip(films, folds, strict=True) if its != fold]
        said[film.name] = _says(_most_frequent(others), film)
    metrics = [metric for metric in HEADS[head].measures if metric in ("segmentation", "clips")]
    figures = named_figures(score(said, truth_of(films, labels), subset="all", metrics=metrics)) if metrics else {}
    return {name: share for name, share in figures.items() if name in ("frame accuracy", "top-1", "mean per class")}


def _most_frequent(films: Sequence[TrainingFilm]) -> str | None:
    """By time, or by number of clips; None: most of the time nothing happens. Of equals the first in the alphabet."""
    seconds: dict[str | None, float] = defaultdict(float)
    for film in films:
        if film.clip_label is not None:
            seconds[film.clip_label] += 1
            continue
        end_s = 0.0
        for segment in film.segments:  # sorted by start: what overlaps counts once as something
            seconds[segment.label] += segment.end_s - segment.start_s
            seconds[None] -= max(0.0, segment.end_s - max(end_s, segment.start_s))
            end_s = max(end_s, segment.end_s)
        seconds[None] += film.duration_s
    return min(seconds, key=lambda label: (-seconds[label], label or ""), default=None)


def _says(label: str | None, film: TrainingFilm) -> Prediction:
    if film.clip_label is not None:
        return Prediction(clip_labels=() if label is None else ((label, 1.0),), duration_s=film.duration_s)
    whole = () if label is None else (Segment(start_s=0.0, end_s=film.duration_s, label=label, score=1.0),)
    return Prediction(segments=whole, duration_s=film.duration_s)
