"""Segments and timelines: what a finished analysis is. Standard library only; knows no grid and no model.

All times are seconds from the container's start, half-open: a segment [start_s, end_s) ends where the next
one begins. A segment with start_s == end_s is an instant.

Files, tables and pictures are made on higher floors. The verbs for them are here, where people look for them, and find
those floors by name when they are called (`_above`).
"""

import importlib
import math
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from heapq import heappop, heappush
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from vtn_stream.region import Region
from vtn_stream.segments import (
    ORIGINS,
    Curve,
    Gap,
    Origin,
    Part,
    Reviewed,
    Segment,
    Span,
    check_film_path,
    finite,
    without_time,
)

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["ORIGINS", "Curve", "Gap", "Origin", "Part", "Reviewed", "Segment", "Timeline"]

TOLERANCE_S = 1e-6  # of lengths and gaps: 0.3 - 0.2 is 0.1, whatever floats say


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What is known about a film over time: a sequence of segments. Methods named by verbs return a new one.

    None of them lets a person say what that person did not say: where a verb takes a segment away, `reviewed` no longer
    says that nothing is there; a segment that a verb joins or places elsewhere has no origin.

    video_identity  the film's content, as `probe` hashed it
    video_path      relative and inside: the film's path below the timeline's folder, or its bare name
    parts           the files of a recording, in order; none where the film is one file
    region          the part of the picture that was looked at; None: all of it
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
    parts: tuple[Part, ...] = ()
    region: Region | None = None
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
        put(self, "duration_s", finite(self.duration_s))
        if self.duration_s < 0:
            raise ValueError(f"duration_s must be >= 0, got {self.duration_s}")
        span = Span(start_s=self.span_s[0], end_s=self.span_s[1])
        put(self, "span_s", (span.start_s, span.end_s))
        check_film_path(self.video_path)
        put(self, "parts", tuple(self.parts))
        ends_s = [0.0, *(part.end_s for part in self.parts)]
        if any(part.start_s < end_s - TOLERANCE_S for part, end_s in zip(self.parts, ends_s, strict=False)):
            raise ValueError("the parts of a recording must follow each other")
        if self.nominal_rate is not None and self.nominal_rate <= 0:
            raise ValueError(f"nominal_rate must be positive, got {self.nominal_rate}")
        put(self, "clip_labels", tuple((label, finite(score)) for label, score in self.clip_labels))
        put(self, "segments", tuple(sorted(self.segments, key=lambda s: s.sort_key)))
        put(self, "reviewed", tuple(sorted(self.reviewed, key=lambda r: r.sort_key)))
        put(self, "rejected", tuple(sorted(self.rejected, key=lambda s: s.sort_key)))
        put(self, "gaps", tuple(sorted(self.gaps, key=lambda g: (g.start_s, g.end_s, g.reason))))
        put(self, "curves", dict(self.curves))
        put(self, "provenance", dict(self.provenance))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "Timeline":
        """The timeline in a file of any format that can be read, about one film. What was read otherwise than it stands
        there is a VtnStreamWarning. `read_timelines` reads files about many films, and takes what a file does not say.

        Raises TimelineError, AnnotationError, InputError.
        """
        timeline: Timeline = _above("exchange.timeline_files").read_timeline(path)
        return timeline

    def save(self, path: str | os.PathLike[str], format: str | None = None, *, overwrite: bool = False) -> Path:
        """Writes it to a file, and gives its path. JSON holds all of it; what another format does not hold is a
        VtnStreamWarning.

        format     by default that of the suffix: "csv", "boris", ... as `vtn-stream convert -f` names them
        overwrite  replace a file that has other content

        Raises TimelineError, InputError.
        """
        written: Path = _above("exchange.timeline_files").save_timeline(self, path, format, overwrite=overwrite)
        return written

    def to_pandas(self) -> "DataFrame":
        """A row a segment: video, start_s, end_s, duration_s, label, score, origin, and each attribute by its name.

        Raises InputError if pandas is not installed.
        """
        return _above("formats.data_frame").data_frame(self)

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.segments)

    def __len__(self) -> int:
        return len(self.segments)

    @overload
    def __getitem__(self, at: SupportsIndex) -> Segment: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Segment, ...]: ...
    def __getitem__(self, at: SupportsIndex | slice) -> Segment | tuple[Segment, ...]:
        return self.segments[at]

    def __bool__(self) -> bool:
        return True  # a film in which nothing happens has a timeline, too: `known or load()` must not lose it

    def __repr__(self) -> str:
        unfinished = "" if self.complete else ", not complete"
        return (
            f"<Timeline of {self.video_path!r}: {len(self)} segments, {len(self.labels)} labels, "
            f"{self.duration_s:g} s{unfinished}>"
        )

    def _repr_svg_(self) -> str:
        """The picture that notebooks show."""
        picture: bytes = _above("report.timeline_plot").plot([self])
        return picture.decode()

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
        top: int | None = None,
    ) -> "Timeline":
        """Only segments with one of `labels`, at least this score and this long; of these the `top` surest.

        What a person stands behind, and what has no score, is as sure as can be. Of equal ones the earliest count.
        """
        wanted = None if labels is None else set(labels)
        kept = [
            s
            for s in self.segments
            if (wanted is None or s.label in wanted)
            and (min_score is None or s.sureness >= min_score)
            and s.duration_s >= min_duration_s - TOLERANCE_S
        ]
        if top is not None:
            kept = sorted(kept, key=lambda s: -s.sureness)[:top]
        there = self
        if wanted is not None:
            there = replace(
                self,
                segments=tuple(s for s in self.segments if s.label in wanted),
                reviewed=tuple(part for r in self.reviewed if (part := _of_labels(r, wanted)) is not None),
                rejected=tuple(s for s in self.rejected if s.label in wanted),
            )
        return there._with(kept)

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

    def shift(self, by_s: float) -> "Timeline":
        """All times later by so many seconds, the analyzed span among them; the film lasts as long as before."""
        return replace(
            self,
            span_s=(self.span_s[0] + by_s, self.span_s[1] + by_s),
            segments=tuple(s.shift(by_s) for s in self.segments),
            reviewed=tuple(r.shift(by_s) for r in self.reviewed),
            rejected=tuple(s.shift(by_s) for s in self.rejected),
            gaps=tuple(g.shift(by_s) for g in self.gaps),
            curves={name: replace(c, start_s=c.start_s + by_s) for name, c in self.curves.items()},
        )

    def per_file(self) -> tuple["Timeline", ...]:
        """A timeline for each file of a recording, in the time of that file; itself where the film is one file.

        A segment that goes on in the next file is in both, each with its part of it. Curves and clip labels speak of
        the whole recording, and are left out.
        """
        if not self.parts:
            return (self,)
        timelines = []
        for part in self.parts:
            own = replace(self.crop(part.start_s, part.end_s), curves={}, clip_labels=(), parts=()).shift(-part.start_s)
            start_s, end_s = own.span_s
            timelines.append(
                replace(
                    own,
                    # without the rounding of the shift a file that was analyzed to its end says so
                    span_s=(start_s, part.duration_s if abs(end_s - part.duration_s) < TOLERANCE_S else end_s),
                    video_path=part.video_path,
                    video_identity=part.video_identity,
                    duration_s=part.duration_s,
                    nominal_rate=part.nominal_rate,
                    variable_rate=part.variable_rate,
                    start_timecode=part.start_timecode,
                )
            )
        return tuple(timelines)

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
        return replace(self, segments=tuple(merged))  # no time is lost, so what was reviewed stays true

    def pad(self, lead_s: float = 0.0, lag_s: float = 0.0) -> "Timeline":
        """Every segment starts lead_s earlier and ends lag_s later, inside the analyzed span.

        Negative ones shorten it; a segment of which nothing would be left is left out.
        """
        low, high = self.span_s
        padded = []
        for s in self.segments:
            if s.start_s - lead_s <= s.end_s + lag_s:
                start_s = min(max(s.start_s - lead_s, low), high)
                padded.append(s.placed(start_s, max(start_s, min(s.end_s + lag_s, high))))
        return replace(self, segments=tuple(padded)) if min(lead_s, lag_s) >= 0 else self._with(padded)

    def without_overlaps(self) -> "Timeline":
        """One track: at each moment only the segment with the highest score; of equal ones, the one that began later.

            |-----A 0.5-----|         |--A--|
                  |-B 0.9-|      ->           |-B 0.9-|
                                                      |A|

        A segment without a score, or by hand, counts as surely true. Pieces stay apart, each with all of the score and
        attributes.
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
        return self._with((*pieces, *instants.values()))

    def rename(self, names: Mapping[str, str]) -> "Timeline":
        """Labels replaced by `names`; a label that is not in it stays.

        Where several labels get one name, time is reviewed for it only if it was reviewed for all of them.
        """

        def renamed(s: Segment) -> Segment:
            was = None if s.was is None else renamed(s.was)
            return replace(s, label=names.get(s.label, s.label), was=None).changed_from(was)

        known = {*names, *self.labels, *(s.label for s in self.rejected)}
        known |= {s.was.label for s in self.segments if s.was is not None}
        known |= {label for r in self.reviewed for label in r.labels or ()}
        return replace(
            self,
            segments=tuple(map(renamed, self.segments)),
            reviewed=tuple(part for r in self.reviewed if (part := _renamed(r, names, known)) is not None),
            rejected=tuple(map(renamed, self.rejected)),
        )

    def _with(self, segments: Iterable[Segment]) -> "Timeline":
        """With these segments; nobody reviewed the time of those that are no longer here."""
        here = tuple(segments)
        lost = set(self.segments) - set(here) if self.reviewed else set()
        return replace(self, segments=here, reviewed=without_time(self.reviewed, lost) if lost else self.reviewed)


def _above(module: str) -> Any:
    """A module of a higher floor, by its name below vtn_stream."""
    return importlib.import_module(f"vtn_stream.{module}")


def _of_labels(reviewed: Reviewed, wanted: set[str]) -> Reviewed | None:
    """What a span says of these labels."""
    labels = tuple(label for label in wanted if reviewed.speaks_of(label))
    return replace(reviewed, labels=labels) if labels else None


def _renamed(reviewed: Reviewed, names: Mapping[str, str], known: set[str]) -> Reviewed | None:
    if reviewed.labels is None:
        return reviewed
    unseen = {names.get(label, label) for label in known if label not in reviewed.labels}
    labels = {names.get(label, label) for label in reviewed.labels} - unseen
    return replace(reviewed, labels=tuple(labels)) if labels else None


def _rank(segment: Segment) -> tuple[float, float]:
    """The rank of a segment among several at one moment: the surer one wins, then the one that began later."""
    return (segment.sureness, segment.start_s)


def _strongest_pieces(segments: list[Segment]) -> list[Segment]:
    """What remains of sorted segments with lengths above 0 if at each moment only the strongest counts. O(n log n)."""
    bounds = sorted({bound for s in segments for bound in (s.start_s, s.end_s)})
    waiting: list[tuple[float, float, int]] = []  # by rank, the strongest first; those that have ended go when met
    pieces: list[tuple[float, float, int]] = []  # from, until, and the number of the segment
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
        if holds is not None and holds == last and pieces[-1][1] == start_s:
            pieces[-1] = (pieces[-1][0], end_s, holds)
        elif holds is not None:
            pieces.append((start_s, end_s, holds))
        last = holds
    return [segments[number].placed(start_s, end_s) for start_s, end_s, number in pieces]


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
