"""Projects for editors: xmeml, FCPXML and OpenTimelineIO, read back by us, by lxml and by OpenTimelineIO's readers."""

import contextlib
import copy
import io
import json
import re
from fractions import Fraction

import lxml.etree
import opentimelineio as otio_library
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import InputError, TimelineError
from vtn_stream.formats import fcpxml, otio, xmeml
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.timecode import Clock
from vtn_stream.formats.writing import Options, xml_text
from vtn_stream.timeline import Segment, Timeline

NTSC_FILM, NTSC, NTSC_60 = Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)
COUNTED = [  # rate and start timecode
    (NTSC_FILM, "00:00:00:00"),
    (Fraction(25), "10:00:00:00"),
    (NTSC, "01:00:00:00"),
    (NTSC, "01:00:00;00"),
    (NTSC_60, "20:00:00;00"),
    (Fraction(100), "00:00:00:00"),
]
ALL = [xmeml, fcpxml, otio]
HALF_DAY_S = 12 * 3600

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
counted = st.sampled_from(COUNTED)
at_frames = st.tuples(st.integers(0, HALF_DAY_S * 20), st.integers(0, 10_000) | st.just(0))
scores = st.none() | st.integers(0, 10_000).map(lambda n: n / 10_000)


def timeline(*segments, rate=Fraction(25), **fields):
    known = {"video_identity": "", "video_path": "film.mp4", "duration_s": 1000.0, "span_s": (0.0, 1000.0)}
    return Timeline(**(known | {"segments": segments, "nominal_rate": rate} | fields))


def segment(start_s=1.0, end_s=2.0, label="a", score=None, **attributes):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score, attributes=attributes)


def written(module, *segments, start=None, **fields):
    result = module.write([timeline(*segments, **fields)], Options(start_timecode=start))
    return result.content, result.warnings


def read(module, content):
    content = content.encode() if isinstance(content, str) else content
    return module.read(content, "project", ReadingOptions())


def back(module, content):
    (after,) = read(module, content).timelines
    return after.segments


def spans(module, content):
    return [(s.start_s, s.end_s, s.label) for s in back(module, content)]


# ---- all three


@pytest.mark.parametrize("module", [xmeml, fcpxml])
@settings(deadline=None, max_examples=60)
@given(counted, st.lists(st.tuples(at_frames, texts, scores), max_size=5))
def test_markers_come_back_frame_by_frame(module, counted, marked):
    rate, start = counted
    clock = Clock(rate=rate)
    before = [
        segment(clock.seconds(first), clock.seconds(first + length), xml_text(label)[0], score)
        for (first, length), label, score in marked
    ]
    content, warnings = written(module, *before, rate=rate, start=start, duration_s=2.0 * HALF_DAY_S)
    (after,) = read(module, content).timelines
    assert warnings == ()
    assert after.segments == timeline(*before).segments
    assert (after.nominal_rate, after.start_timecode, after.video_path) == (rate, start, "film.mp4")


@settings(deadline=None, max_examples=60)
@given(
    counted,
    st.lists(st.tuples(st.floats(0, HALF_DAY_S), st.floats(0, 100), texts, st.none() | st.floats(0, 1)), max_size=6),
    st.floats(0, HALF_DAY_S),
    st.dictionaries(texts, texts, max_size=2),
)
def test_opentimelineio_gives_back_the_very_seconds(counted, marked, duration_s, attributes):
    rate, start = counted
    before = [segment(at, at + lasts, label, score, **attributes) for at, lasts, label, score in marked]
    content, warnings = written(otio, *before, rate=rate, start=start, duration_s=duration_s)
    (after,) = read(otio, content).timelines
    assert all("shorter than a frame" in warning for warning in warnings)
    assert after.segments == timeline(*before).segments
    assert (after.nominal_rate, after.start_timecode, after.duration_s) == (rate, start, duration_s)


@pytest.mark.parametrize("module", [xmeml, fcpxml])
@settings(deadline=None, max_examples=60)
@given(counted, st.floats(0, HALF_DAY_S), st.floats(0, HALF_DAY_S))
def test_times_off_the_frames_are_half_a_frame_away_at_most(module, counted, start_s, lasts_s):
    rate, start = counted
    content, _ = written(module, segment(start_s, start_s + lasts_s), rate=rate, start=start, duration_s=1e5)
    (after,) = back(module, content)
    assert max(abs(after.start_s - start_s), abs(after.end_s - start_s - lasts_s)) <= 0.5000001 / rate


