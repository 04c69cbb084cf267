"""Looks into folders again and again for films that are complete: the disk's side of a watched folder.

It only looks: no system tells of files that another machine writes to a network disk. What is complete is decided in
`arrivals`; before a film is taken it is opened, so that a network disk says how it is now, and left alone while a
program on this machine has it open for writing, where the system knows that.
"""

import contextlib
import fcntl
import itertools
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vtn_stream.errors import InputError, VtnStreamError
from vtn_stream.film import as_stored
from vtn_stream.results.names import plain_path, tagged

from .arrivals import Arrivals, Sighting
from .film_list import BaseFolder, FilmEntry, FilmList
from .film_names import folded, label_of
from .listing import Listing, Search, status_of
from .patterns import Pattern, is_pattern

__all__ = ["AT_REST_S", "Found", "FoundFilm", "Watched"]

# Recorders and copies write several times a second, and NFS hides that for 3 s where a file keeps changing.
AT_REST_S = 10.0
POLL_S = 2.0  # between looks: a film is taken 10 to 14 s after it is complete
LOOKS_AT_REST = 5  # in the time that a film must be at rest, where that is shorter
# Of the time, at most, for looking: one look at 10,000 films may take seconds on a network disk, which others use too.
MAX_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFilm:
    """A film to be analyzed. is_again: it was analyzed before, and has changed. has_failed: it failed before."""

    film: FilmEntry
    is_again: bool
    has_failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one look found, which began and ended then, by `time.monotonic`.

    films     complete ones that were not before, largest first
    waiting   names of films that are not complete
    problems  what cannot be looked into now
    skipped   names of files that are no films by their names, at most `listing.MAX_SHOWN` of num_skipped
    is_quiet  nothing has changed since the look before, and no film will be complete by waiting alone
    """

    films: tuple[FoundFilm, ...]
    waiting: tuple[str, ...]
    problems: tuple[VtnStreamError, ...]
    skipped: tuple[str, ...]
    num_skipped: int
    is_quiet: bool
    began_s: float
    ended_s: float


class Watched:
    """Folders and patterns in which films arrive.

    at_rest_s     how long a film must look the same before it is taken
    until_idle_s  how long nothing may happen before the watch ends; None: it never does

    `look` is for one thread; `over` may be called from another. Raises InputError if a source is no folder or pattern,
    is not there, or could not be distinguished from another in the results.
    """

    def __init__(
        self, sources: Sequence[str | Path], *, at_rest_s: float = AT_REST_S, until_idle_s: float | None = None
    ) -> None:
        self.at_rest_s = at_rest_s
        self.until_idle_s = until_idle_s
        self._sources = [str(as_stored(Path(source).expanduser())) for source in sources]
        labels: dict[str, str] = {}
        for source in self._sources:
            folder = _folder_of(source)
            if status_of(folder) is None:
                raise InputError(f"there is no {folder}", "nothing is watched", "check the path, or make the folder")
            if labels.setdefault(label_of(folder), os.path.realpath(folder)) != os.path.realpath(folder):
                raise InputError(
                    f"two of the folders are called {label_of(folder)}",
                    "nothing is watched: two films of one name would share their results",
                    "watch the folder that both are in, or each with an output of its own",
                )
        self._arrivals = Arrivals(at_rest_s)
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._known: dict[str, tuple[int, str]] = {}  # of films that were taken, by their paths: numbers and results
        self._taken: set[str] = set()  # results, folded

    def over(self, path: str, *, failed: bool) -> None:
        """A film that was found was analyzed, or has failed."""
        with self._lock:
            self._arrivals.over(path, failed=failed)

    def look(self) -> Found:
        """Raises nothing: what cannot be looked into is a problem of this look."""
        scan = self._scan()
        found = []
        for sighting in sorted(scan.at_rest, key=scan.order):
            with self._lock:
                taken = self._arrivals.take(sighting)
            film = self._entry(sighting, *scan.base_of(sighting))
            found.append(FoundFilm(film=film, is_again=taken.is_again, has_failed=taken.has_failed))
        return Found(
            films=tuple(sorted(found, key=lambda one: (-one.film.num_bytes, one.film.path))),
            waiting=tuple(map(scan.name_of, scan.waiting)),
            problems=scan.shown_problems(),
            skipped=tuple(scan.skipped),
            num_skipped=scan.num_skipped,
            is_quiet=scan.is_quiet,
            began_s=scan.began_s,
            ended_s=scan.ended_s,
        )

    def complete_now(self) -> tuple[Listing, tuple[str, ...]]:
        """The films that are complete now, and the names of those that are not; none is taken. It lasts `at_rest_s`:
        each film that is there could be at rest then.
        """
        first = scan = self._scan()
        while scan.began_s - first.ended_s < self.at_rest_s:
            time.sleep(self.pause_s(scan))
            scan = self._scan()
        rows = [scan.row_of(sighting) for sighting in scan.at_rest]
        listing = Listing(
            films=FilmList(scan.bases, rows),
            skipped=tuple(scan.skipped),
            num_skipped=scan.num_skipped,
            problems=scan.shown_problems(),
        )
        return listing, tuple(map(scan.name_of, scan.waiting))

    def pause_s(self, last: "Found | _Scan") -> float:
        """How long to wait after a look."""
        spent_s = last.ended_s - last.began_s
        return max(min(POLL_S, self.at_rest_s / LOOKS_AT_REST), spent_s / MAX_SHARE)

    def _scan(self) -> "_Scan":
        scan = _Scan()
        for source in self._sources:
            scan.add(source)
        scan.ended_s = time.monotonic()
        with self._lock:
            look = self._arrivals.look(scan.places, began_s=scan.began_s, ended_s=scan.ended_s)
        scan.waiting = [*look.waiting]
        for sighting in look.at_rest:
            (scan.at_rest if _is_complete(sighting) else scan.waiting).append(sighting)
        scan.is_quiet = look.is_quiet
        return scan

    def _entry(self, sighting: Sighting, base: BaseFolder, below: str) -> FilmEntry:
        if sighting.path not in self._known:
            plain = results = plain_path(base.labelled(below))
            what = sighting.path
            while folded(results) in self._taken:  # as `film_list` has it
                what += "/"
                results = tagged(plain, what)
            self._taken.add(folded(results))
            self._known[sighting.path] = next(self._numbers), results
        number, results = self._known[sighting.path]
        return FilmEntry(
            number=number,
            path=sighting.path,
            name=base.name_of(below),
            num_bytes=sighting.num_bytes,
            results=results,
        )


class _Scan(Search):
    """One look at the disk, which began and ended then.

    places             the films that are there now, each with its base and its path below that
    at_rest, waiting   those to be taken, and those that are not complete
    """

    def __init__(self) -> None:
        super().__init__()
        self.began_s = self.ended_s = time.monotonic()
        self.places: dict[Sighting, tuple[int, str]] = {}
        self.at_rest: list[Sighting] = []
        self.waiting: list[Sighting] = []
        self.is_quiet = True

    def add(self, source: str) -> None:
        folder = _folder_of(source)
        status = status_of(folder)
        if status is None or not stat.S_ISDIR(status.st_mode):
            name = os.path.basename(os.path.abspath(folder))
            self.add_problem(
                InputError(f"the folder {name} is not there now", "its films wait", "they go on when it is back")
            )
        elif folder == source:
            self.add_folder(source)
        else:
            self.add_pattern(source)

    def found(self, base: int, below: str, status: os.stat_result | None) -> None:
        if status is not None:  # else a link to nowhere: what it leads to may still come
            path = os.path.join(self.bases[base].path, below)
            sighting = Sighting(path=path, num_bytes=status.st_size, changed_ns=status.st_mtime_ns)
            self.places[sighting] = base, below

    def base_of(self, sighting: Sighting) -> tuple[BaseFolder, str]:
        base, below = self.places[sighting]
        return self.bases[base], below

    def name_of(self, sighting: Sighting) -> str:
        base, below = self.base_of(sighting)
        return base.name_of(below)

    def row_of(self, sighting: Sighting) -> tuple[int, int, bytes]:
        """As a `FilmList` has it."""
        base, below = self.places[sighting]
        return sighting.num_bytes, base, os.fsencode(below)

    def order(self, sighting: Sighting) -> tuple[bool, str]:
        """Of films in one look, which gets its plain name first: as `film_list` has it."""
        _, below = self.places[sighting]
        return below != folded(below), below


def _folder_of(source: str) -> str:
    """The folder itself, or that below which a pattern looks. Raises InputError for a file."""
    if os.path.isdir(source) or not is_pattern(source):
        if os.path.lexists(source) and not os.path.isdir(source):
            raise InputError(
                f"{source} is no folder",
                "nothing is watched",
                "name the folder, or write a pattern in quotes: 'films/*.mp4'",
            )
        return source
    return Pattern.parsed(source)[0] or os.curdir


def _is_complete(sighting: Sighting) -> bool:
    """Whether the film is as it was seen, and no program of this machine has it open for writing, as far as the system
    says so. A film that cannot be opened is complete: its survey will tell.
    """
    try:
        descriptor = os.open(sighting.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return os.path.lexists(sighting.path)
    try:
        status = os.fstat(descriptor)
        now = Sighting(path=sighting.path, num_bytes=status.st_size, changed_ns=status.st_mtime_ns)
        return now == sighting and not _is_being_written(descriptor)
    finally:
        os.close(descriptor)


def _is_being_written(descriptor: int) -> bool:
    """Whether the file, which is open for reading here, is open for writing elsewhere; False where nobody can say.

    Linux lends a file to readers only while nobody has it open for writing. The loan is given back at once; who opens
    the file just then waits that long, and this process gets a signal that it ignores.
    """
    if sys.platform != "linux":
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:  # a network disk, or the file of another user
        return False
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
