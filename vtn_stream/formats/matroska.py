"""Matroska chapters (RFC 9559, 5.1.7) as XML: what `mkvmerge --chapters` and mkvpropedit read.

One edition; a chapter a segment, with its end. Chapters may overlap in the file; most players show the one that began
last. The numbers of chapters (ChapterUID) come of the film's identity, so that equal timelines give equal bytes.
Resolution: nanoseconds. Loses scores, the name, length and identity of the film, gaps, curves, clip labels, attributes
and provenance.
Escapes: XML's own, carriage returns as &#13;; characters that XML does not have become U+FFFD.
Read: the first edition, with the chapters inside chapters; of names in several languages the first. A chapter without
an end ends with the next one beside it, or with the film. Chapters that are switched off or hidden are left out, with a
warning. XML with entities is refused.
Comes back the same: times in nanoseconds, labels without controls.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b
from itertools import zip_longest
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, refuse, timeline_of, told, xml_root
from vtn_stream.formats.writing import Options, Written, num, xml_text
from vtn_stream.timeline import Segment, Timeline

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["claims", "read", "write"]

_KEPT = {"\r": "&#13;"}  # read as a line break otherwise
_TIME = re.compile(r"\s*(\d{1,6}):([0-5]?\d):([0-5]?\d)(?:\.(\d{1,9}))?\s*", re.ASCII)


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    film = int.from_bytes(blake2b(timeline.video_identity.encode("utf-8", "replace"), digest_size=4).digest())
    atoms = []
    num_illegal = 0
    for i, s in enumerate(timeline.segments):
        name, illegal = xml_text(s.label)
        num_illegal += illegal
        atoms += [
            "    <ChapterAtom>",
            f"      <ChapterUID>{(film << 31) + i + 1}</ChapterUID>",
            f"      <ChapterTimeStart>{_clock(s.start_s)}</ChapterTimeStart>",
            f"      <ChapterTimeEnd>{_clock(s.end_s)}</ChapterTimeEnd>",
            "      <ChapterDisplay>",
            f"        <ChapterString>{escape(name, _KEPT)}</ChapterString>",
            "        <ChapterLanguage>und</ChapterLanguage>",
            "        <ChapLanguageIETF>und</ChapLanguageIETF>",
            "      </ChapterDisplay>",
            "    </ChapterAtom>",
        ]
    edition = ["  <EditionEntry>", *atoms, "  </EditionEntry>"] if atoms else []  # it must have a chapter
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<Chapters>", *edition, "</Chapters>", ""]
    warnings = [f"{num(num_illegal, 'label')} with characters that XML does not have: these are written as U+FFFD"]
    return Written(content="\n".join(lines).encode(), warnings=tuple(warnings * bool(num_illegal)))


def claims(head: str, suffix: str) -> bool:
    """The root is Chapters; a declaration, a DOCTYPE and comments may stand before it."""
    return bool(
        re.match(r"\ufeff?\s*(?:<\?[^>]*>\s*|<!--(?:(?!-->)[\s\S])*-->\s*|<!(?!--)[^>]*>\s*)*<Chapters[\s>/]", head)
    )


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    root = xml_root(data, name)
    if root.tag != "Chapters":
        refuse(name, "its root is not Chapters")
    editions = root.findall("EditionEntry")
    segments: list[Segment] = []
    off: list[str] = []
    # A list of what to look into: files nest as deep as they like.
    waiting = [(edition, _is_off(edition)) for edition in editions[:1]]
    while waiting:
        parent, is_off = waiting.pop()
        atoms = parent.findall("ChapterAtom")
        starts = [_time_s(atom, "ChapterTimeStart", name) or 0.0 for atom in atoms]
        for atom, start_s, next_s in zip_longest(atoms, starts, starts[1:]):
            end_s = _time_s(atom, "ChapterTimeEnd", name)
            if end_s is None:
                end_s = max(start_s, options.duration_s or 0.0) if next_s is None else max(start_s, next_s)
            if end_s < start_s:
                refuse(name, f"chapter {len(segments) + 1} ends before it begins")
            if len(segments) >= MAX_SEGMENTS:
                refuse(name, f"more than {MAX_SEGMENTS} chapters")
            label = atom.findtext("ChapterDisplay/ChapterString", "")
            waiting.append((atom, is_off or _is_off(atom)))
            if waiting[-1][1]:
                off.append(label)
            else:
                segments.append(Segment(start_s=start_s, end_s=end_s, label=label))
    warnings = [f"{num(len(editions), 'edition')} in the file: the first is read"] * (len(editions) > 1)
    timeline = timeline_of(segments, name, options, format="Matroska chapters")
    return ReadResult(
        timelines=(timeline,), warnings=(*warnings, *told({"chapter{} switched off or hidden, not read": off}))
    )


def _is_off(element: "Element") -> bool:
    """Whether an edition or a chapter is switched off, or not shown to people."""
    values = {child.tag: (child.text or "").strip() for child in element if "Flag" in str(child.tag)}
    return values.get("ChapterFlagEnabled") == "0" or "1" in (
        values.get("ChapterFlagHidden"),
        values.get("EditionFlagHidden"),
    )


def _clock(time_s: float) -> str:
    """HH:MM:SS.nnnnnnnnn"""
    total_ns = max(0, int(f"{time_s:.9f}".replace(".", "")))
    minutes, ns = divmod(total_ns, 60 * 10**9)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{ns // 10**9:02d}.{ns % 10**9:09d}"


def _time_s(atom: "Element", tag: str, name: str) -> float | None:
    text = atom.findtext(tag)
    if text is None:
        return None
    time = _TIME.fullmatch(text)
    if time is None:
        refuse(name, f"{tag} is not HH:MM:SS.nnnnnnnnn")
    whole_s = (int(time[1]) * 60 + int(time[2])) * 60 + int(time[3])
    return (whole_s * 10**9 + int((time[4] or "").ljust(9, "0"))) / 10**9
