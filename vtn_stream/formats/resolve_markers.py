"""DaVinci Resolve's marker EDL: an event of one frame a marker, and below it a line with colour, name and length.

    TITLE: film.mp4
    FCM: NON-DROP FRAME

    001  001      V     C        01:00:01:00 01:00:01:01 01:00:01:00 01:00:01:01
     |C:ResolveColorBlue |M:label |D:37

Import it into a timeline that starts with the film's first frame, at its timecode: Timelines > Import > Timeline
Markers from EDL. A colour a label, in order of appearance; after 16 they come again.

Resolution: a frame; what is shorter gets a whole one. Markers may overlap, but Resolve keeps one of those that begin
at one frame: the others are moved to the next free frame, with a warning.
Loses scores, attributes, gaps, curves, clip labels, provenance; days (timecode begins anew after 24 hours).
Escapes: UTF-8; line breaks and control characters are written as spaces, `|` as `/`, spaces at the ends not at all.
Read: names as labels, the text before the first `|`, which Resolve calls the notes, as the attribute "notes". Rate and
start timecode are options, as for any EDL (cmx3600.py).
Domain: up to 12 hours past the start or up to 24:00:00:00, whichever is later; segments of a frame and more from frame
to frame that begin at different frames, labels of one line without `|` and without spaces at the ends, read with the
rate and start timecode they were written with.
"""

import re
from collections.abc import Iterator, Sequence

from vtn_stream.formats.cmx3600 import event_line, header, line_warnings, one_line
from vtn_stream.formats.edl_events import MARKER_LINE, EdlEvent, events_in, is_edl, start_told
from vtn_stream.formats.reading import ReadingOptions, ReadResult, decoded, refuse, timeline_of, told
from vtn_stream.formats.timecode import Clock, film_clock
from vtn_stream.formats.writing import Options, Written, num
from vtn_stream.timeline import Segment, Timeline

__all__ = ["COLOURS", "claims", "read", "write"]

COLOURS = (
    "Blue", "Cyan", "Green", "Yellow", "Red", "Pink", "Purple", "Fuchsia",
    "Rose", "Lavender", "Sky", "Mint", "Lemon", "Sand", "Cocoa", "Cream",
)  # fmt: skip

_MARKER = re.compile(r"(?!\s*\*)([^|]*)\|C:\s*\w+\s*\|M:(.*?)(?:\|D:\s*(\d{1,12}))?", re.ASCII)


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    clock, warnings = film_clock(timeline, options)
    colours = {label: COLOURS[i % len(COLOURS)] for i, label in enumerate(timeline.labels)}
    lines = header(timeline, clock)
    firsts: list[int] = []
    ends: list[int] = []
    num_moved = num_short = 0
    for number, segment in enumerate(timeline.segments, 1):
        begins, end = clock.span(segment)
        first = max(begins, firsts[-1] + 1) if firsts else begins
        num_moved += first > begins
        num_short += begins == end
        firsts.append(first)
        ends.append(max(end, first + 1))
        lines += [
            event_line(number, "001", first, first + 1, clock),
            f" |C:ResolveColor{colours[segment.label]} |M:{_name(segment.label)} |D:{max(1, end - first)}",
            "",
        ]
    warnings += line_warnings([s.label for s in timeline.segments], ends, clock)
    if barred := sum("|" in s.label for s in timeline.segments):
        warnings += (f"{num(barred, 'label')} with |, which ends a name: written as /",)
    if num_moved:
        warnings += (
            f"{num(num_moved, 'segment')} beginning at a frame that has a marker already, of which Resolve keeps one: "
            "moved to the next free frame",
        )
    if num_short:
        warnings += (f"{num(num_short, 'segment')} shorter than a frame: written as a whole one",)
    return Written(content="".join(line + "\n" for line in lines).encode(), warnings=warnings)


def claims(head: str, suffix: str) -> bool:
    return is_edl(head) and MARKER_LINE.search(head) is not None


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    events, clock, warnings = events_in(decoded(data, name), name, options)
    marked = [(event, list(_markers(event, clock))) for event in events]
    segments = [marker for _, markers in marked for marker in markers]
    if events and not segments:
        refuse(name, "its events have no marker lines, |C:... |M:... |D:...")
    warnings += told({"event{} without a marker not read": [event.line for event, markers in marked if not markers]})
    timeline = timeline_of(
        segments,
        name,
        options,
        format="DaVinci Resolve marker EDL",
        rate=clock.rate,
        start_timecode=start_told(clock, options),
    )
    return ReadResult(timelines=(timeline,), warnings=warnings)


def _name(label: str) -> str:
    return one_line(label).replace("|", "/")


def _markers(event: EdlEvent, clock: Clock) -> Iterator[Segment]:
    """The markers of an event. Notes may begin in lines above their marker's."""
    above: list[str] = []
    for remark in event.remarks:
        match = _MARKER.fullmatch(remark.rstrip())
        if match is None:
            above += [] if remark.lstrip().startswith("*") else [remark]
            continue
        notes = "\n".join([*above, match[1]]).strip()
        above.clear()
        end = event.end if match[3] is None else event.start + int(match[3])
        yield Segment(
            start_s=clock.seconds(event.start),
            end_s=clock.seconds(end),
            label=match[2].strip(),
            attributes={"notes": notes} if notes else {},
        )
