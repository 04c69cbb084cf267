"""Films that arrive while a batch runs. A `TaskSource` before the schedule, which gets each when it is complete.

A thread looks for films, since a network disk may take its time for that, or hang. It knows no Ray.
"""

import threading
import time
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import Any, Self

from .film_list import FilmEntry
from .messages import FilmDone, FilmFailed, FilmTaken, Waiting
from .naming import Naming
from .schedule import Schedule
from .watched import Found, Watched
from .work import Failure, Task

__all__ = ["Watch"]


class Watch:
    """Passes films on to the schedule as they come. A context manager: it looks while it is entered.

    naming    gives films the names that they are to have, where they are anonymous
    on_event  hears of each film that is taken, and after each look of what is waited for

    `hear` must get all events of the schedule.
    """

    def __init__(
        self,
        watched: Watched,
        schedule: Schedule,
        *,
        on_event: Callable[[FilmTaken | Waiting], None],
        naming: Naming | None = None,
    ) -> None:
        self._watched = watched
        self._schedule = schedule
        self._on_event = on_event
        self._called: Callable[[Iterable[FilmEntry]], Iterable[FilmEntry]] = iter if naming is None else naming.listed
        self._is_anonymous = naming is not None
        self._found: SimpleQueue[Found | BaseException] = SimpleQueue()
        self._ends = threading.Event()
        self._active_s = time.monotonic()  # when something last happened
        self._news: tuple[tuple[str, ...], tuple[str, ...]] = (), ()
        self._is_over = False

    def __enter__(self) -> Self:
        # A daemon: a disk that hangs does not keep the program.
        threading.Thread(target=self._look, name="watch", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()

    def _look(self) -> None:
        try:
            while not self._ends.is_set():
                found = self._watched.look()
                self._found.put(found)
                self._ends.wait(self._watched.pause_s(found))
        except BaseException as error:
            self._found.put(error)

    # The source of tasks

    def next(self, worker: int) -> Task | None:
        return self._schedule.next(worker)

    def done(self, task: Task, result: Any, worker: int, seconds: float) -> None:
        self._schedule.done(task, result, worker, seconds)

    def failed(self, task: Task, failure: Failure, worker: int) -> None:
        self._schedule.failed(task, failure, worker)

    def returned(self, task: Task) -> None:
        self._schedule.returned(task)

    def finished(self) -> bool:
        """Whether nothing has happened for long enough. Raises what ended the looking."""
        while not self._is_over:
            try:
                found = self._found.get_nowait()
            except Empty:
                return False
            if isinstance(found, BaseException):
                raise found
            self._take(found)
        return True

    def hear(self, event: object) -> None:
        if isinstance(event, FilmDone | FilmFailed):
            self._watched.over(event.film.path, failed=isinstance(event, FilmFailed))
            self._active_s = time.monotonic()

    def _take(self, found: Found) -> None:
        films = self._called(one.film for one in found.films)
        for film, one in zip(films, found.films, strict=True):
            self._on_event(FilmTaken(film=film, is_again=one.is_again, has_failed=one.has_failed))
            self._schedule.add([film])
        self._on_event(self._waiting(found))
        if not found.is_quiet or not self._schedule.finished():
            self._active_s = max(self._active_s, found.ended_s)
        until_idle_s = self._watched.until_idle_s
        self._is_over = until_idle_s is not None and found.began_s - self._active_s >= until_idle_s

    def _waiting(self, found: Found) -> Waiting:
        news = found.waiting, tuple(map(str, found.problems))
        is_news, self._news = news != self._news, news
        return Waiting(
            films=() if self._is_anonymous else found.waiting,
            num_films=len(found.waiting),
            problems=() if self._is_anonymous else found.problems,
            num_problems=len(found.problems),
            skipped=() if self._is_anonymous else found.skipped,
            num_skipped=found.num_skipped,
            is_news=is_news,
        )
