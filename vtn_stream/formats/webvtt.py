"""WebVTT (w3.org/TR/webvtt1): a cue a segment, for the subtitle track of any player.

Cues stand in order of time; segments that overlap are cues that are shown together. A cue is its times and the label,
without identifier and settings.
Resolution: milliseconds. A cue must end after it begins, so a shorter segment gets 1 ms; a warning tells it.
Loses scores, the name, length and identity of the film, gaps, curves, clip labels, attributes and provenance.
Escapes: & < > as &amp; &lt; &gt;, so that --> cannot stand in a label. A line break in a label stays, but an empty line
ends a cue: those are left out, and carriage returns become line breaks. Characters that text files do not have become
U+FFFD.
Read: hours may be missing; settings and identifiers are passed over, and so is whatever is no cue (NOTE, STYLE,
REGION); the X-TIMESTAMP-MAP of HLS, the place of a segment in its stream, is not applied, with a warning; tags are
taken out of the text, character references become what they stand for.
Comes back the same: times in milliseconds, segments of 1 ms and more, labels without empty lines, carriage returns and
controls.
"""

import html
import re
from collections import Counter
from collections.abc import Sequence

from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, decoded, refuse, timeline_of
from vtn_stream.formats.timeline_csv import clock, in_ms
from vtn_stream.formats.writing import Options, Written, num, xml_text
from vtn_stream.timeline import Segment, Timeline

__all__ = ["claims", "read", "write"]

_TIME = r"(?:(\d{1,9}):)?([0-5]?\d):([0-5]?\d)\.(\d{3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?", re.ASCII)
_TAG = re.compile("<[^>]*>?")


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    changed: Counter[tuple[str, str]] = Counter()
    cues = ["WEBVTT\n"]
    for s in timeline.segments:
        start, end = max(0, in_ms(s.start_s)), max(0, in_ms(s.end_s))
        if start == end:
            changed["segment", "shorter than 1 ms, which a cue cannot be: these are written 1 ms long"] += 1
            end += 1
        cues.append(f"{clock(start / 1000)} --> {clock(end / 1000)}\n{_text(s.label, changed)}\n")
    return Written(
        content="\n".join(cues).encode(),
        warnings=tuple(f"{num(count, thing)} {what}" for (thing, what), count in changed.items()),
    )


def claims(head: str, suffix: str) -> bool:
    return bool(re.match("\ufeff?WEBVTT(?:[ \t\n]|$)", head))


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    lines = decoded(data, name).split("\n")
    if not claims(lines[0], ""):
        refuse(name, "it does not begin with WEBVTT", line=1)
    segments: list[Segment] = []
    warnings: tuple[str, ...] = ()
    at = 1
    while at < len(lines):
        at += 1
        if not segments and re.match("X-TIMESTAMP-MAP=.*[1-9]", lines[at - 1]):
            warnings = ("the X-TIMESTAMP-MAP of a streamed segment is not applied: times are read as they stand",)
        if "-->" not in lines[at - 1]:
            continue
        times = _TIMES.fullmatch(lines[at - 1])
        if times is None:
            refuse(name, "these are not the times of a cue", line=at)
        start_s, end_s = _seconds(*times.groups()[:4]), _seconds(*times.groups()[4:])
        if end_s < start_s:
            refuse(name, "the cue ends before it begins", line=at)
        if len(segments) >= MAX_SEGMENTS:
            refuse(name, f"more than {MAX_SEGMENTS} cues", line=at)
        first = at
        while at < len(lines) and lines[at] and "-->" not in lines[at]:
            at += 1
        text = html.unescape(_TAG.sub("", "\n".join(lines[first:at])))
        segments.append(Segment(start_s=start_s, end_s=end_s, label=text))
    return ReadResult(timelines=(timeline_of(segments, name, options, format="WebVTT"),), warnings=warnings)


def _text(label: str, changed: Counter[tuple[str, str]]) -> str:
    text, illegal = xml_text(label)
    if illegal:
        changed["label", "with controls or broken characters: these are written as U+FFFD"] += 1
    kept = re.sub("\n+", "\n", text.replace("\r", "\n")).strip("\n")
    if kept != text:
        changed["label", "with empty lines or carriage returns, which a cue cannot hold: only line breaks stay"] += 1
    return html.escape(kept, quote=False)


def _seconds(hours: str | None, minutes: str, seconds: str, ms: str) -> float:
    return (((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(ms)) / 1000
