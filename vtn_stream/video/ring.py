"""The shared memory in which frames come from the decoding process. It lies in an unnamed file: however either
process ends, nothing stays behind.
"""

import fcntl
import math
import mmap
import os
import sys
import tempfile
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ring", "batch_bytes", "batches_of"]


def batch_bytes(num_frames: int, sizes: Sequence[tuple[int, int]]) -> int:
    """Of the ring, for a batch of so many frames, of each of which pictures of these (H, W) are taken."""
    return num_frames * sum(height * width * 3 for height, width in sizes)


def batches_of(ring: NDArray[np.uint8], num_frames: int, sizes: Sequence[tuple[int, int]]) -> list[NDArray[np.uint8]]:
    """For each size the pictures of all batches, [slots, num_frames, H, W, 3], of a ring [slots, batch_bytes]."""
    parts, start = [], 0
    for height, width in sizes:
        stop = start + batch_bytes(num_frames, [(height, width)])
        parts.append(ring[:, start:stop].reshape(len(ring), num_frames, height, width, 3))
        start = stop
    return parts


class Ring:
    """A file whose size is fixed when it is first used, so that mapped memory cannot be taken from under a reader."""

    def __init__(self, reserve_bytes: int = 0) -> None:
        """reserve_bytes: its size at least. What is not written to takes no memory."""
        self._reserve_bytes = reserve_bytes
        self._file: BinaryIO
        if sys.platform == "linux":
            self._file = os.fdopen(os.memfd_create("frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "r+b")
        else:  # no seals there: a process that a film has taken over could shrink it, and reading it would kill us
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object

    def fileno(self) -> int:
        return self._file.fileno()

    def shaped(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """The memory as an array. OSError where this ring is too small for it, or was tampered with: take a new one."""
        fd, size = self._file.fileno(), math.prod(shape)
        if os.fstat(fd).st_size < size:
            os.ftruncate(fd, max(size, self._reserve_bytes))
            if sys.platform == "linux":
                fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
            if os.fstat(fd).st_size < size:
                raise OSError("it shrank before it was sealed")
        return np.frombuffer(mmap.mmap(fd, size), np.uint8).reshape(shape)

    def close(self) -> None:
        self._file.close()
