"""What happens in a batch, as its events, on a clock that a test moves."""

import pytest

from vtn_stream_pipelines.film_list import FilmEntry
from vtn_stream_pipelines.messages import (
    ChunksDone,
    FilmDone,
    FilmFailed,
    FilmSurveyed,
    Outcome,
    Receipt,
    Survey,
)
from vtn_stream_pipelines.work import WorkerCounts, WorkerStarted


class Clock:
    """Stands still until it is told."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def listed(number, num_bytes=100):
    name = f"films/{number}.mp4"
    return FilmEntry(number=number, path=f"/secret place/{name}", name=name, num_bytes=num_bytes, results=name)


def surveyed(film, num_missing, num_chunks=60, *, finished=False):
    survey = Survey(
        identity=str(film.number),
        duration_s=60.0 * num_chunks,
        num_chunks=num_chunks,
        missing=tuple(range(num_missing)),
        finished=finished,
    )
    return FilmSurveyed(film=film, survey=survey)


def chunks(film, num, *, source="film", seconds=10.0, worker=0):
    receipts = [Receipt(number=i, source=source, num_frames=120, warnings=()) for i in range(num)]
    return ChunksDone(film=film, receipts=tuple(receipts), worker=worker, seconds=seconds)


def done(film, num_gaps=0):
    return FilmDone(film=film, outcome=Outcome(num_segments=3, num_gaps=num_gaps), skipped=False)


def skipped(film):
    return FilmDone(film=film, outcome=None, skipped=True)


def failed(film, reason="it is no film"):
    return FilmFailed(film=film, reason=reason, stage="survey", chunks=(), attempts=1)


def workers(num_ready, *, num_lost=0):
    counts = WorkerCounts(num_ready=num_ready, num_started=num_ready, num_lost=num_lost, num_replaced=0)
    return WorkerStarted(counts=counts, worker=0)
