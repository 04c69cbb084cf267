"""ffmpeg metadata (ffmpeg.org/ffmpeg-formats.html#Metadata-2): chapters for `ffmpeg -i film -i FILE -map_chapters 1`.

A chapter a segment, TIMEBASE=1/1000. Containers such as MP4 keep chapters as a track of their own: they cannot overlap,
so of overlapping segments the strongest holds (`Timeline.without_overlaps`), with a warning.
Resolution: milliseconds. Loses overlaps, scores, the name, length and identity of the film, gaps, curves, clip labels,
attributes and provenance.
Escapes: = ; # \\ and line breaks get a backslash before them. Carriage returns become line breaks; characters that text
files do not have become U+FFFD. ffmpeg takes a backslash at the end of a line for one that escapes the line break, even
where it is escaped itself: a label that ends with one gets a space after it.
Read: any time base; the title alone of a chapter's entries, the rest of the file is passed over. A chapter without an
end ends with the next one, or with the film.
Comes back the same: times in milliseconds without overlaps, labels without carriage returns, controls and a backslash
at the end.
"""

import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, decoded, refuse, timeline_of
from vtn_stream.formats.timeline_csv import in_ms
from vtn_stream.formats.writing import Options, Written, num, xml_text
from vtn_stream.timeline import Segment, Timeline

__all__ = ["claims", "read", "write"]

_MARK = ";FFMETADATA1"
_LINE = re.compile(r"((?:\\[\s\S]|[^\\\n]++)*+)(?:\n|\\?\Z)")
_ENTRY = re.compile(r"((?:\\[\s\S]|[^\\=]++)*+)=([\s\S]*)")
_BASE = re.compile(r"(\d{1,18})/(\d{1,18})", re.ASCII)


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    track = timeline.without_overlaps()
    changed: Counter[tuple[str, str]] = Counter()
    if num_cut := (Counter(timeline.segments) - Counter(track.segments)).total():
        changed["segment", "under stronger ones: cut or left out, since chapters cannot overlap"] = num_cut
    lines = [_MARK]
    for s in track.segments:
        start, end = max(0, in_ms(s.start_s)), max(0, in_ms(s.end_s))
        title = _title(s.label, changed)
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={start}", f"END={end}", f"title={title}"]
    return Written(
        content="\n".join([*lines, ""]).encode(),
        warnings=tuple(f"{num(count, thing)} {what}" for (thing, what), count in changed.items()),
    )


def claims(head: str, suffix: str) -> bool:
    return head.removeprefix("\ufeff").startswith(_MARK)


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    text = decoded(data, name)
    if not claims(text, ""):
        refuse(name, f"it does not begin with {_MARK}", line=1)
    chapters: list[dict[str, str]] = []
    entries: dict[str, str] = {}  # of the file itself, or of a stream: passed over
    for line in _LINE.findall(text):
        if line.startswith("["):
            entries = {}
            if line.startswith("[CHAPTER]"):
                chapters.append(entries)
        elif not line.startswith((";", "#")) and (entry := _ENTRY.fullmatch(line)):
            entries[_plain(entry[1])] = _plain(entry[2])
    if len(chapters) > MAX_SEGMENTS:
        refuse(name, f"more than {MAX_SEGMENTS} chapters")
    starts = [_time_s(chapter, "START", name) for chapter in chapters]
    segments = []
    for i, (chapter, start_s) in enumerate(zip(chapters, starts, strict=True)):
        if "END" in chapter:
            end_s = _time_s(chapter, "END", name)
        else:
            end_s = min((later for later in starts[i + 1 : i + 2]), default=max(start_s, options.duration_s or 0.0))
        if end_s < start_s:
            refuse(name, f"chapter {i + 1} ends before it begins")
        segments.append(Segment(start_s=start_s, end_s=end_s, label=chapter.get("title", "")))
    return ReadResult(timelines=(timeline_of(segments, name, options, format="ffmpeg metadata chapters"),))


def _title(label: str, changed: Counter[tuple[str, str]]) -> str:
    text, illegal = xml_text(label)
    if illegal:
        changed["label", "with controls or broken characters: these are written as U+FFFD"] += 1
    if "\r" in text:
        changed["label", "with carriage returns: these are written as line breaks"] += 1
    if text.endswith("\\"):
        changed["label", "with a backslash at the end, which ffmpeg misreads: a space is put after it"] += 1
        text += " "
    return re.sub(r"([=;#\\\n])", r"\\\1", re.sub("\r\n?", "\n", text))


def _plain(text: str) -> str:
    return re.sub(r"\\([\s\S])", r"\1", text)


def _time_s(chapter: dict[str, str], key: str, name: str) -> float:
    base = _BASE.fullmatch(chapter.get("TIMEBASE", "1/1000000000"))
    time = chapter.get(key, "")
    if base is None or int(base[2]) == 0 or not re.fullmatch(r"-?\d{1,18}", time, re.ASCII):
        refuse(name, f"a chapter has no {key} as a whole number of its TIMEBASE")
    return float(Fraction(int(time) * int(base[1]), int(base[2])))
