"""-q, before the command or behind it: only warnings and errors are printed, and the exit code is the same."""

import json
from dataclasses import replace

import pytest
from console_script import bad, filled  # noqa: F401  (fixtures)

from vtn_stream.formats import timeline_json
from vtn_stream.timeline import Gap
from vtn_stream_cli import console
from vtn_stream_cli.main import COMMANDS, vtn_stream

pytestmark = pytest.mark.usefixtures("warm_decoders")


@pytest.fixture
def timeline(analyzed, tmp_path):
    file = tmp_path / "a.timeline.json"
    file.write_bytes(timeline_json.dumps(analyzed.analysis.timeline))
    return file


@pytest.fixture(params=["before", "behind"])
def quiet(here, request):
    def call(command, *rest):
        return here(*(("-q", command) if request.param == "before" else (command, "-q")), *rest)

    return call


def test_an_analysis_says_nothing_where_nothing_is_wrong(quiet, here, analyzed, filled, tmp_path, tiny, tiny_weights):
    network = ("--backbone", tiny, "--weights", tiny_weights, "--device", "cpu")
    options = (analyzed.film, "-o", tmp_path, "--store", filled, "--fps", "1", *network)
    assert quiet("analyze", *options) == (0, "", "")
    assert (tmp_path / "film.mp4.timeline.json").is_file()
    lines = quiet("analyze", "--json-log", *options)[1].splitlines()
    assert json.loads(lines[-1])["event"] == "done"
    assert "estimate" in quiet("analyze", "--dry-run", *options)[1]
    assert "wrote" in here("analyze", *options)[1]  # it is for one command only


def test_other_commands_say_nothing_either(quiet, here, timeline, tmp_path):
    assert quiet("export", timeline, "-f", "csv") == (0, "", "")
    assert quiet("convert", timeline, tmp_path / "b.json") == (0, "", "")
    assert quiet("plot", timeline, "-o", tmp_path / "a.svg") == (0, "", "")
    assert quiet("report", "--no-thumbnails", tmp_path)[:2] == (0, "")
    assert {path.name for path in tmp_path.iterdir()} >= {"a.timeline.csv", "b.json", "a.svg", "index.html"}


def test_errors_and_warnings_stay(quiet, here, bad, timeline, tmp_path):
    assert quiet("analyze", bad / "text.mp4", bad / "empty.mp4")[0] == 1
    loud, soft = (
        here("analyze", bad / "text.mp4", bad / "empty.mp4"),
        quiet("analyze", bad / "text.mp4", bad / "empty.mp4"),
    )
    assert (soft[0], soft[1], soft[2]) == (loud[0], "", loud[2])
    code, out, err = quiet("convert", timeline, tmp_path / "b.csv")
    assert (code, out) == (0, "")
    assert "CSV does not hold the film's length" in err


def test_gaps_are_warnings(analyzed, capsys):
    timeline = replace(analyzed.analysis.timeline, gaps=(Gap(start_s=1, end_s=2, reason="lost"),))
    console.tell_gaps(timeline, console.err, "film.mp4: ")
    assert capsys.readouterr() == ("", "film.mp4: gap 0:00:01.0 to 0:00:02.0: lost\n")


def test_results_that_were_asked_for_are_shown(here, analyzed):
    assert here("-q", "probe", analyzed.film)[1] == here("probe", analyzed.film)[1] != ""


def test_analyse_is_understood_and_listed_once(here):
    assert here("analyse", "-h")[1].splitlines()[1:] == here("analyze", "-h")[1].splitlines()[1:]
    assert "analyse" not in COMMANDS
    assert "analyse" not in vtn_stream.list_commands(None)


@pytest.mark.parametrize(("wrong", "meant"), [("evalute", "evaluate"), ("Batch", "batch"), ("exprot", "export")])
def test_the_nearest_command_is_named(here, wrong, meant):
    code, _, err = here(wrong)
    assert code == 2
    assert err.endswith(f"No such command {wrong!r}. Did you mean {meant!r}?\n")
    assert "Did you mean" not in here("xyz")[2]
