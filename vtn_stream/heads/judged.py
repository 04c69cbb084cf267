"""How well spans find what happens in films, label by label: segments by their overlap, instants by their distance.

P predictions of a label by descending score
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtn_stream.heads.labelled_film import LabelledFilm
from vtn_stream.localize import draw
from vtn_stream.metrics import SHOWN_WITHIN_S, THUMOS14, TOLERANCES_S, ClassScores, SpotClass, detection_map, spot_map
from vtn_stream.timeline import Segment
from vtn_stream.track import NO_THRESHOLD, GridScores

__all__ = ["TIOU", "Judged", "all_spans", "instants_of", "judge", "judged"]

TIOU = 0.5  # from which a segment counts as found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """How well one label is found.

    num_truth  true events in all films
    ap         average precision, 0..1: the mean over tIoU .3:.1:.7; of instants over 0.5, 1 and 2 s
    scores     float64 [P]
    right      bool [P]: at tIoU .5 or more with a true segment; at most 1 s from a true instant
    """

    num_truth: int
    ap: float
    scores: NDArray[np.float64]
    right: NDArray[np.bool_]


def judged(
    predictions: Sequence[GridScores], films: Sequence[LabelledFilm], labels: Sequence[str]
) -> dict[str, Judged]:
    """The labels that happen in these films, by `judge`."""
    instants = instants_of(films)
    each = zip(predictions, films, strict=True)
    found = {film.name: _counting(all_spans(scores, film, labels, instants), film) for scores, film in each}
    return judge(found, {film.name: film.segments for film in films})


def _counting(found: list[Segment], film: LabelledFilm) -> Sequence[Segment]:
    return found if film.known is None else film.known.counting(found)


def judge(found: Mapping[str, Sequence[Segment]], truth: Mapping[str, Sequence[Segment]]) -> dict[str, Judged]:
    """What is found in films, by the labels of the truth; other labels are passed over."""
    known = {True: set[str](), False: set[str]()}
    for segments in truth.values():
        for s in segments:
            known[s.start_s == s.end_s].add(s.label)
    judgements: dict[str, Judged] = {}
    if lasting := known[False]:
        scores = detection_map(_of(found, lasting), _of(truth, lasting), THUMOS14)
        at = scores.thresholds.index(TIOU)
        judgements |= {label: _judged(of, at) for label, of in scores.classes.items()}
    if instants := known[True]:
        spots = spot_map(_of(found, instants), _of(truth, instants), TOLERANCES_S)
        at = spots.tolerances.index(SHOWN_WITHIN_S)
        judgements |= {label: _judged(of, at) for label, of in spots.classes.items()}
    return judgements


def _of(films: Mapping[str, Sequence[Segment]], labels: Collection[str]) -> dict[str, list[Segment]]:
    return {name: [s for s in segments if s.label in labels] for name, segments in films.items()}


def _judged(of: ClassScores | SpotClass, at: int) -> Judged:
    return Judged(num_truth=of.num_truth, ap=float(of.ap.mean()), scores=of.scores, right=of.matched[at])


def all_spans(
    prediction: GridScores, film: LabelledFilm, labels: Sequence[str], instants: Collection[str]
) -> list[Segment]:
    """Every span as a segment, or as an instant if its label is one of those, however doubtful: what average precision
    needs.
    """
    return draw("spans", prediction, film.index, labels, film.duration_s, NO_THRESHOLD, instant=instants)


def instants_of(films: Iterable[LabelledFilm]) -> frozenset[str]:
    """The labels whose events have no length. Those of a label all have one, or none."""
    return frozenset(s.label for film in films for s in film.segments if s.start_s == s.end_s)
