"""Segments and timelines: what a finished analysis is. Standard library only; knows no grid and no model.

All times are seconds from the container's start, half-open: a segment [start_s, end_s) ends where the next
one begins. A segment with start_s == end_s is an instant.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any, Literal, Self

__all__ = ["Curve", "Gap", "Origin", "Reviewed", "Segment", "Timeline"]

# Who says that a segment is there.
# model    a model, or another analysis
# curated  a model said so, and a person looked at it and kept or changed it
# manual   a person
Origin = Literal["model", "curated", "manual"]
ORIGINS: tuple[Origin, ...] = ("model", "curated", "manual")


TOLERANCE_S = 1e-6  # of lengths and gaps: 0.3 - 0.2 is 0.1, whatever floats say


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "start_s", float(self.start_s))  # 0 and 0.0 are written alike
        object.__setattr__(self, "end_s", float(self.end_s))
        if not (math.isfinite(self.start_s) and math.isfinite(self.end_s) and self.start_s <= self.end_s):
            raise ValueError(f"a span needs finite start_s <= end_s, got {self.start_s} and {self.end_s}")

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    def overlaps(self, other: "_Span") -> bool:
        """Whether the two share time; an instant overlaps a span that contains it, or an equal instant."""
        if self.start_s == self.end_s or other.start_s == other.end_s:
            low, high = max(self.start_s, other.start_s), min(self.end_s, other.end_s)
            ends = {s.end_s for s in (self, other) if s.start_s < s.end_s}
            return low <= high and low not in ends
        return self.start_s < other.end_s and other.start_s < self.end_s

    def shift(self, by_s: float) -> Self:
        return replace(self, start_s=self.start_s + by_s, end_s=self.end_s + by_s)

    def cropped(self, start_s: float, end_s: float) -> Self | None:
        """The part inside [start_s, end_s), or None."""
        if start_s >= end_s or not self.overlaps(_Span(start_s=start_s, end_s=end_s)):
            return None
        return replace(self, start_s=max(self.start_s, start_s), end_s=min(self.end_s, end_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment(_Span):
    """Something that happens in [start_s, end_s): a label, a score in 0..1 when one is known, attributes.

    origin  who says so; None where nobody noted it
    was     what the model had said, where a person changed it; it has no origin and no `was` of its own

    >>> walk = Segment(start_s=2, end_s=6, label="walk")
    >>> walk.tiou(Segment(start_s=4, end_s=8, label="run"))
    0.3333333333333333
    >>> walk.cropped(0, 3).duration_s
    1.0
    """

    label: str
    score: float | None = None
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)
    origin: Origin | None = None
    was: "Segment | None" = None

    def __post_init__(self) -> None:
        _Span.__post_init__(self)
        if self.origin is not None and self.origin not in ORIGINS:
            raise ValueError(f"origin must be one of {', '.join(ORIGINS)}, got {self.origin!r}")
        if self.was is not None and (self.origin != "curated" or self.was.origin or self.was.was):
            raise ValueError("only a curated segment was another one, which says nothing of its own origin")
        if self.score is not None:
            object.__setattr__(self, "score", _finite(self.score))
        object.__setattr__(self, "attributes", dict(self.attributes))

    def __and__(self, other: "Segment") -> "Segment | None":
        """The time shared with `other`, under this segment's label and score; None if there is none."""
        if not self.overlaps(other):
            return None
        return replace(self, start_s=max(self.start_s, other.start_s), end_s=min(self.end_s, other.end_s))

    def tiou(self, other: "Segment") -> float:
        """Temporal intersection over union, 0..1; 0 for segments of no length."""
        shared = max(0.0, min(self.end_s, other.end_s) - max(self.start_s, other.start_s))
        union = self.duration_s + other.duration_s - shared
        return shared / union if union > 0 else 0.0

    @property
    def sort_key(self) -> tuple[Any, ...]:
        """A total order: equal sets of segments are sorted in the same way."""
        score = (0, 0.0) if self.score is None else (1, self.score)
        was = () if self.was is None else self.was.sort_key
        return (self.start_s, self.end_s, self.label, score, sorted(self.attributes.items()), self.origin or "", was)

    @property
    def by_hand(self) -> bool:
        """Whether a person stands behind it."""
        return self.origin in ("curated", "manual")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed(_Span):
    """Time in which a person looked for everything: of these labels nothing happens there but the timeline's segments.

    labels  sorted; None for every label
    """

    labels: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _Span.__post_init__(self)
        if self.labels is not None:
            if isinstance(self.labels, str) or not self.labels:
                raise ValueError("labels must be a few labels, or None for every label")
            object.__setattr__(self, "labels", tuple(sorted(set(self.labels))))

    @property
    def sort_key(self) -> tuple[Any, ...]:
        return (self.start_s, self.end_s, self.labels is not None, self.labels or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(_Span):
    """Time about which nothing is known, and why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Values over time, evenly spaced and decimated for drawing: value i stands for start_s + i * step_s."""

    start_s: float
    step_s: float
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("start_s", "step_s"):
            object.__setattr__(self, name, _finite(getattr(self, name)))
        if self.step_s <= 0:
            raise ValueError(f"a curve needs a positive step, got {self.step_s}")
        object.__setattr__(self, "values", tuple(_finite(value) for value in self.values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What is known about a film over time. Methods named by verbs return a new one.

    video_identity  the film's content, as `probe` hashed it
    video_path      relative and inside: the film's path below the timeline's folder, or its bare name
    span_s          the part of the film that was analyzed
    reviewed        where a person looked for everything
    rejected        what a model said and a person took away
    complete        False while an analysis is running, or where one was killed
    provenance      JSON values: how this was made. No path, no user, no host, no wall-clock time

    >>> walks = tuple(Segment(start_s=start, end_s=start + 2, label="walk") for start in (1, 4))
    >>> film = Timeline(video_identity="", video_path="film.mp4", duration_s=10, span_s=(0, 10), segments=walks)
    >>> [(s.start_s, s.end_s) for s in film.merge(max_gap_s=1).segments]
    [(1.0, 6.0)]
    """

    video_identity: str
    video_path: str
    duration_s: float
    span_s: tuple[float, float]
    nominal_rate: Fraction | None = None
    variable_rate: bool = False
    start_timecode: str | None = None
    segments: tuple[Segment, ...] = ()
    reviewed: tuple[Reviewed, ...] = ()
    rejected: tuple[Segment, ...] = ()
    clip_labels: tuple[tuple[str, float], ...] = ()
    gaps: tuple[Gap, ...] = ()
    curves: Mapping[str, Curve] = field(default_factory=dict, hash=False)
    provenance: Mapping[str, Any] = field(default_factory=dict, hash=False)
    complete: bool = True

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "duration_s", _finite(self.duration_s))
        if self.duration_s < 0:
            raise ValueError(f"duration_s must be >= 0, got {self.duration_s}")
        span = _Span(start_s=self.span_s[0], end_s=self.span_s[1])
        put(self, "span_s", (span.start_s, span.end_s))
        parts = self.video_path.replace("\\", "/").split("/")
        if not self.video_path or parts[0].endswith(":") or "" in parts or ".." in parts:
            raise ValueError(f"video_path must be relative and stay inside, got {self.video_path[:200]!r}")
        if self.nominal_rate is not None and self.nominal_rate <= 0:
            raise ValueError(f"nominal_rate must be positive, got {self.nominal_rate}")
        put(self, "clip_labels", tuple((label, _finite(score)) for label, score in self.clip_labels))
        put(self, "segments", tuple(sorted(self.segments, key=lambda s: s.sort_key)))
        put(self, "reviewed", tuple(sorted(self.reviewed, key=lambda r: r.sort_key)))
        put(self, "rejected", tuple(sorted(self.rejected, key=lambda s: s.sort_key)))
        put(self, "gaps", tuple(sorted(self.gaps, key=lambda g: (g.start_s, g.end_s, g.reason))))
        put(self, "curves", dict(self.curves))
        put(self, "provenance", dict(self.provenance))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the segments, in order of first appearance."""
        return tuple(dict.fromkeys(s.label for s in self.segments))

    def filter(
        self,
        *,
        labels: Iterable[str] | None = None,
        min_score: float | None = None,
        min_duration_s: float = 0.0,
    ) -> "Timeline":
        """Only segments with one of `labels`, at least this score (unscored ones stay) and this long."""
        wanted = None if labels is None else set(labels)
        return replace(
            self,
            segments=tuple(
                s
                for s in self.segments
                if (wanted is None or s.label in wanted)
                and (min_score is None or s.score is None or s.score >= min_score)
                and s.duration_s >= min_duration_s - TOLERANCE_S
            ),
        )

    def crop(self, start_s: float, end_s: float) -> "Timeline":
        """Only segments, what was said of them, and gaps, or parts of them, in [start_s, end_s); times stay the film's.

        Curves and clip labels stay: they speak of the film.
        """
        low, high = max(start_s, self.span_s[0]), min(end_s, self.span_s[1])
        span = (low, max(low, high))
        return replace(
            self,
            span_s=span,
            segments=tuple(kept for s in self.segments if (kept := s.cropped(*span)) is not None),
            reviewed=tuple(part for r in self.reviewed if (part := r.cropped(*span)) is not None),
            rejected=tuple(kept for s in self.rejected if (kept := s.cropped(*span)) is not None),
            gaps=tuple(left for g in self.gaps if (left := g.cropped(*span)) is not None),
        )

    def merge(self, max_gap_s: float = 0.0) -> "Timeline":
        """Segments of one label that touch, overlap or lie at most max_gap_s apart become one.

            |--A--|    |--A--| |-B-|   ->   |------A------| |-B-|

        The score is the mean by duration; attributes stay where all pieces agree.
        """
        groups: dict[str, list[list[Segment]]] = {}  # of each label, those that become one
        ends_s: dict[str, float] = {}  # of the last group
        for s in self.segments:
            if s.start_s - ends_s.get(s.label, -math.inf) > max_gap_s + TOLERANCE_S:
                groups.setdefault(s.label, []).append([])
                ends_s[s.label] = s.end_s
            groups[s.label][-1].append(s)
            ends_s[s.label] = max(ends_s[s.label], s.end_s)
        merged = [_joined(group) for of_label in groups.values() for group in of_label]
        return replace(self, segments=tuple(merged))

    def pad(self, lead_s: float = 0.0, lag_s: float = 0.0) -> "Timeline":
        """Every segment starts lead_s earlier and ends lag_s later, inside the analyzed span.

        Negative ones shorten it; a segment of which nothing would be left is left out.
        """
        low, high = self.span_s
        padded = []
        for s in self.segments:
            if s.start_s - lead_s <= s.end_s + lag_s:
                start_s = min(max(s.start_s - lead_s, low), high)
                padded.append(replace(s, start_s=start_s, end_s=max(start_s, min(s.end_s + lag_s, high))))
        return replace(self, segments=tuple(padded))

    def without_overlaps(self) -> "Timeline":
        """One track: at each moment only the segment with the highest score; of equal ones, the one that began later.

            |-----A 0.5-----|         |--A--|
                  |-B 0.9-|      ->           |-B 0.9-|
                                                      |A|

        A segment without a score counts as surely true. Pieces stay apart, each with all of the score and attributes.
        Instants stay where no segment lasts; of several at one time, the strongest.
        """
        stays = [s for s in self.segments if s.start_s < s.end_s]
        pieces = _strongest_pieces(stays)
        starts = [piece.start_s for piece in pieces]
        instants: dict[float, Segment] = {}
        for s in self.segments:
            if s.start_s < s.end_s:
                continue
            at = bisect_right(starts, s.start_s) - 1
            covered = at >= 0 and s.start_s < pieces[at].end_s
            if not covered and (s.start_s not in instants or _rank(s) > _rank(instants[s.start_s])):
                instants[s.start_s] = s
        return replace(self, segments=(*pieces, *instants.values()))

    def rename(self, names: Mapping[str, str]) -> "Timeline":
        """Labels replaced by `names`; a label that is not in it stays."""
        return replace(self, segments=tuple(replace(s, label=names.get(s.label, s.label)) for s in self.segments))


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {value}")
    return float(value)


def _rank(segment: Segment) -> tuple[float, float]:
    """The rank of a segment among several at one moment: the surer one wins, then the one that began later."""
    return (math.inf if segment.score is None else segment.score, segment.start_s)


def _strongest_pieces(segments: list[Segment]) -> list[Segment]:
    """What remains of sorted segments with lengths above 0 if at each moment only the strongest counts. O(n log n)."""
    bounds = sorted({bound for s in segments for bound in (s.start_s, s.end_s)})
    waiting: list[tuple[float, float, int]] = []  # by rank, the strongest first; those that have ended go when met
    pieces: list[Segment] = []
    last = None  # the number of the segment that the last piece is of
    began = 0
    for start_s, end_s in pairwise(bounds):
        while began < len(segments) and segments[began].start_s <= start_s:
            score, since_s = _rank(segments[began])
            heappush(waiting, (-score, -since_s, began))
            began += 1
        while waiting and segments[waiting[0][2]].end_s <= start_s:
            heappop(waiting)
        holds = waiting[0][2] if waiting else None
        if holds is not None and holds == last and pieces[-1].end_s == start_s:
            pieces[-1] = replace(pieces[-1], end_s=end_s)
        elif holds is not None:
            pieces.append(replace(segments[holds], start_s=start_s, end_s=end_s))
        last = holds
    return pieces


def _joined(group: list[Segment]) -> Segment:
    if len(group) == 1:
        return group[0]
    scored = [(s.score, s.duration_s) for s in group if s.score is not None]
    total = sum(d for _, d in scored)
    if not scored:
        score = None
    elif total > 0:
        score = sum(value * d for value, d in scored) / total
    else:
        score = sum(value for value, _ in scored) / len(scored)
    common = set.intersection(*(set(s.attributes.items()) for s in group))
    return Segment(
        start_s=group[0].start_s,
        end_s=max(s.end_s for s in group),
        label=group[0].label,
        score=score,
        attributes=dict(sorted(common)),
    )
