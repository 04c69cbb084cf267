"""ELAN .eaf: annotations of tiers, between time slots.

Milliseconds, from the start of the document; the TIME_ORIGIN of the film (ELAN's media offset) is added. A label is an
annotation's value, with line breaks and repeated spaces as one space; where all values of a tier are empty, it is the
tier's name. The tier is an attribute of the segment: one label in two tiers may overlap (two people). Slots without a
time (subdivisions that were never aligned) are spread evenly between those that have one, as ELAN shows them, with a
warning. Annotations of linked tiers, which have no times of their own (REF_ANNOTATION), have those of the annotation
that they refer to; several of one in a tier share it evenly, in their order; a warning tells how many. Loses
vocabularies, authors. The id
is the film's file name without its suffix, else that of the .eaf; a folder of .eaf files is read as one. Labels in
alphabetic order. XML with a DTD, entities or external references is refused. Traps: one film with several documents.

Written by elan_writer.py, which says how.
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

from defusedxml import DefusedXmlException
from defusedxml import sax as defused_sax

from vtn_stream.errors import TimelineError
from vtn_stream.formats.annotations.elan_writer import write
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.words import At, shown
from vtn_stream.formats.reading import encoding_of, xml_in_utf8

__all__ = ["NAME", "claims", "read", "write"]

NAME = "ELAN"
ROOT = "<ANNOTATION_DOCUMENT"
_WHOLE = re.compile(r"-?\d{1,15}", re.ASCII)


def claims(head: bytes) -> bool:
    text = head.decode(encoding_of(head), "replace").lstrip("\ufeff \t\r\n")
    return text.startswith("<") and ROOT in text


def read(findings: Findings, path: Path, data: bytes, *, file: str = "") -> None:
    """`file`: how messages call it, if there are several."""
    document = _Document()
    try:
        defused_sax.parseString(xml_in_utf8(data, path.name), document, forbid_dtd=True)
    except TimelineError as error:
        raise Unreadable(At(file=file), error.fact) from error
    except SAXParseException as error:
        raise Unreadable(At(line=error.getLineNumber(), file=file), f"damaged XML: {error.getMessage()}") from error
    except DefusedXmlException as error:
        raise Unreadable(At(line=document.line, file=file), "XML with a DTD or entities is not read") from error
    except (SAXException, ValueError, LookupError, RecursionError) as error:
        raise Unreadable(At(line=document.line, file=file), f"damaged XML: {error}") from error
    if document.units != "milliseconds":
        raise Unreadable(At(file=file), f"its times are {shown(document.units)}, not milliseconds")
    film, origin_ms = _media(document.media, path)
    at = At(line=1, file=file)
    if findings.knows(film):
        findings.problem(at, f"the film {shown(film)} has another document already")
        return
    name = findings.film(film, at)
    if name is None:
        return
    times = _aligned(findings, document, file)
    num_linked = num_spread = 0
    spans: dict[str, tuple[float, float]] = {}  # seconds of each annotation, by its id
    for tier in document.tiers:
        num_spread += _spread(times, tier.annotations)
        unnamed = not any(a.value for a in tier.annotations)
        for a in tier.annotations:
            a_at = At(line=a.line, file=file)
            if (slot := next((slot for slot in (a.start, a.end) if slot not in times), None)) is not None:
                known = "is not aligned" if slot in document.slots else "does not exist"
                findings.lost(name, a_at, f"its time slot {shown(slot)} {known}")
                continue
            start_s, end_s = ((times[slot] + origin_ms) / 1000 for slot in (a.start, a.end))
            spans[a.name] = (start_s, end_s)
            findings.segment(name, a_at, start_s, end_s, tier.name if unnamed else a.value, (("tier", tier.name),))
    if num_spread:
        findings.warn(at, f"{num_spread} time slot{'s' * (num_spread > 1)} without a time spread evenly")
    _link(spans, [a for tier in document.tiers for a in tier.links])
    for tier in document.tiers:
        unnamed = not any(a.value for a in tier.links)
        for a in tier.links:
            a_at = At(line=a.line, file=file)
            if a.name not in spans:
                findings.lost(name, a_at, f"it refers to {shown(a.ref)}, which has no time")
                continue
            num_linked += 1
            findings.segment(name, a_at, *spans[a.name], tier.name if unnamed else a.value, (("tier", tier.name),))
    if num_linked:
        findings.warn(at, f"{num_linked} annotation{'s' * (num_linked > 1)} with the times of those they refer to")


@dataclass(slots=True)
class _Annotation:
    """start, end: its time slots; ref: else the annotation whose time it has, or shares, after `previous`."""

    name: str
    start: str
    end: str
    line: int | None
    value: str = ""
    ref: str = ""
    previous: str = ""


@dataclass(slots=True)
class _Tier:
    name: str
    annotations: list[_Annotation] = field(default_factory=list)
    links: list[_Annotation] = field(default_factory=list)


class _Document(ContentHandler):
    """The content of the file, unchanged."""

    def __init__(self) -> None:
        super().__init__()
        self.units = "milliseconds"
        self.media: list[AttributesImpl] = []
        self.slots: dict[str, tuple[str | None, int | None]] = {}
        self.twice: list[tuple[str, int | None]] = []
        self.tiers: list[_Tier] = []
        self._place: Locator | None = None
        self._annotation: _Annotation | None = None
        self._value: list[str] | None = None

    @property
    def line(self) -> int | None:
        return None if self._place is None else self._place.getLineNumber()

    def setDocumentLocator(self, locator: Locator) -> None:
        self._place = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        if name == "HEADER":
            self.units = attrs.get("TIME_UNITS", "milliseconds")
        elif name == "MEDIA_DESCRIPTOR":
            self.media.append(attrs)
        elif name == "TIME_SLOT":
            slot = attrs.get("TIME_SLOT_ID", "")
            if slot in self.slots:
                self.twice.append((slot, self.line))
            else:
                self.slots[slot] = (attrs.get("TIME_VALUE"), self.line)
        elif name == "TIER":
            self.tiers.append(_Tier(attrs.get("TIER_ID", "")))
        elif name == "REF_ANNOTATION" and self.tiers:
            own, ref = attrs.get("ANNOTATION_ID", ""), attrs.get("ANNOTATION_REF", "")
            previous = attrs.get("PREVIOUS_ANNOTATION", "")
            self._annotation = _Annotation(own, "", "", self.line, ref=ref, previous=previous)
            self.tiers[-1].links.append(self._annotation)
        elif name == "ALIGNABLE_ANNOTATION" and self.tiers:
            start, end = attrs.get("TIME_SLOT_REF1", ""), attrs.get("TIME_SLOT_REF2", "")
            self._annotation = _Annotation(attrs.get("ANNOTATION_ID", ""), start, end, self.line)
            self.tiers[-1].annotations.append(self._annotation)
        elif name == "ANNOTATION_VALUE" and self._annotation is not None:
            self._value = []

    def characters(self, content: str) -> None:
        if self._value is not None:
            self._value.append(content)

    def endElement(self, name: str) -> None:
        if name == "ANNOTATION_VALUE" and self._annotation is not None and self._value is not None:
            self._annotation.value = " ".join("".join(self._value).split())
            self._value = None
        elif name in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
            self._annotation = None


def _media(media: Sequence[AttributesImpl], path: Path) -> tuple[str, int]:
    """The id and TIME_ORIGIN of the first film that the document is about."""
    films = [attrs for attrs in media if attrs.get("MIME_TYPE", "video").startswith("video")] or media
    for attrs in films:
        url = unquote(attrs.get("RELATIVE_MEDIA_URL") or attrs.get("MEDIA_URL") or "")
        film = posixpath.splitext(url.replace("\\", "/").rpartition("/")[2])[0]
        origin = attrs.get("TIME_ORIGIN") or "0"
        return film or path.stem, int(origin) if _WHOLE.fullmatch(origin) else 0
    return path.stem, 0


def _aligned(findings: Findings, document: _Document, file: str) -> dict[str, float]:
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


def _spread(times: dict[str, float], annotations: Sequence[_Annotation]) -> int:
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


def _link(spans: dict[str, tuple[float, float]], links: Sequence[_Annotation]) -> None:
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
