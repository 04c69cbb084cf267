"""Avid's locators in an EDL, and its list of markers."""

import io
from fractions import Fraction

import opentimelineio as otio
import pycmx
import pytest
from editor_timelines import segment, timeline, written
from edl_timelines import COUNTED, read
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import TimelineError
from vtn_stream.exchange.intake import read_any
from vtn_stream.formats import avid, avid_markers, cmx3600
from vtn_stream.formats.edl_locators import COLOURS
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.timecode import Clock

lines = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20).map(str.strip)
named = lines.filter(bool)
colours = st.sampled_from(COLOURS)


def found(module, content, **options):
    content = content.decode() if isinstance(content, bytes) else content
    return read(module, content, **options)


@given(
    st.sampled_from(COUNTED),
    st.lists(st.tuples(st.integers(0, 80_000), named, colours), min_size=1, max_size=5),
)
def test_locators_come_back_frame_by_frame(counted, marked):
    rate, start = counted
    clock = Clock(rate=rate)
    before = [segment(clock.seconds(f), clock.seconds(f), label, colour=colour) for f, label, colour in marked]
    content, warnings = written(avid, *before, rate=rate, start=start, duration_s=clock.seconds(90_000))
    assert not [warning for warning in warnings if "24:00:00:00" not in warning]
    assert avid.claims(content.decode(), ".edl")
    (after,) = found(avid, content, rate=rate, start=start).timelines
    assert after.segments == timeline(*before).segments
    assert (after.video_path, after.duration_s) == ("film.mp4", clock.seconds(90_000))


@given(
    st.sampled_from(COUNTED),
    st.lists(
        st.tuples(st.integers(0, 80_000), st.just(0) | st.integers(2, 9999), named, named, named, colours), max_size=5
    ),
)
def test_a_list_of_markers_comes_back_frame_by_frame(counted, marked):
    rate, start = counted
    clock = Clock(rate=rate)
    before = []
    for first, lasts, label, user, track, colour in marked:
        more = {"user": user if user != "vtn-stream" else "", "track": track if track != "V1" else ""}
        more = {key: value for key, value in more.items() if value}
        before.append(segment(clock.seconds(first), clock.seconds(first + lasts), label, colour=colour, **more))
    content, warnings = written(avid_markers, *before, rate=rate, start=start)
    assert not [warning for warning in warnings if "24:00:00:00" not in warning]
    assert avid_markers.claims(content.decode(), ".txt") == bool(marked)
    (after,) = found(avid_markers, content, rate=rate, start=start).timelines
    assert after.segments == timeline(*before).segments


def test_an_edl_of_locators_has_one_event_the_film():
    content, warnings = written(avid, segment(1, 3, "a"), segment(2, 2, "b"), segment(5, 6, "a"), duration_s=60.0)
    assert content.decode() == (
        "TITLE: film.mp4\nFCM: NON-DROP FRAME\n\n"
        "001  AX       V     C        00:00:00:00 00:01:00:00 00:00:00:00 00:01:00:00\n"
        "* FROM CLIP NAME: film.mp4\n"
        "* LOC: 00:00:01:00 RED     a\n"
        "* LOC: 00:00:02:00 GREEN   b\n"
        "* LOC: 00:00:05:00 RED     a\n"
    )
    assert warnings == ("locators have no length: 2 segments written by the start alone",)


def test_other_programs_read_it():
    content, _ = written(avid, segment(1, 3, "goal"), segment(2, 2, "corner"), duration_s=60.0)
    (event,) = pycmx.parse_cmx3600(io.StringIO(content.decode())).events
    assert event.edits[0].clip_name == "film.mp4"
    (clip,) = otio.adapters.read_from_string(content.decode(), "cmx_3600", rate=25).find_clips()
    assert [(m.name, m.color, m.marked_range.start_time.to_seconds()) for m in clip.markers] == [
        ("goal", "RED", 1.0),
        ("corner", "GREEN", 2.0),
    ]


FILM = """\
TITLE: film.mp4
001  AX       V     C        00:00:00:00 00:01:00:00 00:00:00:00 00:01:00:00
* FROM CLIP NAME: film.mp4
"""


@pytest.mark.parametrize(
    ("text", "of_film"),
    [
        (FILM + "* LOC: 00:00:01:00 RED     a\n", True),
        (FILM, False),
        (FILM.replace("TITLE: film.mp4", "TITLE: cut 1") + "* LOC: 00:00:01:00 RED     a\n", False),
        (FILM + "* LOC: 00:00:01:00 RED     a\n* COMMENT: a\n", False),
        (FILM + "* LOC: 00:00:01:00 RED     a\n" + FILM, False),
        ("TITLE:\n" + FILM.split("\n")[1] + "\n* FROM CLIP NAME:\n* LOC: 00:00:01:00 RED     a\n", False),
    ],
)
def test_an_event_that_is_called_as_its_list_is_the_film(text, of_film):
    assert (avid.claims(text, ".edl"), cmx3600.claims(text, ".edl")) == (of_film, not of_film)


