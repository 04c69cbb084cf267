"""The decoding process, seen from its parent, which starts it, talks to it, and survives its death.

Decoders are large C libraries that read untrusted files: they run in a process of their own, with a deadline, a memory
limit and bounded shared memory, so that a crash or a hang costs a gap and never the analysis. It also keeps a second
core busy: the next batch is decoded while this one is embedded.

What happens when a decoder dies:

    it crashes, or the system kills it   its pipe ends: that is noticed at once
    it hangs                             no byte comes for deadline_s: it is killed
    it would take days                   the patience with this request is over: it is killed
    it needs more memory than its limit  it says so and lives on, or crashes
    it says what no honest process says  it is killed (see `answers`)

Each of these is a DecodingLost for the caller. Nothing is tried again here; the next request starts a new process.
`vtn_stream.embedding` asks once more for the frames that were not delivered; the chunk on which the process is lost
twice in a row is a gap. If we die first, a pipe that we hold breaks, and the process ends itself.
"""

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import DecodingLost, VideoError
from vtn_stream.video import answers
from vtn_stream.video.ring import Ring
from vtn_stream.video.wire import PREFIX_BYTES, pack, unpack_prefix

__all__ = ["DEADLINE_S", "MEMORY_BYTES", "NUM_THREADS", "ChildProcess", "Request"]