@pytest.mark.parametrize("module", ALL)
@settings(deadline=None, max_examples=60)
@given(st.text(max_size=20))
def test_any_label_is_written_and_what_cannot_be_is_replaced(module, label):
    label = f"{label}\0\ud800]]></marker>&\"'\r\n\t"
    content, warnings = written(module, segment(label=label))
    (after,) = back(module, content)
    expected = xml_text(label)[0] if module is not otio else label.replace("\0", "\ufffd")
    assert after.label == re.sub("[\ud800-\udfff]", "\ufffd", expected)
    assert len(warnings) == 1


@pytest.mark.parametrize("module", ALL)
def test_an_empty_timeline_comes_back_empty(module):
    content, warnings = written(module, duration_s=0.0, span_s=(0.0, 0.0))
    (after,) = read(module, content).timelines
    assert warnings == ()
    assert (after.segments, after.duration_s) == ((), 0.0)


@pytest.mark.parametrize("module", ALL)
def test_instants_and_overlaps_stay(module):
    before = [segment(0, 4, "a"), segment(1, 1, "a"), segment(1, 2, "b"), segment(2, 2, "c"), segment(3, 5, "a")]
    content, warnings = written(module, *before)
    told = ("2 segments shorter than a frame: written as a whole one",)
    assert warnings == (told if module is otio else ())
    assert back(module, content) == timeline(*before).segments


@pytest.mark.parametrize("module", ALL)
def test_what_the_file_states_holds_over_what_the_user_says(module):
    content, _ = written(module, segment(10.01, 20.02), rate=NTSC, start="01:00:00;00", duration_s=100.1)
    asked = ReadingOptions(rate=Fraction(25), start_timecode="02:00:00:00", duration_s=50.0)
    (after,) = module.read(content, "project", asked).timelines
    assert (after.nominal_rate, after.start_timecode) == (NTSC, "01:00:00;00")
    assert after.duration_s == pytest.approx(100.1)
    assert [(s.start_s, s.end_s) for s in after.segments] == [pytest.approx((10.01, 20.02))]


def test_what_a_project_does_not_state_the_user_says():
    asked = ReadingOptions(rate=NTSC, start_timecode="02:00:00:00", duration_s=50.0)
    clip = {"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": []}}
    for module, content in [
        (xmeml, "<xmeml><sequence><marker><name>a</name><in>30</in><out>60</out></marker></sequence></xmeml>"),
        (fcpxml, '<fcpxml><project><sequence><spine><gap offset="0s" duration="9s"><marker start="1001/1000s"'
                 ' duration="1001/1000s" value="a"/></gap></spine></sequence></project></fcpxml>'),
        (otio, json.dumps(clip)),
    ]:  # fmt: skip
        (after,) = module.read(content.encode(), "project", asked).timelines
        assert (after.nominal_rate, after.start_timecode, after.duration_s) == (NTSC, "02:00:00:00", 50.0)
        assert [(s.start_s, s.end_s) for s in after.segments] == ([] if module is otio else [(1.001, 2.002)])


@pytest.mark.parametrize("module", [xmeml, fcpxml])
@pytest.mark.parametrize("score", [-3.2, -0.5, 7.25, 123456789012.5])
def test_scores_are_any_number(module, score):
    content, _ = written(module, segment(score=score))
    assert back(module, content) == (segment(score=score),)


def test_fcpxml_has_frames_of_the_rate_that_29_97_means():
    content, warnings = written(fcpxml, segment(), rate=Fraction(2997, 100))
    assert b'frameDuration="1001/30000s"' in content
    assert warnings == ()


def test_each_sequence_of_xmeml_is_a_timeline():
    first, second = (
        written(xmeml, segment(at, at + 1, label), video_path=film)[0].decode()
        for at, label, film in [(1, "a", "one.mp4"), (2, "b", "two.mp4")]
    )
    start, end = "<sequence", "</sequence>"
    nested = "<marker><name>no</name><in>0</in><out>9</out></marker>"
    inner = second[second.index(start) : second.index(end)].replace(
        "<file id", f'<sequence id="x"><name>in</name>{nested}</sequence><file id'
    )
    content = first.replace(end, f"{end}<bin><children>{inner}{end}</children></bin><sequence id='x'/>")
    result = read(xmeml, content)
    assert [(t.video_path, t.segments) for t in result.timelines] == [
        ("one.mp4", (segment(1, 2, "a"),)),
        ("two.mp4", (segment(2, 3, "b"),)),
    ]
    assert result.warnings == ()
    assert [t.provenance["notes"] for t in result.timelines] == [
        ["Of several sequences this is 'one.mp4'."],
        ["Of several sequences this is 'two.mp4'."],
    ]
    assert read(xmeml, first).timelines[0].provenance["notes"] == []


