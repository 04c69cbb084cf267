"""The figures of two annotators: of a label, of a film, of all films. What each film adds is kept, so films add up."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

from vtn_stream.evaluation.shared_films import SharedFilms
from vtn_stream.known import Spans, seconds
from vtn_stream.metrics.agreement import Icc, Kappa, Piece, State, cohens_kappa, icc
from vtn_stream.timeline import Segment

__all__ = ["Agreement", "Differences", "FilmAgreement", "LabelAgreement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """How far B's times lie after A's, in seconds: the mean and the standard deviation over pairs of events."""

    num: int
    mean_s: float | None
    sd_s: float | None

    @classmethod
    def of(cls, differences_s: Sequence[float]) -> "Differences":
        num = len(differences_s)
        return cls(
            num=num,
            mean_s=math.fsum(differences_s) / num if num else None,
            sd_s=statistics.stdev(differences_s) if num > 1 else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelAgreement:
    """One label, of one film or of several.

    both_s, only_a_s, only_b_s, neither_s  the time that both know, by who says the label there
    num_a, num_b    events of each, in time that both know
    matched         pairs within each of the tolerances
    lasting_a, lasting_b  of the events, those with a length; overlapping: their pairs by tIoU
    starts_s, ends_s  of these pairs, of instants those within the largest tolerance: B's time less A's
    """

    both_s: float = 0.0
    only_a_s: float = 0.0
    only_b_s: float = 0.0
    neither_s: float = 0.0
    num_a: int = 0
    num_b: int = 0
    matched: tuple[int, ...] = ()
    lasting_a: int = 0
    lasting_b: int = 0
    overlapping: int = 0
    starts_s: tuple[float, ...] = ()
    ends_s: tuple[float, ...] = ()

    def __add__(self, other: "LabelAgreement") -> "LabelAgreement":
        return LabelAgreement(
            both_s=self.both_s + other.both_s,
            only_a_s=self.only_a_s + other.only_a_s,
            only_b_s=self.only_b_s + other.only_b_s,
            neither_s=self.neither_s + other.neither_s,
            num_a=self.num_a + other.num_a,
            num_b=self.num_b + other.num_b,
            matched=tuple(map(sum, zip(self.matched, other.matched, strict=True))),
            lasting_a=self.lasting_a + other.lasting_a,
            lasting_b=self.lasting_b + other.lasting_b,
            overlapping=self.overlapping + other.overlapping,
            starts_s=self.starts_s + other.starts_s,
            ends_s=self.ends_s + other.ends_s,
        )

    @property
    def seconds_a(self) -> float:
        return self.both_s + self.only_a_s

    @property
    def seconds_b(self) -> float:
        return self.both_s + self.only_b_s

    @property
    def kappa(self) -> Kappa:
        """Of the label against all else, over time."""
        if (self.num_a or self.num_b) and not (self.lasting_a or self.lasting_b):
            return Kappa(value=None, observed=None, expected=None, why="its events have no length")
        return cohens_kappa(
            {
                (True, True): self.both_s,
                (True, False): self.only_a_s,
                (False, True): self.only_b_s,
                (False, False): self.neither_s,
            }
        )

    @property
    def events(self) -> tuple[float | None, ...]:
        """At each tolerance, the share of the events of both that are in a pair; None without events."""
        return tuple(_paired(num, self.num_a + self.num_b) for num in self.matched)

    @property
    def overlap(self) -> float | None:
        """The same of events with a length, by their overlap."""
        return _paired(self.overlapping, self.lasting_a + self.lasting_b)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmAgreement:
    """One film.

    compared    its time in which both know all labels
    time        seconds of each pair of what A and B say
    labels      by label, sorted; all labels of all films
    differing   in order of time: stretches where one of them says labels that the other does not; and moments, of
                events without a length that the other does not have within the largest tolerance
    a, b        what each says there, events under the names that `labels` has
    """

    name: str
    duration_s: float
    compared: Spans = field(repr=False)
    time: Mapping[tuple[State, State], float] = field(hash=False)
    labels: Mapping[str, LabelAgreement] = field(hash=False)
    differing: tuple[Piece, ...] = field(repr=False)
    a: tuple[Segment, ...] = field(repr=False)
    b: tuple[Segment, ...] = field(repr=False)

    @property
    def compared_s(self) -> float:
        return seconds(self.compared)

    @property
    def kappa(self) -> Kappa:
        """Over time."""
        return cohens_kappa(self.time)

    @property
    def total(self) -> LabelAgreement:
        """The events of all labels."""
        return _sum(self.labels.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two annotators on the films that both coded.

    a, b        their names
    tolerances_s  ascending
    films       by name
    shared      what became of the other films
    notes       sentences that a reader of the figures must know
    """

    a: str
    b: str
    tolerances_s: tuple[float, ...]
    films: tuple[FilmAgreement, ...]
    shared: SharedFilms
    notes: tuple[str, ...] = ()

    @property
    def time(self) -> dict[tuple[State, State], float]:
        """Seconds of each pair of what A and B say, of all films."""
        parts: dict[tuple[State, State], list[float]] = {}
        for film in self.films:
            for pair, part in film.time.items():
                parts.setdefault(pair, []).append(part)
        return {pair: math.fsum(each) for pair, each in sorted(parts.items())}

    @property
    def kappa(self) -> Kappa:
        """Over the time of all films."""
        return cohens_kappa(self.time)

    @property
    def labels(self) -> dict[str, LabelAgreement]:
        """Each label over all films, sorted."""
        names = self.films[0].labels if self.films else ()
        return {label: _sum(film.labels[label] for film in self.films) for label in names}

    @property
    def total(self) -> LabelAgreement:
        """The events of all labels."""
        return _sum(film.total for film in self.films)

    def counts(self, label: str) -> Icc:
        """The correlation of how often each says the label, over films."""
        return icc([(film.labels[label].num_a, film.labels[label].num_b) for film in self.films])

    def durations(self, label: str) -> Icc:
        """The same of how long."""
        return icc([(film.labels[label].seconds_a, film.labels[label].seconds_b) for film in self.films])


def _sum(labels: Iterable[LabelAgreement]) -> LabelAgreement:
    of = list(labels)
    return reduce(LabelAgreement.__add__, of) if of else LabelAgreement()


def _paired(num: int, num_events: int) -> float | None:
    return 2 * num / num_events if num_events else None
