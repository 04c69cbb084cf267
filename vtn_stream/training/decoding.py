"""Windows of clips decoded ahead of the training: in processes of their own, each fed by a thread, given in order.

n frames of a window, H x W their size
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vtn_stream.embedding import probe
from vtn_stream.errors import DecodingLost, VideoError
from vtn_stream.film import VideoInfo
from vtn_stream.store import EmbeddingStore
from vtn_stream.video import DecodingProcess, check_unchanged

__all__ = ["ClipDecoders", "Window", "WindowRequest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRequest:
    """Frames of a clip. frames: which, of the film, [n]; size: (H, W) in which they should be decoded."""

    path: Path
    frames: Callable[[VideoInfo], NDArray[np.int64]]
    size: Callable[[VideoInfo], tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window:
    """What was asked for. frames: uint8 [n, H, W, 3]; num_lost: of them, that damage took (they are black)."""

    video: VideoInfo
    frames: NDArray[np.uint8]
    num_lost: int


class ClipDecoders:
    """So many processes that decode; a context manager. What is given depends on the requests alone."""

    def __init__(self, num: int, store: EmbeddingStore) -> None:
        """store: remembers the clocks of films."""
        self._num = num
        self._store = store
        self._processes = [DecodingProcess() for _ in range(num)]
        self._free: SimpleQueue[DecodingProcess] = SimpleQueue()
        for process in self._processes:
            self._free.put(process)
        self._threads = ThreadPoolExecutor(num, "decode")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:  # a thread that waits for one hears that it is gone
            process.close()
        self._threads.shutdown(cancel_futures=True)

    def read(self, requests: Iterable[WindowRequest], *, ahead: int) -> Iterator[Window | VideoError]:
        """The answers in the order of the requests; a clip that cannot be decoded gives its error. ahead: how many
        are decoded, or waited for, at once.
        """
        waiting: deque[Future[Window | VideoError]] = deque()
        todo = iter(requests)
        try:
            while True:
                while len(waiting) < max(ahead, self._num) and (request := next(todo, None)) is not None:
                    waiting.append(self._threads.submit(self._answer, request))
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def _answer(self, request: WindowRequest) -> Window | VideoError:
        process = self._free.get()
        try:
            try:
                return self._decoded(request, process)
            except DecodingLost:  # a new process may do better, as in an analysis
                return self._decoded(request, process)
        except VideoError as error:
            return error
        finally:
            self._free.put(process)

    def _decoded(self, request: WindowRequest, process: DecodingProcess) -> Window:
        video = probe(request.path, self._store, process)
        size = request.size(video)
        wanted, rows = np.unique(request.frames(video), return_inverse=True)
        frames, found = np.zeros((len(wanted), *size, 3), np.uint8), np.zeros(len(wanted), np.bool_)
        for batch in process.frames(video, video.pts[wanted], size):
            frames[batch.items], found[batch.items] = batch.frames, True
        check_unchanged(video)
        return Window(video=video, frames=frames[rows], num_lost=int(np.count_nonzero(~found[rows])))
