"""Timelines as xmeml, read back by OpenTimelineIO; and xmeml of other programs."""

import re
from fractions import Fraction

import lxml.etree
import opentimelineio as otio_library
import pytest
from editor_timelines import COUNTED, NTSC_60, NTSC_FILM, read, segment, spans, written

from vtn_stream.errors import TimelineError
from vtn_stream.formats import xmeml


@pytest.mark.parametrize(("rate", "start"), COUNTED[:-1])
def test_opentimelineio_reads_xmeml_at_the_same_frames(rate, start):
    content, _ = written(xmeml, segment(1, 2, "a & b", 0.5), segment(3, 3, "now"), rate=rate, start=start)
    project = otio_library.adapters.read_from_string(content.decode(), "fcp_xml")
    assert project.name == "film.mp4"
    assert float(project.global_start_time.rate) == pytest.approx(float(rate))
    drop = ";" in start
    assert project.global_start_time.to_timecode(float(rate), drop) == start
    first, second = project.tracks.markers
    assert (first.name, first.metadata["fcp_xml"]["comment"], second.name) == ("a & b", "score 0.5000", "now")
    assert first.marked_range.start_time.value == round(rate)
    assert first.marked_range.end_time_exclusive().value == round(2 * rate)
    assert second.marked_range.duration.value == 0
    ((clip,),) = project.tracks
    assert clip.media_reference.target_url == "film.mp4"
    assert clip.source_range.duration.value == round(1000 * rate)


@pytest.mark.parametrize(
    ("rate", "timebase", "ntsc", "num_warnings"),
    [
        (NTSC_FILM, "24", "TRUE", 0),
        (Fraction(25), "25", "FALSE", 0),
        (NTSC_60, "60", "TRUE", 0),
        (Fraction(2997, 100), "30", "TRUE", 0),
        (Fraction(1, 3), "24", "FALSE", 1),
        (Fraction(25, 2), "25", "FALSE", 1),
    ],
)
def test_xmeml_counts_at_a_rate_of_timecode(rate, timebase, ntsc, num_warnings):
    content, warnings = written(xmeml, segment(3, 9), rate=rate)
    root = lxml.etree.fromstring(content)
    assert {e.text for e in root.iter("timebase")} == {timebase}
    assert {e.text for e in root.iter("ntsc")} == {ntsc}
    assert len(warnings) == num_warnings
    assert spans(xmeml, content)[0][:2] == pytest.approx((3, 9), abs=0.021)


def foreign_xmeml(inside):
    return (
        '<xmeml version="4"><project><children><sequence><rate><timebase>25</timebase><ntsc>FALSE</ntsc></rate>'
        f"<timecode><string>00:59:50:00</string><frame>89750</frame></timecode>{inside}</sequence></children></project>"
        "</xmeml>"
    )


def clipitem(name, start, end, shown_from, until, inside=""):
    return (
        f"<clipitem><name>{name}</name><start>{start}</start><end>{end}</end><in>{shown_from}</in><out>{until}</out>"
        f"{inside}</clipitem>"
    )


MARKER = "<marker><name>goal</name><comment>left foot</comment><in>{}</in><out>{}</out></marker>"


@pytest.mark.parametrize(
    ("inside", "segments"),
    [
        ("", []),
        (MARKER.format(25, -1), [segment(1, 1, "goal", comment="left foot")]),
        (
            "<media><video><track>"
            + clipitem("x", 100, 200, 1000, 1100, MARKER.format(1025, 1150))
            + "</track></video>"
            "</media>",
            [segment(5, 8, "goal", comment="left foot")],
        ),
        (
            "<media><video><track>"
            + clipitem("x", 100, 200, 1000, 1100, MARKER.format(0, 10))
            + "</track></video></media>",
            [segment(4, 8, "x")],  # the marker is outside of it
        ),
        ("<media><video><track>" + clipitem("the film", 0, 200, 0, 200) + "</track></video></media>", []),
        (
            "<media><video><track>"
            + clipitem("one", 0, 50, 0, 50)
            + clipitem("two", -1, 100, 0, 50)
            + clipitem("three", 100, -1, 0, 25)
            + "</track></video></media>",
            [segment(0, 2, "one"), segment(2, 4, "two"), segment(4, 5, "three")],
        ),
    ],
)
def test_xmeml_of_other_programs_is_read(inside, segments):
    (after,) = read(xmeml, foreign_xmeml(inside)).timelines
    assert list(after.segments) == segments
    assert (after.nominal_rate, after.start_timecode) == (25, "00:59:50:00")


def video(*tracks, kind="video"):
    return f"<media><{kind}>" + "".join(f"<track>{track}</track>" for track in tracks) + f"</{kind}></media>"


def mark(name, first, end=-1):
    return f"<marker><name>{name}</name><in>{first}</in><out>{end}</out></marker>"


def said(inside):
    result = read(xmeml, foreign_xmeml(inside))
    return [(s.start_s, s.end_s, s.label) for s in result.timelines[0].segments], result.warnings


def rated(base, ntsc=None):
    return f"<rate><timebase>{base}</timebase>" + (f"<ntsc>{ntsc}</ntsc>" if ntsc else "") + "</rate>"


OFF = "<enabled>FALSE</enabled>"


