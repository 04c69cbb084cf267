"""Avid's list of markers, as Media Composer exports and imports it in its Markers window: a line a marker, with tabs.

    vtn-stream  00:00:01:00  V1  red  goal  37

Who made it, timecode, track, colour, text, and frames; one frame is an instant, which all markers were in old versions.
A colour a label, as in avid.py; the attributes "user", "track" and "colour" stand in their columns.
Resolution: a frame; a segment of a single frame comes back as an instant, which is told. Loses scores, other
attributes, the film's name, length and rate, gaps, curves, clip labels, provenance. Escapes: UTF-8; tabs, line breaks
and controls become spaces, with a warning; an apostrophe stands before what a spreadsheet would run, as in
timeline_csv.
Read: texts of several lines, as one; a second colour behind the frames, of new versions, holds. A marker without a text
is called by who made it. Rate and start timecode are options, as for any EDL (cmx3600.py); timecodes with a semicolon
are drop-frame.
Domain: up to 12 hours past the start or up to 24:00:00:00, whichever is later; instants, and segments of two frames or
more from frame to frame, with a colour; labels of one line without spaces at the ends, not empty; read with the rate
and start timecode they were written with.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import islice, zip_longest

from vtn_stream.formats.cmx3600 import one_line
from vtn_stream.formats.edl_events import late_start_told, start_told
from vtn_stream.formats.edl_locators import COLOUR, COLOURS, colours_of
from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, decoded, refuse, timeline_of
from vtn_stream.formats.timecode import film_clock, reading_clock
from vtn_stream.formats.writing import Options, Written, num, protected, unprotected
from vtn_stream.timeline import Segment, Timeline

__all__ = ["claims", "read", "write"]

TITLE = "Avid marker list"
USER, TRACK = "vtn-stream", "V1"  # where a segment has no attributes that say so
MAX_LENGTH = 10**9  # frames

_MARKER = re.compile(
    r"^(?P<user>[^\t\n]{0,400})\t(?P<time>\d{1,2}[:;]\d\d[:;]\d\d[:;]\d\d)\t(?P<track>[^\t\n]{0,40})"
    rf"\t(?P<colour>(?i:{'|'.join(COLOURS)}))\t",
    re.MULTILINE | re.ASCII,
)


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    clock, warnings = film_clock(timeline, options)
    lines = []
    changed = later = single = 0
    for s, colour in zip(timeline.segments, colours_of(timeline), strict=True):
        first, end = clock.span(s)
        given = (s.attributes.get("user", USER), s.attributes.get("track", TRACK), s.label)
        user, track, label = (one_line(text) for text in given)
        changed += (user, track, label) != given
        later += clock.start + end >= clock.day
        single += end - first == 1
        cells = (protected(user), clock.timecode(first), track, colour.lower(), protected(label))
        lines.append("\t".join((*cells, f"{max(1, end - first)}\n")))
    if changed:
        warnings += (f"{num(changed, 'marker')} with tabs, line breaks or spaces at the ends: written as one line",)
    if single:
        warnings += (f"{num(single, 'segment')} of a single frame, which is what a marker without a length has",)
    if later:
        warnings += (f"{num(later, 'segment')} up to or past 24:00:00:00, where timecode begins again at 00:00:00:00",)
    return Written(content="".join(lines).encode(), warnings=warnings)


def claims(head: str, suffix: str) -> bool:
    return _MARKER.match(head.lstrip("\n")) is not None


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    text = decoded(data, name)
    found = list(islice(_MARKER.finditer(text), MAX_SEGMENTS + 1))
    if len(found) > MAX_SEGMENTS:
        refuse(name, f"it has more than {MAX_SEGMENTS} markers")
    if text[: found[0].start() if found else None].strip():
        refuse(name, "it does not begin with a marker: who, timecode, track, colour and text, with tabs", line=1)
    drop = any(";" in match["time"] for match in found)
    usual = Fraction(30000, 1001) if drop else None  # the list says its mode, not its rate
    clock, warnings = reading_clock(options, rate=options.rate or options.annotation_fps or usual, drop=drop)
    segments, firsts = [], []
    line, counted = 1, 0
    for match, below in zip_longest(found, found[1:]):
        line += text.count("\n", counted, match.start())
        counted = match.start()
        try:
            first = clock.frame_at(match["time"])
        except ValueError as error:
            refuse(name, f"timecode {match['time']}: {error}", line=line, cure="give the rate it counts at: --rate")
        words, length, *more = (*text[match.end() : below.start() if below else None].split("\t"), "")
        if len(more) > 3 or not re.fullmatch(r"\s*\d{0,9}\s*", length, re.ASCII):
            refuse(name, "it is not a text and a number of frames, or the next line is no marker", line=line)
        num_frames = int(length.strip() or 1)
        colour = next((cell.strip().upper() for cell in more if cell.strip().upper() in COLOURS), "")
        user = unprotected(match["user"].strip())
        known = {"user": user if user != USER else "", "track": match["track"] if match["track"] != TRACK else ""}
        label = unprotected(" ".join(words.split("\n")).strip())
        firsts.append(first)
        segments.append(
            Segment(
                start_s=clock.seconds(first),
                end_s=clock.seconds(first + (num_frames if num_frames > 1 else 0)),
                label=label or user,
                attributes={key: value for key, value in known.items() if value}
                | {COLOUR: colour or match["colour"].upper()},
            )
        )
    warnings += late_start_told(firsts, "marker", clock, options)
    timeline = timeline_of(
        segments, name, options, format=TITLE, rate=clock.rate, start_timecode=start_told(clock, options)
    )
    return ReadResult(timelines=(timeline,), warnings=warnings)
