"""Timelines, annotations, predictions and tables of figures in Excel workbooks, in and out."""

import csv
import io
from dataclasses import replace
from datetime import time

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_timelines import again, film, found, segment
from test_sheets import saved
from test_tables import films

from vtn_stream.errors import AnnotationError, InputError, TimelineError
from vtn_stream.exchange.convert import convert
from vtn_stream.exchange.intake import read_any
from vtn_stream.formats import timeline_csv, timeline_xlsx
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.formats.figures_table import header_of, save_table
from vtn_stream.formats.prediction_files import read_results
from vtn_stream.formats.writing import Options

HEADER = ["video", "start_s", "end_s", "label"]


def put(folder, *tables, name="table.xlsx", formats=()):
    (folder / name).write_bytes(saved(*tables, formats=formats))
    return folder / name


def segments_of(annotations):
    return {name: [(s.start_s, s.end_s, s.label) for s in of.segments] for name, of in annotations.videos.items()}


# ---- timelines


@settings(deadline=None, max_examples=10)
@given(films)
def test_timelines_of_many_films_come_back(before):
    assert found(again(timeline_xlsx, *before)) == found(before)


@settings(deadline=None, max_examples=10)
@given(films)
def test_no_cell_is_a_formula_and_equal_timelines_give_equal_bytes(timelines):
    content = timeline_xlsx.write(timelines, Options()).content
    assert timeline_xlsx.write(timelines, Options()).content == content
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}


def test_pandas_reads_what_the_csv_says():
    timelines = [film(segment(0, 360_000.5, "=x", 0.25), segment(1, 2, "y")), film(name="b.mp4")]
    (in_csv,), (in_xlsx,) = ([module.write(timelines, Options()).content] for module in (timeline_csv, timeline_xlsx))
    expected = pd.read_csv(io.BytesIO(in_csv)).replace("'=x", "=x")
    pd.testing.assert_frame_equal(pd.read_excel(io.BytesIO(in_xlsx)), expected, check_dtype=False)


def test_who_says_so_and_what_it_was_come_back():
    said = replace(segment(1, 2, "=a"), origin="curated", was=segment(1.5, 2, "=b", 0.5))
    [back] = again(timeline_xlsx, film(said, segment(3, 4)))
    assert [(s.origin, s.was) for s in back.segments] == [("curated", said.was), (None, None)]


@pytest.mark.parametrize("name", ["match.timeline.xlsx", "match.csv", "match"])
def test_the_content_of_a_workbook_tells_what_it_is(tmp_path, name):
    (tmp_path / name).write_bytes(timeline_xlsx.write([film(segment())], Options()).content)
    [timeline] = read_any(tmp_path / name).timelines
    assert timeline.segments == (segment(),)
    assert timeline.provenance["converted_from"] == "Excel"


