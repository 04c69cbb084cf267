"""Whether a machine keeps up, and what is left out where it does not."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.following.load import LOOK_BACK_S, MAX_EVERY, Pace


def at_speed(speed: float, *, growth: float = 1.0, begin_s: float = 0.0, lasts_s: int = 1800) -> list[int]:
    """`every`, second by second, on a machine that embeds so many seconds of film in one. A film of 1000 bytes a second
    grows at this rate, and was begin_s long at first.
    """
    pace, done_s, seen = Pace(), 0.0, []
    for now_s in range(lasts_s):
        there_s = begin_s + growth * now_s
        done_s = min(there_s, done_s + speed * pace.every)  # what is left out costs nothing
        read_s = min(there_s, done_s + 60)
        num_read = round(1000 * read_s)
        pace.note(now_s, num_read=num_read, num_waiting=round(1000 * there_s) - num_read, known_s=read_s, done_s=done_s)
        seen.append(pace.every)
    return seen


@pytest.mark.parametrize("speed", [1.01, 2, 50])
def test_a_machine_that_keeps_up_looks_at_every_position(speed):
    assert set(at_speed(speed)) == {1}


@given(begin_s=st.floats(0, 36_000), speed=st.floats(1.05, 40))
def test_a_film_that_was_long_already_is_caught_up_with_and_not_thinned_out(begin_s, speed):
    assert set(at_speed(speed, begin_s=begin_s, lasts_s=400)) == {1}


@given(begin_s=st.floats(0, 36_000), speed=st.floats(0.01, 1))
def test_a_film_at_rest_is_never_thinned_out_however_slow_the_machine(begin_s, speed):
    assert set(at_speed(speed, begin_s=begin_s, growth=0, lasts_s=400)) == {1}


def test_a_machine_that_is_too_slow_looks_at_fewer_once_it_is_two_minutes_behind():
    every = at_speed(0.6)
    first = next(i for i, of in enumerate(every) if of > 1)
    assert every[first] == 2
    assert first * (1 - 0.6) >= 120
    assert all(b in (a, 2 * a, a // 2) for a, b in pairwise(every))


def test_it_looks_at_all_again_when_it_has_caught_up():
    assert {1, 2} <= set(at_speed(0.6, lasts_s=7200)[3600:])


def test_no_more_is_left_out_than_seven_of_eight():
    assert max(at_speed(0.01)) == MAX_EVERY


def test_a_decision_waits_a_minute_for_what_the_last_one_does():
    every = at_speed(0.01)
    changes = [i for i, (a, b) in enumerate(pairwise(every)) if a != b]
    assert min(b - a for a, b in pairwise(changes)) >= LOOK_BACK_S


def test_the_backlog_counts_what_is_known_and_what_lies_there_unread():
    pace = Pace()
    pace.note(0.0, num_read=1000, num_waiting=500, known_s=10.0, done_s=4.0)
    assert pace.backlog_s == 6.0 + 5.0
    assert pace.s_per_byte == 0.01


def test_speeds_are_those_of_the_last_minute():
    pace = Pace()
    for now_s in range(200):
        done_s = 2.0 * now_s if now_s < 100 else 200 + 0.5 * (now_s - 100)
        pace.note(now_s, num_read=1000 * (now_s + 1), num_waiting=0, known_s=now_s + 1, done_s=done_s)
    assert pace.speed == pytest.approx(0.5)
    assert pace.growth == pytest.approx(1.0)