def test_colours_may_be_in_small_letters():
    text = FILM + "* LOC: 00:00:01:00 magenta VFX\n* LOC: 00:00:02:00 red   x\n* LOC: 00:00:03:00 red card\n"
    (after,) = found(avid, text).timelines
    assert [(s.label, s.attributes.get("colour")) for s in after.segments] == [
        ("VFX", "MAGENTA"),
        ("x", "RED"),
        ("red card", None),
    ]


def test_locators_above_the_first_event_are_read_and_those_without_an_event_are_told():
    above = "TITLE: a\n* LOC: 00:00:01:00 red   before\n001  X        V     C        00:00:02:00 00:00:03:00 "
    text = above + "00:00:02:00 00:00:03:00\n* LOC: 00:00:02:05 RED     in it\n"
    (after,) = read(cmx3600, text).timelines
    assert [(s.start_s, s.label) for s in after.segments] == [(1, "before"), (2, "X"), (2.2, "in it")]
    (told,) = read(cmx3600, "TITLE: a\n* LOC: 00:00:01:00 RED     x\n").warnings
    assert told == "1 locator in a list without events not read (line 2)"


def test_a_list_of_markers_is_as_avid_has_it():
    content, warnings = written(avid_markers, segment(1, 3, "a"), segment(2, 2, "b"), segment(5, 5.04, "a"))
    assert content.decode() == (
        "vtn-stream\t00:00:01:00\tV1\tred\ta\t50\n"
        "vtn-stream\t00:00:02:00\tV1\tgreen\tb\t1\n"
        "vtn-stream\t00:00:05:00\tV1\tred\ta\t1\n"
    )
    assert warnings == ("1 segment of a single frame, which is what a marker without a length has",)


LIST = (
    "Ann\t01:00:01:00\tV1\tred\tVFX - a\nsecond line\t1\n"
    "Ann\t01:00:02:00\tV2\tgreen\tx\t50\t\tForest\n"
    "shot_010\t01:00:05:00\tTC1\tBlue\t\t1\n"
)


@pytest.mark.parametrize("encode", [str.encode, lambda text: text.replace("\n", "\r\n").encode("utf-16")])
def test_lists_of_avid_are_read(tmp_path, encode):
    (tmp_path / "x.txt").write_bytes(encode(LIST))
    (after,) = read_any(tmp_path / "x.txt", ReadingOptions(rate=Fraction(25), start_timecode="01:00:00:00")).timelines
    assert [(s.start_s, s.end_s, s.label, s.attributes) for s in after.segments] == [
        (1, 1, "VFX - a second line", {"user": "Ann", "colour": "RED"}),
        (2, 4, "x", {"user": "Ann", "track": "V2", "colour": "FOREST"}),
        (5, 5, "shot_010", {"user": "shot_010", "track": "TC1", "colour": "BLUE"}),
    ]


def test_without_a_start_timecode_a_late_list_is_told():
    (warning,) = found(avid_markers, LIST).warnings
    assert "the first marker is at 01:00:01:00 and no start timecode is given" in warning


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Ann\t00:00:01:25\tV1\tred\ta\t1\n", "line 1: timecode 00:00:01:25: it does not exist at 25"),
        ("Ann\t00:00:01:00\tV1\tred\ta\t1\nAnn\t00:0x:01:00\tV1\tred\tb\t1\n", "line 1: it is not a text and a number"),
        ("Ann\t00:00:01:00\tV1\tred\ta\tlong\n", "line 1: it is not a text and a number"),
        ("hello\n" + LIST, "line 1: it does not begin with a marker"),
        ("hello\n", "line 1: it does not begin with a marker"),
    ],
)
def test_a_damaged_list_is_refused_with_its_line(text, reason):
    with pytest.raises(TimelineError) as caught:
        found(avid_markers, text)
    assert reason in str(caught.value)


@pytest.mark.parametrize("module", [avid, avid_markers])
def test_equal_timelines_give_equal_bytes_and_any_label_is_a_line(module):
    marked = [segment(1, 3, "two\nlines\t=x"), segment(-5, -4, "=1+1"), segment(2, 2, "")]
    content, warnings = written(module, *marked)
    assert content == written(module, *marked)[0]
    assert len(content.decode().splitlines()) == (8 if module is avid else 3)
    assert any("line" in warning for warning in warnings)
