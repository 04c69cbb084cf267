"""Of which time of a film it is known what happens, label by label. Standard library only.

    corrected   |--A--| by hand    |-A-| rejected   [ nothing else here ]
    A           |-----|            |---|            |-------------------|    known: it happens there, or it does not
    B                                               |-------------------|

What nobody looked at is unknown: there a model's segment is neither right nor wrong, and nothing is learnt.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vtn_stream.corrections import Span, joined, reviewed_spans, what_stands
from vtn_stream.timeline import Segment, Timeline

__all__ = ["Known", "Spans", "known_of", "seconds", "shared"]

INSTANT_S = 0.5  # to each side of an event without a length: what a person says of it holds there

Spans = tuple[Span, ...]  # sorted, and they do not touch


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The spans, in seconds, in which it is known whether a label happens: its own, or those of the rest."""

    own: Mapping[str, Spans] = field(default_factory=dict, hash=False)
    rest: Spans = ()

    def spans(self, label: str) -> Spans:
        return self.own.get(label, self.rest)

    def every(self, labels: Iterable[str]) -> Spans:
        """The time in which it is known of each of these labels."""
        every: Spans | None = None
        for label in labels:
            every = self.spans(label) if every is None else shared(every, self.spans(label))
        return self.rest if every is None else every

    def of_one_label(self, labels: Iterable[str], segments: Iterable[Segment]) -> Spans:
        """The time in which it is known which one of these labels happens, or that none does, where these segments are
        what people say.
        """
        return tuple(joined([*self.every(labels), *((s.start_s, s.end_s) for s in segments)]))

    def total_s(self, labels: Sequence[str], segments: Iterable[Segment], *, exclusive: bool) -> float:
        """Seconds that are known. exclusive: one label holds at each moment, as in `of_one_label`; else the mean over
        the labels.
        """
        if exclusive:
            return seconds(self.of_one_label(labels, segments))
        return sum(seconds(self.spans(label)) for label in labels) / max(1, len(labels))

    def counts(self, segment: Segment) -> bool:
        """Whether a segment that was predicted can be right or wrong: half of its time, or more, is known of its label.

        An instant counts if it lies in such time.
        """
        spans = self.spans(segment.label)
        if segment.start_s == segment.end_s:
            at = bisect_right(spans, segment.start_s, key=lambda span: span[0]) - 1
            return at >= 0 and segment.start_s < spans[at][1]
        known_s, at = 0.0, bisect_right(spans, segment.start_s, key=lambda span: span[1])
        while at < len(spans) and spans[at][0] < segment.end_s:
            known_s += min(spans[at][1], segment.end_s) - max(spans[at][0], segment.start_s)
            at += 1
        return 2 * known_s >= segment.duration_s

    def counting(self, segments: Iterable[Segment]) -> tuple[Segment, ...]:
        """Those that count."""
        return tuple(s for s in segments if self.counts(s))

    def within(self, end_s: float) -> "Known":
        """Only what lies in [0, end_s)."""
        film: Spans = ((0.0, end_s),) if end_s > 0 else ()
        return Known(own={label: shared(of, film) for label, of in self.own.items()}, rest=shared(self.rest, film))

    def cropped(self, start_s: float, end_s: float) -> "Known":
        """Only what lies in [start_s, end_s), in the time of a film that begins there."""
        part: Spans = ((start_s, end_s),) if end_s > start_s else ()

        def shifted(spans: Spans) -> Spans:
            return tuple((low - start_s, high - start_s) for low, high in shared(spans, part))

        return Known(own={label: shifted(of) for label, of in self.own.items()}, rest=shifted(self.rest))


def known_of(timeline: Timeline) -> Known:
    """What the corrections of a timeline make known.

    A label is known where people say that it happens; where they looked for everything, or for it; and where they
    rejected it or changed it to something else. But not where a segment of it stands that a model drew: nobody said
    that it is right, or that it is wrong.
    """
    by_hand = what_stands(timeline)
    drawn = [s for s in timeline.segments if not s.by_hand]
    denied = [*timeline.rejected, *(s.was for s in by_hand if s.was is not None)]
    looked_for = {label for r in timeline.reviewed for label in r.labels or ()}
    labels = sorted({s.label for s in (*by_hand, *drawn, *denied)} | looked_for)

    def spans(segments: Iterable[Segment], label: str) -> Spans:
        return tuple(joined(_around(s) for s in segments if s.label == label))

    own = {}
    for label in labels:
        said = joined([*reviewed_spans(timeline, label), *spans(denied, label)])
        own[label] = tuple(joined([*_without(tuple(said), spans(drawn, label)), *spans(by_hand, label)]))
    rest = tuple(joined((r.start_s, r.end_s) for r in timeline.reviewed if r.labels is None))
    return Known(own=own, rest=rest).within(timeline.duration_s)


def seconds(spans: Iterable[Span]) -> float:
    return sum(end - start for start, end in spans)


def shared(some: Spans, others: Spans) -> Spans:
    """The time of both."""
    both, at = [], 0
    for start, end in some:
        while at < len(others) and others[at][1] <= start:
            at += 1
        n = at
        while n < len(others) and others[n][0] < end:
            both.append((max(start, others[n][0]), min(end, others[n][1])))
            n += 1
    return tuple(both)


def _around(s: Segment) -> Span:
    if s.start_s == s.end_s:
        return (s.start_s - INSTANT_S, s.end_s + INSTANT_S)
    return (s.start_s, s.end_s)


def _without(some: Spans, others: Spans) -> Spans:
    """The time of the first that is not in the others."""
    ends = [float("-inf"), *(end for _, end in others)]
    starts = [*(start for start, _ in others), float("inf")]
    return shared(some, tuple(zip(ends, starts, strict=True)))
