"""The decoding process, seen from outside: start it, ask it, and outlive it.

Decoders are large C libraries fed with strangers' files: they run in a process of their own, with a deadline,
a memory limit and bounded shared memory, so that a crash or a hang costs a gap and never the analysis. It also
keeps a second core busy: the next batch is decoded while this one is embedded.
"""

import contextlib
import importlib.metadata
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import DecodingLost, InputError, VideoError
from vtn_stream.film import VideoInfo, file_stamp
from vtn_stream.video import answers
from vtn_stream.video.ring import Ring
from vtn_stream.video.wire import PREFIX_BYTES, pack, unpack_prefix

__all__ = ["DecodingProcess", "FrameBatch", "check_unchanged"]

CHILD = "vtn_stream.video.child"
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
# A process that was killed is gone in less, and one that hangs ends itself so long after we should have done it.
STOP_S = 5.0
ALIVE_S = 0.5  # it says so once a second
# An answer may take so long, however busy the process looks: a hundred times what slow machines need. Else a film of
# which every packet takes most of a deadline would last for months.
FRAME_S, PIXEL_S = 0.1, 1e-7  # for every frame of the film, and for every pixel of every frame
BYTE_S, PROBE_S = 1e-6, 600.0  # for every byte of the file, when all packets are read and none is decoded


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

    def __init__(
        self,
        *,
        decoder: Literal["pyav", "decord"] = "pyav",
        deadline_s: float = DEADLINE_S,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        """decoder: what decodes frames; PyAV probes the films in any case. Raises InputError where it is missing."""
        if decoder not in ("pyav", "decord"):
            raise InputError(f"there is no decoder named {decoder}", "nothing was decoded", "choose pyav or decord")
        self._decoder = decoder
        self._decord = _decord_version() if decoder == "decord" else ""
        self._deadline_s = deadline_s
        self._memory_bytes = memory_bytes
        self._ring = Ring()
        self._frames: NDArray[np.uint8] = np.zeros((0, 0, 0, 0, 3), np.uint8)  # what lies in the ring
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline: int | None = None  # the process ends when nobody holds this end of a pipe any more
        self._received = bytearray()
        self._turn: object | None = None  # the request that is being answered
        self._patience_s = 0.0  # how long its answer may still take in all

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def decoder(self) -> str:
        """The decoder and its version, as an Execution names it. Frames of decord are scaled by PyAV's FFmpeg."""
        from vtn_stream.video.pyav_reader import version

        return f"{self._decord}, scaled by {version()}" if self._decord else version()

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def probe(self, path: Path, stream: int | None = None) -> VideoInfo:
        """The film's clock and shape: of its first video stream, or of the one with this index.

        Raises VideoError where it is not a film, DecodingLost on a hang or crash.
        """
        stamp = file_stamp(path)
        patience_s = PROBE_S + BYTE_S * path.stat().st_size
        self._ask({"do": "probe", "path": os.path.abspath(path), "stream": stream}, b"", path.name, patience_s)
        header, payload = self._receive({"info"}, path.name)
        self._turn = None
        with self._distrust(path.name):
            video = answers.video_info(path, stamp, header["info"], payload)
        check_unchanged(video)
        return video

    def check(self) -> dict[str, Any]:
        """What a film that takes over the process is kept from, tried out: {"isolated": bool, "reasons": why not}."""
        name = "nothing"
        self._ask({"do": "check"}, b"", name, self._deadline_s)
        header, _ = self._receive({"missing"}, name)
        self._turn = None
        with self._distrust(name):
            reasons = answers.texts(header["missing"])
        return {"isolated": not reasons, "reasons": reasons}

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
            "decoder": self._decoder,
            "num_unseen": video.num_hidden + video.num_untimed,
            "sample_aspect_ratio": str(video.sample_aspect_ratio),
            "ring": ring.shape,
            "num_keyframes": len(video.keyframes),
            "num_wanted": len(pts),
        }
        payload = video.keyframes.tobytes() + pts.tobytes() + wants_thumbnail.tobytes()
        if self._decoder == "decord":
            payload += video.pts.tobytes()
        patience_s = 10 * self._deadline_s + video.num_frames * (FRAME_S + PIXEL_S * video.width * video.height)
        turn = self._ask(request, payload, video.path.name, patience_s)
        batches = answers.Batches(len(pts), NUM_SLOTS, BATCH_SIZE)
        try:
            while True:
                header, payload = self._receive({"slot", "done"}, video.path.name, len(pts))
                with self._distrust(video.path.name):
                    if "done" in header:
                        batches.finish()
                        self._turn = None
                        return
                    slot, items, lost, thumbnails = batches.take(header, payload)
                yield FrameBatch(frames=ring[slot, : len(items)], items=items, lost=lost, thumbnails=thumbnails)
                if self._turn is not turn:
                    raise RuntimeError("the process was asked for something else before these frames were all taken")
                batches.free(slot)
                self._send({"free": slot}, b"", video.path.name)
        finally:
            if self._turn is turn:  # neither answered in full nor gone
                self._stop()

    def close(self) -> None:
        """Stop the process, whatever it is doing, and give its memory back."""
        self._stop()
        self._frames = self._frames[:0]
        self._ring.close()

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):  # it died with a message in the pipe
                pipe.close()
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        with contextlib.suppress(subprocess.TimeoutExpired):  # it waits for a disk that does not answer: not we as well
            self._process.wait(STOP_S)
        self._process = None
        self._received.clear()
        self._turn = None

    def _start(self) -> subprocess.Popen[bytes]:
        package_root = Path(__file__).resolve().parents[2]
        search = [str(package_root), *filter(None, [os.environ.get("PYTHONPATH")])]
        lifeline, self._lifeline = os.pipe()
        ours = (self._ring.fileno(), lifeline)
        try:
            return subprocess.Popen(
                # -P: a module in the working folder is not taken for one of ours
                [
                    *(sys.executable, "-P", "-m", CHILD),
                    *map(str, (*ours, self._memory_bytes, NUM_THREADS, self._deadline_s + STOP_S)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=ours,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(search)},
                start_new_session=True,  # Ctrl-C is for us; we stop it
            )
        finally:
            os.close(lifeline)

    def _ring_of(self, size: tuple[int, int]) -> NDArray[np.uint8]:
        """The ring for frames of this (H, W)."""
        shape = (NUM_SLOTS, BATCH_SIZE, *size, 3)
        if self._frames.shape != shape:
            try:
                self._frames = self._ring.shaped(shape)
            except OSError:  # too small, and sealed: the process that holds it goes with it
                self._stop()
                self._ring.close()
                self._ring = Ring()
                self._frames = self._ring.shaped(shape)
        return self._frames

    def _ask(self, header: dict[str, Any], payload: bytes, name: str, patience_s: float) -> object:
        """Send a request, to a new process where there is none that waits for one. Returns whose turn it is now."""
        if self._process is None or self._turn is not None or not self._is_quiet(self._process):
            self._stop()  # what it was still to deliver would be taken for the answer
            self._process = self._start()
        self._turn = object()
        self._patience_s = patience_s
        self._send(header, payload, name)
        return self._turn

    def _is_quiet(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether it lives and has said nothing that it was not asked."""
        assert process.stdout is not None
        pipe = select.poll()
        pipe.register(process.stdout.fileno(), select.POLLIN)
        return process.poll() is None and not self._received and not pipe.poll(0)

    @contextlib.contextmanager
    def _distrust(self, name: str) -> Iterator[None]:
        """What it said is checked herein: a ValueError is its end."""
        try:
            yield
        except ValueError as error:
            raise self._lost(name, "sent nonsense") from error

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

    def _receive(self, kinds: Set[str], name: str, num_wanted: int = 0) -> tuple[dict[str, Any], bytes]:
        """The next message of one of these kinds, after signs of life. Raises DecodingLost, VideoError."""
        while True:
            header_bytes, payload_bytes = unpack_prefix(self._read(PREFIX_BYTES, name))
            with self._distrust(name):
                if header_bytes > answers.header_limit(num_wanted):
                    raise ValueError("its header is too long")
                header = answers.read_header(self._read(header_bytes, name))
                if not header.keys() & (kinds | {"alive", "error"}):
                    raise ValueError("it answers what was not asked")
                answers.check_payload_size(header, payload_bytes)
            payload = self._read(payload_bytes, name)
            if "error" in header:
                with self._distrust(name):
                    parts = answers.error_parts(header)
                self._turn = None
                raise (DecodingLost if header.get("lost") else VideoError)(*parts)
            if "alive" not in header:
                return header, payload
            self._patience_s -= ALIVE_S  # many of them in no time are no progress either

    def _read(self, num_bytes: int, name: str) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        deadline = time.monotonic() + self._deadline_s
        while len(self._received) < num_bytes:
            self._wait_for(fd, select.POLLIN, deadline, name)
            received = os.read(fd, 1 << 20)
            if not received:
                try:
                    status = self._process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    raise self._lost(name, "stopped answering") from None
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
        before = time.monotonic()
        is_ready = pipe.poll(max(0.0, min(deadline - before, self._patience_s)) * 1000)
        self._patience_s -= time.monotonic() - before
        if self._patience_s <= 0:
            raise self._lost(name, "was far too slow", "re-encode the film")
        if not is_ready:
            raise self._lost(name, f"made no progress for {self._deadline_s:g} s")

    def _lost(self, name: str, what: str, cure: str = _TRY_AGAIN) -> DecodingLost:
        self._stop()
        return DecodingLost(
            f"the process decoding {name} {what}",
            "the frames that it had not delivered are missing",
            cure,
        )


def _decord_version() -> str:
    """Without importing it: it is a library for the decoding process."""
    try:
        return f"decord {importlib.metadata.version('decord')}"
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(
            "decord is not installed", "nothing was decoded", "install it, or take the usual decoder: --decoder pyav"
        ) from error


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
