"""Frames of many films, decoded ahead in several processes, in the order in which they are asked for.

What is decoded depends on the requests alone, not on how many processes there are: consecutive requests of one film
are served by one process, one after the other, and for every other request the film is opened again.

n frames of a request, H x W their size
"""

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import DecodingLost, VideoError
from vtn_stream.film import VideoInfo
from vtn_stream.video.delivery import BATCH_SIZE, NUM_SLOTS
from vtn_stream.video.process import DEADLINE_S, MEMORY_BYTES
from vtn_stream.video.requests import DecodingProcess, check_unchanged

__all__ = ["Decoders", "FrameAnswer", "FrameRequest", "num_decoders"]

# Memory that is reserved for the frames of a batch, so that a film of another size needs no new process: a short side
# of 320 pixels, and a long side of at most eight times as many. What is not written to takes no room.
RESERVE_BYTES = NUM_SLOTS * BATCH_SIZE * 3 * 320 * (8 * 320)
MAX_BYTES = 1 << 30  # of answers that wait: two batches of 16 clips of 64 frames at 320 x 426 are 840 MB
MAX_CHAIN = 16  # requests of one film that one process serves in a row, while others have nothing to do
_AGAIN_S = 0.05  # between two tries to end a process that may just be starting
_CLOSE_S = 10.0  # a thread that waits for a disk that does not answer is left alone then


def num_decoders(*, has_gpu: bool) -> int:
    """How many processes should decode: all cores but one beside a GPU; else one, since the network takes the cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1) if has_gpu else 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameRequest:
    """Some frames of a film.

    video   the film; a path is probed first
    choose  which frames, int64 [n], indices in the file in any order, also repeated; or what gives them. size: (H, W),
            or what gives it. Both may raise VideoError; they are called in another thread
    """

    video: VideoInfo | Path
    choose: NDArray[np.int64] | Callable[[VideoInfo], NDArray[np.int64]]
    size: tuple[int, int] | Callable[[VideoInfo], tuple[int, int]]

    @property
    def path(self) -> Path:
        return self.video if isinstance(self.video, Path) else self.video.path


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameAnswer:
    """The frames that were asked for.

    frames   uint8 [n, H, W, 3] RGB, upright
    indices  int64 [n], which frames of the film these are
    lost     int64, the rows of frames that damage took: they are black
    """

    video: VideoInfo
    frames: NDArray[np.uint8]
    indices: NDArray[np.int64]
    lost: NDArray[np.int64]


class Decoders:
    """So many decoding processes, of one decoder thread each. They start with the first requests; a context manager."""

    def __init__(
        self,
        num: int = 1,
        *,
        probe: Callable[[Path, DecodingProcess], VideoInfo] | None = None,
        max_bytes: int = MAX_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
        deadline_s: float = DEADLINE_S,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        """probe: gives what is known of a film; by default the process is asked each time. It is called in another
        thread. max_bytes: of frames that wait to be taken, about; reserve_bytes: larger frames cost a new process.
        """
        if num < 1:
            raise ValueError(f"{num} processes decode nothing")
        self._max_bytes = max_bytes
        self._feeders = [
            _Feeder(
                DecodingProcess(
                    deadline_s=deadline_s, memory_bytes=memory_bytes, num_threads=1, reserve_bytes=reserve_bytes
                ),
                probe or _probed,
            )
            for _ in range(num)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops the processes, whatever they are doing."""
        for feeder in self._feeders:
            feeder.stop()
        for feeder in self._feeders:
            feeder.close()

    @property
    def pids(self) -> list[int]:
        """The processes that run now."""
        return [pid for feeder in self._feeders if (pid := feeder.process.pid) is not None]

    def read(self, requests: Iterable[FrameRequest], *, ahead: int) -> Iterator[FrameAnswer | VideoError]:
        """The answers in the order of the requests. What cannot be decoded gives its VideoError, or a DecodingLost
        where the process was lost twice. ahead: requests that are decoded, or wait to be taken, beside the current one.
        """
        todo, waiting = iter(requests), deque[_Task]()
        chain, last, largest = 0, None, 0
        try:
            while True:
                while self._has_room(waiting, ahead, largest) and (request := next(todo, None)) is not None:
                    continues = last is not None and request.path == last.request.path and chain < MAX_CHAIN
                    chain = chain + 1 if continues else 1
                    feeder = last.feeder if continues and last is not None else self._idlest(waiting)
                    last = _Task(request=request, feeder=feeder, is_fresh=not continues, answer=Future())
                    waiting.append(last)
                    feeder.feed(last)
                if not waiting:
                    return
                answer = waiting.popleft().answer.result()
                if isinstance(answer, FrameAnswer):
                    largest = max(largest, answer.frames.nbytes)
                yield answer
        finally:
            for task in waiting:
                task.answer.cancel()

    def _has_room(self, waiting: "deque[_Task]", ahead: int, largest: int) -> bool:
        """Whether one more may be decoded. largest: bytes of an answer so far; 0: not known."""
        if not waiting:
            return True
        known = [task.num_bytes for task in waiting]
        largest = max(largest, *(size or 0 for size in known))
        if not largest:
            return len(waiting) < min(max(1, ahead), len(self._feeders))
        taken = sum(largest if size is None else size for size in known)
        return len(waiting) < ahead and taken + largest <= self._max_bytes

    def _idlest(self, waiting: "deque[_Task]") -> "_Feeder":
        """The process with the least to do."""
        return min(self._feeders, key=lambda f: sum(task.feeder is f and not task.answer.done() for task in waiting))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Task:
    """A request that was given to a process. is_fresh: the film is opened again, whatever the process read before."""

    request: FrameRequest
    feeder: "_Feeder"
    is_fresh: bool
    answer: "Future[FrameAnswer | VideoError]"

    @property
    def num_bytes(self) -> int | None:
        """Of the answer; None: not known yet."""
        if not self.answer.done() or self.answer.exception() is not None:
            return None
        answer = self.answer.result()
        return answer.frames.nbytes if isinstance(answer, FrameAnswer) else 0


