"""Counting films: frame i shows the number i, so that a test sees which frame it was given.

A picture is 4 by 4 blocks, black or white. The top row is always white, black, white, white: turned or mirrored it
reads otherwise. The 12 blocks below are the bits of 3 * number: with one bit misread it divides by 3 no more.
They survive lossy coding and any squashing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np

__all__ = ["FILMS", "NTSC", "Counting", "number_shown", "picture_of", "sequential", "silence", "write_film"]

NTSC = Fraction(30000, 1001)
WIDTH, HEIGHT = 160, 96

_TOP = (1, 0, 1, 1)
_BITS = 2 ** np.arange(12)[::-1]


@cache
def picture_of(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """uint8 [height, width, 3] that shows this number, 0 to 1365."""
    blocks = np.array([*_TOP, *(bool(3 * number & bit) for bit in _BITS)], np.uint8).reshape(4, 4) * 255
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 4 // width
    return np.repeat(blocks[rows][:, columns, None], 3, axis=2)


def number_shown(frame: np.ndarray) -> int:
    """The number in a picture uint8 [H, W, 3]; ValueError where it shows none the right way up."""
    height, width, _ = frame.shape
    middles = [
        frame[(2 * row + 1) * height // 8, (2 * column + 1) * width // 8] for row in range(4) for column in range(4)
    ]
    grey = np.mean(middles, axis=1)
    if np.any((grey > 80) & (grey < 175)):
        raise ValueError(f"blocks neither black nor white: {grey.round().tolist()}")
    bits = grey > 127
    code = int(bits[4:] @ _BITS)
    if tuple(bits[:4]) != _TOP or code % 3:
        raise ValueError(f"not a number the right way up: {bits.astype(int).tolist()}")
    return code // 3


@dataclass(frozen=True, kw_only=True)
class Counting:
    """A counting film and what is true of it.

    times  when each frame appears, seconds from the film's zero; its length is the number of frames
    """

    path: Path
    times: list[Fraction]
    rotation: int = 0
    pixel_aspect: Fraction = Fraction(1)


def write_film(
    path: Path,
    num_frames: int,
    *,
    rate: Fraction = Fraction(25),
    steps: Sequence[int] | None = None,
    first: int = 0,
    zero: int = 0,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    mux: dict[str, str] | None = None,
    container: str | None = None,
    rotation: int = 0,
    pixel_aspect: Fraction = Fraction(1),
    size: tuple[int, int] = (WIDTH, HEIGHT),
    audio_s: float = 0,
    metadata: dict[str, str] | None = None,
) -> Counting:
    """Write frames 0 to num_frames - 1, each shown for its steps (by default 1) of 1 / rate, from step `first` on.

    zero is the step at which a player's clock begins: 0 where the container or its sound does, else the first frame.
    rotation is how many degrees clockwise a player turns the stored picture; it is stored turned the other way.
    """
    steps = [1] * num_frames if steps is None else steps
    pts = first + np.concatenate([[0], np.cumsum(steps[: num_frames - 1])]).astype(int)
    width, height = size
    with av.open(str(path), "w", format=container, container_options=mux or {}) as out:
        out.metadata.update(metadata or {})
        video: Any = out.add_stream(codec, rate, options=_quick(codec) | (options or {}))
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.time_base = 1 / rate
        video.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation:
            video.set_display_rotation(-rotation)  # av counts counter-clockwise
        sound: Any = out.add_stream("aac", 16000, layout="mono") if audio_s else None
        for number, time in enumerate(pts):
            shown = picture_of(number, *(size if rotation % 180 == 0 else size[::-1]))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(shown, rotation // 90)), "rgb24")
            frame.pts, frame.time_base = int(time), 1 / rate
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound is not None:
            silence(out, sound, audio_s)
    return Counting(path=path, times=[int(t - zero) / rate for t in pts], rotation=rotation, pixel_aspect=pixel_aspect)


def silence(out: Any, stream: Any, seconds: float) -> None:
    """That much of nothing in an audio stream of a file being written."""
    samples = 0
    while samples < seconds * stream.rate:
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = stream.rate, samples, Fraction(1, stream.rate)
        out.mux(stream.encode(frame))
        samples += 1024
    out.mux(stream.encode(None))


def sequential(path: Path) -> list[tuple[Fraction, int]]:
    """(seconds on the file's own clock, number shown) of every frame, in the order that a plain decode yields them."""
    with av.open(str(path)) as film:
        shown = []
        for frame in film.decode(video=0):
            luma = frame.to_ndarray()[: frame.height, : frame.width]  # of yuv420p
            turned = np.rot90(luma, frame.rotation // 90)  # both count counter-clockwise
            shown.append((frame.pts * frame.time_base, number_shown(np.stack([turned] * 3, axis=-1))))
        return shown


def _quick(codec: str) -> dict[str, str]:
    """Options with which a small film takes a moment; no B-frames and a keyframe every 40 frames."""
    return {
        "libx264": {"preset": "ultrafast", "tune": "zerolatency", "bf": "0", "g": "40", "threads": "1"},
        "libx265": {"preset": "ultrafast", "x265-params": "keyint=40:log-level=none:pools=1:frame-threads=1"},
        "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "g": "40"},
        "libvpx": {"deadline": "realtime", "cpu-used": "8", "g": "40"},
        "mpeg4": {"g": "40"},
        "mpeg2video": {"g": "40"},
    }[codec]


def _x264(params: str) -> dict[str, str]:
    """A zero-latency tune would forbid B-frames."""
    return {"tune": "fastdecode", "x264-params": params}


# Irregular and without a pattern: steps of a tenth of a second.
_IRREGULAR = [1 + (7 * i * i + 3 * i) % 8 for i in range(330)]
_SLOW = Fraction(5, 2)  # 330 frames are 132 s: three chunks

FILMS: dict[str, Callable[[Path], Counting]] = {
    "25 a second": lambda at: write_film(at / "25.mp4", 300),
    "30000/1001 a second": lambda at: write_film(at / "ntsc.mp4", 300, rate=NTSC),
    "variable rate": lambda at: write_film(at / "variable.mp4", 330, rate=Fraction(10), steps=_IRREGULAR),
    "variable rate, B-frames": lambda at: write_film(
        at / "variable.mkv", 330, rate=Fraction(10), steps=_IRREGULAR, options=_x264("bframes=3:b-adapt=0")
    ),
    "B-frames": lambda at: write_film(at / "b.mp4", 330, rate=_SLOW, options=_x264("bframes=3:b-adapt=0")),
    "B-frames, 25 a second": lambda at: write_film(
        at / "b25.mp4", 300, options=_x264("bframes=3:b-adapt=0:b-pyramid=normal:keyint=150")
    ),
    "open GOP": lambda at: write_film(
        at / "open.mp4", 330, rate=_SLOW, options=_x264("open-gop=1:bframes=3:b-adapt=0:keyint=40:min-keyint=40")
    ),
    "open GOP in a transport stream": lambda at: write_film(
        at / "open.ts",
        330,
        rate=_SLOW,
        first=300,
        zero=300,
        options=_x264("open-gop=1:bframes=3:b-adapt=0:keyint=40:min-keyint=40"),
    ),
    "intra refresh in a transport stream": lambda at: write_film(
        at / "refresh.ts", 330, rate=_SLOW, options=_x264("intra-refresh=1:keyint=40")
    ),
    "one keyframe": lambda at: write_film(
        at / "single.mp4", 330, rate=_SLOW, options=_x264("keyint=infinite:scenecut=0:bframes=2")
    ),
    "HEVC": lambda at: write_film(at / "hevc.mp4", 330, rate=_SLOW, codec="libx265"),
    "VP9": lambda at: write_film(at / "vp9.mkv", 330, rate=_SLOW, codec="libvpx-vp9"),
    "VP8": lambda at: write_film(at / "vp8.webm", 60, codec="libvpx"),
    "MPEG-4 in AVI": lambda at: write_film(at / "mpeg4.avi", 330, rate=_SLOW, codec="mpeg4"),
    "MPEG-4 in AVI, B-frames": lambda at: write_film(
        at / "mpeg4b.avi", 330, rate=_SLOW, first=1, codec="mpeg4", options={"bf": "2"}
    ),
    "fragmented": lambda at: write_film(
        at / "fragments.mp4", 330, rate=_SLOW, mux={"movflags": "frag_keyframe+empty_moov"}
    ),
    "turned by 90": lambda at: write_film(at / "90.mp4", 40, rotation=90),
    "turned by 180": lambda at: write_film(at / "180.mp4", 40, rotation=180),
    "turned by 270": lambda at: write_film(at / "270.mp4", 40, rotation=270),
    "late start": lambda at: write_film(at / "late.mp4", 50, first=25, audio_s=3),
    "late start in Matroska": lambda at: write_film(at / "late.mkv", 50, first=25, audio_s=3),
    "one frame": lambda at: write_film(at / "one.mp4", 1),
    "3 s at 1 a second": lambda at: write_film(at / "three.mp4", 3, rate=Fraction(1)),
    "wide pixels": lambda at: write_film(at / "wide.mp4", 40, pixel_aspect=Fraction(64, 45)),
}
