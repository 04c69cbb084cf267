"""Results of a batch: each film has its own, inside of the folder, whatever the films are called."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.results import ResultFiles
from vtn_stream.results.names import plain_path
from vtn_stream_pipelines.film_list import BaseFolder, FilmList
from vtn_stream_pipelines.film_names import folded
from vtn_stream_pipelines.listing import list_films


def write(path, size=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def results(*sources):
    return {film.path: film.results for film in list_films(sources).films}


def test_results_lie_where_the_film_does_under_its_whole_name(here):
    for name in ("a/x.mp4", "a/x.mkv"):
        write(here / "films" / name)
    mkv, mp4 = list_films(["films"]).films
    assert (mp4.results, mkv.results) == ("films/a/x.mp4", "films/a/x.mkv")


def test_names_that_cannot_be_kept_differ_from_all_others(here):
    long = "n" * 250 + ".mp4"
    odd = ["a\\b.mp4", "a_b.mp4", "a\n.mp4", "a\r.mp4", "a_.mp4", long, "n" * 251 + ".mp4", "x.timeline.json/y.mp4"]
    alone = {}
    for name in odd:
        write(here / name)
        alone |= {film.path: film.results for film in list_films([name]).films if "/" not in name}
    # One that is called like the name that another got.
    forged = write(here / alone[str(here / "a\\b.mp4")])
    together = results(".", forged.name)
    assert alone.items() <= together.items()
    assert len({folded(result) for result in together.values()}) == len(odd) + 1
    assert together[str(here / "a_b.mp4")] == "a_b.mp4"
    assert not any(part.endswith(".json") for result in together.values() for part in result.split("/"))


def test_names_that_are_one_on_some_disks_get_results_of_their_own(here):
    for name in ("film.mp4", "Film.mp4", "FILM.MP4", "Stra\u00dfe.mp4", "STRASSE.mp4", "o\u0308.mp4", "\u00f6.mp4"):
        write(here / name)
    for name in ("D/x.mp4", "d/x.mp4"):
        write(here / name)
    if len(os.listdir(here)) < 9:
        pytest.skip("this disk ignores case")
    found = results(".")
    assert len({folded(result) for result in found.values()}) == 9
    assert found[str(here / "film.mp4")] == "film.mp4"
    assert found[str(here / "d" / "x.mp4")] == "d/x.mp4"


def test_the_same_path_in_two_sources_gives_two_results(here, tmp_path):
    sources = [here / "day1", here / "day2", tmp_path / "1" / "far", tmp_path / "2" / "far"]
    for source in sources:
        write(source / "x.mp4")
    found = results("day1", "day2")
    assert sorted(found.values()) == ["day1/x.mp4", "day2/x.mp4"]
    first = results(sources[2])
    both = results(*sources[2:])
    assert first.items() <= both.items()
    assert len(set(both.values())) == 2
    assert both == results(*sources[2:])


@pytest.mark.parametrize("name", ["x.mp4", "n" * 251 + ".mp4", "a\\b:.mp4", "x.y.z", ".x.mp4", "x.", "\u00f6" * 120])
def test_the_files_of_a_film_are_called_like_it(here, name):
    write(here / name)
    (film,) = list_films([name]).films
    where = Path("out") / film.results
    files = ResultFiles(Path("out"), here / name, ["csv"])  # as `analyze` makes them
    assert files.timelines["csv"] == Path(f"{where}.timeline.csv")
    assert files.scores == Path(f"{where}.scores.arrow")
    files.claim("c0ffee")
    files.timelines["json"].touch()


_ODD = ["a", "A", "b.mp4", "B.mp4", "b.mkv", "..", ".", "\u00f6", "o\u0308", "a\\b", "a_b", "x.timeline.json", "c:"]
_part = st.one_of(
    st.sampled_from(_ODD),
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8),
    st.binary(min_size=1, max_size=5).map(lambda b: os.fsdecode(b.replace(b"/", b"_").replace(b"\0", b"_"))),
    st.integers(150, 250).map(lambda n: "l" * n),
)
_path = st.lists(_part, min_size=1, max_size=3).map("/".join)


@given(st.lists(st.tuples(st.integers(0, 2), _path), unique=True, max_size=20), st.integers(0, 3))
def test_results_never_clash_and_stay_inside(rows, again):
    bases = [BaseFolder(path=f"/data/{i}/films", label=("films", "films", "../up")[i]) for i in range(3)]
    films = FilmList(bases, [(i % 3, base, os.fsencode(path)) for i, (base, path) in enumerate(rows)])
    taken = [folded(film.results) for film in films]
    assert len(set(taken)) == len(rows)
    for film in films:
        assert not film.name.startswith("/")
        assert not film.results.startswith("/")
        for part in film.results.split("/"):
            assert part not in ("", ".", "..")
            assert "/" not in part
            assert "\\" not in part
            assert len(part.encode()) <= 200
    # No result file of one is in the way of a folder of another.
    files = {f"{result}.timeline.json" for result in taken} | {f"{result}.scores.arrow" for result in taken}
    assert not files & {str(parent) for result in taken for parent in Path(result).parents}


@given(st.lists(_path, unique=True, min_size=1, max_size=12), st.data())
def test_what_a_film_s_results_are_called_does_not_depend_on_the_others(paths, data):
    """But for names that are one on some disks."""
    few = data.draw(st.lists(st.sampled_from(paths), unique=True))
    plain = [folded(plain_path(path)) for path in paths]

    def called(paths):
        films = FilmList([BaseFolder(path="/data", label="")], [(0, 0, os.fsencode(path)) for path in paths])
        return {film.path: film.results for film in films}

    everything = called(paths)
    for path, result in called(few).items():
        if plain.count(folded(plain_path(path.removeprefix("/data/")))) == 1:
            assert everything[path] == result
