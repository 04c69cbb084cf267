"""Pictures: well-formed, the same every time, and nothing of a stranger's label is obeyed."""

import hashlib
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from itertools import count

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.report.colours import look_of
from vtn_stream.report.plots import (
    MAX_STRIPS,
    NOTHING,
    PrecisionRecall,
    Strip,
    class_bars,
    confusion,
    precision_recall,
    strips,
)
from vtn_stream.timeline import Segment

SVG = "{http://www.w3.org/2000/svg}"
STRANGE = (
    "$x_1$",
    r"\frac{1}{2}$",
    "<script>alert(1)</script>",
    "a&amp;b",
    "x" * 500,
    "日本語の動作",
    "עברית",
    "🎬",
    "line\nbreak\x1b[31m",
    "\ud800\ufffe\uffff",
    "\"quoted\" 'too'",
    "%d {0}",
)


def seg(start_s, end_s, label):
    return Segment(start_s=start_s, end_s=end_s, label=label)


def curve(label, matched, num_true):
    hits = np.cumsum(matched)
    return PrecisionRecall(label=label, recall=hits / num_true, precision=hits / np.arange(1, len(hits) + 1), ap=0.5)


def every_picture(labels, format="svg"):
    num = len(labels)
    matched = [[(i + j) % 3 > 0 for j in range(9)] for i in range(num)]
    film = [seg(10 * i, 10 * i + 8, label) for i, label in enumerate(labels)]
    counts = np.arange((num + 1) ** 2).reshape(num + 1, num + 1)
    names = [*labels, NOTHING]
    return {
        "precision_recall": precision_recall(
            [curve(label, m, 8) for label, m in zip(labels, matched, strict=True)], tiou=0.5, format=format
        ),
        "class_bars": class_bars(dict.fromkeys(labels, 0.25), dict.fromkeys(labels, 7), name="AP", format=format),
        "strips": strips(
            [Strip(name=label, duration_s=10.0 * num, true=film, predicted=film[1:]) for label in labels],
            labels,
            format=format,
        ),
        "confusion": confusion(counts, names, names, unit="frames", format=format),
    }


def words(svg):
    """The texts that a picture shows."""
    return [text.text or "" for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_pictures_say_their_labels():
    for name, svg in every_picture(["walk", "sit down", "take_plate"]).items():
        shown = " ".join(words(svg))
        assert all(label in shown for label in ("walk", "sit down", "take_plate")), name


@pytest.mark.parametrize("labels", [STRANGE[i : i + 4] for i in range(0, len(STRANGE), 4)], ids=count())
def test_labels_of_strangers_are_plain_text(labels):
    for name, svg in every_picture([*labels, "walk"]).items():
        root = ElementTree.fromstring(svg)
        assert not [tag for tag in root.iter() if "script" in tag.tag.lower() or tag.tag.removeprefix(SVG) == "a"], name
        shown = [text for text in words(svg) if "walk" not in text]
        for label in labels:
            if label.isascii() and label.isprintable() and len(label) < 29:
                assert any(label in text for text in shown), (name, label)  # a formula would be drawn as glyphs
        assert all(len(text) < 60 for text in shown)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]", svg.decode())


def test_long_labels_are_drawn_whole_on_several_lines():
    label = "person carries a box of many tools down the stairs, then back up again"
    for name, svg in every_picture([label, "walk"]).items():
        shown = " ".join(words(svg))
        assert label in shown, name
        assert "…" not in shown


def test_very_long_labels_keep_both_ends():
    shown = "".join(words(class_bars({"begin" + "x" * 999 + "end": 0.5}, {}, name="AP")))
    assert re.search(r"beginx*…x*end", shown)


@pytest.mark.release
@settings(deadline=None, max_examples=5)
@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=3, unique=True))
def test_any_text_gives_a_picture(labels):
    for svg in every_picture(labels).values():
        ElementTree.fromstring(svg)


def test_the_same_bytes_here_and_in_another_process_with_other_settings(tmp_path):
    (tmp_path / "matplotlibrc").write_text(
        "font.size: 30\nlines.linewidth: 9\nsvg.hashsalt: other\ntext.usetex: True\n"
    )
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import hashlib, test_plots\n"
        "pictures = [p for f in ('svg', 'png') for p in test_plots.every_picture(['a', 'b'], f).values()]\n"
        "print(*(hashlib.sha256(p).hexdigest() for p in pictures))\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    environment = {**os.environ, "MATPLOTLIBRC": str(tmp_path), "SOURCE_DATE_EPOCH": "1", "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", code, os.path.dirname(__file__)]
    there = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.split()
    pictures = [picture for format in ("svg", "png") for picture in every_picture(["a", "b"], format).values()]
    assert [hashlib.sha256(picture).hexdigest() for picture in pictures] == there


