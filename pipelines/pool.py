"""A pool of Ray actors that do tasks: it starts them, hands them work, and outlives them. It knows nothing of films.

What is to be done is decided by a `Source`, which is asked for work and told of everything; it holds all tasks, the
pool only those in flight: one that runs on each worker and at most one queued behind it. No call is retried by Ray
(a call to a lost actor can hang there): a worker that dies, hangs or loses its node is killed and another takes its
place. Wherever the cluster has room workers are added up to a limit, also when a node comes later.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

from vtn_stream.errors import ClusterError, VtnStreamError

from .actor import Answer, Host, death, one_line, raised
from .connection import import_ray
from .crew import Group, PoolWorker
from .work import Event, Failure, NoRoom, Source, WorkerKind, WorkerLost, WorkerRetired, WorkerStarted

__all__ = ["Pool"]

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
        self._groups = [Group(kind=kind) for kind in kinds]
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

    def bench(self, number: int) -> None:
        """This worker gets no more tasks. It keeps its place, where another would be no better."""
        for worker in self._workers():
            if worker.number == number:
                worker.is_benched = True

    def run(self, source: Source) -> None:
        """Do what the source says until it is finished. The workers stay for another run, those still busy do not.

        Raises ClusterError if there is no room for the workers for patience_s or they cannot start (what a factory
        raised, if it is a VtnStreamError), and whatever the source raises; then all workers are killed.
        """
        ray = import_ray()
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

    def _workers(self) -> list[PoolWorker]:
        return [worker for group in self._groups for worker in group.workers]

    # Work

    def _hand_out(self, source: Source) -> None:
        """A task for each idle worker; then one more for those that will soon want it."""
        for num_tasks in (0, 1):
            for worker in self._workers():
                if worker.state != "ready" or worker.leaves or worker.is_benched or worker.num_tasks != num_tasks:
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
        ray = import_ray()
        first = {worker.calls[0].ref: worker for worker in self._workers() if worker.calls}
        if not first:
            time.sleep(TICK_S)
            return
        ready, _ = ray.wait(list(first), num_returns=1, timeout=TICK_S)
        if ready and len(first) > 1:  # all that are there, not only the first
            ready, _ = ray.wait(list(first), num_returns=len(first), timeout=0)
        for ref in ready:
            self._settle(first[ref], source)

    def _settle(self, worker: PoolWorker, source: Source) -> None:
        ray = import_ray()
        call = worker.calls[0]
        try:
            answer = ray.get(call.ref, timeout=ANSWER_DEADLINE_S)
        except (ray.exceptions.RayTaskError, ray.exceptions.RaySystemError) as error:
            # The host catches what methods raise: what remains are arguments and values that do not pickle.
            answer = Answer(reason=one_line(getattr(error, "cause", None) or error))
        except ray.exceptions.RayError as error:
            self._lose(worker, death(error, worker.node), source)
            return
        worker.calls.popleft()
        now = worker.free_since = time.monotonic()
        if worker.calls:
            worker.calls[0].since = now
        failure = raised(answer) if isinstance(answer, Answer) and answer.reason else None
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
        _, refs = import_ray().wait(list(late), num_returns=len(late), timeout=0)
        for ref in refs:
            call = late[ref].calls[0]
            failure = Failure(kind="node lost", reason="its node does not answer")
            if call.what != "live":
                verb = "starting" if call.what == "build" else "working"
                failure = Failure(kind="deadline", reason=f"it was still {verb} after {call.limit_s:g} s")
            self._lose(late[ref], failure, source)

    def _grow(self, group: Group, now: float) -> None:
        """New workers wait in Ray until there is room; first one of each kind, so that no kind starves another."""
        if now < group.not_before or any(worker.is_idle and not worker.leaves for worker in group.workers):
            return  # no use for more
        num_waiting = len(group.waiting)
        if not group.placed:
            num_new = 1 - num_waiting
        elif all(other.placed or now - other.waits_since > ROOM_S for other in self._groups) and not any(
            worker.leaves for worker in self._workers()
        ):
            num_wanted = group.kind.max_workers - len(group.placed) - num_waiting
            num_new = min(num_wanted, MAX_WAITING - num_waiting)
        else:
            return
        for _ in range(num_new):
            self._start(group)

    def _start(self, group: Group) -> None:
        kind = group.kind
        options = {"num_cpus": kind.num_cpus, "num_gpus": kind.num_gpus, "memory": kind.memory_bytes}
        # SPREAD: decoding takes whatever its node leaves idle.
        actor = (
            import_ray()
            .remote(Host)
            .options(**options, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD")
            .remote()
        )
        worker = PoolWorker(number=self._num_workers_ever, group=group, actor=actor)
        self._num_workers_ever += 1
        group.workers.append(worker)
        worker.ask("where", actor.where.remote(), float("inf"), None)
        worker.ask("build", actor.build.remote(kind.factory, dict(kind.arguments)), START_DEADLINE_S, None)

    def _started(self, worker: PoolWorker) -> None:
        group = worker.group
        worker.state = "ready"
        group.num_failed_starts = 0
        group.num_started += 1
        group.num_replaced += group.num_replaced < group.num_lost
        self._tell(WorkerStarted, group, worker=worker.number)

    def _lose(self, worker: PoolWorker, failure: Failure, source: Source) -> None:
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

    def _ask_to_leave(self, group: Group, now: float) -> None:
        """A kind without any worker gets the place of another's: one that idles, or one of several."""
        if group.num_made_way >= MAX_MADE_WAY or now < group.placed_at + ROOM_S * (group.num_made_way + 1):
            return
        placed = [worker for other in self._groups for worker in other.placed]
        spare = [worker for worker in placed if len(worker.group.placed) > 1]
        spare = [worker for worker in placed if worker.is_idle] or spare
        if spare and not any(worker.leaves for worker in placed) and self._fits_somewhere(group):
            group.num_made_way += 1
            spare[-1].leaves = True

    def _retire(self, worker: PoolWorker, now: float) -> None:
        self._kill(worker)
        for group in self._groups:
            if group.placed or group is worker.group:  # these would take its place at once
                group.not_before = now + ROOM_S
                for other in group.waiting:
                    self._kill(other)
        self._tell(WorkerRetired, worker.group, worker=worker.number)

    def _fits_somewhere(self, group: Group) -> bool:
        """Whether some node would have room if it were empty."""
        nodes = [node["Resources"] for node in import_ray().nodes() if node["Alive"]]
        return any(all(node.get(name, 0) >= amount for name, amount in group.needs.items()) for node in nodes)

    def _no_room(self, group: Group) -> ClusterError:
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

    def _kill(self, worker: PoolWorker) -> None:
        worker.group.workers.remove(worker)
        ray = import_ray()
        if ray.is_initialized():  # else they are gone, and asking would start another cluster
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(worker.actor, no_restart=True)

    def _tell(self, event: Callable[..., Event], group: Group, **fields: Any) -> None:
        if self._on_event:
            self._on_event(event(kind=group.kind.name, counts=group.counts, **fields))