CHILD = "vtn_stream.video.child"
# No packet for this long is a hang: one packet takes milliseconds, a stalled network disk some seconds.
DEADLINE_S = 60.0
# Address space of the process: 8K film with 4 threads needs about 3 GiB, everything usual under 1 GiB.
MEMORY_BYTES = 4 * 1024**3
# The decoder's threads, at most half the cores: the network takes the others, and each thread costs memory and CPU.
NUM_THREADS = min(4, max(1, (os.cpu_count() or 1) // 2))
_TRY_AGAIN = "run again to retry; if it happens again, re-encode the film"
# A process that was killed is gone in less, and one that hangs ends itself so long after we should have done it.
STOP_S = 5.0
ALIVE_S = 0.5  # it says so once a second


@dataclass(slots=True, kw_only=True, eq=False)
class Request:
    """A question to the process. film: the name of its file; patience_s: how long the answer may still take in all."""

    film: str
    patience_s: float


class ChildProcess:
    """A process that is started when it is first asked, and again when it was lost. It answers one request at a time.

    Whatever asks raises DecodingLost where it dies, hangs, is far too slow or answers nonsense; it is stopped then.
    """

    def __init__(self, *, deadline_s: float, memory_bytes: int, num_threads: int, reserve_bytes: int) -> None:
        self._deadline_s = deadline_s
        self._memory_bytes = memory_bytes
        self._num_threads = num_threads
        self._reserve_bytes = reserve_bytes
        self._ring = Ring(reserve_bytes)
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline: int | None = None  # the process ends when no process holds this end of a pipe
        self._received = bytearray()
        self._request: Request | None = None  # that is being answered

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """Stops the process, whatever it is doing, and gives its memory back."""
        self.stop()
        self._ring.close()

    def shared(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Memory of this shape that the process can write to."""
        try:
            return self._ring.shaped(shape)
        except OSError:  # too small, and sealed: the process that holds it goes with it
            self.stop()
            self._ring.close()
            self._ring = Ring(self._reserve_bytes)
            return self._ring.shaped(shape)

    def ask(self, request: Request, header: dict[str, Any], payload: bytes = b"", *, anew: bool = True) -> None:
        """Sends a request, to a new process if there is none that waits for one. anew: False if that would not know
        what is asked about; DecodingLost then.
        """
        if self._process is None or self._request is not None or not self._is_quiet(self._process):
            if not anew:
                self.stop()
                fact = f"the process decoding {request.film} is gone"
                raise DecodingLost(fact, "the rest was not read", "begin again with the film's first byte")
            self.stop()  # what it was still to deliver would be taken for the answer
            self._process = self._start()
        self._request = request
        self.send(request, header, payload)

    def is_answering(self, request: Request) -> bool:
        """Whether this is the last request, it is not answered in full, and the process was not stopped."""
        return self._request is request

    def answered(self) -> None:
        """The answer has come in full: the process can be asked for something else."""
        self._request = None

    @contextlib.contextmanager
    def distrust(self, request: Request) -> Iterator[None]:
        """For the block that checks an answer of the process: a ValueError there stops the process."""
        try:
            yield
        except ValueError as error:
            raise self._lost(request, "sent nonsense") from error

    def send(self, request: Request, header: dict[str, Any], payload: bytes = b"") -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        fd = self._process.stdin.fileno()
        message = memoryview(pack(header, payload))
        deadline = time.monotonic() + self._deadline_s
        while message:
            self._wait_for(fd, select.POLLOUT, deadline, request)
            try:
                message = message[os.write(fd, message[: select.PIPE_BUF]) :]  # so much never blocks
            except BrokenPipeError:
                return  # it died just now: the next answer says so

    def receive(self, request: Request, kinds: Set[str], num_wanted: int = 0) -> tuple[dict[str, Any], bytes]:
        """The next message of one of these kinds, after signs of life. num_wanted: the number of frames asked for.

        Raises VideoError if the process says that the film is bad.
        """
        while True:
            header_bytes, payload_bytes = unpack_prefix(self._read(PREFIX_BYTES, request))
            with self.distrust(request):
                if header_bytes > answers.header_limit(num_wanted):
                    raise ValueError("its header is too long")
                header = answers.read_header(self._read(header_bytes, request))
                if not header.keys() & (kinds | {"alive", "error"}):
                    raise ValueError("its answer does not fit the request")
                answers.check_payload_size(header, payload_bytes)
            payload = self._read(payload_bytes, request)
            if "error" in header:
                with self.distrust(request):
                    parts = answers.error_parts(header)
                self.answered()
                raise (DecodingLost if header.get("lost") else VideoError)(*parts)
            if "alive" not in header:
                return header, payload
            request.patience_s -= ALIVE_S  # many of them in no time are no progress either

    def kill(self) -> None:
        """Ends the process if it runs, from any thread: the one that waits for an answer hears that it died."""
        process = self._process
        if process is not None:
            process.kill()

    def stop(self) -> None:
        """Kills the process, whatever it is doing."""
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
        self._request = None

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
                    *map(str, (*ours, self._memory_bytes, self._num_threads, self._deadline_s + STOP_S)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=ours,
                # One thread for numpy, which computes little there: starting more takes a third of the start, and room.
                env=os.environ | {"PYTHONPATH": os.pathsep.join(search), "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is for us; we stop it
            )
        finally:
            os.close(lifeline)

    def _is_quiet(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether the process lives and has sent nothing unasked."""
        assert process.stdout is not None
        pipe = select.poll()
        pipe.register(process.stdout.fileno(), select.POLLIN)
        return process.poll() is None and not self._received and not pipe.poll(0)

    def _read(self, num_bytes: int, request: Request) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        deadline = time.monotonic() + self._deadline_s
        while len(self._received) < num_bytes:
            self._wait_for(fd, select.POLLIN, deadline, request)
            received = os.read(fd, 1 << 20)
            if not received:
                try:
                    status = self._process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    raise self._lost(request, "stopped answering") from None
                if status > 0:
                    raise self._lost(
                        request,
                        f"ended (status {status})",
                        "`python -c 'import vtn_stream.video.child'` may show the reason",
                    )
                raise self._lost(request, f"died (signal {-status})")
            self._received += received
        taken = bytes(self._received[:num_bytes])
        del self._received[:num_bytes]
        return taken

    def _wait_for(self, fd: int, event: int, deadline: float, request: Request) -> None:
        """Waits until the pipe can be read or written, or is broken. Raises DecodingLost at the deadline."""
        pipe = select.poll()
        pipe.register(fd, event)
        before = time.monotonic()
        is_ready = pipe.poll(max(0.0, min(deadline - before, request.patience_s)) * 1000)
        request.patience_s -= time.monotonic() - before
        if request.patience_s <= 0:
            raise self._lost(request, "was far too slow", "re-encode the film")
        if not is_ready:
            raise self._lost(request, f"made no progress for {self._deadline_s:g} s")

    def _lost(self, request: Request, what: str, cure: str = _TRY_AGAIN) -> DecodingLost:
        self.stop()
        return DecodingLost(
            f"the process decoding {request.film} {what}",
            "the frames that it did not deliver are missing",
            cure,
        )
