"""A film that is a file which another program still writes. It is read like `tail -f`: in order, to its end, and on
from there when there is more. Standard library only.

What a recorder changes behind us (sizes and dates in headers, when the file is closed) is not read again.
"""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from vtn_stream.errors import VideoError
from vtn_stream.following.feed import PIECE_BYTES, Piece
from vtn_stream.following.head import checked
from vtn_stream.following.waiting import Source

__all__ = ["GrowingFile"]

_TAIL = 1 << 16  # bytes that were read last, to see whether they are still there
# A file that was renamed or removed may still be written for a moment: it ends when it has been at rest for so long.
_GONE_S = 2.0
_AGAIN = "run the same command again: it begins with the new file"


class GrowingFile(Source):
    """A Feed of the file at `path`, which need not be there yet. It ends when nothing has come for until_idle_s
    seconds, or when the file was renamed or removed and what was written to it is read.

    `pieces` raises VideoError if the file is replaced or truncated, does not begin within until_idle_s, or is no film.
    """

    replays = True

    def __init__(self, path: Path, *, until_idle_s: float | None) -> None:
        super().__init__(path.name, until_idle_s)
        self.path: Path | None = path
        self._at = path
        self._file: int | None = None
        self._read = 0  # bytes
        self._tail = b""
        self._waits_at_hole = False

    @property
    def backlog_bytes(self) -> int:
        if self._file is None or self._waits_at_hole:
            return 0
        return max(os.fstat(self._file).st_size - self._read, 0)

    def pieces(self) -> Iterator[Piece]:
        self._read, self._tail = 0, b""
        try:
            yield from checked(self._pieces(), self.name, "file")
        finally:
            self._leave()

    def _pieces(self) -> Iterator[Piece]:
        has_waited = False
        while not self._wait.is_closed:
            there = self._there()  # before the read: what was written until it was replaced is read
            if self._file is not None and not self._read and not _is_same(self._file, there):
                self._leave()  # nothing was read of it: the one that comes is the first
            if self._file is None and there is not None:
                self._open()
            if self._file is not None:
                data = self._next(self._file, is_sure=not has_waited)
                if data:
                    has_waited = False
                    self._wait.came()
                    yield data
                    continue
                self._check(self._file, there)
                if there is None and self._wait.waited_s >= _GONE_S:
                    return
            if self._wait.is_over:
                if not self._read:
                    raise self._never_begun()
                self.ended = "idle"
                return
            has_waited = True
            yield from self._wait.waits()

    def _there(self) -> os.stat_result | None:
        """What is at the path now."""
        try:
            return os.stat(self._at)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(error) from error

    def _open(self) -> None:
        try:
            self._file = os.open(self._at, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:  # gone again
            return
        except OSError as error:
            raise self._unreadable(error) from error
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise VideoError(f"{self.name} is not a regular file", "it was not followed", "check the path")

    def _leave(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = None

    def _next(self, file: int, *, is_sure: bool) -> bytes:
        """What follows; nothing at the end of what is written."""
        try:
            data = os.pread(file, PIECE_BYTES, self._read)
            # Recorders and downloads may reserve room for what they will write: it reads as zeros, and is a hole.
            written = (
                _end_of_data(file, self._read, self._read + len(data)) - self._read if data[-1:] == b"\0" else None
            )
            self._waits_at_hole = written is not None and written < len(data)
            data = data[:written]
            if (
                data
                and not is_sure
                and _differs(self._tail, os.pread(file, len(self._tail), self._read - len(self._tail)))
            ):
                raise self._changed("was written again from its beginning")
        except OSError as error:
            raise self._unreadable(error) from error
        self._tail = (self._tail + data)[-_TAIL:]
        self._read += len(data)
        return data

    def _check(self, file: int, there: os.stat_result | None) -> None:
        """At the end of what is written. there: what was at the path before. Raises VideoError."""
        if there is not None and not _is_same(file, there):
            raise self._changed("was replaced by another file")
        if os.fstat(file).st_size < self._read:
            raise self._changed("was truncated")

    def _changed(self, how: str) -> VideoError:
        return VideoError(f"{self.name} {how} while it was followed", "only what came before was followed", _AGAIN)

    def _never_begun(self) -> VideoError:
        is_empty = self._file is not None
        return VideoError(
            f"{self.name} {'is empty' if is_empty else 'is not there'} after {self._wait.waited_s:.0f} s",
            "there is nothing to follow",
            "check the path and the recorder, then run again",
        )

    def _unreadable(self, error: OSError) -> VideoError:
        reason = (error.strerror or "unknown error").lower()
        if not self._read:
            return VideoError(f"{self.name} cannot be opened ({reason})", "it was not followed", "check the path")
        return VideoError(
            f"{self.name} cannot be read further ({reason})",
            "only what came before was followed",
            "check the disk, then run again",
        )


def _is_same(file: int, there: os.stat_result | None) -> bool:
    return there is not None and os.path.samestat(os.fstat(file), there)


def _end_of_data(file: int, start: int, stop: int) -> int:
    """The byte in [start, stop] from which on the file is one hole; `stop` if data come there or later.

    A disk that knows no holes says that all is data.
    """
    at = start
    while at < stop:
        hole = os.lseek(file, at, os.SEEK_HOLE)
        if hole >= stop:
            break
        try:
            at = os.lseek(file, hole, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return hole
    return stop


def _differs(before: bytes, now: bytes) -> bool:
    """Whether these are other bytes. Recorders come back to write sizes and dates, a few bytes of many."""
    if before == now:
        return False
    num_changed = sum(a != b for a, b in zip(before, now, strict=False)) + abs(len(before) - len(now))
    return 4 * num_changed > len(before)
