"""What a batch says of itself: counts, and an honest time left."""

import pytest
from batch_events import (  # noqa: F401  (fixtures among them)
    Clock,
    chunks,
    clock,
    done,
    failed,
    listed,
    skipped,
    surveyed,
    workers,
)

from vtn_stream_pipelines.tally import MIN_SILENCE_S, WINDOW_S, Tally
from vtn_stream_pipelines.work import Failure, WorkerCounts, WorkerLost


def tally_of(*events, num_films=4, clock=None):
    tally = Tally(num_films, 100 * num_films, clock=clock or Clock())
    for event in events:
        tally.hear(event)
    return tally


def test_films_chunks_and_workers_are_counted():
    a, b, c, d = map(listed, range(4))
    lost_one = WorkerLost(
        worker=1,
        failure=Failure(kind="worker died", reason="why"),
        counts=WorkerCounts(num_ready=1, num_started=2, num_lost=1, num_replaced=0),
    )
    tally = tally_of(
        workers(2),
        surveyed(a, 3),
        chunks(a, 2),
        chunks(a, 1, source="lost"),
        done(a, num_gaps=1),
        surveyed(b, 0, finished=True),
        skipped(b),
        failed(c),
        surveyed(d, 2),
        chunks(d, 1, source="store", seconds=1.0),
        lost_one,
    )
    assert (tally.num_done, tally.num_gappy, tally.num_skipped, tally.num_failed, tally.num_over) == (1, 1, 1, 1, 3)
    assert (tally.num_embedded, tally.num_found, tally.num_lost, tally.num_frames) == (2, 1, 1, 240)
    assert (tally.num_workers, tally.most_workers, tally.num_workers_lost) == (1, 2, 1)
    assert (tally.embed_s, tally.chunks_left, tally.share_over) == (21.0, 1, 0.75)


def test_films_not_surveyed_yet_are_taken_to_lack_as_much_a_byte_as_the_others():
    long, short = listed(0, num_bytes=300), listed(1, num_bytes=100)
    tally = Tally(3, 600)
    assert tally.chunks_left is None  # no film is surveyed
    tally.hear(surveyed(long, 30))
    assert tally.chunks_left == 30 + 300 * 30 / 300
    tally.hear(surveyed(short, 0))
    assert tally.chunks_left == 30 + 200 * 30 / 400
    tally.hear(failed(listed(2, num_bytes=200)))  # as it was surveyed
    assert tally.chunks_left == 30


def test_a_film_that_is_surveyed_twice_counts_once():
    """The second survey of a film that waited for another of the same content finds all stored."""
    tally = tally_of(surveyed(listed(0), 8), surveyed(listed(1), 8), num_films=4)
    assert tally.chunks_left == 16 + 16
    tally.hear(surveyed(listed(1), 0))
    assert tally.chunks_left == 8 + 8


def test_no_time_is_told_before_anything_is_known(clock):
    tally = tally_of(clock=clock, num_films=2)
    assert tally.left_s is None
    tally.hear(surveyed(listed(0), 30))
    clock.now += 10
    assert (tally.left_s, tally.frames_per_s) == (None, None)


def test_the_time_left_is_that_of_the_chunks_at_the_speed_so_far(clock):
    tally = tally_of(workers(2), surveyed(listed(0), 30), clock=clock, num_films=2)
    clock.now += 20
    tally.hear(chunks(listed(0), 10, seconds=30.0))
    assert tally.chunks_left == 20 + 30  # the other film lacks as many
    assert tally.left_s == 50 * 2.0
    assert tally.frames_per_s == 60
    assert tally.share_embedding == 0.75  # 30 of 2 x 20 s
    clock.now += 15
    assert tally.left_s == 85  # it counts down


def test_after_a_silence_nothing_is_known(clock):
    tally = tally_of(surveyed(listed(0), 30), clock=clock, num_films=1)
    clock.now += 10
    tally.hear(chunks(listed(0), 1))
    clock.now += MIN_SILENCE_S
    assert tally.left_s is not None
    clock.now += 1
    assert tally.left_s is None


def test_the_speed_is_that_of_the_last_minutes(clock):
    tally = tally_of(surveyed(listed(0), 10_000), clock=clock, num_films=1)
    for _ in range(100):  # a chunk in 60 s, then workers come
        clock.now += 60
        tally.hear(chunks(listed(0), 1))
    for _ in range(100):
        clock.now += 10
        tally.hear(chunks(listed(0), 1))
    assert tally.left_s == 9800 * 10
    assert tally.embedding_s == 7000


def test_the_window_is_small_however_fast_it_goes(clock):
    tally = tally_of(surveyed(listed(0), 10_000), clock=clock, num_films=1)
    for _ in range(5000):
        clock.now += 0.01
        tally.hear(chunks(listed(0), 1))
    assert len(tally._marks) <= 60
    assert tally.left_s == pytest.approx(50, abs=0.1)
    assert WINDOW_S < 1000


def test_where_all_is_stored_the_time_left_goes_by_the_bytes(clock):
    tally = tally_of(surveyed(listed(0), 0), clock=clock)
    assert tally.left_s is None
    clock.now += 30
    tally.hear(done(listed(0)))
    assert tally.left_s == 90
    for number in (1, 2, 3):
        tally.hear(surveyed(listed(number), 0))
        tally.hear(done(listed(number)))
    assert tally.left_s == 0


def test_films_with_results_say_nothing_of_those_without(clock):
    """The run before has done the largest films: this one begins by skipping those."""
    tally = tally_of(clock=clock, num_films=4)
    for number in (0, 1):
        tally.hear(surveyed(listed(number), 0, finished=True))
        tally.hear(skipped(listed(number)))
        clock.now += 0.01
    assert (tally.chunks_left, tally.left_s) == (None, None)
    tally.hear(surveyed(listed(2), 10))
    assert tally.chunks_left == 10 + 10


def test_nothing_is_kept_of_films_that_are_over():
    tally = tally_of(num_films=1000)
    for number in range(1000):
        film = listed(number)
        for event in (surveyed(film, 1), chunks(film, 1), done(film)):
            tally.hear(event)
    assert tally._left == {}
    assert tally.chunks_left == 0
