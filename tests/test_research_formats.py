"""Timelines in the formats of research and annotation: what is true of all, and which file is whose."""

import contextlib
import json
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lxml import etree
from research_timelines import annotations_in, back, segment, timeline  # noqa: F401  (fixtures among them)

from vtn_stream.errors import AnnotationError, TimelineError
from vtn_stream.formats import FORMATS, Options, activitynet_results, fiftyone, timeline_json
from vtn_stream.formats.annotations import elan

NAMES = ("activitynet", "fiftyone", "labelstudio", "soccernet", "elan", "cvat")
XML = ("elan", "cvat")


# ---- all of them


HOSTILE = [
    *(
        'say "no"',
        "a,b;c",
        "&amp;<b>]]>",
        "-->",
        "two\nlines",
        "tab\there",
        "\0",
        "\x1b[2J",
        "مرحبا",
        "\u202eabc",
        "🎬",
    ),
    *("", " ", "x" * 1000, "\ud800", "\udfff\ud800", "=1+1", "'", "\r\n", "a\\", "\ufffe", "../", '": [1, 2], "b'),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("label", HOSTILE)
def test_any_label_is_written_in_utf8_and_the_same_twice(name, label):
    before = timeline(segment(label=label, attributes={label: label}), segment(3, 3, label), segment(4, 5, score=0.5))
    first = FORMATS[name].write([before], Options())
    assert FORMATS[name].write([before], Options()) == first
    text = first.content.decode("utf-8")
    assert "\ud800" not in text
    if name in XML:
        etree.fromstring(first.content)
    else:
        json.loads(text)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_timeline_is_a_file_of_an_empty_timeline(name, back):
    written = FORMATS[name].write([timeline()], Options())
    assert written.warnings == ()
    (after,) = back(name, written.content)
    assert after.segments == ()
    assert after.video_path in ("film", "film.mp4")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "soccernet"])  # spots have no ends
def test_segments_that_touch_still_touch_when_they_come_back(name, back):
    bounds = [0.0, 0.5004, 1.0011, 7.7777, 7.8999, 3600.3333, 43_199.987]
    segments = [segment(a, b, f"l{i}") for i, (a, b) in enumerate(pairwise(bounds))]
    (after,) = back(name, FORMATS[name].write([timeline(*segments)], Options()).content)
    assert [s.end_s for s in after.segments[:-1]] == [s.start_s for s in after.segments[1:]]
    assert [s.label for s in after.segments] == [s.label for s in segments]


@pytest.mark.parametrize("name", NAMES)
def test_times_outside_of_the_film_do_not_break_the_writer(name):
    outside = timeline(segment(-5, -1), segment(-5, 1), segment(90, 200), segment(1e300, 1e300), duration_s=10.0)
    FORMATS[name].write([outside], Options())


# ---- which format


def test_each_file_is_claimed_by_its_own_format_only():
    one = timeline(segment(1, 1, score=0.5), segment(2, 3, score=0.5, attributes={"database": "results"}))
    readers = {"activitynet": activitynet_results, "fiftyone": fiftyone}
    for film in (
        one,
        timeline(),
        timeline(segment(label='{"results": {"a": ['), segment(label='"labels": "support":')),
    ):
        for name in (*NAMES, "json"):
            head = (
                json.dumps(timeline_json.to_dict(film), indent=1)
                if name == "json"
                else FORMATS[name].write([film], Options()).content.decode()
            )[:4096]
            assert [reader for reader, module in readers.items() if module.claims(head, ".json")] == [
                reader for reader in readers if reader == name
            ]


def test_detections_are_told_behind_hundreds_of_classes():
    names = [f'class "{i}" of {"x" * 200}' for i in range(400)]
    text = json.dumps({"classes": names, "labels": {"v": [{"label": 1, "support": [1, 2]}]}}, indent=1)
    assert text.index('"labels"') > 65_536
    for length in (4096, 4097, 4098, 65_536, len(text)):
        assert fiftyone.claims(text[:length], ".json")
    assert not fiftyone.claims('{"classes": ["a", "b"], "images": []}', ".json")
    assert not fiftyone.claims('{"classes": ["a"], "labels": ["b"]}', ".json")


def test_elan_is_told_and_read_in_utf_16(annotations_in):
    content = elan.write([timeline(segment(label="Tür"))], Options()).content.decode()
    for encoding, mark in [("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")]:
        data = mark + content.replace('encoding="UTF-8"', 'encoding="UTF-16"').encode(encoding)
        (video,) = annotations_in(data).videos.values()
        assert [s.label for s in video.segments] == ["Tür"]


@pytest.mark.parametrize(
    "head",
    [
        '{"database": {"v": {"annotations": [{"label": "results", "segment": [1, 2]}]}}}',
        '{"labels": ["a", "b"]}',
        '{"categories": [], "annotations": []}',
        '[{"results": {"v": []}}]',
        "results,segment\n",
        "",
    ],
)
def test_other_files_are_not_claimed(head):
    assert not activitynet_results.claims(head, ".json")
    assert not fiftyone.claims(head, ".json")


@given(
    st.sampled_from(NAMES),
    st.floats(0, 1),
    st.integers(0, 9),
    st.sampled_from(['"', "{", "[", "]", "}", ",", "\0", "é", "null", "-1", "NaN", "1e999", "9" * 400, "<", "&", ""]),
)
def test_an_edited_file_is_read_or_refused(back, name, where, num, put):
    data = FORMATS[name].write([timeline(segment(1, 2, score=0.5), segment(3, 4, "b"))], Options()).content
    at = int(where * len(data))
    edited = data[:at] + put.encode() + data[at + num :]
    assume(edited != data)
    with contextlib.suppress(TimelineError, AnnotationError):
        assert back(name, edited)
