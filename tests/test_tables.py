"""Timelines as tables, CSV and TSV, of many films, read back by this project's readers and by others."""

import csv
import io
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st
from table_timelines import READING, again, film, found, hostile, segment

from vtn_stream.errors import AnnotationError, TimelineError
from vtn_stream.formats import parquet, timeline_csv, timeline_tsv
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.formats.prediction_files import read_results
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import Options

HEADER = "video,start_s,end_s,duration_s,start,end,label,score\r\n"
TABLES = [timeline_csv, timeline_tsv]
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
@given(films)
def test_tables_of_many_films_come_back(module, before):
    assert found(again(module, *before)) == found(before)


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
        ("\xff", "not text in UTF-8"),
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
@given(several)
def test_the_same_file_is_read_as_predictions(module, tmp_path_factory, before):
    path: Path = tmp_path_factory.getbasetemp() / f"predictions-{module.__name__}"
    path.write_bytes(module.write(before, Options(bom=True)).content)
    results = read_results(path)
    assert results is not None
    assert {name: tuple(of.segments) for name, of in results.items()} == dict(found(before))


@pytest.mark.parametrize("module", TABLES)
@given(several)
def test_the_same_file_is_read_as_annotations(module, tmp_path_factory, before):
    path: Path = tmp_path_factory.getbasetemp() / f"annotations-{module.__name__}"
    path.write_bytes(module.write(before, Options(bom=True)).content)
    videos = read_annotations(path).videos
    assert {name: video.segments for name, video in videos.items()} == {t.video_path: t.segments for t in before}


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


@pytest.mark.parametrize("module", [*TABLES, parquet])
def test_equal_timelines_give_equal_bytes(module):
    one, other = ([film(segment(3, 4), segment()), film(name="b")] for _ in range(2))
    assert module.write(one, Options()) == module.write(other, Options())


def test_a_fault_below_cells_of_several_lines_has_the_line_where_its_row_begins():
    head = ",".join(timeline_csv.COLUMNS) + "\n"
    content = head + 'a,1,2,,,,"x\ny\nz",\n\na,soon,2,,,,"p\nq",\n'
    with pytest.raises(TimelineError, match=r"line 6: its times are not numbers of seconds"):
        timeline_csv.read(content.encode(), "a.csv", READING)
