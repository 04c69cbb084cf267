"""Keeps a second run from following the same source. Standard library only."""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from vtn_stream.errors import InUse, StoreError

__all__ = ["alone"]


@contextlib.contextmanager
def alone(folder: Path, source: str) -> Iterator[None]:
    """Follows the source alone, as long as the block lasts. Standard input is never shared, and takes no lock.

    The lock is a file in `folder`, named after the source's real path, so that it holds before the source is there. The
    kernel gives it back when a run is killed.

    Raises InUse if another run has it, StoreError if the file cannot be made.
    """
    if source == "-":
        yield
        return
    path = folder / f"{hashlib.blake2b(os.fsencode(os.path.realpath(source)), digest_size=16).hexdigest()}.lock"
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"{folder.name}/{path.name} cannot be written ({error.strerror})",
                f"{os.path.basename(source)} was not followed",
                "check the folder's permissions and the space on its disk",
            ) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise InUse(
                    f"another run follows {os.path.basename(source)}",
                    "this run stopped",
                    "wait until the other ends, or stop it; then run again",
                ) from error
            if not _is_there(descriptor, path):  # who had it removed it
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return
        finally:
            os.close(descriptor)


def _is_there(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False
