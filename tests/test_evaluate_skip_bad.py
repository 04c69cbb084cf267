"""`evaluate --skip-bad`: what is wrong is left out, and named with counts; and the rate that evaluate is given."""

import json
import shlex
import sys

import pytest

from vtn_stream_cli.main import main


@pytest.fixture
def here(capsys, monkeypatch):
    """here(*arguments) -> (exit code, stdout, stderr)"""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["vtn-stream", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return (end.value.code, *capsys.readouterr())

    return call


TRUTH = """\
video,start_s,end_s,label,video_duration_s
a,0,10,walk,100
a,50,40,walk,100
a,20,40,run,100
b,5,15,walk,100
"""
GOOD = [
    {"label": "walk", "score": 0.9, "segment": [0, 10]},
    {"label": "run", "score": 0.8, "segment": [22, 40]},
]
BAD = [
    {"label": "walk", "score": float("nan"), "segment": [50, 60]},
    {"label": "run", "score": 0.7, "segment": [9, 3]},
    {"label": "", "score": 0.7, "segment": [1, 3]},
]


@pytest.fixture
def files(tmp_path):
    (tmp_path / "truth.csv").write_text(TRUTH)
    clean = "".join(line + "\n" for line in TRUTH.splitlines() if "50,40" not in line)
    (tmp_path / "clean.csv").write_text(clean)
    results = {"a": GOOD + BAD, "b": [{"label": "walk", "score": 0.3, "segment": [5, 15]}]}
    (tmp_path / "found.json").write_text(json.dumps({"results": results}))
    results["a"] = GOOD
    (tmp_path / "good.json").write_text(json.dumps({"results": results}))
    return tmp_path


def test_without_it_the_first_fault_ends_the_run_and_the_cure_is_named(here, files):
    code, _, err = here(files / "found.json", files / "clean.csv")
    assert code == 1
    assert "a[2]: its score is nan, not a number" in err
    assert "or leave out what is wrong (--skip-bad)" in err
    code, _, err = here(files / "good.json", files / "truth.csv")
    assert code == 1
    assert "line 3: a: it ends at 40 s, before it starts at 50 s" in err
    assert "or leave out what is wrong (--skip-bad)" in err


def test_with_it_the_figures_are_those_of_what_is_right_and_the_rest_is_named(here, files):
    code, out, err = here(files / "found.json", files / "truth.csv", "--skip-bad", "--json")
    assert code == 0
    figures = json.loads(out)
    assert figures.pop("left_out") == {
        "annotations": ["line 3: a: it ends at 40 s, before it starts at 50 s"],
        "predictions": [
            "a[2]: its score is nan, not a number",
            "a[3]: it ends at 3 s, before it starts at 9 s",
            "a[4]: it has no label",
        ],
    }
    note = "Left out as wrong (--skip-bad): 1 of the annotations and 3 of the predictions."
    assert figures["notes"].pop(0) == note
    assert "found.json: left out: a[2]: its score is nan, not a number" in err
    assert "truth.csv: left out: line 3: a: it ends at 40 s" in err
    assert figures == json.loads(here(files / "good.json", files / "clean.csv", "--json")[1])
    assert note in here(files / "found.json", files / "truth.csv", "--skip-bad")[1]


def test_rows_of_a_table_are_left_out_as_well(here, files):
    table = "video,start_s,end_s,label,score\na,0,10,walk,0.9\na,1,2,walk,nan\na,22,40,run\n,1,2,run,0.5\n"
    (files / "found.csv").write_text(table)
    code, out, _ = here(files / "found.csv", files / "clean.csv", "--skip-bad", "--json")
    assert code == 0
    left_out = json.loads(out)["left_out"]["predictions"]
    assert sorted(left_out) == [
        "line 3: its score is nan, not a number",
        "line 4: it has 4 cells, the header 5",
        "line 5: the film's id '' is empty",
    ]


def test_labels_that_no_annotation_has_are_left_out_and_counted(here, files):
    results = {"a": [*GOOD, {"label": "jump", "score": 0.5, "segment": [1, 2]}]}
    (files / "jump.json").write_text(json.dumps({"results": results}))
    code, _, err = here(files / "jump.json", files / "clean.csv")
    assert code == 1
    assert "rename these labels, or leave them out (--skip-bad)" in err
    code, out, _ = here(files / "jump.json", files / "clean.csv", "--skip-bad", "--json")
    assert code == 0
    assert "Left out: 1 prediction of labels that no annotation has: jump." in json.loads(out)["notes"]


def test_fps_is_the_rate_of_the_grid_and_no_longer_that_of_annotations(here, tmp_path):
    (tmp_path / "groundTruth").mkdir()
    (tmp_path / "mapping.txt").write_text("0 walk\n1 run\n")
    (tmp_path / "groundTruth" / "a.txt").write_text("walk\n" * 30 + "run\n" * 30)
    code, _, err = here(tmp_path, tmp_path, "--fps", 15)
    assert code == 1
    assert "counts frames (MS-TCN); their seconds are not known; say how many a second with --annotation-fps" in err
    code, out, _ = here(tmp_path, tmp_path, "--fps", 15, "--annotation-fps", "15", "--json")
    assert code == 0
    figures = json.loads(out)
    assert (figures["film_s"], figures["segmentation"]["fps"], figures["segmentation"]["accuracy"]) == (4.0, 15, 1)
    code, out, _ = here(tmp_path, tmp_path, "--annotation-fps", "29.97", "--json")
    assert json.loads(out)["film_s"] == pytest.approx(60 * 1001 / 30000, abs=1e-3)


@pytest.mark.parametrize("rate", ["0", "x", "1/0", "nan", "-3"])
def test_what_is_not_a_rate_is_a_usage_error(here, files, rate):
    code, _, err = here(files / "good.json", files / "clean.csv", "--annotation-fps", rate)
    assert code == 2
    assert "--annotation-fps" in err


def test_a_rate_that_changes_nothing_is_reported(here, files):
    err = here(files / "good.json", files / "clean.csv", "--annotation-fps", 25)[2]
    assert "clean.csv counts no frames: --annotation-fps changes nothing of it" in err


def test_json_has_what_was_odd_in_the_annotations(here, tmp_path):
    pairs = [[0, 10], [5, 12], [40, 30]]
    film = {"duration": 100, "annotations": [{"label": "walk", "segment": pair} for pair in pairs]}
    (tmp_path / "anet.json").write_text(json.dumps({"database": {"v_a": film}}))
    (tmp_path / "found.json").write_text(json.dumps({"results": {"a": GOOD[:1]}}))
    code, out, err = here(tmp_path / "found.json", tmp_path / "anet.json", "--json")
    figures = json.loads(out)
    told = (
        "of 3 segments 1 overlaps another of its label, 1 ends before it starts: all count as they are written, as in "
        "ActivityNet's own evaluation"
    )
    assert (code, figures["warnings"], figures["num_true"]) == (0, [told], 3)
    assert told in err
    assert figures["detection"]["classes"]["walk"]["ap"] == pytest.approx([1 / 3] * 5, abs=1e-6)


def test_a_truth_that_only_convert_reads_names_the_command_and_its_result_is_scored(here, files, monkeypatch):
    (files / "a.srt").write_text("1\n00:00:00,000 --> 00:00:10,000\nwalk\n")
    (files / "one.json").write_text(json.dumps({"results": {"a": GOOD[:1]}}))
    code, _, err = here(files / "one.json", files / "a.srt")
    fact, consequence, cure = err.strip().removeprefix("vtn-stream: ").split("; ", 2)
    assert (code, consequence) == (1, "nothing was scored")
    assert fact == "a.srt is SubRip, which is not read as annotations"
    text, command = cure.split(": ")
    assert text == "convert it, and score against the result"
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    code, out, _ = here(files / "one.json", shlex.split(command)[3])
    assert (code, out.splitlines()[1]) == (0, "1 film, 0:00:10.0, 1 label; 1 annotated segment, 1 predicted")
