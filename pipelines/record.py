"""The two files that a batch writes beside its results, for people and for the next run. Both can be shared.

OUTPUT/run.json         how the last run went, and how far it is while it goes on
OUTPUT/failures.jsonl   a line for every film that failed and for every chunk that became a gap:
    {"event": "film_failed", "film": ..., "results": ..., "stage": "embed", "chunks": [7], "attempts": 3, "reason": ...}
    {"event": "chunk_lost", "film": ..., "results": ..., "stage": "embed", "chunks": [8], "reason": ...}

`film` is what people call it, `results` where its results go, which is of no two films the same. The lines outlive the
run: those of a film go when another analyzes it, or finds its results, without a failure. Neither file holds a folder
outside OUTPUT, a user, a host or a date.
"""

import importlib.metadata
import json
import os
import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from vtn_stream.atomic import write_whole
from vtn_stream.errors import InputError, printable
from vtn_stream.results import ResultOptions
from vtn_stream.settings import Settings

from .batch import ExecutionResolved, Summary
from .connection import Cluster
from .film_list import FilmEntry
from .messages import ChunkLost, ExecutionFields, FilmDone, FilmFailed, Waiting
from .tally import Tally

__all__ = ["Record", "failed_films", "failure_fields", "why_films_failed"]

FORMAT_VERSION = 1  # of run.json
EVERY_S = 5.0
MAX_SHARE = 0.02  # of the time, for writing: failures.jsonl is copied whole each time
# Of `Settings`, in run.json: neither the store, which is a folder of theirs, nor the stream, which is of one film.
_SETTINGS = ("model", "fps", "decoder", "backbone", "weights", "device", "exact")
_RESULTS = ("formats", "thumbnails", "anonymous", "overwrite", "discard_edits")
_PACKAGES = ("vtn-stream", "ray", "torch")

RunState = Literal["running", "finished", "interrupted", "broken off"]


