"""The table of random names: a film keeps its name, no two have one, and the file survives people and other runs."""

import csv
import re
import stat
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import InputError
from vtn_stream.name_table import Names, default_table


@pytest.fixture
def table(tmp_path):
    return tmp_path / "data" / "names.csv"


def test_a_film_keeps_its_name_wherever_it_lies_and_whatever_it_is_called(table, tmp_path):
    name = Names(table).of("a1", tmp_path / "Smith.mp4")
    assert re.fullmatch("film-[34679CDFGHJKMNPQRTVWXY]{6}", name)
    assert Names(table).of("a1", tmp_path / "copy.mkv") == name
    assert Names(table).at(tmp_path / "copy.mkv") == name, "the first place is gone: the table says where it is now"
    assert Names(table).at(tmp_path / "Smith.mp4") is None


def test_of_two_places_that_are_there_the_first_stays(table, tmp_path):
    for place in ("one.mp4", "two.mp4"):
        (tmp_path / place).touch()
        Names(table).of("a1", tmp_path / place)
    assert Names(table).at(tmp_path / "one.mp4") == Names(table).of("a1", tmp_path / "two.mp4")
    assert Names(table).at(tmp_path / "two.mp4") is None


def test_two_films_of_one_name_get_two(table):
    names = Names(table)
    assert names.of("a1", "/day1/cam.mp4") != names.of("b2", "/day2/cam.mp4")
    assert names.of("c3", "/day1/cam.mp4") not in {names.of("a1", "x"), names.of("b2", "x")}, "another film there"


def test_a_film_that_could_not_be_read_keeps_its_name_when_it_can(table):
    name = Names(table).of("", "/films/half.mp4")
    assert Names(table).by_identity() == {}
    assert Names(table).of("a1", "/films/half.mp4") == name
    assert Names(table).of("", "/films/half.mp4") == name
    assert Names(table).by_identity() == {"a1": name}


def test_a_spare_name_is_taken_unless_another_film_has_it(table):
    names = Names(table)
    spare = names.fresh()
    assert spare not in names
    assert names.of("a1", "/x.mp4", spare=spare) == spare
    assert names.of("b2", "/x.mp4", spare=spare) != spare


def test_the_table_is_for_its_owner_and_stays_as_shared_as_people_made_it(table):
    Names(table).of("a1", "/x.mp4")
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    table.chmod(0o640)
    Names(table).of("b2", "/y.mp4")
    assert stat.S_IMODE(table.stat().st_mode) == 0o640


def test_many_runs_at_once_give_each_film_one_name(table):
    films = [f"{number % 10:02x}" for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        given_names = list(pool.map(lambda film: Names(table).of(film, f"/{film}.mp4"), films))
    assert len(set(zip(films, given_names, strict=True))) == len(set(given_names)) == 10
    assert len(table.read_text().splitlines()) == 11


def test_what_a_spreadsheet_saved_and_a_name_by_hand_are_read(table):
    table.parent.mkdir()
    saved = "\ufeffidentity;film;name;note\r\na1;/x.mp4;patient_01;mine\r\n;;;".encode()
    table.write_bytes(saved)
    names = Names(table)
    new = names.of("b2", "/y.mp4")
    assert table.read_bytes() == saved + f"\nb2;/y.mp4;{new};\n".encode(), "nothing of it is lost"
    assert Names(table).of("b2", "/y.mp4") == new
    assert names.of("a1", "/elsewhere/x.mp4") == "patient_01"
    rows = list(csv.DictReader(table.read_text("utf-8-sig").splitlines(), delimiter=";"))
    assert rows[0] == {"identity": "a1", "film": "/elsewhere/x.mp4", "name": "patient_01", "note": "mine"}
    assert names.is_name("patient_01")
    assert not names.is_name("Smith")


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"name,film\nfilm-X,y\n", "is not a table with the columns identity, film, name"),
        (b"\xff\xfe\x00", "is not a table"),
        (b"PK\x03\x04" + bytes(200), "is not a table"),
        (b"identity,film,name,name\na1,x,one,two\n", "is not a table"),
        (b"", "is not a table"),
        (b"identity,film,name\na1,x,one,more\n", "or the row has too many cells"),
        (b"identity,film,name\na1,x\n", "gives a film the name ''"),
        (b"identity,film,name\na1,x,../up\n", "gives a film the name '../up'"),
        (b"identity,film,name\na1,x,one\nb2,y,One\n", "has two rows of the name one"),
        (b"identity,film,name\na1,x,one\na1,y,two\n", "has two rows of the identity a1"),
        (b"identity,film,name\n1.23E+31,x,one\n", "has the identity 1.23E+31, which a spreadsheet made of another one"),
        (b"identity;film;name\n1,23E+31;x;one\n", "has the identity 1,23E+31"),
    ],
)
def test_another_file_is_kept_and_told(table, content, fact):
    table.parent.mkdir()
    table.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(fact)):
        Names(table).of("c3", "/x.mp4")
    assert table.read_bytes() == content


def test_a_table_that_cannot_be_written_gives_no_name(read_only_folder):
    with pytest.raises(InputError, match="cannot be written"):
        Names(read_only_folder / "names.csv").of("a1", "/x.mp4")


@settings(max_examples=20)  # each row is synced to the disk
@given(st.lists(st.tuples(st.sampled_from(["", "a1", "b2"]), st.text(min_size=1)), min_size=1, max_size=8))
def test_any_place_can_be_in_the_table(films):
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "names.csv")
        names = [Names(table).of(*film) for film in films]
        assert [Names(table).of(*film) for film in films if film[0]] == [
            name for name, film in zip(names, films, strict=True) if film[0]
        ]
        cells = [cell for row in csv.reader(table.read_text().splitlines()) for cell in row]
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


def test_the_table_is_in_the_users_data_unless_they_say_so(monkeypatch, tmp_path):
    monkeypatch.delenv("VTN_STREAM_NAMES", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_table() == tmp_path / "vtn-stream" / "names.csv"
    monkeypatch.setenv("VTN_STREAM_NAMES", str(tmp_path / "mine.csv"))
    assert default_table() == tmp_path / "mine.csv"


def test_the_table_must_not_lie_among_the_results(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for table, results, is_apart in (
        ("out/names.csv", "out", False),
        ("out/deep/names.csv", "out", False),
        ("names.csv", "out", True),
        (".local/share/names.csv", ".", True),  # the results lie in the home folder, which has all tables
        ("names.csv", ".", False),
    ):
        names = Names(tmp_path / table)
        if is_apart:
            names.check_apart_from(tmp_path / results)
        else:
            with pytest.raises(InputError, match="lies in the folder of the results"):
                names.check_apart_from(tmp_path / results)