class _Feeder:
    """A thread that asks one process, request by request."""

    def __init__(self, process: DecodingProcess, probe: Callable[[Path, DecodingProcess], VideoInfo]) -> None:
        self.process = process
        self._probe = probe
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._lock = threading.Lock()  # nothing is fed after the end

    def feed(self, task: _Task) -> None:
        with self._lock:
            if self._is_closed:
                raise RuntimeError("these decoders are closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="decoding", daemon=True)
                self._thread.start()
            self._tasks.put(task)

    def stop(self) -> None:
        """Asks the thread to end."""
        with self._lock:
            self._is_closed = True
            self._tasks.put(None)

    def close(self) -> None:
        """Ends the process, so that the thread that waits for it ends too."""
        until = time.monotonic() + _CLOSE_S
        while self._thread is not None and self._thread.is_alive():
            self.process.kill()
            if time.monotonic() > until:
                return  # its process was killed, and whatever it starts yet it closes when it ends
            self._thread.join(_AGAIN_S)
        self.process.close()

    def _serve(self) -> None:
        while (task := self._tasks.get()) is not None:
            if self._is_closed:
                task.answer.cancel()
            if not task.answer.set_running_or_notify_cancel():
                continue
            try:
                task.answer.set_result(self._answered(task))
            except BaseException as error:  # raised where the answer is taken
                task.answer.set_exception(error)
        self.process.close()

    def _answered(self, task: _Task) -> FrameAnswer | VideoError:
        try:
            try:
                return self._decoded(task.request, is_fresh=task.is_fresh)
            except DecodingLost:  # a new process may do better: something may have killed the last one
                if self._is_closed:
                    raise
                return self._decoded(task.request, is_fresh=True)
        except VideoError as error:
            return error
        except OSError as error:  # its disk fails, or it went while it was looked at
            return VideoError(
                f"{task.request.path.name} cannot be read ({error.strerror})",
                "it was not read",
                "look whether its disk is there",
            )

    def _decoded(self, request: FrameRequest, *, is_fresh: bool) -> FrameAnswer:
        video = request.video if isinstance(request.video, VideoInfo) else self._probe(request.video, self.process)
        indices = np.asarray(request.choose(video) if callable(request.choose) else request.choose, np.int64)
        size = request.size(video) if callable(request.size) else request.size
        if indices.ndim != 1 or np.any(indices < 0) or np.any(indices >= video.num_frames):
            raise ValueError(f"{video.path.name} has {video.num_frames} frames, and others were asked for")
        wanted, rows = np.unique(indices, return_inverse=True)
        frames, found = np.zeros((len(wanted), *size, 3), np.uint8), np.zeros(len(wanted), np.bool_)
        for batch in self.process.frames(video, video.pts[wanted], size, is_fresh=is_fresh):
            frames[batch.items] = batch.frames
            found[batch.items] = True
        check_unchanged(video)
        if len(wanted) < len(indices) or np.any(np.diff(rows) < 0):
            frames = frames[rows]
        return FrameAnswer(video=video, frames=frames, indices=indices, lost=np.flatnonzero(~found[rows]))


def _probed(path: Path, process: DecodingProcess) -> VideoInfo:
    from vtn_stream.video import probe

    return probe(path, process)
