"""SubRip (.srt): a numbered block a segment, for the subtitles of any player.

Blocks stand in order of time; segments that overlap are blocks that are shown together. Times are HH:MM:SS,mmm, always
with hours.
Resolution: milliseconds. A block must end after it begins, so a shorter segment gets 1 ms; a warning tells it.
Loses scores, the name, length and identity of the film, gaps, curves, clip labels, attributes and provenance.
Escapes: SubRip has none. A line break in a label stays, but an empty line ends a block: lines that are empty or white
space alone are left out, and carriage returns become line breaks. --> would begin a block: it becomes ->. Tags that
players take for styles (<i>, <font ...>, {\\an8}) are written as they are, and a warning tells it; any other < is plain
text. Characters that text files do not have become U+FFFD.
Read: a point for the comma; times without hours; blocks without a number; empty lines inside a block, as other programs
write them. What stands after the times and tags of style are passed over.
Comes back the same: times in milliseconds, segments of 1 ms and more, labels without any of what is named above.
"""

import re
from collections import Counter
from collections.abc import Sequence

from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, decoded, refuse, timeline_of
from vtn_stream.formats.timeline_csv import clock, in_ms
from vtn_stream.formats.writing import Options, Written, num, xml_text
from vtn_stream.timeline import Segment, Timeline

__all__ = ["claims", "read", "write"]

ENOUGH = 64 * 1024  # characters tell it

_TIME = r"(?:(\d{1,9}):)?([0-5]?\d):([0-5]?\d)[,.](\d{3})"
_TIMES = re.compile(rf"[ \t]*{_TIME}[ \t]*-->[ \t]*{_TIME}(?:[ \t].*)?", re.ASCII)
_DAMAGED = re.compile(r"[\s\d:,.]+-->")
_STYLE = re.compile(r"</?(?:b|i|u|s|font(?:\s[^<>]*)?)>|\{\\[^{}]*\}", re.IGNORECASE)


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    changed: Counter[tuple[str, str]] = Counter()
    blocks = []
    for i, s in enumerate(timeline.segments):
        start, end = max(0, in_ms(s.start_s)), max(0, in_ms(s.end_s))
        if start == end:
            changed["segment", "shorter than 1 ms, which a subtitle cannot be: these are written 1 ms long"] += 1
            end += 1
        times = f"{clock(start / 1000)} --> {clock(end / 1000)}".replace(".", ",")
        blocks.append(f"{i + 1}\n{times}\n{_text(s.label, changed)}\n")
    return Written(
        content="\n".join(blocks).encode(),
        warnings=tuple(f"{num(count, thing)} {what}" for (thing, what), count in changed.items()),
    )


def claims(head: str, suffix: str) -> bool:
    """Whether the first line with something on it, but for a number, is the times of a block: as it is read."""
    lines = (line for line in head.removeprefix("\ufeff")[:ENOUGH].split("\n") if line.strip())
    first = next((line for line in lines if not line.strip().isdecimal()), "")
    return _TIMES.fullmatch(first) is not None


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    lines = decoded(data, name).split("\n")
    blocks = [(at, times) for at, line in enumerate(lines) if (times := _TIMES.fullmatch(line))]
    if len(blocks) > MAX_SEGMENTS:
        refuse(name, f"more than {MAX_SEGMENTS} blocks")
    for at, line in enumerate(lines[: blocks[0][0] if blocks else None]):
        if line.strip() and not line.strip().isdecimal():
            refuse(name, "it does not begin with a number and the times of a block", line=at + 1)
    ends = [at for at, _ in blocks[1:]] + [len(lines) + 1]
    segments = []
    for (at, times), following in zip(blocks, ends, strict=False):
        start_s, end_s = _seconds(*times.groups()[:4]), _seconds(*times.groups()[4:])
        if end_s < start_s:
            refuse(name, "the block ends before it begins", line=at + 1)
        text = lines[at + 1 : following]
        if following < len(lines) and text and text[-1].strip().isdecimal():
            text.pop()
        if damaged := [i for i, line in enumerate(text) if _DAMAGED.match(line)]:
            refuse(name, "these are not the times of a block", line=at + 2 + damaged[0])
        label = _STYLE.sub("", "\n".join(text).strip("\n"))
        segments.append(Segment(start_s=start_s, end_s=end_s, label=label))
    return ReadResult(timelines=(timeline_of(segments, name, options, format="SubRip"),))


def _text(label: str, changed: Counter[tuple[str, str]]) -> str:
    text, illegal = xml_text(label)
    if illegal:
        changed["label", "with controls or broken characters: these are written as U+FFFD"] += 1
    kept = "\n".join(line for line in re.split("[\r\n]", text) if line.strip())
    if kept != text:
        changed[
            "label", "with empty lines or carriage returns, which a subtitle cannot hold: only line breaks stay"
        ] += 1
    if "-->" in kept:
        changed["label", "with -->, which would begin a subtitle: this is written as ->"] += 1
    if _STYLE.search(kept):
        changed["label", "with tags of style, which players do not show: these are written as they are"] += 1
    return re.sub("(?<!-)--+>", "->", kept) if "-->" in kept else kept


def _seconds(hours: str | None, minutes: str, seconds: str, ms: str) -> float:
    return (((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(ms)) / 1000
