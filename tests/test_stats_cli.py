"""vtn-stream stats: its table, its files, its pictures, and what it says."""

import csv
import io
import json

import boris_projects
import openpyxl
import pytest
from drawn_timelines import seg, timeline

from vtn_stream.formats import timeline_json


@pytest.fixture
def folder(tmp_path):
    """Two films that people annotated, and a table of groups."""
    results = tmp_path / "results"
    results.mkdir()
    for name, length in (("a.mp4", 3), ("b.mp4", 6)):
        segments = (seg(1, 1 + length, "=1+1", origin="manual"), seg(9, 9, "bite", origin="manual"))
        film = timeline(*segments, video_path=name, video_identity=name)
        (results / f"{name}.timeline.json").write_bytes(timeline_json.dumps(film, {}))
    (tmp_path / "groups.csv").write_text("video,group\na,old\nb,young\n")
    return tmp_path


def lines(out):
    return [" ".join(line.split()) for line in out.splitlines()]


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_table(here, folder):
    code, out, err = here("stats", folder / "results", "--groups", folder / "groups.csv", "--bin", "6s")
    assert (code, err) == (0, "")
    told = lines(out)
    assert told[0] == "film by film label count total s mean s median s longest s share % a minute latency s"
    assert "a.mp4 [old] =1+1 1 3.0 3.0 3.0 3.0 25.0 5.00 1.0" in told
    assert "bite 1 - - - - - 5.00 9.0" in told
    assert "young =1+1 1 1.0 6.0 50.0 5.0 1.0 50.0" in told
    assert "time bins, share % (instants: count) from =1+1 bite" in told
    assert "b.mp4 0:00:00.0 83.3 0" in told
    assert "old =1+1 bite 1 1.00" in told


def test_labels_of_strangers_are_plain_text(here, tmp_path):
    film = timeline(seg(0, 3, "[red]x\x1b[31m"), video_path="[bold]a.mp4", duration_s=1e9, span_s=(0, 1e9))
    path = tmp_path / "a.timeline.json"
    path.write_bytes(timeline_json.dumps(film, {}))
    out = here("stats", path, "--bin", "1000h")[1]
    assert out.count(r"[red]x\x1b[31m") == 2
    assert "[bold]a.mp4" in out
    (row, *_) = rows(here("stats", path, "-f", "csv")[1])
    assert (row["share"], row["rate_per_min"]) == ("3e-09", "6e-08")  # small, and not nothing


def test_csv_on_stdout_is_one_tidy_table(here, folder):
    code, out, err = here("stats", folder / "results", "--bin", "6", "-f", "csv")
    assert (code, err) == (0, "")
    table = rows(out)
    assert {row["level"] for row in table} == {"film", "group", "bin", "group_bin", "transition"}
    first = table[0]
    assert (first["film"], first["label"], first["total_s"], first["share"]) == ("a.mp4", "'=1+1", "3", "0.25")
    assert [row["count"] for row in table if row["level"] == "bin" and row["film"] == "a.mp4"] == ["1", "0", "0", "1"]
    assert {len(row) for row in table} == {len(first)}
    assert None not in first


def test_equal_input_gives_equal_bytes_in_any_order(here, folder):
    first = here("stats", *sorted((folder / "results").iterdir()), "-f", "json")
    assert first == here("stats", *sorted((folder / "results").iterdir(), reverse=True), "-f", "json")


def test_json_has_all_tables_and_what_they_mean(here, folder):
    code, out, _ = here("stats", folder / "results", "-f", "json")
    content = json.loads(out)
    assert code == 0
    assert list(content) == ["films", "groups", "bins", "group_bins", "transitions", "meanings", "notes", "failed"]
    assert content["films"][1]["share"] is None
    assert set(content["films"][0]) - {"film", "subject", "label"} <= set(content["meanings"])


def test_a_workbook_has_a_sheet_a_table(here, folder):
    target = folder / "budget.xlsx"
    code, out, err = here("stats", folder / "results", "--bin", "6", "-o", target)
    assert (code, out, err) == (0, "", f"wrote {target}\n")
    book = openpyxl.load_workbook(target)
    assert book.sheetnames == ["films", "groups", "bins", "group_bins", "transitions", "about"]
    header, first, *_ = book["films"].iter_rows(values_only=True)
    values = dict(zip(header, first, strict=True))
    assert (values["film"], values["label"], values["total_s"]) == ("a.mp4", "=1+1", 3)
    assert book["films"]["D2"].data_type == "s"
    assert "observed_s" in [row[0] for row in book["about"].iter_rows(values_only=True)]