def test_each_project_of_fcpxml_is_a_timeline_of_the_film_that_it_shows():
    first, second = (
        written(fcpxml, segment(at, at + 1, label), video_path=film, start=start)[0].decode()
        for at, label, film, start in [(1, "a", "one.mp4", None), (2, "b", "two.mp4", "01:00:00:00")]
    )
    asset = second[second.index("<asset id") : second.index("</asset>") + 8].replace('"r2"', '"r3"')
    project = second[second.index("<project") : second.index("</project>") + 10].replace('"r2"', '"r3"')
    content = first.replace("  </resources>", asset + "</resources>").replace("</project>", "</project>" + project)
    timelines = read(fcpxml, content).timelines
    assert [(t.video_path, t.start_timecode, t.segments) for t in timelines] == [
        ("one.mp4", "00:00:00:00", (segment(1, 2, "a"),)),
        ("two.mp4", "01:00:00:00", (segment(2, 3, "b"),)),
    ]
    assert timelines[1].provenance["notes"] == ["Of several projects this is 'two.mp4'."]


@pytest.mark.parametrize("module", ALL)
def test_a_film_without_a_rate_or_with_a_varying_one_is_counted_with_a_warning(module):
    content, (warning,) = written(module, segment(1, 2), rate=None)
    assert "no frame rate" in warning
    assert read(module, content).timelines[0].nominal_rate == 25
    content, (warning,) = written(module, segment(1.001, 2.002), rate=NTSC, variable_rate=True)
    assert "varies" in warning
    assert spans(module, content) == [(1.001, 2.002, "a")]


@pytest.mark.parametrize("module", ALL)
def test_a_start_that_is_no_timecode_is_an_error_of_the_user(module):
    with pytest.raises(InputError, match="start timecode"):
        written(module, start="1 o'clock")


@pytest.mark.parametrize("module", ALL)
def test_times_before_the_film_and_beyond_all_measure_are_written(module):
    content, _ = written(module, segment(-5, -4), segment(1e300, 1e308), duration_s=1e308)
    assert len(back(module, content)) == 2


@pytest.mark.parametrize("module", ALL)
def test_equal_timelines_give_equal_bytes_and_name_the_film(module):
    content, _ = written(module, segment(), video_path="below/my film & co.mp4")
    assert content == written(module, segment(), video_path="below/my film & co.mp4")[0]
    assert b"my%20film%20%26%20co.mp4" in content
    assert b"file://" not in content
    assert read(module, content).timelines[0].video_path.endswith("my film & co.mp4")


@pytest.mark.parametrize("module", ALL)
@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"<a/>", b"<xmeml", b"\xff\xfe\x00", b"<xmeml/>", b'{"a": 1e999}']
)
def test_what_is_no_project_is_refused(module, content):
    with pytest.raises(TimelineError):
        read(module, content)


HEADS = {
    xmeml: '<?xml version="1.0"?>\n<!DOCTYPE xmeml>\n<xmeml version="4">',
    fcpxml: '<?xml version="1.0"?>\n<!DOCTYPE fcpxml>\n\n<fcpxml version="1.9">',
    otio: '{\n    "OTIO_SCHEMA": "Timeline.1",',
    "others": '<?xml version="1.0"?>\n<file><ALL_INSTANCES>',
    "json": '{"schema": "vtn-stream/timeline", "version": 1}',
    "subtitles": "1\n00:00:01,000 --> 00:00:02,000\n<xmeml> <fcpxml>\n",
}


@pytest.mark.parametrize("module", ALL)
def test_each_claims_its_own_files_only(module):
    assert [kind for kind, head in HEADS.items() if module.claims(head, ".xml")] == [module]
    assert module.claims(written(module, segment())[0].decode()[:4096], ".xml")


@pytest.mark.parametrize("module", [xmeml, fcpxml])
def test_xml_with_entities_is_refused(module):
    content = written(module, segment())[0].decode()
    hostile = re.sub(r"<!DOCTYPE (\w+)>", r'<!DOCTYPE \1 [<!ENTITY a "b">]>', content)
    with pytest.raises(TimelineError, match="entities"):
        read(module, hostile)


