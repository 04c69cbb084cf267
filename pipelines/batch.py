"""Runs any number of films on any number of workers: the films of the listing, by the schedule, on the pool.

    Listing or Watched -> Schedule -> RollCall -> Pool -> Worker.survey, .embed, .predict

Run within `connection.connected`. Whatever ends a batch, the same call goes on where it ended: chunks are in the store,
results where they belong, and films that have theirs are skipped.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtn_stream.name_table import Names
from vtn_stream.results import ResultOptions, check_results_folder
from vtn_stream.settings import Settings
from vtn_stream.store import Leases
from vtn_stream.store.leases import new_owner

from . import messages
from .film_list import FilmEntry
from .joiner import Joiner
from .listing import Listing
from .messages import Counts, ExecutionFields, FilmSurveyed, Step
from .naming import Naming
from .pool import Pool
from .roll_call import RollCall
from .schedule import Schedule
from .watch import Watch
from .watched import Watched
from .work import Resources, TaskSource, WorkerEvent, WorkerLost, WorkerSpec
from .worker import Worker

if TYPE_CHECKING:
    from .connection import Cluster

__all__ = ["BatchEvent", "BatchPlan", "ExecutionResolved", "Summary", "WorkerRefused", "batch", "plan", "run"]

# A worker on CPUs is one core: its network takes about what its decoding process leaves, and as many workers as cores
# leave none idle, whatever the ratio of the two is. Each loads torch and the networks: with the default backbone and
# 1080p films 600 MB of its own, and 500 MB of libraries that the workers of a node share. Nodes with little memory get
# fewer workers.
CPU_WORKER = Resources(num_cpus=1, memory_bytes=2**30)
# A core decodes some 500 frames of 720p a second (docs/performance.md), of which a grid of 2 positions a second wants 1
# in 15: no GPU is busy with what one worker decodes. Four fit into the smallest that are in use, at 1 GB each for CUDA
# and the network, beside 64 frames in work. In memory of the machine, CUDA's libraries take more than all else.
GPU_WORKER = Resources(num_cpus=1, num_gpus=0.25, memory_bytes=3 * 2**30)
# Where no number is asked for. Nodes may come while it runs, so the limit is not what the cluster has now.
MAX_WORKERS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionResolved:
    """How all workers compute: the Execution of the first one, as JSON values."""

    execution: ExecutionFields


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRefused:
    """A worker gets no work, since it would compute in another way, or cannot."""

    worker: int
    reason: str


BatchEvent = (
    messages.FilmEvent | messages.FilmsApart | messages.Waiting | WorkerEvent | ExecutionResolved | WorkerRefused
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a run did.

    seconds_by_stage  of all workers together: load, survey, embed, predict
    num_workers       most at once
    num_duplicates    chunks that were embedded although another worker had done so
    """

    counts: Counts
    seconds_by_stage: Mapping[str, float]
    num_workers: int
    execution: ExecutionFields
    num_duplicates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """What a batch would do. num_missing: positions to embed; a film that is listed twice counts once.

    estimate_s: about how long, on as many workers as have room.
    """

    num_films: int
    num_finished: int
    num_failed: int
    num_chunks: int
    num_stored: int
    num_missing: int
    estimate_s: float


def batch(
    films: Listing | Watched | Iterable[FilmEntry],
    *,
    cluster: "Cluster",
    settings: Settings,
    results: ResultOptions,
    num_workers: int | None = None,
    names: Names | None = None,
    join: bool = False,
    on_event: Callable[[BatchEvent], None] | None = None,
) -> Summary:
    """Draw the timelines of all films; bad films are reported and left out.

    films      those of watched folders are taken as they are complete; without `until_idle_s` this never ends by itself
    settings   device "auto" is cuda where the cluster has a GPU
    results    with overwrite, timelines are drawn anew that are there
    names      of the films, where results are anonymous; by default the user's own table
    join       whether files of one recording are found and analyzed as one film; see `vtn_stream.joining`
    on_event   hears of films and workers; what it raises ends the run

    Films, output and store must be reachable under the same paths on every node. Raises VtnStreamError for what is no
    single film's fault: ClusterError, StoreError, TimelineError, and what is wrong with the settings.
    """
    check_results_folder(results.output, "no film was analyzed")  # else every film would fail, one by one
    return run(
        films,
        cluster=cluster,
        settings=settings,
        results=results,
        num_workers=num_workers,
        names=names,
        join=join,
        on_event=on_event,
    )


