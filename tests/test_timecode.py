"""Frames, seconds and timecode: exact at every rate, as the timecode package names them."""

import re
from fractions import Fraction

import pytest
import timecode as oracle
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import InputError
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.timecode import (
    TIMECODE_RATES,
    Clock,
    film_clock,
    has_drop_frame,
    reading_clock,
    timecode_rate,
)
from vtn_stream.formats.writing import Options, counting_rate, exact_rate
from vtn_stream.timeline import Segment, Timeline

NTSC_FILM, NTSC, NTSC_60 = Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)
RATES = [NTSC_FILM, Fraction(24), Fraction(25), NTSC, Fraction(30), Fraction(50), NTSC_60, Fraction(60), Fraction(100)]
HALF_DAY_S = 12 * 3600

clocks = st.sampled_from([(rate, False) for rate in RATES] + [(NTSC, True), (NTSC_60, True)]).flatmap(
    lambda kind: st.builds(Clock, rate=st.just(kind[0]), drop=st.just(kind[1]), start=st.integers(0, 24 * 3600 * 20))
)


def film(**fields):
    known = {"video_identity": "", "video_path": "film.mp4", "duration_s": 100.0, "span_s": (0.0, 100.0)}
    return Timeline(**(known | {"nominal_rate": Fraction(25)} | fields))


@pytest.mark.parametrize(
    ("rate", "drop", "frame", "name"),
    [
        (Fraction(25), False, 0, "00:00:00:00"),
        (Fraction(25), False, 24, "00:00:00:24"),
        (Fraction(25), False, 25 * 3600 * 24 - 1, "23:59:59:24"),
        (Fraction(25), False, 25 * 3600 * 24, "00:00:00:00"),
        (NTSC_FILM, False, 24 * 3600, "01:00:00:00"),
        (NTSC, False, 1800, "00:01:00:00"),
        (NTSC, True, 1799, "00:00:59;29"),
        (NTSC, True, 1800, "00:01:00;02"),
        (NTSC, True, 17981, "00:09:59;29"),
        (NTSC, True, 17982, "00:10:00;00"),
        (NTSC, True, 107892, "01:00:00;00"),
        (NTSC, True, 2589408, "00:00:00;00"),
        (NTSC_60, True, 3599, "00:00:59;59"),
        (NTSC_60, True, 3600, "00:01:00;04"),
        (NTSC_60, True, 215784, "01:00:00;00"),
        (Fraction(100), False, 199, "00:00:01:99"),
        (Fraction(120), False, 239, "00:00:01:119"),
        (Fraction(1, 3), False, 61, "00:01:01:00"),
    ],
)
def test_frames_have_the_names_of_the_standard(rate, drop, frame, name):
    assert Clock(rate=rate, drop=drop).timecode(frame) == name


@given(clocks, st.integers(0, 24 * 3600 * 100))
def test_the_timecode_package_gives_the_same_names(clock, frame):
    other = oracle.Timecode(clock.rate, frames=clock.start + frame + 1, force_non_drop_frame=not clock.drop)
    assert clock.timecode(frame) == str(other)


