"""Segments, and what else a timeline is made of: time that a person reviewed, gaps, curves.

All times are seconds from the container's start, half-open: a segment [start_s, end_s) ends where the next one begins.
A segment with start_s == end_s is an instant. Standard library only.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal, Self

__all__ = [
    "ORIGINS",
    "Curve",
    "Gap",
    "Origin",
    "Part",
    "Reviewed",
    "Segment",
    "Span",
    "check_film_path",
    "finite",
    "part_at",
    "without_time",
]

# Who says that a segment is there.
# model    a model, or another analysis
# curated  a model said so, and a person looked at it and kept or changed it
# manual   a person
Origin = Literal["model", "curated", "manual"]
ORIGINS: tuple[Origin, ...] = ("model", "curated", "manual")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time [start_s, end_s), or an instant. Raises ValueError unless both are finite and in order."""

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

    def overlaps(self, other: "Span") -> bool:
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
        if start_s >= end_s or not self.overlaps(Span(start_s=start_s, end_s=end_s)):
            return None
        return replace(self, start_s=max(self.start_s, start_s), end_s=min(self.end_s, end_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment(Span):
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
        Span.__post_init__(self)
        if self.origin is not None and self.origin not in ORIGINS:
            raise ValueError(f"origin must be one of {', '.join(ORIGINS)}, got {self.origin!r}")
        if self.was is not None and (self.origin != "curated" or self.was.origin or self.was.was):
            raise ValueError("only a curated segment was another one, which says nothing of its own origin")
        if self.score is not None:
            object.__setattr__(self, "score", finite(self.score))
        object.__setattr__(self, "attributes", dict(self.attributes))

    def __and__(self, other: "Segment") -> "Segment | None":
        """The time shared with `other`, under this segment's label and score; None if there is none."""
        if not self.overlaps(other):
            return None
        return self.placed(max(self.start_s, other.start_s), min(self.end_s, other.end_s))

    def shift(self, by_s: float) -> "Segment":
        was = None if self.was is None else self.was.shift(by_s)
        return replace(self, start_s=self.start_s + by_s, end_s=self.end_s + by_s, was=was)

    def cropped(self, start_s: float, end_s: float) -> "Segment | None":
        """The part inside [start_s, end_s), or None. What it was is cropped alike.

        If the model had said it only outside, a person alone says that it is inside: the part is manual.
        """
        part = Span.cropped(self, start_s, end_s)
        if part is None or part.was is None:
            return part
        was = part.was.cropped(start_s, end_s)
        return replace(part, origin="curated" if was else "manual", was=None).changed_from(was)

    def placed(self, start_s: float, end_s: float) -> "Segment":
        """The segment at another time. If a program places it, nobody said so: it has no origin then.

        >>> Segment(start_s=0, end_s=1, label="walk", origin="manual").placed(0, 2).origin is None
        True
        """
        if (start_s, end_s) == (self.start_s, self.end_s):
            return self
        return replace(self, start_s=start_s, end_s=end_s, origin=None, was=None)

    def changed_from(self, was: "Segment | None") -> "Segment":
        """The segment with this as what the model had said, if that is different."""
        is_same = was and (was.start_s, was.end_s, was.label) == (self.start_s, self.end_s, self.label)
        return replace(self, was=None if is_same else was)

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

    @property
    def sureness(self) -> float:
        """The score, to compare segments; infinite where a person stands behind it, or nothing scored it."""
        return math.inf if self.score is None or self.by_hand else self.score


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed(Span):
    """Time in which a person looked for everything: of these labels nothing happens there but the timeline's segments.

    labels  sorted; None for every label
    """

    labels: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        Span.__post_init__(self)
        if self.labels is not None:
            if isinstance(self.labels, str) or not self.labels:
                raise ValueError("labels must be a few labels, or None for every label")
            object.__setattr__(self, "labels", tuple(sorted(set(self.labels))))

    @property
    def sort_key(self) -> tuple[Any, ...]:
        return (self.start_s, self.end_s, self.labels is not None, self.labels or ())

    def speaks_of(self, label: str) -> bool:
        return self.labels is None or label in self.labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(Span):
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
            object.__setattr__(self, name, finite(getattr(self, name)))
        if self.step_s <= 0:
            raise ValueError(f"a curve needs a positive step, got {self.step_s}")
        object.__setattr__(self, "values", tuple(finite(value) for value in self.values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file of a recording that several files hold, as cameras cut it: when it begins on the recording's clock.

    video_path      as a timeline names its film: relative and inside, or the bare name
    start_s         its own 0 on the recording's clock
    duration_s      how long it lasts; if the next begins later, no file has the time in between
    """

    video_path: str
    video_identity: str
    start_s: float
    duration_s: float
    nominal_rate: Fraction | None = None
    variable_rate: bool = False
    start_timecode: str | None = None

    def __post_init__(self) -> None:
        for name in ("start_s", "duration_s"):
            object.__setattr__(self, name, finite(getattr(self, name)))
        if self.start_s < 0 or self.duration_s < 0:
            raise ValueError(f"a file begins at 0 s or later, and lasts; got {self.start_s} and {self.duration_s}")
        check_film_path(self.video_path)

    @property
    def end_s(self) -> float:
        return self.start_s + self.duration_s


def part_at(parts: Sequence[Part], time_s: float) -> Part | None:
    """The file of a recording that has this time, or ends with it; None where no file has it."""
    found = bisect_right(parts, time_s, key=lambda part: part.start_s) - 1
    return parts[found] if found >= 0 and time_s <= parts[found].end_s else None


def check_film_path(path: str) -> None:
    """Raises ValueError unless a timeline may name a film so."""
    parts = path.replace("\\", "/").split("/")
    if not path or parts[0].endswith(":") or "" in parts or ".." in parts:
        raise ValueError(f"video_path must be relative and stay inside, got {path[:200]!r}")


def finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {value}")
    return float(value)


def without_time(reviewed: Iterable[Reviewed], lost: Iterable[Segment]) -> tuple[Reviewed, ...]:
    """What remains of reviewed time without that of lost segments of their labels."""
    in_order = sorted(lost, key=lambda s: s.start_s)
    lost_times: dict[tuple[str, ...] | None, list[tuple[float, float]]] = {}
    left = []
    for r in reviewed:
        if r.labels not in lost_times:
            lost_times[r.labels] = _times(s for s in in_order if r.speaks_of(s.label))
        times = lost_times[r.labels]
        at_s = r.start_s
        for start_s, end_s in times[bisect_right(times, at_s, key=lambda time: time[1]) :]:
            if start_s >= r.end_s and start_s > r.start_s:
                break
            if at_s < start_s:
                left.append(replace(r, start_s=at_s, end_s=start_s))
            at_s = end_s
        if at_s < r.end_s or at_s == r.start_s:
            left.append(replace(r, start_s=at_s))
    return tuple(left)


def _times(in_order: Iterable[Segment]) -> list[tuple[float, float]]:
    """The time of sorted segments, in disjoint spans. An instant takes the smallest there is."""
    times: list[tuple[float, float]] = []
    for s in in_order:
        start_s, end_s = s.start_s, max(s.end_s, math.nextafter(s.start_s, math.inf))
        if times and start_s <= times[-1][1]:
            times[-1] = (times[-1][0], max(times[-1][1], end_s))
        else:
            times.append((start_s, end_s))
    return times
