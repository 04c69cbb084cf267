"""What a batch's listing passes over, where links lead, and folders that cannot be read."""

import os

import pytest

from vtn_stream.errors import InputError
from vtn_stream_pipelines.listing import MAX_SHOWN, list_films


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


def names(*sources):
    return [film.name for film in list_films(sources).films]


# ---- what is passed over


def test_hidden_files_and_results_of_a_batch_are_passed_over_silently(here):
    results = [
        "x.mp4.timeline.json",
        "x.mp4.timeline.partial.json",
        "x.timeline.csv",
        "x.scores.arrow",
        "x.timeline.mp4",
    ]
    for name in [".hidden.mp4", ".git/x.mp4", "x.mp4", *results]:
        write(here / name)
    listing = list_films(["."])
    assert [f.name for f in listing.films] == ["x.mp4"]
    assert (listing.num_skipped, listing.problems) == (0, ())


def test_of_many_other_files_only_some_are_named(here):
    for i in range(MAX_SHOWN + 5):
        write(here / f"{i:03}.jpg")
    write(here / "x.mp4")
    os.mkfifo(here / "pipe.mp4")
    listing = list_films(["."])
    assert (len(listing.films), len(listing.skipped), listing.num_skipped) == (1, MAX_SHOWN, MAX_SHOWN + 6)
    assert listing.skipped[0] == "000.jpg"


def test_what_is_shown_cannot_move_the_cursor(here):
    for name in ("\x1b[2J\n.mp4", "\r.jpg"):
        write(here / name)
    listing = list_films(["."])
    for text in (listing.films[0].name, *listing.skipped):
        assert text.isprintable()
    assert "\x1b" not in listing.films[0].results


# ---- links and trouble


def test_links_are_followed_and_every_film_is_listed_once(here):
    films = here / "films"
    write(films / "z" / "real.mp4", 3)
    write(here / "far" / "other.mp4", 2)
    (films / "a link.mp4").symlink_to(films / "z" / "real.mp4")
    (films / "a folder").symlink_to(films / "z")
    os.link(films / "z" / "real.mp4", films / "z" / "zz.mp4")
    (films / "out").symlink_to(here / "far")
    (films / "loop").symlink_to(films)
    (films / "z" / "up").symlink_to("..")
    (films / "self.mp4").symlink_to("self.mp4")
    (here / "far" / "back").symlink_to(films)
    assert names("films") == ["films/z/real.mp4", "films/out/other.mp4", "films/self.mp4"]
    assert sorted(names("films/**/*.mp4")) == sorted(names("films"))
    assert names("far", "films") == ["far/back/z/real.mp4", "far/other.mp4", "far/back/self.mp4", "films/self.mp4"]


def test_a_link_to_nowhere_is_a_film_for_the_survey_to_tell_of(here):
    (here / "x.mp4").symlink_to("gone")
    (here / "x.jpg").symlink_to("gone")
    listing = list_films(["."])
    assert [(f.name, f.num_bytes) for f in listing.films] == [("x.mp4", 0)]
    assert listing.skipped == ("x.jpg",)
    assert names("x.mp4") == ["x.mp4"]


def refuse(monkeypatch, *folders):
    """As if these folders could not be read (root can read all)."""
    scandir = os.scandir

    def guarded(path):
        if os.path.basename(path) in folders:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)


def test_a_folder_that_cannot_be_read_is_told_and_the_rest_is_listed(here, monkeypatch):
    for name in ("a/x.mp4", "locked/y.mp4", "z.mp4"):
        write(here / "films" / name)
    refuse(monkeypatch, "locked")
    listing = list_films(["films"])
    assert sorted(f.name for f in listing.films) == ["films/a/x.mp4", "films/z.mp4"]
    (problem,) = listing.problems
    assert str(problem).startswith("the folder films/locked cannot be read (Permission denied); films in it are not")
    assert "\n" not in str(problem)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_without_permission_is_told(here):
    write(here / "x.mp4")
    (here / "locked").mkdir(mode=0)
    assert "locked cannot be read" in str(*list_films(["."]).problems)


def test_where_nothing_can_be_read_that_is_what_is_told(here, monkeypatch):
    write(here / "films" / "x.mp4")
    refuse(monkeypatch, "films", "")
    with pytest.raises(InputError, match=r"films cannot be read \(Permission denied\)"):
        list_films(["films"])


def test_of_many_problems_the_rest_is_counted(here, monkeypatch):
    for i in range(MAX_SHOWN + 3):
        (here / f"d{i}").mkdir()
    write(here / "x.mp4")
    refuse(monkeypatch, *(f"d{i}" for i in range(MAX_SHOWN + 3)))
    problems = list_films(["."]).problems
    assert len(problems) == MAX_SHOWN + 1
    assert "3 more places" in str(problems[-1])


def test_a_deep_tree_is_walked(here):
    folders = [here / ("d/" * depth) for depth in range(1, 1200)]
    for folder in folders:
        os.mkdir(folder)
    film = folders[-1] / "x.mp4"
    film.touch()
    assert [found.path for found in list_films(["."]).films] == [str(film)]
    film.unlink()
    for folder in reversed(folders):  # pytest's own tidying would recurse too deep
        os.rmdir(folder)
