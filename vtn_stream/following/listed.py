"""Which parts a playlist lists that were not read yet, as it is written again and again. Standard library only.

first reading   0 1 2 3
later               2 3 4 5          4 is next
much later                  7 8 9    6 was removed before it could be read: 7 begins a new stretch
begun again     0 1                  the recorder counts from the beginning: 0 begins a new stretch
"""

import hashlib
import os
import stat
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from vtn_stream.errors import VideoError
from vtn_stream.following.feed import PIECE_BYTES
from vtn_stream.following.inside import OutsideError, open_inside
from vtn_stream.following.playlist import MAX_BYTES, Part, Place, Playlist, read_playlist

__all__ = ["Found", "Listed", "Parts", "digest_of"]

# A playlist that is written in place is short for a moment. One that stays so is another recording's.
_REST_S = 2.0
_REMEMBERED = 64  # parts; a playlist of live television lists 3 to 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The next part; why: if it does not go on where the one before ended, in words."""

    part: Part
    why: str = ""


class Parts(Protocol):
    """The parts of a film, each once, in order."""

    folder: Path

    @property
    def is_complete(self) -> bool:
        """Whether all parts since the first are there, as far as is known."""
        ...

    @property
    def is_whole(self) -> bool:
        """Whether no more parts will come than those that are listed."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether no more will come. It is asked when there is no next."""
        ...

    @property
    def num_left(self) -> int:
        """How many there are that were not taken."""
        ...

    @property
    def why(self) -> str:
        """Why the next part will not go on where the one before ended, as far as is known."""
        ...

    def next(self) -> Found | None:
        """The part that follows those that were taken, if it is there. Raises VideoError."""
        ...

    def took(self, part: Part, num_bytes: int, digest: bytes) -> None:
        """The part was read."""
        ...

    def lost(self, part: Part, why: str) -> None:
        """The part cannot be read."""
        ...


@dataclass(slots=True, kw_only=True)
class _Taken:
    part: Part
    stamp: tuple[int, ...] | None  # of its file; None for a part that was lost
    digest: bytes = b""


