"""Films that arrive while workers work: a watch before the schedule, with pretended looks and pretended workers."""

import time
from collections import Counter

import pytest
from pretended_workers import Film, World, play

from vtn_stream.errors import InputError, VtnStreamError
from vtn_stream_pipelines import watch as watch_module
from vtn_stream_pipelines.film_list import FilmEntry
from vtn_stream_pipelines.messages import FilmDone, FilmTaken, Waiting
from vtn_stream_pipelines.schedule import Schedule
from vtn_stream_pipelines.watch import Watch
from vtn_stream_pipelines.watched import Found, FoundFilm


class Looks:
    """As `Watched`, with looks that a test gives; what is over is noted."""

    until_idle_s = 100.0

    def __init__(self):
        self.over_with = []

    def over(self, path, *, failed):
        self.over_with.append((path, failed))


def entry(number, num_bytes=10):
    return FilmEntry(
        number=number, path=f"/{number}", name=f"{number}.mp4", num_bytes=num_bytes, results=f"{number}.mp4"
    )


def found(*films, at_s=0.0, is_quiet=False, waiting=(), problems=(), **what):
    films = [FoundFilm(film=film, **({"is_again": False, "has_failed": False} | what)) for film in films]
    return Found(
        films=tuple(films),
        waiting=tuple(waiting),
        problems=tuple(problems),
        skipped=(),
        num_skipped=0,
        is_quiet=is_quiet,
        began_s=at_s,
        ended_s=at_s,
    )


class Told:
    """A watch over pretended looks; all that it and the schedule say."""

    def __init__(self, num_films=9, **options):
        self.world = World([Film(2) for _ in range(num_films)])
        self.events = []
        self.looks = Looks()
        self.schedule = Schedule([], on_event=self.hear)
        self.watch = Watch(self.looks, self.schedule, on_event=self.hear, **options)
        self.watch._active_s = 0.0

    def hear(self, event):
        self.events.append(event)
        self.watch.hear(event)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def look(self, *films, **what):
        self.watch._found.put(found(*films, **what))
        return self.watch.finished()

    def work(self):
        """All that can be done now is done."""
        play(self.schedule, self.world, 2)


@pytest.fixture
def told(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(watch_module.time, "monotonic", lambda: clock[0])
    told = Told()
    told.clock = clock
    return told


def test_films_are_done_as_they_come(told):
    assert not told.look(entry(0), entry(1))
    assert [event.film.name for event in told.of(FilmTaken)] == ["0.mp4", "1.mp4"]
    task = told.watch.next(0)
    assert (task.method, task.args) == ("survey", ("/0", "0.mp4"))
    assert not told.look(entry(2))  # others are in work
    told.watch.done(task, told.world.do(task), 0, 1.0)
    told.work()
    assert Counter(path for path, _ in told.world.predicted) == {"/0": 1, "/1": 1, "/2": 1}
    assert sorted(told.looks.over_with) == [("/0", False), ("/1", False), ("/2", False)]


def test_it_ends_when_nothing_has_happened_for_so_long(told):
    told.look(entry(0))
    assert not told.look(at_s=500, is_quiet=True)  # a film is in work
    told.clock[0] = 600
    told.work()
    assert not told.look(at_s=699, is_quiet=True)
    assert told.look(at_s=700, is_quiet=True)
    assert told.watch.finished()


def test_a_film_that_grows_keeps_it_from_ending(told):
    assert not told.look(at_s=90, waiting=["a.mp4"])
    assert not told.look(at_s=180, waiting=["a.mp4"])
    assert not told.look(at_s=270, waiting=["a.mp4"], is_quiet=True)
    assert told.look(at_s=280, waiting=["a.mp4"], is_quiet=True)
    assert [(event.films, event.is_news) for event in told.of(Waiting)] == [
        (("a.mp4",), True),
        (("a.mp4",), False),
        (("a.mp4",), False),
        (("a.mp4",), False),
    ]


def test_without_a_limit_it_never_ends(told):
    told.looks.until_idle_s = None
    assert not told.look(at_s=1e9, is_quiet=True)


def test_a_film_that_changed_is_done_again(told):
    told.look(entry(0))
    told.work()
    told.world.films[0].identity = "another"
    told.look(entry(0), is_again=True)
    told.work()
    assert [event.is_again for event in told.of(FilmTaken)] == [False, True]
    assert (len(told.of(FilmDone)), told.world.predicted) == (2, [("/0", ()), ("/0", ())])


def test_what_ends_the_looking_ends_the_run(told):
    class Broken(Looks):
        def look(self):
            raise VtnStreamError("the disk is gone", "nothing", "look at it")

    def finish():
        end_s = time.perf_counter() + 60
        while not watch.finished():
            assert time.perf_counter() < end_s
            time.sleep(0.01)

    watch = Watch(Broken(), told.schedule, on_event=told.hear)
    with watch, pytest.raises(VtnStreamError, match="the disk is gone"):
        finish()


def test_anonymous_films_are_not_named_while_they_are_waited_for():
    class Naming:
        def listed(self, films):
            return films

    told = Told(naming=Naming())
    told.look(waiting=["secret.mp4"], problems=[InputError("the folder secret is gone", "a", "b")])
    (event,) = told.of(Waiting)
    assert "secret" not in repr(event)
    assert (event.num_films, event.num_problems) == (1, 1)
