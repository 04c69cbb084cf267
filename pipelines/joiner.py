"""Finds the recordings among the films of a batch while it runs. A `TaskSource` before the schedule. It knows no Ray.

Names say which films may belong together; workers look at these only, and what they read is remembered in the store, so
that no film is read twice. Whatever is settled goes on to the schedule at once: all others need not wait.
"""

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from vtn_stream.errors import StoreError, VtnStreamError
from vtn_stream.joining import Joining, Settled
from vtn_stream.results.names import plain_path, tagged

from . import retries
from .film_list import FilmEntry
from .film_names import folded, shown_path
from .messages import FilmsApart, RecordingFound
from .schedule import Schedule
from .work import Failure, Task

__all__ = ["Joiner"]


class Joiner:
    """Passes films on to the schedule as they are to be analyzed: alone, or as files of a recording.

    films     all of the batch
    on_event  hears of each recording that was found, and of films that were left apart
    """

    def __init__(self, films: Sequence[FilmEntry], on_event: Callable[[RecordingFound | FilmsApart], None]) -> None:
        self._joining = Joining(film.path for film in films)
        waiting = set(self._joining.waiting)
        self._entries = {film.path: place for place, film in enumerate(films) if film.path in waiting}
        self._films = films
        self._on_event = on_event
        self._looks = deque(self._joining.waiting)
        self._running: dict[int, tuple[Task, str]] = {}  # by the id of their tasks
        self._failures: Counter[str] = Counter()
        self._just_looked: set[int] = set()  # workers
        self._taken = {folded(film.results) for film in films} if self._looks else set[str]()
        self._schedule: Schedule | None = None

    def alone(self) -> Iterator[FilmEntry]:
        """The films that go with no other by their names, in their order."""
        return (film for film in self._films if film.path not in self._entries)

    def before(self, schedule: Schedule) -> "Joiner":
        """Becomes the source of tasks before this one."""
        self._schedule = schedule
        return self

    @property
    def _next(self) -> Schedule:
        assert self._schedule is not None, "there is a schedule"
        return self._schedule

    def next(self, worker: int) -> Task | None:
        """A look and a task of the schedule take turns, so that work begins before all is known."""
        if worker in self._just_looked and (task := self._next.next(worker)) is not None:
            self._just_looked.discard(worker)
            return task
        if not self._looks:
            return self._next.next(worker)
        path = self._looks.popleft()
        film = self._film(path)
        deadline_s = retries.SURVEY_S + retries.SURVEY_PER_BYTE_S * film.num_bytes
        task = Task(name=f"look at {film.name}", method="look", args=(path,), deadline_s=deadline_s)
        self._running[id(task)] = task, path
        self._just_looked.add(worker)
        return task

    def done(self, task: Task, result: Any, worker: int, seconds: float) -> None:
        if id(task) not in self._running:
            self._next.done(task, result, worker, seconds)
            return
        _, path = self._running.pop(id(task))
        self._settle(self._joining.know(path, result))

    def failed(self, task: Task, failure: Failure, worker: int) -> None:
        if id(task) not in self._running:
            self._next.failed(task, failure, worker)
            return
        _, path = self._running.pop(id(task))
        if isinstance(failure.error, StoreError):
            raise failure.error  # the disk is full, or nothing can be written: so it is for every film
        self._failures[path] += 1
        if isinstance(failure.error, VtnStreamError) or self._failures[path] >= retries.MAX_ATTEMPTS:
            self._settle(self._joining.know(path, None))  # its survey will tell what is wrong with it
        else:
            self._looks.append(path)

    def returned(self, task: Task) -> None:
        if id(task) not in self._running:
            self._next.returned(task)
            return
        self._looks.append(self._running.pop(id(task))[1])

    def finished(self) -> bool:
        return self._joining.is_settled and self._next.finished()

    def _film(self, path: str) -> FilmEntry:
        return self._films[self._entries[path]]

    def _settle(self, settled: Settled) -> None:
        for apart in settled.apart:
            self._on_event(FilmsApart(files=tuple(self._film(path).name for path in apart.paths), why=apart.why))
        for found in settled.recordings:
            parts = [self._film(path) for path in found.paths]
            recording = FilmEntry(
                number=parts[0].number,
                path=os.path.join(os.path.dirname(parts[0].path), found.name),
                name=shown_path(_beside(parts[0].name, found.name)),
                num_bytes=sum(part.num_bytes for part in parts),
                results=self._place(parts[0], found.name),
                parts=found.paths,
                starts=found.starts,
            )
            names = tuple(part.name for part in parts)
            self._on_event(RecordingFound(film=recording, files=names, found=found))
            self._next.add([recording])
        self._next.add([self._film(path) for path in settled.alone])

    def _place(self, part: FilmEntry, name: str) -> str:
        """Where the recording's results go, which is where no film's do."""
        plain = place = plain_path(_beside(part.results, name))
        what = part.path
        while folded(place) in self._taken:
            what += "/"
            place = tagged(plain, what)
        self._taken.add(folded(place))
        return place


def _beside(path: str, name: str) -> str:
    folder = path.rpartition("/")[0]
    return f"{folder}/{name}" if folder else name
