"""Films of shots that move a little, with hard cuts whose frames are known."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
from PIL import Image

__all__ = ["shot", "write_shots"]


@cache
def _texture(seed: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (4 + seed, 6 + seed, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((200, 96), Image.Resampling.BICUBIC))


def shot(seed: int, num: int) -> np.ndarray:
    """uint8 [num, 96, 160, 3]: a texture of its own that drifts to and fro by a pixel a frame."""
    drift = np.abs(np.arange(num) % 80 - 40)
    return np.stack([_texture(seed)[:, d : d + 160] for d in drift]) if num else np.zeros((0, 96, 160, 3), np.uint8)


def write_shots(
    path: Path,
    shots: Sequence[tuple[int, int]],
    *,
    rate: Fraction = Fraction(25),
    steps: Sequence[int] = (1,),
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> list[Fraction]:
    """Writes shots of (frames, seed) one after the other, and returns when each begins, and when the film ends, in
    seconds. Frame i is shown for steps[i % len(steps)] / rate.
    """
    starts, number, pts = [], 0, 0
    usual = {"crf": "18", "preset": "ultrafast", "threads": "1"} if codec == "libx264" else {}
    options = usual | (options or {})
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate, options=options)
        video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
        video.codec_context.time_base = 1 / rate
        for num, seed in shots:
            starts.append(pts / rate)
            for picture in shot(seed, num):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
                frame.pts, frame.time_base = pts, 1 / rate
                out.mux(video.encode(frame))
                pts += steps[number % len(steps)]
                number += 1
        out.mux(video.encode(None))
    return [*starts, pts / rate]