def test_nothing_of_matplotlib_is_left_changed():
    before = dict(matplotlib.rcParams)
    every_picture(["a"])
    assert dict(matplotlib.rcParams) == before


def test_png_is_png():
    for picture in every_picture(["a", "日本"], "png").values():
        assert picture.startswith(b"\x89PNG\r\n")


def test_pictures_of_nothing():
    for svg in (
        precision_recall([], tiou=0.5),
        precision_recall([curve("a", [], 3), curve("b", [False], 3)], tiou=0.5),
        class_bars({}, {}, name="AP"),
        class_bars({"a": float("nan")}, {}, name="AP"),
        strips([], []),
        strips([Strip(name="a", duration_s=0.0, true=(), predicted=())], []),
        confusion(np.zeros((2, 2), np.int64), ["a", "b"], ["a", "b"], unit="frames"),
    ):
        ElementTree.fromstring(svg)


def paths_filled(svg, colour):
    """The bounding boxes (left, right) of what has this colour."""
    boxes = []
    for path in ElementTree.fromstring(svg).iter(f"{SVG}path"):
        if f"fill: {colour.lower()}" in path.get("style", "").lower():
            numbers = [float(n) for n in re.findall(r"-?\d+\.?\d*", path.get("d"))]
            boxes.append((min(numbers[::2]), max(numbers[::2])))
    return boxes


def test_strips_lie_where_the_segments_are():
    """|----A---|--B--|        | over |    A   |: on one clock, twice as long is twice as wide. Neither is hatched."""
    true, said = [seg(0, 40, "scene A"), seg(40, 60, "scene B")], [seg(20, 60, "scene A")]
    svg = strips([Strip(name="film", duration_s=100.0, true=true, predicted=said)], ["scene A", "scene B"])
    a = [box for box in paths_filled(svg, look_of("scene A").colour)][:2]  # and one in the legend
    (b, _) = paths_filled(svg, look_of("scene B").colour)
    (first, second) = sorted(a)
    width = first[1] - first[0]
    assert second[1] - second[0] == pytest.approx(width, rel=1e-3)
    assert second[0] - first[0] == pytest.approx(width / 2, rel=1e-3)
    assert b == (pytest.approx(first[1], abs=0.01), pytest.approx(second[1], abs=0.01))
    assert words(svg)[:2] == ["0:00:00", "0:00:10"]


@pytest.mark.parametrize(
    ("duration_s", "last"),
    [(5, "0:00:05"), (60, "0:01:00"), (3600, "1:00:00"), (86400, "24:00:00"), (1e7, "2592:00:00")],
)
def test_the_clock_fits_the_film(duration_s, last):
    svg = strips([Strip(name="film", duration_s=duration_s, true=(), predicted=())], [])
    ticks = [text for text in words(svg) if re.fullmatch(r"\d+:\d\d:\d\d", text)]
    assert ticks[0] == "0:00:00"
    assert ticks[-1] == last
    assert 2 <= len(ticks) <= 12


@pytest.mark.release
def test_large_data_give_small_pictures():
    labels = [f"label {i}" for i in range(500)]
    rng = np.random.default_rng(0)
    many = [seg(i, i + 0.5, labels[i % 500]) for i in range(20_000)]
    films = [Strip(name=f"f{i}", duration_s=20_000.0, true=many if i == 0 else (), predicted=()) for i in range(99)]
    pictures = [
        strips(films, labels),
        precision_recall([curve(label, rng.random(5000) < 0.5, 5000) for label in labels], tiou=0.5),
        class_bars(dict.fromkeys(labels, 0.5), {label: i for i, label in enumerate(labels)}, name="AP"),
        confusion(rng.integers(0, 9, (501, 501)), [*labels, NOTHING], [*labels, NOTHING], unit="frames"),
    ]
    assert max(map(len, pictures)) < 3_000_000
    assert f"Truth above, prediction below ({MAX_STRIPS} of 99 films)" in words(pictures[0])
    assert "label 499" in words(pictures[2])  # the classes with most examples
    assert "label 0" not in words(pictures[2])


def test_a_row_of_a_confusion_is_in_percent_of_all_of_it():
    counts = np.array([[30, 10, 0], [0, 0, 0], [5, 0, 15]])
    svg = confusion(counts, ["a", "b", NOTHING], ["a", "b", NOTHING], unit="frames")
    assert [word for word in words(svg) if word.isdecimal()] == ["75", "25", "25", "75"]
    rows = [word for word in words(svg) if word in ("a", "b", NOTHING)]
    assert rows == ["a", "b", NOTHING, "a", NOTHING]  # columns, then rows: b never happens
