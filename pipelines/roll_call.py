"""Which workers take part: those that compute as the first one does. A `TaskSource` before another. It knows no Ray.

Embeddings of equal executions are equal bytes, so that it does not matter which worker computed which chunk. Each new
worker loads its networks before anything else and says how it would compute. The first that does decides for all; one
that would compute in another way (another instruction set, another version) is refused.
"""

from collections.abc import Callable
from typing import Any

from vtn_stream.errors import ClusterError, VtnStreamError

from . import retries
from .messages import ExecutionFields
from .work import Failure, Task, TaskSource

__all__ = ["RollCall"]


class RollCall:
    """Asks each worker how it computes, then passes it on to `source`.

    on_resolved  hears once how all compute
    on_refused   hears of a worker that takes no part, and why
    seconds      that workers took, by what they did
    """

    def __init__(
        self,
        source: TaskSource,
        *,
        on_resolved: Callable[[ExecutionFields], None],
        on_refused: Callable[[int, str], None],
    ) -> None:
        self._source = source
        self._on_resolved = on_resolved
        self._on_refused = on_refused
        self._asked: set[int] = set()
        self._accepted: set[int] = set()
        self._num_failed = 0  # in a row, while no worker worked
        self.execution: ExecutionFields = {}
        self.seconds: dict[str, float] = {}

    def lost(self, worker: int) -> None:
        """Forgets a worker that was lost."""
        self._accepted.discard(worker)

    def next(self, worker: int) -> Task | None:
        if worker in self._accepted:
            return self._source.next(worker)
        if worker in self._asked:
            return None
        self._asked.add(worker)
        return Task(name="load the networks", method="load", deadline_s=retries.LOAD_S)

    def done(self, task: Task, result: Any, worker: int, seconds: float) -> None:
        self.seconds[task.method] = self.seconds.get(task.method, 0.0) + seconds
        if task.method != "load":
            self._source.done(task, result, worker, seconds)
            return
        self._num_failed = 0
        if not self.execution:
            self.execution = result
            self._on_resolved(result)
        differences = [
            f"its {name.replace('_', ' ')} is {result.get(name)}, not {wanted}"
            for name, wanted in self.execution.items()
            if result.get(name) != wanted
        ]
        if differences:
            self._on_refused(worker, "; ".join(differences))
        else:
            self._accepted.add(worker)

    def failed(self, task: Task, failure: Failure, worker: int) -> None:
        if task.method != "load":
            self._source.failed(task, failure, worker)
            return
        if isinstance(failure.error, VtnStreamError) and not self.execution:
            raise failure.error
        self._num_failed += failure.kind != "node lost" and not self._accepted
        if self._num_failed >= retries.MAX_FAILED_LOADS:
            raise ClusterError(
                f"workers cannot load the networks: {failure.reason}",
                f"the run was stopped after {self._num_failed} tries; what was done is kept",
                "correct that, then run the same command again",
            )
        if failure.kind == "raised":  # else it is dead, and another takes its place
            self._on_refused(worker, failure.reason)

    def returned(self, task: Task) -> None:
        if task.method != "load":
            self._source.returned(task)

    def finished(self) -> bool:
        return self._source.finished()
