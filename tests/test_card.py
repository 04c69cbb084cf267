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
from vtn_stream.report.card import model_card
from vtn_stream.report.card_facts import CardFacts, ClassFacts, CurveFacts, FilmFacts, MeasuredFacts, SplitFacts
from vtn_stream.report.markdown import plain

MEASURED = MeasuredFacts(
    num_films=15,
    num_sources=15,
    num_folds=5,
    figures={"frame accuracy": 0.6131, "edit score": None},
    intervals={"frame accuracy": (0.551, 0.672)},
    new_films=(0.48, 0.73),
    baselines={"linear model": {"frame accuracy": 0.542}, "most frequent label": {"frame accuracy": 0.277}},
    film_figure="frame accuracy",
    films=(
        FilmFacts(name="bad.mp4", figure=0.381, confused=("walk", "sit", 12.34)),
        FilmFacts(name="fair.mp4", figure=0.6, confused=("sit", None, 3.0)),
        FilmFacts(name="good.mp4", figure=0.77, confused=(None, "walk", 2.0)),
        FilmFacts(name="best.mp4", figure=0.9),
    ),
    classes=(
        ClassFacts(
            label="walk",
            ap=0.61,
            precision=0.8333,
            recall=0.7,
            f1=0.76,
            threshold=0.31,
            num_examples=54,
            num_films=15,
            num_sources=15,
        ),
        ClassFacts(label="sit", f1=0.2, num_examples=3, num_films=2, num_sources=2),
    ),
    tious=(0.3, 0.4, 0.5, 0.6, 0.7),
    mistakes=(("walk", None, 0.2), (None, "sit", 0.1)),
    calibration_errors=(0.1234, 0.041),
    scored="12,000 positions",
)
FACTS = CardFacts(
    name="model.safetensors",
    description="finds actions",
    labels=("walk", "sit"),
    backbone="tf_efficientnet_lite0",
    fps=8.0,
    splits=(SplitFacts(name="training", num_films=15, hours=0.5, num_segments={"walk": 54, "sit": 3}),),
    settings={"seed": 0, "learning rate": 1e-4, "EMA": True, "limit": None},
    provenance={"vtn-stream": "0.1.0"},
    measured=MEASURED,
    curve=CurveFacts(num_films=(3, 6, 12), figures=(0.48, 0.55, 0.6131), gain=0.0667, gain_interval=(0.021, 0.112)),
    metric="frame accuracy",
    tried={"motion": 0.62, "no motion": 0.58},
    kept="motion",
    plots={"precision and recall": "my model.plots/precision.svg", "reliability": "my model.plots/reliability.svg"},
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


def text_of(facts):
    """The card as a reader sees it."""
    return " ".join("".join(rendered(model_card(facts)).text).split())


def changed(**measured):
    return dataclasses.replace(FACTS, measured=dataclasses.replace(MEASURED, **measured))


def test_a_card_tells_the_facts():
    rows = cells(model_card(FACTS))
    assert ["training", "15", "0.50"] in rows
    assert ["walk", "54", "15", "61.0", "83.3", "70.0", "76.0", "0.31"] in rows
    assert ["sit", "3", "2", "-", "-", "-", "20.0", "-"] in rows
    assert ["frame accuracy", "61.3", "55.1 to 67.2", "54.2", "27.7"] in rows
    assert ["edit score", "-", "-", "-", "-"] in rows
    assert [r for r in rows if "(nothing)" in r] == [["walk", "(nothing)", "20.0"], ["(nothing)", "sit", "10.0"]]
    assert [row for row in rows if row[0] in FACTS.settings] == [
        ["seed", "0"],
        ["learning rate", "0.0001"],
        ["EMA", "yes"],
        ["limit", "-"],
    ]
    assert ["motion", "62.0", "kept"] in rows
    assert ["no motion", "58.0", ""] in rows
    text = "".join(rendered(model_card(FACTS)).text)
    assert "vtn-stream analyze film.mp4 --model model.safetensors\n" in text
    assert "the mean over tIoU 0.3 to 0.7" in text
    assert "Two films are copies." in text


def test_the_first_lines_say_what_matters():
    (short,) = re.findall(
        r"<h2>In short</h2>\s*<ul>(.*?)</ul>", MarkdownIt("commonmark").render(model_card(FACTS)), re.S
    )
    assert re.findall("<li>(.*?)</li>", short, re.S) == [
        "In films that it does not know, it labels 61.3 % of the time correctly (90 % interval: 55.1 to 67.2 %).",
        "To compare: linear model 54.2 %, most frequent label 27.7 %.",
        "Films differ: frame accuracy is 38.1 % in bad.mp4, and 90.0 % in best.mp4.",
        "Twice as many films of the same kind would bring about 6.7 points more (90 % interval: +2.1 to +11.2).",
        "These labels have few examples, and more of them will help most: sit (3 in 2 films).",
    ]


def test_films_come_in_their_order_with_what_was_confused_there():
    rows = cells(model_card(FACTS))
    first = rows.index(["film", "frame accuracy, %", "confused for the longest time"])
    assert rows[first + 1 : first + 5] == [
        ["bad.mp4", "38.1", "walk was called sit (12.3 s)"],
        ["fair.mp4", "60.0", "sit was not seen (3.0 s)"],
        ["good.mp4", "77.0", "walk, where nothing was (2.0 s)"],
        ["best.mp4", "90.0", "-"],
    ]


def test_of_clips_the_wrong_ones_are_listed_the_surest_first():
    films = [FilmFacts(name=f"{n}", figure=0.0, confused=("a", "b", n / 100)) for n in range(60, 90)]
    facts = changed(films=(*films, FilmFacts(name="right", figure=1.0)), figures={"top-1": 1 / 31})
    facts = dataclasses.replace(facts, names_clips=True)
    rows = cells(model_card(facts))
    first = rows.index(["clip", "what was", "it called", "score"])
    assert rows[first + 1] == ["89", "a", "b", "0.89"]
    text = text_of(facts)
    assert "And 10 more." in text
    assert "Of clips that it does not know, it labels 3.2 % correctly." in text
    assert "right.mp4" not in text


def test_a_card_says_how_it_was_measured_and_what_an_interval_promises():
    text = text_of(FACTS)
    assert "The 15 films were split into 5 parts." in text
    assert "no figure was measured on films that chose anything" in text
    assert "all films of one source" not in text
    assert "in about nine of ten cases" in text
    assert "five new films together should be between 48.0 and 73.0 %" in text
    assert "wrong by 4.1 points on average (12,000 positions; 12.3 points before" in text
    assert "The 15 films from 4 sources were split into 5 parts; all films of one source are in the same part." in (
        text_of(changed(num_sources=4))
    )


def test_of_a_single_source_there_is_no_interval_and_the_card_says_why():
    text = text_of(changed(intervals={}, new_films=None, num_sources=1))
    assert "There are no intervals" in text
    assert "90 % interval:" not in text.replace("(90 % interval: +2.1 to +11.2)", "")


@pytest.mark.parametrize(
    ("gain", "interval", "said"),
    [
        (None, None, "What more films would bring cannot be said"),
        (-0.004, (-0.05, 0.042), "would hardly change it: -0.4 points (90 % interval: -5.0 to +4.2)"),
        (0.03, (-0.01, 0.07), "would bring about 3.0 points more (90 % interval: -1.0 to +7.0)"),
    ],
)
def test_what_more_films_bring_is_said_with_its_doubt(gain, interval, said):
    curve = dataclasses.replace(FACTS.curve, gain=gain, gain_interval=interval)
    assert said in text_of(dataclasses.replace(FACTS, curve=curve))


def test_labels_with_few_examples_are_named_with_what_that_costs():
    text = text_of(FACTS)
    assert "Fewer than 20 examples: sit." in text
    assert "The mean F1 of these labels is 20.0 %, that of the others 76.0 %." in text
    assert "Fewer than" not in text_of(changed(classes=MEASURED.classes[:1]))
    assert "Only one film" not in text


def test_a_label_of_one_source_was_never_learnt_by_the_model_that_labelled_it():
    alone = dataclasses.replace(MEASURED.classes[1], num_sources=1)
    text = text_of(changed(classes=(MEASURED.classes[0], alone)))
    assert "Only one film or source has sit: the models that labelled it had never learnt this label" in text


def test_a_model_that_finds_actions_is_summed_up_by_what_it_finds_and_what_is_right():
    name = "of the timelines, tIoU 0.5"
    figures = {"mAP, tIoU 0.3 to 0.7": 0.24, f"precision {name}": 0.55, f"recall {name}": 0.42, f"F1 {name}": 0.48}
    facts = changed(figures=figures, intervals={f"recall {name}": (0.3, 0.55)})
    assert (
        "it finds 42.0 % of the actions (90 % interval: 30.0 to 55.0 %), and 55.0 % of what it shows is right. mAP, "
        "tIoU 0.3 to 0.7: 24.0 %."
    ) in text_of(facts)


def test_actions_and_events_without_a_length_are_summed_up_apart():
    figures = {
        "mAP, tIoU 0.3 to 0.7": 0.1,
        "precision of the timelines, tIoU 0.5": 0.25,
        "recall of the timelines, tIoU 0.5": 0.2,
        "precision of the timelines, within 1 s": 0.8,
        "recall of the timelines, within 1 s": 0.571,
    }
    text = text_of(changed(figures=figures, intervals={}))
    assert "it finds 20.0 % of the actions, and 25.0 % of what it shows is right. It finds 57.1 % of the" in text
    assert "of the events without a length (within 1 s), and 80.0 % of what it shows is right. mAP," in text
    assert "at tIoU 0.5, of events without a length within 1 s." in text


def test_films_that_were_held_out_have_their_own_heading():
    held_out = MeasuredFacts(
        num_films=4,
        num_sources=4,
        num_folds=0,
        figures={"frame accuracy": 0.587},
        intervals={"frame accuracy": (0.51, 0.66)},
    )
    card = model_card(dataclasses.replace(FACTS, held_out=held_out))
    assert "### On films that were held out" in card
    assert ["frame accuracy", "58.7", "51.0 to 66.0"] in cells(card)


def test_pictures_are_linked_beside_the_card_each_in_its_section():
    images = [attributes for tag, attributes in rendered(model_card(FACTS)).tags if tag == "img"]
    assert all("/" in image["src"] for image in images)
    assert [(unquote(image["src"]), image["alt"]) for image in images] == [
        ("my model.plots/reliability.svg", "reliability"),
        ("my model.plots/precision.svg", "precision and recall"),
    ]


def test_a_card_of_what_was_not_measured_says_so_and_what_to_do():
    bare = CardFacts(
        name="m", description="labels moments", has_rules=True, labels=("a",), backbone="b", fps=1.0, splits=()
    )
    few = SplitFacts(name="training", num_films=1, hours=0.5, num_segments={"a": 3})
    unmeasured = dataclasses.replace(bare, splits=(few,))
    assert "These labels had fewer than 20 training examples: a." in text_of(unmeasured)
    assert ["a", "3"] in cells(model_card(unmeasured))
    card = model_card(bare)
    assert "Nobody knows how good it is" in card
    assert "annotate at least one more film" in card
    assert "\n\n\n" not in card
    assert cells(card) == []


def test_a_card_says_what_the_network_sees_of_each_frame():
    changes = dataclasses.replace(FACTS, inputs=("picture", "change-1/8"))
    assert "sees 8 frames a second: the picture of each frame, and its change in 1/8 s." in text_of(changes)
    assert "sees motion only as the change" in text_of(FACTS)
    assert "sees motion only as the change" not in text_of(changes)


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
        measured=dataclasses.replace(
            MEASURED,
            figures={text: 0.5},
            baselines={text: {text: 0.5}},
            film_figure=text,
            films=(FilmFacts(name=text, figure=0.5, confused=(text, text, 0.5)), FilmFacts(name="b", figure=0.6)),
            classes=(ClassFacts(label=text, ap=0.5, threshold=0.5, num_examples=1, num_films=1, num_sources=1),),
            mistakes=((text, text, 0.5),),
        ),
        metric=text,
        tried={text: 0.5, "b": 0.25},
        kept=text,
        plots={text: "x.svg", "reliability": "y.svg"},
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
    assert [shown, "1", "1", "50.0", "-", "-", "-", "0.50"] in rows
    assert [shown, shown, "50.0"] in rows
    paragraphs = [" ".join(part.split()) for part in ours.text]
    assert shown in paragraphs  # the heading, and the note at the end


@given(st.text(min_size=1, max_size=60))
def test_plain_text_is_what_it_was(text):
    """In the middle of a line, as in a table's cell."""
    line = rendered(f"x {plain(text)} x")
    assert " ".join("".join(line.text).split()) == " ".join(f"x {printable(text)} x".split())
    assert [tag for tag, _ in line.tags] == ["p"]
