"""CMX 3600 EDL: a list of cuts, one track, a line an event, that nearly every editor reads.

    TITLE: film.mp4
    FCM: NON-DROP FRAME

    001  AX       V     C        01:00:01:00 01:00:02:12 01:00:01:00 01:00:02:12
    * FROM CLIP NAME: film.mp4
    * LOC: 01:00:01:00 BLUE    label
    * COMMENT: label

The reel is AX, "a file"; source and record times are both the film's timecode. Editors find the film by the clip name.
Of a recording each event names its file, whose own timecode the source times are; a segment that goes on in the next
file is an event of each, with a warning.
The label stands twice: Avid and OpenTimelineIO show LOC as a marker, though OpenTimelineIO not in drop-frame; others
have the comment. `FCM: DROP FRAME` and `;` only where the start timecode is drop-frame. Events past 999 have numbers
of four digits and more, as Premiere writes them, with a warning.

Resolution: a frame; what is shorter gets a whole one where no other event holds it, else it is left out.
Loses scores, attributes, gaps, curves, clip labels, provenance; with a warning, overlaps (the strongest holds) and days
(timecode begins again after 24 hours).
Escapes: UTF-8; line breaks and control characters are written as spaces, spaces at the ends of a label not at all.
Read: video events with their record times; cuts, wipes and dissolves alike; the label is the COMMENT, else the only LOC
if it stands where the event begins, else the clip's name, else the reel. All other LOC are instants, called by their
text, else by their colour, which is an attribute; they count as the record side does, or as the source where they fit
that alone. Events of no length, of black and without picture are not read, with a warning. An EDL says neither its rate
nor where the film starts: both are options, else 25 (29.97 in drop-frame) and 00:00:00:00, with a warning where the
first event then stands an hour in or later. What is up to 12 hours before the start is before the film. How lines are
read says edl_events.py. A list whose only event is called as the list itself, and has locators, is read by avid.py.
Domain: up to 12 hours past the start or up to 24:00:00:00, whichever is later; segments without overlaps from frame to
frame, labels of one line without spaces at the ends, read with the rate and start timecode they were written with.
"""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import PurePosixPath

from vtn_stream.formats.edl_events import MARKER_LINE, EdlEvent, events_in, is_edl, start_told
from vtn_stream.formats.edl_locators import Locator, count_as_source, holds_film_alone, locators_of, mark, placed
from vtn_stream.formats.media_files import in_files, media_files
from vtn_stream.formats.reading import ReadingOptions, ReadResult, decoded, timeline_of, told
from vtn_stream.formats.timecode import Clock, film_clock
from vtn_stream.formats.writing import Options, Written, num
from vtn_stream.timeline import Segment, Timeline

__all__ = ["claims", "event_line", "header", "line_warnings", "one_line", "read", "write"]

MAX_EVENTS = 999


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    clock, warnings = film_clock(timeline, options)
    strongest = timeline.without_overlaps()
    if changed := sum((Counter(timeline.segments) - Counter(strongest.segments)).values()):
        warnings += (f"there is one track: {num(changed, 'segment')} cut or left out where a stronger one holds",)
    files = media_files(timeline, clock)
    strongest, cut = in_files(strongest, files)
    warnings += cut
    events, rounded = _whole_frames(strongest.segments, clock)
    warnings += rounded + line_warnings([s.label for _, _, s in events], [end for _, end, _ in events], clock)
    lines = header(timeline, clock)
    for number, (first, end, segment) in enumerate(events, 1):
        label = one_line(segment.label)
        file = files[max(0, bisect_right(files, segment.start_s, key=lambda file: file.start_s) - 1)]
        source = replace(clock, start=file.start - file.first)
        lines += [
            event_line(number, "AX", first, end, clock, source),
            f"* FROM CLIP NAME: {one_line(PurePosixPath(file.path).name)}",
            f"* LOC: {clock.timecode(first)} BLUE    {label}".rstrip(),
            f"* COMMENT: {label}".rstrip(),
        ]
    return Written(content="".join(line + "\n" for line in lines).encode(), warnings=warnings)


def claims(head: str, suffix: str) -> bool:
    return is_edl(head) and MARKER_LINE.search(head) is None and not holds_film_alone(head)


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    events, clock, warnings = events_in(decoded(data, name), name, options)
    segments: list[Segment] = []
    marked: dict[Locator, None] = {}
    clips: set[str | None] = set()
    unread = defaultdict[str, list[int]](list)
    written = [locators_of(event, clock, unread["locator{} at no timecode not read"]) for event in events]
    by_source = count_as_source(events, written, clock)
    for event, below, locators in zip_longest(events, events[1:], written):
        locators = [placed(locator, event, clock, by_source=by_source) for locator in locators]
        why = _why_unread(event, below)
        if why is not None:
            unread[why].append(event.line)
        elif event.start < event.end:
            label, locators = _labelled(event, locators)
            segments.append(Segment(start_s=clock.seconds(event.start), end_s=clock.seconds(event.end), label=label))
            clips.add(next((clip for _, clip in event.remarked("FROM CLIP NAME:")), None))
            unread["further comment{} on an event not read"] += [line for line, _ in event.remarked("COMMENT:")][1:]
        marked |= dict.fromkeys(locators)
    warnings += told(unread)
    return ReadResult(
        timelines=(
            timeline_of(
                [*segments, *(mark(locator, clock) for locator in marked)],
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
        warnings += (f"{num(later, 'segment')} up to or past 24:00:00:00, where timecode begins again at 00:00:00:00",)
    return warnings


def header(timeline: Timeline, clock: Clock) -> list[str]:
    """The first lines, up to the first event."""
    title = one_line(PurePosixPath(timeline.video_path).name)
    return [f"TITLE: {title}", f"FCM: {'DROP FRAME' if clock.drop else 'NON-DROP FRAME'}", ""]


def event_line(number: int, reel: str, first: int, end: int, clock: Clock, source: Clock | None = None) -> str:
    """A cut of the frames [first, end), in the columns of the standard. source: how the reel's own frames are named."""
    there, here = (f"{of.timecode(first)} {of.timecode(end)}" for of in (source or clock, clock))
    return f"{number:03d}  {reel:<8} V     C        {there} {here}"


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


def _why_unread(event: EdlEvent, below: EdlEvent | None) -> str | None:
    """Why an event is no segment. One of no length that leads into the transition below it is a part of that one."""
    if event.start == event.end:
        leads = below is not None and below.number == event.number and below.is_transition
        return None if leads else "event{} of no length not read"
    if event.reel.upper() in ("BL", "BLACK"):
        return "event{} of black not read"
    return None if re.search("[VB]", event.channels) else "event{} without picture not read"


def _labelled(event: EdlEvent, locators: list[Locator]) -> tuple[str, list[Locator]]:
    """The label of an event, and the locators that say something else."""
    unnamed = any(locator.frame == event.start and not locator.text for locator in locators)  # an empty label of ours
    label = next((comment for _, comment in event.remarked("COMMENT:") if comment or unnamed), None)
    if label is None and len(locators) == 1 and locators[0].frame == event.start:
        label = locators[0].text or None
    for kind in ("TO CLIP NAME:", "FROM CLIP NAME:"):
        if label is None:
            label = next((clip for _, clip in event.remarked(kind)), None)
    label = event.reel if label is None else label
    return label, [locator for locator in locators if (locator.frame, locator.text) != (event.start, label)]
