"""Timestamps in the order of a file become one clock: pictures of what goes wrong in it, and what is made of that."""

from fractions import Fraction

import numpy as np
import pytest

from vtn_stream.film import NO_PTS
from vtn_stream.video.clock import leaps, one_clock

TICK = Fraction(1, 25)


def clock(times, decode_times=None, *, time_base=TICK, shown=None, **given):
    times = np.array([NO_PTS if time is None else time for time in times], np.int64)
    decode_times = times if decode_times is None else np.array(decode_times, np.int64)
    shown = np.ones(len(times), np.bool_) if shown is None else np.array(shown)
    return one_clock(times, decode_times, shown, time_base, **given)


def span(first, stop):
    return list(range(first, stop))


# In the order of the file -> when each is shown, and where the clock had stepped back.
STEPS = {
    "an ordinary film": (span(0, 50), span(0, 50), []),
    "two recordings that begin at 0": (span(0, 40) + span(0, 40), span(0, 80), [40]),
    "the clock steps back in the middle": (span(100, 150) + span(75, 125), span(100, 200), [150]),
    "three recordings": (span(0, 40) + span(0, 40) + span(7, 40), span(0, 113), [40, 80]),
    "three frames back is a step back": (span(0, 40) + span(37, 60), span(0, 63), [40]),
    "a clock that stutters by less than a frame is none": (
        [2 * i for i in range(40)] + [79] + [2 * i for i in range(41, 50)],
        [2 * i for i in range(40)] + [79] + [2 * i for i in range(41, 50)],
        [],
    ),
    "one frame far behind, and the clock goes on": (
        [*span(1000, 1020), 3, *span(1021, 1050)],
        span(1000, 1050),
        [1020],
    ),
    "one frame far ahead, and the clock goes on": (
        [*span(0, 60), 90000, *span(61, 120)],
        span(0, 120),
        [60],
    ),
    "a leap ahead stays": (span(0, 40) + span(90_000, 90_040), span(0, 40) + span(90_000, 90_040), []),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_clock_that_steps_back_goes_on_where_it_was(name):
    times, placed, restarts = STEPS[name]
    made = clock(times)
    assert made.times.tolist() == placed
    assert (list(made.restarts), made.division, made.num_spread, made.num_merged) == (restarts, 1, 0, 0)


def reordered(num_frames, first=0):
    """(shown, decoded) of I P B B P B B ...: shown up to two frames later than decoded."""
    order = [0, *(i for p in range(3, num_frames, 3) for i in (p, p - 2, p - 1))]
    return [first + i for i in order], [first + k - 2 for k in range(len(order))]


def test_frames_out_of_order_are_no_step_back():
    times, decoded = reordered(100)
    assert clock(times, decoded).times.tolist() == times
    assert clock(times, [NO_PTS] * len(times)).times.tolist() == times


@pytest.mark.parametrize("has_decode_times", [True, False])
def test_frames_out_of_order_at_a_joint_keep_their_order(has_decode_times):
    """The second recording begins with frames that are shown before its first keyframe."""
    one, one_decoded = reordered(100)
    two, two_decoded = [5, 3, 4, *(time + 5 for time in reordered(97)[0][1:])], [1, 2, 3, *span(4, 100)]
    decoded = one_decoded + two_decoded[: len(two)] if has_decode_times else [NO_PTS] * len(one + two)
    made = clock(one + two, decoded)
    assert made.restarts == (100,)
    assert made.times.tolist() == one + [time + 97 for time in two]  # its 3 comes after the 99 of the first


def test_a_keyframe_that_would_be_shown_before_others_has_another_clock():
    """The clock steps back by less than frames come out of order."""
    times, decoded = reordered(100)
    keys = [i % 100 == 0 for i in range(200)]
    back = clock(times + [time + 97 for time in times], decoded + [time + 96 for time in decoded], keys=np.array(keys))
    assert (back.restarts, back.times.tolist()) == ((100,), times + [time + 100 for time in times])


def test_where_nothing_says_when_frames_are_decoded_a_late_one_is_not_a_step_back():
    """Pauses of a second between frames that come out of order: recordings of a screen."""
    order = reordered(100)[0]
    shown_at = np.cumsum([1 if i % 7 else 25 for i in range(max(order) + 1)])
    times = [int(shown_at[i]) for i in order]
    assert clock(times, [NO_PTS] * len(times)).times.tolist() == times


def test_ffmpeg_adds_a_turn_of_the_clock_where_it_is_only_behind():
    """A part that was recorded at ten o'clock, and one of nine: MPEG-TS."""
    ten, nine, turn = 36_000 * 25, 32_400 * 25, 2**33
    made = clock(span(ten, ten + 50) + span(turn + nine, turn + nine + 50), wraps_at=turn)
    assert made.times.tolist() == span(ten, ten + 100)
    assert made.restarts == (ten + 50,)


def test_a_clock_that_turns_over_goes_on():
    turn = 2**33
    times = span(turn - 20, turn + 20)
    assert clock(times, wraps_at=turn).times.tolist() == times


def test_frames_without_a_time_have_none():
    made = clock([0, None, 1, 2, None, 0, 1, 2])
    assert [None if time == NO_PTS else time for time in made.times.tolist()] == [0, None, 1, 2, None, 3, 4, 5]


def test_doubled_timestamps_get_times_in_between():
    times = [4 * (i // 2) for i in range(20)]
    made = clock(times)
    assert made.times.tolist() == [2 * i for i in range(20)]
    assert (made.num_spread, made.num_merged, made.division) == (10, 0, 1)


def test_where_there_is_no_room_in_between_the_time_base_is_divided():
    made = clock([0, 0, 1, 1, 1, 2, 2])
    assert made.times.tolist() == [0, 1, 3, 4, 5, 6, 7]
    assert made.division == 3


def test_a_clock_that_stands_still_is_told():
    made = clock([0, 1, 2, *[3] * 20, 4, 5])
    assert (made.num_spread, made.num_merged) == (0, 19)
    assert [time for time in made.times.tolist() if time != NO_PTS] == [0, 1, 2, 3, 4, 5]


def test_what_is_not_shown_takes_no_time():
    made = clock([0, 0, 1, 1], shown=[True, False, True, False])
    assert made.times.tolist() == [0, 0, 1, 1]


def test_what_an_edit_list_hides_is_no_step_back():
    """Two pieces of a film: before the second, what it is predicted from is decoded."""
    times, shown = span(0, 50) + span(40, 90), [True] * 50 + [False] * 10 + [True] * 40
    made = clock(times, shown=shown, keys=np.array([i % 10 == 0 for i in range(100)]))
    assert (made.times.tolist(), made.restarts) == (times, ())


def test_a_clock_that_always_steps_back_is_refused():
    with pytest.raises(ValueError, match="steps back more than 10000 times"):
        clock([i % 3 for i in range(33_000)])


# Seconds at which frames are shown -> after which of them the clock leaps.
LEAPS = {
    "an ordinary film": ([i / 25 for i in range(500)], []),
    "a camera whose clock leaps by a minute": ([i / 25 + 60 * (i > 250) for i in range(500)], [250]),
    "hours, in a film of three frames": ([0, 1, 50_000], [1]),
    "a picture each ten seconds": ([10.0 * i for i in range(100)], []),
    "a picture each ten seconds, and a night": ([10.0 * i + 30_000 * (i > 50) for i in range(300)], [50]),
    "a screen that stands still for 20 minutes": (
        [*(i / 25 for i in range(100)), *(4 + 2.0 * i for i in range(50)), *(1300 + i / 25 for i in range(100))],
        [],
    ),
    "five seconds": ([i / 25 + 5 * (i > 250) for i in range(500)], []),
    "two frames an hour apart": ([0, 3600], []),
}


@pytest.mark.parametrize("name", LEAPS)
def test_only_a_clock_that_is_even_otherwise_leaps(name):
    seconds, expected = LEAPS[name]
    assert leaps(np.round(np.array(seconds) * 1000).astype(np.int64), Fraction(1, 1000)).tolist() == expected
