"""A batch as JSON lines on stdout: what happens to every film and worker. No line holds a folder outside OUTPUT."""

import json
from typing import Any

import click

from vtn_stream_pipelines import batch as library
from vtn_stream_pipelines.messages import (
    ChunkLost,
    ChunksDone,
    FilmDone,
    FilmEvent,
    FilmFailed,
    FilmsApart,
    FilmSurveyed,
    FilmTaken,
    RecordingFound,
    Waiting,
)
from vtn_stream_pipelines.record import failure_fields
from vtn_stream_pipelines.tally import Tally
from vtn_stream_pipelines.work import NoRoom, WorkerLost, WorkerStarted

__all__ = ["log_event", "log_summary"]


def log_event(event: library.BatchEvent) -> None:
    if isinstance(event, FilmFailed | ChunkLost):
        _log(**failure_fields(event))
    elif isinstance(event, FilmsApart):
        _log(event="films_apart", films=list(event.files), reason=event.why)
    elif isinstance(event, Waiting):
        if event.is_news:
            problems = [problem.fact for problem in event.problems]
            _log(event="films_waiting", number=event.num_films, films=list(event.films), problems=problems)
    elif isinstance(event, FilmEvent):
        _log_film(event)
    elif isinstance(event, WorkerStarted):
        _log(event="worker_started", worker=event.worker, ready=event.counts.num_ready)
    elif isinstance(event, WorkerLost):
        _log(event="worker_lost", worker=event.worker, kind=event.failure.kind, reason=event.failure.reason)
    elif isinstance(event, NoRoom):
        _log(event="no_room", ready=event.counts.num_ready)
    elif isinstance(event, library.WorkerRefused):
        _log(event="worker_refused", worker=event.worker, reason=event.reason)
    elif isinstance(event, library.ExecutionResolved):
        _log(event="execution", execution=dict(event.execution))


def log_summary(tally: Tally, summary: library.Summary | None) -> None:
    """complete: all films are done, skipped or failed."""
    seconds = None if summary is None else {step: round(s, 1) for step, s in summary.seconds_by_stage.items()}
    _log(
        event="summary",
        complete=summary is not None,
        done=tally.num_done,
        with_gaps=tally.num_gappy,
        with_hand_work=tally.num_edited,
        skipped=tally.num_skipped,
        failed=tally.num_failed,
        chunks=tally.num_embedded,
        lost=tally.num_lost,
        frames=tally.num_frames,
        wall_s=round(tally.wall_s, 1),
        worker_s=seconds,
    )


def _log_film(event: FilmEvent) -> None:
    film: dict[str, Any] = {"film": event.film.name, "results": event.film.results}
    if isinstance(event, RecordingFound):
        _log(event="recording_found", **film, files=list(event.files), reasons=list(event.found.reasons))
    elif isinstance(event, FilmTaken):
        _log(event="film_taken", **film, bytes=event.film.num_bytes, again=event.is_again)
    elif isinstance(event, FilmSurveyed):
        survey = event.survey
        _log(
            event="film_surveyed",
            **film,
            duration_s=survey.duration_s,
            chunks=survey.num_chunks,
            missing=len(survey.missing),
            warnings=list(survey.warnings),
        )
    elif isinstance(event, ChunksDone):
        for receipt in event.receipts:
            if receipt.source != "lost":  # those have a line of their own
                _log(
                    event="chunk",
                    **film,
                    number=receipt.number,
                    source=receipt.source,
                    frames=receipt.num_frames,
                    worker=event.worker,
                    warnings=[event.film.shown(warning) for warning in receipt.warnings],
                )
    elif isinstance(event, FilmDone):
        outcome = event.outcome
        _log(
            event="film_done",
            **film,
            skipped=event.skipped,
            segments=None if outcome is None else outcome.num_segments,
            gaps=None if outcome is None else outcome.num_gaps,
            hand_work=list(event.hand_work),
        )


def _log(**fields: Any) -> None:
    click.echo(json.dumps(fields, ensure_ascii=True))
