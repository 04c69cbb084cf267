"""What a decoder must do. Each decoder has a module that implements it; it runs in the decoding process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vtn_stream.video.window import Window

__all__ = ["Picture", "Reader", "Source"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a reader needs of VideoInfo: which stream of which file, where decoding can begin, how it is shown.

    pts         of all its frames, for a decoder that knows frames by their number
    packet_pts  of all packets in the file's order, for a file whose timestamps are not taken as they are
    restarts    pts at which the file's own clock had stepped back
    num_unseen  packets that are in no pts: without a time, or not shown
    """

    path: Path
    stream: int
    time_base: Fraction
    rotation: int
    mirrored: bool
    sample_aspect_ratio: Fraction
    keyframes: NDArray[np.int64]
    temporal_layers: int
    field_pictures: bool = False
    pts: NDArray[np.int64] | None = None
    packet_pts: NDArray[np.int64] | None = None
    restarts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    num_unseen: int = 0


class Picture(Protocol):
    """One decoded frame, at its full size until it is resized."""

    def resized(self, window: Window) -> NDArray[np.uint8]:
        """What the window takes of the frame, squashed to its size [H, W, 3] RGB, upright (mirrored and turned as
        asked), bicubic.
        """
        ...

    def thumbnail(self, width: int, window: Window) -> bytes:
        """A JPEG of this width in the shape that it is shown in."""
        ...


class Reader(Protocol):
    """One open film."""

    def frames(self, pts: NDArray[np.int64], alive: Callable[[], None]) -> Iterator[tuple[int, Picture | None]]:
        """(i, picture) for every i of the ascending pts, None if damage took the frame. A picture may be good only
        until the next is asked for.

        Exactly the frames with these timestamps, each once, in any order. A call that asks for later frames
        goes on decoding; alive() is called for every packet, as proof of progress.
        """
        ...

    def close(self) -> None: ...
