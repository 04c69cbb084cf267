"""A pool of Ray actors that do tasks: it starts them, hands them work, and outlives them. It knows nothing of films.

What is to be done is decided by a `Source`, which is asked for work and told of everything; it holds all tasks, the
pool only those in flight: one that runs on each worker and at most one queued behind it. No call is retried by Ray
(a call to a lost actor can hang there): a worker that dies, hangs or loses its node is killed and another takes its
place. Wherever the cluster has room workers are added up to a limit, also when a node comes later.
"""

import contextlib
import os
import pickle
import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self

from vtn_stream.errors import VtnStreamError, printable

__all__ = [
    "ClusterError",
    "Event",
    "Failure",
    "NoRoom",
    "Pool",
    "Source",
    "Task",
    "WorkerCounts",
    "WorkerKind",
    "WorkerLost",
    "WorkerRetired",
    "WorkerStarted",
]

TICK_S = 0.1  # how often deadlines, room and idle workers are looked at: far below any deadline
# How long all may wait for room: a node that is restarted is back in one to two minutes.
PATIENCE_S = 150.0
# A worker that waits longer than this has no room, and others may make way for it: Ray starts a process in 1 to 3 s,
# and it imports this package, perhaps over a network.
ROOM_S = 15.0
# Waiting workers of a kind: a new node is filled at once, and an autoscaler is not asked for a whole data centre.
MAX_WAITING = 16
# Workers that made way for a kind that still found no room: more would not help, someone else holds it.
MAX_MADE_WAY = 4
START_DEADLINE_S = 900.0  # a worker may fetch its weights first
# Failed starts in a row that end the run: once is an accident, three times in a row is the arguments.
MAX_FAILED_STARTS = 3
FAILED_START_PAUSE_S = 1.0  # doubled with each failure in a row, 64 s at most
# Workers with tasks shorter than this get the next one early: the round trip is a part of their time. Behind a
# longer task, the next would only wait while other workers idle at the end of a run.
QUEUE_BELOW_S = 5.0
IDLE_CHECK_S = 5.0  # how often an idle worker is asked whether it lives
TRUSTED_S = 1.0  # a worker that idled longer is asked before it gets a task: else a task it never saw would fail
# For answers that cost nothing. Ray ends the calls to a node that fell silent after about 65 s, by its own checks.
ANSWER_DEADLINE_S = 30.0

FailureKind = Literal["raised", "worker died", "deadline", "node lost", "out of memory"]


