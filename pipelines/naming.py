"""The random names of anonymous films in a batch: the driver alone gives them out, workers get them with their tasks.

A film is known by its content, which nobody knows before it is read. Until then it is called as the film that was at
its place before, or by a name that is nobody's yet and becomes its own. Workers know the names as they were when the
run began, and look there for results.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from vtn_stream.name_table import Names

from .film_list import FilmEntry
from .messages import FilmFailed

__all__ = ["Naming"]


class Naming:
    """Gives names from a table. Its methods raise InputError where that cannot be read or written."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def listed(self, films: Iterable[FilmEntry]) -> Iterator[FilmEntry]:
        """The films, called so that they can be shown; nothing is written yet."""
        for film in films:
            yield _called(film, self._names.at(film.path) or self._names.fresh())

    def known(self, film: FilmEntry, identity: str) -> FilmEntry:
        """The film, called as its content is."""
        return _called(film, self._names.of(identity, film.path, spare=film.name))

    def hear(self, event: object) -> None:
        """A film that cannot be read has a name too: else nobody could say which one it is."""
        if isinstance(event, FilmFailed) and event.stage == "survey" and event.film.name not in self._names:
            self._names.of("", event.film.path, spare=event.film.name)


def _called(film: FilmEntry, name: str) -> FilmEntry:
    return replace(film, name=name, results=name, anonymous=True)
