"""Which files of a folder that is looked at again and again are complete films. Pure: no files, no clock, no Ray.

A file is at rest when it looked the same for a while in every look: one that was copied, recorded or downloaded in
place, or renamed when it was complete. Only its size and the time of its last change count, not its place on the disk,
which is another one when a network disk comes back. Nothing is compared with a clock of this machine: files keep the
times of other machines, and of other years.

    new -> waiting -> (at rest) taken -> over -> (changed) waiting -> ...
"""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Arrivals", "Look", "Sighting", "is_unfinished_name"]

# Before the film's suffix, of browsers and downloaders; those that put theirs behind it have no film's name.
_UNFINISHED = (".part", ".partial", ".temp", ".tmp", ".crdownload", ".download")


def is_unfinished_name(name: str) -> bool:
    """Whether programs give such names to films that they still write: ~film.mp4, film.part.mp4."""
    return name.startswith("~") or name.rpartition(".")[0].lower().endswith(_UNFINISHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A film as one look saw it. num_bytes, changed_ns: what the disk says of its size and its last change."""

    path: str
    num_bytes: int
    changed_ns: int

    @property
    def form(self) -> tuple[int, int]:
        """Another one where the film was written to, or replaced."""
        return self.num_bytes, self.changed_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look found.

    at_rest   films to be taken, in the order of the look
    waiting   films that are not complete
    is_quiet  nothing has changed since the look before, and no film will be at rest by waiting alone
    """

    at_rest: tuple[Sighting, ...]
    waiting: tuple[Sighting, ...]
    is_quiet: bool


@dataclass(slots=True, kw_only=True)
class _Film:
    """since_s: when it was first seen in this form. seen_in: the number of the last look that saw it. taken: in which
    form it was taken last. was_gone: a look since then did not see it.
    """

    form: tuple[int, int]
    since_s: float = 0.0
    seen_in: int = -1
    taken: tuple[int, int] | None = None
    is_in_work: bool = False
    has_failed: bool = False
    was_gone: bool = False


class Arrivals:
    """Knows all films that were ever seen: some hundred bytes each.

    at_rest_s: how long a film must look the same
    """

    def __init__(self, at_rest_s: float) -> None:
        self._at_rest_s = at_rest_s
        self._films: dict[str, _Film] = {}
        self._num_looks = 0

    def look(self, sightings: Iterable[Sighting], *, began_s: float, ended_s: float) -> Look:
        """All films that are there, as a look between these two moments saw them; of any clock that does not jump."""
        self._num_looks += 1
        at_rest: list[Sighting] = []
        waiting: list[Sighting] = []
        is_quiet = True
        for sighting in sightings:
            film = self._films.get(sighting.path)
            if film is None:
                film = self._films[sighting.path] = _Film(form=sighting.form)
            if film.form != sighting.form or film.seen_in != self._num_looks - 1:
                film.form, film.since_s, is_quiet = sighting.form, ended_s, False
            film.seen_in = self._num_looks
            if film.is_in_work or not _is_wanted(film):
                continue
            could_be_complete = bool(sighting.num_bytes) and not is_unfinished_name(sighting.path.rpartition("/")[2])
            if could_be_complete and began_s - film.since_s >= self._at_rest_s:
                at_rest.append(sighting)
            else:
                waiting.append(sighting)
                is_quiet = is_quiet and not could_be_complete
        for film in self._films.values():
            film.was_gone = film.was_gone or film.seen_in != self._num_looks
        return Look(at_rest=tuple(at_rest), waiting=tuple(waiting), is_quiet=is_quiet)

    def take(self, sighting: Sighting) -> "Taken":
        """The film is analyzed from now on, until `over`."""
        film = self._films[sighting.path]
        taken = Taken(is_again=film.taken is not None and film.taken != sighting.form, has_failed=film.has_failed)
        film.taken, film.is_in_work, film.has_failed, film.was_gone = sighting.form, True, False, False
        return taken

    def over(self, path: str, *, failed: bool) -> None:
        """The film was analyzed, or has failed."""
        film = self._films.get(path)
        if film is not None:
            film.is_in_work, film.has_failed = False, failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was before a film was taken. is_again: it was taken in another form. has_failed: it failed then."""

    is_again: bool
    has_failed: bool


def _is_wanted(film: _Film) -> bool:
    """Whether it was never taken in this form; or failed, but was gone meanwhile: a disk that was away is no fault."""
    return film.taken != film.form or (film.has_failed and film.was_gone)
