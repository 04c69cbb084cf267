"""Folders that are watched, on a true disk."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from vtn_stream.errors import InputError
from vtn_stream_pipelines.listing import list_films
from vtn_stream_pipelines.watched import LOOKS_AT_REST, MAX_SHARE, POLL_S, Found, Watched

LIMIT_S = 60  # for anything that must happen


def write(path, size=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


@pytest.fixture
def films(tmp_path, monkeypatch):
    """The empty folder `films` in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films").mkdir()
    return tmp_path / "films"


def watched(*sources, at_rest_s=0.05):
    return Watched([*map(str, sources)], at_rest_s=at_rest_s)


def looks(watch, num_films, until=lambda found: True):
    """Looks until so many films were found and the last look is as it should be: the films, and that look."""
    films, end_s = [], time.monotonic() + LIMIT_S
    while True:
        found = watch.look()
        films += found.films
        if len(films) >= num_films and until(found):
            return films, found
        assert time.monotonic() < end_s
        time.sleep(0.06)


def test_films_are_called_as_a_batch_calls_them(films):
    write(films / "b.mp4", 2)
    write(films / "day1" / "a.MKV", 3)
    write(films / "day1" / "c.txt")
    for name in ("d.mp4.part", ".e.mp4", "day1/f.mp4.timeline.json"):
        write(films / name)
    found, last = looks(watched("films"), 2)
    assert {one.film.number for one in found} == {0, 1}
    assert [replace(one.film, number=i) for i, one in enumerate(found)] == [*list_films(["films"]).films]
    assert {(one.is_again, one.has_failed) for one in found} == {(False, False)}
    assert (last.waiting, last.problems, last.num_skipped) == ((), (), 2)
    assert sorted(last.skipped) == ["films/d.mp4.part", "films/day1/c.txt"]


def test_a_pattern_finds_films_that_come_later(films):
    watch = watched("films/day*/*.mp4")
    assert watch.look().films == ()
    write(films / "day1" / "a.mp4")
    write(films / "b.mp4")
    found, _ = looks(watch, 1)
    assert [one.film.name for one in found] == ["films/day1/a.mp4"]


def test_a_film_that_was_renamed_into_place_is_found_once(films):
    watch = watched("films")
    write(films / "a.mp4.part", 100)
    assert watch.look().waiting == ()
    (films / "a.mp4.part").rename(films / "a.mp4")
    assert watch.look().waiting == ("films/a.mp4",)
    looks(watch, 1)
    time.sleep(0.06)
    assert (watch.look().films, watch.look().waiting) == ((), ())


def test_a_film_that_was_written_to_is_found_again_as_the_same_film(films):
    film, watch = write(films / "a.mp4", 10), watched("films")
    (first,), _ = looks(watch, 1)
    write(film, 20)
    assert watch.look().films == ()  # it is in work
    watch.over(first.film.path, failed=True)
    (again,), _ = looks(watch, 1)
    assert (again.is_again, again.has_failed, again.film.num_bytes) == (True, True, 20)
    assert (again.film.number, again.film.results) == (first.film.number, first.film.results)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say who writes")
def test_a_film_that_a_program_has_open_for_writing_is_left_alone(films):
    watch = watched("films")
    with open(films / "a.mp4", "wb") as recorder:
        recorder.write(b"x" * 100)
        recorder.flush()
        _, found = looks(watch, 0, until=lambda found: found.is_quiet)
        assert (found.films, found.waiting) == ((), ("films/a.mp4",))
    looks(watch, 1)


def test_who_only_reads_a_film_does_not_matter(films):
    write(films / "a.mp4")
    with open(films / "a.mp4", "rb"):
        looks(watched("films"), 1)


def test_a_film_that_cannot_be_opened_is_found_so_that_its_survey_tells(films, monkeypatch):
    write(films / "a.mp4")

    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    looks(watched("films"), 1)


def test_a_link_to_nowhere_is_no_film_yet(films, tmp_path):
    (films / "a.mp4").symlink_to(tmp_path / "elsewhere.mp4")
    watch = watched("films")
    looks(watch, 0, until=lambda found: found.is_quiet and found.waiting == ())
    write(tmp_path / "elsewhere.mp4")
    looks(watch, 1)


