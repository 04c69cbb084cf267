"""Finds out what a source is, and opens its feed."""

import os
import re
import stat
from pathlib import Path

from vtn_stream.errors import VideoError
from vtn_stream.film import as_stored
from vtn_stream.following.feed import Feed
from vtn_stream.following.growing_file import GrowingFile
from vtn_stream.following.pipe import Pipe
from vtn_stream.following.segments import Segments

__all__ = ["open_feed"]

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PLAYLISTS = (".m3u8", ".m3u")


def open_feed(source: str, *, until_idle_s: float | None) -> Feed:
    """The feed of a file, a named pipe, a playlist or a folder of segments; "-" is standard input. What is not there
    yet is waited for, if its folder is there: as a playlist if it is called so, else as a file.

    until_idle_s: the feed ends when nothing has come for so many seconds; None: when the source does.

    Raises VideoError if it is none of these, InputError if standard input is a terminal.
    """
    if source == "-":
        return Pipe(None, until_idle_s=until_idle_s)
    if _ADDRESS.match(source):
        raise VideoError(
            f"{source} is an address",
            "addresses are not opened; it was not followed",
            f"send it through a pipe: ffmpeg -i {source} -c copy -f mpegts - | vtn-stream follow -",
        )
    if not source:
        raise VideoError(
            "the source has no name", "there is nothing to follow", "name a file, a folder, or - for a pipe"
        )
    path = as_stored(Path(source))
    path = path if path.name not in ("", "..") else Path(os.path.abspath(path))
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if not os.path.isdir(path.parent):
            raise _not_opened(path, "its folder is not there") from None
        mode = stat.S_IFREG
    except (OSError, ValueError) as error:
        raise _not_opened(path, (getattr(error, "strerror", None) or "not a path").lower()) from error
    if stat.S_ISFIFO(mode):
        return Pipe(path, until_idle_s=until_idle_s)
    if stat.S_ISDIR(mode) or path.suffix.lower() in _PLAYLISTS:
        return Segments(path, is_folder=stat.S_ISDIR(mode), until_idle_s=until_idle_s)
    if not stat.S_ISREG(mode):
        raise VideoError(
            f"{path.name} is not a file, a folder or a pipe",
            "it was not followed",
            "record it to a file, or send it through a pipe, and follow that",
        )
    return GrowingFile(path, until_idle_s=until_idle_s)


def _not_opened(path: Path, reason: str) -> VideoError:
    return VideoError(f"{path} cannot be opened ({reason})", "it was not followed", "check the path")
