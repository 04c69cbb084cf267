"""What is known of a film: its invariants and the seconds of its timestamps, against exact fractions."""

import pickle
import unicodedata
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.film import FrameIndex, VideoInfo, as_stored

NTSC = Fraction(30000, 1001)


def film(pts, /, **fields):
    known = {
        "path": Path("film.mp4"),
        "identity": "c0ffee",
        "stream": 0,
        "codec": "h264",
        "width": 320,
        "height": 180,
        "time_base": Fraction(1, 1000),
        "start": Fraction(0),
        "pts": np.array(pts, dtype=np.int64),
        "end_pts": (pts[-1] if len(pts) else 0) + 1,
        "keyframes": np.array(pts[:1], dtype=np.int64),
    }
    return VideoInfo(**(known | fields))


def clock(num_positions=4):
    return FrameIndex(
        grid_s=np.arange(num_positions) / 2,
        frame=np.arange(num_positions, dtype=np.int64) - 1,
        pts_s=np.array([np.nan, *range(num_positions - 1)]),
        valid=np.arange(num_positions) > 0,
    )


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"pts": np.zeros(0, np.int64)}, "N >= 1"),
        ({"pts": np.zeros((1, 2), np.int64)}, "pts must be int64"),
        ({"pts": np.array([0, 40], np.int32)}, "pts must be int64"),
        ({"pts": np.array([0.0, 40.0])}, "pts must be int64"),
        ({"pts": np.array([0, 40, 40])}, "ascend"),
        ({"pts": np.array([0, 80, 40])}, "ascend"),
        ({"end_pts": 40}, "end_pts follow"),
        ({"time_base": Fraction(0)}, "time_base"),
        ({"time_base": Fraction(-1, 25)}, "time_base"),
    ],
)
def test_a_film_without_an_ascending_clock_cannot_exist(fields, complaint):
    with pytest.raises(ValueError, match=complaint):
        film([0, 40], **fields)


@settings(deadline=None)
@given(
    st.integers(-1000, 2**40),
    st.lists(st.integers(1, 5000), max_size=20),
    st.sampled_from([Fraction(1, 25), Fraction(1, 1000), Fraction(1, 90000), 1 / NTSC]),
    st.integers(-(10**7), 10**7),
)
def test_seconds_are_timestamps_counted_from_the_container_start(first, steps, time_base, start_us):
    pts = [first + sum(steps[:i]) for i in range(len(steps) + 1)]
    start = first * time_base + Fraction(start_us, 10**6)
    video = film(pts, time_base=time_base, start=start)
    exact = [p * time_base - start for p in pts]
    assert video.num_frames == len(pts)
    assert video.times_s.tolist() == pytest.approx([float(t) for t in exact], abs=1e-9)
    assert video.duration_s == pytest.approx(float(exact[-1] + time_base), abs=1e-9)
    assert np.all(np.diff(video.times_s) > 0)


@pytest.mark.parametrize("rounded", [Fraction(33366, 10**6), Fraction(33367, 10**6)])
def test_a_start_rounded_to_microseconds_still_puts_the_first_frame_at_zero(rounded):
    video = film(range(1, 100), time_base=1 / NTSC, start=rounded)  # exactly 33366.67 us
    assert video.times_s[0] == 0.0
    assert video.times_s[30] == pytest.approx(1.001, abs=1e-12)


def test_a_film_that_starts_late_keeps_its_delay():
    assert film([500, 540], start=Fraction(0)).times_s[0] == 0.5
    assert film([500, 540], start=Fraction(1, 2)).times_s[0] == 0.0


@pytest.mark.parametrize(
    ("pts", "variable"),
    [
        ([0], False),
        ([0, 40], False),
        (range(0, 4000, 40), False),
        ([round(k * 1000 / NTSC) for k in range(300)], False),  # 33 and 34 ms: the time base rounds
        ([round(k * 1000 / 60) for k in range(300)], False),  # 16 and 17 ms
        ([0, 40, 80, 160, 200], True),  # one frame was dropped
        ([0, 33, 83, 116, 166], True),  # telecine as it is
    ],
)
def test_a_rate_is_variable_beyond_the_rounding_of_the_time_base(pts, variable):
    assert film(list(pts)).variable_rate is variable


def test_a_film_travels_between_processes_whole():
    video = film([7, 47, 87], nominal_rate=NTSC, rotation=90)
    back = pickle.loads(pickle.dumps(video))
    assert back.pts.tolist() == [7, 47, 87]
    assert (back.path, back.nominal_rate, back.rotation) == (video.path, NTSC, 90)


@pytest.mark.parametrize("field", ["grid_s", "frame", "pts_s", "valid"])
def test_the_columns_of_a_clock_have_one_length(field):
    columns = {name: getattr(clock(), name) for name in ("grid_s", "frame", "pts_s", "valid")}
    for wrong in (columns[field][:-1], columns[field][:, None]):
        with pytest.raises(ValueError, match=r"one shape \[T\]"):
            FrameIndex(**(columns | {field: wrong}))


def test_a_slice_of_a_clock_is_the_clock_of_the_slice():
    part = clock()[1:3]
    assert len(part) == 2
    assert part.grid_s.tolist() == [0.5, 1.0]
    assert part.frame.tolist() == [0, 1]
    assert part.pts_s.tolist() == [0.0, 1.0]
    assert part.valid.tolist() == [True, True]
    assert len(clock()[4:]) == 0


@pytest.mark.parametrize(("on_disk", "asked"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_a_path_in_another_form_of_unicode_is_the_one_on_the_disk(tmp_path, on_disk, asked):
    stored, given = (tmp_path / unicodedata.normalize(form, "fußball/tür/é.mp4") for form in (on_disk, asked))
    stored.parent.mkdir(parents=True)
    stored.touch()
    assert as_stored(given) == as_stored(stored) == stored
    assert as_stored(given.with_name("ö.mp4")).name == "ö.mp4"
    given.parent.mkdir(parents=True, exist_ok=True)
    given.touch()
    assert (as_stored(given), as_stored(stored)) == (given, stored)
