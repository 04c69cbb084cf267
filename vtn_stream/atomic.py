"""Writes files whole or not at all, and checks that a folder is writable. Standard library only."""

import errno
import os
import re
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["TEMPORARY", "check_writable", "is_full", "replacing", "temporary_name", "write_whole"]

TEMPORARY = re.compile(r"\.[0-9a-f]{24}\.tmp")  # the name of an unfinished file: a killed run's are found by it


def temporary_name() -> str:
    """A name for an unfinished file, always a new one. Short, as the finished file's name may be as long as allowed."""
    return f".{secrets.token_hex(12)}.tmp"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`; the file there takes its place at the end: readers see the old or the new
    one.

    Written through to the disk, folder entry included. Raises OSError; no temporary is left behind.
    """
    temporary = path.with_name(temporary_name())
    try:
        yield temporary
        _sync(temporary, os.O_RDWR)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent, os.O_RDONLY)


def write_whole(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Write the parts as one file, whole or not at all. Raises OSError."""
    with replacing(path) as temporary, open(temporary, "xb") as file:
        for part in parts:
            file.write(part)


def check_writable(folder: Path) -> None:
    """Makes the folder if it is missing, and a file in it that is removed at once. Raises OSError if that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()


def is_full(error: OSError) -> bool:
    """Whether the disk, or what a user may have of it, is full: then so it is for whatever else is written."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _sync(path: Path, flags: int) -> None:
    opened = os.open(path, flags)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
