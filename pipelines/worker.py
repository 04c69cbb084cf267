"""What a worker of a batch does: it calls the same functions as `vtn-stream analyze`, one step at a time.

Every worker can do every step of every film: what it needs to know travels with the task, what it found out lies in the
store. Pixels and embeddings never leave it. It knows no Ray: the pool makes one of these on each node.
"""

import contextlib
import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vtn_stream.analysis import Analyzer, ChunkReady, Plan, Warned, check_usable
from vtn_stream.errors import StoreError, TimelineError, VideoError
from vtn_stream.film_notices import warnings
from vtn_stream.joining import Traits, traits_of
from vtn_stream.results import ResultFiles, ResultOptions
from vtn_stream.results.corrected import is_settled
from vtn_stream.results.timelines import load_document
from vtn_stream.sampling import Chunk
from vtn_stream.settings import Settings
from vtn_stream.store import Leases, lease_key
from vtn_stream.store.leases import Lease
from vtn_stream.store.versions import read_versions, write_version

from . import retries
from .film_list import RecordingFiles
from .messages import ExecutionFields, Outcome, Receipt, Survey

if TYPE_CHECKING:
    from vtn_stream.backbone import FrameEncoder

__all__ = ["Worker"]

Source = str | RecordingFiles  # the path of a film, or the files of a recording


