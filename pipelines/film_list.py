"""The films of a batch in little memory: paths in one piece, an object only while a film is in use."""

import hashlib
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Self, overload

from vtn_stream.anonymous import without_name
from vtn_stream.results.names import plain_path, tagged

from .film_names import folded, shown_path

__all__ = ["BaseFolder", "FilmEntry", "FilmList", "RecordingFiles"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmEntry:
    """One film of a batch.

    number     its place in the listing, from 0
    path       absolute, for workers
    name       for readers: how it was given, never absolute, safe to print
    num_bytes  0 where it could not be looked at
    results    where its results go, without their suffixes: relative to the folder for them, and never leading up
    anonymous  whether name and results are a random one, so that its own is not to be shown
    parts      the paths of a recording's files, in order; then path is that of no file. None where it is one file
    starts     when each begins, seconds on the recording's clock; None if where the one before ends
    """

    number: int
    path: str
    name: str
    num_bytes: int
    results: str
    anonymous: bool = False
    parts: tuple[str, ...] = ()
    starts: tuple[Fraction, ...] | None = None

    @property
    def source(self) -> "str | RecordingFiles":
        """What a worker is to read."""
        if not self.parts:
            return self.path
        return RecordingFiles(name=os.path.basename(self.path), paths=self.parts, starts=self.starts)

    def shown(self, text: str) -> str:
        """A text about the film as others may read it."""
        return without_name(text, self.path, self.name) if self.anonymous else text


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFiles:
    """The files of a recording and its name, for workers. starts: as in `FilmEntry`."""

    name: str
    paths: tuple[str, ...]
    starts: tuple[Fraction, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFolder:
    """A folder that films are below, and what it is called in their names."""

    path: str
    label: str

    def labelled(self, below: str) -> str:
        return f"{self.label}/{below}" if self.label else below

    def name_of(self, below: str) -> str:
        return shown_path(self.labelled(below))


class FilmList(Sequence[FilmEntry]):
    """Immutable; about 30 bytes a film and its path below the base. N films.

    rows: (bytes of the file, number of its base, path below that)
    """

    def __init__(self, bases: list[BaseFolder], rows: list[tuple[int, int, bytes]]) -> None:
        rows = sorted(rows, key=lambda row: (-row[0], os.path.join(os.fsencode(bases[row[1]].path), row[2])))
        self._bases = tuple(bases)
        self._paths = b"".join(path for _, _, path in rows)
        self._ends = array("Q")  # [N], where each path ends
        end = 0
        for _, _, path in rows:
            self._ends.append(end := end + len(path))
        self._sizes = array("Q", (size for size, _, _ in rows))
        self._base = array("I", (base for _, base, _ in rows))
        self._tagged = self._clashes()

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def num_bytes(self) -> int:
        return sum(self._sizes)

    def only(self, film_numbers: Iterable[int]) -> Self:
        """Only these films, with new numbers; their names and results stay."""
        chosen = sorted(set(film_numbers))
        films = type(self)([*self._bases], [])
        paths = [os.fsencode(self._below(number)) for number in chosen]
        films._paths = b"".join(paths)
        films._ends = array("Q", accumulate(map(len, paths)))
        films._sizes = array("Q", (self._sizes[number] for number in chosen))
        films._base = array("I", (self._base[number] for number in chosen))
        films._tagged = {new: self._tagged[old] for new, old in enumerate(chosen) if old in self._tagged}
        return films

    @overload
    def __getitem__(self, number: int) -> FilmEntry: ...
    @overload
    def __getitem__(self, number: slice) -> list[FilmEntry]: ...
    def __getitem__(self, number: int | slice) -> FilmEntry | list[FilmEntry]:
        if isinstance(number, slice):
            return [self._film(i) for i in range(*number.indices(len(self)))]
        return self._film(range(len(self))[number])

    def __iter__(self) -> Iterator[FilmEntry]:
        return map(self._film, range(len(self)))

    def _film(self, number: int) -> FilmEntry:
        base, below = self._bases[self._base[number]], self._below(number)
        return FilmEntry(
            number=number,
            path=os.path.join(base.path, below),
            name=base.name_of(below),
            num_bytes=self._sizes[number],
            results=self._tagged.get(number) or plain_path(base.labelled(below)),
        )

    def _below(self, number: int) -> str:
        start = self._ends[number - 1] if number else 0
        return os.fsdecode(self._paths[start : self._ends[number]])

    def _clashes(self) -> dict[int, str]:
        """Results of films whose plain names are taken by another film, or would be on some disks.

        Sources keep their names in the order in which they were given; in one source, names in small letters first.
        """

        def order(number: int) -> tuple[int, bool, str]:
            below = self._below(number)
            return self._base[number], below != folded(below), below

        taken: set[bytes] = set()
        results = {}
        for number in sorted(range(len(self)), key=order):
            base, below = self._bases[self._base[number]], self._below(number)
            plain = result = plain_path(base.labelled(below))
            what = os.path.join(base.path, below)
            while (key := _digest(folded(result))) in taken:
                what += "/"
                result = results[number] = tagged(plain, what)
            taken.add(key)
        return results


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
