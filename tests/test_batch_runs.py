"""vtn-stream batch and analyze with workers of Ray: true runs on a private cluster."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from told_batch import films, here, rows  # noqa: F401  (fixtures among them)

from vtn_stream.results import load_timeline


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "own cache"))


def run(*arguments):
    """The installed script in a process of its own."""
    pytest.importorskip("ray")
    script = Path(sys.executable).with_name("vtn-stream")
    return subprocess.run([script, *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.fixture
def tiny_options(tiny, tiny_weights, tmp_path):
    options = ["--backbone", tiny, "--weights", tiny_weights, "--device", "cpu", "--fps", "1"]
    return [*options, "--store", tmp_path / "store"]


@pytest.mark.release
def test_a_batch_does_what_it_can_and_retries_what_failed(film_maker, tiny_options, tmp_path):
    folder, out = tmp_path / "films", tmp_path / "out"
    (folder / "deep").mkdir(parents=True)
    film_maker(folder / "a.mp4", [(40, 0), (40, 1)])
    film_maker(folder / "deep" / "b.mp4", [(20, 2)])
    (folder / "bad.mp4").write_text("this is no film\n" * 100)
    done = run("batch", folder, "-o", out, "--workers", "1", *tiny_options)
    assert done.returncode == 1
    told = rows(done.stdout)
    assert (told["films done"], told["films failed"], told["chunks embedded"], told["frames"]) == ("2", "1", "3", "100")
    assert done.stderr.startswith("films/bad.mp4 failed: bad.mp4 cannot be read as a film")
    for name, duration_s in (("a", 80), ("deep/b", 20)):
        timeline = load_timeline(out / "films" / f"{name}.mp4.timeline.json")
        assert timeline.complete
        assert timeline.duration_s == pytest.approx(duration_s)
    report = json.loads((out / "run.json").read_text())
    assert (report["state"], report["films"]["failed"], report["execution"]["device"]) == ("finished", 1, "cpu")
    assert set(report["worker_s"]) == {"load", "survey", "embed", "predict"}
    for file in ("run.json", "failures.jsonl"):
        assert str(tmp_path) not in (out / file).read_text()

    film_maker(folder / "bad.mp4", [(20, 3)])
    again = run("batch", folder, "-o", out, "--retry-failed", "--json-log", "--workers", "1", *tiny_options)
    assert (again.returncode, again.stderr) == (0, "")
    lines = [json.loads(line) for line in again.stdout.splitlines()]
    assert [line["film"] for line in lines if line["event"] == "film_done"] == ["films/bad.mp4"]
    assert (out / "failures.jsonl").read_text() == ""


@pytest.mark.release
def test_an_analysis_may_embed_on_a_cluster(film, tiny_options, tmp_path):
    done = run("analyze", film, "-o", tmp_path / "out", "--json-log", "--ray", "local", *tiny_options)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["source"] for line in lines if line["event"] == "chunk"] == ["store"] * 3
    assert load_timeline(tmp_path / "out" / "film.mp4.timeline.json").complete


def test_without_ray_one_line_says_what_to_install(here, films, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    for arguments in (["batch", "films"], ["analyze", "films/0.mp4", "--ray", "auto"]):
        code, out, err = here(*arguments, "-o", "out")
        assert (code, len(err.splitlines())) == (1, 1)
        assert "Traceback" not in out
        assert "pip install 'ray>=2.52'" in err
