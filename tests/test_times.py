"""Times as people write them."""

import pytest

from vtn_stream.times import is_clock, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("95.5", 95.5),
        (" 7 ", 7),
        (".5", 0.5),
        ("-2", -2),
        ("1:30", 90),
        ("01:30.25", 90.25),
        ("75:10", 4510),
        ("0:01:15.5", 75.5),
        ("00:00:01,500", 1.5),
        ("100:00:00", 360_000),
    ],
)
def test_a_time_in_seconds(text, seconds):
    assert seconds_of(text) == seconds
    assert is_clock(text) == (":" in text)


@pytest.mark.parametrize("text", ["", "1,5", "1:5", "1:60", "0:60:00", "1:2:3:4", "00:00:01:12", "soon", "1:30 h", "٣"])
def test_what_is_no_time(text):
    assert seconds_of(text) is None
    assert not is_clock(text)


def test_a_comma_is_a_decimal_point_where_it_may_be():
    assert seconds_of("1,5", comma=True) == 1.5