def test_text_that_is_called_xlsx_is_read_as_text(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(timeline_csv.write([film(segment())], Options()).content)
    [timeline] = read_any(tmp_path / "a.xlsx").timelines
    assert timeline.segments == (segment(),)


def test_a_mistake_is_told_with_its_row(tmp_path):
    columns = list(timeline_csv.COLUMNS)
    rows = [["a.mp4", 1, 2, 1, "", "", "x", None], ["a.mp4", "soon", 2, 1, "", "", "x", None]]
    with pytest.raises(TimelineError, match=r"line 3: its times are not numbers of seconds"):
        read_any(put(tmp_path, ("t", [columns, *rows])))


def test_a_label_that_no_cell_holds_is_refused_with_a_cure():
    with pytest.raises(InputError, match=r"32768 characters in a cell of row 2.*write CSV"):
        timeline_xlsx.write([film(segment(label="x" * 32_768))], Options())


# ---- annotations and predictions


def test_a_table_of_other_columns_is_read_as_the_same_csv_would_be(tmp_path):
    rows = [["Video file", "Onset", "Offset", "Behavior"], ["a.mp4", 1.5, 2, "run"], ["b.mp4", 0.25, 3, "1,5"]]
    path = put(tmp_path, ("Notes", [["read me"]]), ("Events", rows))
    with open(tmp_path / "same.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    table, same = read_annotations(path), read_annotations(tmp_path / "same.csv")
    assert table.videos == same.videos
    assert [text for _, text in table.warnings] == [
        "the sheet Events is read, and not Notes",
        *(text for _, text in same.warnings),
    ]


def test_times_of_day_are_times_of_the_film(tmp_path):
    rows = [HEADER, ["a.mp4", time(0, 1, 30), time(0, 1, 31, 500_000), "run"], ["a.mp4", "1:40,5", "101", "stop"]]
    assert segments_of(read_annotations(put(tmp_path, ("t", rows)))) == {
        "a.mp4": [(90.0, 91.5, "run"), (100.5, 101.0, "stop")]
    }


def test_a_workbook_becomes_any_format(tmp_path):
    made = convert(put(tmp_path, ("t", [HEADER, ["a.mp4", 1, 2, "run"]])), tmp_path / "a.vtt")
    assert made.paths == (tmp_path / "a.vtt",)
    assert "run" in (tmp_path / "a.vtt").read_text()


def test_a_folder_may_hold_a_workbook_for_each_film(tmp_path):
    put(tmp_path, ("t", [["start_s", "end_s", "label"], [1, 2, "run"]]), name="a.xlsx")
    (tmp_path / "b.csv").write_text("start_s,end_s,label\n3,4,run\n")
    assert segments_of(read_annotations(tmp_path)) == {"a": [(1, 2, "run")], "b": [(3, 4, "run")]}


def test_a_workbook_that_is_no_table_is_refused(tmp_path):
    with pytest.raises(AnnotationError, match="holds no annotations of a known format"):
        read_annotations(put(tmp_path, ("t", [["hello"]])))
    (tmp_path / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
    with pytest.raises(AnnotationError, match="Excel's old format, or has a password"):
        read_annotations(tmp_path / "old.xls")
    with pytest.raises(TimelineError, match="save it as an Excel workbook"):
        read_any(tmp_path / "old.xls")


def test_predictions_are_read_from_the_one_sheet_that_holds_them(tmp_path):
    rows = [[*HEADER, "score"], ["a.mp4", 1, 2, "run", 0.5]]
    films = read_results(put(tmp_path, ("About", [["x"]]), ("Found", rows)))
    assert films["a.mp4"].segments == [segment(1, 2, "run", 0.5)]
    with pytest.raises(InputError, match="its sheets One and Two all hold some"):
        read_results(put(tmp_path, ("One", rows), ("Two", rows)))
    with pytest.raises(InputError, match="1 time of hours and minutes, as 1:30"):
        read_results(put(tmp_path, ("t", [rows[0], ["a.mp4", time(1, 30), 91, "run", 0.5]]), formats=[("B2", "h:mm")]))


# ---- tables of figures

shares = st.floats(0, 1).map(lambda share: round(share, 6))


@settings(deadline=None, max_examples=10)
@given(
    st.lists(st.tuples(st.text(max_size=5), st.integers(-9, 9), st.floats(0, 1).map(lambda x: round(x, 6))), max_size=3)
)
def test_a_table_of_figures_says_the_same_in_both(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("figures")
    for name in ("a.csv", "a.xlsx"):
        save_table(folder / name, ["film", "n", "share"], rows)
        assert header_of(folder / name) == ["film", "n", "share"]
    one = pd.read_csv(folder / "a.csv", keep_default_na=False, dtype={"film": str})
    other = pd.read_excel(folder / "a.xlsx", keep_default_na=False, dtype={"film": str})
    protected = [f"'{text}" if timeline_csv.protected(text) != text else text for text in other["film"]]
    assert one["film"].tolist() == protected
    pd.testing.assert_frame_equal(one[["n", "share"]], other[["n", "share"]], check_dtype=False)


def test_what_is_undefined_is_an_empty_cell(tmp_path):
    for name in ("a.csv", "a.XLSX"):
        save_table(tmp_path / name, ["film", "share"], [["a", float("nan")], ["=b", None]])
    assert (tmp_path / "a.csv").read_text() == "film,share\na,\n'=b,\n"
    sheet = openpyxl.load_workbook(tmp_path / "a.XLSX").active
    assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)] == [["a", None], ["=b", None]]


def test_a_table_in_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        save_table(tmp_path / "none" / "a.xlsx", ["n"], [[1]])
