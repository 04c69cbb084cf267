"""A pool of pretended workers, and a store and films that are pretended too."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from vtn_stream_pipelines.film_list import FilmEntry
from vtn_stream_pipelines.messages import (
    FilmEvent,
    Outcome,
    Receipt,
    Survey,
)
from vtn_stream_pipelines.schedule import Schedule
from vtn_stream_pipelines.work import Failure, Task

DIED = Failure(kind="worker died", reason="its process ended unexpectedly")
CHUNK_S, SEEK_S, SURVEY_S, PREDICT_S = 3.0, 1.0, 1.0, 2.0  # what things cost in the simulation


@dataclass
class Film:
    """What is true of a film. stored: chunks that the store holds; lost: those on which decoding dies, as it should."""

    num_chunks: int
    identity: str = ""
    finished: bool = False
    lost: tuple[int, ...] = ()
    leased: set[int] = field(default_factory=set)


@dataclass
class World:
    """Films, the store, and what was done: (path, chunk) as often as it was embedded, paths as they were predicted."""

    films: list[Film]
    survey_s: float = SURVEY_S
    stored: set[tuple[str, int]] = field(default_factory=set)
    at_work: dict[tuple[str, int], int] = field(default_factory=dict)  # the leases, by the id of their task
    embedded: Counter[tuple[str, int]] = field(default_factory=Counter)
    predicted: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for i, film in enumerate(self.films):
            film.identity = film.identity or f"content {i}"

    def listing(self) -> Iterator[FilmEntry]:
        for i in range(len(self.films)):
            yield FilmEntry(number=i, path=f"/{i}", name=f"{i}.mp4", num_bytes=10**9, results=f"{i}.mp4")

    def film(self, task: Task) -> Film:
        return self.films[int(task.args[0][1:])]

    def do(self, task: Task):
        """What a worker answers."""
        film = self.film(task)
        if task.method == "survey":
            missing = tuple(n for n in range(film.num_chunks) if (film.identity, n) not in self.stored)
            return Survey(
                identity=film.identity,
                duration_s=60.0 * film.num_chunks,
                num_chunks=film.num_chunks,
                missing=missing,
                finished=film.finished,
            )
        assert task.args[1] == film.identity
        if task.method == "predict":
            settled = {n for n in range(film.num_chunks) if (film.identity, n) in self.stored} | {*task.args[2]}
            assert settled == set(range(film.num_chunks)), "it was predicted too early"
            self.predicted.append((task.args[0], task.args[2]))
            return Outcome(num_segments=3, num_gaps=len(task.args[2]))
        return [self._embed(task, film, number) for number in task.args[2]]

    def chunks(self, task: Task) -> set[tuple[str, int]]:
        """What the task embeds, by its content."""
        return {(task.args[1], n) for n in task.args[2]} if task.method == "embed" else set()

    def begin(self, task: Task) -> list[int]:
        """Leases what the worker will embed."""
        film = self.film(task)
        chunks = {n: (film.identity, n) for n in task.args[2]}
        mine = [n for n, chunk in chunks.items() if chunk not in self.stored and chunk not in self.at_work]
        self.at_work |= {chunks[n]: id(task) for n in mine}
        return mine

    def _embed(self, task: Task, film: Film, number: int) -> Receipt:
        path, holder = task.args[0], self.at_work.get((film.identity, number), id(task))
        if (film.identity, number) in self.stored:
            return Receipt(number=number, source="store", num_frames=120, warnings=())
        if number in film.leased or holder != id(task):
            return Receipt(number=number, source="store", num_frames=0, warnings=(), leased=True)
        self.at_work.pop((film.identity, number), None)
        self.embedded[path, number] += 1
        if number in film.lost:
            return Receipt(number=number, source="lost", num_frames=0, warnings=("decoding died again",))
        self.stored.add((film.identity, number))
        return Receipt(number=number, source="film", num_frames=120, warnings=())

    def seconds(self, task: Task, at: tuple[str, int] | None) -> float:
        """at: the path and the chunk where the worker's decoding is."""
        if task.method == "embed":
            begin = 0.0 if at == (task.args[0], task.args[2][0]) else SEEK_S
            return begin + CHUNK_S * len(task.args[2])
        return self.survey_s if task.method == "survey" else PREDICT_S


@dataclass
class Played:
    """What a simulation gave. tasks: as they were given; last_embed_s: when each worker was through with chunks."""

    makespan_s: float = 0.0
    busy_s: Counter[int] = field(default_factory=Counter)
    last_embed_s: dict[int, float] = field(default_factory=dict)
    num_seeks: int = 0
    max_in_work: int = 0
    tasks: list[Task] = field(default_factory=list)


def never(task: Task, worker: int) -> None:
    """No task fails."""


def play(
    schedule: Schedule,
    world: World,
    num_workers: int,
    fails: Callable[[Task, int], Failure | None] = never,
) -> Played:
    """Runs the schedule on workers that take the time that things cost; a failure that kills one brings another."""
    played = Played()
    now, count = 0.0, num_workers
    free = list(range(num_workers))
    at: dict[int, tuple[str, int]] = {}
    running: list[tuple[float, int, Task, float]] = []
    while not schedule.finished():
        still_free = []
        for worker in free:
            task = schedule.next(worker)
            if task is None:
                still_free.append(worker)
                continue
            played.tasks.append(task)
            if fails is never:  # a film that fails leaves what is in flight, and its twin may begin
                in_flight = [world.chunks(other) for _, _, other, _ in running]
                assert not world.chunks(task) & set().union(*in_flight), "two embed the same"
            seconds = world.seconds(task, at.get(worker))
            if task.method == "embed":
                played.num_seeks += at.get(worker) != (task.args[0], task.args[2][0])
                at[worker] = task.args[0], task.args[2][-1] + 1
                played.last_embed_s[worker] = now + seconds
            heapq.heappush(running, (now + seconds, worker, task, seconds))
        free = still_free
        assert running, "nobody does anything, and it is not finished"
        played.max_in_work = max(played.max_in_work, schedule.counts.num_in_work)
        now, worker, task, seconds = heapq.heappop(running)
        played.busy_s[worker] += seconds
        if failure := fails(task, worker):
            schedule.failed(task, failure, worker)
            if failure.kind != "raised":
                worker, count = count, count + 1
        else:
            schedule.done(task, world.do(task), worker, seconds)
        free.append(worker)
    played.makespan_s = now
    return played


def once_each(world: World) -> bool:
    """Every chunk was embedded once, and every film predicted once."""
    wanted = Counter({(f"/{i}", n): 1 for i, film in enumerate(world.films) for n in range(film.num_chunks)})
    predicted = Counter(path for path, _ in world.predicted)
    return world.embedded == wanted and predicted == Counter(f"/{i}" for i in range(len(world.films)))


def of_kind(events: list[FilmEvent], kind: type) -> list:
    return [event for event in events if isinstance(event, kind)]


@dataclass
class Poison:
    """A piece on which every try fails."""

    path: str
    method: str
    number: int | None = None
    failure: Failure = DIED

    def __call__(self, task: Task, worker: int) -> Failure | None:
        here = task.args[0] == self.path and task.method == self.method
        return self.failure if here and (self.number is None or self.number in task.args[2]) else None
