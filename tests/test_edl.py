"""The two kinds of EDL: one track of cuts, and Resolve's markers, read back by us, by pycmx and by OpenTimelineIO."""

import contextlib
import io
import re
from fractions import Fraction
from itertools import pairwise

import opentimelineio as otio
import pycmx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import TimelineError
from vtn_stream.formats import cmx3600, resolve_markers
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import Options
from vtn_stream.timeline import Segment, Timeline

NTSC, NTSC_60 = Fraction(30000, 1001), Fraction(60000, 1001)
COUNTED = [  # rate and start timecode
    (Fraction(24000, 1001), "00:00:00:00"),
    (Fraction(25), "10:00:00:00"),
    (NTSC, "01:00:00:00"),
    (NTSC, "01:00:00;00"),
    (NTSC, "20:00:00;00"),
    (NTSC_60, "23:59:59;59"),
    (Fraction(100), "00:00:00:00"),
]
BREAKS = "\n\r\v\f\x00\x1b\x85\u2028"
HALF_DAY_S = 12 * 3600

lines = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20).map(str.strip)
spans = st.lists(st.integers(0, HALF_DAY_S * 20), min_size=2, max_size=8, unique=True).map(sorted)


def timeline(*segments, rate=Fraction(25), **fields):
    known = {"video_identity": "", "video_path": "film.mp4", "duration_s": 5e4, "span_s": (0.0, 5e4)}
    return Timeline(**(known | {"segments": segments, "nominal_rate": rate} | fields))


def segment(start_s, end_s, label="a", score=None):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score)


def written(module, *segments, rate=Fraction(25), start=None, **fields):
    result = module.write([timeline(*segments, rate=rate, **fields)], Options(start_timecode=start))
    return result.content.decode("utf-8"), result.warnings


def read(module, text, rate=Fraction(25), start=None):
    return module.read(text.encode(), "list.edl", ReadingOptions(rate=rate, start_timecode=start))


def back(module, text, **options):
    (after,) = read(module, text, **options).timelines
    return [(s.start_s, s.end_s, s.label) for s in after.segments]


def test_an_edl_is_what_editors_expect():
    text, warnings = written(
        cmx3600, segment(1.0, 2.5, "walk & run"), start="01:00:00:00", video_path="below/my film.mp4"
    )
    assert warnings == ()
    assert text == (
        "TITLE: my film.mp4\n"
        "FCM: NON-DROP FRAME\n"
        "\n"
        "001  AX       V     C        01:00:01:00 01:00:02:12 01:00:01:00 01:00:02:12\n"
        "* FROM CLIP NAME: my film.mp4\n"
        "* LOC: 01:00:01:00 BLUE    walk & run\n"
        "* COMMENT: walk & run\n"
    )


