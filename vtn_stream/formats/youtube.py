"""YouTube chapters: lines of a time and a title, for the description of a film.

YouTube makes chapters only of a list that starts at 0:00, has at least 3 of them, and gives each at least 10 seconds.
A chapter has no end: it lasts until the next one, so time after a segment belongs to its chapter, as creators write
them. What is done to make a valid list, each with a warning:
- of overlapping segments the strongest holds (`Timeline.without_overlaps`);
- a chapter of less than 10 s is joined with the one after it, the last with the one before it; the segment that lasts
  longest gives the name;
- a first chapter that begins before 0:10 begins at 0:00; before a later one stands a chapter named Start.
A list that is still too short is written, with a warning that YouTube will ignore it.
Resolution: whole seconds, rounded down, so that a chapter never begins late. Loses ends, scores, the name, length and
identity of the film, gaps, curves, clip labels, attributes and provenance.
Escapes: < and >, which YouTube does not allow, become ‹ and ›; white space of any kind becomes single spaces;
characters that text files do not have become U+FFFD. A label without text is written as -, one that begins with a time
after "at".
Read: M:SS or H:MM:SS, brackets around it, a dash after it; lines without a time are passed over, with a warning. A
chapter ends with the next one, the last with the film, or where it begins if the film's length is not known.
Comes back the same: segments that touch, cover the film and last whole seconds, 10 or more; labels of words with single
spaces between them, without < > and a dash or a time at the start.
"""

import re
from collections import Counter
from collections.abc import Sequence

from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, decoded, refuse, timeline_of, told
from vtn_stream.formats.writing import Options, Written, num, xml_text
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.times import is_clock

__all__ = ["claims", "read", "write"]

MIN_DURATION_S = 10
MIN_CHAPTERS = 3
MAX_CHARACTERS = 5000  # of a whole description
HEAD = 4096  # of as many characters, the last line may be cut
ENOUGH = 16 * HEAD  # characters tell it

_LINE = re.compile(r"\s*[(\[]?(?:(\d{1,3}):)?(\d{1,3}):([0-5]\d)[)\]]?(?:\s*[-–—](?:\s+|$)|\s+|$)(.*)", re.ASCII)


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    changed: Counter[tuple[str, str]] = Counter()
    chapters = _chapters(timeline, changed)
    text = "".join(f"{_clock(start)} {_title(label, changed)}\n" for start, label in chapters)
    warnings = [f"{num(count, thing)} {what}" for (thing, what), count in changed.items()]
    if len(chapters) < MIN_CHAPTERS:
        warnings.append(f"{num(len(chapters), 'chapter')}, fewer than {MIN_CHAPTERS}: YouTube will ignore the list")
    if len(text) > MAX_CHARACTERS:
        warnings.append(
            f"{len(text)} characters, but a description holds {MAX_CHARACTERS}: all are written, leave some out"
        )
    return Written(content=text.encode(), warnings=tuple(warnings))


def claims(head: str, suffix: str) -> bool:
    """Whether every complete line is a chapter; or, in a description with prose, a list that YouTube would accept."""
    head = head[:ENOUGH]
    whole = head.removeprefix("\ufeff") if len(head) < HEAD else head.rpartition("\n")[0]
    found = [_LINE.fullmatch(line) for line in whole.split("\n") if line.strip()]
    if found and all(found):
        words = [m[4].split() for m in found if m is not None]
        return not all(title and is_clock(title[0]) for title in words)  # a start and an end: no chapters
    times = [(int(m[1] or 0), int(m[2]), int(m[3])) for m in found if m is not None and m[4].strip()]
    return suffix in ("", ".txt") and len(times) >= MIN_CHAPTERS and times[0] == (0, 0, 0)


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    lines = decoded(data, name).split("\n")
    chapters: list[tuple[int, str]] = []
    other: list[int] = []
    for number, line in enumerate(lines, 1):
        if found := _LINE.fullmatch(line):
            start = (int(found[1] or 0) * 60 + int(found[2])) * 60 + int(found[3])
            chapters.append((start, found[4].strip()))
        elif line.strip():
            other.append(number)
    chapters.sort()
    if other and not chapters:
        refuse(name, "no line begins with a time")
    if len(chapters) > MAX_SEGMENTS:
        refuse(name, f"more than {MAX_SEGMENTS} chapters")
    ends = [start for start, _ in chapters[1:]] + [options.duration_s or 0]
    segments = [
        Segment(start_s=start, end_s=max(start, end), label=label)
        for (start, label), end in zip(chapters, ends, strict=False)
    ]
    timeline = timeline_of(segments, name, options, format="YouTube chapters")
    return ReadResult(timelines=(timeline,), warnings=told({"line{} without a time at the start: ignored": other}))


def _chapters(timeline: Timeline, changed: Counter[tuple[str, str]]) -> list[tuple[int, str]]:
    """Where each chapter starts, in whole seconds, and its label."""
    track = timeline.without_overlaps()
    if num_cut := (Counter(timeline.segments) - Counter(track.segments)).total():
        changed["segment", "under stronger ones: cut or left out, since chapters cannot overlap"] = num_cut
    chapters: list[tuple[int, Segment]] = []
    for s in track.segments:
        start = max(0, int(s.start_s))
        if not chapters and start >= MIN_DURATION_S:
            changed["chapter", "named Start put before the first: a list must begin at 0:00"] = 1
            chapters.append((0, Segment(start_s=0, end_s=0, label="Start")))
        elif not chapters and start > 0:
            changed["chapter", "moved to 0:00, where a list must begin"] = 1
            start = 0
        chapters.append((start, s))
        if len(chapters) > 1 and start - chapters[-2][0] < MIN_DURATION_S:
            _join_last(chapters, changed)
    if len(chapters) > 1 and timeline.duration_s - chapters[-1][0] < MIN_DURATION_S:
        _join_last(chapters, changed)
    return [(start, s.label) for start, s in chapters]


def _join_last(chapters: list[tuple[int, Segment]], changed: Counter[tuple[str, str]]) -> None:
    """Joins the last two chapters, named by the segment that lasts longer."""
    changed["chapter", f"joined with a neighbour: each must last at least {MIN_DURATION_S} s"] += 1
    (start, before), (_, after) = chapters[-2:]
    chapters[-2:] = [(start, max(before, after, key=lambda s: s.duration_s))]


def _title(label: str, changed: Counter[tuple[str, str]]) -> str:
    text, illegal = xml_text(label)
    if illegal:
        changed["label", "with controls or broken characters: these are written as U+FFFD"] += 1
    title = " ".join(text.split())
    if title != text:
        changed["label", "with line breaks, tabs or spare spaces: each run is written as one space"] += 1
    if is_clock(title.lstrip("-–— ").partition(" ")[0]):  # a dash before it belongs to the chapter's time
        changed["label", 'that begins with a time, which would look like an end: written after "at"'] += 1
        title = f"at {title}"
    elif title.startswith(("-", "–", "—")):
        changed["label", "that begins with a dash: who reads it may take that for a part of the time"] += 1
    if "<" in title or ">" in title:
        changed["label", "with < or >, which YouTube does not allow: written as ‹ and ›"] += 1
    return title.replace("<", "‹").replace(">", "›") or "-"


def _clock(start: int) -> str:
    """M:SS, from an hour on H:MM:SS."""
    minutes, seconds = divmod(start, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
