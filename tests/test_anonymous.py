"""Timelines without their film's name, and what export and report make of them."""

import json
import shutil
from dataclasses import replace
from fractions import Fraction

import pytest
from leaking import leaks

from vtn_stream.anonymous import anonymous, is_anonymous, labels_that_name, without_name
from vtn_stream.budget import stats
from vtn_stream.formats import timeline_json
from vtn_stream.name_table import Names
from vtn_stream.results import FORMAT_NAMES, ResultFiles, load_timeline
from vtn_stream.timeline import Gap, Segment, Timeline

FILM = "Smith_1961.mp4"
WORDS = ("smith_1961", "ward 7")
SEGMENTS = (
    Segment(start_s=1, end_s=4, label="rest", score=0.5, attributes={"comment": "Smith_1961 sleeps", "subject": "a"}),
    Segment(start_s=5, end_s=9, label="walk", score=0.75, attributes={"modifier": "left|fast"}),
)


def a_timeline(**changes):
    fields = {
        "video_identity": "ab" * 32,
        "video_path": FILM,
        "duration_s": 10.0,
        "span_s": (0.0, 10.0),
        "nominal_rate": Fraction(25),
        "segments": SEGMENTS,
        "gaps": (Gap(start_s=9, end_s=10, reason=f"{FILM} ends"),),
        "provenance": {"converted_from": "CSV", "source": "ward 7", "notes": [f"{FILM} lasts longer."]},
    }
    return Timeline(**fields | changes)


@pytest.fixture
def table(monkeypatch, tmp_path):
    monkeypatch.setenv("VTN_STREAM_NAMES", str(tmp_path / "table" / "names.csv"))
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "store"))
    return tmp_path / "table" / "names.csv"


@pytest.fixture
def ward(tmp_path):
    """A folder with a named timeline, its page and its table."""
    folder = tmp_path / "Ward 7"
    folder.mkdir()
    (folder / f"{FILM}.timeline.json").write_bytes(timeline_json.dumps(a_timeline()))
    return folder


def test_only_the_name_and_words_with_it_change():
    named = a_timeline()
    made = anonymous(named, "film-X")
    assert made.video_path == "film-X"
    assert is_anonymous(made)
    assert not is_anonymous(named)
    assert [s.attributes for s in made.segments] == [
        {"comment": "film-X sleeps", "subject": "a"},
        {"modifier": "left|fast"},
    ]
    assert [(s.start_s, s.end_s, s.label, s.score) for s in made.segments] == [
        (s.start_s, s.end_s, s.label, s.score) for s in SEGMENTS
    ]
    assert made.video_identity == named.video_identity
    assert b"mith" not in timeline_json.dumps(made)
    assert anonymous(made, "film-X") == made


def test_what_a_person_changed_stays_and_names_no_film():
    was = Segment(start_s=1, end_s=3, label="rest", attributes={"comment": "of Smith_1961"})
    kept = Segment(start_s=1, end_s=4, label="rest", origin="curated", was=was)
    made = anonymous(a_timeline(segments=(kept,), rejected=(was,)), "film-X")
    assert made.segments[0].was.attributes == made.rejected[0].attributes == {"comment": "of film-X"}
    assert made.segments[0].origin == "curated"


def test_words_of_ours_are_no_names():
    """A film may be called film.mp4."""
    assert without_name("the film film.mp4 cannot be read as a film", "/x/film.mp4", "N") == (
        "the film N cannot be read as a film"
    )
    assert without_name("/x/film.mp4: no", "/x/film.mp4", "N") == "N: no"
    assert without_name("films, a film", "film.mp4", "N", stem=True) == "films, a film"
    assert without_name("1 of 1", "1.mp4", "N", stem=True) == "1 of 1"
    assert without_name("1 of 1, 1", "1", "N") == "1 of 1, 1"


@pytest.mark.parametrize(
    ("text", "film", "told"),
    [
        ("Smith is no film", "/x/Smith", "N is no film"),
        ("7/Smith.mp4: [Errno 2] '/data/Ward 7/Smith.mp4'", "/data/Ward 7/Smith.mp4", "7/N: [Errno 2] 'N'"),
        ("Ward 7/Smith.mp4 went", "/data/Ward 7/Smith.mp4", "N went"),
        (r"a\x1b[31m.mp4 went", "/x/a\x1b[31m.mp4", "N went"),
        ("smith.MP4, Smith.mp4.timeline.json, Smithy", "/x/Smith.mp4", "N, N.timeline.json, Smithy"),
    ],
)
def test_a_name_is_found_however_it_is_shown(text, film, told):
    assert without_name(text, film, "N") == told


