"""A pool of Ray actors that do tasks: it starts them, gives them work, and survives their death. It knows nothing of
films.

All workers are alike. A `TaskSource` decides what is done: it is asked for work and gets the outcome; it holds all
tasks, the pool only those in flight: one that runs on each worker and at most one queued behind it. No call is retried
by Ray (a call to a lost actor can hang there): a worker that dies, hangs or loses its node is killed and another takes
its place. Wherever the cluster has room, workers are added up to a limit, also when nodes come later.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Self

from vtn_stream.errors import ClusterError, VtnStreamError

from . import retries
from .actor import Answer, Host, one_line, task_failure, worker_failure
from .connection import import_ray
from .crew import Crew, PoolWorker
from .work import Failure, NoRoom, TaskSource, WorkerEvent, WorkerLost, WorkerSpec, WorkerStarted

__all__ = ["Pool"]

TICK_S = 0.1  # how often deadlines, room and idle workers are looked at: far below any deadline
# Waiting workers: a new node is filled at once, and an autoscaler is not asked for a whole data centre.
MAX_WAITING = 16
# Workers with tasks shorter than this get the next one early: the round trip is a part of their time. Behind a
# longer task, the next would only wait while other workers idle at the end of a run.
QUEUE_BELOW_S = 5.0


class Pool:
    """Workers on the Ray cluster that the caller is connected to. Closing it kills them.

    spec        what the workers are, and at most how many
    on_event    hears of every change; what it raises ends the run
    patience_s  how long nothing may be done for want of room before the run ends
    """

    def __init__(
        self,
        spec: WorkerSpec,
        *,
        on_event: Callable[[WorkerEvent], None] | None = None,
        patience_s: float = retries.PATIENCE_S,
    ) -> None:
        self._spec = spec
        self._crew = Crew()
        self._on_event = on_event
        self._patience_s = patience_s
        self._num_workers_ever = 0
        self._busy_at = 0.0  # when something was last done, or a worker had found room

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Kills all workers at once, whatever they are doing."""
        for worker in self._crew.workers:
            self._kill(worker)

    def bench(self, number: int) -> None:
        """This worker gets no more tasks. It keeps its place, where another would be no better."""
        for worker in self._crew.workers:
            if worker.number == number:
                worker.is_benched = True

    def run(self, source: TaskSource) -> None:
        """Runs the tasks of the source until it is finished. The workers stay for another run, but not those still
        busy.

        Raises ClusterError if there is no room for the workers for patience_s or they cannot start (what a factory
        raised, if it is a VtnStreamError), and whatever the source raises; then all workers are killed.
        """
        ray = import_ray()
        try:
            self._busy_at = time.monotonic()
            next_look = 0.0
            while not source.finished():
                self._hand_out(source)
                if time.monotonic() >= next_look:
                    self._look_after(source)
                    next_look = time.monotonic() + TICK_S
                self._collect(source)
            for worker in self._crew.workers:
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

    # Work

    def _hand_out(self, source: TaskSource) -> None:
        """Gives each idle worker a task; then one more to those that will soon need it."""
        for num_tasks in (0, 1):
            for worker in self._crew.workers:
                if worker.state != "ready" or worker.is_benched or worker.num_tasks != num_tasks:
                    continue
                if num_tasks and worker.last_task_s >= QUEUE_BELOW_S:
                    continue
                task = source.next(worker.number)
                if task is None:
                    continue
                if not worker.calls and time.monotonic() - worker.free_since > retries.TRUSTED_S:
                    worker.ask("live", worker.actor.live.remote(), retries.ANSWER_S, None)
                worker.ask("task", worker.actor.call.remote(task.method, task.args), task.deadline_s, task)

    def _collect(self, source: TaskSource) -> None:
        """Waits a little for answers; only the first call of each worker can have one."""
        ray = import_ray()
        first = {worker.calls[0].ref: worker for worker in self._crew.workers if worker.calls}
        if not first:
            time.sleep(TICK_S)
            return
        ready, _ = ray.wait(list(first), num_returns=1, timeout=TICK_S)
        if ready and len(first) > 1:  # all that are there, not only the first
            ready, _ = ray.wait(list(first), num_returns=len(first), timeout=0)
        for ref in ready:
            self._settle(first[ref], source)

    def _settle(self, worker: PoolWorker, source: TaskSource) -> None:
        ray = import_ray()
        call = worker.calls[0]
        try:
            answer = ray.get(call.ref, timeout=retries.ANSWER_S)
        except (ray.exceptions.RayTaskError, ray.exceptions.RaySystemError) as error:
            # The host catches what methods raise: what remains are arguments and values that do not pickle.
            answer = Answer(reason=one_line(getattr(error, "cause", None) or error))
        except ray.exceptions.RayError as error:
            self._lose(worker, worker_failure(error, worker.node), source)
            return
        worker.calls.popleft()
        now = worker.free_since = time.monotonic()
        if worker.calls:
            worker.calls[0].since = now
        failure = task_failure(answer) if isinstance(answer, Answer) and answer.reason else None
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
                source.done(call.task, answer.result, worker.number, answer.seconds)

    # Workers

    def _look_after(self, source: TaskSource) -> None:
        now = time.monotonic()
        self._end_late_calls(source, now)
        crew = self._crew
        for worker in crew.workers:
            if worker.state == "ready" and not worker.calls and now - worker.free_since > retries.IDLE_CHECK_S:
                worker.ask("live", worker.actor.live.remote(), retries.ANSWER_S, None)
        if crew.placed or any(worker.num_tasks or worker.state == "building" for worker in crew.workers):
            self._busy_at = now
        self._grow(now)
        has_no_room = now - crew.waits_since > retries.ROOM_S
        if has_no_room and not crew.has_no_room:
            self._emit(NoRoom(counts=crew.counts))
        crew.has_no_room = has_no_room
        if now - self._busy_at > self._patience_s:
            raise self._no_room()

    def _end_late_calls(self, source: TaskSource, now: float) -> None:
        late = {
            worker.calls[0].ref: worker
            for worker in self._crew.workers
            if worker.calls and worker.calls[0].is_late(now)
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

    def _grow(self, now: float) -> None:
        """New workers wait in Ray until there is room: one, and when it has found some, more."""
        crew = self._crew
        if now < crew.not_before or any(worker.is_idle for worker in crew.workers):
            return  # no use for more
        max_waiting = MAX_WAITING if crew.placed else 1
        num_waiting = len(crew.waiting)
        for _ in range(min(self._spec.max_workers - len(crew.placed), max_waiting) - num_waiting):
            self._start()

    def _start(self) -> None:
        spec, resources = self._spec, self._spec.resources
        options = {"num_cpus": resources.num_cpus, "num_gpus": resources.num_gpus, "memory": resources.memory_bytes}
        # SPREAD: decoding takes whatever its node leaves idle.
        actor = (
            import_ray()
            .remote(Host)
            .options(**options, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD")
            .remote()
        )
        worker = PoolWorker(number=self._num_workers_ever, actor=actor)
        self._num_workers_ever += 1
        self._crew.add(worker)
        worker.ask("where", actor.where.remote(), float("inf"), None)
        worker.ask("build", actor.build.remote(spec.factory, dict(spec.arguments)), retries.START_S, None)

    def _started(self, worker: PoolWorker) -> None:
        crew = self._crew
        worker.state = "ready"
        crew.num_failed_starts = 0
        crew.num_started += 1
        crew.num_replaced += crew.num_replaced < crew.num_lost
        self._emit(WorkerStarted(counts=crew.counts, worker=worker.number))

    def _lose(self, worker: PoolWorker, failure: Failure, source: TaskSource) -> None:
        """Removes a lost worker. Only the task that ran has failed: what was queued behind it, or behind a question,
        goes back.
        """
        crew, calls = self._crew, list(worker.calls)
        self._kill(worker)
        if worker.state == "waiting" and failure.kind == "node lost":
            return  # it waited there for room, and goes to wait elsewhere
        if worker.state == "ready":
            crew.num_lost += 1
        elif failure.kind != "node lost":
            crew.num_failed_starts += 1
            crew.not_before = time.monotonic() + retries.FAILED_START_PAUSE_S * 2 ** min(crew.num_failed_starts - 1, 6)
        for call in calls[1:]:
            if call.task is not None:
                source.returned(call.task)
        if calls and calls[0].task is not None:
            source.failed(calls[0].task, failure, worker.number)
        self._emit(WorkerLost(counts=crew.counts, worker=worker.number, failure=failure))
        if crew.num_failed_starts >= retries.MAX_FAILED_STARTS and not any(
            other.state == "ready" for other in crew.workers
        ):
            if isinstance(failure.error, VtnStreamError):
                raise failure.error
            raise ClusterError(
                f"workers cannot start: {failure.reason}",
                f"the run was stopped after {crew.num_failed_starts} tries; what was done is kept",
                "correct that, then run the same command again",
            )

    def _no_room(self) -> ClusterError:
        needs = self._spec.resources.amounts
        units = {"CPU": 1, "GPU": 1, "memory": 2**30}
        asked = ", ".join(
            f"{amount / units[name]:g} {'GiB of memory' if name == 'memory' else name}"
            for name, amount in needs.items()
        )
        nodes = [node["Resources"] for node in import_ray().nodes() if node["Alive"]]
        if any(all(node.get(name, 0) >= amount for name, amount in needs.items()) for node in nodes):
            fact, cure = "is free", "wait until others are done, or add a node"
        else:
            fact, cure = "exists", "add such a node, or ask for less"
        return ClusterError(
            f"no node with room for a worker {fact} ({asked})",
            f"nothing could be done for {self._patience_s:g} s and the run was stopped; what was done is kept",
            f"{cure}, then run the same command again",
        )

    def _kill(self, worker: PoolWorker) -> None:
        self._crew.remove(worker)
        ray = import_ray()
        if ray.is_initialized():  # else they are gone, and asking would start another cluster
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(worker.actor, no_restart=True)

    def _emit(self, event: WorkerEvent) -> None:
        if self._on_event:
            self._on_event(event)
