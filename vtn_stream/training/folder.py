"""Finds the files of annotated films in a folder, by the ids of the annotations. Opens no file."""

import os
import re
import stat
from collections import defaultdict
from pathlib import Path, PurePosixPath

from vtn_stream.errors import InputError
from vtn_stream.film import is_film_name, one_form, with_or_without_v, without_suffix

__all__ = ["FilmFolder"]


class FilmFolder:
    """The files of a folder and of the folders in it. What begins with a dot is skipped; links are films if they stay
    inside, folders behind links are not looked into. Raises InputError if there is no such folder.

    files  paths below it, sorted; outside: links among what was seen that lead out of it
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: list[str] = []
        self.outside: list[str] = []
        try:
            os.scandir(root).close()  # os.walk would find nothing, and be silent
        except OSError as error:
            raise InputError(
                f"the folder {root.name or root} cannot be read ({error.strerror})",
                "no film was found",
                "check the path",
            ) from error
        home = os.path.realpath(root)
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = os.path.join(folder, name)
                if name.startswith(".") or not _is_file(path):
                    continue
                below = PurePosixPath(Path(path).relative_to(root)).as_posix()
                stays = not os.path.islink(path) or os.path.realpath(path).startswith(os.path.join(home, ""))
                (self.files if stays else self.outside).append(below)
        own_name = one_form(os.path.basename(home))
        self._inside, self._out = _Names(self.files, own_name), _Names(self.outside, own_name)

    def find(self, name: str) -> list[str]:
        """The files that may be the film with this id; only one if the folder is unambiguous.

        That of this very path; else those whose path, which may begin with the folder's own name, ends like the id;
        else those that do but for the suffix, of which those with a film's suffix come first; else those that do with
        "v_" before the name, or without it, where it is in the id.
        """
        return self._inside.find(name)

    def leads_out(self, name: str) -> bool:
        """Whether the only file for this film is a link that leads out of the folder."""
        return not self.find(name) and bool(self._out.find(name))


class _Names:
    def __init__(self, files: list[str], root: str) -> None:
        self._root = root
        self._by_path = {one_form(file): file for file in files}
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for path in self._by_path:
            self._by_name[PurePosixPath(path).name].append(path)
            self._by_stem[PurePosixPath(path).stem].append(path)

    def find(self, name: str) -> list[str]:
        *above, last = [part for part in re.split(r"[\\/]", one_form(name)) if part not in ("", ".")]
        if (path := "/".join([*above, last])) in self._by_path:
            return [self._by_path[path]]
        stem = without_suffix(last)
        names = (self._by_name.get(last), *(self._by_stem.get(each) for each in (last, stem, with_or_without_v(stem))))
        for candidates in filter(None, names):
            ending = [path for path in candidates if self._folders(path, len(above)) == above]
            if ending:
                return [self._by_path[path] for path in [p for p in ending if is_film_name(p)] or ending]
        return []

    def _folders(self, path: str, num: int) -> list[str]:
        """The last folders of a path."""
        folders = [self._root, *PurePosixPath(path).parts[:-1]]
        return folders[len(folders) - num :] if num <= len(folders) else []


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:  # a link to nowhere
        return False