class Worker:
    """One Analyzer for many films. Methods raise VtnStreamError where the film is bad, StoreError where all is.

    settings   as `Settings.for_workers` gives them
    results    as `ResultOptions.for_workers` gives them; None if nothing is predicted. With overwrite timelines are
               drawn anew that are there
    owner      whose leases on chunks it takes: those of the batch
    span_s     the part of each film to embed
    estimates  surveys are all: they say how long the rest will take, and touch no results
    names      of anonymous films, by their identities, as they were when the run began
    is_watch   films may change after they were analyzed: then their results are replaced
    encoder    the image network, if there is one; else that of the settings
    """

    def __init__(
        self,
        *,
        settings: Settings,
        results: ResultOptions | None = None,
        owner: str = "",
        span_s: tuple[float, float] = (0.0, math.inf),
        estimates: bool = False,
        names: Mapping[str, str] = {},
        is_watch: bool = False,
        encoder: "FrameEncoder | None" = None,
    ) -> None:
        self._analyzer = Analyzer(settings, encoder=encoder)
        self._settings = settings
        self._results = results
        self._leases = Leases(settings.store_root, owner=owner)
        self._span_s = span_s
        self._estimates = estimates
        self._is_watch = is_watch
        self._names, self._taken = names, frozenset(names.values())

    def load(self) -> ExecutionFields:
        """Load the networks; gives the Execution that embeddings of this worker have, as JSON values."""
        self._analyzer.load()
        execution: ExecutionFields = json.loads(self._analyzer.execution.to_json())
        return execution

    def look(self, path: str) -> Traits:
        """What tells whether a film is part of a recording."""
        return traits_of(self._analyzer.probe(path))

    def survey(self, source: Source, results: str) -> Survey:
        """What there is to do for a film. results: where they go, below the output."""
        plan = self._plan(source)
        finished, hand_work = False, tuple[str, ...]()
        if (place := self._place(plan.video.identity, results)) is not None:
            found = [self._look_at(one, place) for one in plan.of_each]
            finished = all(is_finished for is_finished, _ in found)
            hand_work = tuple(line for _, lines in found for line in lines)
        if self._is_watch:
            with contextlib.suppress(StoreError):  # storing embeddings tells what is wrong
                write_version(self._settings.store_root, os.fspath(plan.video.path), plan.video.identity)
        missing = () if finished else self._analyzer.missing(plan)
        return Survey(
            identity=plan.video.identity,
            duration_s=plan.video.duration_s,
            num_chunks=len(plan.chunks),
            missing=tuple(chunk.number for chunk in missing),
            finished=finished,
            hand_work=hand_work,
            num_missing_positions=sum(map(len, missing)),
            estimate_s=self._analyzer.estimate_s(plan.video, missing, plan.regions) if self._estimates else 0.0,
            warnings=() if finished else tuple(warnings(plan.video)),
        )

    def embed(self, source: Source, identity: str, chunk_numbers: Sequence[int]) -> list[Receipt]:
        """A receipt for each of these chunks, which are stored then."""
        plan = self._plan(source, identity)
        chunks = [chunk for chunk in plan.chunks if chunk.number in set(chunk_numbers)]
        with contextlib.ExitStack() as stack:
            keys = {chunk.number: self._key(chunk, plan) for chunk in chunks}
            leases = {number: stack.enter_context(self._leases.hold(key)) for number, key in keys.items()}
            if len(chunks) == 1 and not leases[chunks[0].number]:
                leases[chunks[0].number] = stack.enter_context(self._waited_for(keys[chunks[0].number]))
            mine = [chunk for chunk in chunks if leases[chunk.number]]
            others = [
                Receipt(number=chunk.number, source="store", num_frames=0, warnings=(), leased=True)
                for chunk in chunks
                if not leases[chunk.number]
            ]
            return sorted([*self._embed(plan, mine, leases), *others], key=lambda receipt: receipt.number)

    def predict(self, source: Source, identity: str, lost: Sequence[int], results: str) -> Outcome:
        """Write the film's results, from what is stored. lost: chunks that are gaps."""
        assert self._results is not None, "where results are to be written"
        plan = self._plan(source, identity)
        num_segments, num_gaps, told = 0, 0, list[str]()
        for one in plan.of_each:
            files = self._files(one, results)
            if hand_work := self._claim(files, one):
                told += hand_work
                continue
            analysis = self._analyzer.analyze(one, lost=frozenset(lost))
            check_usable(one, analysis)
            saved = files.save(analysis.timeline, analysis.scores, analysis.index, analysis.labels)
            num_segments += len(saved.timeline.segments)
            num_gaps += len(saved.timeline.gaps)
            told += saved.told
        return Outcome(num_segments=num_segments, num_gaps=num_gaps, hand_work=tuple(told))

    def _plan(self, source: Source, identity: str | None = None) -> Plan:
        """Raises VideoError if the film is no longer the one of this identity."""
        start_s, end_s = self._span_s
        if isinstance(source, str):
            plan = self._analyzer.plan(source, start_s=start_s, end_s=end_s)
        else:
            plan = self._analyzer.plan(
                source.paths, name=source.name, starts=source.starts, start_s=start_s, end_s=end_s
            )
        if identity not in (None, plan.video.identity):
            raise VideoError(
                f"{plan.video.path.name} has changed since the run began",
                "it was not analyzed further",
                "run the same command again when it is complete",
            )
        return plan

    # Results

    def _place(self, identity: str, results: str) -> str | None:
        """Where the results of a film are; None if there can be none, as the film is anonymous and has no name yet."""
        if self._results is None:
            return None
        if not self._results.anonymous or identity in self._names:
            return self._names.get(identity, results)
        return None if results in self._taken else results  # else another film was at this place before

    def _look_at(self, plan: Plan, place: str) -> tuple[bool, tuple[str, ...]]:
        """Whether nothing is to be done for one region of a film, and lines on its hand work."""
        assert self._results is not None, "where results are to be written"
        files = self._files(plan, place)
        if self._is_finished(files, plan):
            hand_work = files.hand_work()
            if not self._results.discard_edits or not (hand_work or files.is_corrected()):
                return True, hand_work
        if self._estimates:
            return False, ()
        hand_work = self._claim(files, plan)  # an error now is better than one after an hour of work
        return bool(hand_work), hand_work

    def _files(self, plan: Plan, results: str) -> ResultFiles:
        assert self._results is not None, "where results are to be written"
        video, region = plan.video, plan.cutouts[0].name
        parts, store = [part.video.path for part in video.parts], self._settings.store_root
        return self._results.files(video.path, video.identity, results=results, store=store, parts=parts, region=region)

    def _claim(self, files: ResultFiles, plan: Plan) -> tuple[str, ...]:
        """The line that says so where the timeline is hand work, so that nothing is to be done."""
        assert self._results is not None, "where results are to be written"
        overwrite = self._results.overwrite or (self._is_watch and self._is_of_earlier_version(files, plan))
        line = files.claim(plan.video.identity, overwrite=overwrite, discard_edits=self._results.discard_edits)
        return () if line is None else (line,)

    def _is_of_earlier_version(self, files: ResultFiles, plan: Plan) -> bool:
        """Whether the timeline that is there is of what this very file was before it changed."""
        try:
            identity = load_document(files.timelines["json"]).timeline.video_identity
        except TimelineError:
            return False
        return identity in read_versions(self._settings.store_root, os.fspath(plan.video.path))

    def _is_finished(self, files: ResultFiles, plan: Plan) -> bool:
        """Whether the stored timeline of one region is what an analysis would give now: by the film's content and the
        settings, not by names. One that is hand work stands for all that an analysis would give; one that was corrected
        in a page since is drawn again, around the hand work.

        One with chunks that were lost might not: another run tries them again.
        """
        assert self._results is not None, "where results are to be written"
        video = plan.video
        try:
            document = load_document(files.timelines["json"])
        except TimelineError:
            return False
        timeline = document.timeline
        if document.is_kept:
            return timeline.video_identity == video.identity
        if self._results.overwrite or not all(f.is_file() for f in (*files.timelines.values(), files.scores)):
            return False
        provenance = timeline.provenance
        positions, cuts = provenance.get("positions"), provenance.get("cuts", {"lost": 0})
        expected = json.loads(json.dumps(self._analyzer.provenance(plan.cutouts[0].region)))
        executions = [json.loads(self._analyzer.execution.to_json())]
        return (
            timeline.complete
            and is_settled(timeline)
            and timeline.video_identity == video.identity
            and timeline.span_s == (0.0, video.duration_s)
            and {name: provenance.get(name) for name in expected} == expected
            and isinstance(positions, dict)
            and positions.get("lost") == 0
            and isinstance(cuts, dict)
            and cuts.get("lost") == 0
            and positions.get("embedded") != 0  # of a release that did not call that a failure
            and (not self._settings.exact or provenance.get("executions") == executions)
        )

    # Chunks

    def _embed(self, plan: Plan, chunks: list[Chunk], leases: Mapping[int, Lease]) -> list[Receipt]:
        receipts: list[Receipt] = []
        warnings: list[str] = []
        of_chunk: list[ChunkReady] = []
        for event in self._analyzer.embed(plan.video, chunks, regions=plan.regions):
            for lease in leases.values():
                lease.renew()
            if isinstance(event, Warned):
                warnings.append(event.message)
            elif isinstance(event, ChunkReady):
                of_chunk.append(event)
                if len(of_chunk) < len(plan.regions):
                    continue
                receipts.append(_receipt(of_chunk, warnings))
                of_chunk.clear()
                warnings.clear()
                leases[event.chunk.number].release()  # it is stored: others need not wait for the whole run
        return receipts

    @contextlib.contextmanager
    def _waited_for(self, key: str) -> Iterator[Lease]:
        """The lease of this key; true if another worker released it soon."""
        until = time.monotonic() + retries.LEASE_WAIT_S
        while True:
            with self._leases.hold(key) as lease:
                if lease or time.monotonic() >= until:
                    yield lease
                    return
            time.sleep(retries.LEASE_CHECK_S)

    def _key(self, chunk: Chunk, plan: Plan) -> str:
        """Of the chunk, for all regions together: who has other ones beside may do the same work at once."""
        return lease_key(chunk, replace(self._analyzer.recipe, region=plan.regions[0]), self._analyzer.execution)


def _receipt(ready: Sequence[ChunkReady], warnings: Sequence[str]) -> Receipt:
    """Of a chunk, for all its regions."""
    sources = {one.source for one in ready}
    return Receipt(
        number=ready[0].chunk.number,
        source="lost" if "lost" in sources else "film" if "film" in sources else "store",
        num_frames=int(ready[0].index.valid.sum()),
        warnings=tuple(warnings),
    )
