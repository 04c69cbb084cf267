"""EDLs and other programs: ours read by pycmx and OpenTimelineIO, theirs and damaged ones by us."""

import contextlib
import io
import re
from fractions import Fraction

import opentimelineio as otio
import pycmx
import pytest
from edl_timelines import COUNTED, NTSC, NTSC_60, read, segment, written

from vtn_stream.errors import TimelineError
from vtn_stream.formats import cmx3600, resolve_markers
from vtn_stream.timeline import Segment


@pytest.mark.parametrize(("rate", "start"), COUNTED[:-1])
def test_pycmx_reads_what_is_written(rate, start):
    text, _ = written(cmx3600, segment(1, 2, "first"), segment(2, 4, "second"), rate=rate, start=start)
    edl = pycmx.parse_cmx3600(io.StringIO(text))
    assert edl.title == "film.mp4"
    assert edl.format == "3600"
    assert [s for s in edl.unrecognized_statements if s.content] == []
    edits = [edit for event in edl.events for edit in event.edits]
    assert [edit.clip_name for edit in edits] == ["film.mp4"] * 2
    assert [edit.source for edit in edits] == ["AX"] * 2
    assert all(edit.channels.video for edit in edits)
    assert edits[0].record_out == edits[1].record_in == edits[1].source_in
    notes = [s.text for event in edl.events for s in event.statements if hasattr(s, "text")]
    assert "COMMENT: first" in notes
    assert "COMMENT: second" in notes


@pytest.mark.parametrize(("rate", "start"), COUNTED[:-1])
def test_opentimelineio_reads_cuts_at_their_times(rate, start):
    text, _ = written(cmx3600, segment(1, 2, "first"), segment(3, 5.5, "second"), rate=rate, start=start)
    if start.startswith("23"):
        return  # past midnight its events overlap
    (track,) = otio.adapters.read_from_string(text, "cmx_3600", rate=float(rate)).tracks
    first, gap, second = track
    assert first.name == second.name == "film.mp4"
    assert isinstance(gap, otio.schema.Gap)
    assert first.source_range.duration.to_frames() == round(rate)
    assert gap.duration().to_frames() == round(3 * rate) - round(2 * rate)
    assert second.source_range.duration.to_frames() == round(Fraction(11, 2) * rate) - round(3 * rate)
    assert first.metadata["cmx_3600"]["comments"][0] == "COMMENT: first"
    if ";" not in start:
        assert [marker.name for marker in second.markers] == ["second"]


FOREIGN = """TITLE:   Pool Shark
FCM: NON-DROP FRAME

001  REEL_ONE AA/V  C        10:59:23:01 10:59:28:16 01:00:00:00 01:00:05:15
* FROM CLIP NAME:  opening.mov
002  BL       V     C        00:00:00:00 00:00:01:00 01:00:05:15 01:00:06:15
003  REEL_ONE V     C        00:00:00:00 00:00:00:00 01:00:06:15 01:00:06:15
003  REEL_TWO V     D    025 00:00:00:00 00:00:02:00 01:00:06:15 01:00:08:15
* FROM CLIP NAME: a.mov
* TO CLIP NAME: b.mov
004  MY LONG REEL A2    C        00:00:00:00 00:00:02:00 01:00:08:15 01:00:10:15
M2   REEL_TWO       050.0                00:00:00:00
005  TAPE     V2    W001 025 00:00:00:00 00:00:02:00 01:00:10:15 01:00:12:15
* LOC: 01:00:11:00 RED     ANIM FIX NEEDED
006  TAPE5    B     C        00:00:00:00 00:00:02:00 01:00:12:15 01:00:14:15
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_edls_of_other_programs_are_read(ends):
    result = read(cmx3600, FOREIGN.replace("\n", ends), start="01:00:00:00", rate=None)
    assert [(s.start_s, s.end_s, s.label) for s in result.timelines[0].segments] == [
        (0, 5.6, "opening.mov"),
        (6.6, 8.6, "b.mov"),
        (10.6, 12.6, "ANIM FIX NEEDED"),
        (12.6, 14.6, "TAPE5"),
    ]
    assert [re.sub(r"\d+ ", "", w) for w in result.warnings] == [
        "the file states no frame rate: frames are counted at a second",
        "event without picture not read",
    ]


RESOLVE = """TITLE: ( no title )

