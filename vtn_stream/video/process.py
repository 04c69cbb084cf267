"""The decoding process, seen from outside: start it, ask it, and outlive it.

Decoders are large C libraries fed with strangers' files: they run in a process of their own, with a deadline,
a memory limit and bounded shared memory, so that a crash or a hang costs a gap and never the analysis. It also
keeps a second core busy: the next batch is decoded while this one is embedded.
"""

import contextlib
import math
import mmap
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import DecodingLost, VideoError
from vtn_stream.film import VideoInfo, file_stamp
from vtn_stream.video.wire import PREFIX_BYTES, pack, unpack_header, unpack_prefix

__all__ = ["DecodingProcess", "FrameBatch", "check_unchanged"]

# No packet for this long is a hang: one packet takes milliseconds, a stalled network disk some seconds.
DEADLINE_S = 60.0
# Address space of the process: 8K film with 4 threads needs about 3 GiB, everything usual under 1 GiB.
MEMORY_BYTES = 4 * 1024**3
# The decoder's threads, at most half the cores: the network takes the others, and each thread costs memory and CPU.
NUM_THREADS = min(4, max(1, (os.cpu_count() or 1) // 2))
# Three batches of the ring are enough for one to be filled, one to wait and one to be embedded.
NUM_SLOTS = 3
BATCH_SIZE = 64  # frames: some batches of the network for every core; 9 MiB of 224 x 224
_TRY_AGAIN = "run again to try them once more; if it repeats, re-encode the film"
MAX_HEADER_BYTES = 64 * 1024 * 1024


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


class DecodingProcess:
    """A process that probes and decodes films, one after the other. Started when first asked; a context manager."""

    def __init__(self, *, deadline_s: float = DEADLINE_S, memory_bytes: int = MEMORY_BYTES) -> None:
        self._deadline_s = deadline_s
        self._memory_bytes = memory_bytes
        # The ring of frames lies in an unnamed file: however this process ends, no shared memory stays behind.
        self._ring_file = (
            os.fdopen(os.memfd_create("frames"), "r+b") if hasattr(os, "memfd_create") else tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object
        )
        self._ring: NDArray[np.uint8] = np.zeros((0, 0, 0, 0, 3), np.uint8)
        self._process: subprocess.Popen[bytes] | None = None
        self._received = bytearray()
        self._turn: object | None = None  # the request that is being answered

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def decoder(self) -> str:
        """The decoder and its version, as an Execution names it."""
        from vtn_stream.video.pyav_reader import version

        return version()

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def probe(self, path: Path, stream: int | None = None) -> VideoInfo:
        """The film's clock and shape: of its first video stream, or of the one with this index.

        Raises VideoError where it is not a film, DecodingLost on a hang or crash.
        """
        stamp = file_stamp(path)
        self._ask({"do": "probe", "path": os.path.abspath(path), "stream": stream}, b"", path.name)
        while True:
            header, payload = self._receive(path.name)
            if (info := header.get("info")) is not None:
                self._turn = None
                video = self._video_info(path, stamp, info, payload)
                check_unchanged(video)
                return video

    def _video_info(self, path: Path, stamp: tuple[int, ...], facts: dict[str, Any], payload: bytes) -> VideoInfo:
        try:
            values, num_keyframes = np.frombuffer(payload, np.int64), int(facts["num_keyframes"])
            cut = len(values) - num_keyframes
            return VideoInfo.from_facts(path, stamp, facts, values[:cut], values[cut:])
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise self._lost(path.name, "sent nonsense") from error

    def frames(
        self,
        video: VideoInfo,
        pts: NDArray[np.int64],
        size: tuple[int, int],
        wants_thumbnail: NDArray[np.bool_] | None = None,
    ) -> Iterator[FrameBatch]:
        """The frames with these ascending timestamps, squashed to size (H, W), in batches.

        Raises VideoError where the film cannot be opened, DecodingLost where the process fails. Leave the loop
        early and the process is stopped; the next call starts another.
        """
        if len(pts) == 0:
            return
        if wants_thumbnail is None:
            wants_thumbnail = np.zeros(len(pts), np.bool_)
        ring = self._ring_of(size)
        request = {
            "do": "decode",
            "path": os.path.abspath(video.path),
            "identity": video.identity,
            "stream": video.stream,
            "time_base": str(video.time_base),
            "rotation": video.rotation,
            "mirrored": video.mirrored,
            "temporal_layers": video.temporal_layers,
            "sample_aspect_ratio": str(video.sample_aspect_ratio),
            "ring": ring.shape,
            "num_keyframes": len(video.keyframes),
            "num_wanted": len(pts),
        }
        payload = video.keyframes.tobytes() + pts.tobytes() + wants_thumbnail.tobytes()
        turn = self._ask(request, payload, video.path.name)
        try:
            while True:
                header, payload = self._receive(video.path.name)
                if header.get("done"):
                    self._turn = None
                    return
                if "slot" not in header:
                    continue
                slot, items = int(header["slot"]), [int(i) for i in header["items"]]
                yield FrameBatch(
                    frames=ring[slot, : len(items)],
                    items=items,
                    lost=[int(i) for i in header["lost"]],
                    thumbnails=_split(header["thumbnails"], payload),
                )
                if self._turn is not turn:
                    raise RuntimeError("the process was asked for something else before these frames were all taken")
                self._send({"free": slot}, b"", video.path.name)
        finally:
            if self._turn is turn:  # neither answered in full nor gone
                self._stop()

    def close(self) -> None:
        """Stop the process, whatever it is doing, and give its memory back."""
        self._stop()
        self._ring = np.zeros((0, 0, 0, 0, 3), np.uint8)
        self._ring_file.close()

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):  # it died with a message in the pipe
                pipe.close()
        self._process.wait()
        self._process = None
        self._received.clear()
        self._turn = None

    def _start(self) -> subprocess.Popen[bytes]:
        package_root = Path(__file__).resolve().parents[2]
        search = [str(package_root), *filter(None, [os.environ.get("PYTHONPATH")])]
        numbers = (self._ring_file.fileno(), self._memory_bytes, NUM_THREADS)
        return subprocess.Popen(
            # -P: a module in the working folder is not taken for one of ours
            [sys.executable, "-P", "-m", "vtn_stream.video.child", *map(str, numbers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[self._ring_file.fileno()],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(search)},
            start_new_session=True,  # Ctrl-C is for us; we stop it
        )

    def _ring_of(self, size: tuple[int, int]) -> NDArray[np.uint8]:
        """The ring for frames of this (H, W)."""
        shape = (NUM_SLOTS, BATCH_SIZE, *size, 3)
        if self._ring.shape != shape:
            if os.fstat(self._ring_file.fileno()).st_size < math.prod(shape):
                # It only grows: reading a batch of a larger ring, kept too long, must not kill us (SIGBUS).
                os.ftruncate(self._ring_file.fileno(), math.prod(shape))
            memory = mmap.mmap(self._ring_file.fileno(), math.prod(shape))
            self._ring = np.frombuffer(memory, np.uint8).reshape(shape)
        return self._ring

    def _ask(self, header: dict[str, Any], payload: bytes, name: str) -> object:
        """Send a request, to a new process where there is none that waits for one. Returns whose turn it is now."""
        if self._process is None or self._process.poll() is not None or self._turn is not None:
            self._stop()  # what it was still to deliver would be taken for the answer
            self._process = self._start()
        self._turn = object()
        self._send(header, payload, name)
        return self._turn

    def _send(self, header: dict[str, Any], payload: bytes, name: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        fd = self._process.stdin.fileno()
        message = memoryview(pack(header, payload))
        deadline = time.monotonic() + self._deadline_s
        while message:
            self._wait_for(fd, select.POLLOUT, deadline, name)
            try:
                message = message[os.write(fd, message[: select.PIPE_BUF]) :]  # so much never blocks
            except BrokenPipeError:
                return  # it died just now: the next answer says so

    def _receive(self, name: str) -> tuple[dict[str, Any], bytes]:
        """The next message but signs of life. Raises DecodingLost, VideoError."""
        prefix = self._read(PREFIX_BYTES, name)
        header_bytes, payload_bytes = unpack_prefix(prefix)
        if header_bytes > MAX_HEADER_BYTES:
            raise self._lost(name, "sent nonsense")
        header = unpack_header(self._read(header_bytes, name))
        payload = self._read(payload_bytes, name)
        if (error := header.get("error")) is not None:
            self._turn = None
            kind = DecodingLost if header.get("lost") else VideoError
            raise kind(*(str(part) for part in error))
        return header, payload

    def _read(self, num_bytes: int, name: str) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        deadline = time.monotonic() + self._deadline_s
        while len(self._received) < num_bytes:
            self._wait_for(fd, select.POLLIN, deadline, name)
            received = os.read(fd, 1 << 20)
            if not received:
                status = self._process.wait()
                if status > 0:
                    raise self._lost(
                        name, f"ended (status {status})", "python -c 'import vtn_stream.video.child' may say why"
                    )
                raise self._lost(name, f"died (signal {-status})")
            self._received += received
        taken = bytes(self._received[:num_bytes])
        del self._received[:num_bytes]
        return taken

    def _wait_for(self, fd: int, event: int, deadline: float, name: str) -> None:
        """Until the pipe can be read or written, or is broken. Raises DecodingLost at the deadline."""
        pipe = select.poll()
        pipe.register(fd, event)
        if not pipe.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise self._lost(name, f"made no progress for {self._deadline_s:g} s")

    def _lost(self, name: str, what: str, cure: str = _TRY_AGAIN) -> DecodingLost:
        self._stop()
        return DecodingLost(
            f"the process decoding {name} {what}",
            "the frames that it had not delivered are missing",
            cure,
        )


def check_unchanged(video: VideoInfo) -> None:
    """Raises VideoError where the film's file is not the one that was probed."""
    try:
        unchanged = file_stamp(video.path) == video.stamp
    except OSError:
        unchanged = False  # it is gone
    if not unchanged:
        raise VideoError(
            f"{video.path.name} was replaced or written to while it was read",
            "the rest was not analyzed",
            "run again once the file is complete",
        )


def _split(sizes: list[list[int]], payload: bytes) -> dict[int, bytes]:
    jpegs, offset = {}, 0
    for i, size in sizes:
        jpegs[int(i)] = payload[offset : offset + size]
        offset += size
    return jpegs