class Record:
    """Gets every event of a batch, after the tally. A context manager: its end writes what is not written yet.

    Of paths among the settings only the last part is kept, and nothing of the store. In memory are the lines of films
    in work and of the last seconds, and the names of films that have lines. Raises InputError if the folder of the
    results cannot be written, at the beginning or the end; what cannot be written in between is written later.
    """

    def __init__(
        self,
        tally: Tally,
        *,
        cluster: Cluster,
        settings: Settings,
        results: ResultOptions,
        num_workers: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        output = results.output
        self._failures, self._run = output / "failures.jsonl", output / "run.json"
        self._tally = tally
        self._cluster = cluster
        self._asked = {name: _word(getattr(settings, name)) for name in _SETTINGS}
        self._asked |= {name: getattr(results, name) for name in _RESULTS}
        self._asked["num_workers"] = num_workers
        self._clock = clock
        self._execution: ExecutionFields | None = None
        self._summary: Summary | None = None
        self._gaps: dict[int, list[bytes]] = {}  # lines of films in work, by the films' numbers
        self._over: dict[str, list[bytes]] = {}  # new lines of films, if any, by their results
        self._due, self._has_news = clock() + EVERY_S, False
        try:
            output.mkdir(parents=True, exist_ok=True)
            self._have_lines = _films_of(self._failures)
            self._write_run("running")
        except OSError as error:
            raise _unwritable(output, error, "no film was analyzed") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            state: RunState = "finished"
        else:
            state = "interrupted" if issubclass(kind, KeyboardInterrupt | SystemExit) else "broken off"
        try:
            self._write_failures()
            self._write_run(state)
        except OSError as error:
            if kind is None:
                raise _unwritable(self._run.parent, error, "some failures are not recorded") from error

    def summarize(self, summary: Summary) -> None:
        """The batch has come to its end."""
        self._summary = summary

    def hear(self, event: object) -> None:
        if isinstance(event, ChunkLost):
            self._gaps.setdefault(event.film.number, []).append(_line(event))
        elif isinstance(event, FilmDone):
            self._over[event.film.results] = self._gaps.pop(event.film.number, [])
        elif isinstance(event, FilmFailed):
            self._gaps.pop(event.film.number, None)
            self._over[event.film.results] = [_line(event)]
        elif isinstance(event, ExecutionResolved):
            self._execution = event.execution
        self._has_news = self._has_news or not isinstance(event, Waiting)  # of which there are some every minute
        now = self._clock()
        if now < self._due or not self._has_news:
            return
        try:
            self._write_failures()
            self._write_run("running")
        except OSError:
            pass  # the next time, or at the end, which tells
        self._due, self._has_news = self._clock() + max(EVERY_S, (self._clock() - now) / MAX_SHARE), False

    def _write_failures(self) -> None:
        if any(self._over.values()) or not self._have_lines.isdisjoint(self._over):
            have_lines: set[str] = set()
            write_whole(self._failures, self._lines(have_lines))
            self._have_lines = have_lines
        self._over.clear()

    def _lines(self, have_lines: set[str]) -> Iterator[bytes]:
        """All lines as they should be now, one at a time."""
        for line in _read_lines(self._failures):
            results = _fields(line).get("results")
            if isinstance(results, str):
                if results in self._over:
                    continue
                have_lines.add(results)
            yield line.rstrip(b"\n") + b"\n"
        for results, lines in self._over.items():
            if lines:
                have_lines.add(results)
                yield from lines

    def _write_run(self, state: RunState) -> None:
        tally, cluster, summary = self._tally, self._cluster, self._summary
        speed = tally.num_frames / tally.embedding_s if tally.embedding_s else None
        fields = {
            "format": FORMAT_VERSION,
            "state": state,
            "wall_s": round(tally.wall_s, 1),
            "films": {
                "listed": tally.num_films,
                "done": tally.num_done,
                "with_gaps": tally.num_gappy,
                "with_hand_work": tally.num_edited,
                "skipped": tally.num_skipped,
                "failed": tally.num_failed,
            },
            "chunks": {
                "embedded": tally.num_embedded,
                "found": tally.num_found,
                "lost": tally.num_lost,
                "computed_twice": None if summary is None else summary.num_duplicates,
            },
            "frames": tally.num_frames,
            "frames_per_s": None if speed is None else round(speed, 1),
            "worker_s": _rounded({"embed": tally.embed_s} if summary is None else summary.seconds_by_stage),
            "workers": {
                "most": tally.most_workers if summary is None else summary.num_workers,
                "lost": tally.num_workers_lost,
                "replaced": tally.num_workers_replaced,
            },
            "cluster": {
                "nodes": cluster.num_nodes,
                "cpus": cluster.num_cpus,
                "gpus": cluster.num_gpus,
                "private": cluster.is_private,
            },
            "versions": _versions(),
            "execution": None if self._execution is None else dict(self._execution),
            "settings": self._asked,
        }
        write_whole(self._run, [json.dumps(fields, indent=2, ensure_ascii=True, default=str).encode() + b"\n"])


def failed_films(output: Path) -> set[str]:
    """Where the results go (`FilmEntry.results`) of films that have lines in OUTPUT/failures.jsonl; empty where
    there is no such file. Raises InputError if it cannot be read.
    """
    try:
        return _films_of(output / "failures.jsonl")
    except OSError as error:
        raise InputError(
            f"failures.jsonl cannot be read ({error.strerror})",
            "which films failed is not known",
            "check its permissions",
        ) from error


def why_films_failed(output: Path) -> dict[str, str]:
    """The films that failed as a whole, by the names that people know, and why, as OUTPUT/failures.jsonl says; empty if
    it cannot be read.
    """
    try:
        lines = [_fields(line) for line in _read_lines(output / "failures.jsonl")]
    except OSError:
        return {}
    return {
        film: reason
        for line in lines
        if line.get("event") == "film_failed"
        and isinstance(film := line.get("film"), str)
        and isinstance(reason := line.get("reason"), str)
    }


def _films_of(failures: Path) -> set[str]:
    found = (_fields(line).get("results") for line in _read_lines(failures))
    return {results for results in found if isinstance(results, str)}


def failure_fields(event: FilmFailed | ChunkLost) -> dict[str, str | int | list[int]]:
    """The fields of a failure's line."""
    film = event.film
    fields: dict[str, str | int | list[int]] = {"film": film.name, "results": film.results}
    if isinstance(event, FilmFailed):
        fields = {"event": "film_failed"} | fields
        fields |= {"stage": event.stage, "chunks": list(event.chunks), "attempts": event.attempts}
    else:
        fields = {"event": "chunk_lost"} | fields | {"stage": "embed", "chunks": [event.number]}
    return fields | {"reason": _shareable(event.reason, film)}


def _line(event: FilmFailed | ChunkLost) -> bytes:
    return json.dumps(failure_fields(event), ensure_ascii=True).encode() + b"\n"


def _shareable(reason: str, film: FilmEntry) -> str:
    """The error without folders: its text may hold the film's whole path, or any other path."""
    folder = film.path.rpartition("/")[0] + "/"
    reason = reason.replace(folder, "")  # with all blanks that are in it
    return printable(re.sub(r"(?<![\w.])/(?:[^/\s'\":;,]+/)+", "", reason))


def _word(value: Any) -> Any:
    if isinstance(value, os.PathLike) or (isinstance(value, str) and "/" in value and not re.match(r"\d+/\d+$", value)):
        return printable(os.path.basename(os.fspath(value)))
    return value


def _rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in seconds.items()}


def _versions() -> dict[str, str | None]:
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def _read_lines(path: Path) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            yield from file
    except FileNotFoundError:
        return


def _fields(line: bytes) -> dict[str, object]:
    """Empty for a line that is not ours; such lines are kept."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _unwritable(output: Path, error: OSError, consequence: str) -> InputError:
    return InputError(
        f"nothing can be written to {output.name or output} ({error.strerror})",
        consequence,
        "free some space or name another folder with -o, and run again",
    )