def test_a_marker_edl_is_what_resolve_expects():
    text, warnings = written(resolve_markers, segment(1, 2.6), segment(2, 2, "b"), start="01:00:00;00", rate=NTSC)
    assert text == (
        "TITLE: film.mp4\n"
        "FCM: DROP FRAME\n"
        "\n"
        "001  001      V     C        01:00:01;00 01:00:01;01 01:00:01;00 01:00:01;01\n"
        " |C:ResolveColorBlue |M:a |D:48\n"
        "\n"
        "002  001      V     C        01:00:02;00 01:00:02;01 01:00:02;00 01:00:02;01\n"
        " |C:ResolveColorCyan |M:b |D:1\n"
        "\n"
    )
    assert warnings == ("1 segment shorter than a frame: written as a whole one",)


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(COUNTED), spans, st.lists(lines, min_size=7, max_size=7))
def test_cuts_come_back_frame_by_frame(counted, frames, labels):
    rate, start = counted
    seconds = [frame * rate.denominator / rate.numerator for frame in frames]
    before = [segment(a, b, label) for a, b, label in zip(seconds, seconds[1:], labels, strict=False)]
    text, warnings = written(cmx3600, *before, rate=rate, start=start)
    assert all("24:00:00:00" in warning for warning in warnings)
    assert back(cmx3600, text, rate=rate, start=start) == [(s.start_s, s.end_s, s.label) for s in before]


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(COUNTED), spans, st.data())
def test_markers_come_back_frame_by_frame(counted, frames, data):
    """Ends where it likes: markers overlap."""
    rate, start = counted
    before = []
    for frame in frames:
        end = frame + data.draw(st.integers(1, 10_000))
        label = data.draw(lines).replace("|", "")
        at = [n * rate.denominator / rate.numerator for n in (frame, end)]
        before.append(segment(*at, label.strip()))
    text, warnings = written(resolve_markers, *before, rate=rate, start=start)
    assert all("24:00:00:00" in warning for warning in warnings)
    assert back(resolve_markers, text, rate=rate, start=start) == [(s.start_s, s.end_s, s.label) for s in before]


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(COUNTED), st.lists(st.floats(0, HALF_DAY_S), min_size=2, max_size=9, unique=True).map(sorted))
def test_times_off_the_frames_are_half_a_frame_away_at_most(counted, times):
    rate, start = counted
    before = [s for a, b in pairwise(times) if (s := segment(a, b)).duration_s > 1 / rate]
    text, _ = written(cmx3600, *before, rate=rate, start=start)
    after = back(cmx3600, text, rate=rate, start=start)
    assert len(after) == len(before)
    for s, (start_s, end_s, _) in zip(before, after, strict=True):
        assert max(abs(s.start_s - start_s), abs(s.end_s - end_s)) <= 0.5000001 / rate


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=30), st.booleans())
def test_no_label_breaks_a_line_or_adds_an_event(label, cut):
    module = cmx3600 if cut else resolve_markers
    hostile = label + BREAKS + "002  AX       V     C        00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00"
    text, warnings = written(module, segment(1, 2, hostile))
    (found,) = back(module, text)
    assert found[:2] == (1.0, 2.0)
    assert found[2] == cmx3600.one_line(hostile).replace("|", "|" if cut else "/")
    assert len(text.splitlines()) == len(text.split("\n")) - 1
    assert any("line breaks" in warning for warning in warnings)
    assert len(list(pycmx.parse_cmx3600(io.StringIO(text)).events)) == 1


@pytest.mark.parametrize(
    ("label", "edl", "markers"),
    [
        ("two\nlines", "two lines", "two lines"),
        (" ends ", "ends", "ends"),
        ("a|b", "a|b", "a/b"),
        ("a\udcffb", "a\ufffdb", "a\ufffdb"),
        ("nul\0", "nul", "nul"),
        ("", "", ""),
        ("שלום 🎬", "שלום 🎬", "שלום 🎬"),
        ("x" * 1000, "x" * 1000, "x" * 1000),
        ("* COMMENT: no", "* COMMENT: no", "* COMMENT: no"),
        ("FROM CLIP NAME: no", "FROM CLIP NAME: no", "FROM CLIP NAME: no"),
    ],
)
def test_a_label_is_one_line(label, edl, markers):
    for module, told in ((cmx3600, edl), (resolve_markers, markers)):
        text, warnings = written(module, segment(1, 2, label))
        assert back(module, text) == [(1.0, 2.0, told)]
        assert bool(warnings) == (told != label)


def test_overlaps_are_cut_with_a_warning():
    text, warnings = written(cmx3600, segment(0, 4, "weak", 0.5), segment(1, 2, "strong", 0.9))
    assert back(cmx3600, text) == [(0, 1, "weak"), (1, 2, "strong"), (2, 4, "weak")]
    assert warnings == ("there is one track: 1 segment cut or left out where a stronger one holds",)


@pytest.mark.parametrize(
    ("segments", "after", "num_warnings"),
    [
        ([segment(1, 1)], [(1, 1.04)], 1),
        ([segment(1, 1.001), segment(1.001, 2)], [(1, 2)], 2),
        ([segment(0, 1), segment(1, 1.001), segment(1.6, 2)], [(0, 1), (1, 1.04), (1.6, 2)], 1),
        ([segment(1, 1.001), segment(1.002, 1.003), segment(1.004, 1.005)], [(1, 1.04)], 2),
        ([segment(-5, -4)], [(0, 0.04)], 1),
    ],
)
def test_an_event_lasts_a_frame_and_no_frame_is_two_events(segments, after, num_warnings):
    text, warnings = written(cmx3600, *segments)
    assert [found[:2] for found in back(cmx3600, text)] == after
    assert len(warnings) == num_warnings


def test_of_markers_at_one_frame_the_later_ones_are_moved_with_a_warning():
    text, warnings = written(resolve_markers, segment(0, 1, "a"), segment(0, 2, "b"), segment(0.04, 3, "c"))
    assert back(resolve_markers, text) == [(0, 1, "a"), (0.04, 2, "b"), (0.08, 3, "c")]
    (warning,) = warnings
    assert warning.startswith("2 segments beginning at a frame that has a marker")


