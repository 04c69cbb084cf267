"""ELAN .eaf as it is written: EAF 3.0.

Resolution: milliseconds. A segment's "tier" attribute is its tier; those without are in a tier called "actions" where
none of them overlap, else in tiers called as their labels: the annotations of a tier follow each other. Where those of
one tier overlap all the same, there is a second of them, "walk (2)". ELAN has no annotation of no length: what is
shorter gets a millisecond; an empty label is written as "(no label)". DATE must be there, and is fixed, so that equal
timelines give equal bytes; AUTHOR is empty.
Loses scores, other attributes, gaps, curves, provenance, the duration; the film's suffix when it is read back.
Escapes: XML's own; characters that XML does not have become U+FFFD.
Domain: segments of whole milliseconds and at least one, each with a tier in which nothing overlaps; labels without
control characters and marks of direction, of single spaces, at most 1000 characters, and not empty.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from vtn_stream.formats.writing import Options, Written, num, xml_text
from vtn_stream.timeline import Segment, Timeline

__all__ = ["write"]

TIER = "actions"
UNLABELLED = "(no label)"


class _TierAnnotation(NamedTuple):
    start_ms: int
    end_ms: int
    label: str
    tier: str


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
    label, tier = xml_text(segment.label)[0], xml_text(segment.attributes.get("tier", ""))[0]
    return _TierAnnotation(start_ms, max(end_ms, start_ms + 1), label if label.strip() else UNLABELLED, tier)


def _tiers(placed: Sequence[_TierAnnotation]) -> dict[str, list[_TierAnnotation]]:
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
    return tiers or {TIER: []}


def _changes(segments: Sequence[Segment]) -> Iterator[str]:
    if short := sum(round(s.end_s * 1000) <= max(round(s.start_s * 1000), 0) for s in segments):
        yield f"{num(short, 'segment')} shorter than a millisecond, the least that an annotation has: written as one"
    if unnamed := sum(not s.label.strip() for s in segments):
        yield f"{num(unnamed, 'label')} empty, which means the tier's name: written as {UNLABELLED}"
    if broken := sum(xml_text(s.label)[1] for s in segments):
        yield f"{num(broken, 'label')} with characters that XML does not have: written with U+FFFD in their place"


def _lines(video_path: str, tiers: dict[str, list[_TierAnnotation]]) -> Iterator[str]:
    url = quoteattr("./" + quote(xml_text(video_path)[0]))
    kind = "video/mp4" if video_path.lower().endswith((".mp4", ".m4v")) else "video/*"
    numbered = list(enumerate((p for tier in tiers.values() for p in tier), 1))
    bounds = sorted((ms, i, end) for i, p in numbered for end, ms in enumerate((p.start_ms, p.end_ms)))
    slots = {(i, end): f"ts{n}" for n, (_, i, end) in enumerate(bounds, 1)}
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        '<ANNOTATION_DOCUMENT AUTHOR="" DATE="1970-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">'
    )
    yield '<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">'
    yield f'<MEDIA_DESCRIPTOR MEDIA_URL={url} MIME_TYPE="{kind}" RELATIVE_MEDIA_URL={url}/>'
    yield f'<PROPERTY NAME="lastUsedAnnotationId">{len(numbered)}</PROPERTY>'
    yield "</HEADER>"
    yield "<TIME_ORDER>"
    for ms, i, end in bounds:
        yield f'<TIME_SLOT TIME_SLOT_ID="{slots[i, end]}" TIME_VALUE="{ms}"/>'
    yield "</TIME_ORDER>"
    number = 0
    for name, tier in tiers.items():
        yield f'<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID={quoteattr(name)}>'
        for p in tier:
            number += 1
            refs = f'TIME_SLOT_REF1="{slots[number, 0]}" TIME_SLOT_REF2="{slots[number, 1]}"'
            yield f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{number}" {refs}>'
            value = escape(p.label, {"\r": "&#13;"})
            yield f"<ANNOTATION_VALUE>{value}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
        yield "</TIER>"
    yield '<LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>'
    yield "</ANNOTATION_DOCUMENT>"