class ClusterError(VtnStreamError):
    """The Ray cluster has no room for the workers, or they cannot start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerKind:
    """Workers that are alike: instances of factory(**arguments), each on some node with these resources.

    factory: any class that pickles; its methods do the tasks. max_workers: fewer where the cluster has no room.
    """

    name: str
    factory: type
    arguments: Mapping[str, Any] = field(default_factory=dict)
    num_cpus: float = 1
    num_gpus: float = 0
    memory_bytes: int | None = None
    max_workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One call of a worker's method. name: what users read. deadline_s: counts from when it begins to run."""

    name: str
    method: str
    args: tuple[Any, ...] = ()
    deadline_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a task or a worker failed, in one line. error: what the method raised, where it pickles."""

    kind: FailureKind
    reason: str
    error: Exception | None = None


class Source(Protocol):
    """Decides what is done. It is called from the thread that runs the pool, and should answer at once."""

    def next(self, kind: str, worker: int) -> Task | None:
        """What this worker should do next; None: nothing now, it will be asked again. Numbers are never reused."""

    def done(self, task: Task, value: Any, worker: int, seconds: float) -> None:
        """The task gave this value in so many seconds on the worker."""

    def failed(self, task: Task, failure: Failure, worker: int) -> None:
        """The task failed while it ran. Whether it is tried again is up to the source."""

    def returned(self, task: Task) -> None:
        """The task never began, as its worker was lost before: it should be offered again and is not to blame."""

    def finished(self) -> bool:
        """Nothing is left to be done. Tasks still in flight are abandoned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerCounts:
    """The workers of a kind. num_ready: can work now; the others count all since the pool was made."""

    num_ready: int
    num_started: int
    num_lost: int
    num_replaced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something about the workers of a kind changed."""

    kind: str
    counts: WorkerCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted(Event):
    """A worker is ready for its first task."""

    worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLost(Event):
    """A worker is gone, or could not start."""

    worker: int
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRetired(Event):
    """A worker made way for a kind that had none."""

    worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRoom(Event):
    """The cluster has no room for more workers now; they are started when it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a call gave. reason: set if it raised; error: what it raised, pickled, empty if it does not pickle."""

    value: Any = None
    seconds: float = 0.0
    reason: str = ""
    error: bytes = b""


class _Host:
    """The actor: it holds the factory's instance. What that raises is an answer, so that Ray's errors mean deaths."""

    def where(self) -> str:
        import ray

        return str(ray.get_runtime_context().get_node_id())

    def live(self) -> None:
        pass

    def build(self, factory: type, arguments: Mapping[str, Any]) -> _Answer:
        def make() -> None:
            self._instance = factory(**arguments)

        return self._answer(make)

    def call(self, method: str, args: tuple[Any, ...]) -> _Answer:
        return self._answer(lambda: getattr(self._instance, method)(*args))

    def _answer(self, work: Callable[[], Any]) -> _Answer:
        begin = time.perf_counter()
        try:
            value = work()
        except Exception as error:
            error.__traceback__ = None
            pickled = b""
            with contextlib.suppress(Exception):
                pickled = pickle.dumps(error)
            return _Answer(seconds=time.perf_counter() - begin, reason=_one_line(error), error=pickled)
        return _Answer(value=value, seconds=time.perf_counter() - begin)


@dataclass(slots=True, kw_only=True, eq=False)
class _Call:
    """A call in flight. since: when it became the first of its worker."""

    what: Literal["where", "build", "live", "task"]
    ref: Any
    limit_s: float
    since: float
    task: Task | None = None

    def is_late(self, now: float) -> bool:
        return now - self.since > self.limit_s


@dataclass(slots=True, kw_only=True, eq=False)
class _Worker:
    """An actor and what it was asked, in order. It waits for room, builds, is ready."""

    number: int
    group: "_Group"
    actor: Any
    state: Literal["waiting", "building", "ready"] = "waiting"
    calls: deque[_Call] = field(default_factory=deque)
    node: str = ""
    free_since: float = 0.0
    last_task_s: float = float("inf")
    leaves: bool = False

    @property
    def num_tasks(self) -> int:
        return sum(call.task is not None for call in self.calls)

    @property
    def is_idle(self) -> bool:
        return self.state == "ready" and not self.num_tasks

    def ask(self, what: Literal["where", "build", "live", "task"], ref: Any, limit_s: float, task: Task | None) -> None:
        self.calls.append(_Call(what=what, ref=ref, limit_s=limit_s, since=time.monotonic(), task=task))


@dataclass(slots=True, kw_only=True, eq=False)
class _Group:
    """The workers of a kind."""

    kind: WorkerKind
    workers: list[_Worker] = field(default_factory=list)
    num_started: int = 0
    num_lost: int = 0
    num_replaced: int = 0
    num_failed_starts: int = 0  # in a row
    num_made_way: int = 0  # since it last had a worker
    not_before: float = 0.0  # no new worker until then
    placed_at: float = 0.0  # when a worker had last found room
    told_no_room: bool = False

    @property
    def placed(self) -> list[_Worker]:
        return [worker for worker in self.workers if worker.state != "waiting"]

    @property
    def waiting(self) -> list[_Worker]:
        return [worker for worker in self.workers if worker.state == "waiting"]

    @property
    def waits_since(self) -> float:
        return min((worker.calls[0].since for worker in self.waiting), default=float("inf"))

    @property
    def needs(self) -> dict[str, float]:
        kind = self.kind
        needs = {"CPU": kind.num_cpus, "GPU": kind.num_gpus, "memory": kind.memory_bytes or 0}
        return {resource: amount for resource, amount in needs.items() if amount}


class Pool:
    """Workers of some kinds on the Ray cluster that the caller is connected to. Closing it kills them.

    on_event: told of every change; what it raises ends the run. patience_s: how long nothing may be done for want of
    room before the run ends.
    """

    def __init__(
        self,
        kinds: Sequence[WorkerKind],
        *,
        on_event: Callable[[Event], None] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        if len({kind.name for kind in kinds}) < len(kinds) or any(kind.max_workers < 1 for kind in kinds):
            raise ValueError("kinds of workers need names of their own and at least one worker each")
        self._groups = [_Group(kind=kind) for kind in kinds]
        self._on_event = on_event
        self._patience_s = patience_s
        self._num_workers_ever = 0
        self._busy_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill all workers, at once, whatever they do."""
        for worker in self._workers():
            self._kill(worker)

    def run(self, source: Source) -> None:
        """Do what the source says until it is finished. The workers stay for another run, those still busy do not.

        Raises ClusterError if there is no room for the workers for patience_s or they cannot start (what a factory
        raised, if it is a VtnStreamError), and whatever the source raises; then all workers are killed.
        """
        ray = _ray()
        try:
            self._busy_at = time.monotonic()
            for group in self._groups:
                group.placed_at = self._busy_at
            next_look = 0.0
            while not source.finished():
                self._hand_out(source)
                if time.monotonic() >= next_look:
                    self._look_after(source)
                    next_look = time.monotonic() + TICK_S
                self._collect(source)
            for worker in self._workers():
                if worker.num_tasks:
                    self._kill(worker)
        except ray.exceptions.RayError as error:
            self.close()
            raise ClusterError(
                f"the Ray cluster does not answer ({type(error).__name__})",
                "the run was stopped; what was done is kept",
                "look at `ray status`, then run the same command again",
            ) from error
        except BaseException:
            self.close()
            raise

    def _workers(self) -> list[_Worker]:
        return [worker for group in self._groups for worker in group.workers]

    # Work

    def _hand_out(self, source: Source) -> None:
        """A task for each idle worker; then one more for those that will soon want it."""
        for num_tasks in (0, 1):
            for worker in self._workers():
                if worker.state != "ready" or worker.leaves or worker.num_tasks != num_tasks:
                    continue
                if num_tasks and worker.last_task_s >= QUEUE_BELOW_S:
                    continue
                task = source.next(worker.group.kind.name, worker.number)
                if task is None:
                    continue
                if not worker.calls and time.monotonic() - worker.free_since > TRUSTED_S:
                    worker.ask("live", worker.actor.live.remote(), ANSWER_DEADLINE_S, None)
                worker.ask("task", worker.actor.call.remote(task.method, task.args), task.deadline_s, task)

    def _collect(self, source: Source) -> None:
        """Wait a little for answers; only the first call of each worker can have one."""
        ray = _ray()
        first = {worker.calls[0].ref: worker for worker in self._workers() if worker.calls}
        if not first:
            time.sleep(TICK_S)
            return
        ready, _ = ray.wait(list(first), num_returns=1, timeout=TICK_S)
        if ready and len(first) > 1:  # all that are there, not only the first
            ready, _ = ray.wait(list(first), num_returns=len(first), timeout=0)
        for ref in ready:
            self._settle(first[ref], source)

    def _settle(self, worker: _Worker, source: Source) -> None:
        ray = _ray()
        call = worker.calls[0]
        try:
            answer = ray.get(call.ref, timeout=ANSWER_DEADLINE_S)
        except (ray.exceptions.RayTaskError, ray.exceptions.RaySystemError) as error:
            # The host catches what methods raise: what remains are arguments and values that do not pickle.
            answer = _Answer(reason=_one_line(getattr(error, "cause", None) or error))
        except ray.exceptions.RayError as error:
            self._lose(worker, _death(error, worker.node), source)
            return
        worker.calls.popleft()
        now = worker.free_since = time.monotonic()
        if worker.calls:
            worker.calls[0].since = now
        failure = _raised(answer) if isinstance(answer, _Answer) and answer.reason else None
        if failure and call.task is None:
            self._lose(worker, failure, source)
        elif call.what == "where":
            worker.node, worker.state = answer, "building"
        elif call.what == "build":
            self._started(worker)
        elif call.task is not None:
            worker.last_task_s = answer.seconds
            if failure:
                source.failed(call.task, failure, worker.number)
            else:
                source.done(call.task, answer.value, worker.number, answer.seconds)

    # Workers

    def _look_after(self, source: Source) -> None:
        now = time.monotonic()
        self._end_late_calls(source, now)
        all_placed = all(group.placed for group in self._groups)
        for worker in self._workers():
            worker.leaves = worker.leaves and not all_placed
            if worker.leaves and not worker.num_tasks:
                self._retire(worker, now)
            elif worker.state == "ready" and not worker.calls and now - worker.free_since > IDLE_CHECK_S:
                worker.ask("live", worker.actor.live.remote(), ANSWER_DEADLINE_S, None)
            if worker.num_tasks or worker.state == "building":
                self._busy_at = now
        for group in self._groups:
            if group.placed:
                group.placed_at, group.num_made_way = now, 0
            self._grow(group, now)
            has_no_room = now - group.waits_since > ROOM_S
            if has_no_room and not group.told_no_room:
                self._tell(NoRoom, group)
            group.told_no_room = has_no_room
            if has_no_room and not group.placed:
                self._ask_to_leave(group, now)
            if now - max(group.placed_at, self._busy_at) > self._patience_s:
                raise self._no_room(group)

    def _end_late_calls(self, source: Source, now: float) -> None:
        late = {
            worker.calls[0].ref: worker for worker in self._workers() if worker.calls and worker.calls[0].is_late(now)
        }
        if not late:
            return
        # The source may have kept us: what has come meanwhile is not late.
        _, refs = _ray().wait(list(late), num_returns=len(late), timeout=0)
        for ref in refs:
            call = late[ref].calls[0]
            failure = Failure(kind="node lost", reason="its node does not answer")
            if call.what != "live":
                verb = "starting" if call.what == "build" else "working"
                failure = Failure(kind="deadline", reason=f"it was still {verb} after {call.limit_s:g} s")
            self._lose(late[ref], failure, source)

    def _grow(self, group: _Group, now: float) -> None:
        """New workers wait in Ray until there is room; first one of each kind, so that no kind starves another."""
        if now < group.not_before or any(worker.is_idle and not worker.leaves for worker in group.workers):
            return  # no use for more
        num_waiting = len(group.waiting)
        if not group.placed:
            num_new = 1 - num_waiting
        elif all(other.placed or now - other.waits_since > ROOM_S for other in self._groups) and not any(
            worker.leaves for worker in self._workers()
        ):
            num_new = min(group.kind.max_workers - len(group.workers), MAX_WAITING - num_waiting)
        else:
            return
        for _ in range(num_new):
            self._start(group)

    def _start(self, group: _Group) -> None:
        kind = group.kind
        options = {"num_cpus": kind.num_cpus, "num_gpus": kind.num_gpus, "memory": kind.memory_bytes}
        # SPREAD: decoding takes whatever its node leaves idle.
        actor = (
            _ray()
            .remote(_Host)
            .options(**options, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD")
            .remote()
        )
        worker = _Worker(number=self._num_workers_ever, group=group, actor=actor)
        self._num_workers_ever += 1
        group.workers.append(worker)
        worker.ask("where", actor.where.remote(), float("inf"), None)
        worker.ask("build", actor.build.remote(kind.factory, dict(kind.arguments)), START_DEADLINE_S, None)

    def _started(self, worker: _Worker) -> None:
        group = worker.group
        worker.state = "ready"
        group.num_failed_starts = 0
        group.num_started += 1
        group.num_replaced += group.num_replaced < group.num_lost
        self._tell(WorkerStarted, group, worker=worker.number)

    def _lose(self, worker: _Worker, failure: Failure, source: Source) -> None:
        """Only the task that ran has failed: what was queued behind it, or behind a question, goes back."""
        group, calls = worker.group, list(worker.calls)
        self._kill(worker)
        if worker.state == "waiting" and failure.kind == "node lost":
            return  # it waited there for room, and goes to wait elsewhere
        if worker.state == "ready":
            group.num_lost += 1
        elif failure.kind != "node lost":
            group.num_failed_starts += 1
            group.not_before = time.monotonic() + FAILED_START_PAUSE_S * 2 ** min(group.num_failed_starts - 1, 6)
        for call in calls[1:]:
            if call.task is not None:
                source.returned(call.task)
        if calls and calls[0].task is not None:
            source.failed(calls[0].task, failure, worker.number)
        self._tell(WorkerLost, group, worker=worker.number, failure=failure)
        if group.num_failed_starts >= MAX_FAILED_STARTS and not any(w.state == "ready" for w in group.workers):
            if isinstance(failure.error, VtnStreamError):
                raise failure.error
            raise ClusterError(
                f'workers for "{group.kind.name}" cannot start: {failure.reason}',
                f"the run was stopped after {group.num_failed_starts} tries; what was done is kept",
                "correct that, then run the same command again",
            )

    def _ask_to_leave(self, group: _Group, now: float) -> None:
        """A kind without any worker gets the place of another's: one that idles, or one of several."""
        if group.num_made_way >= MAX_MADE_WAY or now < group.placed_at + ROOM_S * (group.num_made_way + 1):
            return
        placed = [worker for other in self._groups for worker in other.placed]
        spare = [worker for worker in placed if len(worker.group.placed) > 1]
        spare = [worker for worker in placed if worker.is_idle] or spare
        if spare and not any(worker.leaves for worker in placed) and self._fits_somewhere(group):
            group.num_made_way += 1
            spare[-1].leaves = True

    def _retire(self, worker: _Worker, now: float) -> None:
        self._kill(worker)
        for group in self._groups:
            if group.placed or group is worker.group:  # these would take its place at once
                group.not_before = now + ROOM_S
                for other in group.waiting:
                    self._kill(other)
        self._tell(WorkerRetired, worker.group, worker=worker.number)

    def _fits_somewhere(self, group: _Group) -> bool:
        """Whether some node would have room if it were empty."""
        nodes = [node["Resources"] for node in _ray().nodes() if node["Alive"]]
        return any(all(node.get(name, 0) >= amount for name, amount in group.needs.items()) for node in nodes)

    def _no_room(self, group: _Group) -> ClusterError:
        units = {"CPU": 1, "GPU": 1, "memory": 2**30}
        asked = ", ".join(
            f"{amount / units[name]:g} {'GiB of memory' if name == 'memory' else name}"
            for name, amount in group.needs.items()
        )
        if self._fits_somewhere(group):
            fact, cure = "is free", "wait until others are done, or add a node"
        else:
            fact, cure = "exists", "add such a node, or ask for less"
        return ClusterError(
            f'no node with room for a worker for "{group.kind.name}" {fact} ({asked})',
            f"nothing could be done for {self._patience_s:g} s and the run was stopped; what was done is kept",
            f"{cure}, then run the same command again",
        )

    def _kill(self, worker: _Worker) -> None:
        worker.group.workers.remove(worker)
        ray = _ray()
        if ray.is_initialized():  # else they are gone, and asking would start another cluster
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(worker.actor, no_restart=True)

    def _tell(self, event: Callable[..., Event], group: _Group, **fields: Any) -> None:
        if self._on_event:
            counts = WorkerCounts(
                num_ready=sum(worker.state == "ready" for worker in group.workers),
                num_started=group.num_started,
                num_lost=group.num_lost,
                num_replaced=group.num_replaced,
            )
            self._on_event(event(kind=group.kind.name, counts=counts, **fields))


def _ray() -> Any:
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # Ray would rebuild the environment on every node
    import ray

    return ray


def _raised(answer: _Answer) -> Failure:
    error = None
    with contextlib.suppress(Exception):  # its class may take other arguments than it keeps
        error = pickle.loads(answer.error)
    return Failure(kind="raised", reason=answer.reason, error=error if isinstance(error, Exception) else None)


def _death(error: Exception, node: str) -> Failure:
    """What became of a worker on this node whose call gave one of Ray's errors."""
    errors = _ray().exceptions
    if isinstance(error, errors.OutOfMemoryError):
        return Failure(kind="out of memory", reason="its node ran out of memory")
    if getattr(error, "_actor_init_failed", False):  # our package cannot be imported there; the last line says why
        return Failure(kind="raised", reason=_without_folders(str(error).strip().splitlines()[-1]))
    lost = isinstance(error, errors.ObjectLostError | errors.NodeDiedError | errors.GetTimeoutError)
    lost = lost or "node has died" in str(error)
    if lost or any(known["NodeID"] == node and not known["Alive"] for known in _ray().nodes()):
        return Failure(kind="node lost", reason="its node left the cluster")
    if isinstance(error, errors.RayActorError):
        return Failure(kind="worker died", reason="its process ended unexpectedly")
    return Failure(kind="worker died", reason=_one_line(error))


def _one_line(error: BaseException) -> str:
    text = str(error) if isinstance(error, VtnStreamError) else f"{type(error).__name__}: {error}"
    return _without_folders(text.splitlines()[0])


def _without_folders(line: str) -> str:
    """Of paths only the last part: the line may be kept and shown elsewhere."""
    return printable(re.sub(r"(?<!\w)/(?:[^/\s'\":]+/)+", "", line)[:300])
