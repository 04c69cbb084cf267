"""What runs on the nodes for a pool: an actor that holds one worker, and what the answers of its calls mean."""

import contextlib
import pickle
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vtn_stream.errors import VtnStreamError, printable

from .connection import import_ray
from .work import Failure

__all__ = ["Answer", "Host", "one_line", "task_failure", "worker_failure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a call gave. reason: set if it raised; error: what it raised, pickled, empty if it does not pickle."""

    result: Any = None
    seconds: float = 0.0
    reason: str = ""
    error: bytes = b""


class Host:
    """The actor, which holds the factory's instance. What the instance raises is an answer, so Ray's errors mean
    deaths.
    """

    def where(self) -> str:
        import ray

        return str(ray.get_runtime_context().get_node_id())

    def live(self) -> None:
        pass

    def build(self, factory: type, arguments: Mapping[str, Any]) -> Answer:
        def make() -> None:
            self._instance = factory(**arguments)

        return self._answer(make)

    def call(self, method: str, args: tuple[Any, ...]) -> Answer:
        return self._answer(lambda: getattr(self._instance, method)(*args))

    def _answer(self, work: Callable[[], Any]) -> Answer:
        begin = time.perf_counter()
        try:
            result = work()
        except Exception as error:  # whatever it is: the worker lives on
            error.__traceback__ = None
            pickled = b""
            with contextlib.suppress(Exception):
                pickled = pickle.dumps(error)
            return Answer(seconds=time.perf_counter() - begin, reason=one_line(error), error=pickled)
        return Answer(result=result, seconds=time.perf_counter() - begin)


def task_failure(answer: Answer) -> Failure:
    """The failure of a task whose method raised this."""
    error = None
    with contextlib.suppress(Exception):  # its class may take other arguments than it keeps
        error = pickle.loads(answer.error)  # of our own worker, as all that Ray hands us is
    return Failure(kind="raised", reason=answer.reason, error=error if isinstance(error, Exception) else None)


def worker_failure(error: Exception, node: str) -> Failure:
    """The failure of a worker on this node whose call gave one of Ray's errors."""
    errors = import_ray().exceptions
    if isinstance(error, errors.OutOfMemoryError):
        return Failure(kind="out of memory", reason="its node ran out of memory")
    if getattr(error, "_actor_init_failed", False):  # our package cannot be imported there; the last line says why
        return Failure(kind="raised", reason=_without_folders(str(error).strip().splitlines()[-1]))
    lost = isinstance(error, errors.ObjectLostError | errors.NodeDiedError | errors.GetTimeoutError)
    lost = lost or "node has died" in str(error)
    if lost or any(known["NodeID"] == node and not known["Alive"] for known in import_ray().nodes()):
        return Failure(kind="node lost", reason="its node left the cluster")
    if isinstance(error, errors.RayActorError):
        return Failure(kind="worker died", reason="its process ended unexpectedly")
    return Failure(kind="worker died", reason=one_line(error))


def one_line(error: BaseException) -> str:
    text = str(error) if isinstance(error, VtnStreamError) else f"{type(error).__name__}: {error}"
    return _without_folders(text.splitlines()[0])


def _without_folders(line: str) -> str:
    """The line with only the last part of each path: it may be kept and shown elsewhere."""
    return printable(re.sub(r"(?<!\w)/(?:[^/\s'\":]+/)+", "", line)[:300])
