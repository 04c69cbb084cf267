"""The decoding process: `python -m vtn_stream.video.child RING_FD LIFELINE_FD MEMORY THREADS DEADLINE`, asked on stdin,
answering on stdout.

It parses untrusted files with C libraries, so it can be killed at any moment: it holds nothing that matters, and has
given up what it does not need (`sandbox`). Requests and answers (see `wire`):

    {"do": "check"}                                      -> {"missing": [what is not closed off]}
    {"do": "probe", "path"}                              -> {"info"} + pts, keyframes (and pts of all packets, where
                                                            they are not what the file says) | {"error"}
    {"do": "decode", "path" ...} + keyframes, pts, flags -> {"slot", "items", "lost", "thumbnails"} + JPEGs,
      (and to decord the pts of all frames, to PyAV those   again and again, then {"done"} | {"error"}
      of all packets where they are not what the file says)
    {"do": "hold", "films", "encodes"}                   -> {"container": [suffix, why not MP4]} | {"error"}
    {"do": "cut", "films", "pieces", ...} + of each film -> {"bytes": offset, "done_s"} + a part of the file, again and
      keyframes, pts, pts of its packets                    again, then {"clip": what was made} | {"error"}
    {"do": "feed" ...} and others                           of a film that is still written: see `growing_child`
    {"free": slot}                                          the parent has read that slot

The pixels of a batch lie in the ring, shared memory of uint8: in its slot, for each window of the request after the
other [batch, height, width, 3]. Thumbnails are [index, window, bytes].
{"alive"} comes every second while packets move.
"""

import errno
import math
import mmap
import os
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import DecodingLost, VideoError, listed
from vtn_stream.video import sandbox
from vtn_stream.video.decord_reader import DecordReader
from vtn_stream.video.probing import Probed, read_info
from vtn_stream.video.pyav_reader import PyAVReader
from vtn_stream.video.reader import Reader, Source
from vtn_stream.video.ring import batch_bytes, batches_of
from vtn_stream.video.window import Window, window_of
from vtn_stream.video.wire import PREFIX_BYTES, pack, unpack_header, unpack_prefix

if TYPE_CHECKING:
    from vtn_stream.video.growing_child import GrowingChild

THUMBNAIL_WIDTH = 160
_UNREAD = "the rest was not read"


def main() -> None:
    ring_fd, lifeline_fd, memory_bytes, num_threads = (int(argument) for argument in sys.argv[1:5])
    watchdog = sandbox.Watchdog(lifeline_fd, float(sys.argv[5]))
    # No level at all: with one, a decoder's thread that reports damage waits for Python's lock, while we hold it and
    # wait for that thread to end.
    av.logging.set_level(None)
    # Answers go out on our own copy of stdout: a library that prints cannot break the protocol.
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    child = _Child(requests, answers, ring_fd, num_threads, watchdog, sandbox.enter(memory_bytes))
    try:
        while child.serve():
            pass
    except BrokenPipeError:
        pass  # the parent is gone


def _starved(name: str) -> DecodingLost:
    cure = "re-encode the film at a lower resolution"
    return DecodingLost(f"decoding {name} needs more memory than its limit", _UNREAD, cure)


