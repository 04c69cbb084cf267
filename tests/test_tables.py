"""Timelines as tables: CSV, TSV and Parquet, of many films, read back by this project's readers and by others."""

import contextlib
import csv
import io
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import AnnotationError, TimelineError
from vtn_stream.formats import parquet, timeline_csv, timeline_tsv
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.formats.prediction_files import read_results
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import Options
from vtn_stream.timeline import Segment, Timeline

HEADER = "video,start_s,end_s,duration_s,start,end,label,score\r\n"
TABLES = [timeline_csv, timeline_tsv]
READING = ReadingOptions()


def segment(start_s=1.0, end_s=2.0, label="a", score=None):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score)


def film(*segments, name="film.mp4", duration_s=100.0, identity="c0ffee"):
    return Timeline(
        video_identity=identity, video_path=name, duration_s=duration_s, span_s=(0.0, duration_s), segments=segments
    )


def found(timelines):
    """What a table keeps."""
    return [(t.video_path, t.segments) for t in timelines]


def again(module, *timelines, options=READING):
    return module.read(module.write(timelines, Options()).content, "table", options).timelines


hostile = st.sampled_from(
    [
        "",
        "'",
        "''",
        "'=1",
        "=1",
        "''=1",
        "\t",
        "\n",
        "'\n=",
        '"',
        'a"b,c;d\te',
        "a\nb",
        "-->",
        "<b>&",
        " a ",
        "🎬 \u202e",
        "x" * 1000,
    ]
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn"]), max_size=8) | hostile
labels = st.builds("".join, st.lists(texts, max_size=2)).filter(lambda label: "\ufffe" not in label)
milliseconds = st.integers(0, 12 * 3_600_000).map(lambda ms: ms / 1000)
scores = st.none() | st.integers(-10_000, 10_000).map(lambda n: n / 10_000)
segments = st.builds(
    lambda times, label, score: segment(*sorted(times), label, score),
    st.tuples(milliseconds, milliseconds),
    labels,
    scores,
)
films = st.lists(st.lists(segments, max_size=3), min_size=1, max_size=3).map(
    lambda several: [
        film(*content, name=f"below/film {n}.mp4", duration_s=43200.0) for n, content in enumerate(several)
    ]
)


# ---- CSV and TSV


@pytest.mark.parametrize("module", TABLES)
@settings(deadline=None, max_examples=100)
@given(films)
def test_tables_of_many_films_come_back(module, before):
    assert found(again(module, *before)) == found(before)


@settings(deadline=None, max_examples=200)
@given(st.text("'=+-@\t\na", max_size=5))
def test_exactly_the_apostrophe_that_protects_a_label_is_taken_off(label):
    ((back,),) = [timeline.segments for timeline in again(timeline_csv, film(segment(label=label)))]
    assert back.label == label


def test_a_table_says_of_each_row_which_film_it_is_of():
    content = timeline_csv.write(
        [film(segment(0, 360_000.5, "x", 0.25)), film(name="b.mp4"), film(segment(1 / 3, 1 / 3, "=y"), name="-c.mp4")],
        Options(),
    ).content
    assert content.decode() == (
        HEADER
        + "film.mp4,0.000,360000.500,360000.500,00:00:00.000,100:00:00.500,x,0.2500\r\n"
        + "b.mp4,,,,,,,\r\n"
        + "'-c.mp4,0.333,0.333,0.000,00:00:00.333,00:00:00.333,'=y,\r\n"
    )


@pytest.mark.parametrize("module", TABLES)
def test_a_film_without_segments_comes_back_alone_and_among_others(module):
    empty, full = film(name="empty.mp4"), film(segment())
    assert found(again(module, empty)) == [("empty.mp4", ())]
    assert found(again(module, full, empty)) == found([full, empty])
    assert again(module) == ()


@pytest.mark.parametrize("module", TABLES)
def test_segments_that_touch_still_touch_and_durations_add_up(module):
    bounds = [0.0004, 0.00051, 1 / 3, 2 / 3, 0.9995, 0.99951]
    cut = [segment(a, b, str(a)) for a, b in pairwise(bounds)]
    (back,) = again(module, film(*cut))
    assert [s.end_s for s in back.segments[:-1]] == [s.start_s for s in back.segments[1:]]
    delimiter = "," if module is timeline_csv else "\t"
    content = module.write([film(*cut)], Options()).content.decode()
    rows = list(csv.DictReader(io.StringIO(content, newline=""), delimiter=delimiter))
    assert sum(float(row["duration_s"]) for row in rows) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("module", TABLES)
def test_a_mark_is_written_on_request_and_read(module):
    plain, marked = (module.write([film(segment())], Options(bom=bom)).content for bom in (False, True))
    assert marked == b"\xef\xbb\xbf" + plain
    assert module.claims(marked.decode(), ".csv")
    assert module.read(marked, "a", READING) == module.read(plain, "a", READING)


def test_each_table_claims_its_own_and_no_annotations():
    heads = {module: module.write([film(segment(), segment(3, 4))], Options()).content.decode() for module in TABLES}
    for module in TABLES:
        assert [other for other in TABLES if other.claims(heads[module], "")] == [module]
        assert not module.claims("", ".csv")
        for header in (
            "video,start_s,end_s,label",
            "video,start_s,end_s,label,score",
            "video,start_s,end_s,label,duration_s",
        ):
            assert not module.claims(header.replace(",", "\t") + "\n", ".tsv")
            assert not module.claims(header + "\n", ".csv")
    assert timeline_csv.claims(heads[timeline_csv].replace(",", ";"), "")


@pytest.mark.parametrize(
    ("label", "back", "warning"),
    [
        ("a\0b", "a\ufffdb", "1 label with controls or broken characters: these are written as U+FFFD"),
        ("\udcff\x1b", "\ufffd\ufffd", "1 label with controls or broken characters: these are written as U+FFFD"),
        ("a\r\nb", "a\nb", None),
    ],
)
def test_what_a_table_cannot_hold_is_replaced(label, back, warning):
    written = timeline_csv.write([film(segment(label=label))], Options())
    assert written.warnings == (() if warning is None else (warning,))
    (timeline,) = timeline_csv.read(written.content, "a.csv", READING).timelines
    assert timeline.segments[0].label == back


def test_films_of_one_name_are_told():
    (warning,) = timeline_csv.write([film(segment()), film(segment()), film(name="b")], Options()).warnings
    assert warning.startswith("1 film with the name of another")


def test_other_columns_other_orders_clocks_and_semicolons_are_read():
    content = (
        "Label;video;END_S;start_s;score;more\r\na, b;c/f.mp4;1:00:00.5;7;;\r\n"
        "x;/films/g.mp4;2;1;1e-3;;\r\n\r\n;h.mp4;;;;\r\n"
    )
    timelines = timeline_csv.read(content.encode(), "a.csv", ReadingOptions(duration_s=9000.0)).timelines
    assert found(timelines) == [
        ("c/f.mp4", (segment(7, 3600.5, "a, b"),)),
        ("g.mp4", (segment(1, 2, "x", 0.001),)),
        ("h.mp4", ()),
    ]
    assert {t.duration_s for t in timelines} == {9000.0}
    assert {t.duration_s for t in timeline_csv.read(content.encode(), "a", READING).timelines} == {3600.5, 2.0, 0.0}


@pytest.mark.parametrize(("module", "mark"), [(timeline_csv, ";"), (timeline_tsv, "\t")])
@pytest.mark.parametrize("above", ["", "sep={}\r\n", '"SEP={}"\n', "\ufeffsep={}\r\n"])
def test_tables_of_spreadsheets_with_decimal_commas_are_read(module, mark, above):
    rows = ["video;start_s;end_s;duration_s;start;end;label;score", "a.mp4;1,5;0:01:02,25;;;;a, b;0,75"]
    content = above.format(mark) + "\r\n".join(rows).replace(";", mark)
    assert module.claims(content.replace("\r\n", "\n"), "")
    assert found(module.read(content.encode(), "a", READING).timelines) == [
        ("a.mp4", (segment(1.5, 62.25, "a, b", 0.75),))
    ]


def test_a_comma_is_no_decimal_point_where_it_ends_cells_nor_are_there_two_points():
    for row, mark in [('a,"1,5",2,,,,a,', ","), ("a;1.000,5;2000;;;;a;", ";")]:
        with pytest.raises(TimelineError, match="line 2: its times are not numbers"):
            timeline_csv.read((HEADER.replace(",", mark) + row).encode(), "a.csv", READING)
    with pytest.raises(TimelineError, match="line 3: its times are not numbers"):
        timeline_csv.read(("sep=,\n" + HEADER + "a,x,2,,,,a,").encode(), "a.csv", READING)


@pytest.mark.parametrize("above", ["", "sep=;\n"])
def test_annotations_and_predictions_may_have_decimal_commas(tmp_path, above):
    file = tmp_path / "a.csv"
    file.write_text(above + "video;start_s;end_s;label\na;1,5;2,25;x\n")
    assert read_annotations(file).videos["a"].segments == (segment(1.5, 2.25, "x"),)
    file.write_text(above + "video;start_s;end_s;label\na;1,5;2,25,0;x\n")
    with pytest.raises(AnnotationError, match=f"line {3 if above else 2}"):
        read_annotations(file)
    file.write_text(above + "video;start_s;end_s;label;score\na;1,5;2,25;x;-0,5\n")
    assert read_results(file)["a"].segments == [segment(1.5, 2.25, "x", -0.5)]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "line 1: the header must name video"),
        ("video,start_s,end_s,label\n", "look at score"),
        ("video,start_s,end_s,label,score,score\n", "look at score"),
        (HEADER + "a,1,2\n", "line 2: it has 3 cells, the header 8"),
        (HEADER + "a,x,2,,,,l,\n", "line 2: its times are not numbers"),
        (HEADER + "a,,2,,,,l,\n", "line 2: its times are not numbers"),
        (HEADER + "a,1,2,,,,l,high\n", "line 2: its score is not a number"),
        (HEADER + "a,1,2,,,,l,nan\n", "line 2: "),
        (HEADER + "a,2,1,,,,l,\n", "line 2: a span needs"),
        (HEADER + "a,1,inf,,,,l,\n", "line 2: a span needs"),
        (HEADER + 'a,1,2,,,,"l\n', "line 2: "),
        (HEADER + "a,1,2,,,," + "x" * 200_000 + ",\n", "field limit"),
        ("\xff", "no text in UTF-8"),
    ],
)
def test_a_damaged_table_is_refused_with_its_line(content, fault):
    with pytest.raises(TimelineError, match=r"^a\.csv cannot be read") as error:
        timeline_csv.read(content.encode("latin-1"), "a.csv", READING)
    assert fault in str(error.value)