@pytest.mark.parametrize("suffix", ["csv", "json", "xlsx"])
def test_a_file_is_written_the_same_every_time_and_never_over_another(here, folder, suffix):
    target = folder / f"budget.{suffix}"
    here("stats", folder / "results", "-o", target)
    before = target.read_bytes()
    assert here("stats", folder / "results", "-o", target)[0] == 0
    assert target.read_bytes() == before
    target.write_bytes(b"mine")
    code, _, err = here("stats", folder / "results", "-o", target)
    assert (code, target.read_bytes()) == (1, b"mine")
    assert "--overwrite" in err
    assert here("stats", folder / "results", "-o", target, "--overwrite")[0] == 0
    assert target.read_bytes() == before


def test_what_is_read_is_never_replaced(here, folder):
    for target in (folder / "groups.csv", folder / "results" / "a.mp4.timeline.json"):
        before = target.read_bytes()
        code, _, err = here(
            "stats", folder / "results", "--groups", folder / "groups.csv", "-f", "csv", "-o", target, "--overwrite"
        )
        assert (code, target.read_bytes()) == (1, before)
        assert "is one of the files to read; it was kept" in err


def test_pictures(here, folder):
    code, _, _ = here("stats", folder / "results", "--plot", folder / "pictures")
    assert code == 0
    names = sorted(path.name for path in (folder / "pictures").iterdir())
    assert names == ["budget.svg", "ethogram.svg", "transitions.svg"]


def test_what_fails_is_told_and_the_code_is_1(here, folder):
    (folder / "results" / "c.timeline.json").write_text("{}")
    code, out, err = here("stats", folder / "results")
    assert code == 1
    assert "a.mp4" in out
    assert "c.timeline.json: " in err


def test_what_was_written_for_other_programs_beside_timelines_is_no_timeline(here, folder):
    results = folder / "results"
    kinds = ("labelstudio", "activitynet", "fiftyone", "soccernet", "labelstudio (1)")
    for kind in kinds:
        (results / f"a.mp4.timeline.{kind}.json").write_text("[]")
    code, out, err = here("stats", results, "-f", "csv")
    assert (code, err) == (0, "")
    assert {row["film"] for row in rows(out)} == {"a.mp4", "b.mp4", ""}


def test_an_analysis_that_was_stopped_is_told_and_the_code_is_1(here, folder):
    results = folder / "results"
    for name in ("b.mp4", "c.mp4"):
        (results / f"{name}.timeline.partial.json").write_bytes((results / "a.mp4.timeline.json").read_bytes())
    code, _, err = here("stats", results, "-f", "csv")
    assert (code, err) == (1, "vtn-stream: the analysis of c.mp4 did not finish; it does not count; run it again\n")


def test_quiet_says_nothing_of_what_went_well(here, folder):
    assert here("stats", folder / "results", "-q", "-o", folder / "budget.csv") == (0, "", "")


def test_a_workbook_that_is_too_large_has_a_cure(here, folder, monkeypatch):
    monkeypatch.setattr("vtn_stream.formats.workbook.MAX_ROWS", 20)
    code, _, err = here("stats", folder / "results", "--bin", "1s", "-o", folder / "budget.xlsx")
    assert code == 1
    assert err.endswith("no workbook was written; write CSV or JSON, or give longer bins or fewer films\n")


def test_it_is_told_whose_work_it_is(here, folder):
    film = timeline(seg(0, 1, "bite", origin="model"), video_path="c.mp4", video_identity="c")
    (folder / "results" / "c.mp4.timeline.json").write_bytes(timeline_json.dumps(film, {}))
    assert "nobody reviewed what a model drew in 1 film (c.mp4)" in here("stats", folder / "results")[2]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["-f", "xlsx"], "name one with -o"),
        (["-f", "table", "-o", "x.csv"], "the table is for the terminal"),
        (["-o", "x.txt"], "does not say its format"),
        (["--bin", "0"], "is not a length of time"),
        (["--bin", "-5"], "is not a length of time"),
        (["--bin", "1e9"], "is not a length of time"),
        (["--by", "tier"], "subject"),
    ],
)
def test_wrong_usage(here, folder, more, words):
    code, _, err = here("stats", folder / "results", *more)
    assert code == 2
    assert words in err


