"""Many files as one film: its clock, its grid and its pieces of work, against the film that was cut."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import InputError
from vtn_stream.film import Dark, FrameIndex, VideoInfo
from vtn_stream.localize.clock import curve, edges_s, grid_step_s, positions, seconds_at
from vtn_stream.recording import duration, joined
from vtn_stream.sampling import SamplingPlan, earlier_frames
from vtn_stream.timeline import Segment

NTSC = Fraction(30000, 1001)
TIME_BASES = [Fraction(1, 25), Fraction(1, 1000), Fraction(1, 12800), 1 / NTSC, Fraction(1, 90000)]


def film(pts, *, time_base=Fraction(1, 1000), start=None, end_pts=None, name="film.mp4", identity="a" * 32, dark=()):
    pts = np.array(pts, np.int64)
    return VideoInfo(
        path=Path(name),
        identity=identity,
        stream=0,
        codec="h264",
        width=320,
        height=180,
        time_base=time_base,
        start=int(pts[0]) * time_base if start is None else start,
        pts=pts,
        end_pts=int(pts[-1]) + 1 if end_pts is None else end_pts,
        keyframes=pts[:1],
        dark=dark,
    )


def cut(whole, *frames):
    """The film in parts, cut before these frames, each with a clock of its own, as cutting by packets gives them."""
    parts = []
    for first, stop in zip((0, *frames), (*frames, whole.num_frames), strict=True):
        zero = int(whole.pts[first])
        end_pts = whole.end_pts if stop == whole.num_frames else int(whole.pts[stop])
        own = film(whole.pts[first:stop] - zero, time_base=whole.time_base, end_pts=end_pts - zero)
        parts.append(replace(own, identity=f"{first:032x}", path=Path(f"part{len(parts) + 1}.mp4")))
    return parts


def same(a, b):
    return all(
        np.array_equal(getattr(a, field), getattr(b, field), equal_nan=field == "pts_s")
        for field in ("grid_s", "frame", "pts_s", "valid")
    )


films = st.builds(
    lambda first, steps, time_base: film(
        np.cumsum([first, *steps[:-1]]), time_base=time_base, end_pts=first + sum(steps)
    ),
    st.integers(-2000, 2000),
    st.lists(st.integers(1, 60), min_size=3, max_size=30),
    st.sampled_from(TIME_BASES),
)
rates = st.sampled_from([Fraction(2), Fraction(25), NTSC, Fraction(64, 25), Fraction(1, 3)])


@given(films, st.data())
def test_the_frames_of_parts_have_the_times_of_the_film_that_was_cut_to_the_bit(whole, data):
    cuts = data.draw(st.lists(st.integers(1, whole.num_frames - 1), unique=True, max_size=4).map(sorted))
    recording = joined("match", cut(whole, *cuts))
    assert recording.times_s.tolist() == whole.times_s.tolist()
    assert recording.duration_s == whole.duration_s
    assert [part.first_frame for part in recording.parts] == [0, *cuts]
    assert not recording.dark


@given(
    st.integers(1, 40),
    st.lists(st.integers(1, 300), min_size=1, max_size=4),
    st.sampled_from([Fraction(2), Fraction(25, 4), Fraction(25), Fraction(1, 3)]),
)
@settings(deadline=None)
def test_where_joins_lie_on_the_grid_it_is_the_grid_of_the_whole_film(last, steps, fps):
    """25 frames a second; parts of whole numbers of steps of the grid."""
    per_step = 300  # frames: 12 s, a whole number of steps at each of these rates
    cuts = np.cumsum(steps) * per_step
    num = int(cuts[-1]) + last
    if num > 200_000:
        return
    whole = film(np.arange(num), time_base=Fraction(1, 25))
    recording, plan = joined("match", cut(whole, *cuts.tolist())), SamplingPlan(fps)
    assert same(plan.grid(recording), plan.grid(whole))
    start, stop = sorted((num // 7 % plan.num_positions(whole), plan.num_positions(whole) // 2))
    assert same(plan.grid(recording, start, stop), plan.grid(whole, start, stop))


@given(st.lists(films, min_size=1, max_size=4), st.lists(st.integers(0, 40_000), min_size=4, max_size=4), rates)
@settings(deadline=None)
def test_the_grid_is_that_of_each_file_and_no_frame_in_time_that_no_file_has(parts, gaps_ms, fps):
    """Files of any time bases, some of which begin later than the one before ends."""
    starts = [Fraction(0)]
    for part, gap_ms in zip(parts[:-1], gaps_ms, strict=False):
        starts.append(starts[-1] + duration(part) + Fraction(gap_ms, 1000))
    recording, plan = joined("match", parts, starts), SamplingPlan(fps)
    grid = plan.grid(recording)
    assert np.all(np.diff(grid.grid_s) > 0)
    assert np.all(np.diff(grid.grid_s) < 1 / fps + Fraction(1, 10**5))
    at = 0
    for i, part in enumerate(recording.parts):
        own = plan.grid(part.video)
        rows = slice(at, at + len(own))
        assert (grid.frame[rows] == np.where(own.valid, own.frame + part.first_frame, -1)).all()
        assert grid.grid_s[rows].tolist() == pytest.approx((own.grid_s + float(part.start)).tolist(), abs=1e-9)
        assert grid.pts_s[rows].tolist() == pytest.approx(
            (own.pts_s + float(part.start)).tolist(), abs=2e-6, nan_ok=True
        )
        at += len(own)
        if i + 1 < len(parts):
            until = at + int((grid.grid_s[at:] < float(recording.parts[i + 1].start) - 1e-6).sum())
            assert not grid.valid[at:until].any()
            at = until
    assert at == len(grid)


@given(st.lists(films, min_size=1, max_size=4))
def test_each_frame_is_shown_at_its_own_time_after_its_files_beginning(parts):
    recording = joined("match", parts)
    expected = np.concatenate([part.video.times_s + float(part.start) for part in recording.parts])
    assert recording.times_s.tolist() == pytest.approx(expected.tolist(), abs=2e-6)
    assert recording.duration_s == pytest.approx(sum(part.duration_s for part in parts), abs=1e-5)


def test_a_clock_that_would_be_finer_than_nanoseconds_is_rounded_to_them():
    a = film([0, 1], time_base=Fraction(1, 999_983))  # primes
    b = film([0, 1, 2], time_base=Fraction(1, 999_979))
    recording = joined("match", [a, b])
    assert recording.time_base == Fraction(1, 10**9)
    assert recording.pts.tolist() == [0, 1000, 2000, 3000, 4000]


def test_a_container_start_that_is_rounded_does_not_move_the_film():
    whole = film(range(100, 200), time_base=1 / NTSC)
    parts = [replace(part, start=Fraction(round(part.start * 10**6), 10**6)) for part in cut(whole, 31, 77)]
    assert joined("match", parts).times_s.tolist() == whole.times_s.tolist()


def test_time_that_no_file_has_is_dark_and_so_is_what_is_dark_in_a_file():
    a = film([0, 1000, 5000], end_pts=6000, dark=(Dark(start=2000, end=5000, why="leap"),))
    b = film([500, 1000], start=Fraction(0), end_pts=2000)  # its first frame comes late
    recording = joined("match", [a, b], [Fraction(0), Fraction(10)])
    assert [(span.start, span.end, span.why) for span in recording.dark] == [
        (2000, 5000, "leap"),
        (6000, 10_000, "no file"),
        (10_000, 10_500, "leap"),
    ]
    assert recording.times_s.tolist() == [0, 1, 5, 10.5, 11]


@given(films, st.data(), st.sampled_from([Fraction(1, 2), Fraction(1, 25), Fraction(3)]))
def test_a_change_is_never_measured_across_a_join(whole, data, back_s):
    at = data.draw(st.integers(1, whole.num_frames - 1))
    recording = joined("match", cut(whole, at))
    before = earlier_frames(recording, np.arange(whole.num_frames), back_s)
    alone = [earlier_frames(part.video, np.arange(part.video.num_frames), back_s) for part in recording.parts]
    assert before.tolist() == [*alone[0], *(alone[1] + at)]


def test_the_chunks_are_those_of_the_files():
    parts = [
        film(range(0, 1000 * seconds, 500), end_pts=1000 * seconds, identity=f"{seconds:032}") for seconds in (70, 30)
    ]
    recording = joined("match", parts, [Fraction(0), Fraction(75)])
    chunks = SamplingPlan(Fraction(2)).chunks(recording)
    assert [(chunk.number, chunk.first, chunk.start, chunk.stop) for chunk in chunks] == [
        (0, 0, 0, 120),
        (1, 0, 120, 140),
        (2, 150, 0, 60),
    ]
    assert [chunk.video_identity for chunk in chunks] == [part.identity for part in (parts[0], parts[0], parts[1])]
    alone = SamplingPlan(Fraction(2)).chunks(parts[1])
    assert [chunk.key for chunk in alone] == [chunks[2].key]
    assert [chunk.number for chunk in SamplingPlan(Fraction(2)).chunks(recording, 72, 80)] == [2]
    assert [chunk.number for chunk in SamplingPlan(Fraction(2)).chunks(recording, 71, 74)] == []


def test_a_recording_is_another_one_when_its_files_or_their_beginnings_are():
    a, b = film([0, 40], identity="a" * 32), film([0, 40], identity="b" * 32)
    ids = {joined("match", parts).identity for parts in ([a, b], [b, a], [a, a], [a])}
    ids.add(joined("match", [a, b], [Fraction(0), Fraction(1)]).identity)
    assert len(ids) == 5
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in ids)
    assert joined("other", [a, b]).identity in ids


def test_only_rates_that_agree_are_the_recordings():
    a = replace(film(range(0, 4000, 40)), nominal_rate=Fraction(25), start_timecode="10:00:00:00")
    b = replace(film(range(0, 4000, 20)), nominal_rate=Fraction(50), start_timecode="11:00:00:00")
    assert joined("match", [a, a]).nominal_rate == 25
    assert not joined("match", [a, a]).variable_rate
    assert joined("match", [a, b]).nominal_rate is None
    assert joined("match", [a, b]).variable_rate
    assert joined("match", [a, b]).start_timecode == "10:00:00:00"


def test_films_that_begin_before_the_one_before_ends_make_no_recording():
    a = film(range(0, 4000, 40), end_pts=4000)
    with pytest.raises(ValueError, match="or later"):
        joined("match", [a, a], [Fraction(0), Fraction(3)])
    with pytest.raises(ValueError, match="none of which is a recording"):
        joined("match", [joined("half", [a, a]), a])


def test_a_recording_that_lasts_for_years_is_refused():
    a = film([0], end_pts=1000)
    recording = joined("match", [a, a], [Fraction(0), Fraction(10**9)])
    with pytest.raises(InputError, match="match lasts 1000000001 s"):
        SamplingPlan(Fraction(2)).grid(recording)


# -- positions and seconds on a grid with short steps before joins

steps_s = st.lists(st.sampled_from([0.5, 0.5, 0.5, 0.13, 0.4]), min_size=2, max_size=30)


def index_of(steps):
    grid_s = np.concatenate([[0.0], np.cumsum(steps)])
    num = np.arange(len(grid_s))
    return FrameIndex(grid_s=grid_s, frame=num, pts_s=grid_s, valid=np.ones(len(num), np.bool_))


@given(steps_s, st.data())
def test_seconds_become_positions_and_come_back(steps, data):
    index = index_of([*steps, 0.5])
    times = st.integers(-3_000_000, 20_000_000).map(lambda us: us / 1e6)
    start_s, end_s = sorted((data.draw(times), data.draw(times)))
    there = positions([Segment(start_s=start_s, end_s=end_s, label="a")], index)
    assert seconds_at(there, index)[0].tolist() == pytest.approx([start_s, end_s], abs=1.1e-6)
    assert there[0, 0] <= there[0, 1]


@given(steps_s)
def test_a_position_has_its_own_time_and_edges_lie_midway(steps):
    index = index_of([*steps, 0.5])
    at = np.arange(len(index), dtype=np.float64)
    assert seconds_at(at, index).tolist() == pytest.approx(index.grid_s.tolist(), abs=1e-6)
    edges = edges_s(index, index.grid_s[-1] + 0.2)
    assert edges[1:-1].tolist() == pytest.approx(((index.grid_s[1:] + index.grid_s[:-1]) / 2).tolist())
    assert (edges[0], edges[-1]) == (0, index.grid_s[-1] + 0.2)
    assert grid_step_s(index) == pytest.approx(0.5)


@given(steps_s)
def test_a_curve_over_an_uneven_grid_stays_beside_its_values(steps):
    index = index_of([*steps, 0.5])
    values = np.linspace(0.1, 1, len(index))
    drawn = curve(values, index)
    assert drawn.step_s == pytest.approx(0.5)
    for time_s, value in zip(index.grid_s, values, strict=True):
        near = [v for i, v in enumerate(drawn.values) if abs(drawn.start_s + i * drawn.step_s - time_s) <= 0.26]
        assert max(near) >= value - 1e-4


def test_a_part_of_the_grid_is_found_on_an_uneven_grid():
    parts = [film(range(0, 5300, 100), end_pts=5300), film(range(0, 5000, 100), end_pts=5000)]
    recording, plan = joined("match", parts), SamplingPlan(Fraction(1))
    assert plan.grid(recording).grid_s.tolist() == pytest.approx([0, 1, 2, 3, 4, 5, 5.3, 6.3, 7.3, 8.3, 9.3])
    assert plan.span(recording, 0, 100) == (0, 11)
    assert plan.span(recording, 5.1, 5.4) == (5, 7)
    assert plan.span(recording, 5.3, 6.3) == (6, 7)
    assert plan.span(parts[0], 1, 3) == plan.positions(1, 3)
