"""Timelines as xmeml, read back by OpenTimelineIO; and xmeml of other programs."""

from fractions import Fraction

import lxml.etree
import opentimelineio as otio_library
import pytest
from editor_timelines import COUNTED, NTSC_60, NTSC_FILM, read, segment, spans, written

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
            [],
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
