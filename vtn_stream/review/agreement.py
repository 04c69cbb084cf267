"""How good the model was, by what people made of what it had said: the F1 after review, of films and of their labels.

What a model said counts where a person kept, changed or rejected it; what is true there is what people kept, changed or
added. A segment is right if it overlaps a true one of its label by a tIoU of 0.5 or more, an instant if it lies at most
1 s from one. What nobody looked at counts nowhere.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise

from vtn_stream.corrections import (
    num_reviewed,
    num_to_review,
    reviewed_share,
    reviewed_spans,
    what_stands,
    what_the_model_said,
)
from vtn_stream.localize import draws_one_label
from vtn_stream.metrics import SHOWN_WITHIN_S, detection_map, spot_map
from vtn_stream.timeline import TOLERANCE_S, Segment, Timeline

__all__ = ["TIOU", "Counts", "FilmAgreement", "agreement", "by_label", "worst_first"]

TIOU = 0.5  # from which a segment counts as found


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of what a model said, of one label or of several.

    said      segments that the model drew
    kept, changed, rejected  of these; the rest nobody looked at
    added     segments that the model did not draw
    true      segments that stand: kept, changed, and added under this label
    right     segments of the model that people looked at and that find a true one
    elsewhere  of those counted, how many lie outside the time that was reviewed for their label
    """

    said: int = 0
    kept: int = 0
    changed: int = 0
    rejected: int = 0
    added: int = 0
    true: int = 0
    right: int = 0
    elsewhere: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        names = [field.name for field in fields(self)]
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def judged(self) -> int:
        """Segments of the model that people looked at."""
        return self.kept + self.changed + self.rejected

    @property
    def precision(self) -> float:
        return self.right / self.judged if self.judged else math.nan

    @property
    def recall(self) -> float:
        return self.right / self.true if self.true else math.nan

    @property
    def f1(self) -> float:
        """0..1; nan where nothing was looked at."""
        both = self.judged + self.true
        return 2 * self.right / both if both else math.nan

    @property
    def is_at_most(self) -> bool:
        """Whether recall and F1 may be lower: outside of reviewed time, what the model missed may not be known."""
        return self.elsewhere > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmAgreement:
    """What people made of one film.

    reviewed   the share of the film in which they looked for everything, 0..1: the mean over its labels
    looked_at, to_look_at  segments of the model: those that people looked at, and all
    labels     by label, sorted
    shares     of each label, the share of the film that was reviewed for it
    accuracy   where one label holds at each moment: the share of the time that people looked at in which the model had
               that label; nan elsewhere
    """

    name: str
    reviewed: float
    looked_at: int
    to_look_at: int
    labels: Mapping[str, Counts] = field(hash=False)
    shares: Mapping[str, float] = field(hash=False)
    accuracy: float = math.nan

    @property
    def total(self) -> Counts:
        return sum(self.labels.values(), Counts())


def agreement(name: str, timeline: Timeline) -> FilmAgreement:
    """What people made of what a model had said of a film."""
    said, stands = what_the_model_said(timeline), what_stands(timeline)
    curated = [s for s in timeline.segments if s.origin == "curated"]
    before = set(s.was for s in curated if s.was is not None)
    judged = [*(s for s in curated if s.was is None), *before, *timeline.rejected]
    right = _right(judged, stands)
    counted = {
        "said": Counter(s.label for s in said),
        "kept": Counter(s.label for s in curated if s.was is None),
        "changed": Counter(s.label for s in before),
        "rejected": Counter(s.label for s in timeline.rejected),
        "added": Counter(s.label for s in stands if s.origin == "manual"),
        "true": Counter(s.label for s in stands),
        "right": right,
        "elsewhere": _outside_reviewed(timeline, [*judged, *stands]),
    }
    labels = sorted(set().union(*counted.values()).union(*(r.labels or () for r in timeline.reviewed)))
    analysis = timeline.provenance.get("analysis")
    is_exclusive = isinstance(analysis, Mapping) and draws_one_label(analysis)
    return FilmAgreement(
        name=name,
        reviewed=reviewed_share(timeline),
        looked_at=num_reviewed(timeline),
        to_look_at=num_to_review(timeline),
        labels={label: Counts(**{what: of[label] for what, of in counted.items()}) for label in labels},
        shares={label: reviewed_share(timeline, label) for label in labels},
        accuracy=_accuracy(timeline, judged, stands) if is_exclusive else math.nan,
    )


