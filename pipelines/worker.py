"""What a worker does of a batch: the same library functions as `vtn-stream analyze`, a step at a time.

Every worker can do every step of every film: what it needs to know travels with the task, what it found out lies in the
store. Pixels and embeddings never leave it. It knows no Ray: the pool makes one of these on each node.
"""

import contextlib
import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vtn_stream.analysis import Analyzer, ChunkReady, Plan, Warned
from vtn_stream.errors import TimelineError, VideoError
from vtn_stream.film import VideoInfo
from vtn_stream.results import ResultFiles, load_timeline
from vtn_stream.sampling import Chunk
from vtn_stream.store import Leases, default_root, lease_key
from vtn_stream.store.leases import Lease

from . import retries
from .messages import ExecutionFields, Outcome, Receipt, Survey

__all__ = ["Worker", "settings_for_workers"]


def settings_for_workers(settings: Mapping[str, Any], *, has_gpu: bool) -> dict[str, Any]:
    """Analyzer's arguments as they mean the same in other folders, on other machines. Device "auto" is decided."""
    given = dict(settings)
    for name in ("model", "weights"):
        value = given.get(name)
        if value is not None and os.path.isfile(value):  # else it is the name of a model, or missing there as well
            given[name] = os.path.abspath(value)
    given["store"] = os.path.abspath(given.get("store") or default_root())
    if given.get("device", "auto") == "auto":
        given["device"] = "cuda" if has_gpu else "cpu"
    return given