@pytest.mark.parametrize(("base", "ntsc"), [(30, "FALSE"), (30, "TRUE"), (24, "TRUE"), (50, "FALSE"), (25, "FALSE")])
@pytest.mark.parametrize("shown_from", [0, 60])
def test_a_clip_of_another_rate_counts_its_markers_at_that(base, ntsc, shown_from):
    rate = Fraction(base * 1000, 1001) if ntsc == "TRUE" else Fraction(base)
    inside = rated(base, ntsc) + mark("m", 120, 150)
    found, warnings = said(video(clipitem("a", 100, 350, shown_from, shown_from + 10 * base, inside)))
    begins = 4 + (120 - shown_from) / rate
    assert found == [(pytest.approx(float(begins)), pytest.approx(float(begins + 30 / rate)), "m")]
    told = "1 marker counted at the rate of a clip, where editors disagree (m)"
    assert warnings == (() if rate == 25 else (told,))
    film = f'<file id="f"><name>a</name>{rated(base, ntsc)}</file>'
    content = foreign_xmeml(
        "<name>s</name>" + video(clipitem("a", 100, 350, shown_from, shown_from + 9, inside + film))
    )
    timeline = otio_library.adapters.read_from_string(content, "fcp_xml")
    timeline = timeline if isinstance(timeline, otio_library.schema.Timeline) else timeline[0]
    (clip,) = timeline.find_clips()
    (marker,) = clip.markers
    since = marker.marked_range.start_time - clip.source_range.start_time
    assert 4 + since.to_seconds() == pytest.approx(float(begins))


def test_a_clip_that_says_its_timebase_alone_has_the_sequence_s_thousandth():
    sequence = foreign_xmeml(video(clipitem("a", 0, 300, 0, 300, rated(30) + mark("m", 30, 60))))
    (timeline,) = read(xmeml, sequence.replace(rated(25, "FALSE"), rated(30, "TRUE"))).timelines
    assert timeline.segments == (segment(1.001, 2.002, "m"),)
    assert read(xmeml, sequence.replace(rated(25, "FALSE"), rated(30, "TRUE"))).warnings == ()


def test_a_clip_of_another_rate_next_to_a_transition_has_its_length():
    clips = clipitem("a", 0, 100, 0, 100) + clipitem("b", -1, 200, 50, 100, rated(50, "FALSE"))
    assert said(video(clips))[0] == [(0, 4, "a"), (7, 8, "b")]


def test_what_is_switched_off_is_not_read():
    clips = (
        clipitem("a", 0, 25, 0, 25) + clipitem("b", 25, 50, 0, 25, OFF + mark("m", 5)) + clipitem("c", 50, 75, 0, 25)
    )
    off = OFF.replace("FALSE", " false ") + clipitem("d", 0, 25, 0, 25) + clipitem("e", 25, 50, 0, 25)
    assert said(video(clips, off)) == (
        [(0, 1, "a"), (2, 3, "c")],
        ("3 clips switched off, not read (b, d and e)", "1 marker of a clip switched off, not read (m)"),
    )
    assert said(video(clips.replace("FALSE", "TRUE")))[0] == [(1.2, 1.2, "m")]


def test_markers_on_sound_are_read_where_they_are_not_those_of_the_picture():
    picture = clipitem("a", 0, 100, 0, 100, mark("m", 25) + mark("gone", 200)) + clipitem("b", 100, 200, 0, 100)
    sound = picture + clipitem("music", 0, 100, 0, 100, mark("beat", 50))
    inside = video(picture) + video(sound, sound, kind="audio")
    assert said(inside) == (
        [(1, 1, "m"), (2, 2, "beat")],
        ("1 marker outside what its clip shows, not read (gone)", "2 clips not read, beside markers (a and b)"),
    )
    bare = re.sub("<marker>.*?</marker>", "", inside)
    assert said(bare) == (
        [(0, 4, "a"), (4, 8, "b")],
        ("6 clips of audio tracks not read (a, b and music)",),
    )


def test_titles_are_clips():
    title = clipitem("t", 10, 20, 0, 10, mark("m", 5)).replace("clipitem", "generatoritem")
    assert said(video(clipitem("film", 0, 200, 0, 200), title))[0] == [(0.6, 0.6, "m")]
    assert said(video(clipitem("film", 0, 200, 0, 200), title.replace(mark("m", 5), "")))[0] == [
        (0, 8, "film"),
        (0.4, 0.8, "t"),
    ]


@pytest.mark.parametrize(
    ("parameters", "is_told"),
    [
        ({"speed": "100"}, False),
        ({"speed": "100.0", "reverse": "FALSE", "variablespeed": "0"}, False),
        ({"speed": "200"}, True),
        ({"speed": "100", "reverse": "TRUE"}, True),
        ({"speed": "100", "variablespeed": "1"}, True),
        ({}, True),
    ],
)
def test_markers_where_the_speed_is_changed_are_told(parameters, is_told):
    values = "".join(
        f"<parameter><parameterid>{name}</parameterid><value>{value}</value></parameter>"
        for name, value in parameters.items()
    )
    filtered = f"<filter><effect><effectid>timeremap</effectid>{values}</effect></filter>"
    found, warnings = said(video(clipitem("a", 0, 100, 0, 100, mark("m", 25) + filtered)))
    assert found == [(1, 1, "m")]
    told = "1 marker where the speed is changed, read as if it were not (m)"
    assert warnings == ((told,) if is_told else ())


def test_markers_of_clips_in_bins_are_told():
    clip = f"<clip><name>a</name>{mark('m', 5)}</clip>"
    content = foreign_xmeml(mark("s", 25)).replace("<children>", f"<children>{clip}")
    result = read(xmeml, content)
    assert [s.label for s in result.timelines[0].segments] == ["s"]
    assert result.warnings == ("1 marker of clips beside the sequences not read (m)",)
    with pytest.raises(TimelineError, match="no sequence") as caught:
        read(xmeml, f"<xmeml>{clip}</xmeml>")
    assert caught.value.cure == "let the editor export the sequence, not its clips"
