"""Counting films while they are written: the bytes that a reader sees who never goes back, and the file once closed.

Frame i shows i (see `counting`; from 1366 on the numbers begin again at 0). Recorders write:

    ts          MPEG-TS
    mkv         Matroska, on a disk: its head is written again when it is closed
    mkv live    Matroska into a pipe
    fragmented  MP4 in fragments
    hybrid      MP4 in fragments that becomes a usual one when it is closed, as OBS writes it
    flv         Flash video
"""

import io
import itertools
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from counting import picture_of

__all__ = ["KINDS", "SUFFIXES", "Growing", "Part", "hls", "playlist", "record", "write_slowly"]

_FRAGMENTS = "empty_moov+default_base_moof"
_MUXERS: dict[str, tuple[str, dict[str, str]]] = {
    "ts": ("mpegts", {}),
    "mkv": ("matroska", {"cluster_time_limit": "1000"}),
    "mkv live": ("matroska", {"live": "1", "cluster_time_limit": "1000"}),
    "fragmented": ("mp4", {"movflags": f"frag_keyframe+{_FRAGMENTS}"}),
    "hybrid": ("mp4", {"movflags": f"frag_keyframe+hybrid_fragmented+{_FRAGMENTS}"}),
    "flv": ("flv", {"flvflags": "no_duration_filesize"}),
}
KINDS = tuple(_MUXERS)
SUFFIXES = {"ts": ".ts", "mkv": ".mkv", "mkv live": ".mkv", "fragmented": ".mp4", "hybrid": ".mp4", "flv": ".flv"}
_NUMBERS = 1366  # that a picture can show
_SAMPLE_RATE = 16000
_PRIMING = 1024  # samples that the encoder puts before the first: without room for them MP4 moves the film