def test_a_folder_that_vanishes_is_a_problem_until_it_is_back(films):
    film, watch = write(films / "a.mp4"), watched("films")
    (first,), _ = looks(watch, 1)
    away = films.rename(films.with_name("away"))
    (problem,) = watch.look().problems
    assert str(problem) == "the folder films is not there now; its films wait; they go on when it is back"
    watch.over(first.film.path, failed=True)
    away.rename(films)
    (again,), found = looks(watch, 1)
    assert (again.film, again.is_again, again.has_failed) == (first.film, False, True)
    assert found.problems == ()
    assert film.exists()


def test_a_folder_that_cannot_be_read_is_a_problem_and_the_others_go_on(films, monkeypatch):
    write(films / "open" / "a.mp4")
    (films / "shut").mkdir()
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found, last = looks(watched("films"), 1)
    assert [one.film.name for one in found] == ["films/open/a.mp4"]
    assert [problem.fact for problem in last.problems] == ["the folder films/shut cannot be read (Permission denied)"]


@pytest.mark.parametrize(
    ("sources", "fact"),
    [
        (["missing"], "there is no missing"),
        (["missing/*.mp4"], "there is no missing/"),
        (["films/a.mp4"], "films/a.mp4 is no folder"),
        (["films/list.txt"], "films/list.txt is no folder"),
        (["films", "{0}/other/films"], "two of the folders are called films"),
    ],
)
def test_what_cannot_be_watched_is_one_line(films, tmp_path, sources, fact):
    write(films / "a.mp4")
    write(films / "list.txt")
    write(tmp_path / "other" / "films" / "a.mp4")
    with pytest.raises(InputError) as error:
        Watched([source.format(tmp_path) for source in sources])
    assert error.value.fact == fact
    assert error.value.consequence.startswith("nothing is watched")


def test_two_patterns_in_one_folder_are_no_two_folders(films):
    write(films / "a.mp4")
    write(films / "b.mkv")
    found, _ = looks(watched("films/*.mp4", "films/*.mkv", "films"), 2)
    assert sorted(one.film.name for one in found) == ["films/a.mp4", "films/b.mkv"]


def test_films_whose_names_differ_by_case_have_results_of_their_own(films):
    watch = watched("films")
    write(films / "A.mp4")
    (first,), _ = looks(watch, 1)
    write(films / "a.mp4")
    if len(os.listdir(films)) == 1:
        pytest.skip("this disk ignores case")
    (second,), _ = looks(watch, 1)
    assert first.film.results == "films/A.mp4"
    assert second.film.results.startswith("films/a.mp4~")


def test_a_plan_is_of_what_is_complete_and_takes_nothing(films):
    write(films / "a.mp4", 3)
    write(films / "b.mp4", 5)
    write(films / "c.part.mp4")
    watch = watched("films")
    listing, waiting = watch.complete_now()
    assert [film.name for film in listing.films] == ["films/b.mp4", "films/a.mp4"]
    assert (listing.num_bytes, waiting) == (8, ("films/c.part.mp4",))
    looks(watch, 2)


def test_looking_takes_a_small_part_of_the_time(films):
    def pause_s(spent_s, at_rest_s=10.0):
        quick = watched("films", at_rest_s=at_rest_s)
        times = {"began_s": 0.0, "ended_s": spent_s}
        nothing = {"films": (), "waiting": (), "problems": (), "skipped": (), "num_skipped": 0, "is_quiet": True}
        return quick.pause_s(Found(**nothing, **times))

    assert pause_s(0.01) == POLL_S
    assert pause_s(3.0) == pytest.approx(3.0 / MAX_SHARE)
    assert pause_s(0.0, at_rest_s=1.0) == 1.0 / LOOKS_AT_REST


def test_a_watch_writes_nothing_into_its_folders(films):
    write(films / "a.mp4")
    before = {path: path.stat().st_mtime_ns for path in [films, *films.rglob("*")]}
    looks(watched("films"), 1)
    assert {Path(path): path.stat().st_mtime_ns for path in [films, *films.rglob("*")]} == before
