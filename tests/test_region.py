"""A region of the picture: its words, and the pixels that they mean."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import InputError
from vtn_stream.region import Box, Region

SIZES = st.tuples(st.integers(1, 5000), st.integers(1, 5000))
PARTS = st.lists(st.integers(0, 10_000), min_size=2, max_size=2, unique=True).map(sorted)


def percent(of_ten_thousand: int) -> str:
    return f"{of_ten_thousand // 100}.{of_ten_thousand % 100:02d}%"


@st.composite
def regions(draw):
    (left, right), (top, bottom) = draw(PARTS), draw(PARTS)
    return Region.parse(",".join(map(percent, (left, top, right - left, bottom - top))))


@given(regions(), SIZES)
def test_words_say_the_region_and_its_pixels_are_inside(region, size):
    assert Region.parse(region.text) == region
    box = region.on(*size).box(*size)
    assert 0 <= box.left < box.right <= size[0]
    assert 0 <= box.top < box.bottom <= size[1]


@given(st.data(), SIZES)
def test_pixels_are_those_that_are_given_and_half_the_film_has_half_of_them(data, size):
    left, top = (data.draw(st.integers(0, side - 1)) for side in size)
    width, height = data.draw(st.integers(1, size[0] - left)), data.draw(st.integers(1, size[1] - top))
    region = Region.parse(f"{left},{top},{width},{height}").on(*size)
    assert region.box(*size) == Box(left, top, left + width, top + height)
    assert region.box(*size).size == (width, height)
    assert Region.parse(region.text) == region
    twice = (2 * size[0], 2 * size[1])
    assert region.box(*twice) == Box(2 * left, 2 * top, 2 * (left + width), 2 * (top + height))


@given(st.integers(1, 100), st.integers(1, 100), SIZES)
def test_neighbours_share_an_edge_and_no_pixel(cut, width, size):
    cut, width = min(cut, 99), min(width, 99)
    left = Region.parse(f"0%,0%,{cut}%,100%").box(*size)
    right = Region.parse(f"{cut}%,0%,{100 - cut}%,100%").box(*size)
    assert left.right == right.left or size[0] == 1


def test_percent_and_pixels_of_one_rectangle_agree():
    in_percent = Region.parse("hen 1 = 25%, 0%, 50%, 100%")
    in_pixels = Region.parse("320,0,640,720").on(1280, 720)
    assert in_percent.box(1280, 720) == in_pixels.box(1280, 720) == Box(320, 0, 960, 720)
    assert (in_percent.name, in_percent.text, in_pixels.text) == (
        "hen 1",
        "25%,0%,50%,100%",
        "320,0,640,720 of 1280x720",
    )
    assert in_percent.x == Fraction(25)
    assert Region.parse("all=0%,0%,100%,100%").is_whole
    assert not in_percent.is_whole


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("", "is not a region"),
        ("1,2,3", "is not a region"),
        ("10%,0,50%,100%", "is not a region"),
        ("-1,0,5,5", "is not a region"),
        ("1e3,0,5,5", "is not a region"),
        ("0,0,0,5", "holds nothing"),
        ("0%,0%,50%,0%", "holds nothing"),
        ("60%,0%,50%,100%", "is not inside the picture"),
        ("../x=0,0,5,5", "cannot name a region"),
        ("=0,0,5,5", "cannot name a region"),
        ("0,0,50,50 of 40x40", "is not inside the picture"),
    ],
)
def test_what_is_no_region_is_told_in_one_line(text, fact):
    with pytest.raises(InputError, match=fact) as caught:
        Region.parse(text)
    assert "\n" not in str(caught.value)


def test_pixels_of_another_film_are_refused_and_percent_are_the_cure():
    with pytest.raises(InputError, match=r"another size.*give the region in percent"):
        Region.parse("0,0,50,50 of 100x100").on(200, 100)
