"""What a pool of workers and those who use it say to each other: work, failures, and events. It knows neither Ray nor
films.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

__all__ = [
    "Failure",
    "FailureKind",
    "NoRoom",
    "Resources",
    "Task",
    "TaskSource",
    "WorkerCounts",
    "WorkerEvent",
    "WorkerLost",
    "WorkerSpec",
    "WorkerStarted",
]

FailureKind = Literal["raised", "worker died", "deadline", "node lost", "out of memory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a node must have free for a worker. memory_bytes: None if any amount will do."""

    num_cpus: float = 1
    num_gpus: float = 0
    memory_bytes: int | None = None

    @property
    def amounts(self) -> dict[str, float]:
        """The needed amounts by Ray's names, without those that are 0."""
        amounts = {"CPU": self.num_cpus, "GPU": self.num_gpus, "memory": self.memory_bytes or 0}
        return {name: amount for name, amount in amounts.items() if amount}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpec:
    """What the workers of a pool are: instances of factory(**arguments), each on some node with these resources.

    factory: any class that pickles; its methods do the tasks. max_workers: fewer where the cluster has no room.
    """

    factory: type
    arguments: Mapping[str, Any] = field(default_factory=dict)
    resources: Resources = Resources()
    max_workers: int

    def __post_init__(self) -> None:
        if self.max_workers < 1:
            raise ValueError(f"a pool of {self.max_workers} workers does nothing")


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


class TaskSource(Protocol):
    """Decides what the workers do. It is called from the thread that runs the pool, and should answer at once."""

    def next(self, worker: int) -> Task | None:
        """What this worker should do next; None: nothing now, it will be asked again. Numbers are never reused."""

    def done(self, task: Task, result: Any, worker: int, seconds: float) -> None:
        """The task's method returned this, after so many seconds on the worker."""

    def failed(self, task: Task, failure: Failure, worker: int) -> None:
        """The task failed while it ran. Whether it is tried again is up to the source."""

    def returned(self, task: Task) -> None:
        """The task never began, as its worker was lost before: it should be offered again and is not to blame."""

    def finished(self) -> bool:
        """Nothing is left to be done. Tasks still in flight are abandoned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerCounts:
    """The workers of a pool. num_ready: can work now; the others count all since the pool was made."""

    num_ready: int
    num_started: int
    num_lost: int
    num_replaced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEvent:
    """Something about the workers changed."""

    counts: WorkerCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted(WorkerEvent):
    """A worker is ready for its first task."""

    worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLost(WorkerEvent):
    """A worker is gone, or could not start."""

    worker: int
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRoom(WorkerEvent):
    """The cluster has no room for more workers now; they start when there is room."""
