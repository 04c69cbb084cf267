"""What vtn-stream batch tells while a batch goes on and at its end: lines, JSON, the board."""

import io
import json
import re
from types import SimpleNamespace

import pytest
from rich.console import Console
from told_batch import (  # noqa: F401  (fixtures among them)
    counts,
    events_of,
    failed,
    faked,
    films,
    here,
    rows,
    surveyed,
)

from vtn_stream_cli import console, dashboard
from vtn_stream_pipelines import batch as library
from vtn_stream_pipelines.messages import (
    ChunkLost,
    ChunksDone,
    FilmDone,
    Outcome,
    Receipt,
)
from vtn_stream_pipelines.tally import Tally
from vtn_stream_pipelines.work import Failure, NoRoom, WorkerLost, WorkerStarted

STRANGE = "[bold red]cut \x1b[31mred\nline two \u202e🎬.mp4"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "own cache"))


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


def test_hand_work_is_0_a_line_and_a_number_in_the_summary(here, films, faked):
    faked.events = lambda films: [
        FilmDone(film=films[0], outcome=None, skipped=True, hand_work=("0.timeline.json is hand work",)),
        FilmDone(
            film=films[1], outcome=Outcome(num_segments=1, num_gaps=0), skipped=False, hand_work=("1 is hand work",)
        ),
        FilmDone(film=films[2], outcome=None, skipped=True),
    ]
    code, out, err = here("batch", "films", "-o", "out", "--discard-edits")
    assert (code, rows(out)["films with hand work"]) == (0, "2")
    assert err == "films/0.mp4: 0.timeline.json is hand work\nfilms/1.mp4: 1 is hand work\n"
    assert faked.arguments["results"].discard_edits
    assert json.loads((films.parent / "out" / "run.json").read_text())["films"]["with_hand_work"] == 2
    code, out, _ = here("batch", "films", "-o", "out", "--json-log")
    done, *_, summary = (json.loads(line) for line in out.splitlines() if "hand_work" in line)
    assert (done["hand_work"], summary["with_hand_work"]) == (["0.timeline.json is hand work"], 2)


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
    assert "ignored, because their names are not those of films: films/list.txt, films/notes.doc\n" in err
    assert len(faked.films) == 4


def test_news_of_80_columns_cut_neither_names_nor_reasons(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(dashboard, "err", Console(file=shown, width=80, force_terminal=True, color_system=None))
    reason = "the film is " + "a_long_reason_without_blanks_" * 6 + "end of it"
    with dashboard.Dashboard(Tally(4, 400)) as board:
        board.hear(library.WorkerRefused(worker=1, reason=reason))
        dashboard.err.print(board)
    assert "\u2026" not in shown.getvalue()
    assert reason.replace(" ", "") in re.sub(r"\s", "", shown.getvalue())


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
    assert lines[2] == {
        "event": "film_surveyed",
        **film,
        "duration_s": 120.0,
        "chunks": 2,
        "missing": 2,
        "warnings": [],
    }
    chunk = {"number": 0, "source": "film", "frames": 120, "worker": 0, "warnings": ["odd"]}
    assert lines[3] == {"event": "chunk", **film, **chunk}
    assert lines[5] == {"event": "film_done", **film, "skipped": False, "segments": 5, "gaps": 1, "hand_work": []}
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
    assert re.findall(r"^chunk (\d) ", "\n".join(lines[5:]), re.MULTILINE) == ["5", "6", "7", "8"]
