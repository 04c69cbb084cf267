"""A batch's listing: every film once, largest first, in little memory, with results of its own."""

import gc
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vtn_stream.errors import InputError
from vtn_stream.results import ResultFiles
from vtn_stream_pipelines.film_list import BaseFolder, FilmList
from vtn_stream_pipelines.film_names import folded, plain_path
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


def results(*sources):
    return {film.path: film.results for film in list_films(sources).films}


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
    with pytest.raises(InputError, match=r"no film in films/\* \(of 1 files none"):
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


# ---- results


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
    files = ResultFiles(where.parent, Path(f"{where.name}.film"), ["csv"])
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


_tree = st.lists(
    st.lists(st.sampled_from(["a", "b", "A", "c.mp4", "C.mp4", "d.mkv"]), min_size=1, max_size=4), max_size=8
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
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
        assert (with_it - without) / 4000 < 200
        assert peak / 4000 < 2000
