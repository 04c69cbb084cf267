"""CMX 3600 EDL: a list of cuts, one track, a line an event, that nearly every editor reads.

    TITLE: film.mp4
    FCM: NON-DROP FRAME

    001  AX       V     C        01:00:01:00 01:00:02:12 01:00:01:00 01:00:02:12
    * FROM CLIP NAME: film.mp4
    * LOC: 01:00:01:00 BLUE    label
    * COMMENT: label

The reel is AX, "a file"; source and record times are both the film's timecode. Editors find the film by the clip name.
The label stands twice: Avid and OpenTimelineIO show LOC as a marker, though OpenTimelineIO not in drop-frame; others
have the comment. `FCM: DROP FRAME` and `;` only where the start timecode is drop-frame. Events past 999 have numbers
of four digits and more, as Premiere writes them, with a warning.

Resolution: a frame; what is shorter gets a whole one where no other event holds it, else it is left out.
Loses scores, attributes, gaps, curves, clip labels, provenance; with a warning, overlaps (the strongest holds) and days
(timecode begins anew after 24 hours).
Escapes: UTF-8; line breaks and control characters are written as spaces, spaces at the ends of a label not at all.
Read: video events with their record times; cuts, wipes and dissolves alike; the label is the COMMENT, else LOC, else
the clip's name, else the reel. Events of no length, of black and without picture are not read. An EDL says neither its
rate nor where the film starts: both are options, else 25 (29.97 in drop-frame) and 00:00:00:00, with a warning where
the first event then stands an hour in or later. What is up to 12 hours before the start is before the film.
Domain: up to 12 hours past the start or up to 24:00:00:00, whichever is later; segments without overlaps from frame to
frame, labels of one line without spaces at the ends, read with the rate and start timecode they were written with.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import PurePosixPath

from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, decoded, refuse, timeline_of
from vtn_stream.formats.timecode import Clock, film_clock, reading_clock
from vtn_stream.formats.writing import Options, Written, num
from vtn_stream.timeline import Segment, Timeline

__all__ = [
    "MARKER_LINE",
    "EdlEvent",
    "claims",
    "event_line",
    "events_in",
    "header",
    "is_edl",
    "line_warnings",
    "one_line",
    "read",
    "start_told",
    "write",
]

MAX_EVENTS = 999

_TIME = r"(\d{1,2}[:;.,]\d\d[:;.,]\d\d[:;.,]\d{2,3})"
_EVENT = re.compile(
    r"(\d+)\s+(\S+(?: \S+)*?)\s+([ABV\d/]+|NONE)\s+([CDK]\w*|W\d*)(?:\s+\d+)?"  # number, reel, channels, kind
    rf"\s+{_TIME}\s+{_TIME}\s+{_TIME}\s+{_TIME}\s*",  # source, record
    re.ASCII,
)
_BEGINS_AS_EVENT = re.compile(r"\d{3,}(?: {2,}|\t)\S", re.ASCII)
MARKER_LINE = re.compile(r"^(?![ \t]*\*|TITLE:)([^|\n]*)\|C:[ \t]*\w+[ \t]*\|M:", re.ASCII | re.MULTILINE)  # Resolve's
_LOCATOR = re.compile(r"LOC:\s*(?:\d\S*)?\s*(?:\w+\s*)?(.*)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdlEvent:
    """An event line and the lines below it. start, end: frames of the film, by the record times."""

    line: int
    reel: str
    channels: str
    start: int
    end: int
    remarks: list[str] = field(default_factory=list)


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    clock, warnings = film_clock(timeline, options)
    track = timeline.without_overlaps().segments
    if changed := sum((Counter(timeline.segments) - Counter(track)).values()):
        warnings += (f"there is one track: {num(changed, 'segment')} cut or left out where a stronger one holds",)
    events, rounded = _whole_frames(track, clock)
    warnings += rounded + line_warnings([s.label for _, _, s in events], [end for _, end, _ in events], clock)
    lines = header(timeline, clock)
    film = one_line(PurePosixPath(timeline.video_path).name)
    for number, (first, end, segment) in enumerate(events, 1):
        label = one_line(segment.label)
        lines += [
            event_line(number, "AX", first, end, clock),
            f"* FROM CLIP NAME: {film}",
            f"* LOC: {clock.timecode(first)} BLUE    {label}".rstrip(),
            f"* COMMENT: {label}".rstrip(),
        ]
    return Written(content="".join(line + "\n" for line in lines).encode(), warnings=warnings)


def claims(head: str, suffix: str) -> bool:
    return is_edl(head) and MARKER_LINE.search(head) is None


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    events, clock, warnings = events_in(decoded(data, name), name, options)
    kept = [e for e in events if e.start < e.end and e.reel.upper() not in ("BL", "BLACK")]
    seen = [e for e in kept if re.search(r"[VB]", e.channels)]
    if unseen := len(kept) - len(seen):
        warnings += (f"{num(unseen, 'event')} without picture not read",)
    segments = [Segment(start_s=clock.seconds(e.start), end_s=clock.seconds(e.end), label=_label(e)) for e in seen]
    clips = {_remark(e, "FROM CLIP NAME:") for e in seen}
    return ReadResult(
        timelines=(
            timeline_of(
                segments,
                name,
                options,
                format="CMX 3600 EDL",
                video=clips.pop() if len(clips) == 1 else None,
                rate=clock.rate,
                start_timecode=start_told(clock, options),
            ),
        ),
        warnings=warnings,
    )


def one_line(text: str) -> str:
    """The text as it can be in a line: line breaks and control characters become spaces, without spaces at the ends."""
    text = re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text)
    return re.sub("[\ud800-\udfff]", "\ufffd", text).strip()


def line_warnings(labels: Iterable[str], ends: Sequence[int], clock: Clock) -> tuple[str, ...]:
    """What a list of events cannot hold of these labels, and of segments that end before these frames of the film."""
    warnings: tuple[str, ...] = ()
    if changed := sum(one_line(label) != label for label in labels):
        warnings += (
            f"{num(changed, 'label')} with line breaks, control characters or spaces at the ends, which a line cannot "
            "hold: written as spaces, at the ends not at all",
        )
    if len(ends) > MAX_EVENTS:
        warnings += (f"{len(ends)} events, where CMX 3600 has {MAX_EVENTS}: the numbers go on with more digits",)
    if later := sum(clock.start + end >= clock.day for end in ends):
        warnings += (f"{num(later, 'segment')} up to or past 24:00:00:00, where timecode begins anew at 00:00:00:00",)
    return warnings


def header(timeline: Timeline, clock: Clock) -> list[str]:
    """The first lines, up to the first event."""
    title = one_line(PurePosixPath(timeline.video_path).name)
    return [f"TITLE: {title}", f"FCM: {'DROP FRAME' if clock.drop else 'NON-DROP FRAME'}", ""]


def event_line(number: int, reel: str, first: int, end: int, clock: Clock) -> str:
    """A cut of the frames [first, end), in the columns of the standard."""
    times = f"{clock.timecode(first)} {clock.timecode(end)}"
    return f"{number:03d}  {reel:<8} V     C        {times} {times}"


def is_edl(head: str) -> bool:
    """Whether a text begins as an EDL: with events below a title, or without one."""
    lines = [line for line in head.split("\n")[:-1] if line.strip()] or [head]
    titled = lines[0].startswith("TITLE:")
    rest = lines[1:] if titled else lines
    return any(_EVENT.fullmatch(line) for line in rest[:50]) or (titled and any(s.startswith("FCM:") for s in rest[:3]))


def events_in(text: str, name: str, options: ReadingOptions) -> tuple[list[EdlEvent], Clock, tuple[str, ...]]:
    """The events of an EDL, its clock and what was read otherwise than stated. Raises TimelineError."""
    lines = text.split("\n")
    matches = [_EVENT.fullmatch(line) for line in lines]
    modes = [line.split(":", 1)[1].strip().upper() for line in lines if line.startswith("FCM:")]
    drop = modes[0].startswith("DROP") if modes else any(m is not None and m[7][-3] == ";" for m in matches)
    usual = Fraction(30000, 1001) if drop else None  # the file says its mode, not its rate
    clock, warnings = reading_clock(options, rate=options.rate or usual, drop=drop)
    events: list[EdlEvent] = []
    for i, (line, match) in enumerate(zip(lines, matches, strict=True), 1):
        if match is not None:
            try:
                start, end = clock.frame_at(match[7]), clock.frame_at(match[8])
            except ValueError as error:
                refuse(name, f"timecode {match[7]} to {match[8]}: {error}", line=i)
            end += clock.day if end < start else 0
            events.append(EdlEvent(line=i, reel=match[2], channels=match[3], start=start, end=end))
            if len(events) > MAX_SEGMENTS:
                refuse(name, f"it has more than {MAX_SEGMENTS} events", line=i)
        elif events and "|C:" not in line and _BEGINS_AS_EVENT.match(line):
            refuse(name, "an event without reel, track, kind and four timecodes", line=i)
        elif events:
            events[-1].remarks.append(line)
    if not events and not any(line.startswith("TITLE:") for line in lines):
        refuse(name, "it has neither a title nor events")
    first = min((event.start for event in events), default=0)
    if options.start_timecode is None and (hours := clock.seconds(first) / 3600) >= 1:
        warnings += (
            f"the first event is at {clock.timecode(first)} and no start timecode is given: it is taken as {hours:.3g} "
            "h into the film (--start-timecode)",
        )
    return events, clock, warnings


def start_told(clock: Clock, options: ReadingOptions) -> str | None:
    """The start timecode as the clock understood it, if one is given."""
    return None if options.start_timecode is None else clock.timecode(0)


def _whole_frames(track: Sequence[Segment], clock: Clock) -> tuple[list[tuple[int, int, Segment]], tuple[str, ...]]:
    """(first frame, frame after the last, segment): each of at least a frame, no frame twice."""
    spans = [(*clock.span(s), s) for s in track]
    taken = {first for first, end, _ in spans if first < end}
    whole: list[tuple[int, int, Segment]] = []
    num_short = 0
    for first, end, segment in spans:
        if first == end:
            num_short += 1
            if first in taken:
                continue
            taken.add(first)
        whole.append((first, max(end, first + 1), segment))
    warnings: tuple[str, ...] = ()
    if num_short:
        warnings += (f"{num(num_short, 'segment')} shorter than a frame: written as a whole one",)
    if lost := len(track) - len(whole):
        warnings += (f"{num(lost, 'segment')} shorter than a frame, in one that another holds: left out",)
    return whole, warnings


def _label(event: EdlEvent) -> str:
    comment = _remark(event, "COMMENT:")
    if comment is not None:
        return comment
    locator = next((m[1] for r in event.remarks if (m := _LOCATOR.match(r.lstrip("* \t")))), None)
    if locator is not None:
        return locator.strip()
    clip = _remark(event, "TO CLIP NAME:") or _remark(event, "FROM CLIP NAME:")
    return event.reel if clip is None else clip


def _remark(event: EdlEvent, kind: str) -> str | None:
    remarks = (remark.lstrip("* \t") for remark in event.remarks)
    return next((remark.removeprefix(kind).strip() for remark in remarks if remark.startswith(kind)), None)
