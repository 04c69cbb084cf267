"""Reads films: `probe` reads the clock, a `DecodingProcess` gives frames, a `GrowingFilm` both of a film that
is still written. Knows no network and no store."""

import os
import re
import stat
from pathlib import Path

from vtn_stream.errors import VideoError
from vtn_stream.film import VideoInfo, as_stored
from vtn_stream.video.deep import LostFrames, find_damage
from vtn_stream.video.growing import GrowingFilm
from vtn_stream.video.requests import DecodingProcess, FrameBatch, check_unchanged
from vtn_stream.video.window import Window

__all__ = [
    "DecodingProcess",
    "FrameBatch",
    "GrowingFilm",
    "LostFrames",
    "Window",
    "check_unchanged",
    "film_file",
    "find_damage",
    "probe",
]


_ADDRESS = re.compile(r"([a-z][a-z0-9+.,-]+:)(/?)(?!/)", re.IGNORECASE)


def probe(
    path: str | os.PathLike[str], process: DecodingProcess | None = None, *, stream: int | None = None
) -> VideoInfo:
    """The film's clock and shape: one pass over its packets, one frame decoded, in the decoding process.

    stream: which of the container's video streams; by default the first that is not a cover picture.

    Raises VideoError if the file is missing, is not a film, or cannot be decoded.
    """
    film = film_file(path)
    if process is not None:
        return process.probe(film, stream)
    with DecodingProcess() as own:
        return own.probe(film, stream)


def film_file(path: str | os.PathLike[str]) -> Path:
    """The path, if it could be a film: it exists, is a regular file, is not empty and can be read."""
    film = as_stored(Path(path))
    name = film.name or str(film)
    try:
        status = film.stat()
    except (OSError, ValueError) as error:
        if str(film) == "-":
            raise VideoError(
                "- is not the name of a film",
                "standard input cannot be read twice; it was not analyzed",
                "save it to a file",
            ) from error
        if _ADDRESS.match(str(film)):
            raise VideoError(
                f"{_ADDRESS.sub(_as_typed, str(film), count=1)} cannot be opened (no such file or directory)",
                "addresses are not opened; it was not analyzed",
                "give a file: first download the film, or join its parts",
            ) from error
        reason = getattr(error, "strerror", None) or "not a path"
        raise VideoError(
            f"{film} cannot be opened ({reason.lower()})", "it was not analyzed", "check the path"
        ) from error
    if stat.S_ISDIR(status.st_mode):
        raise VideoError(
            f"{name} is a folder", "it was not analyzed", "give the names of the films in it, or use vtn-stream batch"
        )
    if not stat.S_ISREG(status.st_mode):
        raise VideoError(
            f"{name} is not a regular file",
            "it cannot be read twice; it was not analyzed",
            "copy it to a file",
        )
    if status.st_size == 0:
        raise VideoError(f"{name} is empty", "it was not analyzed", "download or copy it again")
    if not os.access(film, os.R_OK):
        raise VideoError(
            f"{name} cannot be read (permission denied)", "it was not analyzed", "change the file's permissions"
        )
    return film


def _as_typed(address: re.Match[str]) -> str:
    """An address as it was typed: a Path has one slash where an address has two."""
    return address[1] + 2 * address[2]
