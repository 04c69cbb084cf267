"""The time on the store's disk, and when a folder in it was last used.

The clocks of the machines that share a store differ, and a network disk has its own: ages are measured by the times
that the disk itself gives to files. Reading leaves no trace that can be relied on (many disks are mounted with
noatime), so a reader marks the folder; writing a file into it does so by itself.
"""

import contextlib
import os
import time
from pathlib import Path

from vtn_stream.atomic import temporary_name

__all__ = ["mark_used", "store_now_s"]

# A folder is marked this often at most: far less than the hour for which what was used is kept, and a film of an hour
# that is read chunk by chunk costs one mark and 59 looks.
MARK_EVERY_S = 600.0


def store_now_s(folder: Path) -> float:
    """Seconds since the epoch, by the disk of this folder; by this machine's clock if nothing can be written."""
    touched = folder / temporary_name()
    try:
        descriptor = os.open(touched, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError:
        return time.time()
    try:
        return os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            touched.unlink()


def mark_used(path: Path) -> None:
    """Notes that the file, or something in the folder, is being read. A store that cannot be written can be read."""
    with contextlib.suppress(OSError):
        # This machine's clock is good enough here: it decides on a mark too many, or one a little late.
        if abs(time.time() - path.stat().st_mtime) > MARK_EVERY_S:
            os.utime(path)  # no time given: the disk takes its own