def plan(
    films: Listing | Iterable[FilmEntry],
    *,
    cluster: "Cluster",
    settings: Settings,
    results: ResultOptions,
    num_workers: int | None = None,
    names: Names | None = None,
    join: bool = False,
    on_event: Callable[[BatchEvent], None] | None = None,
) -> BatchPlan:
    """What `batch` would do with the same arguments. Surveys every film; what that finds out is kept in the store."""
    seen: set[str] = set()
    num_chunks = num_stored = num_missing = 0
    estimate_s = 0.0

    def hear(event: BatchEvent) -> None:
        nonlocal num_chunks, num_stored, num_missing, estimate_s
        if isinstance(event, FilmSurveyed):
            survey = event.survey
            if survey.identity not in seen:
                num_missing += survey.num_missing_positions
                estimate_s += survey.estimate_s
            num_chunks += survey.num_chunks
            num_stored += survey.num_chunks - len(survey.missing)
            seen.add(survey.identity)
        if on_event:
            on_event(event)

    done = run(
        films,
        cluster=cluster,
        settings=settings,
        results=results,
        num_workers=num_workers,
        names=names,
        join=join,
        on_event=hear,
        last="survey",
        estimates=True,
    )
    return BatchPlan(
        num_films=done.counts.num_listed,
        num_finished=done.counts.num_skipped,
        num_failed=done.counts.num_failed,
        num_chunks=num_chunks,
        num_stored=num_stored,
        num_missing=num_missing,
        estimate_s=estimate_s / max(1, min(_num_places(cluster, settings, num_workers), num_chunks - num_stored)),
    )


def run(
    films: Listing | Watched | Iterable[FilmEntry],
    *,
    cluster: "Cluster",
    settings: Settings,
    num_workers: int | None,
    on_event: Callable[[BatchEvent], None] | None,
    results: ResultOptions | None = None,
    names: Names | None = None,
    join: bool = False,
    last: Step = "predict",
    span_s: tuple[float, float] = (0.0, math.inf),
    estimates: bool = False,
) -> Summary:
    """The steps of every film up to the last. results, span_s, estimates: as `Worker` has them; names, join: as
    `batch`.
    """
    settings = settings.for_workers(has_gpu=cluster.num_gpus > 0)
    owner, most_workers = new_owner(), 0
    watch: Watch | None = None
    listed = films.films if isinstance(films, Listing) else () if isinstance(films, Watched) else films
    naming, known = None, dict[str, str]()
    if results is not None and results.anonymous:
        names = Names() if names is None else names
        naming, known = Naming(names), names.by_identity()

    def tell(event: BatchEvent) -> None:
        nonlocal most_workers
        if isinstance(event, WorkerLost):
            roll_call.lost(event.worker)
        if isinstance(event, WorkerEvent):
            most_workers = max(most_workers, event.counts.num_ready)
        if naming:
            naming.hear(event)
        if watch:
            watch.hear(event)
        if on_event:
            on_event(event)

    def refuse(worker: int, reason: str) -> None:
        pool.bench(worker)
        tell(WorkerRefused(worker=worker, reason=reason))

    called = listed if naming is None else naming.listed(listed)
    joiner = Joiner(called if isinstance(called, Sequence) else [*called], on_event=tell) if join else None
    schedule = Schedule(
        called if joiner is None else joiner.alone(),
        last=last,
        on_event=tell,
        known=None if naming is None else naming.known,
    )
    source: TaskSource = schedule if joiner is None else joiner.before(schedule)
    if isinstance(films, Watched):
        assert not join, "files of a recording may still come"
        source = watch = Watch(films, schedule, on_event=tell, naming=naming)
    roll_call = RollCall(
        source, on_resolved=lambda execution: tell(ExecutionResolved(execution=execution)), on_refused=refuse
    )
    spec = WorkerSpec(
        factory=Worker,
        arguments={
            "settings": settings,
            "results": None if results is None else results.for_workers(),
            "owner": owner,
            "span_s": span_s,
            "estimates": estimates,
            "names": known,
            "is_watch": isinstance(films, Watched),
        },
        resources=GPU_WORKER if settings.device == "cuda" else CPU_WORKER,
        max_workers=num_workers or MAX_WORKERS,
    )
    try:
        with watch or contextlib.nullcontext(), Pool(spec, on_event=tell) as pool:
            pool.run(roll_call)
    finally:  # else the next run would wait for the chunks in flight
        Leases(settings.store_root, owner=owner).release_own()
    return Summary(
        counts=schedule.counts,
        seconds_by_stage=dict(roll_call.seconds),
        num_workers=most_workers,
        execution=roll_call.execution,
        num_duplicates=schedule.num_duplicates,
    )


def _num_places(cluster: "Cluster", settings: Settings, num_workers: int | None) -> int:
    """How many workers there would be. Surveys are over before all of them have started."""
    is_cuda = settings.for_workers(has_gpu=cluster.num_gpus > 0).device == "cuda"
    places = cluster.num_gpus / GPU_WORKER.num_gpus if is_cuda else cluster.num_cpus
    return min(int(places), num_workers or MAX_WORKERS)