@dataclass(frozen=True, kw_only=True)
class Growing:
    """A film that was recorded.

    data      as a reader saw it who read each byte when it came, and once
    finished  the file when it was closed; where it was written into a pipe, the same
    times_s   when each frame appears after the first, seconds; its length is the number of frames
    numbers   what each shows
    """

    data: bytes
    finished: bytes
    times_s: list[Fraction]
    numbers: list[int]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A segment of an HLS playlist. seconds: for how long it is shown."""

    name: str
    data: bytes
    seconds: float


def record(
    kind: str,
    num_frames: int = 250,
    *,
    rate: Fraction = Fraction(25),
    gop: int = 25,
    b_frames: int = 0,
    sound: bool = False,
    first: int = 0,
    first_number: int = 0,
    size: tuple[int, int] = (160, 96),
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    steps: list[int] | None = None,
) -> Growing:
    """Frames 0 to num_frames - 1, each shown for its steps (by default 1) of 1 / rate, the first at step `first`.

    gop: a keyframe every so many frames; b_frames: between two others at most, each with its pyramid.
    """
    muxer, mux_options = _MUXERS[kind]
    file: _Disk | _Pipe = _Pipe() if kind in ("ts", "mkv live", "fragmented", "flv") else _Disk()
    steps = [1] * num_frames if steps is None else steps
    with av.open(file, "w", format=muxer, container_options=mux_options) as out:
        _encode(out, num_frames, rate, gop, b_frames, sound, first, first_number, size, codec, options or {}, steps)
    times = np.concatenate([[0], np.cumsum(steps[: num_frames - 1])]).astype(int).tolist()
    return Growing(
        data=file.as_seen(),
        finished=file.finished(),
        times_s=[t / rate for t in times],
        numbers=[(first_number + i) % _NUMBERS for i in range(num_frames)],
    )


def hls(
    folder: Path, num_frames: int = 250, *, fragmented: bool = False, segment_s: float = 1, **how: Any
) -> tuple[list[Part], bytes | None]:
    """The parts of an HLS playlist, and the init segment (named init.mp4) where they are fragmented MP4; made by
    FFmpeg in this empty folder, which then holds them and the whole playlist, live.m3u8. how: as of `record`.
    """
    suffix = "m4s" if fragmented else "ts"
    options = {
        "hls_time": str(segment_s),
        "hls_list_size": "0",
        "hls_segment_filename": str(folder / f"part%d.{suffix}"),
        "hls_segment_type": "fmp4" if fragmented else "mpegts",
    } | ({"hls_fmp4_init_filename": "init.mp4"} if fragmented else {})
    usual: dict[str, Any] = {
        "rate": Fraction(25),
        "gop": 25,
        "b_frames": 0,
        "sound": False,
        "first": 0,
        "first_number": 0,
        "size": (160, 96),
        "codec": "libx264",
        "options": {},
        "steps": [1] * num_frames,
    }
    with av.open(str(folder / "live.m3u8"), "w", format="hls", container_options=options) as out:
        _encode(out, num_frames, *(usual | how).values())
    lines = (folder / "live.m3u8").read_text().splitlines()
    parts = [
        Part(name=name, data=(folder / name).read_bytes(), seconds=float(line.removeprefix("#EXTINF:").split(",")[0]))
        for line, name in itertools.pairwise(lines)
        if line.startswith("#EXTINF:")
    ]
    return parts, (folder / "init.mp4").read_bytes() if fragmented else None


def playlist(parts: list[Part], *, ended: bool, init: bool = False, sequence: int = 0) -> str:
    """The playlist when these parts are there, the first of which is number `sequence`."""
    longest = max((part.seconds for part in parts), default=1)
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{int(-(-longest // 1))}"]
    lines += [f"#EXT-X-MEDIA-SEQUENCE:{sequence}", *(['#EXT-X-MAP:URI="init.mp4"'] if init else [])]
    for part in parts:
        lines += [f"#EXTINF:{part.seconds:.6f},", part.name]
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if ended else []), ""])


def write_slowly(path: Path, data: bytes, *, num_pieces: int = 20, pause_s: float = 0.02) -> None:
    """Appends the bytes to a file in so many pieces, with a pause before each; for a thread or a process."""
    bounds = np.linspace(0, len(data), num_pieces + 1).astype(int)
    with path.open("ab", buffering=0) as file:
        for start, stop in itertools.pairwise(bounds):
            time.sleep(pause_s)
            file.write(data[start:stop])


def _encode(
    out: Any,
    num_frames: int,
    rate: Fraction,
    gop: int,
    b_frames: int,
    sound: bool,
    first: int,
    first_number: int,
    size: tuple[int, int],
    codec: str,
    options: dict[str, str],
    steps: list[int],
) -> None:
    video: Any = out.add_stream(codec, rate, options=_quick(codec, gop, b_frames) | options)
    video.width, video.height, video.pix_fmt = *size, "yuv420p"
    video.codec_context.time_base = 1 / rate
    heard: Any = out.add_stream("aac", _SAMPLE_RATE, layout="mono") if sound else None
    samples, step = 0, first
    for i in range(num_frames):
        frame = av.VideoFrame.from_ndarray(picture_of((first_number + i) % _NUMBERS, *size), "rgb24")
        frame.pts, frame.time_base = step, 1 / rate
        out.mux(video.encode(frame))
        step += steps[i]
        while heard is not None and samples < (step - first) / rate * _SAMPLE_RATE:
            silent = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silent.sample_rate, silent.time_base = _SAMPLE_RATE, Fraction(1, _SAMPLE_RATE)
            silent.pts = _PRIMING + samples + int(first / rate * _SAMPLE_RATE)
            out.mux(heard.encode(silent))
            samples += 1024
    out.mux(video.encode(None))
    if heard is not None:
        out.mux(heard.encode(None))


def _quick(codec: str, gop: int, b_frames: int) -> dict[str, str]:
    if codec == "libx264":
        params = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:b-adapt=0"
        return {"preset": "ultrafast", "threads": "1", "x264-params": params}
    if codec == "libx265":
        params = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:b-adapt=0"
        return {"preset": "ultrafast", "x265-params": f"{params}:log-level=none:pools=1:frame-threads=1"}
    return {"g": str(gop), "bf": str(b_frames)} if b_frames else {"g": str(gop)}


class _Pipe:
    """What is written goes on, and cannot be changed."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def as_seen(self) -> bytes:
        return bytes(self._written)

    def finished(self) -> bytes:
        return bytes(self._written)


class _Disk(io.BytesIO):
    """A file; what was written first at each place is what a reader saw who was in time."""

    def __init__(self) -> None:
        super().__init__()
        self._seen = bytearray()

    def write(self, data: Any) -> int:
        at, content = self.tell(), bytes(data)
        assert at <= len(self._seen), "a hole"
        self._seen += content[max(0, len(self._seen) - at) :]
        return super().write(content)

    def close(self) -> None:
        """It is read afterwards."""

    def as_seen(self) -> bytes:
        return bytes(self._seen)

    def finished(self) -> bytes:
        return self.getvalue()