@pytest.mark.parametrize("module", [*TABLES, parquet])
def test_too_many_rows_are_refused(module, monkeypatch):
    monkeypatch.setattr("vtn_stream.formats.timeline_csv.MAX_SEGMENTS", 2)
    monkeypatch.setattr("vtn_stream.formats.parquet.MAX_SEGMENTS", 2)
    assert len(again(module, film(*[segment(i, i + 1) for i in range(2)]))) == 1
    with pytest.raises(TimelineError, match="more than 2 rows"):
        again(module, film(*[segment(i, i + 1) for i in range(3)]))


# What this project's readers of annotations and predictions take: names and labels of plain text.
plain = st.text("abc äß🎬,;'\"=<>&1", min_size=1, max_size=6).map(lambda text: f"l{text.strip()}x")
apart = st.lists(st.tuples(plain, st.integers(1, 5000), st.integers(0, 10_000)), max_size=4).map(
    lambda content: [
        segment(i * 10, (i * 10_000 + ms) / 1000, label, score / 10_000) for i, (label, ms, score) in enumerate(content)
    ]
)
several = st.lists(apart, min_size=1, max_size=3).map(
    lambda all_of: [film(*content, name=f"film {n}.mp4") for n, content in enumerate(all_of)]
)


@pytest.mark.parametrize("module", TABLES)
@settings(deadline=None, max_examples=50)
@given(several)
def test_the_same_file_is_read_as_predictions(module, tmp_path_factory, before):
    path: Path = tmp_path_factory.getbasetemp() / f"predictions-{module.__name__}"
    path.write_bytes(module.write(before, Options(bom=True)).content)
    results = read_results(path)
    assert results is not None
    assert {name: tuple(of.segments) for name, of in results.items()} == dict(found(before))


