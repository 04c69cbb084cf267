"""analyze and batch with --anonymous: nothing that is written or shown tells which films they are."""

import getpass
import json
import shutil
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
from console_script import filled  # noqa: F401  (a fixture)
from leaking import leaks

from vtn_stream.formats import timeline_json
from vtn_stream.name_table import Names
from vtn_stream.results import load_timeline
from vtn_stream.segments import Reviewed
from vtn_stream_cli import batch as command
from vtn_stream_pipelines import batch as library
from vtn_stream_pipelines.actor import Host, task_failure
from vtn_stream_pipelines.connection import Cluster
from vtn_stream_pipelines.work import WorkerCounts, WorkerStarted

pytestmark = pytest.mark.usefixtures("warm_decoders")

FILM = "Smith_1961.mp4"
WORDS = ("smith_1961", "ward-7", "jones", getpass.getuser() if getpass.getuser() != "root" else "/root")


class OneWorkerPool:
    """A pool of one worker in this process, so that a batch needs no Ray."""

    def __init__(self, spec, *, on_event):
        self._worker, self._on_event = Host(), on_event
        assert not self._worker.build(spec.factory, dict(spec.arguments)).reason

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._worker._instance._analyzer._process.close()

    def bench(self, number):
        raise AssertionError("the only worker is fit")

    def run(self, source):
        counts = WorkerCounts(num_ready=1, num_started=1, num_lost=0, num_replaced=0)
        self._on_event(WorkerStarted(counts=counts, worker=0))
        until = time.monotonic() + 60
        while not source.finished():
            assert time.monotonic() < until
            if (task := source.next(0)) is None:
                continue
            answer = self._worker.call(task.method, task.args)
            if answer.reason:
                source.failed(task, task_failure(answer), 0)
            else:
                source.done(task, answer.result, 0, answer.seconds)


@pytest.fixture
def table(monkeypatch, tmp_path):
    monkeypatch.setenv("VTN_STREAM_NAMES", str(tmp_path / "table" / "names.csv"))
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "own store"))
    return tmp_path / "table" / "names.csv"


@pytest.fixture
def films(analyzed, tmp_path):
    """Ward-7/Smith_1961.mp4, which is stored, and Jones.mp4, which is no film."""
    folder = tmp_path / "Ward-7"
    folder.mkdir()
    shutil.copyfile(analyzed.film, folder / FILM)
    (folder / "Jones.mp4").write_text("this is not a film\n" * 100)
    return folder


@pytest.fixture
def options(filled, tiny, tiny_weights):
    formats = [part for name in ("csv", "html", "parquet", "elan") for part in ("-f", name)]  # export is tried with all
    settings = ["--backbone", tiny, "--weights", tiny_weights, "--device", "cpu", "--fps", "1", "--store", filled]
    return [*formats, *settings, "--anonymous"]


@pytest.fixture
def batch(here, options, monkeypatch):
    @contextmanager
    def connected(address):
        yield Cluster(num_nodes=1, num_cpus=1, num_gpus=0, is_private=True)

    monkeypatch.setattr(command, "connected", connected)
    monkeypatch.setattr(library, "Pool", OneWorkerPool)
    return lambda *arguments: here("batch", *options, *arguments)


def tells(text):
    return [word for word in WORDS if word in text.lower()]


def the_name(table):
    (name,) = Names(table).by_identity().values()
    return name


def test_analyze_tells_nothing(here, films, options, table, tmp_path):
    out = tmp_path / "out"
    code, told, err = here("analyze", films / FILM, films / "Jones.mp4", films / "none.mp4", "-o", out, *options)
    assert code == 1
    assert tells(told + err.replace("none.mp4", "")) == []
    assert "none.mp4" not in err
    assert leaks(out, WORDS) == []
    name = the_name(table)
    assert {file.name.partition(".")[0] for file in out.iterdir()} == {name}
    assert told.startswith(f"\n{name}\n")
    assert load_timeline(out / f"{name}.timeline.json").video_path == name
    assert b"data:image/jpeg" not in (out / f"{name}.timeline.html").read_bytes()
    bad = Names(table).at(films / "Jones.mp4")
    assert f"vtn-stream: {bad} cannot be read as a film" in err
    assert FILM in table.read_text()


@pytest.mark.release
def test_analyze_finds_the_film_again_when_it_is_called_otherwise(here, films, options, table, tmp_path):
    out = tmp_path / "out"
    assert here("analyze", films / FILM, "-o", out, *options)[0] == 0
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    (films / FILM).rename(films / "other.mp4")
    code, told, err = here("analyze", films / "other.mp4", "-o", out, "--json-log", *options)
    assert (code, tells(err)) == (0, [])
    assert {json.loads(line)["film"] for line in told.splitlines()} == {the_name(table)}
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    assert (films / "other.mp4").as_posix() in table.read_text()


