"""Films go through a pool of pretended workers: nothing is left out, nothing done twice, nobody waits."""

import heapq
import time
import tracemalloc
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import ClusterError, DamagedFile, InUse, StoreError, VideoError
from vtn_stream_pipelines.film_list import FilmEntry
from vtn_stream_pipelines.messages import (
    ChunkLost,
    ChunksDone,
    FilmDone,
    FilmEvent,
    FilmFailed,
    FilmSurveyed,
    Outcome,
    Receipt,
    Survey,
)
from vtn_stream_pipelines.retries import (
    EMBED_PER_CHUNK_S,
    MAX_ATTEMPTS,
    MAX_FAILED_FILMS_IN_A_ROW,
    MAX_NODES_LOST,
)
from vtn_stream_pipelines.schedule import FILMS_PER_WORKER, MAX_RUN, Schedule
from vtn_stream_pipelines.work import Failure, Task

DIED = Failure(kind="worker died", reason="its process ended unexpectedly")
NODE_LOST = Failure(kind="node lost", reason="its node left the cluster")
RAISED = Failure(kind="raised", reason="RuntimeError: no")
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


# All work is done


@pytest.mark.parametrize("num_workers", [1, 2, 3, 8, 50])
@pytest.mark.parametrize("sizes", [[], [1], [60], [7] * 40, [1] * 300, [90, 60, 33, 8, 2, 1, 1], [1440, 60]])
def test_every_chunk_is_embedded_once_and_every_film_predicted_once(num_workers: int, sizes: list[int]) -> None:
    world = World([Film(size) for size in sizes])
    events: list[FilmEvent] = []
    schedule = Schedule(world.listing(), on_event=events.append)
    played = play(schedule, world, num_workers)
    assert once_each(world)
    assert played.max_in_work <= FILMS_PER_WORKER * num_workers
    counts = schedule.counts
    assert (counts.num_listed, counts.num_done, counts.num_in_work) == (len(sizes), len(sizes), 0)
    assert (counts.num_chunks_done, counts.num_chunks_left) == (sum(sizes), 0)
    assert counts.num_frames == 120 * sum(sizes)
    assert len(of_kind(events, FilmDone)) == len(of_kind(events, FilmSurveyed)) == len(sizes)
    assert sum(len(event.receipts) for event in of_kind(events, ChunksDone)) == sum(sizes)


def test_tasks_say_what_workers_need() -> None:
    world = World([Film(3, identity="abc", lost=(1,))])
    tasks = play(Schedule(world.listing()), world, 1).tasks
    assert [(task.method, task.args) for task in tasks] == [
        ("survey", ("/0", "0.mp4")),
        ("embed", ("/0", "abc", (0, 1))),
        ("embed", ("/0", "abc", (2,))),
        ("predict", ("/0", "abc", (1,), "0.mp4")),
    ]
    assert [task.deadline_s for task in tasks[1:3]] == [2 * EMBED_PER_CHUNK_S, EMBED_PER_CHUNK_S]
    assert tasks[0].name == "survey 0.mp4"


def test_finished_films_are_skipped_and_stored_chunks_are_kept() -> None:
    world = World([Film(60, finished=True), Film(60), Film(20)])
    world.stored = {("content 1", n) for n in range(60) if n % 7} | {("content 2", n) for n in range(20)}
    events: list[FilmEvent] = []
    schedule = Schedule(world.listing(), on_event=events.append)
    play(schedule, world, 4)
    assert world.embedded == Counter({("/1", n): 1 for n in range(0, 60, 7)})
    assert sorted(world.predicted) == [("/1", ()), ("/2", ())]
    assert schedule.counts.num_skipped == 1
    assert [event.film.number for event in of_kind(events, FilmDone) if event.skipped] == [0]


def test_lost_chunks_are_gaps_that_are_told() -> None:
    world = World([Film(5, lost=(1, 3)), Film(5)])
    events: list[FilmEvent] = []
    play(Schedule(world.listing(), on_event=events.append), world, 2)
    assert dict(world.predicted) == {"/0": (1, 3), "/1": ()}
    told = [(event.film.number, event.number, event.reason) for event in of_kind(events, ChunkLost)]
    assert sorted(told) == [(0, 1, "decoding died again"), (0, 3, "decoding died again")]


# Nobody waits


