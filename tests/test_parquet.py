"""Timelines as Parquet, of many films, read back by us and by Arrow."""

import contextlib
import io
import json

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from table_timelines import READING, again, film, found, hostile, segment

from vtn_stream.errors import TimelineError
from vtn_stream.formats import parquet
from vtn_stream.formats.writing import Options

finite = st.floats(0, 1e6)
exact = st.builds(
    lambda times, label, score: segment(*sorted(times), label, score),
    st.tuples(finite, finite),
    st.text(max_size=8) | hostile,
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
)


@given(st.lists(st.tuples(st.lists(exact, max_size=3), finite), max_size=3))
def test_parquet_gives_back_films_lengths_and_segments_exactly(content):
    before = [
        film(*of, name=f"film {n}", identity=f"id {n}", duration_s=duration_s)
        for n, (of, duration_s) in enumerate(content)
    ]
    after = again(parquet, *before)
    assert found(after) == found(before)
    assert [(t.video_identity, t.duration_s) for t in after] == [(t.video_identity, t.duration_s) for t in before]


def test_films_of_one_name_stay_apart_by_their_identity():
    one, other = film(segment(), identity="1"), film(segment(5, 6), identity="2")
    assert found(again(parquet, one, other)) == found([one, other])


def test_the_columns_of_parquet_have_types():
    content = parquet.write([film(segment(0, 3661.0004, "x", 0.1), segment(5, 5, "y"))], Options()).content
    assert parquet.claims(content.decode("utf-8", "replace")[:4096], "")
    table = pq.read_table(io.BytesIO(content))
    assert {field.name: (str(field.type), field.nullable) for field in table.schema} == {
        "video": ("string", False),
        "video_identity": ("string", False),
        "video_duration_s": ("double", False),
        "start_s": ("double", False),
        "end_s": ("double", False),
        "duration_s": ("double", False),
        "start": ("string", False),
        "end": ("string", False),
        "label": ("string", False),
        "score": ("double", True),
    }
    assert table.to_pylist()[0] == {
        "video": "film.mp4",
        "video_identity": "c0ffee",
        "video_duration_s": 100.0,
        "start_s": 0.0,
        "end_s": 3661.0004,
        "duration_s": 3661.0004,
        "start": "00:00:00.000",
        "end": "01:01:01.000",
        "label": "x",
        "score": 0.1,
    }
    assert pc.sum(table["duration_s"]).as_py() == 3661.0004
    assert json.loads(table.schema.metadata[b"vtn_stream.films"]) == [["film.mp4", "c0ffee", 100.0]]


def test_a_lone_surrogate_in_parquet_is_told():
    written = parquet.write([film(segment(label="a\udcff"))], Options())
    assert written.warnings == ("1 label with broken characters: these are written as U+FFFD",)
    assert again(parquet, film(segment(label="a\udcff")))[0].segments[0].label == "a\ufffd"


def file_of(metadata=None, **columns):
    file = io.BytesIO()
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), file)
    return file.getvalue()


def test_parquet_of_other_programs_is_read():
    content = file_of(
        label=pa.array(["a", "b", "a"]).dictionary_encode(),
        video=pa.array(["x/f.mp4", "g.mp4", "x/f.mp4"], pa.large_string()),
        start_s=pa.array([3, 1, 1], pa.int32()),
        end_s=pa.array([4, 2, 2], pa.float32()),
        score=pa.array([0.5, float("nan"), None], pa.float64(), from_pandas=False),
        more=pa.array([None, None, None]),
    )
    timelines = parquet.read(content, "a.parquet", READING).timelines
    assert found(timelines) == [
        ("x/f.mp4", (segment(1, 2, "a"), segment(3, 4, "a", 0.5))),
        ("g.mp4", (segment(1, 2, "b"),)),
    ]
    assert [t.duration_s for t in timelines] == [4.0, 2.0]


COLUMNS = {"video": ["f"], "start_s": [1.0], "end_s": [2.0], "label": ["x"]}


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"label": None}, "look at label"),
        ({"start_s": ["soon"]}, "damaged Parquet"),
        ({"start_s": [[1.0]]}, "damaged Parquet"),
        ({"label": [{"a": 1}]}, "damaged Parquet"),
        ({"label": [b"\xff"]}, "damaged Parquet"),
        ({"label": pa.array([None], pa.string())}, "row 1: expected text"),
        ({"start_s": pa.array([None], pa.float64())}, "row 1: "),
        ({"start_s": [3.0]}, "row 1: a span needs"),
        ({"end_s": [float("inf")]}, "row 1: a span needs"),
        ({"end_s": [float("nan")]}, "row 1: a span needs"),
        ({"score": [float("inf")]}, "row 1: "),
        ({"metadata": {"vtn_stream.films": "[1]"}}, "damaged Parquet"),
        ({"metadata": {"vtn_stream.films": '[["f", "", "long"]]'}}, "damaged Parquet"),
        ({"metadata": {"vtn_stream.films": '[["f", 1, 1.0]]'}}, "damaged Parquet"),
        ({"metadata": {"vtn_stream.films": '[["f", "", 1' + "0" * 400 + "]]"}}, "damaged Parquet"),
        ({"metadata": {"vtn_stream.films": "[" * 100_000}}, "damaged Parquet"),
    ],
)
def test_parquet_that_is_no_timeline_is_refused(changed, fault):
    content = file_of(**{name: value for name, value in (COLUMNS | changed).items() if value is not None})
    with pytest.raises(TimelineError, match=r"^a\.parquet cannot be read") as error:
        parquet.read(content, "a.parquet", READING)
    assert fault in str(error.value)


def test_parquet_that_unpacks_to_too_much_is_refused(monkeypatch):
    content = file_of(**(COLUMNS | {"label": ["x" * 1_000_000]}))
    assert len(content) < 100_000
    monkeypatch.setattr("vtn_stream.formats.parquet.MAX_BYTES", 100_000)
    with pytest.raises(TimelineError, match="it unpacks to more than"):
        parquet.read(content, "a.parquet", READING)
    with pytest.raises(TimelineError, match="it is larger than"):
        parquet.read(b"PAR1" * 30_000, "a.parquet", READING)


@pytest.mark.parametrize("column", ["label", "video"])
def test_a_small_parquet_does_not_become_a_large_timeline(monkeypatch, column):
    def rows(length, num):
        return file_of(**{name: values * num for name, values in (COLUMNS | {column: ["x" * length]}).items()})

    assert len(parquet.read(rows(2**16, 3), "a.parquet", READING).timelines[0].segments) == 3
    with pytest.raises(TimelineError, match=f"column {column} has a text of more than 65536 characters"):
        parquet.read(rows(2**16 + 1, 1), "a.parquet", READING)
    monkeypatch.setattr("vtn_stream.formats.parquet.MAX_BYTES", 100_000)
    with pytest.raises(TimelineError, match=f"the texts of column {column} have more than 100000 characters in all"):
        parquet.read(rows(1000, 101), "a.parquet", READING)


@given(st.data())
def test_damaged_parquet_is_a_timeline_error_or_read(data):
    content = bytearray(parquet.write([film(segment(), segment(3, 4, "b", 0.5))], Options()).content)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))]
    with contextlib.suppress(TimelineError):
        parquet.read(bytes(content), "a.parquet", READING)