@given(clocks, st.data())
def test_a_name_gives_back_its_frame_within_a_day(clock, data):
    frame = data.draw(st.integers(0, max(clock.day // 2 - 1, clock.day - clock.start - 1)))
    assert clock.frame_at(clock.timecode(frame)) == frame
    assert clock.timecode(frame + clock.day) == clock.timecode(frame)


@given(clocks, st.integers(0, HALF_DAY_S * 100))
def test_the_seconds_of_a_frame_give_it_back(clock, frame):
    assert clock.frame(clock.seconds(frame)) == frame


@given(clocks, st.floats(0, HALF_DAY_S))
def test_a_time_is_within_half_a_frame_of_its_frame(clock, seconds):
    assert abs(Fraction(seconds) - clock.frame(seconds) / clock.rate) <= 1 / clock.rate / 2


@given(clocks, st.lists(st.floats(0, HALF_DAY_S), min_size=3, max_size=3).map(sorted))
def test_what_touches_still_touches(clock, times):
    first = clock.span(Segment(start_s=times[0], end_s=times[1], label=""))
    second = clock.span(Segment(start_s=times[1], end_s=times[2], label=""))
    assert first[0] <= first[1] == second[0] <= second[1]


@pytest.mark.parametrize("seconds", [-1.0, -1e308, 5e-324, 1e308])
def test_no_time_is_too_far_off_to_have_a_frame(seconds):
    clock = Clock(rate=NTSC, drop=True)
    assert clock.frame(seconds) >= 0
    assert re.fullmatch(r"\d\d:\d\d:\d\d;\d\d", clock.timecode(clock.frame(seconds)))


def test_a_film_that_runs_past_midnight_reads_back():
    clock, _ = film_clock(film(), Options(start_timecode="20:00:00:00"))
    five_hours = 5 * 3600 * 25
    assert clock.timecode(five_hours) == "01:00:00:00"
    assert clock.frame_at("01:00:00:00") == five_hours


def test_a_name_up_to_12_hours_before_the_start_is_before_the_film():
    clock = Clock(rate=Fraction(25), start=10 * 3600 * 25)
    assert clock.frame_at("09:59:59:00") == -25
    assert clock.frame_at("00:00:00:00") == -10 * 3600 * 25
    assert Clock(rate=Fraction(25), start=12 * 3600 * 25 + 1).frame_at("00:00:00:00") == 12 * 3600 * 25 - 1


@pytest.mark.parametrize(
    ("rate", "counted"),
    [
        (Fraction(2997, 100), NTSC),
        (Fraction(23976, 1000), NTSC_FILM),
        (Fraction(2398, 100), NTSC_FILM),
        (Fraction(23976024, 1000000), NTSC_FILM),
        (Fraction(5994, 100), NTSC_60),
        (Fraction(11988, 100), Fraction(120000, 1001)),
        (NTSC, NTSC),
        (Fraction(25), Fraction(25)),
        (Fraction(2998, 100), Fraction(2998, 100)),
        (Fraction(1, 3), Fraction(1, 3)),
        (Fraction(25001, 1000), Fraction(25001, 1000)),
    ],
)
def test_a_rate_that_was_rounded_is_counted_as_what_it_means(rate, counted):
    assert counting_rate(film(nominal_rate=rate), Options()) == (counted, ())
    assert counting_rate(film(nominal_rate=None), Options(rate=rate)) == (counted, ())
    varying, (warning,) = counting_rate(film(nominal_rate=rate, variable_rate=True), Options())
    assert varying == counted
    assert "varies" in warning


def test_the_rate_of_the_file_holds_and_the_users_where_it_states_none():
    for told, asked, counted in [(NTSC, Fraction(25), NTSC), (None, NTSC, NTSC), (NTSC, None, NTSC)]:
        clock, warnings = reading_clock(ReadingOptions(rate=asked), rate=told)
        assert (clock.rate, warnings) == (counted, ())
    clock, (warning,) = reading_clock(ReadingOptions())
    assert clock.rate == 25
    assert "no frame rate" in warning


def test_a_drop_frame_start_of_a_file_that_is_not_is_read_without_it_and_that_is_told():
    for rate in (Fraction(25), NTSC):
        clock, (warning,) = reading_clock(ReadingOptions(start_timecode="01:00:00;00"), rate=rate)
        assert clock.timecode(0) == "01:00:00:00"
        assert warning == ("the start timecode 01:00:00;00 is drop-frame, the file is not: it is read as 01:00:00:00")
    clock, warnings = reading_clock(ReadingOptions(start_timecode="01:00:00:00"), rate=NTSC, drop=True)
    assert (clock.timecode(0), warnings) == ("01:00:00;00", ())


def test_a_name_that_drop_frame_leaves_out_is_the_next_one():
    clock = Clock(rate=NTSC, drop=True)
    assert clock.count("00:01:00;00") == clock.count("00:01:00;02") == 1800
    assert clock.count("00:10:00;00") == 17982


@pytest.mark.parametrize(
    "name", ["", "1:2:3", "00:00:00:25", "00:60:00:00", "00:00:60:00", "24:00:00:00", "00:00:00:0x"]
)
def test_what_is_no_timecode_is_refused(name):
    with pytest.raises(ValueError, match=r"exist|HH"):
        Clock(rate=Fraction(25)).count(name)
    with pytest.raises(InputError, match="start timecode"):
        film_clock(film(), Options(start_timecode=name))
    with pytest.raises(InputError, match="start timecode"):
        reading_clock(ReadingOptions(start_timecode=name), rate=Fraction(25))


@pytest.mark.parametrize(
    ("rate", "told", "asked", "first", "num_warnings"),
    [
        (Fraction(25), None, None, "00:00:00:00", 0),
        (NTSC, None, None, "00:00:00:00", 0),
        (Fraction(25), "01:00:00:00", None, "01:00:00:00", 0),
        (Fraction(25), "01:00:00:00", "02:00:00:00", "02:00:00:00", 0),
        (NTSC, "01:00:00;00", None, "01:00:00;00", 0),
        (NTSC, "01;00;00;00", None, "01:00:00;00", 0),
        (NTSC, "01:00:00:00", None, "01:00:00:00", 0),
        (Fraction(2997, 100), "01:00:00;00", None, "01:00:00;00", 0),
        (NTSC_60, None, "01:00:00;00", "01:00:00;00", 0),
        (Fraction(25), "01:00:00;00", None, "01:00:00:00", 1),
        (NTSC_FILM, None, "01:00:00;00", "01:00:00:00", 1),
        (Fraction(30), None, "01:00:00;00", "01:00:00:00", 1),
        (Fraction(25), "nonsense\n", None, "00:00:00:00", 1),
        (Fraction(25), "00:00:00:29", None, "00:00:00:00", 1),
        (None, None, None, "00:00:00:00", 1),
    ],
)
def test_the_start_is_the_users_else_the_films_else_zero(rate, told, asked, first, num_warnings):
    clock, warnings = film_clock(film(nominal_rate=rate, start_timecode=told), Options(start_timecode=asked))
    assert clock.timecode(0) == first
    assert len(warnings) == num_warnings
    assert all(warning.isprintable() for warning in warnings)


def test_a_variable_rate_is_counted_at_its_nominal_one_with_a_warning():
    clock, (warning,) = film_clock(film(nominal_rate=NTSC, variable_rate=True), Options())
    assert clock.rate == NTSC
    assert "varies" in warning


OTHER_RATES = [  # of a film, and the rate of timecode to count it at
    (Fraction(25, 2), 25),
    (Fraction(1, 10), 24),
    (Fraction(1, 3), 24),
    (Fraction(15), 30),
    (Fraction(10), 30),
    (Fraction(15000, 1001), NTSC),
    (Fraction(2843, 100), 30),
    (Fraction(18), 24),
    (Fraction(90), 60),
    (Fraction(144), 48),
    (Fraction(143), 60),
    (Fraction(240), 60),
    (Fraction(240000, 1001), NTSC_60),
    (Fraction(200), 50),
    (Fraction(60000), 60),
    (Fraction(2998, 100), NTSC),
    (Fraction(25001, 1000), 25),
    (Fraction(24990, 1000), 25),
]


@pytest.mark.parametrize(("rate", "counted"), OTHER_RATES)
@pytest.mark.parametrize("varies", [True, False])
def test_a_film_at_a_rate_that_timecode_does_not_have_is_counted_at_one_that_it_has(rate, counted, varies):
    clock, (warning,) = film_clock(film(nominal_rate=rate, variable_rate=varies), Options())
    assert clock.rate == counted
    assert f"{float(counted):.6g}" in warning
    assert ("varies" in warning) == varies
    assert warning.isprintable()


@given(st.fractions(Fraction(1, 10**6), 10**6, max_denominator=10**6), st.floats(0, 1e6), st.booleans())
def test_timecode_has_the_rate_that_is_chosen_and_frames_are_told_apart_where_it_can(rate, duration_s, drop):
    counted = timecode_rate(rate, duration_s=duration_s, drop=drop)
    assert counted in TIMECODE_RATES
    assert timecode_rate(counted, duration_s=duration_s, drop=drop) == counted
    assert counted >= min(rate * Fraction(998, 1000), 48 * Fraction(1000, 1001))


@pytest.mark.parametrize("rate", TIMECODE_RATES)
@pytest.mark.parametrize("num_frames", [20, 900, 100_000])
@pytest.mark.parametrize("last", [0.1, 0.5, 0.95])
def test_a_mean_over_a_film_with_a_short_last_frame_is_its_rate(rate, num_frames, last):
    """Up to a frame: a short film at 30 may as well be one at 29.97."""
    duration = (num_frames - 1 + Fraction(last)) / rate
    mean = num_frames / duration
    if mean / rate < Fraction(1002, 1000):
        counted = timecode_rate(mean, duration_s=float(duration))
        assert abs(duration * rate - duration * counted) < 1
        assert counted <= rate


def test_a_drop_frame_start_tells_29_97_from_30():
    mean = Fraction(2700000, 89923)
    for start, first in [("01:00:00;00", "01:00:00;00"), (None, "00:00:00:00")]:
        clock, (warning,) = film_clock(film(nominal_rate=mean, start_timecode=start, duration_s=1.0), Options())
        assert (clock.rate, clock.timecode(0)) == (NTSC, first)
        assert warning == "30.0257 frames a second is a mean near 29.97, which is counted at"
    clock, _ = film_clock(film(nominal_rate=Fraction(29999, 1000), start_timecode="01:00:00;00"), Options())
    assert clock.rate == NTSC
    clock, _ = film_clock(film(nominal_rate=Fraction(300001, 10000), duration_s=3600.0), Options())
    assert clock.rate == 30


def test_a_whole_rate_that_is_asked_for_holds_and_that_is_told():
    clock, (warning,) = film_clock(film(), Options(rate=Fraction(15)))
    assert clock.rate == 15
    assert "want 30" in warning
    clock, (warning,) = film_clock(film(), Options(rate=Fraction(25, 2)))
    assert (clock.rate, warning) == (25, "timecode has no 12.5 frames a second: they are counted at 25")
    assert reading_clock(ReadingOptions(rate=Fraction(15))) == (Clock(rate=Fraction(15)), ())
    assert reading_clock(ReadingOptions(rate=Fraction(25, 2))) == (Clock(rate=Fraction(25)), (warning,))
    assert reading_clock(ReadingOptions(rate=Fraction(2997, 100))) == (Clock(rate=NTSC), ())


@pytest.mark.parametrize(
    ("rate", "start", "first"),
    [
        (Fraction(15), "01:00:00:10", "01:00:00:20"),
        (Fraction(240), "01:00:00:120", "01:00:00:30"),
        (Fraction(25, 2), "01:00:00:10", "01:00:00:10"),
        (Fraction(60000), "00:00:02:15000", "00:00:00:00"),
    ],
)
def test_a_start_timecode_was_counted_at_the_film_s_own_rate(rate, start, first):
    clock, warnings = film_clock(film(nominal_rate=rate, start_timecode=start), Options())
    assert clock.timecode(0) == first
    assert len(warnings) == (2 if "15000" in start else 1)


@pytest.mark.parametrize(
    ("number", "rate"),
    [
        (25.0, Fraction(25)),
        (23.976, NTSC_FILM),
        (23.98, NTSC_FILM),
        (24000 / 1001, NTSC_FILM),
        (29.97, NTSC),
        (59.94, NTSC_60),
        (30.0, Fraction(30)),
        (12.5, Fraction(25, 2)),
    ],
)
def test_a_number_is_read_as_the_rate_it_means(number, rate):
    assert exact_rate(number) == rate


def test_drop_frame_exists_at_two_rates_only():
    assert [rate for rate in RATES if has_drop_frame(rate)] == [NTSC, NTSC_60]