class Worker:
    """One Analyzer for many films. Methods raise VtnStreamError where the film is bad, StoreError where all is.

    settings    arguments of Analyzer
    output      the folder below which results are written; None where nothing is predicted
    overwrite   draw timelines anew that are there, and replace what is in the way of another film
    thumbnails  pages show pictures of the film; inside: and the way to it where both lie in this folder
    owner       whose leases on chunks it takes: those of the batch
    span_s      the part of each film to embed
    estimates   surveys are all: they say how long the rest will take, and touch no results
    """

    def __init__(
        self,
        *,
        settings: Mapping[str, Any],
        output: str | None = None,
        formats: Sequence[str] = ("json",),
        overwrite: bool = False,
        thumbnails: bool = True,
        inside: str | None = None,
        owner: str = "",
        span_s: tuple[float, float] = (0.0, math.inf),
        estimates: bool = False,
    ) -> None:
        self._analyzer = Analyzer(**settings)
        self._exact = bool(settings.get("exact"))
        store = settings.get("store")
        self._store = default_root() if store is None else Path(store)
        self._leases = Leases(self._store, owner=owner)
        self._output = None if output is None else Path(output)
        self._formats = formats
        self._overwrite = overwrite
        self._thumbnails = thumbnails
        self._inside = None if inside is None else Path(inside)
        self._span_s = span_s
        self._estimates = estimates

    def load(self) -> ExecutionFields:
        """Load the networks; gives the Execution that embeddings of this worker have, as JSON values."""
        self._analyzer.load()
        execution: ExecutionFields = json.loads(self._analyzer.execution.to_json())
        return execution

    def survey(self, path: str, results: str) -> Survey:
        """What there is to do of a film. results: where they go, below the output."""
        video = self._analyzer.probe(path)
        chunks = self._analyzer.chunks(video, *self._span_s)
        finished = False
        if self._output is not None:
            files = self._files(video, results)
            finished = not self._overwrite and self._is_finished(files, video)
            if not finished and not self._estimates:  # an error now is better than one after an hour of work
                files.claim(video.identity, overwrite=self._overwrite)
        missing = [] if finished else self._analyzer.missing(chunks)
        plan = Plan(video=video, chunks=chunks, missing=missing)
        return Survey(
            identity=video.identity,
            duration_s=video.duration_s,
            num_chunks=len(chunks),
            missing=tuple(chunk.number for chunk in missing),
            finished=finished,
            num_missing_positions=sum(map(len, missing)),
            estimate_s=self._analyzer.estimate_s(plan) if self._estimates else 0.0,
        )

    def embed(self, path: str, identity: str, numbers: Sequence[int]) -> list[Receipt]:
        """A receipt for each of these chunks, which are stored then."""
        video = self._film(path, identity)
        chunks = [chunk for chunk in self._analyzer.chunks(video, *self._span_s) if chunk.number in set(numbers)]
        with contextlib.ExitStack() as stack:
            leases = {chunk.number: stack.enter_context(self._leases.hold(self._key(chunk))) for chunk in chunks}
            if len(chunks) == 1 and not leases[chunks[0].number]:
                leases[chunks[0].number] = stack.enter_context(self._waited_for(chunks[0]))
            mine = [chunk for chunk in chunks if leases[chunk.number]]
            others = [
                Receipt(number=chunk.number, source="store", num_frames=0, warnings=(), leased=True)
                for chunk in chunks
                if not leases[chunk.number]
            ]
            return sorted([*self._embed(video, mine, leases), *others], key=lambda receipt: receipt.number)

    def predict(self, path: str, identity: str, lost: Sequence[int], results: str) -> Outcome:
        """Write the film's results, from what is stored. lost: chunks that are gaps."""
        video = self._film(path, identity)
        files = self._files(video, results)
        files.claim(identity, overwrite=self._overwrite)
        analysis = self._analyzer.analyze(path, lost=frozenset(lost))
        files.save(analysis.timeline, analysis.scores, analysis.index, analysis.labels)
        return Outcome(num_segments=len(analysis.timeline.segments), num_gaps=len(analysis.timeline.gaps))

    def _film(self, path: str, identity: str) -> VideoInfo:
        video = self._analyzer.probe(path)
        if video.identity != identity:
            raise VideoError(
                f"{video.path.name} has changed since the run began",
                "it was not analyzed further",
                "run the same command again when it is complete",
            )
        return video

    # Results

    def _files(self, video: VideoInfo, results: str) -> ResultFiles:
        assert self._output is not None, "where results are to be written"
        where = self._output / results
        return ResultFiles(
            where.parent,
            video.path,
            self._formats,
            stem=where.name,
            inside=self._inside,
            store=self._store,
            thumbnails=self._thumbnails,
        )

    def _is_finished(self, files: ResultFiles, video: VideoInfo) -> bool:
        """Whether an analysis now would say the same of this film: by its content and the settings, not by names.

        One with chunks that were lost might not: another run tries them again.
        """
        if not all(file.is_file() for file in (*files.timelines.values(), files.scores)):
            return False
        try:
            timeline = load_timeline(files.timelines["json"])
        except TimelineError:
            return False
        said, positions = timeline.provenance, timeline.provenance.get("positions")
        settings = json.loads(json.dumps(self._analyzer.settings_of(video)))
        executions = [json.loads(self._analyzer.execution.to_json())]
        return (
            timeline.complete
            and timeline.video_identity == video.identity
            and timeline.span_s == (0.0, video.duration_s)
            and {name: said.get(name) for name in settings} == settings
            and isinstance(positions, dict)
            and positions.get("lost") == 0
            and (not self._exact or said.get("executions") == executions)
        )

    # Chunks

    def _embed(self, video: VideoInfo, chunks: list[Chunk], leases: Mapping[int, Lease]) -> list[Receipt]:
        receipts: list[Receipt] = []
        warnings: list[str] = []
        for event in self._analyzer.embed(video, chunks):
            for lease in leases.values():
                lease.renew()
            if isinstance(event, Warned):
                warnings.append(event.message)
            elif isinstance(event, ChunkReady):
                receipts.append(_receipt(event, warnings))
                warnings.clear()
                leases[event.chunk.number].release()  # it is stored: others need not wait for the whole run
        return receipts

    @contextlib.contextmanager
    def _waited_for(self, chunk: Chunk) -> Iterator[Lease]:
        """Its lease, held if it was released soon."""
        until = time.monotonic() + retries.LEASE_WAIT_S
        while True:
            with self._leases.hold(self._key(chunk)) as lease:
                if lease or time.monotonic() >= until:
                    yield lease
                    return
            time.sleep(retries.LEASE_CHECK_S)

    def _key(self, chunk: Chunk) -> str:
        return lease_key(chunk, self._analyzer.recipe, self._analyzer.execution)


def _receipt(ready: ChunkReady, warnings: Sequence[str]) -> Receipt:
    return Receipt(
        number=ready.chunk.number,
        source=ready.source,
        num_frames=int(ready.index.valid.sum()),
        warnings=tuple(warnings),
    )