class _Child:
    def __init__(
        self,
        requests: BinaryIO,
        answers: BinaryIO,
        ring_fd: int,
        num_threads: int,
        watchdog: sandbox.Watchdog,
        missing: list[str],
    ) -> None:
        self._requests = requests
        self._answers = answers
        self._ring_fd = ring_fd
        self._num_threads = num_threads
        self._watchdog = watchdog
        self._missing = missing  # of the sandbox
        self._last_sign = 0.0
        self._reader: Reader | None = None
        self._reading = ""
        self._growing: GrowingChild | None = None

    def serve(self) -> bool:
        """Serves one request; False if the parent has closed the pipe."""
        message = self._receive()
        if message is None:
            return False
        request, payload = message
        names = [film["path"] for film in request.get("films", [])] or [request.get("path", "")]
        name = listed(dict.fromkeys(map(os.path.basename, names)))
        try:
            if request.get("do") == "probe":
                self._send_probed(read_info(request["path"], request["stream"], self._alive))
            elif request.get("do") == "decode":
                self._decode(request, payload)
            elif request.get("do") in ("hold", "cut"):
                self._clip(request, payload)
            elif request.get("do") in ("grow", "feed", "keep", "drop", "identify", "compare"):
                self._grow(request, payload)
            elif request.get("do") == "check":
                self._send({"missing": self._missing + ([] if self._missing else sandbox.holes())})
        except VideoError as error:
            self._fail(error)
        except MemoryError:
            self._fail(_starved(name))
        except BrokenPipeError:
            raise
        except OSError as error:
            if error.errno == errno.ENOMEM:
                self._fail(_starved(name))
                return True
            cure = "check the disk and the permissions"
            self._fail(VideoError(f"{name} cannot be read ({error.strerror})", _UNREAD, cure))
        except Exception as error:  # whatever a decoder raises for a strange file must reach the person who asked
            fact = f"decoding {name} failed ({type(error).__name__}: {error})"
            self._fail(DecodingLost(fact, _UNREAD, "re-encode the film"))
        return True

    def _send_probed(self, probed: Probed, **more: Any) -> None:
        arrays = [probed.pts, probed.keyframes, *([] if probed.packet_pts is None else [probed.packet_pts])]
        self._send(
            {"info": probed.facts | {"lengths": list(map(len, arrays))}, **more},
            b"".join(array.tobytes() for array in arrays),
        )

    def _grow(self, request: dict[str, Any], payload: bytes) -> None:
        from vtn_stream.video.growing_child import GrowingChild  # most processes read files only

        if request["do"] == "grow":
            self._growing = GrowingChild(request, self._num_threads, self._alive)
            self._send({"grows": True})
            return
        assert self._growing is not None
        if request["do"] == "feed":
            self._send(*self._growing.feed(payload, ended=request["ended"]))
        elif request["do"] == "keep":
            self._send(self._growing.keep(window_of(request["window"]), request["keeps_s"]))
        elif request["do"] == "drop":
            self._send(self._growing.drop(request["before"]))
        elif request["do"] == "identify":
            self._send({"identity": self._growing.identify(request["end_pts"])})
        else:
            probed, same_s = self._growing.compare(request["path"])
            self._send_probed(probed, same_s=same_s)

    def _clip(self, request: dict[str, Any], payload: bytes) -> None:
        from vtn_stream.video.clip_child import choose_container, make_clip  # most processes cut nothing

        if request["do"] == "hold":
            self._send(choose_container(request))
        else:
            self._send({"clip": make_clip(request, payload, self._num_threads, self._send, self._alive)})

    def _fail(self, error: VideoError) -> None:
        parts = [error.fact, error.consequence, error.cure]
        self._send({"error": parts, "lost": isinstance(error, DecodingLost)})
        self._reader = None  # a later request opens the film anew

    def _decode(self, request: dict[str, Any], payload: bytes) -> None:
        num_keyframes, num_wanted = request["num_keyframes"], request["num_wanted"]
        keyframes = np.frombuffer(payload, np.int64, num_keyframes)
        pts = np.frombuffer(payload, np.int64, num_wanted, offset=keyframes.nbytes)
        wants_thumbnail = np.frombuffer(payload, np.bool_, num_wanted, offset=keyframes.nbytes + pts.nbytes)
        rest = keyframes.nbytes + pts.nbytes + wants_thumbnail.nbytes
        windows = [window_of(asked) for asked in request["windows"]]
        if request.get("grows"):
            assert self._growing is not None
            reader: Reader = self._growing.shown(windows, has_thumbnail=bool(wants_thumbnail.any()))
        else:
            reader = self._reader_of(request, keyframes, payload[rest:])
        sizes = [window.size for window in windows]
        ring_shape = (request["slots"], batch_bytes(request["batch"], sizes))
        # The map goes with the last array on it: closed here, it would fail while an error still holds one.
        memory = mmap.mmap(self._ring_fd, math.prod(ring_shape))
        ring = batches_of(np.frombuffer(memory, np.uint8).reshape(ring_shape), request["batch"], sizes)
        self._fill(reader, ring, windows, pts, wants_thumbnail)
        self._send({"done": True} | (self._growing.queued() if request.get("grows") and self._growing else {}))

    def _reader_of(self, request: dict[str, Any], keyframes: NDArray[np.int64], rest: bytes) -> Reader:
        """Of the film's file: the last one, if it reads that film."""
        if self._reader is not None and self._reading == request["identity"] and not request["is_fresh"]:
            return self._reader
        if self._reader is not None:
            self._reader.close()
        is_decord = request["decoder"] == "decord"
        source = Source(
            path=Path(request["path"]),
            stream=request["stream"],
            time_base=Fraction(request["time_base"]),
            rotation=request["rotation"],
            mirrored=request["mirrored"],
            sample_aspect_ratio=Fraction(request["sample_aspect_ratio"]),
            keyframes=keyframes,
            temporal_layers=request["temporal_layers"],
            pts=np.frombuffer(rest, np.int64) if is_decord else None,
            packet_pts=np.frombuffer(rest, np.int64) if request["is_repaired"] else None,
            restarts=np.array(request["restarts"], np.int64),
            field_pictures=request["field_pictures"],
            num_unseen=request["num_unseen"],
        )
        self._reader = (DecordReader if is_decord else PyAVReader)(source, self._num_threads)
        self._reading = request["identity"]
        return self._reader

    def _fill(
        self,
        reader: Reader,
        ring: list[NDArray[np.uint8]],
        windows: list[Window],
        pts: NDArray[np.int64],
        wants_thumbnail: NDArray[np.bool_],
    ) -> None:
        num_slots, batch_size = ring[0].shape[:2]
        free = list(range(num_slots))
        slot = free.pop()
        items: list[int] = []
        lost: list[int] = []
        thumbnails: list[tuple[int, int, int]] = []
        jpegs = b""
        for i, picture in reader.frames(pts, self._alive):
            if picture is None:
                lost.append(i)
                continue
            for k, window in enumerate(windows):
                ring[k][slot, len(items)] = picture.resized(window)
                if wants_thumbnail[i]:
                    jpeg = picture.thumbnail(THUMBNAIL_WIDTH, window)
                    thumbnails.append((i, k, len(jpeg)))
                    jpegs += jpeg
            items.append(i)
            if len(items) == batch_size:
                self._send({"slot": slot, "items": items, "lost": lost, "thumbnails": thumbnails}, jpegs)
                items, lost, thumbnails, jpegs = [], [], [], b""
                while not free:
                    free.append(self._freed())
                slot = free.pop()
        if items or lost:
            self._send({"slot": slot, "items": items, "lost": lost, "thumbnails": thumbnails}, jpegs)

    def _freed(self) -> int:
        message = self._receive()
        if message is None:
            raise BrokenPipeError
        return int(message[0]["free"])

    def _alive(self) -> None:
        now = time.monotonic()
        if now - self._last_sign > 1.0:
            self._send({"alive": True})

    def _send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        self._watchdog.disarm()
        self._answers.write(pack(header, payload))
        self._answers.flush()
        self._watchdog.arm()
        self._last_sign = time.monotonic()

    def _receive(self) -> tuple[dict[str, Any], bytes] | None:
        self._watchdog.disarm()
        prefix = self._requests.read(PREFIX_BYTES)
        if len(prefix) < PREFIX_BYTES:
            return None
        header_bytes, payload_bytes = unpack_prefix(prefix)
        message = unpack_header(self._requests.read(header_bytes)), self._requests.read(payload_bytes)
        self._watchdog.arm()
        return message


if __name__ == "__main__":
    main()
