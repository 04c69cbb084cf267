"""What is reached without looking: each film gets the label that is most frequent in all films."""

from collections import defaultdict
from collections.abc import Sequence

from vtn_stream.evaluation import Prediction, score
from vtn_stream.heads import HEADS
from vtn_stream.heads.labelled_film import known_s
from vtn_stream.timeline import Segment
from vtn_stream.training.exam import named_figures, truth_of
from vtn_stream.training.films import TrainingFilm

__all__ = ["MOST_FREQUENT", "most_frequent"]

MOST_FREQUENT = "most frequent label"


def most_frequent(films: Sequence[TrainingFilm], labels: Sequence[str], head: str) -> dict[str, float]:
    """Figures of labels over time or of clips, by name; what asks for single segments says nothing here.

    The label is that of these films, not of others: where labels are about as frequent, other films would often name
    the rarer one, and anything would look good beside it.
    """
    metrics = [metric for metric in HEADS[head].measures if metric in ("segmentation", "clips")]
    if not metrics:
        return {}
    label = _most_frequent(films, labels)
    scores = score(
        {film.name: _says(label, film) for film in films}, truth_of(films, labels), subset="all", metrics=metrics
    )
    figures = named_figures(scores, scores.tallies())
    return {name: share for name, share in figures.items() if name in ("frame accuracy", "top-1", "mean per class")}


def _most_frequent(films: Sequence[TrainingFilm], labels: Sequence[str]) -> str | None:
    """By known time, or by number of clips; None: mostly nothing happens. Of equals the first in the alphabet."""
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
        seconds[None] += known_s(film, labels, exclusive=True)
    return min(seconds, key=lambda label: (-seconds[label], label or ""), default=None)


def _says(label: str | None, film: TrainingFilm) -> Prediction:
    if film.clip_label is not None:
        return Prediction(clip_labels=() if label is None else ((label, 1.0),), duration_s=film.duration_s)
    whole = () if label is None else (Segment(start_s=0.0, end_s=film.duration_s, label=label, score=1.0),)
    return Prediction(segments=whole, duration_s=film.duration_s)
