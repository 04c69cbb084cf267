"""What is kept of all positions that came: their clock and their scores, in arrays that grow.

T positions so far, K labels
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import FrameIndex

__all__ = ["Grown"]

T = TypeVar("T", bound=np.generic)


class Grown:
    """frame float16 [T, K], 0 where nothing was put yet, and labels int16 [T], -1 there. 27 + 2 K bytes a position, and
    at most twice that.
    """

    def __init__(self, num_labels: int) -> None:
        self._num = 0
        self._grid_s, self._pts_s = np.zeros(0), np.zeros(0)
        self._frame_of = np.zeros(0, np.int64)
        self._valid = np.zeros(0, np.bool_)
        self._frame = np.zeros((0, num_labels), np.float16)
        self._labels = np.zeros(0, np.int16)

    def __len__(self) -> int:
        return self._num

    def add(self, index: FrameIndex) -> None:
        """The positions that follow."""
        num = self._num + len(index)
        if num > len(self._valid):
            room = max(1024, 2 * num) - self._num
            self._grid_s = _longer(self._grid_s[: self._num], room, 0)
            self._pts_s = _longer(self._pts_s[: self._num], room, 0)
            self._frame_of = _longer(self._frame_of[: self._num], room, 0)
            self._valid = _longer(self._valid[: self._num], room, 0)
            self._frame = _longer(self._frame[: self._num], room, 0)
            self._labels = _longer(self._labels[: self._num], room, -1)
        new = slice(self._num, num)
        self._grid_s[new], self._pts_s[new] = index.grid_s, index.pts_s
        self._frame_of[new], self._valid[new] = index.frame, index.valid
        self._num = num

    def index(self, first: int = 0, stop: int | None = None) -> FrameIndex:
        """Of positions [first, stop), by default all."""
        rows = slice(first, self._num if stop is None else stop)
        return FrameIndex(
            grid_s=self._grid_s[rows], frame=self._frame_of[rows], pts_s=self._pts_s[rows], valid=self._valid[rows]
        )

    @property
    def frame(self) -> NDArray[np.float16]:
        return self._frame[: self._num]

    @property
    def labels(self) -> NDArray[np.int16]:
        return self._labels[: self._num]


def _longer(array: NDArray[T], more: int, value: int) -> NDArray[T]:
    return np.concatenate([array, np.full((more, *array.shape[1:]), value, array.dtype)])
