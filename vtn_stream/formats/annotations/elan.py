"""ELAN .eaf: annotations of tiers, between time slots.

Milliseconds, from the start of the document; the TIME_ORIGIN of the film (ELAN's media offset) is added. A label is an
annotation's value, with line breaks and repeated spaces as one space; where it is empty, the value of the entry that it
names in a vocabulary of the file; where all values of a tier are empty, it is the tier's name. The tier is an attribute
of the segment: one label in two tiers may overlap (two people); its PARTICIPANT is the attribute "subject".

Slots without a time (subdivisions that were never aligned) are spread evenly between those that have one, as ELAN shows
them, with a warning. Annotations of linked tiers, which have no times of their own (REF_ANNOTATION), have those of the
annotation that they refer to; several of one in a tier share it evenly, in their order; a warning tells how many. But a
tier that is associated with "walk" (Symbolic_Association) and is called "walk@comment" holds the attribute "comment" of
its annotations, and they are no segments.

The id is the film's file name without its suffix, else that of the .eaf; of several films the first, with a warning; a
folder of .eaf files is read as one. Loses what vocabularies say besides, those in other files, authors, links between
annotations. Labels in alphabetic order. XML with a DTD, entities or external references is refused. Traps: one film
with several documents.

Written by elan_writer.py, which says how.
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

from vtn_stream.errors import listed
from vtn_stream.formats.annotations.elan_document import Annotation, Document
from vtn_stream.formats.annotations.elan_writer import write
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.words import At, shown
from vtn_stream.formats.annotations.xml_events import begins_with, parse

__all__ = ["NAME", "claims", "read", "write"]

NAME = "ELAN"
ROOT = "<ANNOTATION_DOCUMENT"
_WHOLE = re.compile(r"-?\d{1,15}", re.ASCII)


def claims(head: bytes) -> bool:
    return bool(begins_with(head, ROOT))


def read(findings: Findings, path: Path, data: bytes, *, file: str = "") -> None:
    """`file`: how messages call it, if there are several."""
    document = Document()
    parse(document, data, path.name, file)
    if document.units != "milliseconds":
        raise Unreadable(At(file=file), f"its times are {shown(document.units)}, not milliseconds")
    at = At(line=1, file=file)
    film, origin_ms = _media(findings, at, document, path)
    if findings.knows(film):
        findings.problem(at, f"the film {shown(film)} has another document already")
        return
    name = findings.film(film, at)
    if name is None:
        return
    spans = _spans(findings, document, name, origin_ms / 1000, file)
    attributes = _attributes(findings, document, name, file)
    num_linked = 0
    for tier in document.tiers:
        if document.attribute(tier) is not None:
            continue
        both = [*tier.annotations, *tier.links]
        labels = {a.name: document.value(tier, a) for a in both}
        unnamed = not any(labels.values()) and not any(a.entry for a in both)
        own = (("tier", tier.name), *((("subject", tier.participant),) if tier.participant else ()))
        for a in both:
            if a.name not in spans:
                continue  # which is told already
            here, label = At(line=a.line, file=file), tier.name if unnamed else labels[a.name]
            if not label and a.entry:
                findings.lost(name, here, f"its value is the entry {shown(a.entry)} of a vocabulary that is not there")
                continue
            findings.segment(name, here, *spans[a.name], label, (*own, *attributes.get(a.name, ())))
        num_linked += sum(a.name in spans for a in tier.links)
    if num_linked:
        findings.warn(at, f"{num_linked} annotation{'s' * (num_linked > 1)} with the times of those they refer to")


def _media(findings: Findings, at: At, document: Document, path: Path) -> tuple[str, int]:
    """The id and TIME_ORIGIN of the first film that the document is about."""
    films = [attrs for attrs in document.media if attrs.get("MIME_TYPE", "video").startswith("video")] or document.media
    names = [_film(attrs.get("RELATIVE_MEDIA_URL") or attrs.get("MEDIA_URL") or "") for attrs in films]
    if len(set(names)) > 1:
        findings.warn(at, f"{len(names)} films ({listed(names)}): its times are those of the first, {shown(names[0])}")
    origin = films[0].get("TIME_ORIGIN") or "0" if films else "0"
    film = names[0] if names else _film(document.media_file)
    return film or path.stem, int(origin) if _WHOLE.fullmatch(origin) else 0


def _film(url: str) -> str:
    return posixpath.splitext(unquote(url).replace("\\", "/").rpartition("/")[2])[0]


def _spans(
    findings: Findings, document: Document, name: str, origin_s: float, file: str
) -> dict[str, tuple[float, float]]:
    """The seconds of each annotation that has a time, by its id. Tells of the others."""
    times = _aligned(findings, document, file)
    num_spread = sum(_spread(times, tier.annotations) for tier in document.tiers)
    if num_spread:
        text = f"{num_spread} time slot{'s' * (num_spread > 1)} without a time spread evenly"
        findings.warn(At(line=1, file=file), text)
    spans: dict[str, tuple[float, float]] = {}
    for a in (a for tier in document.tiers for a in tier.annotations):
        if (slot := next((slot for slot in (a.start, a.end) if slot not in times), None)) is None:
            spans[a.name] = (times[a.start] / 1000 + origin_s, times[a.end] / 1000 + origin_s)
            continue
        known = "is not aligned" if slot in document.slots else "does not exist"
        findings.lost(name, At(line=a.line, file=file), f"its time slot {shown(slot)} {known}")
    links = [a for tier in document.tiers for a in tier.links]
    _link(spans, links)
    for a in links:
        if a.name not in spans:
            findings.lost(name, At(line=a.line, file=file), f"it refers to {shown(a.ref)}, which has no time")
    return spans


def _attributes(findings: Findings, document: Document, name: str, file: str) -> dict[str, tuple[tuple[str, str], ...]]:
    """What the tiers of attributes say of each annotation, by its id."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for tier in document.tiers:
        if (attribute := document.attribute(tier)) is None:
            continue
        for a in tier.links:
            text = a.text or document.value(tier, a)
            if found[a.ref].setdefault(attribute, text) != text:
                at = At(line=a.line, file=file)
                findings.lost(name, at, f"{shown(a.ref)}, to which it refers, has another {shown(attribute)} already")
    return {ref: tuple(of.items()) for ref, of in found.items()}


