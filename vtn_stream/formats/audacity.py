"""Audacity labels: start, tab, end, tab, label; a line a segment. An instant has equal times: a point label.

Resolution: microseconds. Loses scores, the name, length and identity of the film, gaps, curves, clip labels, attributes
and provenance.
Escapes: there are none. Tabs and line breaks in a label become spaces; characters that text files do not have become
U+FFFD.
Read: a comma for the decimal point; lines of two times, whose trailing tab an editor took away; the lines of
frequencies, which begin with a backslash, are passed over.
Comes back the same: times in microseconds, labels without tabs, line breaks and controls.
"""

import re
from collections import Counter
from collections.abc import Sequence

from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, decoded, refuse, timeline_of
from vtn_stream.formats.writing import Options, Written, num, xml_text
from vtn_stream.timeline import Segment, Timeline

__all__ = ["claims", "read", "write"]

HEAD = 4096  # of as many characters, the last line may be cut
ENOUGH = 16 * HEAD  # characters tell it

_LINE = re.compile(r"(-?\d{1,15}(?:[.,]\d{1,15})?)\t(-?\d{1,15}(?:[.,]\d{1,15})?)(?:\t(.*))?", re.ASCII)
_UNLABELLED = re.compile(r"-?\d+[.,]\d{6}\t-?\d+[.,]\d{6}", re.ASCII)  # as Audacity writes times
_BREAK = re.compile("\r\n|[\t\r\n\x85\u2028\u2029]")


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    changed: Counter[str] = Counter()
    lines = []
    for s in timeline.segments:
        text, illegal = xml_text(s.label)
        if illegal:
            changed["with controls or broken characters: these are written as U+FFFD"] += 1
        if _BREAK.search(text):
            changed["with tabs or line breaks, which end a label: these are written as spaces"] += 1
        start_s, end_s = max(0.0, s.start_s), max(0.0, s.end_s)
        lines.append(f"{start_s:.6f}\t{end_s:.6f}\t{_BREAK.sub(' ', text)}\n")
    return Written(
        content="".join(lines).encode(),
        warnings=tuple(f"{num(count, 'label')} {what}" for what, count in changed.items()),
    )


def claims(head: str, suffix: str) -> bool:
    """Whether every complete line is a label, and there is one."""
    head = head[:ENOUGH]
    whole = head.removeprefix("\ufeff") if len(head) < HEAD else head.rpartition("\n")[0]
    lines = [line for line in whole.split("\n") if line and not line.startswith("\\\t")]
    return bool(lines) and all(
        (parts := _LINE.fullmatch(line)) and (parts[3] is not None or _UNLABELLED.fullmatch(line)) for line in lines
    )


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    segments: list[Segment] = []
    for number, line in enumerate(decoded(data, name).split("\n"), 1):
        if not line or line.startswith("\\\t"):
            continue
        parts = _LINE.fullmatch(line)
        if parts is None:
            refuse(name, "it is not a start, tab, end, tab and label", line=number)
        start_s, end_s = (float(parts[i].replace(",", ".")) for i in (1, 2))
        if end_s < start_s:
            refuse(name, "it ends before it starts", line=number)
        if len(segments) >= MAX_SEGMENTS:
            refuse(name, f"more than {MAX_SEGMENTS} labels", line=number)
        segments.append(Segment(start_s=start_s, end_s=end_s, label=parts[3] or ""))
    return ReadResult(timelines=(timeline_of(segments, name, options, format="Audacity labels"),))
