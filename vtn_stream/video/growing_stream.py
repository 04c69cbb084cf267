"""The packets of a film whose bytes are still coming. Runs in the decoding process.

FFmpeg reads a film when it wants to, and bytes come when they come: it runs in a thread of its own, which waits for
them. Who feeds them goes on when that thread has nothing left to do, so that the same bytes give the same packets at
the same byte, however they were cut into pieces. Nothing is sought in them, and no file is opened.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator

import av
import av.container
import av.video.stream

from vtn_stream.errors import VideoError
from vtn_stream.video.container import open_content, packets_of

__all__ = ["Demuxer", "cannot_go_on"]

# Read at once: FFmpeg may look again only at what it read at once, so it must not depend on how bytes came; and what
# is less waits for more.
_BLOCK_BYTES = 2048
# So much of the film is read at most before it begins, if it names sound or other streams that do not come...
_ANALYZE_S = 2.0
# ... but where that is too little to know the picture, as between two keyframes, as much as of a file.
_ALIVE_S = 0.5
# Errors in a row, with bytes between them: a transport stream in which so much is garbage has ended.
_MAX_ERRORS = 1000


class _Content:
    """Implements `Content`: bytes that are fed by one thread and read by another."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.changed = threading.Condition()
        self._data = bytearray()  # from byte number `_first` of the film
        self._first = self._at = 0
        self._wanted = 0  # the reader waits for so many
        self._ended = self._is_known = False

    @property
    def num_unread(self) -> int:
        return self._first + len(self._data) - self._at

    @property
    def at(self) -> int:
        return self._at

    @property
    def is_starved(self) -> bool:
        """Whether the reader waits for more than there is."""
        return self._wanted > self.num_unread and not self._ended

    @property
    def has_ended(self) -> bool:
        """Whether all bytes have come, and were read."""
        return self._ended and self.num_unread == 0

    def read(self, size: int, /) -> bytes:
        size = min(size, _BLOCK_BYTES)
        with self.changed:
            self._wanted = size
            while self.num_unread < size and not self._ended:
                self.changed.notify_all()
                self.changed.wait()
            self._wanted = 0
            start = self._at - self._first
            taken = bytes(self._data[start : start + size])
            self._at += len(taken)
            return taken

    def feed(self, data: bytes) -> None:
        with self.changed:
            self._drop()
            self._data += data
            self.changed.notify_all()

    def end(self) -> None:
        with self.changed:
            self._ended = True
            self.changed.notify_all()

    def head(self) -> bytes:
        """All bytes so far, until `forget`."""
        return bytes(self._data)

    def begin_again(self) -> None:
        """From the first byte; before `forget`."""
        self._at = self._first = 0

    def forget(self) -> None:
        """What was read is not wanted any more, now and from now on."""
        with self.changed:
            self._is_known = True
            self._drop()

    def _drop(self) -> None:
        if self._is_known:
            del self._data[: self._at - self._first]
            self._first = self._at


class _Head:
    """Implements `Content`: the first bytes of a film, once more."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self._data = memoryview(data)

    def read(self, size: int, /) -> bytes:
        taken, self._data = self._data[:size], self._data[size:]
        return bytes(taken)


class Demuxer:
    """Packets of the film's video stream, as bytes come.

    opened    container and stream, once they are known. Only the demuxer's own thread may read from them
    packets   that came and were not taken
    problem   why no more come although bytes do
    """

    def __init__(self, name: str, stream: int | None) -> None:
        self.packets: deque[av.Packet] = deque()
        self.opened: tuple[av.container.InputContainer, av.video.stream.VideoStream] | None = None
        self.problem: Exception | None = None
        self._name, self._stream_index = name, stream
        self._content = _Content(name)
        self._head = b""
        self._is_done = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def feed(self, data: bytes, alive: Callable[[], None]) -> None:
        """Takes bytes, and returns when there is nothing left to do with them."""
        if not self._is_done:
            self._content.feed(data)
        self._wait(alive)

    def end(self, alive: Callable[[], None]) -> None:
        """No more bytes come."""
        self._content.end()
        self._wait(alive)

    @property
    def num_unread(self) -> int:
        return self._content.num_unread

    @property
    def num_read(self) -> int:
        """Bytes, from the film's first."""
        return self._content.at

    def head(self) -> bytes:
        """The first bytes of the film: all until `forget`, then those that were there."""
        return self._head or self._content.head()

    def forget(self) -> None:
        """The head is long enough: what is read from now on is not kept."""
        self._head = self._content.head()
        self._content.forget()

    def open_head(self) -> tuple[av.container.InputContainer, av.video.stream.VideoStream]:
        """The film's first bytes as a film of their own, with a decoder of its own."""
        assert self.opened is not None
        head = self.head()
        return open_content(_Head(self._content.name, head), self._name, self.opened[1].index, lambda: head)

    def _wait(self, alive: Callable[[], None]) -> None:
        changed = self._content.changed
        before = -1
        with changed:
            while not (self._is_done or self._content.is_starved):
                changed.wait(_ALIVE_S)
                if before != self._content.at:
                    before = self._content.at
                    alive()

    def _run(self) -> None:
        try:
            self.opened = self._open()
            for packet in self._all_packets(*self.opened):
                self.packets.append(packet)
        except Exception as error:
            self.problem = error
        finally:
            with self._content.changed:
                self._is_done = True
                self._content.changed.notify_all()

    def _open(self) -> tuple[av.container.InputContainer, av.video.stream.VideoStream]:
        content = self._content
        try:
            opened = open_content(content, self._name, self._stream_index, content.head, analyze_s=_ANALYZE_S)
            codec = opened[1].codec_context
            if codec.width and codec.height:
                return opened
            opened[0].close()
        except VideoError as error:
            if error.__cause__ is not None:  # it is no film, whatever follows
                raise
        content.begin_again()
        return open_content(content, self._name, self._stream_index, content.head)

    def _all_packets(
        self, container: av.container.InputContainer, stream: av.video.stream.VideoStream
    ) -> Iterator[av.Packet]:
        """All that can be read; a transport stream goes on after garbage, however long it is."""
        goes_on = container.format.name == "mpegts"
        for _ in range(_MAX_ERRORS):
            problems: list[str] = []
            at = self._content.at
            for packet in packets_of(container, stream, problems=problems):
                if packet is not None:
                    yield packet
            if not (problems and goes_on and self._content.at > at):
                break
        if not self._content.has_ended:
            raise cannot_go_on(self._name, problems[0].lower() if problems else "it says that it ends here")


def cannot_go_on(name: str, reason: str) -> VideoError:
    """What is said of a film whose bytes are of no use from here on."""
    return VideoError(
        f"{name} cannot be read any further ({reason})",
        "what comes after is not analyzed",
        "begin a new file when the recorder begins again, or record MPEG-TS, which can be cut anywhere",
    )
