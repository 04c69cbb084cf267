"""Files that appear whole or not at all. Standard library only."""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Write the parts under a temporary name beside path, then rename: readers see the old file or the new one.

    Written through to the disk, folder entry included. Raises OSError; no temporary is left behind.
    """
    temporary = path.with_name(f".{secrets.token_hex(12)}.tmp")  # short: path's own name may be as long as allowed
    try:
        with open(temporary, "xb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
