"""A batch that only tells, so that what its command shows can be tried without Ray."""

import re
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from vtn_stream_cli import batch as command
from vtn_stream_cli import batch_index
from vtn_stream_cli.main import main
from vtn_stream_pipelines import batch as library
from vtn_stream_pipelines.connection import Cluster
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
from vtn_stream_pipelines.watched import Watched
from vtn_stream_pipelines.work import WorkerCounts, WorkerStarted


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
    asked = SimpleNamespace(address=None, films=None, arguments=None, open=0, indexed=None, num_indexes=0)
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
        listed = () if isinstance(films, Watched) else films.films
        asked.watched = films if isinstance(films, Watched) else None
        asked.films, asked.arguments = [film.name for film in listed], arguments
        on_event(WorkerStarted(counts=counts(1), worker=0))
        for event in asked.events(listed):
            on_event(event)
        return library.Summary(
            counts=None,
            seconds_by_stage={"survey": 1.0, "embed": 30.0, "predict": 2.0},
            num_workers=1,
            execution={"device": "cpu"},
            num_duplicates=0,
        )

    def write_index(folder, **_):
        asked.indexed, asked.num_indexes = folder, asked.num_indexes + 1
        return SimpleNamespace(path=folder / "index.html", num_films=4, told=())

    monkeypatch.setattr(command, "connected", connected)
    monkeypatch.setattr(batch_index, "write_index", write_index)
    monkeypatch.setattr(library, "batch", batch)
    return asked


def rows(out):
    """The summary as a dictionary."""
    return dict(re.findall(r"^ *(\S.*?)  +(\S.*?) *$", out, re.MULTILINE))
