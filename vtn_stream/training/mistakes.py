"""What was confused: in all films together, and most in each. Seconds for labels over time, films for whole clips."""

from collections.abc import Sequence

from vtn_stream.evaluation import Confusion, ScoredFilm, Scores
from vtn_stream.evaluation.frames import frames
from vtn_stream.report.card_facts import FilmFacts, Mistake

__all__ = ["film_facts", "mistakes"]

FPS = 10.0  # of the grid on which seconds are counted


def mistakes(scores: Scores) -> tuple[Mistake, ...]:
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


def film_facts(scores: Scores, ordered: Sequence[tuple[str, float | None]]) -> tuple[FilmFacts, ...]:
    """Each film with its figure, in this order, and what was confused there most."""
    films = {film.name: film for film in scores.films}
    of_clips = scores.clips is not None
    return tuple(
        FilmFacts(
            name=name,
            figure=figure,
            confused=_clip_confused(films[name]) if of_clips else _confused(films[name], scores.labels),
        )
        for name, figure in ordered
    )


def _confused(film: ScoredFilm, labels: Sequence[str]) -> Mistake | None:
    """The pair of labels that were confused for the longest time."""
    for said, true in frames([film], labels, FPS).values():
        known = true <= len(labels)
        confusion = Confusion.of(true[known], said[known], tuple(sorted(labels)))
        if confusion is None:
            return None
        pairs = [pair for pair in confusion.to_list("frames") if pair["true"] != pair["predicted"]]
        if pairs:
            return pairs[0]["true"], pairs[0]["predicted"], pairs[0]["frames"] / FPS
    return None


def _clip_confused(film: ScoredFilm) -> Mistake | None:
    if not film.clip_labels:
        return None
    said, score = film.clip_labels[0]
    return None if said == film.clip_label else (film.clip_label, said, score)
