"""Makes a small film to test an installation with, so that no film has to be shipped."""

from pathlib import Path

import av
import numpy as np

__all__ = ["write_sample"]


def write_sample(path: Path, num_frames: int = 50) -> None:
    """A bar that moves over a grey ground, 25 frames a second, MPEG-4."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", 25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for i in range(num_frames):
            picture = np.full((96, 160, 3), 128, np.uint8)
            picture[:, 3 * i : 3 * i + 8] = 255
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(stream.encode(None))
