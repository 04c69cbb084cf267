"""Opens files that a stranger's text names, if they lie in its folder. Standard library only."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

__all__ = ["OutsideError", "open_inside"]


class OutsideError(Exception):
    """The name leads out of the folder."""


def open_inside(folder: Path, name: str) -> int:
    """A descriptor of the regular file that is called so in `folder`, a real path; to be read.

    A name may be as in addresses, with %20 for a space, and may go through links that stay inside. Raises OutsideError,
    FileNotFoundError if it is not there, OSError if it cannot be opened or is no regular file.
    """
    for spelling in _spellings(name):
        real = Path(os.path.realpath(folder / spelling))
        if not real.is_relative_to(folder):
            raise OutsideError
        try:
            return _opened(folder, real.relative_to(folder).parts)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            if error.errno == errno.ELOOP:  # a link since we looked
                raise OutsideError from error
            raise
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _spellings(name: str) -> Iterator[str]:
    yield name
    decoded = unquote(name)
    if decoded != name:
        if ".." in decoded.split("/") or "\0" in decoded:
            raise OutsideError
        yield decoded


def _opened(folder: Path, parts: tuple[str, ...]) -> int:
    """Goes down from the folder step by step, through no link: what was checked is what is opened."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for depth, part in enumerate(parts, 1):
        kind = os.O_DIRECTORY if depth < len(parts) else os.O_NONBLOCK
        above = file
        try:
            file = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=above)
        finally:
            os.close(above)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "not a regular file")
    return file