def test_labels_that_name_the_film_are_found():
    named = a_timeline(segments=(Segment(start_s=0, end_s=1, label="smith_1961 rests"), *SEGMENTS))
    assert labels_that_name(named, FILM) == ["smith_1961 rests"]
    rejected = a_timeline(rejected=(Segment(start_s=0, end_s=1, label="no Smith_1961"),))
    assert labels_that_name(rejected, FILM) == ["no Smith_1961"]


def test_notes_that_name_a_project_or_another_film_are_left_out():
    notes = ["Of several projects this is 'Ward 7'.", "Its rate is that of other one.MOV.", "The film's end is 2.56 s."]
    made = anonymous(a_timeline(provenance={"converted_from": "FCPXML", "notes": notes}), "film-X")
    assert made.provenance["notes"] == ["The film's end is 2.56 s."]


def test_no_format_tells_the_film(here, ward, table, tmp_path):
    out = tmp_path / "out"
    formats = [part for name in FORMAT_NAMES for part in ("-f", name)]
    code, told, err = here("export", ward, "--anonymous", "-o", out, "--together", out / "all.csv", *formats)
    assert code == 0, err
    assert leaks(out, WORDS) == []
    name = Names(table).by_identity()["ab" * 32]
    assert {path.name.partition(".")[0] for path in out.iterdir()} == {name, "all"}
    assert FILM not in told + err
    assert load_timeline(out / f"{name}.timeline.json").video_path == name
    assert FILM in table.read_text()


def test_without_the_flag_the_search_finds_the_name(here, ward, tmp_path):
    """Else the test above would not be one."""
    out = tmp_path / "out"
    formats = [part for name in FORMAT_NAMES for part in ("-f", name)]
    assert here("export", ward, "-o", out, *formats)[0] == 0
    for file in out.iterdir():
        file.rename(out / file.name.replace(FILM, "x"))
    assert {name for name, _ in leaks(out, WORDS)} > {"x.timeline.json", "x.timeline.html", "x.timeline.parquet"}


