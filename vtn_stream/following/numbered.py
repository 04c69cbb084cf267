"""The parts in a folder without a playlist: segments of MPEG-TS, in the order of their numbers. Standard library only.

The newest may still grow. A part is read as far as it goes; when it has grown, what is new of it is the next part.
"""

import os
import re
import time
from bisect import bisect_right
from pathlib import Path
from typing import NamedTuple

from vtn_stream.errors import VideoError, listed
from vtn_stream.following import waiting
from vtn_stream.following.listed import Found
from vtn_stream.following.playlist import Part, Place

__all__ = ["Numbered", "playlists_in"]

_SEGMENTS = (".ts", ".mts", ".m2ts")
_FILMS = (".mkv", ".webm", ".mp4", ".mov", ".flv", ".avi")
_NUMBER = re.compile(r"[0-9]+")


class Key(NamedTuple):
    """By which segments are ordered. shape: the name without its numbers, equal for those of one recording."""

    numbers: tuple[int, ...]
    name: str
    shape: str


class Numbered:
    """The Parts of a folder. `current` is the name of the newest that was taken, and `num_bytes` how much of it."""

    is_complete = True
    is_whole = False
    is_over = False

    def __init__(self, folder: Path) -> None:
        self.folder = Path(os.path.realpath(folder))
        self.num_left = 0
        self.current: str | None = None
        self.num_bytes = 0
        self._name = folder.name
        self._num_before = 0  # names up to the current one
        self._next_since: tuple[str, float] | None = None
        self._oldest: tuple[str, os.stat_result] | None = None
        self._before: tuple[str, int] | None = None  # the segment before the current one, and its bytes
        self.why = ""
        self._seen: list[str] = []  # what was in the folder at the last look, and what `_names` made of it
        self._sorted: list[str] = []
        self._keys: dict[str, Key] = {}

    def next(self) -> Found | None:
        names = self._names()
        if self.current is None:
            self.num_left = len(names)
            return _found(names[0], 0) if names else None
        later = names[bisect_right(names, _key(self.current), key=self._key_of) :]
        self.num_left = len(later)
        if len(names) - len(later) > self._num_before:
            raise VideoError(
                f"in {self._name}, segments come that stand before those that were read",
                "only what came before was followed",
                "give each recording a folder of its own, or name its playlist",
            )
        self._num_before = len(names) - len(later)
        self._check_oldest(names[0] if names else self.current)
        if self._size(self.current) > self.num_bytes:
            self.num_left += 1
            return _found(self.current, self.num_bytes, self.why)
        if not later or not self._is_left(later):
            return None
        if self._before is not None and self._size(self._before[0]) > self._before[1]:
            self.why = self.why or f"{self._before[0]} was written to after the next segment had begun"
            self._before = None
        return _found(later[0], 0, self.why)

    def took(self, part: Part, num_bytes: int, digest: bytes) -> None:
        if part.place.uri != self.current:
            self._before = None if self.current is None else (self.current, self.num_bytes)
            self._num_before += 1
        self.current, self.num_bytes = part.place.uri, part.place.start + num_bytes
        self.why = ""

    def lost(self, part: Part, why: str) -> None:
        self.took(part, max(self._size(part.place.uri) - part.place.start, 0), b"")
        self.why = why

    def _is_left(self, later: list[str]) -> bool:
        """Whether the recorder has left the current segment: the next one is there for a moment, or two are."""
        now = time.monotonic()
        if self._next_since is None or self._next_since[0] != later[0]:
            self._next_since = (later[0], now)
        return len(later) > 1 or now - self._next_since[1] >= waiting.POLL_S

    def _check_oldest(self, name: str) -> None:
        """A recorder may begin again with its first name, which is not to be read as the next. Raises VideoError."""
        if name == self.current or (self._before is not None and name == self._before[0]):
            return
        try:
            status = os.lstat(self.folder / name)
        except FileNotFoundError:
            return
        if self._oldest is not None and self._oldest[0] == name:
            before = self._oldest[1]
            if (status.st_ino, status.st_size, status.st_mtime_ns) != (
                before.st_ino,
                before.st_size,
                before.st_mtime_ns,
            ):
                raise VideoError(
                    f"{name} in {self._name} was written again after it was read",
                    "only what came before was followed",
                    "let the recorder give each segment a name of its own, or write a playlist",
                )
        self._oldest = (name, status)

    def _size(self, name: str) -> int:
        try:
            return os.lstat(self.folder / name).st_size
        except FileNotFoundError:
            return 0

    def _names(self) -> list[str]:
        """Of the segments, in order. Raises VideoError if they are of several recordings.

        A folder is looked at several times a second, and may hold a day of segments.
        """
        every = _listing(self.folder, self._name)
        if every == self._seen:
            return self._sorted
        keys = self._keys
        names = [name for name in every if name in keys or _suffix(name) in _SEGMENTS]
        self._keys = {name: keys[name] if name in keys else _key(name) for name in names}
        names.sort(key=self._key_of)
        if not names and not any(_suffix(name) == ".m4s" or "init" in name.lower() for name in every):
            films = sorted(name for name in every if _suffix(name) in _FILMS)
            if films:
                raise VideoError(
                    f"{self._name} holds films and no segments ({listed(films)})",
                    "it was not followed",
                    "name the film that is written; to analyze films as they arrive, use `vtn-stream batch --watch`",
                )
        shapes = {self._keys[name].shape: name for name in names}
        if len(shapes) > 1:
            raise VideoError(
                f"{self._name} holds segments of several recordings ({listed(sorted(shapes.values()))})",
                "their order is not known; it was not followed further",
                "name the playlist, or give each recording a folder of its own",
            )
        self._seen, self._sorted = every, names
        return names

    def _key_of(self, name: str) -> Key:
        return self._keys[name]


def playlists_in(folder: Path) -> list[Path]:
    """In the order of their names. Raises VideoError if the folder cannot be read."""
    found = (name for name in _listing(folder, folder.name) if name[-5:].lower() == ".m3u8")
    return [folder / name for name in sorted(found)]


def _listing(folder: Path, name: str) -> list[str]:
    try:
        return [entry for entry in os.listdir(folder) if not entry.startswith(".")]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise VideoError(
            f"{name} cannot be read ({(error.strerror or 'unknown error').lower()})",
            "it was not followed",
            "check the path and its permissions",
        ) from error


def _found(name: str, start: int, why: str = "") -> Found:
    return Found(part=Part(number=0, place=Place(uri=name, start=start)), why=why)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _key(name: str) -> Key:
    return Key(tuple(int(number) for number in _NUMBER.findall(name)), name, _NUMBER.sub("0", name))
