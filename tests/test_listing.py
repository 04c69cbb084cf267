"""A batch's listing: every film of its sources once, largest first, in little memory."""

import gc
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vtn_stream.errors import InputError
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


def names(*sources):
    return [film.name for film in list_films(sources).films]


# ---- sources


def test_a_folder_gives_its_films_largest_first(here):
    for name, size in {"a.mp4": 1, "b.MKV": 3, "deep/er/c.mov": 2, "d.mp4": 3, "notes.txt": 9, "e.jpg": 9}.items():
        write(here / "films" / name, size)
    listing = list_films(["films"])
    assert [(f.number, f.name, f.num_bytes) for f in listing.films] == [
        (0, "films/b.MKV", 3),
        (1, "films/d.mp4", 3),
        (2, "films/deep/er/c.mov", 2),
        (3, "films/a.mp4", 1),
    ]
    assert [f.path for f in listing.films] == [os.path.join(here, f.name) for f in listing.films]
    assert (len(listing), listing.num_bytes) == (4, 9)
    assert (listing.skipped, listing.num_skipped, listing.problems) == (("films/e.jpg", "films/notes.txt"), 2, ())
    assert listing.films[-1] == list(listing.films)[3]
    assert listing.films[1:3] == list(listing.films)[1:3]


def test_films_are_named_as_they_were_given_and_never_absolutely(here, tmp_path, monkeypatch):
    write(here / "films" / "a" / "x.mp4")
    write(tmp_path / "far" / "a" / "x.mp4")
    assert (
        names("films") == names(Path("films")) == names("films/a/x.mp4") == names("films/*/x.mp4") == ["films/a/x.mp4"]
    )
    assert names(tmp_path / "far") == names("../far") == names("../far/**") == ["far/a/x.mp4"]
    assert names(tmp_path / "far" / "a" / "x.mp4") == ["a/x.mp4"]
    monkeypatch.chdir(here / "films")
    assert names(".") == names("a") == names("**/*.mp4") == names("./a/../a") == ["a/x.mp4"]
    monkeypatch.setenv("HOME", str(tmp_path / "far" / "a"))
    assert names(tmp_path / "far" / "a") == ["home/x.mp4"]
    assert names("~/*.mp4") == ["home/x.mp4"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("films/*.mp4", "a b"),
        ("films/[a]*", "a"),
        ("films/**/*.mp4", "a b day1/c day1/in/d day2/e"),
        ("films/**", "a b day1/c day1/in/d day2/e"),
        ("films/*", "a b day1/c day1/in/d day2/e"),
        ("films/day?", "day1/c day1/in/d day2/e"),
        ("films/day?/*.mp4", "day1/c day2/e"),
        ("films/**/in/**/*.mp4", "day1/in/d"),
        ("films//./day1/**/?.mp4", "day1/c day1/in/d"),
        ("*/day*/c.mp4", "day1/c"),
        ("films/.h*/*.mp4", ".hidden/h"),
    ],
)
def test_a_pattern_gives_what_it_matches(here, pattern, found):
    for name in ("a", "b", "day1/c", "day1/in/d", "day2/e", ".hidden/h", "day1/.h"):
        write(here / "films" / f"{name}.mp4")
    write(here / "films" / "day1" / "notes.md")
    assert sorted(names(pattern)) == [f"films/{name}.mp4" for name in found.split()]


def test_a_pattern_that_says_a_suffix_is_believed(here):
    write(here / "films" / "cctv.dat")
    assert names("films/*.dat") == ["films/cctv.dat"]
    with pytest.raises(InputError, match=r"no film in films/\* \(1 file there, without a film's suffix"):
        list_films(["films/*"])