@pytest.mark.parametrize("module", TABLES)
@settings(deadline=None, max_examples=50)
@given(several)
def test_the_same_file_is_read_as_annotations(module, tmp_path_factory, before):
    path: Path = tmp_path_factory.getbasetemp() / f"annotations-{module.__name__}"
    path.write_bytes(module.write(before, Options(bom=True)).content)
    videos = read_annotations(path).videos
    assert {name: video.segments for name, video in videos.items()} == {
        t.video_path: tuple(replace(s, score=None) for s in t.segments) for t in before
    }


def test_arrow_reads_the_table_as_we_do():
    content = timeline_csv.write([film(segment(label='a "b",\nc', score=0.5), segment(3, 4, "'=x"))], Options()).content
    table = pa.csv.read_csv(
        io.BytesIO(content),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(column_types={"start": pa.string(), "end": pa.string()}),
    )
    assert table["label"].to_pylist() == ['a "b",\nc', "''=x"]
    assert table["start_s"].to_pylist() == [1.0, 3.0]
    assert table["score"].to_pylist() == [0.5, None]


# ---- Parquet


finite = st.floats(0, 1e6)
exact = st.builds(
    lambda times, label, score: segment(*sorted(times), label, score),
    st.tuples(finite, finite),
    st.text(max_size=8) | hostile,
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
)


@settings(deadline=None, max_examples=60)
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


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_damaged_parquet_is_a_timeline_error_or_read(data):
    content = bytearray(parquet.write([film(segment(), segment(3, 4, "b", 0.5))], Options()).content)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))]
    with contextlib.suppress(TimelineError):
        parquet.read(bytes(content), "a.parquet", READING)


@pytest.mark.parametrize("module", [*TABLES, parquet])
def test_equal_timelines_give_equal_bytes(module):
    one, other = ([film(segment(3, 4), segment()), film(name="b")] for _ in range(2))
    assert module.write(one, Options()) == module.write(other, Options())
