"""Finds the films of annotations in a folder and the folders in it, by their paths or names. Opens no file."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from vtn_stream.errors import InputError
from vtn_stream.film import is_film_name, one_form, with_or_without_v, without_suffix

__all__ = ["FilmFolder", "homes_of", "path_below"]

_OF_KINETICS = re.compile(r"(?<=.)_\d{6}_\d{6}$", re.ASCII)  # what its tools put behind the id of a film: its seconds


def homes_of(folder: Path) -> tuple[str, ...]:
    """How absolute paths into a folder may begin: as it is called, and where links lead; for `path_below`."""
    return tuple(dict.fromkeys(os.path.join(home, "") for home in (os.path.abspath(folder), os.path.realpath(folder))))


def path_below(path: str, homes: Iterable[str]) -> str:
    """The path from a folder on, where an absolute path leads into it, as the lists of data sets have them; else the
    path as it is. homes: `homes_of` the folder
    """
    if os.path.isabs(path):
        for home in homes:
            if path.startswith(home):
                return os.path.normpath(path[len(home) :].lstrip(os.sep) or os.curdir)
    return path


class FilmFolder:
    """The files of a folder and of the folders in it. What begins with a dot is skipped; links are films if they stay
    inside, folders behind links are not looked into. Raises InputError if there is no such folder.

    files    paths below it, sorted; outside: links among what was seen that lead out of it
    passed   folders that were not looked into: behind links, or not to be read
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: list[str] = []
        self.outside: list[str] = []
        self.passed: list[str] = []
        try:
            os.scandir(root).close()
        except OSError as error:
            raise InputError(
                f"the folder {root.name or root} cannot be read ({error.strerror})",
                "no film was found",
                "check the path",
            ) from error
        home = os.path.realpath(root)
        waiting = [""]
        while waiting:
            below = waiting.pop()
            files, folders = self._inside(below, os.path.join(home, ""))
            self.files += files
            waiting += reversed(folders)
        own_name = one_form(os.path.basename(home))
        self._inside_names, self._outside_names = _Names(self.files, own_name), _Names(self.outside, own_name)

    def find(self, name: str, label: str = "") -> list[str]:
        """The files that may be the film with this id; only one if the folder is unambiguous.

        That of this very path; else those whose path, which may begin with the folder's own name, ends like the id;
        else those that do but for the suffix, of which those with a film's suffix come first; else those that do with
        "v_" before the name, or without it, where it is in the id; else those that do without the seconds that are
        behind the id of a clip of Kinetics. label: of a whole clip: of several files those count that
        are in a folder called so.
        """
        files = self._inside_names.find(name)
        if len(files) > 1 and label:
            called = {one_form(label), one_form(label).replace(" ", "_")}
            files = [file for file in files if called.intersection(one_form(file).split("/")[:-1])] or files
        return files

    def leads_out(self, name: str) -> bool:
        """Whether the only file for this film is a link that leads out of the folder."""
        return not self.find(name) and bool(self._outside_names.find(name))

    def _inside(self, below: str, home: str) -> tuple[list[str], list[str]]:
        """The files and the folders of one folder, which is given with a slash at its end; both sorted."""
        files: list[str] = []
        folders: list[str] = []
        try:
            with os.scandir(os.path.join(self.root, below)) as entries:
                found = sorted((e for e in entries if not e.name.startswith(".")), key=lambda entry: entry.name)
        except OSError:
            self.passed.append(below)
            return [], []
        for entry in found:
            path = below + entry.name
            is_link = entry.is_symlink()
            if _is(entry.is_dir):
                if is_link:
                    self.passed.append(path)
                else:
                    folders.append(f"{path}/")
            elif _is(entry.is_file):
                stays = not is_link or os.path.realpath(entry.path).startswith(home)
                (files if stays else self.outside).append(path)
        return files, folders


_Index = dict[str, str | list[str]]  # most names are of one path: a list for each would take as much room again


class _Names:
    """Finds paths by ids. What a path is found by, beside itself, is put down when the first id needs it."""

    def __init__(self, files: list[str], root: str) -> None:
        self._root = root
        self._by_path = {one_form(file): file for file in files}
        self._by_name: _Index | None = None
        self._by_stem: _Index | None = None

    def find(self, name: str) -> list[str]:
        if (path := one_form(name)) in self._by_path:
            return [self._by_path[path]]
        *above, last = [part for part in re.split(r"[\\/]", one_form(name)) if part not in ("", ".")]
        if (path := "/".join([*above, last])) in self._by_path:
            return [self._by_path[path]]
        end = "/".join(["", *above])
        for candidates in self._candidates(last):
            ending = [path for path in candidates if f"/{self._root}/{path}".rpartition("/")[0].endswith(end)]
            if len(ending) > 1:
                ending = [path for path in ending if is_film_name(path)] or ending
            if ending:
                return [self._by_path[path] for path in ending]
        return []

    def _candidates(self, last: str) -> Iterator[Sequence[str]]:
        """Paths whose last part is like that of an id, the likest first."""
        if self._by_name is None:
            self._by_name = _index(self._by_path, lambda name: name)
        yield _paths(self._by_name, last)
        if self._by_stem is None:
            self._by_stem = _index(self._by_path, _stem)
        yield _paths(self._by_stem, last)
        stem = without_suffix(last)
        for each in (stem, with_or_without_v(stem), _OF_KINETICS.sub("", stem)):
            yield _paths(self._by_stem, each)


def _index(paths: Iterable[str], key: Callable[[str], str]) -> _Index:
    """The paths by a key of their last part."""
    found: _Index = {}
    for path in paths:
        there = found.setdefault(key(path.rpartition("/")[2]), path)
        if isinstance(there, list):
            there.append(path)
        elif there is not path:
            found[key(path.rpartition("/")[2])] = [there, path]
    return found


def _paths(index: _Index, key: str) -> Sequence[str]:
    there = index.get(key, [])
    return [there] if isinstance(there, str) else there


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:  # a link that leads around in a circle
        return False