def test_a_label_keeps_its_colour_and_colours_come_again_after_sixteen():
    text, _ = written(resolve_markers, *(segment(i, i + 1, f"label {i % 17}") for i in range(18)))
    colours = re.findall(r"\|C:ResolveColor(\w+)", text)
    assert colours[:16] == list(resolve_markers.COLOURS)
    assert len(set(resolve_markers.COLOURS)) == 16
    assert colours[16:] == ["Blue", "Blue"]


@pytest.mark.parametrize("module", [cmx3600, resolve_markers])
def test_past_999_the_numbers_have_four_digits_and_a_warning(module):
    text, (warning,) = written(module, *(segment(i, i + 1) for i in range(1001)))
    assert "\n1001  " in text
    assert "999" in warning
    assert len(back(module, text)) == 1001
    events = list(pycmx.parse_cmx3600(io.StringIO(text)).events)
    assert [event.number for event in events] == list(range(1, 1002))


@pytest.mark.parametrize("module", [cmx3600, resolve_markers])
def test_a_second_day_has_the_timecodes_of_the_first_and_a_warning(module):
    text, (warning,) = written(module, segment(86400, 86401))
    assert " 00:00:00:00 00:00:01:00 " in text or " 00:00:00:00 00:00:00:01 " in text
    assert warning == "1 segment up to or past 24:00:00:00, where timecode begins anew at 00:00:00:00"


@pytest.mark.parametrize("module", [cmx3600, resolve_markers])
def test_midnight_is_told_of_the_timecode_not_of_the_film(module):
    content = [segment(0, 4), segment(5, 15), segment(20, 30)]
    _, (warning,) = written(module, *content, start="23:59:50:00")
    assert warning.startswith("2 segments up to or past 24:00:00:00")
    assert written(module, *content, start="23:59:00:00")[1] == ()


@pytest.mark.parametrize("module", [cmx3600, resolve_markers])
def test_what_is_before_the_start_timecode_is_before_the_film(module):
    text, _ = written(module, segment(0, 2), segment(3599, 3602), segment(3600, 3601, "b"), start="09:00:00:00")
    shifted = [(a - 3600, b - 3600) for a, b, _ in back(module, text, start="09:00:00:00")]
    assert shifted[0] == (-3600, -3598)
    assert [span[:2] for span in back(module, text, start="10:00:00:00")] == shifted


@pytest.mark.parametrize("module", [cmx3600, resolve_markers])
@pytest.mark.parametrize(("start", "hours"), [("10:00:00:00", "10"), ("01:30:00:00", "1.5"), ("00:59:59:00", None)])
def test_events_an_hour_in_are_told_where_no_start_is_given(module, start, hours):
    text, _ = written(module, segment(0, 2), segment(3, 4), start=start)
    result = read(module, text)
    told = (
        f"the first event is at {start} and no start timecode is given: it is taken as {hours} h into the film "
        "(--start-timecode)",
    )
    assert result.warnings == (() if hours is None else told)
    assert result.timelines[0].start_timecode is None
    assert read(module, text, start=start).warnings == ()


@pytest.mark.parametrize("module", [cmx3600, resolve_markers])
def test_a_start_timecode_is_kept_as_the_file_counts(module):
    text, _ = written(module, segment(0, 2), start="01:00:00:00")
    result = read(module, text, start="01:00:00;00")
    assert result.timelines[0].start_timecode == "01:00:00:00"
    assert result.timelines[0].segments[0].start_s == 0
    assert [warning[:32] for warning in result.warnings] == ["the start timecode 01:00:00;00 i"]


@pytest.mark.parametrize("label", ["a |C: b", "|C:x |M:y", "a |C:ResolveColorBlue |M:b |D:1"])
def test_a_label_like_a_marker_does_not_make_cuts_markers(label):
    text, _ = written(cmx3600, segment(1, 2, label))
    assert cmx3600.claims(text, ".edl")
    assert not resolve_markers.claims(text, ".edl")
    assert back(cmx3600, text) == [(1, 2, label)]
    with pytest.raises(TimelineError, match="no marker lines"):
        read(resolve_markers, text)


@pytest.mark.parametrize("module", [cmx3600, resolve_markers])
def test_an_empty_timeline_is_an_empty_edl(module):
    text, warnings = written(module)
    assert warnings == ()
    assert back(module, text) == []


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
