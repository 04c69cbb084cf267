"""The films of a batch: folders, patterns, lists and films that the user gives become a compact listing.

    films              every film in the folder and the folders in it, by suffix; what begins with a dot is passed over,
                       and so are the bins and the previews of systems ($RECYCLE.BIN, @eaDir)
    'films/**/*.mp4'   a pattern, when nothing is called so; ** stands for any number of folders
    films.txt          a path a line, relative to the list's folder; # begins a comment
    film.mp4           a film, whatever its suffix

Links are followed; of all ways to one file the first is listed, and those without links come before the others. Opens
no film. Explicit films and lines of a list that cannot be read are listed with 0 bytes: the survey reports each.
"""

import heapq
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vtn_stream.errors import InputError, VtnStreamError
from vtn_stream.film import as_stored, is_film_name
from vtn_stream.results.names import is_result_name

from .film_list import BaseFolder, FilmList
from .film_names import label_of
from .patterns import Pattern, States, is_pattern

__all__ = ["Listing", "Search", "list_films", "status_of"]

MAX_SHOWN = 20  # names of skipped files, and problems: a disk full of pictures is one line, not a million
# Folders of Windows, macOS, Linux and network disks, in small letters: what was deleted, previews, snapshots.
SYSTEM_FOLDERS = frozenset(
    (
        *("$recycle.bin", "recycler", "system volume information", "lost+found", "__macosx"),
        *("@eadir", "#recycle", "@recycle", "@recently-snapshot", "#snapshot", "@tmp"),
    )
)
MAX_LIST_BYTES = 64 * 1024 * 1024  # 20,000 of the longest paths that Linux has; a larger file is no list


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Films, largest first (of equal size by path): the longest work begins first, so that none is left for the end.

    skipped      names of files among the films that are none, at most MAX_SHOWN of `num_skipped`
    problems     what could not be looked into; everything else is listed
    """

    films: FilmList
    skipped: tuple[str, ...]
    num_skipped: int
    problems: tuple[VtnStreamError, ...]

    def __len__(self) -> int:
        return len(self.films)

    @property
    def num_bytes(self) -> int:
        return self.films.num_bytes


def list_films(sources: Sequence[str | Path]) -> Listing:
    """All films of the sources. Raises InputError if a source is not there, or if there is no film in any."""
    search = Search()
    for source in sources:
        num_films, num_problems = search.num_films, search.num_problems
        search.add_source(os.fspath(source))
        if (num_films, num_problems) == (search.num_films, search.num_problems):
            search.add_problem(_no_film(os.fspath(source), search.num_skipped))
    if not search.rows:
        raise (
            search.problems[0]
            if search.problems
            else InputError(
                "no source was given", "there is nothing to analyze", "name a folder, a pattern, a list or a film"
            )
        )
    return Listing(
        films=FilmList(search.bases, search.rows),
        skipped=tuple(search.skipped),
        num_skipped=search.num_skipped,
        problems=search.shown_problems(),
    )


class Search:
    """What was found so far. rows: (bytes of the file, number of its base, path below that, as the disk has it).

    `found` hears of each film once: who wants to know more of it than a row has, overrides that.
    """

    def __init__(self) -> None:
        self.bases: list[BaseFolder] = []
        self.rows: list[tuple[int, int, bytes]] = []
        self.num_found = 0
        self.num_known = 0  # ways to films that were listed already
        self.skipped: list[str] = []
        self.num_skipped = 0
        self.problems: list[VtnStreamError] = []
        self.num_problems = 0
        self._numbers: dict[str, int] = {}
        self._seen: set[int | str] = set()  # files by device and inode, or by path

    @property
    def num_films(self) -> int:
        """All of them, those that were listed already as often as they were met."""
        return self.num_found + self.num_known

    def add_source(self, given: str) -> None:
        given = _spelled("", given)
        status = status_of(given)
        if status is not None and stat.S_ISDIR(status.st_mode):
            self.add_folder(given)
        elif os.path.lexists(given):
            if given.lower().endswith(".txt"):
                self._add_list(given)
            else:
                self._add_film(given, status)
        elif is_pattern(given):
            self.add_pattern(given)
        else:
            raise InputError(f"there is no {given}", "nothing was analyzed", "check the path")

    def add_folder(self, given: str) -> None:
        self._walk(given, Pattern())

    def add_pattern(self, given: str) -> None:
        folder, pattern = Pattern.parsed(given)
        if status_of(folder or ".") is not None:
            self._walk(folder, pattern)

    def found(self, base: int, below: str, status: os.stat_result | None) -> None:
        """A film, at a path below a base. status: None where it cannot be looked at."""
        size = status.st_size if status is not None and stat.S_ISREG(status.st_mode) else 0
        self.rows.append((size, base, os.fsencode(below)))

    def add_problem(self, problem: VtnStreamError) -> None:
        self.num_problems += 1
        if len(self.problems) < MAX_SHOWN:
            self.problems.append(problem)

    def shown_problems(self) -> tuple[VtnStreamError, ...]:
        if more := self.num_problems - len(self.problems):
            fact = f"{more} more {'places' if more > 1 else 'place'} cannot be looked into"
            return (*self.problems, InputError(fact, "films in them are not listed", "check their permissions"))
        return tuple(self.problems)

    # -- lists

    def _add_list(self, given: str) -> None:
        folder, name = os.path.split(given)
        where = os.path.abspath(folder)
        for number, line in enumerate(_lines(given), 1):
            entry = line.strip()
            if not entry or entry.startswith("#"):
                continue
            entry = _spelled(folder, entry)
            path = os.path.join(folder, entry)
            parts = entry.rstrip("/").split("/")
            if parts[-1] in ("", ".", ".."):
                fact = f"line {number} of {name} names no film"
                self.add_problem(
                    InputError(fact, "the rest of the list is used", "write the path of one film on each line")
                )
            elif ".." in parts or (os.path.isabs(entry) and not entry.startswith(os.path.join(where, ""))):
                self._add_film(path, status_of(path))  # with its .., since where that leads depends on links
            else:
                below = os.path.relpath(entry, where) if os.path.isabs(entry) else os.path.normpath(entry)
                self._add(self._base(folder), below, status_of(path))

    # -- folders

    def _walk(self, folder: str, pattern: Pattern) -> None:
        """Finds everything below the folder that the pattern matches.

        Real files and folders come first, then links by their path: what a film is called does not depend on links.
        """
        base = self._base(folder)
        root = self.bases[base].path
        folders: list[tuple[str, States]] = [("", pattern.begin())]
        links: list[tuple[str, States]] = []
        visited: set[tuple[int, int, States]] = set()
        while folders or links:
            if not folders:
                below, states = heapq.heappop(links)
                status = status_of(os.path.join(root, below))
                if status is not None and stat.S_ISDIR(status.st_mode):
                    folders.append((below, pattern.inside(states)))
                else:
                    self._consider(base, below, status, pattern, states)
                continue
            here, states = folders.pop()
            try:
                status = os.stat(os.path.join(root, here))
                key = (status.st_dev, status.st_ino, states)
                if status.st_ino and key in visited:  # a link back up, or a second way
                    continue
                visited.add(key)
                with os.scandir(os.path.join(root, here)) as scan:
                    entries = sorted((e.name, e.is_symlink(), e.is_dir(follow_symlinks=False)) for e in scan)
            except OSError as error:
                self.add_problem(_unreadable(os.path.join(os.path.basename(root), here), error))
                continue
            below_here: list[tuple[str, States]] = []
            for name, is_link, is_folder in entries:
                below, reached = os.path.join(here, name), pattern.step(states, name)
                if not reached or (name.lower() in SYSTEM_FOLDERS and (is_folder or is_link)):
                    continue
                if is_link:
                    heapq.heappush(links, (below, reached))
                elif is_folder:
                    below_here.append((below, pattern.inside(reached)))
                else:
                    self._consider(base, below, status_of(os.path.join(root, below)), pattern, reached)
            folders += reversed(below_here)  # the last is looked into first

    def _consider(self, base: int, below: str, status: os.stat_result | None, pattern: Pattern, states: States) -> None:
        """Takes a file in a folder as a film, as skipped, or as not of this pattern."""
        name = os.path.basename(below)
        if is_result_name(name) or not pattern.met(states):
            return
        regular = status is None or stat.S_ISREG(status.st_mode)  # None: a link to nowhere, which the survey tells
        if regular and (pattern.any_suffix(states) or is_film_name(name)):
            self._add(base, below, status)
        else:
            self.num_skipped += 1
            if len(self.skipped) < MAX_SHOWN:
                self.skipped.append(self.bases[base].name_of(below))

    # -- films

    def _add_film(self, path: str, status: os.stat_result | None) -> None:
        folder, name = os.path.split(path.rstrip("/"))
        self._add(self._base(folder), name, status)

    def _add(self, base: int, below: str, status: os.stat_result | None) -> None:
        key: int | str = os.path.join(self.bases[base].path, below)
        if status is not None and status.st_ino:  # some network disks have no inodes
            key = status.st_dev << 64 | status.st_ino
        if key in self._seen:
            self.num_known += 1
            return
        self._seen.add(key)
        self.num_found += 1
        self.found(base, below, status)

    def _base(self, folder: str) -> int:
        """Workers run elsewhere, so paths are absolute; `..` stays, since behind a link it leads elsewhere."""
        path = str(Path(os.getcwd(), folder))
        if path not in self._numbers:
            self._numbers[path] = len(self.bases)
            self.bases.append(BaseFolder(path=path, label=label_of(folder)))
        return self._numbers[path]


def _spelled(folder: str, entry: str) -> str:
    """The entry as the disk spells it, which may be in another form of Unicode."""
    path = os.path.join(folder, entry)
    if entry.isascii() or os.path.lexists(path):
        return entry
    stored = as_stored(Path(path))
    if not stored.exists():
        return entry
    return str(stored) if os.path.isabs(entry) else os.path.relpath(stored, folder or ".")


def _lines(path: str) -> list[str]:
    name = os.path.basename(path)
    try:
        status = os.stat(path)
        a_list = stat.S_ISREG(status.st_mode) and status.st_size <= MAX_LIST_BYTES
        content = Path(path).read_bytes() if a_list else b""
    except OSError as error:
        raise InputError(
            f"the list {name} cannot be read ({error.strerror})", "nothing was analyzed", "check the path"
        ) from error
    if not a_list or b"\0" in content:
        raise InputError(
            f"{name} is not a list of films",
            "nothing was analyzed",
            "save it as UTF-8 text, with one path on each line",
        )
    # Bytes that are not UTF-8 are kept as the file system keeps them: such names exist.
    return content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").split("\n")


def status_of(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):  # ValueError: no name that a disk could have
        return None


def _unreadable(name: str, error: OSError) -> InputError:
    return InputError(
        f"the folder {name.rstrip('/')} cannot be read ({error.strerror})",
        "films in it are not listed",
        "check its permissions and run again",
    )


def _no_film(source: str, num_skipped: int) -> InputError:
    others = f" ({num_skipped} file{'s' * (num_skipped > 1)} there, without a film's suffix)" if num_skipped else ""
    return InputError(
        f"there is no film in {source}{others}",
        "there is nothing to analyze",
        "check the path",
    )
