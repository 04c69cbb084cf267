"""Where a clip's bytes go: to the parent, which writes them. Runs in the decoding process, which may write nothing."""

import os
import time
from collections.abc import Callable
from typing import Any

__all__ = ["Sink"]

# One message: large enough that messages cost nothing, and below what the parent takes.
_PART_BYTES = 1024**2
# So often the parent hears how far it is.
_NEWS_S = 0.5


class Sink:
    """A file to write to, as FFmpeg's muxers need one. done_s: how much of the clip is written, for the parent."""

    def __init__(self, send: Callable[[dict[str, Any], bytes], None]) -> None:
        self._send = send
        self._parts: list[bytes] = []
        self._held = 0  # bytes in them
        self._from = 0  # where they begin
        self._at = 0
        self._size = 0
        self._last_news = 0.0
        self.done_s = 0.0
        self.closed = False  # FFmpeg's muxer writes no more then

    def write(self, data: bytes) -> int:
        if self._at != self._from + self._held:
            self.flush()
            self._from = self._at
        self._parts.append(bytes(data))
        self._held += len(data)
        self._at += len(data)
        self._size = max(self._size, self._at)
        if self._held >= _PART_BYTES:
            self.flush()
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        data = b"".join(self._parts)
        for at in range(0, max(1, len(data)), _PART_BYTES):
            self._send({"bytes": self._from + at, "done_s": self.done_s}, data[at : at + _PART_BYTES])
        self._from, self._parts, self._held = self._from + self._held, [], 0
        self._last_news = time.monotonic()

    def tell_news(self) -> None:
        """To be called often: what is held goes out twice a second at least."""
        if time.monotonic() - self._last_news > _NEWS_S:
            self.flush()

    def begin_again(self) -> None:
        """Forgets what was written: the clip is made in another way."""
        self._parts, self._held, self._from, self._at, self._size, self.done_s = [], 0, 0, 0, 0, 0.0
        self._send({"bytes": 0, "done_s": 0.0, "again": True}, b"")
