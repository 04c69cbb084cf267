"""Cards of models: the facts, the same every time, and nothing of a stranger's label is obeyed."""

import dataclasses
import json
import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from vtn_stream.errors import printable
from vtn_stream.report.card import CardFacts, ClassFacts, SplitFacts, model_card, plain

FACTS = CardFacts(
    name="model.safetensors",
    description="finds actions",
    labels=("walk", "sit"),
    backbone="tf_efficientnet_lite0",
    fps=8.0,
    splits=(
        SplitFacts(name="training", num_films=11, hours=0.5, num_segments={"walk": 40, "sit": 3}),
        SplitFacts(name="validation", num_films=4, hours=0.125, num_segments={"walk": 14}),
    ),
    settings={"seed": 0, "learning rate": 1e-4, "EMA": True, "limit": None},
    provenance={"vtn-stream": "0.1.0"},
    figures={"average mAP": 0.3931, "mAP at tIoU 0.5": None},
    classes=(ClassFacts(label="walk", ap=0.61, precision=0.8333, recall=0.7, f1=0.76, threshold=0.31),),
    tious=(0.3, 0.4, 0.5, 0.6, 0.7),
    mistakes=(("walk", None, 0.2), (None, "sit", 0.1)),
    plots={"precision and recall": "my model.plots/precision.svg"},
    notes=("Two films are copies.",),
)


class _Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def rendered(markdown):
    """By a parser that is not ours: the tags, and the text as a reader sees it."""
    return _Tags(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))


def cells(card):
    """The tables of a card, row by row."""
    html = MarkdownIt("commonmark").enable("table").render(card)
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)]


def test_a_card_tells_the_facts():
    card = model_card(FACTS)
    rows = cells(card)
    assert ["training", "11", "0.50"] in rows
    assert ["walk", "40", "14"] in rows
    assert ["sit", "3", "0"] in rows
    assert ["walk", "61.0", "83.3", "70.0", "76.0", "0.31"] in rows
    assert ["average mAP", "39.3"] in rows
    assert ["mAP at tIoU 0.5", "-"] in rows
    assert [r for r in rows if "(nothing)" in r] == [["walk", "(nothing)", "20.0"], ["(nothing)", "sit", "10.0"]]
    assert [row for row in rows if row[0] in FACTS.settings] == [
        ["seed", "0"],
        ["learning rate", "0.0001"],
        ["EMA", "yes"],
        ["limit", "-"],
    ]
    text = "".join(rendered(card).text)
    assert "vtn-stream analyze film.mp4 --model model.safetensors\n" in text
    assert "These labels had fewer than 20 training examples: sit." in text
    assert "These labels had no example to measure them: sit." in text
    assert "the mean over tIoU 0.3 to 0.7" in text
    assert "Two films are copies." in text


def test_pictures_are_linked_beside_the_card():
    (image,) = [attributes for tag, attributes in rendered(model_card(FACTS)).tags if tag == "img"]
    assert "/" in image["src"]
    assert (unquote(image["src"]), image["alt"]) == ("my model.plots/precision.svg", "precision and recall")


def test_a_card_of_what_was_not_measured_says_so():
    bare = CardFacts(
        name="m", description="labels moments", has_rules=True, labels=("a",), backbone="b", fps=1.0, splits=()
    )
    card = model_card(bare)
    assert "It was not measured." in card
    assert "\n\n\n" not in card
    assert cells(card) == []


def test_facts_are_json_and_equal_facts_give_equal_text():
    json.dumps(dataclasses.asdict(FACTS), allow_nan=False)
    assert model_card(FACTS) == model_card(dataclasses.replace(FACTS))


MARKS = (
    "a|b",
    "`rm`",
    "```\n# h",
    "*a* _b_ ~~c~~",
    "[x](http://x.y)",
    "![x](y)",
    "<img src=x onerror=alert(1)>",
    "&lt;b&gt;",
    "1. one",
    "- item",
    "+ x",
    "# head",
    "=",
    "\\",
    "a\\|b",
    "http://x.y www.x.y @me :smile: $x$",
    "<!--",
    "line\r\n\r\n## two",
    "\u202ereversed",
)


@pytest.mark.parametrize("text", MARKS)
def test_marks_of_strangers_are_shown_and_not_obeyed(text):
    facts = dataclasses.replace(
        FACTS,
        name=text,
        labels=(text, "walk"),
        backbone=text,
        settings={text: text},
        provenance={text: text},
        figures={text: 0.5},
        classes=(ClassFacts(label=text, ap=0.5),),
        mistakes=((text, text, 0.5),),
        plots={text: "x.svg"},
        notes=(text,),
    )
    card = model_card(facts)
    usual = rendered(model_card(FACTS))
    ours = rendered(card)
    assert {tag for tag, _ in ours.tags} <= {tag for tag, _ in usual.tags}
    assert [tag for tag, _ in ours.tags if tag in ("h1", "h2", "table", "img", "ul")] == [
        tag for tag, _ in usual.tags if tag in ("h1", "h2", "table", "img", "ul")
    ]
    shown = " ".join(printable(text).split())
    rows = [[unescape(cell) for cell in row] for row in cells(card)]
    assert [shown, shown] in rows
    assert [shown, "50.0", "-", "-", "-", "-"] in rows
    assert [shown, shown, "50.0"] in rows
    paragraphs = [" ".join(part.split()) for part in ours.text]
    assert shown in paragraphs  # the heading, and the note at the end


@given(st.text(min_size=1, max_size=60))
def test_plain_text_is_what_it_was(text):
    """In the middle of a line, as in a table's cell."""
    line = rendered(f"x {plain(text)} x")
    assert " ".join("".join(line.text).split()) == " ".join(f"x {printable(text)} x".split())
    assert [tag for tag, _ in line.tags] == ["p"]
