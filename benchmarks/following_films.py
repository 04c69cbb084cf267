"""The recorders of benchmarks/following.py: films of known shots, and programs that write them as time goes by."""

import contextlib
import io
import itertools
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "Step", "endless", "recorded", "recorder", "written_until"]

RATE, GOP, SEGMENT_S = 25, 50, 4
SIZE = (320, 240)
_MUXERS: dict[str, tuple[str, dict[str, str]]] = {
    "ts": ("mpegts", {}),
    "mkv": ("matroska", {"live": "1"}),
    "mp4": ("mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
}
KINDS = (*_MUXERS, "hls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """When the film has come to film_s, the recorder appends data to the file, or replaces it if it is a playlist."""

    film_s: float
    file: str
    data: bytes


class _Through(io.RawIOBase):
    """What the muxer has written since it was asked."""

    def __init__(self) -> None:
        self._data = bytearray()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: Any) -> int:
        self._data += data
        return len(data)

    def taken(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data


def _texture(rng: np.random.Generator, width: int, height: int) -> NDArray[np.uint8]:
    """uint8 [height, 2 * width, 3]: squares of few colours, of a size that tells shots apart."""
    side = int(rng.integers(8, 60))
    squares = rng.integers(0, 256, (height // side + 1, 2 * width // side + 1, 3), np.uint8)
    return squares.repeat(side, 0).repeat(side, 1)[:height, : 2 * width]


def _encoded(path: Path, seconds: float, seed: int, rate: int, size: tuple[int, int]) -> None:
    """Shots of 3 to 9 s, each a picture that drifts."""
    rng, (width, height), number = np.random.default_rng(seed), size, 0
    options = {"preset": "veryfast", "crf": "26", "g": str(2 * rate), "x264-params": "scenecut=0:threads=1"}
    with av.open(str(path), "w", format="mp4") as out:
        video: Any = out.add_stream("libx264", Fraction(rate), options=options)
        video.width, video.height, video.pix_fmt, video.max_b_frames = width, height, "yuv420p", 2
        while number < seconds * rate:
            texture = _texture(rng, width, height)
            for at in range(min(int(rng.integers(3 * rate, 9 * rate)), int(seconds * rate) - number)):
                drift = at // 2 % width
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(texture[:, drift : drift + width]), "rgb24")
                frame.pts = number
                out.mux(video.encode(frame))
                number += 1
        out.mux(video.encode())


def recorded(kind: str, seconds: float, seed: int = 0) -> list[Step]:
    """What a recorder of this kind writes to `film.KIND`, or to film.m3u8 and its segments. Each step is there when the
    last frame of it has been filmed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _encoded(folder / "film.mp4", seconds, seed, RATE, SIZE)
        if kind == "hls":
            return _segmented(folder)
        with av.open(str(folder / "film.mp4")) as source:
            return list(_steps(source, kind))


def _steps(source: Any, kind: str) -> Iterator[Step]:
    muxer, options = _MUXERS[kind]
    through, newest_s = _Through(), 0.0
    with av.open(through, "w", format=muxer, container_options={"flush_packets": "1", **options}) as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is None:
                continue
            newest_s = max(newest_s, float((packet.pts + packet.duration) * packet.time_base))
            packet.stream = stream
            out.mux(packet)
            if data := through.taken():
                yield Step(film_s=newest_s, file=f"film.{kind}", data=data)
    if data := through.taken():
        yield Step(film_s=newest_s, file=f"film.{kind}", data=data)


def _segmented(folder: Path) -> list[Step]:
    options = {
        "hls_time": str(SEGMENT_S),
        "hls_list_size": "0",
        "hls_segment_filename": str(folder / "part%d.ts"),
    }
    playlist = str(folder / "all.m3u8")
    with (
        av.open(str(folder / "film.mp4")) as source,
        av.open(playlist, "w", format="hls", container_options=options) as out,
    ):
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    lines = (folder / "all.m3u8").read_text().splitlines()
    parts = [(float(a[8:].split(",")[0]), b) for a, b in itertools.pairwise(lines) if a.startswith("#EXTINF:")]
    head = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{SEGMENT_S + 2}", "#EXT-X-MEDIA-SEQUENCE:0"]
    steps, film_s = [], 0.0
    for number, (seconds, part) in enumerate(parts):
        film_s += seconds
        head += [f"#EXTINF:{seconds:.6f},", part]
        steps.append(Step(film_s=film_s, file=part, data=(folder / part).read_bytes()))
        is_last = number == len(parts) - 1
        text = "\n".join([*head, *(["#EXT-X-ENDLIST"] if is_last else []), ""])
        steps.append(Step(film_s=film_s, file="film.m3u8", data=text.encode()))
    return steps


def _write(steps: Sequence[Step], folder: Path, speed: float, log: Path, dies_at_s: float | None) -> None:
    """Writes each step when it is time, and then into the log when that was. dies_at_s: it is killed in the middle of
    the step that comes then.
    """
    begun, open_files = time.monotonic(), set()
    with log.open("a", buffering=1) as said:
        for step in steps:
            time.sleep(max(begun + step.film_s / speed - time.monotonic(), 0.0))
            dies = dies_at_s is not None and step.film_s >= dies_at_s
            data = step.data[: len(step.data) // 2 + 1] if dies else step.data
            if step.file.endswith(".m3u8"):
                if dies:
                    os.kill(os.getpid(), signal.SIGKILL)
                (folder / "playlist.tmp").write_bytes(data)
                os.replace(folder / "playlist.tmp", folder / step.file)
            else:
                is_new = step.file.startswith("part") and step.file not in open_files
                open_files.add(step.file)
                with open(folder / step.file, "wb" if is_new else "ab", buffering=0) as file:
                    file.write(data)
            if dies:
                os.kill(os.getpid(), signal.SIGKILL)
            if step.file.endswith(".m3u8") or not step.file.startswith("part"):
                said.write(f"{time.monotonic()} {step.film_s}\n")


@contextlib.contextmanager
def recorder(
    steps: Sequence[Step], folder: Path, log: Path, *, speed: float = 1.0, dies_at_s: float | None = None
) -> Iterator[Any]:
    """A process that writes the film while the block lasts."""
    process = multiprocessing.get_context("spawn").Process(target=_write, args=(steps, folder, speed, log, dies_at_s))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def written_until(log: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When something was written, on the monotonic clock, and how much of the film was there then, seconds."""
    values = np.array([[float(number) for number in line.split()] for line in log.read_text().splitlines()])
    return values[:, 0], np.maximum.accumulate(values[:, 1])


def endless(hours: float, rate: int) -> Iterator[bytes]:
    """MPEG-TS of so many hours: a minute of small frames again and again, on a clock that goes on."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "minute.mp4"
        _encoded(path, 60, 0, rate, (64, 48))
        with av.open(str(path)) as source:
            template = source.streams.video[0]
            packets = [packet for packet in source.demux(video=0) if packet.dts is not None]
            minute, through = int(60 / template.time_base), _Through()
            first = [(packet.pts, packet.dts) for packet in packets]
            with av.open(through, "w", format="mpegts") as out:
                stream = out.add_stream_from_template(template)
                for number in range(round(hours * 60)):
                    for packet, (pts, dts) in zip(packets, first, strict=True):
                        packet.stream, packet.time_base = stream, template.time_base
                        packet.pts, packet.dts = pts + number * minute, dts + number * minute
                        out.mux(packet)
                    yield through.taken()
            yield through.taken()
