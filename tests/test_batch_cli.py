"""vtn-stream batch, as people call it. Most tests have a batch that only tells; the last ones are true ones."""

import json
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from vtn_stream.errors import ClusterError
from vtn_stream.results import ResultOptions, load_timeline
from vtn_stream.settings import Settings
from vtn_stream_cli import batch as command
from vtn_stream_cli import console, dashboard
from vtn_stream_cli.main import main
from vtn_stream_cli.times import about
from vtn_stream_pipelines import batch as library
from vtn_stream_pipelines.connection import Cluster
from vtn_stream_pipelines.listing import list_films
from vtn_stream_pipelines.messages import (
    ChunkLost,
    ChunksDone,
    FilmDone,
    FilmFailed,
    FilmSurveyed,
    Outcome,
    Receipt,
    Survey,
)
from vtn_stream_pipelines.tally import Tally
from vtn_stream_pipelines.work import Failure, NoRoom, WorkerCounts, WorkerLost, WorkerStarted

STRANGE = "[bold red]cut \x1b[31mred\nline two \u202e🎬.mp4"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "own cache"))


@pytest.fixture
def here(capsys, monkeypatch, tmp_path):
    """here(*arguments) -> (exit code, stdout, stderr), in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["vtn-stream", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return (end.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def films(here, tmp_path):
    """films/0.mp4 and so on, the largest first."""
    folder = tmp_path / "here" / "films"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.mp4").write_bytes(b"x" * (100 - number))
    return folder


def counts(num_ready, num_lost=0):
    return WorkerCounts(num_ready=num_ready, num_started=num_ready, num_lost=num_lost, num_replaced=num_lost)


def surveyed(film, num_missing=2):
    survey = Survey(
        identity=film.name, duration_s=120.0, num_chunks=2, missing=tuple(range(num_missing)), finished=False
    )
    return FilmSurveyed(film=film, survey=survey)


def events_of(film):
    """As a film that is done in two chunks, one of which is lost."""
    receipts = (
        Receipt(number=0, source="film", num_frames=120, warnings=("odd",)),
        Receipt(number=1, source="lost", num_frames=0, warnings=()),
    )
    yield surveyed(film)
    yield ChunksDone(film=film, receipts=receipts, worker=0, seconds=3.0)
    yield ChunkLost(film=film, number=1, reason="decoding died on it twice")
    yield FilmDone(film=film, outcome=Outcome(num_segments=5, num_gaps=1), skipped=False)


def failed(film, reason="it is no film"):
    return FilmFailed(film=film, reason=reason, stage="survey", chunks=(), attempts=1)


@pytest.fixture
def faked(monkeypatch):
    """What the command asked of a batch that tells `faked.events(films)` and does nothing."""
    asked = SimpleNamespace(address=None, films=None, arguments=None, open=0, indexed=None)
    asked.events = lambda films: [event for film in films for event in events_of(film)]

    @contextmanager
    def connected(address):
        asked.address, asked.open = address, 1
        try:
            yield Cluster(num_nodes=1, num_cpus=2, num_gpus=0, is_private=True)
        finally:
            asked.open = 0

    def batch(films, *, on_event, **arguments):
        assert asked.open
        asked.films, asked.arguments = [film.name for film in films.films], arguments
        on_event(WorkerStarted(counts=counts(1), worker=0))
        for event in asked.events(films.films):
            on_event(event)
        return library.Summary(
            counts=None,
            seconds_by_stage={"survey": 1.0, "embed": 30.0, "predict": 2.0},
            num_workers=1,
            execution={"device": "cpu"},
            num_duplicates=0,
        )

    def write_index(folder, **_):
        asked.indexed = folder
        return SimpleNamespace(path=folder / "index.html", num_films=4)

    monkeypatch.setattr(command, "connected", connected)
    monkeypatch.setattr(command, "write_index", write_index)
    monkeypatch.setattr(library, "batch", batch)
    return asked


def test_a_store_that_not_all_nodes_see_is_told_before_anything_is_done(here, films, faked, monkeypatch, tmp_path):
    def unseen(store, option="--store"):
        raise ClusterError(f"node 2 of 2 does not see {option}", "nothing was started", "share it")

    @contextmanager
    def two_nodes(address):
        faked.open = 1
        yield Cluster(num_nodes=2, num_cpus=2, num_gpus=0, is_private=False)

    monkeypatch.setattr(command, "connected", two_nodes)
    monkeypatch.setattr(command, "check_store", unseen)
    code, _, err = here("batch", films, "-o", tmp_path / "out", "--address", "auto", "--store", tmp_path / "store")
    assert (code, faked.films) == (1, None)
    assert "node 2 of 2 does not see --store" in err


def rows(out):
    """The summary as a dictionary."""
    return dict(re.findall(r"^ *(\S.*?)  +(\S.*?) *$", out, re.MULTILINE))


# ---- what is asked


def test_help_and_wrong_words_import_neither_torch_nor_ray():
    for words, code in ((["batch", "--help"], 0), (["cluster", "--help"], 0), (["batch", "x", "-o", "y"], 1)):
        script = f"import sys\nsys.argv = {['vtn-stream', *words]}\nfrom vtn_stream_cli.main import main\n"
        script += f"try:\n    main()\nexcept SystemExit as end:\n    assert end.code == {code}\n"
        script += "print({'torch', 'ray'} & set(sys.modules))"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    "arguments",
    [
        ["-o", "out"],
        ["films"],
        ["films", "-o", "out", "--limit", "0"],
        ["films", "-o", "out", "--workers", "0"],
        ["films", "-o", "films/0.mp4"],
    ],
)
def test_wrong_usage_is_2(here, films, arguments):
    code, out, err = here("batch", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("Usage: vtn-stream batch")


@pytest.mark.parametrize("source", ["missing", "films/*.mkv"])
def test_sources_without_a_film_are_one_line(here, films, faked, source):
    code, out, err = here("batch", source, "-o", "out")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert err.startswith("vtn-stream: there is no ")
    assert faked.address is None


def test_what_was_asked_for_reaches_the_batch(here, films, faked, tmp_path):
    options = "--address ray://head:10001 -m mine -f csv --fps 4 --backbone b --device cpu --exact --overwrite"
    code, _, _ = here("batch", "films", "-o", tmp_path / "out", *options.split(), "--workers", "3")
    assert code == 0
    assert faked.address == "ray://head:10001"
    assert faked.films == [f"films/{number}.mp4" for number in range(4)]
    assert faked.arguments.pop("cluster").is_private
    assert faked.arguments == {
        "settings": Settings(model="mine", fps="4", backbone="b", device="cpu", exact=True),
        "results": ResultOptions(output=tmp_path / "out", formats=("csv",), overwrite=True),
        "num_workers": 3,
    }
    assert faked.indexed is None  # without pages there is nothing that it could lead to
    assert here("batch", "films", "-o", tmp_path / "out")[0] == 0
    assert (faked.address, faked.arguments["results"].formats, faked.arguments["num_workers"]) == (
        "local",
        ("json", "csv", "html"),
        None,
    )
    assert faked.indexed == tmp_path / "out"


def test_a_limit_takes_the_largest_films(here, films, faked):
    assert here("batch", "films", "-o", "out", "--limit", "2")[0] == 0
    assert faked.films == ["films/0.mp4", "films/1.mp4"]
    assert here("batch", "films", "-o", "out", "--limit", "9")[0] == 0
    assert len(faked.films) == 4


def test_retry_failed_takes_the_films_on_record(here, films, faked):
    faked.events = lambda films: [failed(films[1]), *events_of(films[3])]
    assert here("batch", "films", "-o", "out")[0] == 1
    faked.events = lambda films: [FilmDone(film=film, outcome=None, skipped=True) for film in films]
    assert here("batch", "films", "-o", "out", "--retry-failed", "--limit", "1")[0] == 0
    assert faked.films == ["films/1.mp4"]
    assert here("batch", "films", "-o", "out", "--retry-failed")[0] == 0
    assert faked.films == ["films/3.mp4"]
    faked.films = None
    code, out, err = here("batch", "films", "-o", "out", "--retry-failed")
    assert (code, out, err) == (0, "", "none of these films has failed\n")
    assert faked.films is None


def test_films_that_are_chosen_keep_their_names_and_results(here, tmp_path, monkeypatch):
    """Where two films would have the same results, the listing decides which gets a digest: a part of it must not."""
    for folder in ("a/films", "b/films"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x.mp4").write_bytes(folder.encode())
    whole = list_films([tmp_path / "a" / "films", tmp_path / "b" / "films"]).films
    assert whole[0].results != whole[1].results
    for number in (0, 1):
        (film,) = whole.only([number])
        assert (film.path, film.name, film.results) == (
            whole[number].path,
            whole[number].name,
            whole[number].results,
        )
        assert film.number == 0
    assert list(whole.only([1, 0])) == list(whole)
    assert whole.only([1]).num_bytes == whole[1].num_bytes


def test_a_dry_run_shows_the_work_and_does_none(here, films, faked, monkeypatch):
    asked = {}

    def plan(films, **arguments):
        asked.update(arguments, num=len(films))
        return library.BatchPlan(
            num_films=4,
            num_finished=1,
            num_failed=0,
            num_chunks=180,
            num_stored=60,
            num_missing=7200,
            estimate_s=7800.0,
        )

    monkeypatch.setattr(library, "plan", plan)
    code, out, err = here("batch", "films", "-o", "out", "--dry-run")
    assert (code, err) == (0, "")
    assert re.search(r"films +4, 1 of them with results", out)
    assert re.search(r"chunks +180, 60 of them in the store", out)
    assert re.search(r"positions +7200 to embed", out)
    assert re.search(r"estimate +about 2 h 10 min", out)
    assert asked["num"] == 4
    assert faked.films is None
    assert not (films.parent / "out").exists()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "less than a minute"),
        (95, "about 2 min"),
        (3600, "about 1 h 0 min"),
        (86000, "about 23 h 53 min"),
        (200000, "about 2 d 7 h"),
    ],
)
def test_an_estimate_is_told_no_finer_than_it_is(seconds, text):
    assert about(seconds) == text


# ---- what is told


def test_all_done_is_0_and_the_summary_says_what(here, films, faked):
    faked.events = lambda films: [
        *events_of(films[0]),
        *(FilmDone(film=film, outcome=None, skipped=True) for film in films[1:]),
    ]
    code, out, err = here("batch", "films", "-o", "out")
    assert code == 0
    told = rows(out)
    assert (told["films done"], told["with gaps"], told["films skipped"], told["films failed"]) == ("1", "1", "3", "0")
    assert (told["chunks embedded"], told["frames"], told["workers"]) == ("1", "120", "1")
    assert (told["surveying"], told["embedding"], told["predicting"]) == ("1.0 s", "30.0 s", "2.0 s")
    assert "frames/s" in told
    assert "films left" not in told
    assert err == "chunk 1 of films/0.mp4 is a gap: decoding died on it twice\n"
    assert "films/0.mp4 has a gap: its timeline says where and why\n" in out
    assert "out/failures.jsonl" in out
    assert json.loads((films.parent / "out" / "run.json").read_text())["films"]["done"] == 1


def test_a_failed_film_is_1_a_line_and_a_place_in_the_summary(here, films, faked):
    for number in range(4, 14):
        (films / f"{number}.mp4").write_bytes(b"x" * (100 - number))
    faked.events = lambda films: map(failed, films)
    code, out, err = here("batch", "films", "-o", "out")
    assert code == 1
    assert len(err.splitlines()) == 14
    assert err.startswith("films/0.mp4 failed: it is no film\n")
    assert rows(out)["films failed"] == "14"
    assert len(re.findall(r"^films/\d+\.mp4: it is no film$", out, re.MULTILINE)) == 10
    assert "... and 4 more failed" in out
    assert len((films.parent / "out" / "failures.jsonl").read_text().splitlines()) == 14


def test_what_cannot_be_listed_is_told_and_is_1(here, films, faked):
    (films / "list.txt").write_text("0.mp4\n..\n")
    (films / "notes.doc").touch()
    code, _, err = here("batch", "films", "films/list.txt", "-o", "out")
    assert code == 1
    assert "vtn-stream: line 2 of list.txt names no film; " in err
    assert "passed over, as their names are not those of films: films/list.txt, films/notes.doc\n" in err
    assert len(faked.films) == 4


@pytest.mark.parametrize("terminal", [False, True])
def test_a_strange_name_is_shown_and_not_obeyed(here, films, faked, monkeypatch, terminal):
    for screen in (console.out, console.err):
        monkeypatch.setattr(screen, "_force_terminal", terminal)
    (films / STRANGE).write_bytes(b"x" * 1000)
    (films / f"no film {STRANGE}.doc").touch()
    faked.events = lambda films: [
        failed(films[0], f"{STRANGE} is no film"),
        ChunkLost(film=films[0], number=1, reason=STRANGE),
        library.WorkerRefused(worker=1, reason=STRANGE),
    ]
    for options in ([], ["--json-log"]):
        code, out, err = here("batch", "films", "-o", "out", *options)
        assert code == 1
        for text in (out, err):
            assert "\x1b[31mred" not in text
            assert "\u202e" not in text
            assert not re.search("^line two", text, re.MULTILINE)
    assert r"[bold red]cut \x1b[31mred\nline two \u202e" in re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", err)
    assert "\x1b" not in (films.parent / "out" / "failures.jsonl").read_text()


def test_what_happens_to_workers_is_told(here, films, faked):
    lost = Failure(kind="node lost", reason="its node left the cluster")
    faked.events = lambda films: [
        WorkerLost(counts=counts(0, num_lost=1), worker=0, failure=lost),
        NoRoom(counts=counts(0)),
        NoRoom(counts=counts(3)),
        library.WorkerRefused(worker=4, reason="it computes otherwise"),
    ]
    _, out, err = here("batch", "films", "-o", "out")
    assert err.splitlines() == [
        "worker 0 was lost: its node left the cluster",
        "the cluster has no room for a worker now; the batch waits",
        "worker 4 gets no work: it computes otherwise",
    ]
    assert rows(out)["films left"] == "4"


def test_json_lines_say_what_becomes_of_every_film(here, films, faked):
    faked.events = lambda films: [
        library.ExecutionResolved(execution={"device": "cpu"}),
        *events_of(films[0]),
        failed(films[1]),
        FilmDone(film=films[2], outcome=None, skipped=True),
    ]
    code, out, _ = here("batch", "films", "-o", "out", "--json-log")
    assert code == 1
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["event"] for line in lines] == [
        "worker_started",
        "execution",
        "film_surveyed",
        "chunk",
        "chunk_lost",
        "film_done",
        "film_failed",
        "film_done",
        "summary",
    ]
    film = {"film": "films/0.mp4", "results": "films/0.mp4"}
    assert lines[2] == {"event": "film_surveyed", **film, "duration_s": 120.0, "chunks": 2, "missing": 2}
    chunk = {"number": 0, "source": "film", "frames": 120, "worker": 0, "warnings": ["odd"]}
    assert lines[3] == {"event": "chunk", **film, **chunk}
    assert lines[5] == {"event": "film_done", **film, "skipped": False, "segments": 5, "gaps": 1}
    on_record = (films.parent / "out" / "failures.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in on_record] == [lines[4], lines[6]]
    summary = lines[-1]
    assert (summary["complete"], summary["done"], summary["skipped"], summary["failed"]) == (True, 1, 1, 1)
    assert summary["worker_s"] == {"survey": 1.0, "embed": 30.0, "predict": 2.0}
    assert str(films.parent) not in out


def test_a_line_now_and_then_says_how_far_it_is(capsys):
    now = 0.0
    tally = Tally(4, 400, clock=lambda: now)
    with dashboard.Dashboard(tally, clock=lambda: now) as board:
        film = SimpleNamespace(name="a.mp4", number=0, num_bytes=100)
        for event in (WorkerStarted(counts=counts(2), worker=0), surveyed(film, 10)):
            tally.hear(event)
            board.hear(event)
        receipts = (Receipt(number=0, source="film", num_frames=600, warnings=()),) * 5
        for now in (30.0, 61.0, 70.0):
            event = ChunksDone(film=film, receipts=receipts[: 4 if now == 61 else 1], worker=0, seconds=20.0)
            tally.hear(event)
            board.hear(event)
    assert capsys.readouterr().err == (
        "films 0 done, 0 skipped, 0 failed of 4; chunks 5 embedded, about 35 left; "
        "workers 2, embedding 33% of the time; frames/s 49; time left about 7 min\n"
    )


def test_the_board_shows_the_same_and_the_last_news(monkeypatch):
    from rich.console import Console

    tally = Tally(4, 400)
    board = dashboard.Dashboard(tally)
    board._live = SimpleNamespace()
    film = SimpleNamespace(name="a.mp4", number=0, num_bytes=100)
    for number in range(9):
        board.hear(ChunkLost(film=film, number=number, reason="why " * 100))
    screen = Console(width=100)
    with screen.capture() as capture:
        screen.print(board)
    lines = capture.get().splitlines()
    assert re.search(r"films +0 done, 0 skipped, 0 failed of 4", lines[1])
    assert re.search(r"time left +not known", lines[4])
    assert [re.sub(r"^chunk (\d) .*", r"\1", line) for line in lines[5:]] == ["5", "6", "7", "8"]


# ---- how it ends


def test_ctrl_c_is_130_and_what_was_done_is_told(here, films, faked):
    def interrupted(films):
        yield from events_of(films[0])
        yield failed(films[1])
        raise KeyboardInterrupt

    faked.events = interrupted
    code, out, err = here("batch", "films", "-o", "out")
    assert code == 130
    assert err.splitlines()[-1] == "vtn-stream: interrupted; what was stored is kept, run again to go on"
    assert (rows(out)["films done"], rows(out)["films left"]) == ("1", "2")
    assert json.loads((films.parent / "out" / "run.json").read_text())["state"] == "interrupted"
    assert len((films.parent / "out" / "failures.jsonl").read_text().splitlines()) == 2
    assert not faked.open


def test_an_interrupt_that_is_swallowed_is_not_lost(here, films, faked):
    def swallowing(films):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            yield failed(films[0])
        raise AssertionError("it went on")

    faked.events = swallowing
    code, _, err = here("batch", "films", "-o", "out")
    assert (code, "interrupted" in err) == (130, True)


def test_a_cluster_that_fails_is_one_line(here, films, faked):
    def broken(films):
        raise ClusterError("there is no room", "nothing was done", "add a node")
        yield

    faked.events = broken
    code, out, err = here("batch", "films", "-o", "out")
    assert (code, out, err) == (1, "", "vtn-stream: there is no room; nothing was done; add a node\n")
    assert json.loads((films.parent / "out" / "run.json").read_text())["state"] == "broken off"


def test_an_output_that_cannot_be_written_is_told_before_any_work(here, films, faked):
    code, _, err = here("batch", "films", "-o", "/proc/nowhere")
    assert (code, faked.films) == (1, None)
    assert "nothing can be written to nowhere" in err


# ---- true ones, on a private cluster


def run(*arguments):
    """The installed script in a process of its own."""
    pytest.importorskip("ray")
    script = Path(sys.executable).with_name("vtn-stream")
    return subprocess.run([script, *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.fixture
def tiny_options(tiny, tiny_weights, tmp_path):
    options = ["--backbone", tiny, "--weights", tiny_weights, "--device", "cpu", "--fps", "1"]
    return [*options, "--store", tmp_path / "store"]


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


def test_an_analysis_may_embed_on_a_cluster(film, tiny_options, tmp_path):
    done = run("analyze", film, "-o", tmp_path / "out", "--json-log", "--ray", "local", *tiny_options)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["source"] for line in lines if line["event"] == "chunk"] == ["store"] * 3
    assert load_timeline(tmp_path / "out" / "film.timeline.json").complete


def test_without_ray_one_line_says_what_to_install(here, films, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    for arguments in (["batch", "films"], ["analyze", "films/0.mp4", "--ray", "auto"]):
        code, out, err = here(*arguments, "-o", "out")
        assert (code, out, len(err.splitlines())) == (1, "", 1)
        assert "pip install 'ray>=2.52'" in err