class Listed:
    """The Parts of the playlist at `path`."""

    def __init__(self, path: Path) -> None:
        self.folder = Path(os.path.realpath(path.parent))
        self.is_complete = True
        self.is_over = False
        self.num_left = 0
        self.why = ""
        self._path = path
        self._after: tuple[str, int] | None = None
        self._stamp: tuple[int, ...] | None = None
        self._data = b""
        self._changed_s = 0.0  # when this content was seen first
        self._is_all = False  # its last line is written
        self._is_news = False  # it was written since the newest part was compared
        self._list: Playlist | None = None
        self._first: _Taken | None = None
        self._taken: deque[_Taken] = deque(maxlen=_REMEMBERED)

    def next(self) -> Found | None:
        listed = self._read()
        if listed is None:
            return None
        parts, at = listed.parts, 0
        if parts and not self._taken and parts[0].number:
            self.is_complete = False
        if self._taken and (why := self._begun_again(parts)):
            self._taken.clear()
            self._first = None
            self.is_complete = False
            self.why = why
        elif self._taken:
            last = self._taken[-1].part.number
            at = _index_after(parts, last)
            if at < len(parts) and parts[at].number > last + 1 and not self.why:
                self.why = f"{_many(parts[at].number - last - 1)} removed before they could be read"
        elif self._after is not None:
            parts = self._resumed(parts)
        while at < len(parts) and parts[at].is_lost:
            self.lost(parts[at], "the recorder lost a segment")
            at += 1
        self.num_left = len(parts) - at
        if not self.num_left:
            self.is_over = self.is_whole and bool(self._taken)
            return None
        part = parts[at]
        why = self.why or ("the recorder began a new stretch" if part.begins else "")
        before = next((taken.part for taken in reversed(self._taken) if taken.stamp is not None), None)
        if not why and before is not None and _key(before.header) != _key(part.header):
            why = "the recorder wrote a new header"
        return Found(part=part, why=why)

    def took(self, part: Part, num_bytes: int, digest: bytes) -> None:
        self._remember(_Taken(part=part, stamp=self._stamp_of(part.place), digest=digest))
        self.why = ""

    def lost(self, part: Part, why: str) -> None:
        self._remember(_Taken(part=part, stamp=None))
        self.why = self.why or why

    def goes_on(self, uri: str, num_bytes: int) -> bool:
        """Whether it lists this part now. Then the first bytes of it were read, and what follows is next."""
        listed = self._read()
        if listed is None or all(part.place.uri != uri for part in listed.parts):
            return False
        self._after = (uri, num_bytes)
        return True

    @property
    def is_whole(self) -> bool:
        return self._list is not None and self._list.is_whole

    def _remember(self, taken: _Taken) -> None:
        self._first = self._first or taken
        self._taken.append(taken)

    def _resumed(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """From the part on of which a beginning was read already."""
        assert self._after is not None
        uri, num_bytes = self._after
        for index, part in enumerate(parts):
            if part.place.uri == uri:
                place = replace(part.place, start=part.place.start + num_bytes)
                return replace(part, place=place, begins=False), *parts[index + 1 :]
        return parts

    def _read(self) -> Playlist | None:
        """What the playlist lists now; None if it is not there."""
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return self._list
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise VideoError(f"{self._path.name} is not a regular file", "it was not followed", "check the path")
            now = time.monotonic()
            if self._stamp == _stamp(status) and self._is_all:
                return self._list
            data = b"".join(iter(lambda: os.read(file, PIECE_BYTES), b"")) if status.st_size <= MAX_BYTES else None
        except OSError as error:
            raise self._unreadable(error) from error
        finally:
            os.close(file)
        if data is None:
            data = bytes(MAX_BYTES + 1)  # refused by its length
        if data != self._data or self._list is None:
            self._data, self._changed_s = data, now
        is_at_rest = now - self._changed_s >= _REST_S
        self._is_all = data[-1:] == b"\n" or is_at_rest
        self._is_news = self._is_news or self._stamp != _stamp(status)
        self._stamp = _stamp(status)
        if data:  # else it is being written
            self._list = read_playlist(data, self._path.name, is_at_rest=is_at_rest)
        return self._list

    def _unreadable(self, error: OSError) -> VideoError:
        reason = (error.strerror or "unknown error").lower()
        return VideoError(f"{self._path.name} cannot be read ({reason})", "it was not followed", "check the path")

    def _begun_again(self, parts: tuple[Part, ...]) -> str:
        """Why what is listed is another recording than the one whose parts were taken; "" if it is the same."""
        why = f"{self._path.name} begins again: the recorder was started again"
        known = {taken.part.number: taken for taken in (*((self._first,) if self._first else ()), *self._taken)}
        for number, taken in known.items():
            index = number - parts[0].number if parts else -1
            if 0 <= index < len(parts) and _file(parts[index].place) != _file(taken.part.place):
                return why
        last, newest = self._taken[-1].part.number, parts[-1].number if parts else None
        if newest is not None and newest >= last:
            is_news, self._is_news = self._is_news, False
            return why if is_news and last >= parts[0].number and self._is_rewritten(known[last]) else ""
        if newest is None or time.monotonic() - self._changed_s < _REST_S:
            return ""
        return why if newest not in known or self._is_rewritten(known[newest]) else ""

    def _is_rewritten(self, taken: _Taken) -> bool:
        """Whether a part's file has another content than was read. One that is gone cannot be asked."""
        stamp = self._stamp_of(taken.part.place)
        if taken.stamp is None or stamp is None or stamp == taken.stamp:
            return False
        if digest_of(self.folder, taken.part.place) != taken.digest:
            return True
        taken.stamp = stamp  # touched, or copied
        return False

    def _stamp_of(self, place: Place) -> tuple[int, ...] | None:
        try:
            file = open_inside(self.folder, place.uri)
        except (OSError, OutsideError):
            return None
        try:
            return _stamp(os.fstat(file))
        finally:
            os.close(file)


def digest_of(folder: Path, place: Place) -> bytes:
    """Of the bytes that are there; b"" if the file is not."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        file = open_inside(folder, place.uri)
    except (OSError, OutsideError):
        return b""
    try:
        at = place.start
        while data := os.pread(file, PIECE_BYTES if place.stop is None else min(PIECE_BYTES, place.stop - at), at):
            digest.update(data)
            at += len(data)
        return digest.digest()
    finally:
        os.close(file)


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _index_after(parts: tuple[Part, ...], number: int) -> int:
    """They are numbered one after the other."""
    return min(max(number + 1 - parts[0].number, 0), len(parts)) if parts else 0


def _key(place: Place | None) -> tuple[str, int, int | None] | None:
    return None if place is None else place.key


def _file(place: Place) -> tuple[str, int | None]:
    """What tells parts apart, also of one of which the beginning was read before."""
    return place.uri, place.stop


def _many(number: int) -> str:
    return "a segment was" if number == 1 else f"{number} segments were"
