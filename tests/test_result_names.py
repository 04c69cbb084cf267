"""The names of results: `analyze` and `batch` give the same, and each finds what the other or version 0.1.0 wrote."""

from pathlib import Path

import pytest

from vtn_stream.formats import timeline_json
from vtn_stream.results import ResultOptions
from vtn_stream.results.names import place_of
from vtn_stream.timeline import Timeline

FILM = Path("films/a/x.mp4")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(place, identity="c0ffee"):
    """A timeline of that film at this place of the output."""
    file = Path("out") / f"{place}.timeline.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    timeline = Timeline(video_identity=identity, video_path="x.mp4", duration_s=2.0, span_s=(0.0, 2.0))
    file.write_bytes(timeline_json.dumps(timeline, {"scores.arrow": ("0" * 64,)}))
    return file


def place(film=FILM, identity="c0ffee", batch=None):
    return place_of(Path("out"), film, identity, in_batch=batch, inside=Path.cwd())


def test_two_films_that_differ_in_their_suffix_do_not_collide():
    assert [place(Path(name)) for name in ("x.mp4", "x.avi")] == ["x.mp4", "x.avi"]


def test_a_film_that_nothing_is_known_of_is_where_the_command_puts_it():
    assert place() == "x.mp4"
    assert place(batch="films/a/x.mp4") == "films/a/x.mp4"


@pytest.mark.parametrize("there", ["x.mp4", "x"])  # of `analyze`, and of `analyze` 0.1.0
def test_a_batch_goes_on_from_an_analysis(there):
    write(there)
    assert place(batch="films/a/x.mp4") == there
    assert place(identity="decaf", batch="films/a/x.mp4") == "films/a/x.mp4"


@pytest.mark.parametrize("there", ["films/a/x.mp4", "a/x.mp4", "x"])  # of `batch films`, `batch films/a`, and 0.1.0
def test_an_analysis_goes_on_from_a_batch(there):
    write(there)
    assert place() == there
    assert place(identity="decaf") == "x.mp4"


@pytest.mark.parametrize("end", ["timeline.partial.json", "scores.arrow", "timeline.json"])
def test_the_own_place_comes_first_whoever_has_it(end):
    write("x")
    write("x.mp4", "decaf").rename(f"out/x.mp4.{end}")
    assert place() == place(batch="x.mp4") == "x.mp4"


def test_a_copy_of_a_film_in_the_current_folder_has_results_of_its_own():
    for film in (Path("x.mp4"), FILM):
        film.parent.mkdir(parents=True, exist_ok=True)
        film.write_bytes(b"the same")
    write("x.mp4")
    assert place(batch="films/a/x.mp4") == "films/a/x.mp4"


def test_a_damaged_timeline_is_nobodys():
    write("x").write_text("{")
    assert place() == "x.mp4"
    write("x.mp4").write_text("{")
    assert place() == "x.mp4"


def test_files_lie_where_the_place_says(here):
    write("films/a/x.mp4")
    files = ResultOptions(output=Path("out")).files(FILM, "c0ffee", store=here / "store")
    assert files.scores == Path("out/films/a/x.mp4.scores.arrow")
