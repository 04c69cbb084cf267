"""The clock of a film that comes packet by packet, against the clock of the whole film; and what of it is settled."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.film import NO_PTS
from vtn_stream.video.clock import one_clock
from vtn_stream.video.growing_clock import GrowingClock
from vtn_stream.video.growing_table import Table

TIME_BASE = Fraction(1, 90_000)
STEP = 3600


def placed(times, decode_times, keys):
    clock = GrowingClock(TIME_BASE, has_decode_times=True, wraps_at=2**33)
    found = [
        on for t, d, k in zip(times, decode_times, keys, strict=True) for on in clock.add(t, d, is_key=k, is_shown=True)
    ]
    found += clock.end()
    return [on.time for on in found], [on.restart for on in found if on.restart != NO_PTS]


def stretch(start: int, num: int, b_frames: bool) -> list[tuple[int, int, bool]]:
    """(time, decode time, whether it is a keyframe) of each packet, as decoded: with b_frames 0 3 1 2 6 4 5 ..."""
    order = list(range(num))
    if b_frames:
        order = [0, *((k - 1) // 3 * 3 + (3, 1, 2)[(k - 1) % 3] for k in range(1, num))]
    return [(start + (shown + 2 * b_frames) * STEP, start + i * STEP, i % 25 == 0) for i, shown in enumerate(order)]


STRETCHES = st.lists(
    st.tuples(st.sampled_from((0, 10**6)) | st.integers(0, 10**8), st.integers(5, 80)), min_size=1, max_size=4
)


@given(stretches=STRETCHES, b_frames=st.booleans())
def test_recordings_joined_in_any_way_are_put_in_order_as_if_all_were_known(stretches, b_frames):
    packets = [packet for start, num in stretches for packet in stretch(start, num, b_frames)]
    times, decode_times, keys = (list(column) for column in zip(*packets, strict=True))
    whole = one_clock(
        np.array(times), np.array(decode_times), np.ones(len(times), np.bool_), TIME_BASE, STEP, 2**33, np.array(keys)
    )
    found, restarts = placed(times, decode_times, keys)
    if whole.division == 1 and not whole.num_spread:
        assert found == whole.times.tolist()
        assert tuple(sorted(restarts)) == whole.restarts


def test_a_sound_film_waits_for_nothing():
    clock = GrowingClock(TIME_BASE, has_decode_times=True)
    for time, decode_time, is_key in stretch(0, 200, True):
        assert len(clock.add(time, decode_time, is_key=is_key, is_shown=True)) == 1


def table(*, has_decode_times=True, codec="h264", num_late=0):
    return Table(TIME_BASE, codec, has_decode_times=has_decode_times, num_late=num_late)


def give(to: Table, time: int, decode_time: int | None = None, *, is_hidden: bool = False) -> int:
    decode_time = time if decode_time is None else decode_time
    return to.add(time, decode_time, STEP, NO_PTS, is_key=False, is_hidden=is_hidden)


@given(num_late=st.integers(0, 5), has_decode_times=st.booleans())
def test_what_is_settled_comes_in_order_and_nothing_comes_before_it(num_late, has_decode_times):
    known = table(has_decode_times=has_decode_times, num_late=num_late)
    told: list[int] = []
    packets = stretch(0, 100, True)
    for time, decode_time, _ in packets:
        assert give(known, time, decode_time) >= known.settled
        told += known.news().pts
        assert told == sorted(told)
        assert all(pts < known.settled for pts in told)
    known.end()
    assert told + known.news().pts == sorted(time for time, _, _ in packets)


def test_without_decode_times_sixteen_frames_are_waited_for_and_none_where_none_is_reordered():
    for codec, behind in (("h264", 16), ("vp9", 0)):
        known = table(has_decode_times=False, codec=codec)
        for i in range(50):
            give(known, i * STEP)
        assert len(known.news().pts) == 50 - behind


def test_a_frame_that_comes_too_late_is_left_out_and_counted():
    known = table()
    for i in (0, 1, 2, 3, 5, 6):
        give(known, i * STEP)
    assert give(known, 4 * STEP) == NO_PTS
    known.end()
    assert known.news().pts == [i * STEP for i in (0, 1, 2, 3, 5, 6)]
    assert (known.num_merged, known.num_untimed, known.num_hidden) == (1, 0, 0)


def test_frames_that_share_a_time_are_put_beside_each_other():
    known = table(num_late=20)
    assert [give(known, time) for time in (0, STEP, STEP, STEP, 2 * STEP)] == [0, STEP, STEP + 1, STEP + 2, 2 * STEP]
    assert known.num_spread == 2


def test_what_is_hidden_or_has_no_time_is_counted():
    known = table(num_late=20)
    assert give(known, 0, is_hidden=True) == NO_PTS
    assert known.add(NO_PTS, NO_PTS, 0, NO_PTS, is_key=False, is_hidden=False) == NO_PTS
    known.end()
    assert (known.num_hidden, known.num_untimed, known.has_frames) == (1, 1, False)


def test_while_the_clock_leaps_it_is_not_said_what_is_shown():
    """A position may be told as showing the last frame, or as dark: never first one and then the other."""
    known = table()
    for i in range(100):
        give(known, i * STEP)
    give(known, 99 * STEP + 100 * 90_000)
    assert known.told == 100 * STEP  # all that is known of the next frame is that it does not come soon
    give(known, 100 * STEP + 100 * 90_000)
    news = known.news()
    assert news.dark == [(100 * STEP, 99 * STEP + 100 * 90_000)]
    assert known.told == 100 * STEP + 100 * 90_000


def test_a_recording_of_a_screen_that_stands_still_is_not_dark():
    known = table()
    times = np.cumsum([1, 2, 15, 1, 20, 3, 12, 30, 1]) * 90_000
    for time in times.tolist():
        give(known, time)
    known.end()
    assert (known.news().dark, known.has_leapt) == ([], False)
