"""Films go through a pool of pretended workers: nothing is left out, nothing done twice, nobody waits."""

import time
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pretended_workers import CHUNK_S, DIED, PREDICT_S, SEEK_S, SURVEY_S, Film, World, of_kind, once_each, play

from vtn_stream_pipelines.messages import (
    ChunkLost,
    ChunksDone,
    FilmDone,
    FilmEvent,
    FilmSurveyed,
    Outcome,
    Receipt,
    Survey,
)
from vtn_stream_pipelines.retries import (
    EMBED_PER_CHUNK_S,
)
from vtn_stream_pipelines.schedule import FILMS_PER_WORKER, MAX_RUN, Schedule
from vtn_stream_pipelines.work import Task

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


# Size and speed


@pytest.mark.release
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
