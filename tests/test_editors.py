"""Projects for editors: what is true of xmeml, FCPXML and OpenTimelineIO alike."""

import contextlib
import json
import re
from fractions import Fraction

import lxml.etree
import pytest
from editor_timelines import COUNTED, NTSC, back, read, segment, spans, timeline, written
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import InputError, TimelineError
from vtn_stream.formats import cmx3600, fcpxml, otio, resolve_markers, xmeml
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.timecode import Clock, film_clock
from vtn_stream.formats.writing import Options, xml_text

ALL = [xmeml, fcpxml, otio]
HALF_DAY_S = 12 * 3600

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
counted = st.sampled_from(COUNTED)
at_frames = st.tuples(st.integers(0, HALF_DAY_S * 20), st.integers(0, 10_000) | st.just(0))
scores = st.none() | st.integers(0, 10_000).map(lambda n: n / 10_000)


@pytest.mark.parametrize("module", [xmeml, fcpxml])
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
@given(counted, st.floats(0, HALF_DAY_S), st.floats(0, HALF_DAY_S))
def test_times_off_the_frames_are_half_a_frame_away_at_most(module, counted, start_s, lasts_s):
    rate, start = counted
    content, _ = written(module, segment(start_s, start_s + lasts_s), rate=rate, start=start, duration_s=1e5)
    (after,) = back(module, content)
    assert max(abs(after.start_s - start_s), abs(after.end_s - start_s - lasts_s)) <= 0.5000001 / rate


@pytest.mark.parametrize("module", [*ALL, cmx3600, resolve_markers])
@given(st.fractions(Fraction(1, 100), 1000, max_denominator=100_000), st.floats(0, HALF_DAY_S), st.floats(1, 100))
def test_a_film_at_any_rate_comes_back_at_its_seconds(module, rate, start_s, lasts_s):
    clock, _ = film_clock(timeline(rate=rate, duration_s=1e5), Options())
    content, _ = written(module, segment(start_s, start_s + lasts_s), rate=rate, duration_s=1e5)
    (after,) = module.read(content, "project", ReadingOptions(rate=clock.rate)).timelines[0].segments
    assert max(abs(after.start_s - start_s), abs(after.end_s - start_s - lasts_s)) <= 0.5000001 / clock.rate


@pytest.mark.parametrize("module", ALL)
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
    assert result.warnings == ("1 clip with markers in a nested sequence or multiclip, which are not read (two.mp4)",)
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
