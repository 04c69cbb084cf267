"""What people said of a timeline, and how it stays when a model draws the rest again. Standard library only.

    corrected    |--A--|    |=B=| was |--A--|    |-A-| rejected   [ nothing else here ]
    drawn anew  |--A--|        |--A--|           |--A--|     |--C--|     |-A-|      |-A-|
    kept         |--A--|    |=B=|                            |C|                    |-A-|

What is by hand stays as it is, and so does what was rejected. What a model draws is left out where a person spoke of
the same already. Time that was reviewed stays as it is too: nothing new is drawn there.
"""

import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from vtn_stream.seal import digest
from vtn_stream.timeline import TOLERANCE_S, Segment, Timeline

__all__ = [
    "Kept",
    "Span",
    "corrections_digest",
    "is_corrected",
    "joined",
    "kept_over",
    "num_reviewed",
    "num_to_review",
    "reviewed_share",
    "reviewed_spans",
    "what_stands",
    "what_the_model_said",
]

SAME_INSTANT_S = 1.0  # two instants of one label that lie so near are one: as near as one counts as found

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A timeline that was drawn anew, with the hand work of the one before.

    num_by_hand   segments that people kept, changed or added
    num_rejected  segments that people took away
    num_reviewed  spans in which people looked for everything
    num_left_out  segments of the model that are not in it, because people spoke of the same
    num_cut       segments of the model of which a part is in it
    """

    timeline: Timeline
    num_by_hand: int = 0
    num_rejected: int = 0
    num_reviewed: int = 0
    num_left_out: int = 0
    num_cut: int = 0


def is_corrected(timeline: Timeline) -> bool:
    """Whether a person said anything of it."""
    return bool(timeline.reviewed or timeline.rejected or any(s.by_hand for s in timeline.segments))


def corrections_digest(timeline: Timeline) -> str | None:
    """A digest of all that people said of a timeline: equal for equal hand work. None where nobody said anything."""
    if not is_corrected(timeline):
        return None
    said = [
        [s.sort_key for s in timeline.segments if s.by_hand],
        [r.sort_key for r in timeline.reviewed],
        [s.sort_key for s in timeline.rejected],
    ]
    return digest(json.dumps(said).encode())


def kept_over(corrected: Timeline, drawn: Timeline, *, exclusive: bool) -> Kept:
    """What was drawn anew, with all hand work of the corrected timeline; without any, what was drawn.

    exclusive: the analysis draws one label at each moment, so that what is by hand takes the place of what it draws

    A segment that was drawn is left out where it is mostly one of its label that people kept, changed, added or
    rejected, or had changed from: more than half of either lies in the other. If exclusive, a long one stays that is
    only partly so, without that part. Where one of the model's reached into reviewed time, it still does: who reviewed
    that let it stand.
    """
    if not is_corrected(corrected):
        return Kept(timeline=drawn)
    by_hand = [s for s in corrected.segments if s.by_hand]
    spoken_of: dict[str, list[Segment]] = {}
    for s in (*by_hand, *(s.was for s in by_hand if s.was is not None), *corrected.rejected):
        spoken_of.setdefault(s.label, []).append(s)
    same = {label: _Same(of, reviewed_spans(corrected, label), exclusive) for label, of in spoken_of.items()}
    stood = _stood_in_reviewed(corrected)
    closed: dict[str, list[Span]] = {}
    new, num_left_out, num_cut = list[Segment](), 0, 0
    for s in drawn.segments:
        if s.label not in closed:
            spans = reviewed_spans(corrected, s.label)
            if exclusive:
                spans += [(taken.start_s, taken.end_s) for taken in (*by_hand, *spoken_of.get(s.label, ()))]
            closed[s.label] = joined(spans)
        near = same.get(s.label)
        parts = [] if near and near.holds(s) else _outside(s, closed[s.label])
        parts = [part for part in parts if not (near and near.holds(part))]
        new += parts
        num_left_out += not parts
        num_cut += bool(parts) and not _is_whole(s, parts, stood.get(s.label, []))
    segments = (*by_hand, *_joined_at_borders(new, [s for of_label in stood.values() for s in of_label]))
    return Kept(
        timeline=replace(drawn, segments=segments, reviewed=corrected.reviewed, rejected=corrected.rejected),
        num_by_hand=len(by_hand),
        num_rejected=len(corrected.rejected),
        num_reviewed=len(corrected.reviewed),
        num_left_out=num_left_out,
        num_cut=num_cut,
    )


# What was reviewed, and what came of it


def reviewed_spans(timeline: Timeline, label: str) -> list[Span]:
    """The time in which a person looked for everything of this label: sorted spans that do not touch."""
    return joined((r.start_s, r.end_s) for r in timeline.reviewed if r.labels is None or label in r.labels)


def reviewed_share(timeline: Timeline, label: str | None = None) -> float:
    """Which part of the analyzed time was reviewed for this label, 0..1; without one, the mean over all labels that
    the timeline knows.
    """
    if label is None:
        said = (*timeline.segments, *timeline.rejected, *(s.was for s in timeline.segments if s.was is not None))
        labels = {s.label for s in said}.union(*(r.labels or () for r in timeline.reviewed)) or {""}
        return sum(reviewed_share(timeline, each) for each in labels) / len(labels)
    low, high = timeline.span_s
    inside = [(max(start, low), min(end, high)) for start, end in reviewed_spans(timeline, label)]
    return sum(end - start for start, end in inside if start < end) / (high - low) if low < high else 0.0


def num_to_review(timeline: Timeline) -> int:
    """How many segments a model drew, whether or not a person looked at them since."""
    return sum(s.origin != "manual" for s in timeline.segments) + len(timeline.rejected)


def num_reviewed(timeline: Timeline) -> int:
    """How many of these a person kept, changed or rejected."""
    return sum(s.origin == "curated" for s in timeline.segments) + len(timeline.rejected)


def what_the_model_said(timeline: Timeline) -> tuple[Segment, ...]:
    """What a model had drawn before anybody changed it, sorted; of several that were joined, the first."""
    standing = [s for s in timeline.segments if s.origin != "curated" and s.origin != "manual"]
    curated = [s for s in timeline.segments if s.origin == "curated"]
    before = dict.fromkeys(s.was for s in curated if s.was is not None)  # the pieces of one were one
    said = (*standing, *(s for s in curated if s.was is None), *before, *timeline.rejected)
    return tuple(sorted((replace(s, origin="model") for s in said), key=lambda s: s.sort_key))


def what_stands(timeline: Timeline) -> tuple[Segment, ...]:
    """What people say that happens: the segments that they kept, changed or added."""
    return tuple(s for s in timeline.segments if s.by_hand)


# Spans


def joined(spans: Iterable[Span]) -> list[Span]:
    """The time of any of these spans: sorted spans that do not touch. Spans of no length are none."""
    whole: list[Span] = []
    for start, end in sorted(spans):
        if start < end and whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(whole[-1][1], end))
        elif start < end:
            whole.append((start, end))
    return whole


def _stood_in_reviewed(corrected: Timeline) -> dict[str, list[Segment]]:
    """By label, what a model had drawn and a person who reviewed the time let stand there; of equal ones the surest."""
    stood: dict[str, dict[Span, Segment]] = {}
    reviewed: dict[str, list[Span]] = {}
    for s in sorted(corrected.segments, key=lambda s: s.score or 0.0):
        if s.by_hand:
            continue
        if s.label not in reviewed:
            reviewed[s.label] = reviewed_spans(corrected, s.label)
        spans = reviewed[s.label]
        first = max(0, bisect_right(spans, s.start_s, key=lambda span: span[0]) - 1)
        for low, high in spans[first : bisect_right(spans, s.end_s, key=lambda span: span[0])]:
            part = s.cropped(low, high)
            if part is not None and (part.duration_s > TOLERANCE_S or part == s):
                stood.setdefault(s.label, {})[part.start_s, part.end_s] = part
    return {label: [parts[span] for span in sorted(parts)] for label, parts in stood.items()}


def _joined_at_borders(new: Sequence[Segment], stood: Sequence[Segment]) -> list[Segment]:
    """What was drawn anew, up to the borders of reviewed time, as one with what stood behind them."""
    there = Counter(new)
    lasting = [s for s in new if s.start_s < s.end_s]
    ends = {(s.label, s.end_s): s for s in reversed(lasting)}  # of several that end together, the first
    starts = {(s.label, s.start_s): s for s in reversed(lasting)}
    for s in stood:
        whole = s
        if s.start_s < s.end_s and (before := ends.pop((s.label, s.start_s), None)) is not None:
            there[before] -= 1
            whole = replace(before, end_s=s.end_s)
            starts[s.label, whole.start_s] = whole
        if s.start_s < s.end_s and (behind := starts.pop((s.label, s.end_s), None)) is not None:
            there[behind] -= 1
            whole = replace(behind if whole is s else whole, start_s=whole.start_s, end_s=behind.end_s)
            ends[s.label, whole.end_s] = whole
            if whole.start_s < s.start_s:
                starts[s.label, whole.start_s] = whole
        there[whole] += 1
    return list(there.elements())


def _is_whole(segment: Segment, parts: Sequence[Segment], stood: Sequence[Segment]) -> bool:
    """Whether the parts of a segment, and what stood in reviewed time, leave nothing of it out."""
    if parts == [segment]:
        return True
    there = joined((s.start_s, s.end_s) for s in (*parts, *stood))
    return not _outside(segment, there)


def _outside(segment: Segment, closed: Sequence[Span]) -> list[Segment]:
    """What is left of the segment outside of sorted spans that do not touch."""
    at = max(0, bisect_right(closed, segment.start_s, key=lambda span: span[0]) - 1)
    if segment.start_s == segment.end_s:
        covered = at < len(closed) and closed[at][0] <= segment.start_s < closed[at][1]
        return [] if covered else [segment]
    parts, start_s = [], segment.start_s
    for low, high in closed[at:]:
        if low >= segment.end_s:
            break
        parts.append((start_s, low))
        start_s = max(start_s, high)
    parts.append((start_s, segment.end_s))
    whole = (segment.start_s, segment.end_s)
    long = [part for part in parts if part == whole or part[1] - part[0] > TOLERANCE_S]
    return [replace(segment, start_s=low, end_s=high) for low, high in long]


class _Same:
    """Segments of one label, to ask whether another one is mostly one of them.

    reviewed  time in which people looked for everything of it: a piece that ends at its border may go on outside
    """

    def __init__(self, segments: Sequence[Segment], reviewed: Sequence[Span], exclusive: bool) -> None:
        cut: dict[bool, list[Segment]] = {True: [], False: []}
        for s in segments:
            cut[exclusive or _ends_at_border(s, reviewed)].append(s)
        self._cut, self._whole = _Near(cut[True]), _Near(cut[False])

    def holds(self, segment: Segment) -> bool:
        return self._cut.holds(segment, exclusive=True) or self._whole.holds(segment, exclusive=False)


def _ends_at_border(s: Segment, reviewed: Sequence[Span]) -> bool:
    """Whether it fills a part of one of these spans up to its start or its end."""
    at = bisect_right(reviewed, s.start_s, key=lambda span: span[0]) - 1
    if at < 0 or s.start_s == s.end_s:
        return False
    low, high = reviewed[at]
    return s.end_s <= high and (s.start_s == low or s.end_s == high)


class _Near:
    """Segments of one label, to ask whether another one is mostly one of them."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._sorted = sorted(segments, key=lambda s: s.start_s)
        self._starts = [s.start_s for s in self._sorted]
        self._ends = list(accumulate((s.end_s for s in self._sorted), max))  # the latest so far

    def holds(self, segment: Segment, *, exclusive: bool) -> bool:
        first = bisect_left(self._ends, segment.start_s - SAME_INSTANT_S)
        last = bisect_right(self._starts, segment.end_s + SAME_INSTANT_S)
        return any(_is_same(segment, other, exclusive) for other in self._sorted[first:last])


def _is_same(drawn: Segment, other: Segment, exclusive: bool) -> bool:
    shared = min(drawn.end_s, other.end_s) - max(drawn.start_s, other.start_s)  # below 0 where they lie apart
    shorter, longer = sorted((drawn.duration_s, other.duration_s))
    if shorter == 0:
        return shared >= (0.0 if longer else -SAME_INSTANT_S)
    if exclusive:
        return shared > drawn.duration_s / 2 or drawn.tiou(other) >= 0.5
    return shared > shorter / 2