def test_what_is_anonymous_stays_as_it_is_called(here, ward, table, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    assert here("export", ward, "--anonymous", "-f", "json", "-o", one)[0] == 0
    assert here("export", one, "--anonymous", "-f", "json", "-o", other, "--names", tmp_path / "another.csv")[0] == 0
    (file,) = one.iterdir()
    assert (other / file.name).read_bytes() == file.read_bytes()
    assert not (tmp_path / "another.csv").exists()
    assert here("export", one, "--anonymous", "-f", "csv", "-f", "html")[0] == 0, "beside it nothing tells the film"
    assert leaks(one, WORDS) == []


def test_a_name_in_a_strangers_timeline_that_says_it_is_anonymous_is_replaced(here, ward, table, tmp_path):
    lying = a_timeline(provenance={"anonymous": True})
    (ward / f"{FILM}.timeline.json").write_bytes(timeline_json.dumps(lying))
    assert here("export", ward, "--anonymous", "-f", "json", "-o", tmp_path / "out")[0] == 0
    assert leaks(tmp_path / "out", WORDS) == []


def test_beside_the_films_own_name_nothing_is_written(here, ward, table):
    before = sorted(ward.iterdir())
    code, _, err = here("export", ward, "--anonymous", "-f", "csv")
    assert code == 1
    assert "name another folder with -o" in err
    assert FILM not in err
    code, _, err = here("report", ward, "--anonymous")
    assert code == 1
    assert "make an anonymous copy: vtn-stream export" in err
    assert sorted(ward.iterdir()) == before


@pytest.mark.parametrize("end", ["timeline.csv", "scores.arrow", "timeline.json.edited-1", "timeline (1).json"])
def test_other_results_with_names_are_not_mixed_with(here, ward, table, tmp_path, end):
    out = tmp_path / "out"
    out.mkdir()
    (out / f"Jones.mp4.{end}").touch()
    code, _, err = here("export", ward, "--anonymous", "-f", "csv", "-o", out)
    assert code == 1
    assert "results of 1 film in out have the film's own name" in err
    assert [file.name for file in out.iterdir()] == [f"Jones.mp4.{end}"]


def test_a_folders_cure_works(here, ward, table, tmp_path):
    out = tmp_path / "out"
    assert here("export", ward, "--anonymous", "-f", "json", "-f", "html", "-o", out)[0] == 0
    code, _, err = here("report", out, "--anonymous")
    assert (code, err) == (0, "")
    assert (out / "index.html").is_file()
    assert leaks(out, WORDS) == []
    named = tmp_path / "Smith_1961 of ward 7"
    shutil.copytree(out, named)
    (named / "index.html").unlink()
    assert here("report", named)[0] == 0, "also without the flag: what is anonymous stays so"
    assert leaks(named, WORDS) == []


def test_one_page_without_the_films_name(here, ward, table, tmp_path):
    page = tmp_path / "pages" / "one.html"
    source = ward / f"{FILM}.timeline.json"
    code, out, err = here("report", source, "--anonymous", "-o", page)
    assert (code, err) == (0, "")
    assert FILM not in out
    assert leaks(page.parent, WORDS) == []
    assert here("report", source, "--anonymous", "--film", ward / FILM)[0] == 2
    code, _, err = here("report", ward / "Smith_1961.mp4.timeline.csv", "--anonymous")
    assert code == 1
    assert "Smith" not in err


def test_the_way_to_an_anonymous_film_is_not_put_into_its_page(here, ward, table, tmp_path, monkeypatch):
    out = tmp_path / "out"
    here("export", ward, "--anonymous", "-f", "json", "-o", out)
    (ward / FILM).touch()
    monkeypatch.chdir(tmp_path)
    (file,) = out.iterdir()
    code, _, err = here("report", file, "--film", ward / FILM)
    assert code == 1
    assert "choose the film in the page" in err
    assert [path.name for path in out.iterdir()] == [file.name]


def test_two_timelines_of_one_film_do_not_replace_each_other(here, ward, table, tmp_path):
    other = tmp_path / "other" / f"{FILM}.timeline.json"
    other.parent.mkdir()
    other.write_bytes(timeline_json.dumps(a_timeline(segments=SEGMENTS[:1])))
    code, _, err = here("export", ward, other, "--anonymous", "-f", "csv", "-o", tmp_path / "out", "--overwrite")
    assert code == 2
    assert "timelines 1 and 2 of 2 are of one film" in " ".join(err.split())
    assert not (tmp_path / "out").exists()


def test_a_label_with_the_name_is_told(here, ward, table, tmp_path):
    named = a_timeline(segments=(Segment(start_s=0, end_s=1, label="Smith_1961 rests"),))
    (ward / f"{FILM}.timeline.json").write_bytes(timeline_json.dumps(named))
    code, _, err = here("export", ward, "--anonymous", "-f", "csv", "-o", tmp_path / "out")
    assert code == 0
    assert (
        "the film's own name is in 1 label, and labels stay as they are: --rename gives those of segments other" in err
    )
    cure = ["--rename", "Smith_1961 rests=rest"]
    assert here("export", ward, "--anonymous", "-f", "csv", "-f", "json", "-o", tmp_path / "new", *cure)[::2] == (0, "")
    assert leaks(tmp_path / "new", WORDS) == []


def test_bad_timelines_are_counted_not_named(here, ward, table, tmp_path):
    (ward / "Jones.mp4.timeline.json").write_text("{}")
    code, _, err = here("export", ward, "--anonymous", "-f", "csv", "-o", tmp_path / "out")
    assert code == 1
    assert err.startswith("vtn-stream: timeline 1 of 2: ")
    assert "Jones" not in err
    assert leaks(tmp_path / "out", ("Jones", *WORDS)) == []


def test_names_without_anonymous_is_wrong_usage(here, ward, table, tmp_path):
    assert here("export", ward, "--names", tmp_path / "x.csv", "-f", "csv")[0] == 2
    out = tmp_path / "out"
    code, _, err = here("export", ward, "--anonymous", "--names", out / "x.csv", "-f", "csv", "-o", out)
    assert code == 1
    assert "lies in the folder of the results" in err


def test_equal_input_gives_equal_bytes(here, ward, table, tmp_path):
    for folder in ("one", "two"):
        assert here("export", ward, "--anonymous", "-f", "json", "-f", "html", "-o", tmp_path / folder)[0] == 0
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_the_files_own_digests_are_right(here, ward, table, tmp_path):
    """Else an analysis would take it for hand work."""
    from vtn_stream.results.timelines import load_document

    here("export", ward, "--anonymous", "-f", "json", "-o", tmp_path / "out")
    (file,) = (tmp_path / "out").iterdir()
    assert load_document(file).origin in ("ours", "foreign")
    assert json.loads(file.read_text())["provenance"]["anonymous"] is True


def test_replace_keeps_the_mark():
    assert is_anonymous(replace(anonymous(a_timeline(), "film-X"), segments=()))


def test_what_is_found_so_far_is_anonymous_too(tmp_path):
    files = ResultFiles(tmp_path, tmp_path / "Ward 7" / FILM, ("json",), stem="film-X", name="film-X")
    files.save_partial(a_timeline(complete=False))
    assert [file.name for file in tmp_path.iterdir()] == ["film-X.timeline.partial.json"]
    assert leaks(tmp_path, WORDS) == []


# ---- stats


@pytest.fixture
def wards(ward):
    """Two films in two groups; one is only in a table, without its identity; one file cannot be read."""
    (ward / "Jones.mp4.timeline.json").write_bytes(
        timeline_json.dumps(a_timeline(video_identity="cd" * 32, video_path="Jones.mp4", segments=SEGMENTS[:1]))
    )
    (ward.parent / "Brown.mp4.csv").write_text("video,start_s,end_s,label\nBrown.mp4,1,3,rest\n")
    (ward / "Green.mp4.timeline.json").write_text("{}")
    (ward.parent / "groups.csv").write_text(
        "video,group\nSmith_1961.mp4,old\nJones.mp4,new\nBrown,new\nWhite.mp4,new\n"
    )
    return ward


PEOPLE = (*WORDS, "jones", "brown", "green", "white", "smith")


@pytest.mark.parametrize("groups", [[], ["--groups", "groups.csv"]])
def test_stats_tell_no_film(here, wards, table, tmp_path, monkeypatch, groups):
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    command = ["stats", wards, "Brown.mp4.csv", *groups, "--bin", "5s", "--duration", "10", "--anonymous"]
    for format in ("csv", "xlsx", "json"):
        plots = ["--plot", out / "plots"] if format == "csv" else []
        code, told, err = here(*command, "-o", out / f"stats.{format}", *plots)
        assert code == 1, "Green.mp4 cannot be read"
        assert "a file or film does not count; the figures are without; run the same command without --anonymous" in err
        assert not [word for word in PEOPLE if word in (told + err).lower()]
    assert leaks(out, PEOPLE) == []
    code, told, err = here(*command)
    assert "which film is which" in err
    assert "which film is which" not in told
    assert not [word for word in PEOPLE if word in (told + err).lower()]


@pytest.mark.parametrize("groups", [None, "groups.csv"])
def test_stats_of_anonymous_films_are_those_of_the_films(wards, table, tmp_path, monkeypatch, groups):
    monkeypatch.chdir(tmp_path)
    files = [wards / f"{FILM}.timeline.json", wards / "Jones.mp4.timeline.json", "Brown.mp4.csv"]
    named = stats(files, groups=groups, bin_s=5)
    unnamed = stats(files, groups=groups, bin_s=5, names=Names())
    names = {"Brown.mp4": Names().of("", "Brown.mp4"), "Jones.mp4": Names().of("cd" * 32, "")}
    names[FILM] = Names().of("ab" * 32, "")
    assert len(set(names.values())) == 3
    assert len(Names().by_identity()) == 2

    def rows(found):
        return sorted(map(repr, (row for rows in found.tables().values() for row in rows)))

    expected = [row for row in rows(named)]
    for film, name in names.items():
        expected = [row.replace(repr(film), repr(name)) for row in expected]
    assert rows(unnamed) == sorted(expected)
    assert [film.name for film in unnamed.observed] == sorted(names.values()), "in an order that tells nothing"


def test_when_no_film_counts_none_is_named(here, wards, table):
    code, told, err = here("stats", wards / "Green.mp4.timeline.json", "--anonymous")
    assert (code, told) == (1, "")
    assert "Green" not in err
    assert "run the same command without --anonymous" in err
