"""Avid's locators in an EDL: one event, which is the film, and below it a line a segment, where it begins.

    TITLE: film.mp4
    FCM: NON-DROP FRAME

    001  AX       V     C        00:00:00:00 00:10:00:00 00:00:00:00 00:10:00:00
    * FROM CLIP NAME: film.mp4
    * LOC: 00:00:01:00 RED     label

A locator has a time, a colour and a text, and no length: where a segment ends is lost, with a warning. Avid's own list
of markers has lengths (avid_markers.py), and an EDL of cuts has an event a segment (cmx3600.py). A colour a label, in
order of appearance, unless the attribute "colour" is one of Avid's; after eight they come again.
Resolution: a frame. Loses ends, scores, other attributes, gaps, curves, clip labels, provenance; days (timecode begins
again after 24 hours). Escapes: UTF-8; line breaks and control characters are written as spaces, spaces at the ends of a
label not at all; a colour stands before each label.
Read: a list whose only event is called as the list itself, and has locators and no comment: they are instants, and the
event is the film, which is told; the colour is an attribute. All other EDLs with locators are read by cmx3600.py, which
also says how locators are. Rate and start timecode are options, as for any EDL.
Domain: up to 12 hours past the start or up to 24:00:00:00, whichever is later; one instant or more on frames, whose
labels are lines without spaces at the ends, and not empty, with a colour; read with the rate and start timecode they
were written with.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

from vtn_stream.formats.cmx3600 import event_line, header, line_warnings, one_line
from vtn_stream.formats.edl_events import events_in, is_edl, start_told
from vtn_stream.formats.edl_locators import colours_of, count_as_source, holds_film_alone, locators_of, mark, placed
from vtn_stream.formats.reading import ReadingOptions, ReadResult, decoded, refuse, timeline_of, told
from vtn_stream.formats.timecode import film_clock
from vtn_stream.formats.writing import Options, Written, num
from vtn_stream.timeline import Timeline

__all__ = ["claims", "read", "write"]

TITLE = "Avid locator EDL"
IS_FILM = "Its one event is the film itself."


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    clock, warnings = film_clock(timeline, options)
    firsts = [clock.span(s)[0] for s in timeline.segments]
    end = max([1, clock.frame(timeline.duration_s), *(first + 1 for first in firsts)])
    lasting = sum(first < end for first, end in map(clock.span, timeline.segments))
    warnings += line_warnings([s.label for s in timeline.segments], [], clock)
    if clock.start + end >= clock.day:
        warnings += ("the film lasts up to or past 24:00:00:00, where timecode begins again at 00:00:00:00",)
    if lasting:
        warnings += (f"locators have no length: {num(lasting, 'segment')} written by the start alone",)
    lines = header(timeline, clock)
    if timeline.segments:
        lines += [
            event_line(1, "AX", 0, end, clock),
            f"* FROM CLIP NAME: {one_line(PurePosixPath(timeline.video_path).name)}",
        ]
    for first, colour, s in zip(firsts, colours_of(timeline), timeline.segments, strict=True):
        lines.append(f"* LOC: {clock.timecode(first)} {colour:<7} {one_line(s.label)}".rstrip())
    return Written(content="".join(line + "\n" for line in lines).encode(), warnings=warnings)


def claims(head: str, suffix: str) -> bool:
    return is_edl(head) and holds_film_alone(head)


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    text = decoded(data, name)
    events, clock, warnings = events_in(text, name, options)
    if len(events) != 1:
        refuse(name, f"it has {len(events)} events, and a list of locators one, the film", cure="call it NAME.edl")
    (film,) = events
    doubtful: list[int] = []
    locators = locators_of(film, clock, doubtful)
    by_source = count_as_source(events, [locators], clock)
    marks = [placed(locator, film, clock, by_source=by_source) for locator in locators]
    clip = next((clip for _, clip in film.remarked("FROM CLIP NAME:")), None)
    timeline = timeline_of(
        [mark(locator, clock) for locator in marks],
        name,
        options,
        format=TITLE,
        video=clip,
        duration_s=clock.seconds(film.end),
        rate=clock.rate,
        start_timecode=start_told(clock, options),
        notes=[IS_FILM],
    )
    return ReadResult(timelines=(timeline,), warnings=warnings + told({"locator{} at no timecode not read": doubtful}))
