"""Every error is one safe line: the fact, the consequence, the cure."""

import pickle
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream import errors
from vtn_stream.errors import VtnStreamError, listed, printable

CLASSES = [
    kind for name in errors.__all__ if isinstance(kind := getattr(errors, name), type) and not issubclass(kind, Warning)
]

# Anything a file name can hold: also lone surrogates, which is how Python spells bytes that are not UTF-8.
anything = st.text(
    st.characters(codec=None) | st.sampled_from("\n\r\t\x00\x1b\x7f\x85\x9b\u2028\u2029\u202e\u2066\udcff")
)


def test_the_tree_drawn_at_the_top_is_the_tree_of_classes():
    branch: list[str] = []
    drawn = {}
    for indent, name in re.findall(r"^([│├└─ ]*)([A-Z]\w+Error|[A-Z]\w+)(?=\s|$)", errors.__doc__, re.MULTILINE):
        if name in errors.__all__:
            depth = len(indent) // 4
            branch[depth:] = [name]
            drawn[name] = branch[depth - 1] if depth else "Exception"
    assert drawn == {kind.__name__: kind.__base__.__name__ for kind in CLASSES}


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_says_fact_consequence_cure_and_still_does_after_a_pickle(kind):
    error = kind("a.mp4 has no frames", "nothing was embedded", "check the copy")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert str(back) == str(error) == "a.mp4 has no frames; nothing was embedded; check the copy"
    assert (back.fact, back.consequence, back.cure) == (error.fact, error.consequence, error.cure)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("a\nb.mp4", r"a\nb.mp4"),
        ("a\r\nb", r"a\r\nb"),
        ("a\tb\x00", r"a\tb\x00"),
        ("\x1b[2J\x1b[31mred", r"\x1b[2J\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),  # the one-character CSI
        ("\x7f\x85", r"\x7f\x85"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("gpj\u202e4pm.a", r"gpj\u202e4pm.a"),  # would show as a.mp4jpg
        ("\u2066x\u2069\u200f\u061c", r"\u2066x\u2069\u200f\u061c"),
        ("caf\udce9.mp4", r"caf\udce9.mp4"),  # a Latin-1 file name on a UTF-8 disk
    ],
)
def test_what_could_forge_a_terminal_line_is_shown_as_an_escape(hostile, shown):
    assert printable(hostile) == shown
    assert str(VtnStreamError(hostile, "so", "do")) == f"{shown}; so; do"
    assert str(VtnStreamError("so", hostile, hostile)) == f"so; {shown}; {shown}"


@pytest.mark.parametrize("text", ["Żółw été.mp4", "東京の映画", "סרט עברי", "🎬 👩‍🚀 👍🏽 🏳️‍🌈", "e\u0301 a\\b 'c'"])
def test_emoji_and_other_scripts_are_shown_as_they_are(text):
    assert printable(text) == text


@settings(deadline=None)
@given(anything, anything, anything)
def test_every_message_is_one_line_that_any_terminal_can_encode(fact, consequence, cure):
    shown = str(VtnStreamError(fact, consequence, cure))
    assert len(shown.splitlines()) == 1
    assert shown.encode()
    assert not {unicodedata.bidirectional(c) for c in shown} & {"RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "PDF"}
    assert printable(shown) == shown


@pytest.mark.parametrize(
    ("names", "line"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
        (["\x1b[31m", "n" * 200], "\\x1b[31m and " + "n" * 100 + "..."),
    ],
)
def test_names_in_a_line(names, line):
    assert listed(names) == listed(iter(names)) == line
