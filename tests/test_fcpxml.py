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


def said(spine, tc_start="3600s", duration="100s"):
    """The spans of a sequence, and what is told; None leaves an attribute out."""
    content = foreign_fcpxml(spine).replace("<resources>", f"<resources>{RESOURCES}")
    for name, value, usual in (("tcStart", tc_start, "3600s"), ("duration", duration, "100s")):
        attribute = f' {name}="{usual}"'
        assert attribute in content
        content = content.replace(attribute, "" if value is None else f' {name}="{value}"')
    result = read(fcpxml, content)
    return [(s.start_s, s.end_s, s.label) for s in result.timelines[0].segments], result.warnings


RESOURCES = (
    '<asset id="cam" start="3600s" duration="50s" hasVideo="1"/><asset id="mic" hasAudio="1" duration="50s"/>'
    '<media id="inner"><sequence><spine><clip duration="9s"><marker start="1s" value="x"/></clip></spine>'
    '</sequence></media><media id="plain"><sequence><spine><clip duration="9s"/></spine></sequence></media>'
)


def shot(name, offset, lasts=10, inside="", tag="clip", **attributes):
    more = "".join(f' {key}="{value}"' for key, value in attributes.items())
    offset = "" if offset is None else f' offset="{3600 + offset}s"'
    return f'<{tag} name="{name}"{offset} duration="{lasts}s"{more}>{inside}</{tag}>'


TWO = shot("a", 0) + shot("b", 10)


def test_of_an_audition_the_first_is_picked():
    inside = [marked(start="1s", value=name) for name in "xy"]
    picks = shot("p", None, inside=inside[0]) + shot("q", 10, inside=inside[1]) + shot("r", 10)
    told = "2 alternatives of an audition not picked, not read (q and r)"
    assert said(shot("a", 0) + f'<audition offset="3610s">{picks}</audition>' + shot("b", None)) == (
        [(11, 12, "x")],
        (told, "3 clips not read, beside markers (a, p and b)"),
    )
    bare = picks.replace(inside[0], "").replace(inside[1], "")
    for at in (f"<audition>{bare}</audition>", f'<audition offset="3610s">{bare}</audition>', "<audition/>"):
        found, warnings = said(shot("a", 0) + at + shot("b", 20))
        assert found == [(0, 10, "a"), *[(10, 20, "p")] * (at != "<audition/>"), (20, 30, "b")]
        assert warnings == (told,) * (at != "<audition/>")


def test_what_is_switched_off_is_not_read_but_what_is_connected_to_it_is():
    mark, title = marked(start="1s", value="m"), shot("t", -3598, 3, tag="title", lane="1")
    assert said(shot("a", 0, inside=title + mark, enabled="0") + shot("b", 10)) == (
        [(2, 5, "t"), (10, 20, "b")],
        ("1 clip switched off, not read (a)", "1 marker of a clip switched off, not read (m)"),
    )
    assert said(TWO + shot("c", 20, enabled="1") + shot("d", 30, tag="title", enabled="0"))[0][-1] == (20, 30, "c")


def test_a_single_clip_is_the_film_where_it_begins_with_the_sequence():
    off = shot("a", 0, enabled="0")
    assert said(shot("b", 0)) == ([], ())
    assert said(off + shot("b", 10)) == ([(10, 20, "b")], ("1 clip switched off, not read (a)",))


def test_connected_clips_are_shown_on_their_own():
    """Also where what they are connected to has ended; contents are shown while their clip is."""
    mark = marked(start="12s", value="m")
    connected = shot("b", -3595, 20, inside=mark, lane="1")
    assert said(shot("a", 0, inside=connected)) == ([(17, 18, "m")], ("2 clips not read, beside markers (a and b)",))
    contained = connected.replace(' lane="1"', "")
    assert said(shot("a", 0, inside=contained)) == ([], ("1 marker outside what its clip shows, not read (m)",))
    storyline = f'<spine lane="-1" offset="5s">{shot("b", None, 20, inside=mark)}</spine>'
    assert said(shot("a", 0, inside=storyline))[0] == [(17, 18, "m")]
    assert said(shot("a", 0, inside=connected.replace(mark, "")))[0] == [(0, 10, "a"), (5, 25, "b")]