def _aligned(findings: Findings, document: Document, file: str) -> dict[str, float]:
    """The slots that have a time, in milliseconds."""
    for slot, line in document.twice:
        findings.problem(At(line=line, file=file), f"the time slot {shown(slot)} occurs twice")
    times: dict[str, float] = {}
    for slot, (value, line) in document.slots.items():
        if value is not None and _WHOLE.fullmatch(value.strip()):
            times[slot] = int(value)
        elif value is not None:
            findings.problem(
                At(line=line, file=file), f"the time of slot {shown(slot)} is {shown(value)}, not milliseconds"
            )
    return times


def _spread(times: dict[str, float], annotations: Sequence[Annotation]) -> int:
    """Gives times to slots between two known ones, for annotations that follow each other; returns how many.

    known |--a--?--b--?--c--| known     each a third
    """
    following = {a.start: a.end for a in reversed(annotations)}  # of several with one start, the first
    num_spread, seen = 0, set[str]()
    for start in [a.start for a in annotations if a.start in times and a.end not in times]:
        chain = [start, following[start]]
        while chain[-1] not in times and chain[-1] in following and chain[-1] not in seen:
            seen.add(chain[-1])  # each is passed once, also where chains run into each other or into themselves
            chain.append(following[chain[-1]])
        if chain[-1] in times:
            step = (times[chain[-1]] - times[start]) / (len(chain) - 1)
            for i, slot in enumerate(chain[1:-1], 1):
                times[slot] = times[start] + i * step
                num_spread += 1
    return num_spread


def _link(spans: dict[str, tuple[float, float]], links: Sequence[Annotation]) -> None:
    """Gives linked annotations the times of those that they refer to, in equal parts where several refer to one.

    Each of a tier names the one before it; those of different tiers do not share.
    """
    following = {a.previous: a for a in links if a.previous}
    waiting = defaultdict(list)  # the first of each row, by what it refers to
    for a in links:
        if not a.previous:
            waiting[a.ref].append(a)
    known = [name for name in spans if name in waiting]
    while known:
        parent = known.pop()
        start_s, end_s = spans[parent]
        for first in waiting.pop(parent, ()):
            row = [first]
            while (after := following.pop(row[-1].name, None)) is not None:
                row.append(after)
            step_s = (end_s - start_s) / len(row)
            for i, a in enumerate(row):
                last = i + 1 == len(row)
                spans[a.name] = (start_s + i * step_s, end_s if last else start_s + (i + 1) * step_s)
                if a.name in waiting:
                    known.append(a.name)
