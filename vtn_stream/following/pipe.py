"""A film that comes through a pipe: standard input, or a pipe that has a name. Standard library only.

No more is read than is taken, so that a run that is slow makes its source wait, and holds nothing in memory.
"""

import contextlib
import errno
import fcntl
import os
import select
import stat
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

from vtn_stream.errors import InputError, VideoError
from vtn_stream.following import waiting
from vtn_stream.following.feed import PIECE_BYTES, NewStretch, Piece
from vtn_stream.following.head import checked
from vtn_stream.following.waiting import Source

__all__ = ["Pipe"]

# What a pipe may hold while we are busy: Linux lets a user have so much, of which a camera's film fills seconds.
_ROOM_BYTES = 1 << 20
# Who writes each packet by itself, many a second, is read some times a second: each piece costs its reader some work.
_FEW_BYTES = 1 << 16


class Pipe(Source):
    """A Feed of standard input (path None), which ends where its writer does, or of a named pipe, for which the next
    writer is waited: what it writes is a new stretch.

    Raises InputError if standard input is a terminal, VideoError if it is closed or the pipe cannot be opened. `pieces`
    raises VideoError if nothing comes, and if it is no film.
    """

    replays = False
    path: Path | None = None

    def __init__(self, path: Path | None, *, until_idle_s: float | None) -> None:
        super().__init__("pipe" if path is None else path.name, until_idle_s)
        self._is_named = path is not None
        self._is_begun = False
        self._file: int | None = _standard_input() if path is None else _opened(path)
        self._few_bytes = 0
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # others have taken all the room
                fcntl.fcntl(self._file, fcntl.F_SETPIPE_SZ, _ROOM_BYTES)
            with contextlib.suppress(OSError):  # it is no pipe
                self._few_bytes = min(_FEW_BYTES, fcntl.fcntl(self._file, fcntl.F_GETPIPE_SZ) // 2)

    @property
    def backlog_bytes(self) -> int:
        if self._file is None:
            return 0
        num_bytes = bytearray(4)
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._file, termios.FIONREAD, num_bytes)
        return max(int.from_bytes(num_bytes, sys.byteorder, signed=True), 0)

    def pieces(self) -> Iterator[Piece]:
        try:
            yield from checked(self._pieces(), self.name, "pipe")
        finally:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _pieces(self) -> Iterator[Piece]:
        assert self._file is not None, "pieces of a pipe come once"
        poll = select.poll()
        poll.register(self._file, select.POLLIN)
        is_cut = False  # its writer has gone, after something had come
        while not self._wait.is_closed:
            ready = poll.poll(0)
            if ready and not ready[0][1] & select.POLLHUP and self.backlog_bytes < self._few_bytes:
                self._wait.pause()  # more may come, for which there is room
            data = self._next(self._file) if ready else None
            if data:
                self._wait.came()
                if is_cut:
                    yield NewStretch(why=f"another program writes to {self.name}")
                is_cut, self._is_begun = False, True
                yield data
                continue
            if data == b"" and not self._is_named:
                if not self._is_begun:
                    raise VideoError(
                        "standard input ended before its first byte",
                        "there is nothing to follow",
                        "check the program that writes to it",
                    )
                return
            if self._wait.is_over:
                if not self._is_begun:
                    raise VideoError(
                        f"nothing came from {self.name} for {self._wait.waited_s:.0f} s",
                        "there is nothing to follow",
                        "check the program that writes to it",
                    )
                self.ended = "idle"
                return
            is_cut = is_cut or (data == b"" and self._is_begun)
            if data is None:
                poll.poll(1000 * waiting.POLL_S)  # wakes up at once when something comes
            yield from self._wait.waits(has_slept=data is None)

    def _next(self, file: int) -> bytes | None:
        """What is there; b"" at its end; None if another program took it, or a named pipe has no writer yet."""
        try:
            return os.read(file, PIECE_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            raise VideoError(
                f"{self.name} cannot be read ({(error.strerror or 'unknown error').lower()})",
                "only what came before was followed",
                "check the program that writes to it",
            ) from error


def _standard_input() -> int:
    """A descriptor of its own."""
    try:
        status = os.fstat(0)
    except OSError as error:
        raise VideoError("standard input is closed", "there is nothing to follow", "send a film into it") from error
    if os.isatty(0):
        raise InputError(
            "standard input is a terminal",
            "there is nothing to follow",
            "send a film into it, such as: ffmpeg -i rtsp://... -c copy -f mpegts - | vtn-stream follow -",
        )
    if stat.S_ISDIR(status.st_mode):
        raise VideoError("standard input is a folder", "there is nothing to follow", "name the folder instead of -")
    return fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)


def _opened(path: Path) -> int:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISFIFO(os.fstat(file).st_mode):
            os.close(file)
            raise OSError(errno.EINVAL, "it is no pipe")
        return file
    except OSError as error:
        raise VideoError(
            f"{path.name} cannot be opened ({(error.strerror or 'unknown error').lower()})",
            "it was not followed",
            "check the path and its permissions",
        ) from error
