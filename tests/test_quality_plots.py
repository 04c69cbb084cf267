"""Pictures of a card: well-formed, the same every time, and they show the numbers that were given."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from vtn_stream.report.quality_plots import growth, sureness

SVG = "{http://www.w3.org/2000/svg}"
BEFORE = ((0.3, 0.7, 0.95), (0.3, 0.5, 0.7))
AFTER = ((0.35, 0.65), (0.4, 0.6))


def texts(svg):
    return {"".join(text.itertext()).strip() for text in ElementTree.fromstring(svg).iter(f"{SVG}text")}


def pictures():
    yield sureness(BEFORE, AFTER, (120, 300), unit="positions")
    yield growth((3, 6, 12), (0.48, 0.55, 0.61), name="frame accuracy", gain=(0.06, 0.02, 0.1))
    yield growth((3, 6, 12), (0.48, 0.55, 0.61), name="frame accuracy")


def test_equal_numbers_give_equal_bytes():
    assert list(pictures()) == list(pictures())


def test_a_reliability_picture_says_what_its_axes_are():
    (drawn, *_) = pictures()
    assert {"score, %", "right, %", "positions", "the model", "before it was adjusted", "true scores"} <= texts(drawn)
    assert {"0", "20", "40", "60", "80", "100"} <= texts(drawn)


def test_a_learning_curve_has_each_number_of_films_and_twice_the_last():
    _, guessed, plain = pictures()
    assert {"3", "6", "12", "24", "films learnt", "frame accuracy, %"} <= texts(guessed)
    assert "What more films would bring (a guess)" in texts(guessed)
    assert "24" not in texts(plain)
    assert "What more films would bring" in texts(plain)


@pytest.mark.parametrize("name", ["$x_1$", "<script>alert(1)</script>", "x" * 300])
def test_strange_names_are_drawn_as_text(name):
    svg = growth((1, 2), (0.0, 1.0), name=name)
    ElementTree.fromstring(svg)
    assert not re.search(rb"<script", svg)


def test_a_gain_beyond_all_is_drawn_within_the_picture():
    assert growth((2, 4, 8), (0.9, 0.95, 0.99), name="top-1", gain=(0.05, -0.05, 0.15))
    assert growth((8,), (1.0,), name="top-1")
    assert sureness(((), ()), ((0.5,), (1.0,)), (1,), unit="clips")


def test_a_png_is_a_png():
    assert growth((1, 2), (0.2, 0.4), name="n", format="png").startswith(b"\x89PNG")