@pytest.mark.parametrize("module", [xmeml, fcpxml])
@settings(deadline=None, max_examples=150)
@given(st.data())
def test_xml_with_anything_in_the_place_of_a_value_is_read_or_refused(module, data):
    root = lxml.etree.fromstring(written(module, segment(1, 2, "a", 0.5), start="01:00:00:00")[0])
    element = data.draw(st.sampled_from(list(root.iter())))
    value = data.draw(st.sampled_from(["", "-1", "1/0s", "0s", "-1/2s", "x", "9" * 30, "1e9", "1.5s", "DF"]))
    kind = data.draw(st.sampled_from(["text", "attribute", "gone", "moved"]))
    if kind == "text":
        element.text = value
    elif kind == "attribute" and element.attrib:
        element.set(data.draw(st.sampled_from(sorted(element.attrib))), value)
    elif element.getparent() is not None:
        parent = element.getparent()
        parent.remove(element)
        if kind == "moved":
            root.append(element)
    with contextlib.suppress(TimelineError):
        read(module, lxml.etree.tostring(root))


# ---- xmeml


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
        (Fraction(1, 3), "1", "TRUE", 1),
    ],
)
def test_xmeml_counts_at_the_nearest_rate_that_it_can_state(rate, timebase, ntsc, num_warnings):
    content, warnings = written(xmeml, segment(3, 9), rate=rate)
    root = lxml.etree.fromstring(content)
    assert {e.text for e in root.iter("timebase")} == {timebase}
    assert {e.text for e in root.iter("ntsc")} == {ntsc}
    assert len(warnings) == num_warnings
    assert spans(xmeml, content)[0][:2] == pytest.approx((3, 9), abs=0.51)


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


# ---- FCPXML

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


# ---- OpenTimelineIO


def library_reads(content):
    return otio_library.core.deserialize_json_from_string(content if isinstance(content, str) else content.decode())


@pytest.mark.parametrize(("rate", "start"), COUNTED[:-1])
def test_the_library_reads_its_tracks_at_the_same_frames(rate, start):
    content, _ = written(
        otio, segment(1, 3, "a"), segment(2, 4, "a"), segment(3, 5, "a"), segment(2, 2, "b"), rate=rate, start=start
    )
    project = library_reads(content)
    assert project.global_start_time.to_timecode(float(rate), ";" in start) == start
    assert [track.name for track in project.tracks] == ["a", "a (2)", "b"]
    found = []
    for clip in project.find_clips():
        place = clip.transformed_time_range(clip.trimmed_range(), project.tracks)
        found.append((clip.name, place.start_time.value, place.end_time_exclusive().value))
        assert clip.media_reference.target_url == "film.mp4"
        shown = clip.source_range.start_time - project.global_start_time
        assert shown.value == pytest.approx(place.start_time.value)
    at = [round(second * rate) for second in range(6)]
    assert found == [("a", at[1], at[3]), ("a", at[3], at[5]), ("a", at[2], at[4]), ("b", at[2], at[2] + 1)]


def clip(name, start, lasts, rate=25.0, **more):
    frames = otio_library.opentime.RationalTime
    shown = otio_library.opentime.TimeRange(frames(start, rate), frames(lasts, rate))
    return otio_library.schema.Clip(name=name, source_range=shown, **more)


def gap(lasts):
    return otio_library.schema.Gap(source_range=clip("", 0, lasts).source_range)


def marker(name, start, lasts):
    return otio_library.schema.Marker(name=name, marked_range=clip("", start, lasts).source_range)


def nested():
    """Tracks in stacks in tracks, trimmed, with a transition and two rates."""
    schema = otio_library.schema
    inner = schema.Track(name="inner", children=[clip("cut off", 0, 10), clip("half", 0, 20), clip("whole", 7, 20)])
    stack = schema.Stack(name="stack", children=[inner], source_range=clip("", 15, 25).source_range)
    outer = schema.Track(name="outer", children=[clip("first", 3, 50), gap(25), stack, clip("", 0, 60, 30.0)])
    outer.insert(1, schema.Transition(in_offset=clip("", 0, 5).duration(), out_offset=clip("", 0, 5).duration()))
    return schema.Timeline(
        name="x", tracks=[outer, schema.Track(name="second", children=[gap(5), clip("below", 0, 5)])]
    )


