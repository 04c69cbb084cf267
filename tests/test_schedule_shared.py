"""Films of the same content and chunks that another batch works on: nothing is done twice."""

import heapq
from collections import Counter

from pretended_workers import CHUNK_S, SEEK_S, Film, Poison, World, of_kind, once_each, play

from vtn_stream.errors import VideoError
from vtn_stream_pipelines.messages import (
    FilmEvent,
    FilmFailed,
)
from vtn_stream_pipelines.schedule import Schedule
from vtn_stream_pipelines.work import Failure, Task


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
