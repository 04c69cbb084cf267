"""Timelines as FCPXML, by its rules and read back by OpenTimelineIO; and FCPXML of other programs."""

import io
from fractions import Fraction

import lxml.etree
import opentimelineio as otio_library
import pytest
from editor_timelines import COUNTED, read, segment, spans, written

from vtn_stream.formats import fcpxml

# What of FCPXML 1.10 is used here: which elements hold which, in which order, and what they must state.
RULES = """
<!ELEMENT fcpxml (resources?, library?)> <!ATTLIST fcpxml version CDATA #FIXED "1.10">
<!ELEMENT resources (asset | format)*>
<!ELEMENT format EMPTY> <!ATTLIST format id ID #REQUIRED frameDuration CDATA #IMPLIED>
<!ELEMENT asset (media-rep+)>
<!ATTLIST asset id ID #REQUIRED name CDATA #IMPLIED start CDATA #IMPLIED duration CDATA #IMPLIED
  hasVideo CDATA #IMPLIED videoSources CDATA #IMPLIED format IDREF #IMPLIED>
<!ELEMENT media-rep EMPTY> <!ATTLIST media-rep kind (original-media|proxy-media) "original-media" src CDATA #REQUIRED>
<!ELEMENT library (event)*> <!ELEMENT event (project)*> <!ATTLIST event name CDATA #IMPLIED>
<!ELEMENT project (sequence)> <!ATTLIST project name CDATA #IMPLIED>
<!ELEMENT sequence (spine)>
<!ATTLIST sequence format IDREF #REQUIRED duration CDATA #IMPLIED tcStart CDATA #IMPLIED tcFormat (DF|NDF) #IMPLIED>
<!ELEMENT spine (asset-clip)*> <!ELEMENT asset-clip (marker)*>
<!ATTLIST asset-clip ref IDREF #REQUIRED name CDATA #IMPLIED offset CDATA #IMPLIED start CDATA #IMPLIED
  duration CDATA #IMPLIED format IDREF #IMPLIED>
<!ELEMENT marker EMPTY>
<!ATTLIST marker start CDATA #REQUIRED duration CDATA #IMPLIED value CDATA #REQUIRED note CDATA #IMPLIED>
"""


@pytest.mark.parametrize(("rate", "start"), COUNTED)
def test_fcpxml_keeps_the_rules_and_all_times_are_whole_frames(rate, start):
    content, _ = written(fcpxml, segment(1, 2, '"a"', 0.5), segment(3.3, 3.3), rate=rate, start=start)
    root = lxml.etree.fromstring(content)
    rules = lxml.etree.DTD(io.StringIO(RULES))
    assert rules.validate(root), rules.error_log
    frame = root.find(".//format").get("frameDuration")
    assert frame == f"{rate.denominator}/{rate.numerator}s"
    times = [e.get(name) for e in root.iter() for name in ("start", "duration", "offset", "tcStart") if e.get(name)]
    assert len(times) == 10
    assert all((Fraction(time.removesuffix("s")) * rate).denominator == 1 for time in times)


@pytest.mark.parametrize(("rate", "start"), [(Fraction(25), "10:00:00:00"), (Fraction(50), None), (Fraction(24), None)])
def test_opentimelineio_reads_fcpxml_at_the_same_times(rate, start):
    """At whole rates only: it rounds all others down."""
    content, _ = written(fcpxml, segment(1, 2, "a & b"), segment(3, 3, "now"), rate=rate, start=start)
    found = otio_library.adapters.read_from_string(content.decode(), "fcpx_xml")
    project = found if isinstance(found, otio_library.schema.Timeline) else next(iter(found.find_children()))
    (clip,) = (c for c in project.find_clips())
    begins = clip.source_range.start_time
    assert begins.to_seconds() == (36000 if start else 0)
    assert clip.source_range.duration.to_seconds() == 1000
    assert [
        (m.name, (m.marked_range.start_time - begins).to_seconds(), m.marked_range.duration.to_seconds())
        for m in clip.markers
    ] == [("a & b", 1, 1), ("now", 3, 0)]


def foreign_fcpxml(spine):
    return (
        '<fcpxml version="1.8"><resources><format id="r1" frameDuration="100/2500s"/><asset id="r2" src="file:///a/b%20c.mov"'
        '/></resources><library><event><project><sequence format="r1" tcStart="3600s" tcFormat="NDF" duration="100s">'
        f"<spine>{spine}</spine></sequence></project></event></library></fcpxml>"
    )


def marked(tag="marker", start="10s", lasts="1s", value="goal", more=""):
    return f'<{tag} start="{start}" duration="{lasts}" value="{value}" {more}/>'


@pytest.mark.parametrize(
    ("spine", "segments"),
    [
        ("", []),
        ('<asset-clip name="film" offset="3600s" duration="100s"/>', []),
        (
            f'<clip offset="3610s" start="5s" duration="20s">{marked(more="note=" + chr(34) + "x" + chr(34))}</clip>',
            [segment(15, 16, "goal", note="x")],
        ),
        (
            '<clip offset="3610s" start="5s" duration="20s">'
            f"{marked(start='1s')}{marked(start='24s', lasts='9s')}</clip>",
            [segment(29, 30, "goal")],
        ),
        (
            f'<gap offset="3600s" start="3600s" duration="20s"><title offset="3605s" start="0s" duration="9s">'
            f"{marked(start='1s')}</title></gap>",
            [segment(6, 7, "goal")],
        ),
        (
            '<gap offset="3600s" start="3600s" duration="20s"><spine lane="1" offset="3602s"><clip duration="3s"/>'
            f'<clip duration="5s">{marked(start="1s")}</clip></spine></gap>',
            [segment(6, 7, "goal")],
        ),
        (
            f'<clip offset="3600s" duration="20s">{marked("keyword", value="a, b")}<keyword value="all"/></clip>',
            [segment(0, 20, "all"), segment(10, 11, "a"), segment(10, 11, "b")],
        ),
        (
            f'<clip offset="3600s" duration="20s">{marked("chapter-marker", lasts="1/25s")}</clip>',
            [segment(10, 10.04, "goal")],
        ),
        (
            '<clip name="one" offset="3600s" duration="2s"/><gap offset="3602s" duration="1s"/>'
            '<clip name="two" duration="3s"/>',
            [segment(0, 2, "one"), segment(3, 6, "two")],
        ),
    ],
)
def test_fcpxml_of_other_programs_is_read(spine, segments):
    (after,) = read(fcpxml, foreign_fcpxml(spine)).timelines
    assert list(after.segments) == segments
    assert (after.nominal_rate, after.start_timecode, after.video_path) == (25, "01:00:00:00", "b c.mov")
    assert after.duration_s == 100


def test_clips_of_an_event_without_a_project_are_read():
    clip = f'<asset-clip start="5s" duration="20s">{marked("keyword")}</asset-clip>'
    assert spans(fcpxml, f'<fcpxml version="1.9"><library><event>{clip}</event></library></fcpxml>') == [(5, 6, "goal")]
