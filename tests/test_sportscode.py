"""Sportscode XML: instances, labels and rows as kloppy and lxml find them, and back."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kloppy import sportscode as kloppy
from lxml import etree

from vtn_stream.errors import TimelineError
from vtn_stream.formats import FORMATS, Options, sportscode
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.timeline import Segment, Timeline


def timeline(*segments, duration_s=43_200.0, **fields):
    known = {"video_identity": "c0ffee", "video_path": "film.mp4", "span_s": (0.0, duration_s)}
    return Timeline(**(known | {"segments": segments, "duration_s": duration_s} | fields))


def segment(start_s=1.0, end_s=2.0, label="a", **fields):
    return Segment(start_s=start_s, end_s=end_s, label=label, **fields)


def written(*segments):
    return sportscode.write([timeline(*segments)], Options())


def read(data, **options):
    if isinstance(data, str):
        data = data.encode()
    return sportscode.read(data, "match.xml", ReadingOptions(**options))


TWO = (
    segment(12.5, 20, "Corner", score=0.75, attributes={"Team": "home", "Zone": "left"}),
    segment(3601.04, 3601.04, "Goal"),
)


def test_kloppy_reads_codes_times_and_labels():
    first, second = kloppy.load(written(*TWO).content).codes
    assert (first.code, first.timestamp.total_seconds(), first.end_timestamp.total_seconds()) == ("Corner", 12.5, 20)
    assert first.labels == {"score": 0.75, "Team": "home", "Zone": "left"}
    assert (second.code_id, second.code, second.timestamp.total_seconds()) == ("2", "Goal", 3601.04)


def test_the_file_is_what_sportscode_documents():
    root = etree.fromstring(written(segment(1, 2, "b"), segment(2, 3, "a"), segment(4, 5, "b")).content)
    assert root.tag == "file"
    assert [e.tag for e in root] == ["ALL_INSTANCES", "ROWS"]
    assert [[e.tag for e in instance] for instance in root[0]] == [["ID", "start", "end", "code"]] * 3
    assert [[e.text for e in row] for row in root[1]] == [
        ["b", "59110", "40863", "0"],  # E69F00, each byte times 257
        ["a", "22102", "46260", "59881"],
    ]
    assert [e.tag for e in root[1][0]] == ["code", "R", "G", "B"]


def test_more_labels_than_colours_begin_again_and_stay_in_16_bits():
    root = etree.fromstring(written(*(segment(i, i + 1, f"l{i}") for i in range(9))).content)
    rows = [[int(e.text) for e in row[1:]] for row in root.find("ROWS")]
    assert rows[0] == rows[8]
    assert len({tuple(row) for row in rows}) == 8
    assert all(0 <= value <= 65535 for row in rows for value in row)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.1 + 0.2, "0.30000000000000004"), (1e-7, "0.0000001"), (-0.0, "0.0"), (-3.0, "0.0")]
)
def test_times_have_no_exponent_and_none_is_negative(seconds, text):
    assert f"<start>{text}</start>".encode() in written(segment(seconds, 5.0)).content


xml_characters = st.characters(
    codec="utf-8", exclude_categories=["Cc"], include_characters="\t\n\r\x85", exclude_characters="\ufffe\uffff"
)
texts = st.text(xml_characters, max_size=20) | st.sampled_from(
    ["]]>", "<a&b>", "-->", "\r\n", " ", "مرحبا", "🎬" * 1000]
)
times = st.floats(0, 43_200).map(lambda t: t + 0.0)
segments = st.builds(
    lambda span, label, score, attributes: segment(*span, label, score=score, attributes=attributes),
    st.tuples(times, times).map(sorted),
    texts,
    st.none() | st.floats(0, 1) | st.floats(-1e9, 1e9),
    st.dictionaries(texts.filter(lambda name: name != "score"), texts, max_size=3),
)


@given(st.lists(segments, max_size=5))
def test_segments_come_back_exactly(given_segments):
    before = timeline(*given_segments)
    file = sportscode.write([before], Options())
    assert file.warnings == ()
    (after,) = read(file.content, duration_s=before.duration_s).timelines
    assert after.segments == before.segments
    assert sportscode.write([after], Options()).content == file.content


def test_a_score_below_0_keeps_its_sign():
    file = written(segment(score=-3.2))
    assert b"<text>-3.2</text>" in file.content
    assert read(file.content).timelines[0].segments == (segment(score=-3.2),)


def test_only_the_first_label_is_a_score_past_1():
    team, goals = (f"<label><group>{group}</group><text>3</text></label>" for group in ("Team", "score"))
    for labels, score in [(goals + team, 3), (team + goals, None)]:
        (only,) = read(xml(INSTANCE.format(1, 2, labels))).timelines[0].segments
        assert only.score == score
        assert only.attributes == {"Team": "3"} | ({} if score else {"score": "3"})


def test_many_labels_of_one_group_are_joined_and_too_many_refused(monkeypatch):
    labels = "<label><group>a</group><text>b</text></label>" * 5
    monkeypatch.setattr("vtn_stream.formats.sportscode.MAX_LABELS", 10)
    found = read(xml(INSTANCE.format(1, 2, labels), INSTANCE.format(1, 2, labels)))
    assert found.timelines[0].segments[0].attributes == {"a": "b, b, b, b, b"}
    assert found.warnings == ("8 labels of a group that has one already: joined with a comma",)
    with pytest.raises(TimelineError, match="more than 10 labels"):
        read(xml(*[INSTANCE.format(1, 2, labels)] * 3))


def test_characters_that_xml_does_not_have_are_replaced_with_a_warning():
    file = written(segment(label="a\0b\ud800"), segment(attributes={"k\x1b": "v"}), segment(label="fine\n"))
    assert file.warnings == ("2 segments with characters that XML does not have: written with U+FFFD in their place",)
    back = read(file.content).timelines[0].segments
    assert sorted((s.label, dict(s.attributes)) for s in back) == [
        ("a", {"k\ufffd": "v"}),
        ("a\ufffdb\ufffd", {}),
        ("fine\n", {}),
    ]


def test_a_film_in_which_nothing_happens():
    file = written()
    assert kloppy.load(file.content).codes == []
    (back,) = read(file.content).timelines
    assert (back.segments, back.duration_s, back.video_path) == ((), 0.0, "match")


INSTANCE = "<instance><ID>1</ID><start>{}</start><end>{}</end><code>x</code>{}</instance>"


def xml(*instances, session="<SESSION_INFO><start_time>2020-01-01 12:00:00 +0000</start_time></SESSION_INFO>"):
    return (
        f'<?xml version="1.0" encoding="ASCII"?>\n<file>{session}<SORT_INFO><sort_type>color</sort_type></SORT_INFO>'
        f"<ALL_INSTANCES>{''.join(instances)}</ALL_INSTANCES></file>"
    )


def test_what_other_programs_write_is_read():
    labels = (
        "<label><text>Counter</text></label>"
        "<label><group>Player</group><text>9</text></label><label><group>Player</group><text>10</text></label>"
        "<label><group>score</group><text>2:1</text></label>"
    )
    found = read(xml(INSTANCE.format("0:01:02.5", " 70 ", labels)))
    (only,) = found.timelines[0].segments
    assert (only.start_s, only.end_s, only.label, only.score) == (62.5, 70, "x", None)
    assert only.attributes == {"Counter": "", "Player": "9, 10", "score": "2:1"}
    assert found.warnings == ("1 label of a group that has one already: joined with a comma",)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (xml(INSTANCE.format("soon", 2, "")), "the start of instance 1 is 'soon', not seconds"),
        (xml(INSTANCE.format(1, "inf", "")), "the end of instance 1"),
        (xml(INSTANCE.format(3, 2, "")), "instance 1 ends at 2 s, before it starts at 3 s"),
        (xml("<instance/>"), "the start of instance 1 is '', not seconds"),
        (xml()[:-9], "damaged XML"),
        ("<file/>", "ALL_INSTANCES is missing"),
        ("<other><ALL_INSTANCES/></other>", "ALL_INSTANCES is missing"),
        ('<!DOCTYPE file [<!ENTITY a "b">]>' + xml()[38:], "entities"),
    ],
)
def test_what_is_damaged_is_told(data, told):
    with pytest.raises(TimelineError) as caught:
        read(data)
    assert told in str(caught.value)
    assert str(caught.value).startswith("match.xml cannot be read (")
    assert len(str(caught.value).splitlines()) == 1


@given(st.floats(0, 1), st.integers(0, 9), st.sampled_from(["<", ">", "&", "\0", "é", "<a>", "-1", "nan", "]]>", ""]))
def test_an_edited_file_is_read_or_refused(where, num, put):
    data = written(*TWO).content
    at = int(where * len(data))
    with contextlib.suppress(TimelineError):
        assert len(read(data[:at] + put.encode() + data[at + num :]).timelines) == 1


def test_the_content_tells_the_format():
    assert sportscode.claims(xml()[:4096], ".xml")
    assert sportscode.claims(written(*TWO).content.decode(), ".txt")
    assert not sportscode.claims('{"file": "<ALL_INSTANCES>"}', ".xml")
    assert not sportscode.claims("<ANNOTATION_DOCUMENT/>", ".xml")
    assert FORMATS["sportscode"].module == "sportscode"