def test_a_pattern_looks_only_where_it_can_match(here, monkeypatch):
    for name in ("day1/x.mp4", "day1/deep/y.mp4", "other/z.mp4"):
        write(here / "films" / name)
    seen, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: seen.append(os.path.basename(path)) or scandir(path))
    assert names("films/day*/*.mp4") == ["films/day1/x.mp4"]
    assert set(seen) == {"", "day1"} or set(seen) == {"films", "day1"}


def test_a_file_that_is_called_like_a_pattern_is_that_file(here):
    write(here / "film[1].mp4")
    write(here / "film1.mp4")
    assert names("film[1].mp4") == ["film[1].mp4"]


@pytest.mark.parametrize("head", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_list_gives_a_film_a_line(here, tmp_path, head, end):
    for path in (here / "lists" / "a.mp4", here / "lists" / "in" / "b.weird", tmp_path / "far" / "c.mp4"):
        write(path)
    write(here / "lists" / "ö.mp4")
    lines = ["# films", "a.mp4", "", "  in/b.weird ", "./a.mp4", "../../far/c.mp4", "gone.mp4", "ö.mp4"]
    lines += [str(here / "lists" / "in" / "b.weird"), str(tmp_path / "far" / "gone too.mp4")]
    (here / "lists" / "l.TXT").write_bytes(head + end.join(line.encode() for line in lines))
    listing = list_films(["lists/l.TXT"])
    expected = "far/c.mp4 far/gone_too.mp4 lists/a.mp4 lists/gone.mp4 lists/in/b.weird lists/ö.mp4"
    assert sorted(f.name.replace(" ", "_") for f in listing.films) == expected.split()
    assert not listing.problems
    assert {f.name for f in listing.films if not os.path.exists(f.path)} == {"lists/gone.mp4", "far/gone too.mp4"}


def test_a_missing_film_of_a_list_is_listed_once_with_0_bytes(here):
    write(here / "a.mp4", 5)
    (here / "l.txt").write_text("gone.mp4\na.mp4\ngone.mp4\n")
    assert [(f.name, f.num_bytes) for f in list_films(["l.txt"]).films] == [("a.mp4", 5), ("gone.mp4", 0)]


def test_a_name_that_is_no_utf_8_is_found_and_can_be_shown(here):
    path = os.fsencode(here) + b"/\xff.mp4"
    with open(path, "wb"):
        pass
    (here / "l.txt").write_bytes(b"\xff.mp4\n")
    for source in (".", "l.txt", "*.mp4"):
        (film,) = list_films([source]).films
        assert os.fsencode(film.path) == path
        assert film.name == "\ufffd.mp4"
        (film.name + film.results).encode()


@pytest.mark.parametrize("content", [b"a.mp4\n".decode().encode("utf-16"), b"\0\0\0\x18ftypmp42"])
def test_what_is_no_list_is_told(here, content):
    (here / "l.txt").write_bytes(content)
    with pytest.raises(InputError, match=r"l\.txt is not a list of films"):
        list_films(["l.txt"])


def test_a_line_that_names_no_film_is_a_problem_of_that_line(here):
    write(here / "a.mp4")
    (here / "l.txt").write_text("a.mp4\n../\n")
    listing = list_films(["l.txt"])
    assert len(listing) == 1
    assert "line 2 of l.txt" in str(*listing.problems)


def test_a_source_that_is_not_there_is_told_at_once(here):
    write(here / "a.mp4")
    for source in ("films", "b.mp4", "l.txt", "\0", "\ud800"):
        with pytest.raises(InputError, match="there is no"):
            list_films(["a.mp4", source])
    with pytest.raises(InputError, match="no source was given"):
        list_films([])


def test_a_source_without_films_is_told(here):
    (here / "empty").mkdir()
    write(here / "a.mp4")
    for source in ("empty", "empty/*.mp4", "none/*.mp4"):
        with pytest.raises(InputError, match="there is no film in"):
            list_films([source])
    listing = list_films(["a.mp4", "empty"])
    assert len(listing) == 1
    assert "there is no film in empty" in str(*listing.problems)
    assert not list_films(["a.mp4", "*.mp4"]).problems  # known ones are films too


def test_an_explicit_film_may_have_any_suffix(here):
    write(here / "capture.dat", 4)
    os.mkfifo(here / "pipe.mp4")
    assert [(f.name, f.num_bytes) for f in list_films(["pipe.mp4", "capture.dat"]).films] == [
        ("capture.dat", 4),
        ("pipe.mp4", 0),
    ]


# ---- results


_tree = st.lists(
    st.lists(st.sampled_from(["a", "b", "A", "c.mp4", "C.mp4", "d.mkv"]), min_size=1, max_size=4), max_size=8
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_tree, st.sampled_from(["**", "**/*.mp4", "*/*.mp4", "a/**/c*", "*"]))
def test_a_pattern_finds_what_the_shell_would(tmp_path_factory, tree, pattern):
    root = tmp_path_factory.mktemp("tree")
    for parts in tree:
        path = root.joinpath(*parts)
        if not path.exists() and all(not parent.is_file() for parent in path.parents):
            write(path)
    import glob

    expected = set()
    for match in glob.glob(f"{root}/{pattern}", recursive=True):
        inside = [match] if os.path.isfile(match) else [os.path.join(d, f) for d, _, fs in os.walk(match) for f in fs]
        literal = pattern.endswith(".mp4") and os.path.isfile(match)
        expected |= {os.path.normpath(f) for f in inside if literal or f.endswith((".mp4", ".mkv"))}
    try:
        found = {film.path for film in list_films([f"{root}/{pattern}"]).films}
    except InputError:
        found = set()
    assert found == expected


# ---- size


def test_4000_films_take_less_than_200_bytes_each(here):
    for patient in range(40):
        folder = here / "recordings of the hospital" / f"patient {patient:06}"
        folder.mkdir(parents=True)
        for i in range(100):
            (folder / f"2026-03-{i:03} camera left.mp4").touch()
    (here / "l.txt").write_text("\n".join(film.path for film in list_films(["recordings of the hospital"]).films))
    for source in ("recordings of the hospital", "l.txt"):
        # Threads that other tests left behind may take memory meanwhile: one of three must be as small.
        found = (memory_of_listing(source) for _ in range(3))
        assert any(kept / 4000 < 200 and peak / 4000 < 2000 for kept, peak in found)


def memory_of_listing(source):
    """Bytes of a listing of 4,000 films, and at most meanwhile."""
    gc.collect()
    tracemalloc.start()
    try:
        listing = list_films([source])
        with_it, peak = tracemalloc.get_traced_memory()
        assert len(listing) == 4000
        assert len({film.results for film in listing.films}) == 4000
        del listing
        gc.collect()
        without, _ = tracemalloc.get_traced_memory()  # what others keep, such as caches, does not count
    finally:
        tracemalloc.stop()
    return with_it - without, peak


def test_a_name_in_another_form_of_unicode_is_the_film_on_the_disk(here):
    (here / "u\u0308.mp4").write_bytes(b"film")
    (here / "l.txt").write_text("\u00fc.mp4\n", "utf-8")
    for source in ("\u00fc.mp4", "l.txt", str(here / "\u00fc.mp4")):
        (film,) = list_films([source]).films
        assert (Path(film.path).name, film.num_bytes) == ("u\u0308.mp4", 4)


def test_what_was_deleted_and_what_systems_keep_for_themselves_is_passed_over(here):
    for name in ("a.mp4", "$RECYCLE.BIN/b.mp4", "in/@eaDir/a.mp4/c.mp4", "in/d.mp4", "System Volume Information/e.mp4"):
        write(here / "films" / name, 1)
    assert sorted(names("films")) == ["films/a.mp4", "films/in/d.mp4"]
    assert names("films/$RECYCLE.BIN") == ["films/$RECYCLE.BIN/b.mp4"]  # asked for by name