def test_sound_and_gaps_are_no_clips():
    sound = shot("m", 20, tag="asset-clip", ref="mic") + shot("n", 30, tag="asset-clip", ref="cam", srcEnable="audio")
    pair = shot(
        "v", 40, tag="clip", inside='<video ref="cam" duration="10s"/><audio ref="mic" lane="-1" duration="10s"/>'
    )
    assert said(TWO + sound + pair + shot("g", 50, tag="gap")) == (
        [(0, 10, "a"), (10, 20, "b"), (40, 50, "v")],
        ("2 clips of sound not read (m and n)",),
    )


def test_what_this_reader_does_not_know_is_told():
    inside = '<rating value="favorite" start="1s" duration="2s"/><keyword value="k" start="50s"/>'
    transition = '<transition duration="1s"><marker start="0s" value="t"/></transition>'
    compound = shot("c", 20, tag="ref-clip", ref="inner") + shot("d", 30, tag="mc-clip", ref="plain")
    fast = shot("f", 40, inside="<timeMap/>" + marked(start="2s", value="m"))
    assert said(shot("a", 0, inside=inside) + transition + shot("b", 10) + compound + fast) == (
        [(42, 43, "m")],
        (
            "1 marker of a transition not read (t)",
            "1 compound or multicam clip with markers inside, which are not read (c)",
            "1 marker where the speed is changed, read as if it were not (m)",
            "1 rating not read (favorite)",
            "1 keyword outside what its clip shows, not read (k)",
            "5 clips not read, beside markers (a, b, c and 2 more)",
        ),
    )
    beside = foreign_fcpxml(TWO).replace("<project>", shot("e", None, inside=marked(value="x")) + "<project>")
    assert read(fcpxml, beside).warnings == ("1 marker or keyword of clips beside the projects not read (x)",)


SHIFTED = [(0, 10, "a"), (10, 20, "b")]


@pytest.mark.parametrize(
    ("tc_start", "duration", "by", "found", "num_told"),
    [
        ("3600s", "100s", 0, SHIFTED, 0),
        ("3600s", None, 0, SHIFTED, 0),
        ("0s", None, 0, SHIFTED, 1),  # the camera's timecode
        (None, None, 0, SHIFTED, 1),
        ("0s", "20s", 0, SHIFTED, 1),
        ("0s", "7200s", 0, [(3600, 3610, "a"), (3610, 3620, "b")], 0),  # where there is room for it
        ("3600s", "100s", -3600, SHIFTED, 1),  # counted from 0
        ("3600s", None, -3600, SHIFTED, 1),
        ("3600s", "100s", 5, [(5, 15, "a"), (15, 25, "b")], 0),
        ("3600s", None, 1800, [(1800, 1810, "a"), (1810, 1820, "b")], 0),
        ("3600s", "100s", 90, SHIFTED, 1),
    ],
)
def test_a_sequence_begins_with_its_first_clip(tc_start, duration, by, found, num_told):
    spine = shot("a", by) + shot("b", by + 10)
    spans, warnings = said(spine, tc_start, duration)
    assert spans == found
    assert [warning[:18] for warning in warnings] == ["the first clip is "] * num_told
    audition = spine.replace("<clip", "<audition><clip", 1).replace("</clip>", "</clip></audition>", 1)
    assert said(audition, tc_start, duration) == (spans, warnings)


def test_markers_may_count_as_their_asset_does():
    clip = shot("a", 0, tag="asset-clip", ref="cam", inside=marked(start="3602s", value="m"))
    assert said(clip)[0] == [(2, 3, "m")]
    assert said(clip.replace("3602s", "2s"))[0] == [(2, 3, "m")]
    assert said(clip.replace("<asset-clip", '<asset-clip start="0s"'))[1] == (
        "1 marker outside what its clip shows, not read (m)",
    )


def test_a_clip_may_leave_its_length_to_its_asset():
    clips = shot("a", 0, tag="asset-clip", ref="cam").replace(' duration="10s"', "") + shot("b", None)
    assert said(clips) == ([(0, 50, "a"), (50, 60, "b")], ())
    assert said(TWO + shot("c", 20).replace(' duration="10s"', ""))[1] == ("1 clip without a duration not read (c)",)
