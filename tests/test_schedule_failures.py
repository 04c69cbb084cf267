"""Films, workers and nodes that fail: whatever comes in between, every healthy film is done."""

from collections import Counter, deque
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pretended_workers import DIED, Film, Poison, World, of_kind, once_each, play

from vtn_stream.errors import ClusterError, DamagedFile, InUse, StoreError, VideoError
from vtn_stream_pipelines.messages import (
    FilmDone,
    FilmEvent,
    FilmFailed,
)
from vtn_stream_pipelines.retries import (
    MAX_ATTEMPTS,
    MAX_FAILED_FILMS_IN_A_ROW,
    MAX_NODES_LOST,
)
from vtn_stream_pipelines.schedule import FILMS_PER_WORKER, Schedule
from vtn_stream_pipelines.work import Failure, Task

NODE_LOST = Failure(kind="node lost", reason="its node left the cluster")
RAISED = Failure(kind="raised", reason="RuntimeError: no")


# Failures


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


# Whatever comes in between


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
