"""The records of a pool: its workers, the calls that each was given, and what is known of all of them."""

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from .work import Task, WorkerCounts

__all__ = ["Call", "Crew", "PoolWorker"]

Method = Literal["where", "build", "live", "task"]  # of the actor `Host`; task: its `call`


@dataclass(slots=True, kw_only=True, eq=False)
class Call:
    """A call that has no answer yet. since: when it became the first of its worker."""

    what: Method
    ref: Any
    limit_s: float
    since: float
    task: Task | None = None

    def is_late(self, now: float) -> bool:
        return now - self.since > self.limit_s


@dataclass(slots=True, kw_only=True, eq=False)
class PoolWorker:
    """An actor and what it was asked, in order. It waits for room, builds, is ready."""

    number: int
    actor: Any
    state: Literal["waiting", "building", "ready"] = "waiting"
    calls: deque[Call] = field(default_factory=deque)
    node: str = ""
    free_since: float = 0.0
    last_task_s: float = float("inf")
    is_benched: bool = False

    @property
    def num_tasks(self) -> int:
        return sum(call.task is not None for call in self.calls)

    @property
    def is_idle(self) -> bool:
        return self.state == "ready" and not self.num_tasks and not self.is_benched

    @property
    def is_placed(self) -> bool:
        return self.state != "waiting" and not self.is_benched

    def ask(self, what: Method, ref: Any, limit_s: float, task: Task | None) -> None:
        self.calls.append(Call(what=what, ref=ref, limit_s=limit_s, since=time.monotonic(), task=task))


@dataclass(slots=True, kw_only=True, eq=False)
class Crew:
    """All workers of a pool, in the order in which they were started."""

    _workers: list[PoolWorker] = field(default_factory=list)
    num_started: int = 0
    num_lost: int = 0
    num_replaced: int = 0
    num_failed_starts: int = 0  # in a row
    not_before: float = 0.0  # no new worker until then
    has_no_room: bool = False

    def add(self, worker: PoolWorker) -> None:
        self._workers.append(worker)

    def remove(self, worker: PoolWorker) -> None:
        self._workers.remove(worker)

    @property
    def workers(self) -> tuple[PoolWorker, ...]:
        """A copy of the list: workers may go while the caller looks at it."""
        return tuple(self._workers)

    @property
    def placed(self) -> list[PoolWorker]:
        return [worker for worker in self._workers if worker.is_placed]

    @property
    def waiting(self) -> list[PoolWorker]:
        return [worker for worker in self._workers if worker.state == "waiting"]

    @property
    def waits_since(self) -> float:
        return min((worker.calls[0].since for worker in self.waiting), default=float("inf"))

    @property
    def counts(self) -> WorkerCounts:
        return WorkerCounts(
            num_ready=sum(worker.state == "ready" for worker in self.placed),
            num_started=self.num_started,
            num_lost=self.num_lost,
            num_replaced=self.num_replaced,
        )