001  001      V     C        01:00:18:06 01:00:18:07 01:00:18:06 01:00:18:07  
100 frames late |C:ResolveColorYellow |M:Marker 1 |D:1

002  001      V     C        01:00:20:20 01:00:20:21 01:00:20:20 01:00:20:21  
 |C:ResolveColorGreen |M:Don't |D:50
"""


def test_markers_as_resolve_exports_them_are_read_with_their_notes():
    (after,) = read(resolve_markers, RESOLVE, start="01:00:00:00").timelines
    assert after.segments == (
        Segment(start_s=18.24, end_s=18.28, label="Marker 1", attributes={"notes": "100 frames late"}),
        Segment(start_s=20.8, end_s=22.8, label="Don't"),
    )


@pytest.mark.parametrize(
    ("fcm", "mark", "asked", "rate", "start_s", "num_warnings"),
    [
        ("DROP FRAME", ";", None, NTSC, 1800 * 1001 / 30000, 0),
        ("DROP FRAME", ":", None, NTSC, 1800 * 1001 / 30000, 0),
        ("DROP FRAME", ";", NTSC_60, NTSC_60, 3600 * 1001 / 60000, 0),
        ("DROP FRAME", ";", Fraction(30), Fraction(30), 60 + 4 / 30, 1),
        ("NON-DROP FRAME", ":", NTSC, NTSC, 1804 * 1001 / 30000, 0),
        ("NON-DROP FRAME", ":", None, Fraction(25), 60.16, 1),
        (None, ";", None, NTSC, 1800 * 1001 / 30000, 0),
    ],
)
def test_drop_frame_says_29_97_and_nothing_else_says_a_rate(fcm, mark, asked, rate, start_s, num_warnings):
    left = {NTSC: "02" if fcm != "NON-DROP FRAME" else "04"}.get(rate, "04")
    times = f"00:01:00{mark}{left} 00:01:02{mark}00"
    head = "TITLE: x\n" + (f"FCM: {fcm}\n" if fcm else "")
    result = read(cmx3600, f"{head}001  AX  V  C  {times} {times}\n", rate=asked)
    (after,) = result.timelines
    assert after.nominal_rate == rate
    assert after.segments[0].start_s == pytest.approx(60 + 4 / 25 if start_s == 60.16 else start_s)
    assert len(result.warnings) == num_warnings


EVENT = "001  AX       V     C        00:00:01:00 00:00:02:00 00:00:01:00 00:00:02:00\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "neither a title nor events"),
        ("hello\n", "neither a title nor events"),
        (EVENT + "002  AX       V     C        00:00:02:00 00:0", "line 2: an event without"),
        (EVENT.replace("02:00", "02:25"), "line 1: timecode .* does not exist at 25 frames"),
        (EVENT.replace("00:00:02:00", "00:00:99:00"), "does not exist"),
    ],
)
def test_a_damaged_edl_is_refused(text, told):
    with pytest.raises(TimelineError, match=told):
        read(cmx3600, text)


@pytest.mark.parametrize("filler", [" ", "x", "x ", "1 A C ", "|M:", " |D: ", "1"])
def test_a_line_of_a_million_characters_is_read_or_refused(filler):
    for module in (cmx3600, resolve_markers):
        for begins in ("", "1 ", "1 x  ", " |C:x |M:"):
            with contextlib.suppress(TimelineError):
                read(module, EVENT + begins + filler * (1_000_000 // len(filler)) + "!\n")


def test_an_edl_of_cuts_is_no_list_of_markers():
    with pytest.raises(TimelineError, match="no marker lines"):
        read(resolve_markers, EVENT)


@pytest.mark.parametrize(
    ("head", "cuts", "markers"),
    [
        (FOREIGN, True, False),
        (RESOLVE, False, True),
        (EVENT, True, False),
        ("TITLE: x\nFCM: NON-DROP FRAME\n\n", True, False),
        ("TITLE: x\n", False, False),
        ('TITLE "x"\nFILE "y"\n', False, False),
        ("", False, False),
        ("WEBVTT\n\n00:00:01.000 --> 00:00:02.000\na\n", False, False),
        ("1\n00:00:01,000 --> 00:00:02,000\n|C:\n", False, False),
        ("0:00 Intro\n", False, False),
    ],
)
def test_the_two_kinds_of_edl_are_told_apart(head, cuts, markers):
    assert (cmx3600.claims(head, ".edl"), resolve_markers.claims(head, ".edl")) == (cuts, markers)
