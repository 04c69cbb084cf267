"""ELAN .eaf as it is written: EAF 3.0.

Resolution: milliseconds. A segment's "tier" attribute is its tier; those without are in a tier called "actions" where
none of them overlap, else in tiers called as their labels: the annotations of a tier follow each other. Where those of
one tier overlap all the same, there is a second of them, "walk (2)". A subject that all segments of a tier share is
its PARTICIPANT. Each other attribute has a tier that is linked to its segments' (Symbolic_Association) and called after
both, "walk@comment": ELAN shows it below them, and moves and removes it with them. ELAN has no annotation of no length:
what is shorter gets a millisecond; an empty label is written as "(no label)". DATE must be there, and is fixed, so that
equal timelines give equal bytes; AUTHOR is empty.
Loses scores, gaps, curves, provenance, the duration; the film's suffix when it is read back.
Escapes: XML's own; characters that XML does not have become U+FFFD.
Domain: segments of whole milliseconds and at least one, each with a tier in which nothing overlaps; labels without
control characters and marks of direction, of single spaces, at most 1000 characters, and not empty; attributes and
tiers of characters that XML has, no tier called as the tier of an attribute.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count, pairwise
from typing import NamedTuple
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from vtn_stream.formats.writing import Options, Written, num, xml_text
from vtn_stream.timeline import Segment, Timeline

__all__ = ["write"]

TIER = "actions"
UNLABELLED = "(no label)"
SUBJECT = "subject"


class _TierAnnotation(NamedTuple):
    start_ms: int
    end_ms: int
    label: str
    tier: str
    attributes: tuple[tuple[str, str], ...] = ()


class _Tier(NamedTuple):
    """subject: of all its annotations. attributes: of each, by the number of the annotation in the tier."""

    name: str
    annotations: list[_TierAnnotation]

    @property
    def subject(self) -> str:
        subjects = {dict(a.attributes).get(SUBJECT, "") for a in self.annotations}
        return subjects.pop() if len(subjects) == 1 else ""

    @property
    def attributes(self) -> dict[str, dict[int, str]]:
        found: dict[str, dict[int, str]] = defaultdict(dict)
        left_out = SUBJECT if self.subject else None
        for i, a in enumerate(self.annotations):
            for name, value in a.attributes:
                if name != left_out:
                    found[name][i] = value
        return dict(sorted(found.items()))


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    placed = [_annotation(s) for s in timeline.segments]
    untiered = sorted(p for p in placed if not p.tier)
    shared = all(a.end_ms <= b.start_ms for a, b in pairwise(untiered))
    tiers = _tiers(sorted(p._replace(tier=p.tier or (TIER if shared else p.label)) for p in placed))
    return Written(
        content="".join(f"{line}\n" for line in _lines(timeline.video_path, tiers)).encode(),
        warnings=tuple(_changes(timeline.segments)),
    )


def _annotation(segment: Segment) -> _TierAnnotation:
    start_ms, end_ms = (max(round(bound * 1000), 0) for bound in (segment.start_s, segment.end_s))
    attributes = {xml_text(name)[0]: xml_text(value)[0] for name, value in segment.attributes.items()}
    label, tier = xml_text(segment.label)[0], attributes.pop("tier", "")
    label, others = label if label.strip() else UNLABELLED, tuple(sorted(attributes.items()))
    return _TierAnnotation(start_ms, max(end_ms, start_ms + 1), label, tier, others)


def _tiers(placed: Sequence[_TierAnnotation]) -> list[_Tier]:
    """The annotations by tier and start, so that no two in a tier overlap."""
    tiers: dict[str, list[_TierAnnotation]] = {}
    free: dict[str, list[tuple[int, str]]] = defaultdict(list)  # of each name the tiers, by when their last one ends
    for p in placed:
        if free[p.tier] and free[p.tier][0][0] <= p.start_ms:
            name = heapq.heappop(free[p.tier])[1]
        else:
            name, number = p.tier, max(len(free[p.tier]) + 1, 2)
            while name in tiers:
                name, number = f"{p.tier} ({number})", number + 1
        heapq.heappush(free[p.tier], (p.end_ms, name))
        tiers.setdefault(name, []).append(p)
    return [_Tier(name, its) for name, its in (tiers or {TIER: []}).items()]


def _changes(segments: Sequence[Segment]) -> Iterator[str]:
    if short := sum(round(s.end_s * 1000) <= max(round(s.start_s * 1000), 0) for s in segments):
        yield f"{num(short, 'segment')} shorter than a millisecond, the least that an annotation has: written as one"
    if unnamed := sum(not s.label.strip() for s in segments):
        yield f"{num(unnamed, 'label')} empty, which means the tier's name: written as {UNLABELLED}"
    for what, broken in (
        ("label", sum(xml_text(s.label)[1] for s in segments)),
        ("attribute", sum(xml_text(f"{n}{value}")[1] for s in segments for n, value in s.attributes.items())),
    ):
        if broken:
            yield f"{num(broken, what)} with characters that XML does not have: written with U+FFFD in their place"


def _lines(video_path: str, tiers: Sequence[_Tier]) -> Iterator[str]:
    url = quoteattr("./" + quote(xml_text(video_path)[0]))
    kind = "video/mp4" if video_path.lower().endswith((".mp4", ".m4v")) else "video/*"
    numbered = list(enumerate((a for tier in tiers for a in tier.annotations), 1))
    num_linked = sum(len(of) for tier in tiers for of in tier.attributes.values())
    bounds = sorted((ms, i, end) for i, a in numbered for end, ms in enumerate((a.start_ms, a.end_ms)))
    slots = {(i, end): f"ts{n}" for n, (_, i, end) in enumerate(bounds, 1)}
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        '<ANNOTATION_DOCUMENT AUTHOR="" DATE="1970-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">'
    )
    yield '<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">'
    yield f'<MEDIA_DESCRIPTOR MEDIA_URL={url} MIME_TYPE="{kind}" RELATIVE_MEDIA_URL={url}/>'
    yield f'<PROPERTY NAME="lastUsedAnnotationId">{len(numbered) + num_linked}</PROPERTY>'
    yield "</HEADER>"
    yield "<TIME_ORDER>"
    for ms, i, end in bounds:
        yield f'<TIME_SLOT TIME_SLOT_ID="{slots[i, end]}" TIME_VALUE="{ms}"/>'
    yield "</TIME_ORDER>"
    names = {tier.name for tier in tiers}
    number, linked = 0, count(len(numbered) + 1)
    for tier in tiers:
        participant = f" PARTICIPANT={quoteattr(tier.subject)}" if tier.subject else ""
        yield f'<TIER LINGUISTIC_TYPE_REF="default-lt"{participant} TIER_ID={quoteattr(tier.name)}>'
        first = number + 1
        for number, a in enumerate(tier.annotations, first):
            refs = f'TIME_SLOT_REF1="{slots[number, 0]}" TIME_SLOT_REF2="{slots[number, 1]}"'
            yield f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{number}" {refs}>'
            yield f"{_value(a.label)}</ALIGNABLE_ANNOTATION></ANNOTATION>"
        yield "</TIER>"
        for attribute, values in tier.attributes.items():
            own = _free(f"{tier.name}@{attribute}", names)
            yield (f'<TIER LINGUISTIC_TYPE_REF="attribute" PARENT_REF={quoteattr(tier.name)} TIER_ID={quoteattr(own)}>')
            for i, value in values.items():
                yield f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a{next(linked)}" ANNOTATION_REF="a{first + i}">'
                yield f"{_value(value)}</REF_ANNOTATION></ANNOTATION>"
            yield "</TIER>"
    yield '<LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>'
    if num_linked:
        yield (
            '<LINGUISTIC_TYPE CONSTRAINTS="Symbolic_Association" GRAPHIC_REFERENCES="false"'
            ' LINGUISTIC_TYPE_ID="attribute" TIME_ALIGNABLE="false"/>'
        )
        yield '<CONSTRAINT DESCRIPTION="1-1 association with a parent annotation" STEREOTYPE="Symbolic_Association"/>'
    yield "</ANNOTATION_DOCUMENT>"


def _value(text: str) -> str:
    return f"<ANNOTATION_VALUE>{escape(text, {chr(13): '&#13;'})}</ANNOTATION_VALUE>"


def _free(name: str, names: set[str]) -> str:
    """The name, or with a number if it is taken. Takes it."""
    free, number = name, 2
    while free in names:
        free, number = f"{name} ({number})", number + 1
    names.add(free)
    return free
