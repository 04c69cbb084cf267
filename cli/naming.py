"""--anonymous: what the terminal calls a film then, and where it is said which film is which."""

import os
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from vtn_stream.anonymous import without_name
from vtn_stream.errors import printable
from vtn_stream.name_table import Names
from vtn_stream.results import stem_of

from .console import out

__all__ = ["Naming", "names_from", "of_timeline", "tell_table"]


class Naming:
    """What films are called in what is shown: as they are, or by their names in a table."""

    def __init__(self, names: Names | None) -> None:
        self.names = names
        self._known: dict[Path, str] = {}

    def know(self, film: Path, identity: str) -> None:
        """The film was read."""
        if self.names is not None:
            self._known[film] = self.names.of(identity, os.path.abspath(film))

    def of(self, film: Path) -> str:
        if self.names is None:
            return film.name
        if film not in self._known:  # it cannot be read
            self._known[film] = self.names.of("", os.path.abspath(film))
        return self._known[film]

    def shown(self, text: str, film: Path, parts: Sequence[Path] = ()) -> str:
        """A text about a film as it may be shown. parts: the files of a recording, which are numbered."""
        if self.names is None:
            return text
        for number, file in enumerate(parts if list(parts) != [film] else (), 1):
            name = f"{self.of(film)} part {number}"
            text = without_name(without_name(text, os.path.abspath(file), name), file, name)
        return without_name(without_name(text, os.path.abspath(film), self.of(film)), film, self.of(film))


def of_timeline(text: str, path: Path, name: str) -> str:
    """A text about a timeline's file as it may be shown, where the film is to have this name."""
    return without_name(without_name(text, path, name), stem_of(path), name, stem=True)


def names_from(anonymous: bool, table: Path | None, *results: Path | None) -> Names | None:
    """The table that is asked for; None without --anonymous. results: folders in which it must not lie.

    Raises UsageError, InputError.
    """
    if not anonymous:
        if table is not None:
            raise click.UsageError("--names is the table of --anonymous, which is not given")
        return None
    names = Names(table)
    for folder in results:
        if folder is not None:
            names.check_apart_from(folder)
    return names


def tell_table(names: Names | None, console: Console = out) -> None:
    """Says where it is said which film is which, without the user's name."""
    if names is None or out.quiet:
        return
    path = names.path
    if path.is_relative_to(Path.home()):
        path = Path("~", path.relative_to(Path.home()))
    console.print(Text(f"which film is which: {printable(str(path))}"), soft_wrap=True)