def test_nested_tracks_stand_where_the_library_shows_them():
    project = nested()
    content = otio_library.core.serialize_json_to_string(project)
    assert spans(otio, content) == [
        (0, 2, "first"),
        (0.2, 0.4, "below"),
        (3, 3.6, "half"),
        (3.6, 4, "whole"),
        (4, 6, "outer"),
    ]
    # The library does not cut clips to what the stack around them shows: 0.2 s at its start, 0.4 s at its end.
    places = [(c.name, c.transformed_time_range(c.trimmed_range(), project.tracks)) for c in project.find_clips()]
    assert [
        (name, place.start_time.to_seconds(), place.end_time_exclusive().to_seconds()) for name, place in places
    ] == [
        ("first", 0, 2),
        ("cut off", 2.4, 2.8),
        ("half", 2.8, 3.6),
        ("whole", 3.6, 4.4),
        ("", 4, 6),
        ("below", 0.2, 0.4),
    ]


def test_markers_of_timeline_tracks_and_clips_are_segments():
    schema = otio_library.schema
    track = schema.Track(
        name="t", children=[gap(25), clip("c", 100, 50, markers=[marker("in clip", 125, 5), marker("cut off", 0, 9)])]
    )
    track.markers.append(marker("in track", 10, 0))
    project = schema.Timeline(tracks=[track])
    project.tracks.markers.append(marker("in all", 5, 10))
    content = otio_library.core.serialize_json_to_string(project)
    assert spans(otio, content) == [
        (0.2, 0.6, "in all"),
        (0.4, 0.4, "in track"),
        (1, 3, "c"),
        (2, 2.2, "in clip"),
    ]


def test_a_clip_that_an_editor_moved_or_renamed_has_its_new_place_and_name():
    project = library_reads(written(otio, segment(1.013, 2.013, "a", 0.7), segment(5.001, 6.001, "b"))[0])
    (moved, stays) = project.find_clips()
    moved.parent().insert(0, gap(25))
    stays.name = "renamed"
    content = otio_library.core.serialize_json_to_string(project)
    assert back(otio, content) == (segment(2, 3, "a", 0.7), segment(5.001, 6.001, "renamed"))


def test_old_files_with_one_medium_a_clip_are_read():
    place = {"start_time": {"value": 0, "rate": 30}, "duration": {"value": 60, "rate": 30}}
    old = {
        "OTIO_SCHEMA": "Clip.1",
        "name": "shot",
        "source_range": None,
        "media_reference": {"OTIO_SCHEMA": "ExternalReference.1", "target_url": "/a/b.mov", "available_range": place},
    }
    track = {"OTIO_SCHEMA": "Track.1", "children": [old, old]}
    root = {"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [track]}}
    (after,) = read(otio, json.dumps(root)).timelines
    assert [(s.start_s, s.end_s, s.label) for s in after.segments] == [(0, 2, "shot"), (2, 4, "shot")]
    assert (after.nominal_rate, after.video_path) == (30, "b.mov")


def deep(levels):
    head = '{"OTIO_SCHEMA": "Timeline.1", "tracks": '
    return head + '{"OTIO_SCHEMA": "Stack.1", "children": [' * levels + "]}" * levels + "}"


@pytest.mark.parametrize(
    "content",
    [
        "[" * 1_000_000,
        deep(100_000),
        '{"OTIO_SCHEMA": "Clip.2"}',
        '{"OTIO_SCHEMA": "Timeline.1", "tracks": null}',
        '{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Clip.2", "media_references": [1]}}',
        '{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "OTIO_REF_ID": "s", "children": '
        '[{"OTIO_SCHEMA": "SerializableObjectRef.1", "id": "s"}]}}',
        '{"OTIO_SCHEMA": "Timeline.1", "global_start_time": {"rate": NaN, "value": 1}}',
    ],
)
def test_files_that_bring_the_library_down_are_refused(content):
    with pytest.raises(TimelineError):
        read(otio, content)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_file_with_anything_in_the_place_of_a_value_is_read_or_refused(data):
    root = copy.deepcopy(PROJECT)
    at = root
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if isinstance(at[key], dict | list) and at[key] and data.draw(st.integers(0, 5)):
            at = at[key]
            continue
        at[key] = data.draw(st.sampled_from([None, True, 0, -1, 1e308, 10**400, "", "x", [], {}, [None], {"rate": 0}]))
        break
    with contextlib.suppress(TimelineError):
        read(otio, json.dumps(root))


PROJECT = json.loads(written(otio, segment(1, 2, "a", 0.5, k="v"), segment(4, 5), start="01:00:00:00")[0])
