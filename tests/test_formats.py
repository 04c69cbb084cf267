"""Timeline files: the JSON loses nothing, the CSV opens in a spreadsheet and does nothing there."""

import contextlib
import csv
import io
import json
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import TimelineError
from vtn_stream.formats import FORMATS, timeline_csv, timeline_json
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.timeline_csv import clock
from vtn_stream.formats.writing import Options
from vtn_stream.timeline import Curve, Gap, Segment, Timeline

finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text()  # no lone surrogates
json_values = st.none() | st.booleans() | st.integers() | finite | texts | st.just([]) | st.just({})
ordered = st.tuples(finite, finite).map(sorted)
segments = st.builds(
    lambda span, text, score: Segment(start_s=span[0], end_s=span[1], label=text, score=score, attributes={"k": text}),
    ordered,
    texts,
    st.none() | finite,
)
timelines = st.builds(
    Timeline,
    video_identity=texts,
    video_path=st.sampled_from(["film.mp4", "below/🎬 film", "a b.mkv"]),
    duration_s=st.floats(0, 1e300),
    span_s=ordered.map(tuple),
    nominal_rate=st.sampled_from([None, Fraction(25), Fraction(30000, 1001)]),
    start_timecode=st.none() | texts,
    segments=st.lists(segments, max_size=3).map(tuple),
    clip_labels=st.lists(st.tuples(texts, finite), max_size=1).map(tuple),
    gaps=st.just(()) | st.builds(lambda span, why: (Gap(start_s=span[0], end_s=span[1], reason=why),), ordered, texts),
    curves=st.just({}) | finite.map(lambda value: {"change": Curve(start_s=value, step_s=0.1, values=(value, 0.1))}),
    provenance=st.dictionaries(texts, json_values, max_size=2),
    complete=st.booleans(),
)


def timeline(*segments, **fields):
    known = {"video_identity": "c0ffee", "video_path": "film.mp4", "duration_s": 100.0, "span_s": (0.0, 100.0)}
    return Timeline(**(known | {"segments": segments} | fields))


def segment(start_s=1.0, end_s=2.0, label="a", **fields):
    return Segment(start_s=start_s, end_s=end_s, label=label, **fields)


# ---- JSON


@given(timelines)
def test_json_is_written_and_read_like_every_format(before):
    written = timeline_json.write([before], Options())
    assert written.content == timeline_json.dumps(before)
    assert written.warnings == ()
    assert timeline_json.claims(written.content.decode()[:4096], ".json")
    assert timeline_json.read(written.content, "a.json", ReadingOptions(duration_s=7.0)).timelines == (before,)


@pytest.mark.parametrize(
    "head", ["", "{}", '{"schema": "vtn-stream/else"}', '["schema", "vtn-stream/timeline"]', "vtn-stream/timeline"]
)
def test_json_claims_no_other_file(head):
    assert not timeline_json.claims(head, ".json")


def test_a_timeline_whose_keys_were_sorted_is_told_by_its_beginning():
    many = timeline(*(segment(i, i + 1) for i in range(2000)), clip_labels=(("a", 0.5),))
    text = json.dumps(timeline_json.to_dict(many), sort_keys=True)
    assert text.index('"schema"') < text.index('"segments"')
    text = text.replace('"provenance": {}', '"provenance": {"notes": ["' + "x" * 70_000 + '"]}')
    assert text.index('"schema"') > 65_536
    for head in (text[:4096], text[:65_536], text):
        assert [name for name, format in FORMATS.items() if format.reads == "itself" and format.claims(head, "")] == [
            "json"
        ]
    assert timeline_json.loads(text.encode()).segments == many.segments


@settings(deadline=None)
@given(timelines)
def test_json_gives_back_the_very_timeline_in_the_very_bytes(before):
    data = timeline_json.dumps(before)
    after = timeline_json.loads(data)
    assert after == before
    assert timeline_json.dumps(after) == data
    json.loads(data.decode("utf-8"))  # plain JSON in plain UTF-8


def test_a_lone_surrogate_becomes_a_replacement_character():
    data = timeline_json.dumps(timeline(segment(label="a\udcffb")))
    (back,) = timeline_json.loads(data).segments
    assert back.label.replace("\ufffd", "") == "ab"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_json_has_no_number_for_is_not_written(value):
    with pytest.raises(ValueError, match=r"not JSON compliant|Out of range"):
        timeline_json.dumps(timeline(provenance={"x": value}))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400, "1" + "0" * 5000])
