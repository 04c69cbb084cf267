"""How a page reads and writes numbers, digests and new labels: as the library does."""

import hashlib
import math
import random
import struct

import numpy as np
import pytest
from film_pages import MATCH, NO_FILM, open_page_of, timeline
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.formats.timeline_json import dumps
from vtn_stream.report.colours import COLOURS, look_of
from vtn_stream.report.html import shown_text
from vtn_stream.report.page import MAX_TEXT
from vtn_stream.timeline import Segment


@pytest.fixture(scope="module")
def edit(open_page_once, tmp_path_factory):
    """A page whose scripts' names are in `inside`."""
    file = tmp_path_factory.mktemp("edit") / "page.html"
    file.write_bytes(open_page_of(timeline(*MATCH)))
    return open_page_once(file, allowed=NO_FILM)


@pytest.mark.parametrize(
    "exactly", [float, lambda n: float(np.float32(n)), round], ids=["64 bits", "32 bits", "digits"]
)
def test_numbers_come_into_the_page_as_they_are_however_that_is_shortest(open_page, tmp_path, exactly):
    draw = random.Random(0)
    scores = [draw.choice((None, exactly(draw.random()))) for _ in range(99)]
    many = [Segment(start_s=-0.0, end_s=exactly(draw.uniform(0, 8)), label="a", score=score) for score in scores]
    (tmp_path / "page.html").write_bytes(open_page_of(timeline(*many)))
    page = open_page(tmp_path / "page.html", allowed=NO_FILM)
    assert page.evaluate("inside.timelineText()").encode() == dumps(timeline(*many))


def doubles(num):
    draw = random.Random(0)
    anything = [struct.unpack("d", draw.randbytes(8))[0] for _ in range(num)]
    halves = [draw.randrange(2**bits) / 2**below for bits in range(1, 53) for below in range(8)]
    plain = [draw.randrange(10**9) / 1000 for _ in range(num)]
    edges = [1e16, 9999999999999998.0, 1e-4, 9.9e-5, 1e22, 5e-324, 123456.0, 0.0]
    return [sign * n for n in (*anything, *halves, *plain, *edges) if math.isfinite(n) for sign in (1, -1)]


def test_numbers_are_written_as_python_writes_them(edit):
    numbers = doubles(1000)

    # As texts: on their way to the browser -0.0 would lose its sign.
    def written(how, some):
        return edit.evaluate(f"texts => texts.map(Number).map((n) => {how})", list(map(repr, some)))

    assert written("inside.floatText(n)", numbers) == list(map(repr, numbers))
    assert written("inside.fixedText(n, 3)", numbers) == [f"{n:.3f}" for n in numbers]
    assert written("inside.fixedText(n, 4)", numbers) == [f"{n:.4f}" for n in numbers]


def test_digests_are_those_of_hashlib(edit):
    contents = [bytes(range(256)) * 3, *(b"\xff" * size for size in (0, 1, 55, 56, 63, 64, 65, 119, 120, 1000))]
    digests = edit.evaluate(
        "all => all.map((each) => inside.hexDigest(Uint8Array.from(each)))", list(map(list, contents))
    )
    assert digests == [hashlib.sha256(content).hexdigest() for content in contents]


LABELS = st.one_of(
    st.text(max_size=30),
    st.from_regex(r"(scene|step|a b)[ _-]{0,2}([0-9]{1,10}|[A-Z]{1,3})\n?", fullmatch=True),
    st.sampled_from(
        ["e\u0301 4", "\u00e9 4", "", "\u202e", "\x85\u2028\ue000", "x" * 2001, "\U0001f600" * 2005, "12", "scene"]
    ),
)


@given(st.lists(LABELS, max_size=60))
@settings(max_examples=10, deadline=None)
def test_a_new_label_looks_and_is_written_as_one_that_came_with_the_page(edit, labels):
    labels = [text.encode("utf-8", "replace").decode() for text in labels]
    looks = [look_of(label) for label in labels]
    assert edit.evaluate("all => all.map(inside.lookOf)", labels) == [[look.colour, look.hatch] for look in looks]
    assert edit.evaluate("all => all.map(inside.shownText)", labels) == [
        shown_text(label, max_characters=MAX_TEXT) for label in labels
    ]
    assert edit.evaluate("inside.COLOURS") == list(COLOURS)
