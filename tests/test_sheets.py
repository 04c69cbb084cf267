"""What is read of Excel workbooks: cells as people see them, one sheet of several, and no file that would do harm."""

import io
import re
from datetime import date, datetime, time, timedelta
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pytest

from vtn_stream.errors import TimelineError
from vtn_stream.formats import sheets
from vtn_stream.formats.sheets import head_of, is_spreadsheet, table_of
from vtn_stream.formats.workbook import workbook


def saved(*tables, formats=(), states=()):
    """A workbook of these sheets, (name, rows) each, as another program writes it."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in tables:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    for place, number_format in formats:
        book.worksheets[0][place].number_format = number_format
    for name, state in states:
        book[name].sheet_state = state
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def repacked(data, change):
    """The workbook with other parts: change(name, content) -> content, or None for no such part."""
    content = io.BytesIO()
    with ZipFile(io.BytesIO(data)) as old, ZipFile(content, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            if (part := change(name, old.read(name))) is not None:
                new.writestr(name, part)
    return content.getvalue()


def read(data, fits=lambda text: True):
    return table_of(data, "match.xlsx", fits)


def cell(value, number_format="General"):
    """The text of one cell, and what is told of it."""
    table = read(saved(("t", [["x"], [value]]), formats=[("A2", number_format)]))
    return table.rows[1][0], table.notes


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (3, "General", "3"),
        (3.0, "General", "3"),
        (0.1, "0", "0.1"),  # as exact as it is, however it is shown
        (1e-7, "General", "1e-07"),
        (True, "General", "TRUE"),
        (" a ", "General", " a "),
        ("a\r\nb_x000D_\nc", "General", "a\nb\nc"),
        ("_x005F_x0041_", "General", "_x0041_"),
        ("#N/A", "General", "#N/A"),
        (time(0, 1, 30), "h:mm:ss", "0:01:30.000"),
        (time(0, 1, 30, 250_000), "mm:ss.0", "0:01:30.250"),
        (timedelta(hours=26, seconds=1.5), "[h]:mm:ss", "26:00:01.500"),
        (1.25 + 1 / 86400, "h:mm:ss", "30:00:01.000"),
        (date(2024, 2, 1), "yyyy-mm-dd", "2024-02-01"),
        (datetime(2024, 2, 1, 10, 30), "dd/mm/yyyy hh:mm", "2024-02-01 10:30:00"),
    ],
)
def test_a_cell_reads_as_a_person_sees_it_with_all_its_digits(value, number_format, text):
    assert cell(value, number_format) == (text, ())


@pytest.mark.parametrize(
    ("value", "number_format", "read_as"),
    [(time(1, 30), "h:mm", "0:01:30.000"), (timedelta(hours=45, minutes=10), "[h]:mm:ss", "0:45:10.000")],
)
def test_minutes_and_seconds_that_excel_took_for_hours_are_read_as_they_were_typed(value, number_format, read_as):
    text, notes = cell(value, number_format)
    assert text == read_as
    assert notes == ("1 time of hours and minutes, as 1:30, read as minutes and seconds (line 2)",)


def test_the_first_sheet_that_fits_is_read_and_the_others_are_named():
    data = saved(("Notes", [["n"]]), ("Empty", []), ("A", [["yes"], ["a"]]), ("B", [["yes"], ["b"]]))
    table = read(data, lambda text: text.startswith("yes"))
    assert (table.title, table.rows, table.rivals) == ("A", [["yes"], ["a"]], ("B",))
    assert table.notes == ("the sheet A is read, and not Notes and B",)
    assert read(data, lambda text: False).title == "Notes"
    assert head_of(data, lambda text: text.startswith("yes")) == "yes\na\n"


def test_a_hidden_sheet_is_not_read():
    data = saved(("Old", [["a"]]), ("New", [["b"]]), states=[("Old", "hidden")])
    assert read(data).rows == [["b"]]
    data = saved(("Old", [["a"]]), ("New", []), states=[("Old", "veryHidden")])
    assert read(data).rows == []


def test_rows_keep_their_numbers_and_empty_ones_at_the_end_go():
    rows = read(saved(("t", [["a", None, None], [None], [None, "b"], [None], [""]]))).rows
    assert rows == [["a"], [], ["", "b"]]
    assert read(saved(("t", [["a\tb", 'c"', "d,e", "f\ng"]]))).text == '"a\tb"\t"c"""\t"d,e"\t"f\ng"\n'