def by_label(films: Iterable[FilmAgreement]) -> dict[str, Counts]:
    """The counts of each label over all films, the worst label first."""
    totals: dict[str, Counts] = {}
    for film in films:
        for label, counts in film.labels.items():
            totals[label] = totals.get(label, Counts()) + counts
    return dict(sorted(totals.items(), key=lambda item: (*_rank(item[1].f1), item[0])))


def worst_first(films: Iterable[FilmAgreement]) -> list[FilmAgreement]:
    """The films by their F1, the lowest first; those without one last."""
    return sorted(films, key=lambda film: (*_rank(film.total.f1), film.name))


def _rank(f1: float) -> tuple[bool, float]:
    return (True, 0.0) if math.isnan(f1) else (False, f1)


def _right(judged: Sequence[Segment], stands: Sequence[Segment]) -> Counter[str]:
    """By label, how many of the segments that a model drew find one that stands. Each that stands is found once."""
    found: Counter[str] = Counter()
    for is_instant in (False, True):
        true = [s for s in stands if (s.start_s == s.end_s) == is_instant]
        labels = {s.label for s in true}
        mine = [
            Segment(start_s=s.start_s, end_s=s.end_s, label=s.label, score=s.score or 0.0)
            for s in judged
            if (s.start_s == s.end_s) == is_instant and s.label in labels
        ]
        if not mine:
            continue
        scores = (
            spot_map({"": mine}, {"": true}, (SHOWN_WITHIN_S,))
            if is_instant
            else detection_map({"": mine}, {"": true}, (TIOU,))
        )
        found.update({label: int(of.matched[0].sum()) for label, of in scores.classes.items()})
    return found


def _outside_reviewed(timeline: Timeline, segments: Iterable[Segment]) -> Counter[str]:
    spans: dict[str, list[tuple[float, float]]] = {}
    outside: Counter[str] = Counter()
    for s in segments:
        if s.label not in spans:
            spans[s.label] = reviewed_spans(timeline, s.label)
        at = bisect_right(spans[s.label], s.start_s + TOLERANCE_S, key=lambda span: span[0]) - 1
        inside = at >= 0 and s.end_s <= spans[s.label][at][1] + TOLERANCE_S
        outside[s.label] += not inside
    return outside


def _accuracy(timeline: Timeline, judged: Sequence[Segment], stands: Sequence[Segment]) -> float:
    """The share of the time that people looked at in which the labels of the model are those that stand."""
    looked = [(r.start_s, r.end_s) for r in timeline.reviewed if r.labels is None]
    looked += [(s.start_s, s.end_s) for s in (*judged, *stands)]
    total = same = 0.0
    for length, is_looked_at, predicted, true in _moments(looked, judged, stands):
        if is_looked_at:
            total += length
            same += length if predicted == true else 0.0
    return same / total if total else math.nan


def _moments(
    looked: Sequence[tuple[float, float]], judged: Sequence[Segment], stands: Sequence[Segment]
) -> Iterator[tuple[float, bool, set[str], set[str]]]:
    """The time between one border of anything and the next: its length, whether it was looked at, and the labels that
    the model and people have there.
    """
    changes: dict[float, list[tuple[int, str, int]]] = {}
    spans = [(start, end, 0, "") for start, end in looked]
    spans += [(s.start_s, s.end_s, which, s.label) for which, of in ((1, judged), (2, stands)) for s in of]
    for start, end, which, label in spans:
        changes.setdefault(start, []).append((which, label, 1))
        changes.setdefault(end, []).append((which, label, -1))
    there: tuple[Counter[str], Counter[str], Counter[str]] = (Counter(), Counter(), Counter())
    for at, until in pairwise(sorted(changes)):
        for which, label, by in changes[at]:
            there[which][label] += by
        predicted, true = ({label for label, num in there[which].items() if num > 0} for which in (1, 2))
        yield until - at, there[0][""] > 0, predicted, true