@pytest.mark.release
def test_what_a_person_says_in_a_page_keeps_the_random_name(here, films, options, table, tmp_path):
    out = tmp_path / "out"
    here("analyze", films / FILM, "-o", out, *options)
    file = out / f"{the_name(table)}.timeline.json"
    document = timeline_json.read_document(file.read_bytes())
    said = replace(document.timeline, reviewed=(Reviewed(start_s=0, end_s=20),))
    file.write_bytes(timeline_json.dumps(said, document.files))
    assert here("analyze", films / FILM, "-o", out, *options)[0] == 0
    assert load_timeline(file).reviewed
    assert leaks(out, WORDS) == []


@pytest.mark.release
def test_named_results_beside_are_told(here, films, options, table, tmp_path):
    out = tmp_path / "out"
    named = [option for option in options if option != "--anonymous"]
    assert here("analyze", films / FILM, "-o", out, *named)[0] == 0
    code, _, err = here("analyze", films / FILM, "-o", out, *options)
    assert code == 0
    assert "results with the film's own name lie in the same folder" in err
    assert tells(err) == []


def test_a_batch_tells_nothing_and_goes_on_where_it_stopped(batch, films, table, tmp_path):
    out = tmp_path / "out"
    (films / "notes of Jones.txt").touch()
    code, told, err = batch(films, "-o", out)
    assert code == 1
    assert tells(told + err) == []
    name, bad = the_name(table), Names(table).at(films / "Jones.mp4")
    assert leaks(out, WORDS) == []
    assert {file.name.partition(".")[0] for file in out.iterdir()} == {name, "index", "run", "failures"}
    (line,) = (out / "failures.jsonl").read_text().splitlines()
    assert (json.loads(line)["film"], json.loads(line)["results"]) == (bad, bad)
    assert json.loads((out / "run.json").read_text())["settings"]["anonymous"] is True

    before, rows = {file.name: file.read_bytes() for file in out.iterdir()}, table.read_text()
    shutil.move(films / FILM, films / "moved.mp4")
    code, told, err = batch(films, "-o", out, "--json-log")
    events = [json.loads(line) for line in told.splitlines()]
    (done,) = [event for event in events if event["event"] == "film_done"]
    assert (done["film"], done["skipped"]) == (name, True)
    after = {file.name: file.read_bytes() for file in out.iterdir()}
    assert {file for file in before if before[file] != after[file]} == {"run.json"}
    assert len(table.read_text().splitlines()) == len(rows.splitlines())


@pytest.mark.release
def test_a_film_that_is_twice_in_a_batch_has_one_name(batch, films, table, tmp_path):
    shutil.copyfile(films / FILM, films / "twin_of_it.mp4")
    shutil.copyfile(films / FILM, films / "Jones.mp4")
    code, told, err = batch(films, "-o", tmp_path / "out", "-q")
    assert (code, told, err) == (0, "", "")
    assert len(list((tmp_path / "out").glob("*.timeline.json"))) == 1
    assert leaks(tmp_path / "out", ("twin_of_it", *WORDS)) == []


@pytest.mark.release
def test_failed_films_are_tried_again_by_where_they_are(batch, films, analyzed, table, tmp_path):
    out = tmp_path / "out"
    batch(films, "-o", out)
    bad = Names(table).at(films / "Jones.mp4")
    shutil.copyfile(analyzed.film, films / "Jones.mp4")
    (films / FILM).unlink()
    code, told, _ = batch(films, "-o", out, "--retry-failed", "--json-log")
    assert code == 0
    events = [json.loads(line) for line in told.splitlines()]
    assert [event["film"] for event in events if event["event"] == "film_done"] == [the_name(table)]
    assert bad != the_name(table)


def test_another_film_at_the_place_of_one_gets_its_own_name(batch, films, slides, table, tmp_path):
    out = tmp_path / "out"
    batch(films, "-o", out)
    first = the_name(table)
    shutil.copyfile(slides, films / FILM)
    assert tells(batch(films, "-o", out)[2]) == []
    names = Names(table).by_identity()
    assert len(names) == len(set(names.values())) == 2
    assert {file.name.partition(".")[0] for file in out.glob("*.json")} == {*names.values(), "run"}
    assert first in names.values()


def test_a_batch_does_not_mix_with_named_results(batch, here, options, films, table, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / f"{FILM}.timeline.csv").touch()
    code, _, err = batch(films, "-o", out)
    assert code == 1
    assert "results of 1 film in out have the film's own name" in err
    assert tells(err) == []
    assert [file.name for file in out.iterdir()] == [f"{FILM}.timeline.csv"]


def test_sources_that_cannot_be_read_are_counted(batch, films, table, tmp_path):
    code, _, err = batch(films, films / "none-of-Jones", "-o", tmp_path / "out")
    assert code == 1
    assert "1 place in SOURCES cannot be read, or has no films" in err
    assert tells(err) == []
    code, _, err = batch(films / "none-of-Jones", "-o", tmp_path / "out")
    assert code == 1
    assert tells(err) == []