def test_rows_are_read_whatever_the_file_says_of_their_number():
    data = saved(("t", [["a", "b"], ["c", "d"]]))
    wrong = repacked(data, lambda name, part: part.replace(b'ref="A1:B2"', b'ref="A1"'))
    assert wrong != data
    assert read(wrong).rows == [["a", "b"], ["c", "d"]]


def test_formulas_count_with_their_saved_value_and_those_without_one_are_told():
    data = saved(("t", [["a"], ["=1+1"], ["=2+2"], ["x"]]))
    only_one = repacked(data, lambda name, part: re.sub(rb"<f>1\+1</f><v ?(/>|></v>)", b"<f>1+1</f><v>2</v>", part))
    table = read(only_one)
    assert table.rows == [["a"], ["2"], [], ["x"]]
    [note] = table.notes
    assert note == "1 formula without a saved value read as empty: open the workbook in Excel and save it (line 3)"


def test_macros_are_not_touched():
    data = saved(("t", [["a"]]))
    with ZipFile(content := io.BytesIO(data), "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"\xd0\xcf macros")
    assert read(content.getvalue()).rows == [["a"]]


def zipped(**parts):
    content = io.BytesIO()
    with ZipFile(content, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name.replace("__", "/"), part)
    return content.getvalue()


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
GOOD = saved(("t", [["a", "b"]]))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "Excel's old format, or has a password"),
        (zipped(mimetype=b"application/vnd.oasis.opendocument.spreadsheet"), "another program than Excel"),
        (zipped(xl__workbook__bin=b"").replace(b"workbook/bin", b"workbook.bin"), "binary workbook"),
        (GOOD[: len(GOOD) // 2], "damaged workbook"),
        (GOOD[:-200], "damaged workbook"),
        (repacked(GOOD, lambda name, part: None if "sheet1" in name else part), "no sheet of it can be seen"),
        (repacked(GOOD, lambda name, part: part[:50] if "sheet1" in name else part), "damaged workbook"),
        (repacked(GOOD, lambda name, part: b"" if name == "xl/styles.xml" else part), "damaged workbook"),
        (repacked(GOOD, lambda name, part: part.replace(b"<worksheet", BOMB + b"<worksheet")), "damaged workbook"),
        (repacked(GOOD, lambda name, part: part.replace(b'r="B1"', b'r="ZZZZZ1"')), "damaged workbook"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line_with_a_cure(data, reason):
    assert is_spreadsheet(data)
    assert head_of(data, lambda text: True) == ""
    with pytest.raises(TimelineError, match=reason) as error:
        read(data)
    assert error.value.cure.startswith(("save", "open", "split", "take"))
    assert "\n" not in str(error.value)


def test_a_small_file_that_unpacks_to_a_large_one_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(sheets, "MAX_UNPACKED", 100_000)
    data = repacked(GOOD, lambda name, part: part + b" " * 200_000 if "sheet1" in name else part)
    assert len(data) < 20_000
    with pytest.raises(TimelineError, match="unpacked it is larger than 0 MiB"):
        read(data)


def test_a_sheet_with_too_many_cells_is_refused(monkeypatch):
    monkeypatch.setattr(sheets, "MAX_CELLS", 5)
    with pytest.raises(TimelineError, match="its sheet t has too many cells"):
        read(saved(("t", [["a", "b"]] * 3)))
    monkeypatch.setattr(sheets, "MAX_SEGMENTS", 100)
    far = repacked(GOOD, lambda name, part: part.replace(b'<row r="1"', b'<row r="99999999999"'))
    with pytest.raises(TimelineError, match="its sheet t has too many cells"):
        read(far)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"a,b\n", zipped(a=b"x"), b"\x80\x04K\x01."])
def test_other_files_are_no_spreadsheets(data):
    assert not is_spreadsheet(data)


def test_what_the_project_writes_it_reads():
    rows = [["video", "n"], ["=1+1", 1.5], ["_x0041_", None], ["#REF!", 10**17]]
    assert read(workbook({"t": rows})).rows == [["video", "n"], ["=1+1", "1.5"], ["_x0041_"], ["#REF!", str(10**17)]]