@pytest.mark.parametrize(
    ("given", "seconds"), [("90s", 90), ("1:30", 90), ("1.5m", 90), ("90", 90), ("2 min", 120), ("1h", 3600)]
)
def test_lengths_of_bins(given, seconds):
    from vtn_stream_cli.times import LENGTH

    assert LENGTH.convert(given, None, None) == seconds


def test_very_many_films_are_cut_in_the_terminal_and_said(here, tmp_path):
    table = "video,start_s,end_s,label,score\n" + "".join(f"{i:03d}.mp4,0,1,walk,\n" for i in range(80))
    (tmp_path / "many.csv").write_text(table)
    out = here("stats", tmp_path / "many.csv", "--duration", "1:00")[1]
    assert "... and 20 more rows; the whole table: -f csv, xlsx or json" in out


def test_a_boris_project_with_two_hens(here, tmp_path):
    events = [[2, "hen 1", "walk", "", ""], [8, "hen 1", "walk", "", ""], [4, "hen 2", "walk", "", ""]]
    events += [[10, "hen 2", "walk", "", ""], [12, "hen 1", "peck", "", ""]]
    project = {
        "project_format_version": "7.0",
        "behaviors_conf": {"0": {"type": "State event", "code": "walk"}, "1": {"type": "Point event", "code": "peck"}},
        "subjects_conf": {"0": {"name": "hen 1"}, "1": {"name": "hen 2"}},
        "observations": {
            "day 1": {
                "type": "MEDIA",
                "file": {"1": ["/home/somebody/hens.mp4"]},
                "time offset": 0.0,
                "media_info": {"length": {"/home/somebody/hens.mp4": 60.0}},
                "events": events,
            }
        },
    }
    (tmp_path / "hens.boris").write_text(json.dumps(project))
    (tmp_path / "groups.csv").write_text("subject,group\nhen 1,old\nhen 2,young\n")
    code, out, err = here(
        "stats", tmp_path / "hens.boris", "--by", "subject", "--groups", tmp_path / "groups.csv", "-f", "csv"
    )
    assert (code, err) == (0, "")
    found = [row for row in rows(out) if row["level"] == "film"]
    assert [
        (row["film"], row["subject"], row["group"], row["label"], row["count"], row["total_s"]) for row in found
    ] == [
        ("hens.mp4", "hen 1", "old", "peck", "1", ""),
        ("hens.mp4", "hen 1", "old", "walk", "1", "6"),
        ("hens.mp4", "hen 2", "young", "peck", "0", ""),
        ("hens.mp4", "hen 2", "young", "walk", "1", "6"),
    ]


def test_problems_of_a_file_are_named_each_and_what_to_do(here, folder, tmp_path):
    walk = (1.0, "walk"), (2.0, "walk")
    coded = tmp_path / "coded.boris"
    coded.write_text(boris_projects.text(ann=boris_projects.observation(*walk), bob=boris_projects.observation(*walk)))
    said = "hen.mp4 has 2 observations, ann and bob: choose with --observation"
    code, _, err = here("stats", coded)
    assert (code, said in err, "no figures were computed" in err) == (1, True, True)
    code, out, err = here("stats", coded, folder / "results")
    assert code == 1
    assert any(line.strip().startswith("observations.ann") or said in line for line in err.splitlines())
    assert r"\n" not in err
    assert "a.mp4" in out


def test_the_terminal_shows_what_happens_and_counts_what_does_not(here, tmp_path):
    (tmp_path / "a.csv").write_text("video,start_s,end_s,label\na.mp4,0,1,walk\nb.mp4,0,1,run\n")
    code, out, _ = here("stats", tmp_path / "a.csv")
    films = lines(out)[1:3]
    assert (code, [film.split()[:3] for film in films]) == (0, [["a.mp4", "walk", "1"], ["b.mp4", "run", "1"]])
    assert "not shown: 2 rows of labels that do not occur in the film; they count as 0 below" in out
    assert len(rows(here("stats", tmp_path / "a.csv", "-f", "csv")[1])) > 4  # files have all


def test_the_table_of_names_does_not_lie_among_what_is_read(here, folder):
    code, _, err = here("stats", folder / "results", "--anonymous", "--names", folder / "results" / "names.csv")
    assert (code, "lies in the folder of the results" in err) == (1, True)