def test_one_long_film_uses_all_workers_with_few_seeks() -> None:
    world = World([Film(60)])
    played = play(Schedule(world.listing()), world, 4)
    ends = played.last_embed_s.values()
    print(f"60 chunks, 4 workers: {played.num_seeks} seeks, last ends {sorted(ends)}")
    assert len(ends) == 4
    assert max(ends) - min(ends) <= CHUNK_S + SEEK_S
    assert played.num_seeks <= 2 * 4
    assert max(len(task.args[2]) for task in played.tasks if task.method == "embed") <= MAX_RUN


@pytest.mark.parametrize("num_workers", [1, 2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("sizes", [[60] * 5, [60] * 40, [12] * 50, [1] * 200])
def test_all_finish_near_the_ideal(num_workers: int, sizes: list[int]) -> None:
    world = World([Film(size) for size in sizes])
    played = play(Schedule(world.listing()), world, num_workers)
    ideal_s = sum(SURVEY_S + SEEK_S + size * CHUNK_S + PREDICT_S for size in sizes) / num_workers
    print(
        f"{len(sizes)} films x {sizes[0]} chunks, {num_workers} workers: {played.makespan_s:.0f} s, "
        f"{played.makespan_s / ideal_s:.3f} of ideal, {played.num_seeks} seeks"
    )
    assert played.makespan_s <= 1.15 * ideal_s
    seeks_per_film = num_workers if sizes[0] >= 2 * MAX_RUN else 1  # short films are not split
    assert played.num_seeks <= len(sizes) * seeks_per_film + 10


@settings(max_examples=100, deadline=None)
@given(sizes=st.lists(st.integers(0, 90), max_size=25), num_workers=st.integers(1, 20))
def test_nobody_idles_while_there_is_work(sizes: list[int], num_workers: int) -> None:
    world = World([Film(size) for size in sorted(sizes, reverse=True)])
    played = play(Schedule(world.listing()), world, num_workers)
    assert once_each(world)
    # Graham's bound for greedy schedules: the work shared by all, and the longest that one can wait for another.
    chain_s = SURVEY_S + SEEK_S + MAX_RUN * CHUNK_S + PREDICT_S
    assert played.makespan_s <= sum(played.busy_s.values()) / num_workers + chain_s
    assert played.max_in_work <= FILMS_PER_WORKER * num_workers


def test_films_are_predicted_while_others_are_embedded() -> None:
    world = World([Film(20) for _ in range(8)])
    methods = [task.method for task in play(Schedule(world.listing()), world, 2).tasks]
    last_embed = len(methods) - 1 - methods[::-1].index("embed")
    assert methods[:last_embed].count("predict") >= 8 - 2


def test_the_next_films_are_surveyed_before_the_workers_need_them() -> None:
    world = World([Film(60) for _ in range(30)], survey_s=20)
    played = play(Schedule(world.listing()), world, 4)
    idle_s = 4 * played.makespan_s - sum(played.busy_s.values())
    print(f"surveys of {world.survey_s} s: workers idle {idle_s / (4 * played.makespan_s):.3f} of the time")
    assert idle_s <= 0.02 * 4 * played.makespan_s


def test_a_worker_that_is_alone_with_much_to_do_surveys_no_further_film() -> None:
    world = World([Film(60) for _ in range(30)])
    tasks = play(Schedule(world.listing()), world, 1).tasks
    assert [task.method for task in tasks[:9]] == ["survey", *["embed"] * 7, "survey"]


def test_a_survey_under_way_counts_as_a_run() -> None:
    world = World([Film(20)] + [Film(60) for _ in range(30)])
    schedule = Schedule(world.listing())
    survey = schedule.next(0)
    others = [schedule.next(worker) for worker in (1, 2, 3)]
    schedule.done(survey, world.do(survey), 0, 1.0)
    # 20 chunks and three surveys are enough for four workers.
    assert [task.method for task in others] == ["survey"] * 3
    assert schedule.next(0).args == ("/0", "content 0", tuple(range(8)))


def test_workers_that_wait_get_their_share_of_a_short_film() -> None:
    world = World([Film(12)])
    schedule = Schedule(world.listing())
    survey = schedule.next(0)
    assert [schedule.next(worker) for worker in (1, 2, 3)] == [None] * 3
    schedule.done(survey, world.do(survey), 0, 1.0)
    assert [len(schedule.next(worker).args[2]) for worker in range(4)] == [2, 2, 1, 1]


@pytest.mark.parametrize("how", ["failed", "returned"])
def test_nothing_is_kept_for_a_worker_that_is_gone(how: str) -> None:
    world = World([Film(14), Film(60)])
    schedule = Schedule(world.listing())
    for _ in range(2):  # the survey of the first film, its first eight chunks
        task = schedule.next(0)
        schedule.done(task, world.do(task), 0, 1.0)
    task = schedule.next(0)
    assert task.args == ("/1", "1.mp4")
    if how == "failed":
        schedule.failed(task, DIED, 0)
    else:
        schedule.returned(task)
    again = schedule.next(1)
    assert again.args == ("/1", "1.mp4")
    schedule.done(again, world.do(again), 1, 1.0)
    assert schedule.next(1).args[2] == tuple(range(8, 14))


# Failures


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


@pytest.mark.parametrize(
    ("poison", "reason", "chunks", "num_tries"),
    [
        (Poison("/1", "embed", 33), "decoding killed its worker 3 times", (33,), 4),
        (Poison("/1", "survey"), "surveying it killed its worker 3 times", (), 3),
        (Poison("/1", "predict"), "predicting killed its worker 3 times", (), 3),
        (Poison("/1", "embed", 33, RAISED), "decoding failed 3 times, at last: RuntimeError: no", (33,), 4),
    ],
)
def test_what_kills_its_workers_fails_its_film_only(poison, reason, chunks, num_tries) -> None:
    world = World([Film(60) for _ in range(5)])
    events: list[FilmEvent] = []
    tries = []

    def fails(task: Task, worker: int) -> Failure | None:
        if failure := poison(task, worker):
            tries.append(worker)
        return failure

    schedule = Schedule(world.listing(), on_event=events.append)
    play(schedule, world, 4, fails)
    (failed,) = of_kind(events, FilmFailed)
    assert (failed.film.name, failed.reason, failed.chunks, failed.attempts) == ("1.mp4", reason, chunks, MAX_ATTEMPTS)
    assert failed.stage == poison.method
    assert len(tries) == num_tries  # once in a run of several, then alone
    assert len(set(tries[-3:])) == 3  # each on another worker
    assert {path for path, _ in world.predicted} == {"/0", "/2", "/3", "/4"}
    assert all(n == 1 for (path, _), n in world.embedded.items() if path != "/1")
    assert (schedule.counts.num_done, schedule.counts.num_failed) == (4, 1)


def test_a_film_that_is_no_film_fails_at_once() -> None:
    error = VideoError("1.mp4 has no video stream", "it cannot be analyzed", "leave it out")
    failure = Failure(kind="raised", reason=str(error), error=error)
    world = World([Film(5), Film(5)])
    events: list[FilmEvent] = []
    played = play(Schedule(world.listing(), on_event=events.append), world, 2, Poison("/1", "survey", failure=failure))
    (failed,) = of_kind(events, FilmFailed)
    assert (failed.reason, failed.attempts, failed.stage) == (str(error), 1, "survey")
    assert sum(task.args == ("/1", "1.mp4") for task in played.tasks) == 1


def test_a_failure_of_a_run_costs_its_good_chunks_no_attempt() -> None:
    world = World([Film(8)])
    num_failures = Counter()

    def fails(task: Task, worker: int) -> Failure | None:
        """Each task but a try alone fails; each chunk alone fails twice."""
        if task.method != "embed":
            return None
        num_failures[task.args[2]] += 1
        return DIED if len(task.args[2]) > 1 or num_failures[task.args[2]] < MAX_ATTEMPTS else None

    play(Schedule(world.listing()), world, 1, fails)
    assert once_each(world)


def test_lost_nodes_blame_no_chunk() -> None:
    world = World([Film(20)])
    num_failures = Counter()

    def fails(task: Task, worker: int) -> Failure | None:
        num_failures[task.method] += 1
        return NODE_LOST if num_failures[task.method] < MAX_NODES_LOST else None

    play(Schedule(world.listing()), world, 3, fails)
    assert once_each(world)


def test_a_film_that_takes_every_node_down_fails_in_the_end() -> None:
    world = World([Film(20), Film(5)])
    events: list[FilmEvent] = []
    play(Schedule(world.listing(), on_event=events.append), world, 2, Poison("/0", "embed", 7, NODE_LOST))
    (failed,) = of_kind(events, FilmFailed)
    assert 7 in failed.chunks
    assert failed.reason == f"decoding lost its node {MAX_NODES_LOST} times"
    assert failed.attempts == MAX_NODES_LOST
    assert dict(world.predicted) == {"/1": ()}


def test_a_sick_worker_condemns_no_film() -> None:
    world = World([Film(10) for _ in range(30)])
    play(Schedule(world.listing()), world, 3, lambda task, worker: RAISED if worker == 1 else None)
    assert once_each(world)


def test_a_chunk_without_an_answer_is_tried_again() -> None:
    world = World([Film(10)])
    answer, num_left_out = world.do, Counter()

    def forgetful(task: Task):
        value = answer(task)
        num_left_out[task.method] += 1
        return value[1:] if task.method == "embed" and num_left_out["embed"] == 1 else value

    world.do = forgetful
    play(Schedule(world.listing()), world, 1)
    assert len(world.predicted) == 1


def raised(error: Exception) -> Failure:
    return Failure(kind="raised", reason=str(error), error=error)


@pytest.mark.parametrize("method", ["survey", "embed", "predict"])
def test_a_store_that_cannot_be_written_is_no_films_fault(method: str) -> None:
    error = StoreError("the disk is full", "the analysis stopped here", "free some space")
    world = World([Film(5), Film(5)])
    with pytest.raises(StoreError, match="the disk is full"):
        play(Schedule(world.listing()), world, 2, Poison("/1", method, failure=raised(error)))


@pytest.mark.parametrize("kind", [DamagedFile, InUse])
def test_one_file_of_the_store_is(kind: type) -> None:
    world = World([Film(5), Film(5)])
    schedule = Schedule(world.listing())
    play(schedule, world, 2, Poison("/1", "predict", failure=raised(kind("a", "b", "c"))))
    assert (schedule.counts.num_done, schedule.counts.num_failed) == (1, 1)


@pytest.mark.parametrize("failure", [DIED, RAISED])
@pytest.mark.parametrize("method", ["survey", "embed", "predict"])
def test_workers_that_fail_at_film_after_film_end_the_run(method: str, failure: Failure) -> None:
    world = World([Film(20) for _ in range(50)])
    events: list[FilmEvent] = []
    with pytest.raises(
        ClusterError, match=f"^{MAX_FAILED_FILMS_IN_A_ROW} films in a row failed, at last .*mp4: .* 3 times"
    ):
        play(
            Schedule(world.listing(), on_event=events.append),
            world,
            4,
            lambda task, worker: failure if task.method == method else None,
        )
    assert len(of_kind(events, FilmFailed)) == MAX_FAILED_FILMS_IN_A_ROW


def test_many_bad_films_end_nothing_while_others_get_through() -> None:
    world = World([Film(3) for _ in range(60)])

    def fails(task: Task, worker: int) -> Failure | None:
        number = int(task.args[0][1:])
        if number % 2:
            return DIED if task.method == "embed" else None
        return raised(VideoError("a", "b", "c")) if number % 4 else None

    schedule = Schedule(world.listing())
    play(schedule, world, 4, fails)
    assert (schedule.counts.num_done, schedule.counts.num_failed) == (15, 45)


# Not all steps


def test_a_survey_can_be_all() -> None:
    world = World([Film(5), Film(5, finished=True), Film(5, identity="same"), Film(5, identity="same")])
    events: list[FilmEvent] = []
    schedule = Schedule(world.listing(), last="survey", on_event=events.append)
    tasks = play(schedule, world, 2).tasks
    assert [task.method for task in tasks] == ["survey"] * 4
    assert (schedule.counts.num_done, schedule.counts.num_skipped) == (3, 1)


def test_embedding_can_be_all() -> None:
    world = World([Film(20), Film(5), Film(5)])
    world.stored = {("content 2", n) for n in range(5)}
    schedule = Schedule(world.listing(), last="embed")
    play(schedule, world, 2)
    assert (world.embedded.total(), world.predicted) == (25, [])
    assert schedule.counts.num_done == 3


# Films of the same content, chunks that another batch works on


def test_films_of_the_same_content_are_predicted_one_after_the_other() -> None:
    world = World([Film(2, identity="same") for _ in range(6)])
    world.stored = {("same", n) for n in range(2)}
    schedule, at_once = Schedule(world.listing()), []
    give = schedule.next
    in_flight: set[int] = set()

    def watched(worker: int) -> Task | None:
        task = give(worker)
        if task and task.method == "predict":
            in_flight.add(id(task))
            at_once.append(len(in_flight))
        return task

    done = schedule.done
    schedule.next = watched
    schedule.done = lambda task, *rest: (in_flight.discard(id(task)), done(task, *rest))
    played = play(schedule, world, 4)
    assert at_once == [1] * 6
    assert sum(task.method == "survey" for task in played.tasks) <= 2 * 6


def test_films_of_the_same_content_are_embedded_once() -> None:
    world = World([Film(20, identity="same"), Film(20), Film(20, identity="same"), Film(20, identity="same")])
    played = play(Schedule(world.listing()), world, 8)
    assert sum(world.embedded.values()) == 40
    assert set(world.embedded.values()) == {1}
    assert sorted(path for path, _ in world.predicted) == ["/0", "/1", "/2", "/3"]
    assert sum(task.method == "survey" for task in played.tasks) <= 4 + 2


def test_a_film_whose_twin_failed_is_embedded_itself() -> None:
    world = World([Film(20, identity="same"), Film(20, identity="same")])
    events: list[FilmEvent] = []
    play(Schedule(world.listing(), on_event=events.append), world, 4, Poison("/0", "embed", 9))
    assert [event.film.number for event in of_kind(events, FilmFailed)] == [0]
    assert [path for path, _ in world.predicted] == ["/1"]


def test_chunks_that_another_batch_works_on_are_asked_for_again_when_nothing_else_is_left() -> None:
    world = World([Film(10, leased={2, 3}), Film(30)])
    polls, answer = [], world.do

    def stored_elsewhere(task: Task):
        if task.method == "embed" and task.args[0] == "/0" and "/1" in dict(world.predicted):
            polls.append(task.args[2])
            if len(polls) == 5:
                world.stored |= {("content 0", 2), ("content 0", 3)}
        return answer(task)

    world.do = stored_elsewhere
    events: list[FilmEvent] = []
    played = play(Schedule(world.listing(), on_event=events.append), world, 3)
    assert set(polls) == {(2,), (3,)}
    assert ("/0", 2) not in world.embedded
    assert dict(world.predicted) == {"/0": (), "/1": ()}
    again = [i for i, t in enumerate(played.tasks) if t.method == "embed" and t.args[0] == "/0" and t.args[2] in polls]
    others = [i for i, t in enumerate(played.tasks) if t.args[0] == "/1" and t.method == "embed"]
    assert min(again) > max(others)
    assert not of_kind(events, FilmFailed)


def test_when_another_batch_lets_go_all_workers_take_over() -> None:
    world = World([Film(24, leased=set(range(24)))])
    answer, num_asked = world.do, Counter()

    def let_go(task: Task):
        num_asked[task.method] += 1
        if num_asked["embed"] == 20:
            world.films[0].leased.clear()
        return answer(task)

    world.do = let_go
    played = play(Schedule(world.listing()), world, 4)
    assert once_each(world)
    embeds = [i for i, task in enumerate(played.tasks) if task.method == "embed"]
    assert len(embeds) < 20 + 23  # alone each would be a task


def test_only_one_worker_waits_for_another_batch() -> None:
    world = World([Film(2, leased={0, 1})])
    schedule = Schedule(world.listing())
    for _ in range(3):  # the survey, both chunks
        task = schedule.next(0)
        schedule.done(task, world.do(task), 0, 1.0)
    for number in (0, 1, 0, 1):
        task = schedule.next(0)
        assert task.args[2] == (number,)
        assert schedule.next(1) is None
        schedule.done(task, world.do(task), 0, 1.0)


def test_two_batches_side_by_side_share_the_work() -> None:
    world = World([Film(60) for _ in range(40)])
    schedules = [Schedule(world.listing()), Schedule(world.listing())]
    now_s, busy_s, num_tasks = 0.0, 0.0, 0
    free = [(which, worker) for which in range(2) for worker in range(4)]
    running: list[tuple[float, int, int, int, Task]] = []
    while not all(schedule.finished() for schedule in schedules):
        asked, free = free, []
        for which, worker in asked:
            task = schedules[which].next(worker)
            if task is None:
                free.append((which, worker))
                continue
            num_tasks += 1
            mine = world.begin(task) if task.method == "embed" else []
            seconds = SEEK_S + CHUNK_S * len(mine) if task.method == "embed" else world.seconds(task, None)
            busy_s += CHUNK_S * len(mine)
            heapq.heappush(running, (now_s + seconds, num_tasks, which, worker, task))
        now_s, _, which, worker, task = heapq.heappop(running)
        schedules[which].done(task, world.do(task), worker, 1.0)
        free.append((which, worker))
    print(f"two batches of 4 workers: {now_s:.0f} s, {now_s / (busy_s / 8):.3f} of ideal, {num_tasks} tasks")
    assert set(world.embedded.values()) == {1}
    assert now_s <= 1.3 * busy_s / 8


def test_nothing_more_is_asked_for_a_film_that_failed() -> None:
    world = World([Film(2, leased={0, 1}), Film(2)])
    schedule = Schedule(world.listing())
    while (task := schedule.next(0)).method != "predict":
        schedule.done(task, world.do(task), 0, 1.0)
    poll = schedule.next(0)
    assert poll.args[0] == "/0"
    error = VideoError("0.mp4 changed", "it cannot be analyzed", "run again")
    schedule.failed(poll, Failure(kind="raised", reason="", error=error), 0)
    assert schedule.next(0) is None
    assert schedule.counts.num_failed == 1


# Whatever comes in between


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_happens_every_healthy_film_is_done(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(0, 20), max_size=8), "chunks")
    numbers = st.sets(st.integers(0, 20), max_size=4)
    world = World(
        [
            Film(
                size,
                identity=data.draw(st.sampled_from(["", f"as {size}"]), "content"),
                lost=tuple(data.draw(numbers, "lost")),
                leased=data.draw(numbers, "leased"),
            )
            for size in sizes
        ]
    )
    world.stored = {(film.identity, n) for film in world.films for n in data.draw(numbers, "stored")}
    stored_before = set(world.stored)
    # Every fourth film has a chunk that kills its workers.
    poison = {(f"/{i}", data.draw(st.integers(0, n - 1))) for i, n in enumerate(sizes) if n and i % 4 == 3}
    events: list[FilmEvent] = []
    schedule = Schedule(world.listing(), on_event=events.append)
    crew = Crew(schedule, world, data.draw(st.integers(1, 4), "workers"))
    num_left = {"died": MAX_ATTEMPTS - 1, "node lost": MAX_NODES_LOST - 1, "returned": 99}  # fewer than condemn a film
    for step in range(5000):
        if schedule.finished():
            break
        drawn = step < 80  # then all goes well, in a fixed order
        workers = sorted(crew.tasks)
        worker = data.draw(st.sampled_from(workers)) if drawn else workers[step // 2 % len(workers)]
        moves = ["ask", "ask", "work", "work", "raise", "die", "lose node", "return", "release"]
        move = data.draw(st.sampled_from(moves)) if drawn else ("ask", "work")[step % 2]
        if move == "release" or not drawn:
            for film in world.films:
                film.leased.clear()
        elif move in ("raise", "die") and num_left["died"]:
            num_left["died"] -= 1
            crew.fail(worker, RAISED if move == "raise" else DIED, num_chunks=data.draw(st.integers(0, 8), "chunks"))
        elif move == "lose node" and num_left["node lost"]:
            num_left["node lost"] -= 1
            crew.fail(worker, NODE_LOST)
        elif move == "return":
            crew.vanish(worker)
        if move == "work":
            crew.work(worker, poison)
        elif move == "ask":
            crew.ask(worker)
        assert schedule.counts.num_in_work <= FILMS_PER_WORKER * crew.num_ever
    assert schedule.finished()
    failed = {event.film.path: event for event in of_kind(events, FilmFailed)}
    assert set(failed) <= {path for path, _ in poison}  # not all, as a twin may have embedded it
    assert all({(path, number) for number in event.chunks} <= poison for path, event in failed.items())
    assert Counter(path for path, _ in world.predicted) == Counter({f"/{i}" for i in range(len(sizes))} - set(failed))
    for (path, number), times in world.embedded.items():
        film = world.films[int(path[1:])]
        assert times == 1 or number in film.lost
        assert (film.identity, number) not in stored_before
    last = {event.film.path: event for event in events}
    assert all(isinstance(event, FilmDone | FilmFailed) for event in last.values())
    assert not schedule._at
    assert not schedule._leased
    counts = schedule.counts
    assert counts.num_done + counts.num_failed == counts.num_listed == len(sizes)
    assert counts.num_in_work == counts.num_chunks_left == 0


class Crew:
    """Workers of which each has at most two tasks, as those of the pool."""

    def __init__(self, schedule: Schedule, world: World, num_workers: int) -> None:
        self._schedule, self._world = schedule, world
        self.tasks: dict[int, deque[Task]] = {n: deque() for n in range(num_workers)}
        self.num_ever = num_workers

    def ask(self, worker: int) -> None:
        if len(self.tasks[worker]) < 2 and (task := self._schedule.next(worker)):
            self.tasks[worker].append(task)
            given = [task for tasks in self.tasks.values() for task in tasks]
            chunks = [(task.args[0], chunk) for task in given for chunk in self._world.chunks(task)]
            assert len(set(chunks)) == len(chunks), "two workers have the same chunk"

    def work(self, worker: int, poison: set[tuple[str, int]]) -> None:
        if not self.tasks[worker]:
            return
        task = self.tasks[worker][0]
        if task.method == "embed" and any((task.args[0], n) in poison for n in task.args[2]):
            self.fail(worker, DIED)
        else:
            self.tasks[worker].popleft()
            self._schedule.done(task, self._world.do(task), worker, 1.0)

    def fail(self, worker: int, failure: Failure, num_chunks: int = 0) -> None:
        """What runs there fails after so many chunks were stored."""
        if not self.tasks[worker]:
            return
        task = self.tasks[worker].popleft()
        if task.method == "embed":
            self._world.do(replace(task, args=(*task.args[:2], task.args[2][:num_chunks])))
        if failure.kind != "raised":
            self.vanish(worker)
        self._schedule.failed(task, failure, worker)

    def vanish(self, worker: int) -> None:
        """It is gone, and another comes."""
        for task in self.tasks.pop(worker):
            self._schedule.returned(task)
        self.tasks[self.num_ever] = deque()
        self.num_ever += 1


def test_workers_that_vanish_while_idle_are_forgotten() -> None:
    world = World([Film(1)])
    schedule = Schedule(world.listing())
    task = schedule.next(0)
    assert task is not None
    for worker in range(1, 5000):
        assert schedule.next(worker) is None
        assert schedule.next(worker) is None
    assert sum(map(len, schedule._idle)) <= 4


# Size and speed


def test_twenty_thousand_films_leave_nothing_behind() -> None:
    num_films = 20_000
    schedule = Schedule(World([Film(3, identity="x")] * num_films).listing())
    num_tasks, most = 0, 0
    tracemalloc.start()
    try:
        while not schedule.finished():
            tasks = [(worker, schedule.next(worker)) for worker in range(8)]
            for worker, task in tasks:
                if task is not None:
                    num_tasks += 1
                    schedule.done(task, _instantly(task), worker, 0.0)
            if num_tasks % 1000 < 8:
                most = max(most, tracemalloc.get_traced_memory()[0])
        left = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert schedule.counts.num_done == num_films
    print(f"{num_tasks} tasks, at most {most / 1024:.0f} KiB held, {left / 1024:.0f} KiB at the end")
    assert most < 1024 * 1024  # a list of the films' names would be more


def _instantly(task: Task):
    if task.method == "survey":
        return Survey(identity=task.args[0], duration_s=180.0, num_chunks=3, missing=(0, 1, 2), finished=False)
    if task.method == "predict":
        return Outcome(num_segments=0, num_gaps=0)
    return [Receipt(number=number, source="film", num_frames=120, warnings=()) for number in task.args[2]]


@pytest.mark.parametrize("num_workers", [8, 64])
def test_the_schedule_itself_costs_next_to_nothing(num_workers: int) -> None:
    world = World([Film(60) for _ in range(300)])
    schedule = Schedule(world.listing())
    num_tasks = 0
    begin = time.process_time()
    while not schedule.finished():
        tasks = [(worker, schedule.next(worker)) for worker in range(num_workers)]
        for worker, task in tasks:
            if task is not None:
                num_tasks += 1
                schedule.done(task, _instantly(task), worker, 0.0)
    rate = num_tasks / (time.process_time() - begin)
    print(f"{num_workers} workers: {rate:.0f} tasks a second")
    assert rate > 2000  # ten times as many are usual
