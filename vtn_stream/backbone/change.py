"""The change picture: what is different in a frame since an earlier one, as a picture for the same network. Knows numpy
only.

N frames, H x W their size. All in whole numbers: the same bytes on every machine.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["change_pictures", "grey"]

# ITU-R BT.601: 0.299, 0.587, 0.114, in 1/256.
_RED, _GREEN, _BLUE = 77, 150, 29


def grey(frame: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """uint8 [H, W, 3] RGB -> uint16 [H, W], 256 steps for each of 0..255."""
    values = frame[..., 0] * np.uint16(_RED)
    values += frame[..., 1] * np.uint16(_GREEN)
    values += frame[..., 2] * np.uint16(_BLUE)
    return values


def change_pictures(now: NDArray[np.uint16], earlier: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Greys [N, H, W] of frames, and of the frames before them -> uint8 [N, H, W, 3]: three equal channels of now -
    earlier + 128, rounded, and clipped to 0..255. Where nothing changed it is 128.
    """
    change = now.astype(np.int32)
    change -= earlier
    change += (128 << 8) + 128  # half a step, so that the shift rounds
    change >>= 8
    np.clip(change, 0, 255, out=change)
    pictures = np.empty((*change.shape, 3), np.uint8)
    pictures[...] = change[..., None]
    return pictures
