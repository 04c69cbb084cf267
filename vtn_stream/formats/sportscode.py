"""Sportscode XML: instances of codes over time, and a row with a colour for each code.

file / ALL_INSTANCES / instance { ID, start, end, code, label { group, text } ... }
     / ROWS / row { code, R, G, B }          16 bits a colour; in order of first appearance

Resolution: seconds, as exact as the timeline's. An attribute is a label, its name the group; the score is the first
label, of the group "score": there any number, further down only one in 0..1. Loses gaps, curves, clip labels,
provenance, the film's name and duration.
Escapes: XML's own; characters that XML 1.0 does not have become U+FFFD, with a warning.
Read: what Sportscode, its relatives and converters write, without rows, session and sorting. A label without a group is
an attribute without a value; texts of one group are joined with ", ", with a warning; times may be clocks (0:01:02.5).
Domain: starts of 0 or later; labels, names and values of characters that XML has; no attribute that is called "score".
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from vtn_stream.formats.annotations.text import seconds
from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, refuse, timeline_of, xml_root
from vtn_stream.formats.writing import Options, Written, num, xml_text
from vtn_stream.timeline import Segment, Timeline

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["claims", "read", "write"]

TITLE = "Sportscode XML"
SCORE = "score"
MAX_LABELS = 4 * MAX_SEGMENTS
# Okabe & Ito's, which the colour-blind can tell apart; a byte times 257 fills 16 bits.
COLOURS = tuple(
    (0x101 * (rgb >> 16), 0x101 * (rgb >> 8 & 0xFF), 0x101 * (rgb & 0xFF))
    for rgb in (0xE69F00, 0x56B4E9, 0x009E73, 0xF0E442, 0x0072B2, 0xD55E00, 0xCC79A7, 0x999999)
)


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    broken = sum(any(xml_text(text)[1] for text in _texts(s)) for s in timeline.segments)
    warning = f"{num(broken, 'segment')} with characters that XML does not have: written with U+FFFD in their place"
    return Written(
        content="".join(f"{line}\n" for line in _lines(timeline)).encode(), warnings=(warning,) if broken else ()
    )


def claims(head: str, suffix: str) -> bool:
    return head.lstrip().startswith("<") and "<file" in head and "<ALL_INSTANCES" in head


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    root = xml_root(data, name)
    if root.tag != "file" or root.find("ALL_INSTANCES") is None:
        refuse(name, "it is not Sportscode XML: file/ALL_INSTANCES is missing")
    segments: list[Segment] = []
    joined = labels = 0
    for number, instance in enumerate(root.iterfind("ALL_INSTANCES//instance"), 1):
        if number > MAX_SEGMENTS:
            refuse(name, f"it has more than {MAX_SEGMENTS} instances")
        start_s, end_s = (_time(instance, tag, number, name) for tag in ("start", "end"))
        if end_s < start_s:
            refuse(name, f"instance {number} ends at {end_s:g} s, before it starts at {start_s:g} s")
        labels += len(instance.findall("label"))
        if labels > MAX_LABELS:
            refuse(name, f"it has more than {MAX_LABELS} labels")
        score, attributes, num_joined = _labels(instance)
        joined += num_joined
        label = instance.findtext("code", "")
        segments.append(Segment(start_s=start_s, end_s=end_s, label=label, score=score, attributes=attributes))
    warnings = (f"{num(joined, 'label')} of a group that has one already: joined with a comma",) if joined else ()
    return ReadResult(timelines=(timeline_of(segments, name, options, format=TITLE),), warnings=warnings)


def _time(instance: "Element", tag: str, number: int, name: str) -> float:
    text = instance.findtext(tag, "")
    time_s = seconds(text)
    if isinstance(time_s, str) or not math.isfinite(time_s):
        refuse(name, f"the {tag} of instance {number} is {text[:100]!r}, not seconds")
    return time_s


def _labels(instance: "Element") -> tuple[float | None, dict[str, str], int]:
    """The score, the attributes, and how many labels were joined to one before."""
    score: float | None = None
    texts: dict[str, list[str]] = defaultdict(list)
    for number, label in enumerate(instance.iterfind("label")):
        group, text = label.findtext("group"), label.findtext("text", "")
        value = seconds(text) if group == SCORE and ":" not in text else text
        if group is None:
            texts[text] = texts[text] or [""]
        elif isinstance(value, float) and score is None and (0 <= value <= 1 or (number == 0 and math.isfinite(value))):
            score = value
        else:
            texts[group].append(text)
    joined = sum(len(several) - 1 for several in texts.values())
    return score, {group: ", ".join(several) for group, several in texts.items()}, joined


def _texts(segment: Segment) -> Iterator[str]:
    yield segment.label
    for name, value in segment.attributes.items():
        yield from (name, value)


def _lines(timeline: Timeline) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield "<file>"
    yield "<ALL_INSTANCES>"
    for number, s in enumerate(timeline.segments, 1):
        yield f"<instance><ID>{number}</ID><start>{_decimal(s.start_s)}</start><end>{_decimal(s.end_s)}</end>"
        yield f"<code>{_text(s.label)}</code>"
        labels = [] if s.score is None else [(SCORE, _exact(s.score))]
        for group, text in (*labels, *s.attributes.items()):
            yield f"<label><group>{_text(group)}</group><text>{_text(text)}</text></label>"
        yield "</instance>"
    yield "</ALL_INSTANCES>"
    yield "<ROWS>"
    for i, label in enumerate(timeline.labels):
        red, green, blue = COLOURS[i % len(COLOURS)]
        yield f"<row><code>{_text(label)}</code><R>{red}</R><G>{green}</G><B>{blue}</B></row>"
    yield "</ROWS>"
    yield "</file>"


def _text(text: str) -> str:
    return escape(xml_text(text)[0], {"\r": "&#13;"})  # raw, it would be read as a line break


def _decimal(time_s: float) -> str:
    return _exact(max(time_s, 0.0))


def _exact(value: float) -> str:
    """The shortest digits that mean this very number, without an exponent."""
    return format(Decimal(repr(value + 0.0)), "f")  # no -0.0
