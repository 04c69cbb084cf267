import io
import math
from zipfile import ZipFile

import openpyxl
import pandas as pd
import pytest

from vtn_stream.errors import InputError
from vtn_stream.formats import workbook as module
from vtn_stream.formats.workbook import workbook


def sheet(rows, name="table"):
    """The first sheet as openpyxl, another reader, has it."""
    return openpyxl.load_workbook(io.BytesIO(workbook({name: rows}))).worksheets[0]


def test_a_table_comes_out_as_pandas_reads_it():
    rows = [["film", "start_s", "n", "seen"], ["a.mp4", 1.25, 3, True], ["b.mp4", None, 4, False]]
    table = pd.read_excel(io.BytesIO(workbook({"films": rows})), sheet_name="films")
    expected = pd.DataFrame(rows[1:], columns=rows[0]).astype({"start_s": float})
    pd.testing.assert_frame_equal(table, expected)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "=HYPERLINK(1)"])
def test_no_text_is_a_formula_now_or_when_someone_has_edited_it(text):
    [_, [cell]] = sheet([["label"], [text]]).iter_rows()
    assert (cell.value, cell.data_type, cell.quotePrefix) == (text, "s", True)


@pytest.mark.parametrize("text", ["#N/A", "#REF!", "2024-01-01", "1:30", "TRUE", "1e5", "007", "  two  ", "ä\nß"])
def test_text_stays_text_whatever_it_looks_like(text):
    [_, [cell]] = sheet([["label"], [text]]).iter_rows()
    assert (cell.value, cell.data_type) == (text, "s")


def test_of_text_only_what_xml_and_excel_cannot_hold_changes():
    table = sheet([["label"], ["a\x00b\ud800"], ["a\r\nb\rc"], ["_x0041_"], ["_x41_"]])
    assert [cell.value for [cell] in table.iter_rows(min_row=2)] == [
        "a\ufffdb\ufffd",
        "a\nb\nc",
        "_x005F_x0041_",  # which Excel shows as _x0041_
        "_x41_",
    ]


def test_numbers_that_excel_does_not_have():
    table = sheet([["n"], [math.nan], [math.inf], [-math.inf], [10**17 + 1], [10**15 - 1]])
    values = [cell.value for [cell] in table.iter_rows(min_row=2)]
    assert values == [None, "inf", "-inf", "100000000000000001", 10**15 - 1]


def test_seconds_show_milliseconds_and_the_header_is_bold_and_stays_in_sight():
    table = sheet([["start_s", "score"], [1.5, 0.25]])
    assert table["A2"].number_format == "0.000"
    assert table["B2"].number_format == "General"
    assert table["A1"].font.bold
    assert not table["A2"].font.bold
    assert table.freeze_panes == "A2"


def test_equal_tables_give_equal_bytes_at_any_time():
    rows = [["film", "n"], ["a", 1.5]]
    content = workbook({"a": rows, "b": rows})
    assert workbook({"a": rows, "b": rows}) == content
    with ZipFile(io.BytesIO(content)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        of_the_file = archive.read("docProps/core.xml") + archive.read("docProps/app.xml")
    assert b"created" not in of_the_file
    assert b"modified" not in of_the_file


def test_sheets_have_names_that_excel_allows_and_all_differ():
    names = ["a/b:c", "A/B:C", "", "x" * 40, "x" * 31, "'q'", "History", "\U0001f600" * 20]
    book = openpyxl.load_workbook(io.BytesIO(workbook({name: [["n"]] for name in names})))
    titles = ["a_b_c", "A_B_C (2)", "Sheet", "x" * 31, "x" * 27 + " (2)", "q", "History (2)", "\U0001f600" * 15]
    assert book.sheetnames == titles


def test_what_is_larger_than_a_sheet_is_refused(monkeypatch):
    with pytest.raises(InputError, match="32768 characters in a cell of row 2, and Excel holds 32767"):
        workbook({"t": [["label"], ["x" * 32768]]})
    assert len(sheet([["label"], ["x" * 32767]])["A2"].value) == 32767
    monkeypatch.setattr(module, "MAX_ROWS", 2)
    with pytest.raises(InputError, match="the sheet t would have 3 rows, and Excel holds 2"):
        workbook({"t": [["n"], [1], [2]]})
    monkeypatch.setattr(module, "MAX_COLUMNS", 2)
    with pytest.raises(InputError, match="columns"):
        workbook({"t": [["n"], [1, 2, 3]]})


def test_a_workbook_without_rows_opens():
    assert openpyxl.load_workbook(io.BytesIO(workbook({"t": []}))).sheetnames == ["t"]
    assert len(openpyxl.load_workbook(io.BytesIO(workbook({}))).sheetnames) == 1
