"""The grid and its chunks, against a search through every frame in exact fractions."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import InputError
from vtn_stream.film import CLOCK_TOLERANCE_S, VideoInfo
from vtn_stream.sampling import CHUNK_S, ClipWindow, SamplingPlan

NTSC = Fraction(30000, 1001)
MICROSECOND = Fraction(1, 10**6)
ODD_RATE = Fraction(64, 25)  # 2.56 a second

rates = st.sampled_from([Fraction(2), Fraction(25), Fraction(60), NTSC, ODD_RATE, Fraction(1, 3)])
slow_rates = st.sampled_from([Fraction(2), Fraction(1, 60), Fraction(1, 61), Fraction(1, 100), Fraction(7, 150)])


def film(pts, *, time_base=Fraction(1, 1000), start=Fraction(0), end_pts):
    return VideoInfo(
        path=Path("film.mp4"),
        identity="c0ffee",
        stream=0,
        codec="h264",
        width=320,
        height=180,
        time_base=time_base,
        start=start,
        pts=np.array(pts, dtype=np.int64),
        end_pts=end_pts,
        keyframes=np.array(pts[:1], dtype=np.int64),
    )


def lasting(seconds):
    """A film of one frame."""
    return film([0], time_base=Fraction(1), end_pts=seconds)


def shown(starts, t):
    """Which frame is on screen at t: the one with start <= t < next start, -1 before the first."""
    on_screen = -1
    for frame, start in enumerate(starts):
        if start <= t:
            on_screen = frame
    return on_screen


def same_grid(grid, fps, starts, num_positions, late=Fraction(0)):
    times = [k / fps for k in range(num_positions)]
    frames = [shown(starts, t + late) for t in times]
    if 0 < starts[0] < 1 / fps - MICROSECOND:  # it comes before the next position
        frames[0] = 0
    assert grid.frame.tolist() == frames
    assert grid.valid.tolist() == [f >= 0 for f in frames]
    assert grid.grid_s.tolist() == pytest.approx([float(t) for t in times], abs=1e-9)
    pts_s = [float(starts[f]) if f >= 0 else np.nan for f in frames]
    assert grid.pts_s.tolist() == pytest.approx(pts_s, abs=1.001e-6, nan_ok=True)


first_pts = st.integers(-2000, 2000) | st.integers(2**40 - 1000, 2**40)


@settings(deadline=None)
@given(
    first_pts,
    st.lists(st.integers(1, 12), min_size=1, max_size=12),
    st.integers(0, 12),
    st.sampled_from([Fraction(1, 25), Fraction(1, 1000), 1 / NTSC]),
    rates,
)
def test_the_frame_of_a_position_is_the_one_on_screen_then(first, steps, delay, time_base, fps):
    """Any spacing, any delay before the first frame, a container start that is rounded and rarely zero.

    No frame of these films starts less than 2 microseconds after a t_k: no tolerance enters the oracle.
    """
    pts = [first + sum(steps[:i]) for i in range(len(steps))]
    end_pts = first + sum(steps)
    origin = (first - delay) * time_base
    starts = [p * time_base - origin for p in pts]
    video = film(pts, time_base=time_base, start=round(origin / MICROSECOND) * MICROSECOND, end_pts=end_pts)
    duration = end_pts * time_base - origin
    num_positions = sum(1 for k in range(1000) if k / fps < duration)
    plan = SamplingPlan(fps)
    assert plan.num_positions(video) == num_positions < 1000
    same_grid(plan.grid(video), fps, starts, num_positions)


@settings(deadline=None)
@given(first_pts, st.lists(st.integers(1, 9000), min_size=1, max_size=12), rates)
def test_a_frame_less_than_a_microsecond_late_is_on_time(first, steps, fps):
    """At 1/90000 s and 64/25 positions a second a frame can start 0.7 microseconds after a t_k."""
    time_base = Fraction(1, 90000)
    pts = [first + sum(steps[:i]) for i in range(len(steps))]
    video = film(pts, time_base=time_base, start=first * time_base, end_pts=first + sum(steps))
    starts = [(p - first) * time_base for p in pts]
    plan = SamplingPlan(fps)
    same_grid(plan.grid(video), fps, starts, plan.num_positions(video), late=MICROSECOND)


def test_a_film_sampled_at_its_own_rate_gives_every_frame_once_for_an_hour():
    pts = np.arange(1, 108_001)
    for start in (Fraction(33366, 10**6), Fraction(33367, 10**6)):  # 1001/30000 s is neither
        video = film(pts, time_base=1 / NTSC, start=start, end_pts=108_001)
        assert np.array_equal(SamplingPlan(NTSC).grid(video).frame, np.arange(108_000))


def test_a_grid_finer_than_the_film_repeats_frames_and_a_coarser_one_skips():
    video = film([0, 40, 80, 120], end_pts=160)  # 25 a second
    assert SamplingPlan(Fraction(50)).grid(video).frame.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert SamplingPlan(Fraction(25, 2)).grid(video).frame.tolist() == [0, 2]


def test_positions_before_the_first_frame_are_invalid_and_none_is_borrowed():
    grid = SamplingPlan(Fraction(10)).grid(film([250, 290, 330], end_pts=500))
    assert grid.valid.tolist() == [False, False, False, True, True]
    assert grid.frame.tolist() == [-1, -1, -1, 1, 2]
    assert grid.pts_s.tolist() == pytest.approx([np.nan] * 3 + [0.29, 0.33], nan_ok=True)


@pytest.mark.parametrize("fps", [Fraction(1, 100), Fraction(2), NTSC])
def test_a_film_of_one_frame_shows_it_at_every_position(fps):
    grid = SamplingPlan(fps).grid(lasting(2))
    assert len(grid) >= 1
    assert set(grid.frame.tolist()) == {0}
    assert grid.valid.all()


def test_a_part_of_the_grid_is_the_slice_of_the_whole():
    video = film([0, 40, 90, 110, 400], end_pts=900)
    plan = SamplingPlan(NTSC)
    part, whole = plan.grid(video, 5, 17), plan.grid(video)[5:17]
    assert part.frame.tolist() == whole.frame.tolist()
    assert part.grid_s.tolist() == whole.grid_s.tolist()


@pytest.mark.parametrize("rate", [0.1, 2.56])
def test_a_rate_made_from_a_float_puts_positions_where_the_exact_one_does(rate):
    plan, first = SamplingPlan(Fraction(rate)), int(3000 * rate)
    grid_s = plan.grid(lasting(3600), first, first + 3).grid_s
    assert grid_s.tolist() == pytest.approx([k / rate for k in range(first, first + 3)])


@pytest.mark.parametrize("fps", [Fraction(0), Fraction(-1, 2)])
def test_a_rate_that_chooses_no_frame_is_refused(fps):
    with pytest.raises(InputError, match="sampling rate"):
        SamplingPlan(fps)


def test_a_film_whose_clock_ran_away_is_refused_before_any_memory_is_taken():
    runaway = film([0, 2**40], end_pts=2**40 + 40)
    for refused in (SamplingPlan(Fraction(2)).grid, SamplingPlan(Fraction(2)).chunks):
        with pytest.raises(InputError, match=r"film\.mp4 lasts 1099511628 s"):
            refused(runaway)


# ---- chunks


@settings(deadline=None)
@given(st.integers(1, 700), rates | slow_rates)
def test_chunks_cover_every_position_once_in_order_each_within_its_minute(seconds, fps):
    plan, video = SamplingPlan(fps), lasting(seconds)
    chunks = plan.chunks(video)
    assert [k for c in chunks for k in range(c.start, c.stop)] == list(range(plan.num_positions(video)))
    for chunk in chunks:
        assert len(chunk) == chunk.stop - chunk.start >= 1
        assert chunk.number * CHUNK_S <= chunk.start / fps
        assert (chunk.stop - 1) / fps < (chunk.number + 1) * CHUNK_S
    keys = [c.key for c in chunks]
    assert keys == sorted(set(keys))


@settings(deadline=None)
@given(st.integers(1, 700), rates | slow_rates, st.floats(-10, 800), st.floats(1e-3, 800))
def test_a_span_chooses_whole_chunks_and_never_moves_their_borders(seconds, fps, start_s, length_s):
    plan, video, end_s = SamplingPlan(fps), lasting(seconds), start_s + length_s
    minutes = {n for n in range(12) if max(n * CHUNK_S, start_s) < min((n + 1) * CHUNK_S, end_s)}
    assert plan.chunks(video, start_s, end_s) == [c for c in plan.chunks(video) if c.number in minutes]


def test_two_positions_a_second_make_chunks_of_120():
    chunks = SamplingPlan(Fraction(2)).chunks(lasting(130))
    assert [(c.number, c.start, c.stop) for c in chunks] == [(0, 0, 120), (1, 120, 240), (2, 240, 260)]
    for span in ((60, 61), (119, 120), (60, 120)):
        assert SamplingPlan(Fraction(2)).chunks(lasting(130), *span) == [chunks[1]]


def test_minutes_without_a_position_have_no_chunk():
    chunks = SamplingPlan(Fraction(1, 100)).chunks(lasting(250))  # t = 0, 100, 200
    assert [(c.number, c.start, c.stop) for c in chunks] == [(0, 0, 1), (1, 1, 2), (3, 2, 3)]


def test_a_copy_of_the_film_elsewhere_has_the_same_keys():
    plan, video = SamplingPlan(ODD_RATE), lasting(300)
    copy = replace(video, path=Path("/elsewhere/copy.mkv"))
    assert [c.key for c in plan.chunks(copy)] == [c.key for c in plan.chunks(video)]
    assert {c.video_path for c in plan.chunks(copy)} == {copy.path}
    assert {c.video_identity for c in plan.chunks(copy)} == {"c0ffee"}


# ---- windows


@given(num=st.integers(1, 500), size=st.integers(1, 40), stride=st.integers(1, 40))
def test_windows_cover_the_whole_film_and_no_stride_is_skipped(num, size, stride):
    window = ClipWindow(num_positions=size, stride=min(stride, size))
    starts = window.starts(num).tolist()
    covered = np.zeros(num, bool)
    for start in starts:
        assert num < size or start + size <= num
        covered[start : start + size] = True
    assert covered.all()
    assert starts == sorted(set(starts))
    assert starts[:-1] == list(range(0, starts[-1], window.stride))


def test_position_ids_count_the_frames_of_the_rate_that_a_model_was_trained_at():
    # 16 frames at stride 8 of 25 a second: the published clips
    published = ClipWindow(num_positions=16, stride=8, position_rate=Fraction(25))
    assert published.position_ids(16, Fraction(25, 8)).tolist() == list(range(0, 128, 8))
    assert published.position_ids(6, Fraction(2)).tolist() == [0, 12, 25, 37, 50, 62]
    assert published.position_ids(4, Fraction(30000, 1001)).tolist() == [0, 0, 1, 2]
    assert ClipWindow(num_positions=4, stride=4).position_ids(4, Fraction(2)).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("size", "stride", "rate"),
    [
        (0, 0, None),
        (4, 0, None),
        (4, 5, None),
        (4, -1, None),
        (4.0, 2, None),
        (4, 2, 0),
        (4, 2, 10_000),
        (10**9, 1, None),
    ],
)
def test_windows_that_would_miss_or_mean_nothing_are_refused(size, stride, rate):
    with pytest.raises(ValueError, match=r"window|position rate"):
        ClipWindow(num_positions=size, stride=stride, position_rate=rate)


@given(start=st.integers(0, 500), length=st.integers(1, 500), fps=rates)
def test_the_positions_of_a_span_are_those_shown_in_it(start, length, fps):
    begin, end = Fraction(start, 10), Fraction(start + length, 10)
    first, last = SamplingPlan(fps).positions(float(begin), float(end))
    shown = [k for k in range(last + 2) if (k + 1) / fps > begin and k / fps < end]
    assert list(range(first, last)) == shown


@given(
    fps=st.sampled_from([Fraction(2), NTSC, Fraction(1, 7), Fraction(50)]),
    steps=st.lists(st.integers(1, 400_000), min_size=1, max_size=40),
    first=st.integers(-(10**12), 10**12),
    begins=st.integers(0, 90_000),
    data=st.data(),
)
def test_a_part_of_a_grid_is_that_part_of_the_whole_grid(fps, steps, first, begins, data):
    pts = first + begins + np.cumsum([0, *steps])
    clock = Fraction(1, 90_000)
    video = film(pts, time_base=clock, start=first * clock, end_pts=int(pts[-1]) + 3600)
    plan = SamplingPlan(fps)
    num = plan.num_positions(video)
    start = data.draw(st.integers(0, num))
    stop = data.draw(st.integers(start, num))
    part, whole = plan.grid(video, start, stop), plan.grid(video)
    for name in ("grid_s", "frame", "pts_s", "valid"):
        assert getattr(part, name).tobytes() == getattr(whole, name)[start:stop].tobytes()
    frame = np.searchsorted(video.times_s, whole.grid_s + CLOCK_TOLERANCE_S, side="right") - 1
    if 0 < video.times_s[0] < 1 / fps - CLOCK_TOLERANCE_S:
        frame[0] = 0
    assert whole.frame.tolist() == frame.tolist()
    assert np.array_equal(whole.pts_s[whole.valid], video.times_s[frame[frame >= 0]])