@pytest.mark.parametrize("where", ['"duration_s": 100.0', '"start_s": 1.0', '"score": 0.5'])
def test_what_json_has_no_number_for_is_not_read(where, number):
    data = timeline_json.dumps(timeline(segment(score=0.5))).decode()
    assert where in data
    with pytest.raises(TimelineError):
        timeline_json.loads(data.replace(where, f"{where.split(':')[0]}: {number}").encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"schema": "vtn-stream/timeline"}',
        b'{"schema": "vtn-stream/timeline", "version": 2}',
        b'{"schema": "vtn-stream/timeline", "version": 1}',
    ],
)
def test_what_is_no_timeline_is_a_timeline_error(data):
    with pytest.raises(TimelineError):
        timeline_json.loads(data)


@settings(deadline=None)
@given(timelines.map(timeline_json.to_dict), st.data())
def test_a_timeline_with_anything_in_the_place_of_a_value_is_read_or_refused(fields, data):
    """Never another error, whatever a stranger's file holds."""
    at = fields
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if isinstance(at[key], dict | list) and at[key] and data.draw(st.booleans()):
            at = at[key]
            continue
        at[key] = data.draw(json_values)
        break
    with contextlib.suppress(TimelineError):
        timeline_json.loads(json.dumps(fields).encode())


# ---- CSV


def rows(*segments):
    text = timeline_csv.write([timeline(*segments)], Options()).content.decode("utf-8")
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def test_csv_has_a_row_a_segment():
    header, first, second = rows(segment(1.0, 62.5, "walk, then run", score=0.87654), segment(3661.0004, 3662, "x"))
    assert header == ["video", "start_s", "end_s", "duration_s", "start", "end", "label", "score"]
    assert first == [
        "film.mp4",
        "1.000",
        "62.500",
        "61.500",
        "00:00:01.000",
        "00:01:02.500",
        "walk, then run",
        "0.8765",
    ]
    assert second == ["film.mp4", "3661.000", "3662.000", "1.000", "01:01:01.000", "01:01:02.000", "x", ""]


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn"])), min_size=1, max_size=5))
def test_labels_come_back_from_csv(labels):
    read = [row[6] for row in rows(*(segment(i, i + 1, label) for i, label in enumerate(labels)))[1:]]
    assert all(cell in (label, "'" + label) for cell, label in zip(read, labels, strict=True))
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in read)


@pytest.mark.parametrize(
    ("label", "cell"),
    [
        ('say "no"', 'say "no"'),
        ("a,b;c", "a,b;c"),
        ("two\nlines", "two\nlines"),
        ("two\r\nlines", "two\r\nlines"),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("'=1", "''=1"),
        ("''+1", "'''+1"),
        ("'a'", "'a'"),
        ("a=1", "a=1"),
        ("", ""),
        ("🎬 Schnitt", "🎬 Schnitt"),
        ("a\udcff", "a\ufffd"),
        ("a\0", "a\ufffd"),
    ],
)
def test_a_label_is_text_and_never_a_formula(label, cell):
    assert rows(segment(label=label))[1][6] == cell


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00:00.000"),
        (59.9994, "00:00:59.999"),
        (59.9996, "00:01:00.000"),
        (3599.9996, "01:00:00.000"),
        (359999.9999, "100:00:00.000"),
        (1e6, "277:46:40.000"),
        (-1.5, "-00:00:01.500"),
        (-0.0004, "00:00:00.000"),
        (-0.0, "00:00:00.000"),
    ],
)
def test_a_clock_carries_when_it_rounds(seconds, text):
    assert clock(seconds) == text


@settings(deadline=None)
@given(st.floats(0, 1e9) | st.integers(0, 10**9).map(lambda n: n / 2000))
def test_the_clock_and_the_seconds_of_a_row_agree(seconds):
    hours, minutes, rest = clock(seconds).split(":")
    whole, ms = rest.split(".")
    assert len(whole) == 2
    assert len(ms) == 3
    assert int(minutes) < 60
    assert f"{(int(hours) * 60 + int(minutes)) * 60 + int(whole)}.{ms}" == f"{seconds:.3f}"
