"""Frames as they come from the decoding process, in batches, through memory that is shared with it.

It knows what is asked for and how the answer comes; of which film, and how it is read, is the caller's.
"""

import contextlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import DecodingLost
from vtn_stream.film import VideoInfo
from vtn_stream.video import answers
from vtn_stream.video.process import ChildProcess, Request
from vtn_stream.video.ring import batch_bytes, batches_of
from vtn_stream.video.window import Window

__all__ = ["BATCH_SIZE", "FRAME_S", "NUM_SLOTS", "PIXEL_S", "Delivery", "FrameBatch", "Wanted", "patience_for"]

# Three batches of the ring are enough for one to be filled, one to wait and one to be embedded.
NUM_SLOTS = 3
BATCH_SIZE = 64  # frames: some batches of the network for every core; 9 MiB of 224 x 224
MAX_PICTURES = 256  # in a batch, where several windows are taken of each frame; but never fewer than a few frames
LEAST_FRAMES = 8
# An answer may take so long, however busy the process looks: a hundred times what slow machines need. Else a film of
# which every packet takes most of a deadline would last for months.
FRAME_S, PIXEL_S = 0.1, 1e-7  # for every frame of the film, and for every pixel of every frame


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameBatch:
    """Decoded frames.

    frames      uint8 [N, H, W, 3] RGB, upright; a view of shared memory, good until the next batch is asked for
    items       which of the asked timestamps each frame answers, N indices
    lost        indices of timestamps whose frames damage took
    thumbnails  JPEGs by index
    """

    frames: NDArray[np.uint8]
    items: list[int]
    lost: list[int]
    thumbnails: dict[int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wanted:
    """Frames, by their ascending pts [N], and of each what the windows take of it; wants_thumbnail bool [N]. keyframes
    and the rest: what the process needs to read the film.
    """

    pts: NDArray[np.int64]
    windows: Sequence[Window]
    wants_thumbnail: NDArray[np.bool_]
    keyframes: NDArray[np.int64]
    rest: bytes = b""


def patience_for(video: VideoInfo, num_windows: int, deadline_s: float) -> float:
    """Seconds that decoding any of its frames may take in all."""
    return 10 * deadline_s + video.num_frames * (num_windows * FRAME_S + PIXEL_S * video.width * video.height)


class Delivery:
    """From one decoding process.

    most_bytes  of shared memory that may be used: batches get smaller where pictures are large. None: as many as are
                needed, at the price of a new process
    is_needed   whether the process knows what no other does: it is not begun again, and an answer that nobody wants any
                more is heard to its end. Else the process is stopped then

    done  the last message of the last answer, not checked
    """

    def __init__(self, process: ChildProcess, *, most_bytes: int | None = None, is_needed: bool = False) -> None:
        self.done: dict[str, Any] = {}
        self._process = process
        self._most_bytes, self._is_needed = most_bytes, is_needed
        self._ring: NDArray[np.uint8] = np.zeros((0, 0), np.uint8)  # shared with it: [slots, bytes]

    def close(self) -> None:
        """Gives the memory back."""
        self._ring = self._ring[:0]

    def batches(self, request: Request, header: dict[str, Any], wanted: Wanted) -> Generator[tuple[FrameBatch, ...]]:
        """Sends the request, and gives the answer as it comes: a batch for each window, of the same frames."""
        sizes = [window.size for window in wanted.windows]
        batch_size = min(BATCH_SIZE, max(LEAST_FRAMES, MAX_PICTURES // len(sizes)))
        if self._most_bytes is not None:
            batch_size = max(1, min(batch_size, self._most_bytes // (NUM_SLOTS * batch_bytes(1, sizes))))
        ring = batches_of(self._ring_of((NUM_SLOTS, batch_bytes(batch_size, sizes))), batch_size, sizes)
        header |= {
            "slots": NUM_SLOTS,
            "batch": batch_size,
            "windows": wanted.windows,
            "num_keyframes": len(wanted.keyframes),
            "num_wanted": len(wanted.pts),
        }
        payload = wanted.keyframes.tobytes() + wanted.pts.tobytes() + wanted.wants_thumbnail.tobytes() + wanted.rest
        self._process.ask(request, header, payload, anew=not self._is_needed)
        checked = answers.Batches(len(wanted.pts), NUM_SLOTS, batch_size, len(sizes))
        answer = None
        try:
            while (answer := self._next(request, checked)) is not None:
                slot, items, lost, thumbnails = answer
                yield tuple(
                    FrameBatch(frames=pictures[slot, : len(items)], items=items, lost=lost, thumbnails=jpegs)
                    for pictures, jpegs in zip(ring, thumbnails, strict=True)
                )
                if not self._process.is_answering(request):
                    raise RuntimeError("the process got another request before all these frames were taken")
                self._free(request, checked, slot)
        except GeneratorExit:
            with contextlib.suppress(DecodingLost):  # the next request hears of it
                while self._is_needed and answer is not None and self._process.is_answering(request):
                    self._free(request, checked, answer[0])
                    answer = self._next(request, checked)
            raise
        finally:
            if self._process.is_answering(request):  # neither answered in full nor gone
                self._process.stop()

    def _next(
        self, request: Request, checked: answers.Batches
    ) -> tuple[int, list[int], list[int], list[dict[int, bytes]]] | None:
        """Slot, items, lost and thumbnails of the next batch; None after the last."""
        header, payload = self._process.receive(request, {"slot", "done"}, checked.num_wanted)
        with self._process.distrust(request):
            if "done" in header:
                self.done = header
                checked.finish()
                self._process.answered()
                return None
            return checked.take(header, payload)

    def _free(self, request: Request, checked: answers.Batches, slot: int) -> None:
        checked.free(slot)
        self._process.send(request, {"free": slot})

    def _ring_of(self, shape: tuple[int, int]) -> NDArray[np.uint8]:
        """The ring of so many slots, with so many bytes each."""
        if self._ring.shape != shape:
            self._ring = self._process.shared(shape)
        return self._ring
