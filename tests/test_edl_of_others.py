"""EDLs and other programs: ours read by pycmx and OpenTimelineIO, theirs and damaged ones by us."""

import contextlib
import io
from fractions import Fraction
from itertools import pairwise

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
        (10.6, 12.6, "TAPE"),
        (11, 11, "ANIM FIX NEEDED"),
        (12.6, 14.6, "TAPE5"),
    ]
    assert result.warnings == (
        "the file states no frame rate: frames are counted at 25 a second (--rate)",
        "1 event of black not read (line 6)",
        "1 event without picture not read (line 11)",
    )


FRAMES = """TITLE: reel7
1 CLPQ V C     100 160 0  60
2 CLPQ V C     160 160 60 60
2 CLPR V D 024 150 180 60 90
3 CLPR AA/V C     180 360 90 270
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("module", [cmx3600, resolve_markers])
def test_events_may_be_counted_in_frames(ends, module):
    text = FRAMES if module is cmx3600 else FRAMES.replace("60\n2 CLPQ", "60\n |C:x |M:CLPQ |D:60\n2 CLPQ")
    assert module.claims(text, "")
    (after,) = read(module, text.replace("\n", ends), rate=Fraction(30)).timelines
    spans = [(round(30 * s.start_s), round(30 * s.end_s), s.label) for s in after.segments]
    assert spans == [(0, 60, "CLPQ"), (60, 90, "CLPR"), (90, 270, "CLPR")][: 3 if module is cmx3600 else 1]
    (after,) = read(module, text.replace("\n", ends), rate=Fraction(30), start="00:00:01:00").timelines
    assert after.segments[0].start_s == -1


def test_a_line_of_numbers_without_a_title_is_no_edl():
    assert not cmx3600.claims(FRAMES.split("\n", 1)[1], "")


def event(number, start, end, *, reel="AX", tracks="V", kind="C", source=None):
    source = f"{start} {end}" if source is None else source
    return f"{number:03d}  {reel:<8} {tracks:<5} {kind:<8} {source} {start} {end}\n"


def spans(text, module=cmx3600, **options):
    result = read(module, text, **options)
    return [(s.start_s, s.end_s, s.label) for s in result.timelines[0].segments], result.warnings


@pytest.mark.parametrize("module", [cmx3600, resolve_markers])
def test_a_list_past_midnight_keeps_its_order(module):
    names = ["23:59:50:00", "23:59:58:00", "00:00:04:00", "11:00:00:00", "22:00:00:00", "00:10:00:00"]
    marked = " |C:x |M:a |D:1\n" * (module is resolve_markers)
    parts = [event(i, *times) + marked for i, times in enumerate(pairwise(names), 1)]
    found, (warning,) = spans("TITLE: x\n" + "".join(parts), module)
    days = [86390, 86398, 86404, 86400 + 39600, 86400 + 79200, 2 * 86400 + 600]
    assert [start for start, _, _ in found] == days[:-1]
    assert warning.startswith("the first event is at 23:59:50:00 and no start timecode is given")
    found, warnings = spans("TITLE: x\n" + "".join(parts), module, start="23:59:50:00")
    assert ([start for start, _, _ in found], warnings) == ([day - 86390 for day in days[:-1]], ())


def test_events_out_of_order_stay_where_their_timecode_says():
    parts = [event(1, "01:00:10:00", "01:00:20:00"), event(2, "01:00:00:00", "01:00:10:00", reel="B")]
    assert spans("".join(parts), start="01:00:00:00") == ([(0, 10, "B"), (10, 20, "AX")], ())


def test_an_event_of_half_a_day_is_doubted():
    found, (warning,) = spans(event(1, "00:00:10:00", "00:00:05:00"))
    assert found == [(10, 86405, "AX")]
    assert warning == "1 event of more than 12 hours: check where it ends (line 1)"


LOCATED = (
    "TITLE: x\n"
    + event(1, "00:00:00:00", "00:00:10:00", source="10:00:00:00 10:00:10:00")
    + "* FROM CLIP NAME: A.MOV\n"
)


@pytest.mark.parametrize(
    ("lines", "expected", "told"),
    [
        (["00:00:02:00 RED     FIRST MARK"], [(0, 10, "A.MOV"), (2, 2, "FIRST MARK")], ()),
        (["00:00:00:00 RED     FIRST MARK"], [(0, 10, "FIRST MARK")], ()),
        (["00:00:00:00 RED     A", "00:00:03:00 GREEN   B"], [(0, 0, "A"), (0, 10, "A.MOV"), (3, 3, "B")], ()),
        (["00:00:01:00 RED", "00:00:01:00 MAGENTA x"], [(0, 10, "A.MOV"), (1, 1, "RED"), (1, 1, "x")], ()),
        (["00:00:01:00 goal scored"], [(0, 10, "A.MOV"), (1, 1, "goal scored")], ()),
        (["00:00:01:00 RED CARD"], [(0, 10, "A.MOV"), (1, 1, "RED CARD")], ()),
        (["00:00:01:00"], [(0, 10, "A.MOV"), (1, 1, "")], ()),
        (["RED     here"], [(0, 10, "here")], ()),
        (["10:00:04:00 RED     by the source"], [(0, 10, "A.MOV"), (4, 4, "by the source")], ()),
        (["00:00:30:00 RED     outside"], [(0, 10, "A.MOV"), (30, 30, "outside")], ()),
        (["00:99:01:00 RED     x"], [(0, 10, "A.MOV")], ("1 locator at no timecode not read (line 4)",)),
    ],
)
def test_locators_are_instants(lines, expected, told):
    assert spans(LOCATED + "".join(f"* LOC: {line}\n" for line in lines)) == (expected, told)


def test_locators_count_as_the_record_side_unless_all_fit_the_source_alone():
    """OpenTimelineIO writes them so; by the record side the second of these would fit as well."""
    text = event(1, "00:00:00:00", "00:00:10:00", source="00:00:20:00 00:00:30:00") + "* LOC: 00:00:22:00 RED     x\n"
    more = event(2, "00:00:10:00", "00:00:20:00", source="00:00:05:00 00:00:15:00") + "* LOC: 00:00:12:00 RED     y\n"
    assert spans(text + more)[0] == [(0, 10, "AX"), (2, 2, "x"), (10, 20, "AX"), (17, 17, "y")]
    assert spans(more)[0] == [(10, 20, "AX"), (12, 12, "y")]
    outside = "* LOC: 00:00:40:00 RED     z\n"
    assert spans(text + more + outside)[0][-3:] == [(12, 12, "y"), (22, 22, "x"), (40, 40, "z")]


@pytest.mark.parametrize("rate", [24, 25, 30])
def test_locators_of_opentimelineio_come_back_where_it_had_them(rate):
    frames, span = otio.opentime.RationalTime, otio.opentime.TimeRange
    clips, at, expected = [], 0, []
    for i, (begins, lasts, marked) in enumerate([(500, 100, 20), (90, 60, 5), (300, 40, 39)]):
        mark = otio.schema.Marker(name=f"M{i}", marked_range=span(frames(begins + marked, rate), frames(0, rate)))
        shown = span(frames(begins, rate), frames(lasts, rate))
        clips.append(otio.schema.Clip(name=f"C{i}", source_range=shown, markers=[mark]))
        expected += [(at / rate, (at + lasts) / rate, f"C{i}"), ((at + marked) / rate,) * 2 + (f"M{i}",)]
        at += lasts
    project = otio.schema.Timeline(name="x", tracks=[otio.schema.Track(children=clips)])
    text = otio.adapters.write_to_string(project, "cmx_3600", rate=rate)
    assert spans(text, rate=Fraction(rate))[0] == expected


def test_the_colour_of_a_locator_is_kept():
    (_, mark) = read(cmx3600, LOCATED + "* LOC: 00:00:02:00 CYAN    x\n").timelines[0].segments
    assert mark.attributes == {"colour": "CYAN"}


def test_locators_of_events_that_are_not_read_and_of_both_tracks_stand_once():
    tracks = [event(1, "00:00:00:00", "00:00:10:00", tracks=t) + "* LOC: 00:00:02:00 RED     x\n" for t in ("V", "A")]
    found, (warning,) = spans("".join(tracks))
    assert found == [(0, 10, "AX"), (2, 2, "x")]
    assert warning == "1 event without picture not read (line 3)"


def test_what_is_no_event_is_told():
    text = event(1, "00:00:00:00", "00:00:01:00") + "* COMMENT: a\n* COMMENT: b\n2 players\n3 goals\n" + EVENT
    _, warnings = spans(text)
    assert warnings == (
        "2 lines with a number and no event not read (lines 4 and 5)",
        "1 further comment on an event not read (line 3)",
    )
    still = event(2, "00:00:01:00", "00:00:01:00")
    assert spans(EVENT + still)[1] == ("1 event of no length not read (line 2)",)
    dissolve = still + event(2, "00:00:01:00", "00:00:02:00", kind="D    025")
    assert spans(EVENT + dissolve)[1] == ()


def test_an_empty_comment_names_nothing():
    remarks = "* COMMENT:\n* FROM CLIP NAME: a.mov\n"
    assert spans(event(1, "00:00:00:00", "00:00:01:00") + remarks)[0] == [(0, 1, "a.mov")]
    assert spans(event(1, "00:00:00:00", "00:00:01:00") + "* COMMENT:\n")[0] == [(0, 1, "AX")]


def test_notes_of_several_lines_and_all_markers_of_an_event_are_read():
    text = EVENT + "first\nsecond |C:ResolveColorBlue |M:a |D:5\n |C:ResolveColorRed |M:b |D:1\n\n" + EVENT
    result = read(resolve_markers, text)
    assert [(s.label, s.attributes) for s in result.timelines[0].segments] == [
        ("b", {}),
        ("a", {"notes": "first\nsecond"}),
    ]
    assert result.warnings == ("1 event without a marker not read (line 6)",)


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
        ("TITLE: x\n1  AX  V  C  0000+00 0001+08 0000+00 0001+08\n", "line 2: an event without"),
        ("TITLE: x\n001  AX       V     C\n", "line 2: an event without"),
        (EVENT.replace("C   ", "? "), "line 1: an event without"),
        ("TITLE: x\n1 A V C 0 60 90 60\n", "line 2: the event ends at frame 60, before it begins"),
        (EVENT + "002  AX       V     C        00:00:02:00 00:0", "line 2: an event without"),
        (EVENT.replace("02:00", "02:25"), "line 1: timecode .* does not exist at 25 frames"),
        (EVENT.replace("00:00:02:00", "00:00:99:00"), "does not exist"),
    ],
)
def test_a_damaged_edl_is_refused(text, told):
    with pytest.raises(TimelineError, match=told):
        read(cmx3600, text)


@pytest.mark.parametrize(
    ("frame", "rate", "cure"),
    [
        ("29", Fraction(25), "give the rate that it counts at: --rate 29.97 or 30"),
        ("59", Fraction(30), "give the rate that it counts at: --rate 59.94 or 60"),
        ("24", Fraction(24), "give the rate that it counts at: --rate 25"),
        ("999", Fraction(24), "fix the file"),
    ],
)
def test_a_frame_that_the_rate_does_not_have_names_a_rate_that_has_it(frame, rate, cure):
    with pytest.raises(TimelineError, match=r"line 2: timecode .* does not exist at") as caught:
        read(cmx3600, EVENT + event(2, "00:00:02:00", f"00:00:03:{frame}"), rate=rate)
    assert caught.value.cure == cure


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
        (EVENT.strip(), True, False),
        ("TITLE: x\n" + EVENT.strip(), True, False),
        ("\n* by hand\ntitle: x\n\n" + EVENT.lower().replace("\n", ""), True, False),
        ("* note\n" * 300 + EVENT, True, False),
        ('TITLE "x"\nFILE "y"\n', False, False),
        ("", False, False),
        ("WEBVTT\n\n00:00:01.000 --> 00:00:02.000\na\n", False, False),
        ("1\n00:00:01,000 --> 00:00:02,000\n|C:\n", False, False),
        ("0:00 Intro\n", False, False),
    ],
)
def test_the_two_kinds_of_edl_are_told_apart(head, cuts, markers):
    assert (cmx3600.claims(head, ".edl"), resolve_markers.claims(head, ".edl")) == (cuts, markers)
