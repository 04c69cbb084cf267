"""A film that is recorded in segments, as for HLS: a playlist on disk, or the folder that they lie in. Standard library
only.

The playlist and its parts are opened here, and nothing but regular files inside its folder: the decoding process gets
bytes. Each part follows the one before, as in a file; where it does not, a new stretch begins, and its header comes
again.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from vtn_stream.errors import VideoError, listed
from vtn_stream.following.feed import PIECE_BYTES, NewStretch, Piece
from vtn_stream.following.head import HEAD_BYTES, checked, other_kind
from vtn_stream.following.inside import OutsideError, open_inside
from vtn_stream.following.listed import Found, Listed, Parts
from vtn_stream.following.numbered import Numbered, playlists_in
from vtn_stream.following.playlist import Part, Place, outside
from vtn_stream.following.waiting import Source

__all__ = ["Segments"]

# A playlist may be written before the part that it lists, but not much.
_MISSING_S = 10.0


class Segments(Source):
    """A Feed of the playlist at `path`, which need not be there yet, or of the folder there. It ends with the playlist
    (EXT-X-ENDLIST), or when nothing has come for until_idle_s seconds.

    `pieces` raises VideoError if the playlist is none, or lists what must not be opened; if nothing comes within
    until_idle_s; and if what comes is no film.
    """

    path: Path | None = None

    def __init__(self, path: Path, *, is_folder: bool, until_idle_s: float | None) -> None:
        super().__init__(path.name, until_idle_s)
        self._at = path
        self._is_folder = is_folder
        self._begin()

    def _begin(self) -> None:
        """Nothing was read."""
        self._parts: Parts = Numbered(self._at) if self._is_folder else Listed(self._at)
        self._playlist: Listed | None = None  # of the folder
        self._is_begun = False
        self._header: tuple[str, int, int | None] | None = None
        self._missing: tuple[tuple[str, int, int | None], float] | None = None
        self._num_bytes, self._num_parts = 0, 0

    @property
    def replays(self) -> bool:
        """Whether its first part is still there, as far as is known."""
        return self._parts.is_complete

    @property
    def backlog_bytes(self) -> int:
        """About: parts are taken to be as long as those before."""
        return self._parts.num_left * self._num_bytes // max(self._num_parts, 1)

    def pieces(self) -> Iterator[Piece]:
        self._begin()
        yield from checked(self._pieces(), self.name, "segments")

    def _pieces(self) -> Iterator[Piece]:
        while not self._wait.is_closed:
            self._choose()
            found = self._parts.next()
            with contextlib.ExitStack() as files:
                ready = None if found is None else self._opened(found.part, files)
                if found is not None and ready is not None:
                    self._wait.came()
                    if self._is_begun and (what := _other_kind(*ready[-1])):
                        self._parts.lost(found.part, f"{found.part.place.uri} is {what}")
                    else:
                        yield from self._read(found, ready)
                    continue
            if found is None and self._parts.is_over:
                self._check_end()
                return
            is_next = found is None and self._parts.num_left > 0  # it is looked at once more
            if self._wait.is_over and not is_next:
                if not self._is_begun:
                    raise VideoError(
                        f"{self.name} has no segments after {self._wait.waited_s:.0f} s",
                        "there is nothing to follow",
                        "check the path and the recorder; segments in MP4 need a playlist (.m3u8) in their folder",
                    )
                if found is not None:  # it is listed, and others may be behind it
                    self._parts.lost(found.part, f"{found.part.place.uri} was not there")
                    self._wait.came()
                    continue
                self._check_end()
                self.ended = "idle"
                return
            yield from self._wait.waits()

    def _choose(self) -> None:
        """Of a folder: its playlist, as soon as it lists the segment that was read last."""
        if not isinstance(self._parts, Numbered):
            return
        found = playlists_in(self._at)
        if len(found) > 1:
            raise VideoError(
                f"{self.name} has {len(found)} playlists ({listed(path.name for path in found)})",
                "which of them to follow is not known",
                "give the playlist instead of the folder",
            )
        if not found:
            return
        if self._playlist is None:
            self._playlist = Listed(found[0])
        current = self._parts.current
        if current is None or self._playlist.goes_on(current, self._parts.num_bytes):
            self._parts = self._playlist

    def _opened(self, part: Part, files: contextlib.ExitStack) -> list[tuple[Place, int]] | None:
        """The files of its header, if that must be read, and of the part; None if they are not there.

        A part for which was waited in vain is lost.
        """
        header = [] if part.header is None else [part.header]
        opened = []
        with contextlib.suppress(FileNotFoundError):
            for place in (*header, part.place):
                file = self._open(place)
                files.callback(os.close, file)
                if place.stop is None or os.fstat(file).st_size >= place.stop:
                    opened.append((place, file))
            if len(opened) == len(header) + 1:
                self._missing = None
                return opened
        now = time.monotonic()
        if self._missing is None or self._missing[0] != part.place.key:
            self._missing = (part.place.key, now)
        if now - self._missing[1] >= _MISSING_S and (self._parts.num_left > 1 or self._parts.is_whole):
            self._parts.lost(part, f"{part.place.uri} was not there")
        return None

    def _open(self, place: Place) -> int:
        """Raises FileNotFoundError, VideoError."""
        try:
            return open_inside(self._parts.folder, place.uri)
        except FileNotFoundError:
            raise
        except OutsideError as error:
            raise outside(self.name, place.line, place.uri) from error
        except OSError as error:
            raise VideoError(
                f"{place.uri} of {self.name} cannot be read ({(error.strerror or 'unknown error').lower()})",
                "only what came before was followed",
                "check the files in its folder",
            ) from error

    def _read(self, found: Found, ready: list[tuple[Place, int]]) -> Iterator[Piece]:
        """The part's bytes, and what must come before."""
        if found.why and self._is_begun:
            yield NewStretch(why=found.why)
            self._header = None
        *headers, (place, file) = ready
        for header, of_header in headers:
            if header.key != self._header:
                yield from _bytes(header, of_header)
            self._header = header.key
        digest, num_bytes = hashlib.blake2b(digest_size=16), 0
        for data in _bytes(place, file):
            digest.update(data)
            num_bytes += len(data)
            self._is_begun = True
            yield data
        self._num_bytes += num_bytes
        self._num_parts += 1
        self._parts.took(found.part, num_bytes, digest.digest())

    def _check_end(self) -> None:
        if why := self._parts.why:
            raise VideoError(
                f"the last of {self.name} is missing: {why}",
                "only what came before was followed",
                "check the files in its folder",
            )


def _other_kind(place: Place, file: int) -> str:
    """What a part is that is no film; "" if it may be one. Of what grows, its file's beginning says it."""
    start = 0 if place.stop is None else place.start
    size = os.fstat(file).st_size - start if place.stop is None else place.stop - start
    head = os.pread(file, min(HEAD_BYTES, size), start)
    kind = other_kind(head, is_all=len(head) == size) if head else None
    return "" if kind is None else kind[0]


def _bytes(place: Place, file: int) -> Iterator[bytes]:
    at = place.start
    while data := os.pread(file, PIECE_BYTES if place.stop is None else min(PIECE_BYTES, place.stop - at), at):
        at += len(data)
        yield data
