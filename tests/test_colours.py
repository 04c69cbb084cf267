"""The look of a label follows from its text alone, is the same everywhere, and can be seen by everybody."""

import io
import itertools
import unicodedata
from collections import Counter

import numpy as np
import pytest
from film_pages import data_of, page
from hypothesis import given, settings
from hypothesis import strategies as st
from index_pages import entry_of, timeline
from matplotlib.colors import to_hex
from rich.console import Console

from vtn_stream.report.colours import COLOURS, NUM_LOOKS, look_of, looks_apart
from vtn_stream.report.drawing import looks_of
from vtn_stream.report.index import index
from vtn_stream.report.timeline_plot import figure
from vtn_stream.scorers.scenes import Scenes
from vtn_stream.track import GridScores
from vtn_stream_cli import console

names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(str.strip)


def named(*labels):
    return timeline(*((i, i + 1, label, None) for i, label in enumerate(labels)))


@settings(deadline=None, max_examples=30)
@given(names, st.lists(names, max_size=4), st.lists(names, max_size=4))
def test_a_label_looks_the_same_on_page_index_and_plot_whatever_stands_beside_it(label, before, after):
    alone, among = named(label), named(*before, label, *after)
    look = look_of(label)
    for each in (alone, among):
        place = list(each.labels).index(label)
        assert data_of(page(each))["labels"][place][1:3] == [look.colour, look.hatch]
        entry = entry_of(each, name="n", page=None, timeline_file="t")
        assert data_of(index([entry], title="t"))["labels"][place][1:3] == [look.colour, look.hatch]
        assert looks_of(each.labels)[label] == looks_of([label])[label]
        assert looks_of([label])[label]["facecolor"] == look.colour


def test_the_terminal_shows_a_label_in_its_colour(monkeypatch):
    shown = io.StringIO()
    out = Console(file=shown, width=80, force_terminal=True, color_system="truecolor", highlight=False)
    monkeypatch.setattr(console, "out", out)
    console.show_timeline(timeline((0, 30, "walk", None), (30, 60, "scene C", None), (60, 90, "\u00e9t\u00e9", None)))
    for label in ("walk", "scene C", "\u00e9t\u00e9"):
        rgb = ";".join(str(value) for value in bytes.fromhex(look_of(label).colour[1:]))
        assert f"[1;38;2;{rgb}m" in shown.getvalue()  # its letter in the table
        assert f";48;2;{rgb}m" in shown.getvalue()  # its stretch of the lane


def test_a_timeline_without_segments_says_so_in_the_terminal(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(console, "out", Console(file=shown, width=80, highlight=False))
    console.show_timeline(timeline())
    assert shown.getvalue().startswith("no segments: nothing was found\n0:00:00.0 ")


def test_a_plot_draws_a_label_in_its_colour():
    (patch,) = [patch for patch in figure([named("walk")]).axes[0].patches if patch.get_zorder() == 1]
    assert to_hex(patch.get_facecolor()).upper() == look_of("walk").colour


def test_the_looks_of_some_labels_are_for_good():
    """Files that were made earlier show these."""
    for label, colour, hatch in (
        ("scene A", "#F83868", 0),
        ("scene B", "#109898", 0),
        ("walk", "#F83868", 2),
        ("step 1", "#C810B0", 3),
        ("\u00e9t\u00e9", "#307830", 4),
    ):
        assert (look_of(label).colour, look_of(label).hatch) == (colour, hatch)


def test_the_forms_of_unicode_look_the_same():
    for text in ("\u00e9t\u00e9", "\u2126", "\uac00"):
        assert look_of(unicodedata.normalize("NFD", text)) == look_of(text)


@pytest.mark.parametrize("name", ["step {}", "class_{}", "{}", "phase-{}", "act{}", "scene {}"])
def test_labels_of_a_series_differ_as_long_as_there_are_looks(name):
    assert len({look_of(name.format(i)) for i in range(NUM_LOOKS)}) == NUM_LOOKS


def test_the_first_scenes_differ_in_colour_and_are_not_hatched():
    scores = GridScores(frame=np.zeros((1, 30), np.float16))
    looks = [look_of(label) for label in Scenes(25).labels(scores)]
    assert [look.colour for look in looks[: len(COLOURS)]] == list(COLOURS)
    assert [look.hatch for look in looks] == [0] * len(COLOURS) + [1] * (30 - len(COLOURS))


def test_looks_are_used_evenly():
    """Each has its share of 10,000 labels, within five standard deviations; two of nine agree in 25 % of cases."""
    counts = Counter(look_of(f"{i} people") for i in range(10_000))
    share = 10_000 / NUM_LOOKS
    assert len(counts) == NUM_LOOKS
    assert all(abs(num - share) < 5 * share**0.5 for num in counts.values())
    alone = np.prod([1 - i / NUM_LOOKS for i in range(9)])
    assert 1 - alone == pytest.approx(0.25, abs=0.005)


# ---- who can see them


def linear(colour):
    values = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def oklab(rgb):
    """Bjorn Ottosson, A perceptual color space for image processing."""
    lms = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return lab @ np.cbrt(lms @ rgb)


# Machado, Oliveira, Fernandes 2009, severity 1.
SEEN = {
    "by most": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999")


def nearest(colours, seen):
    labs = [oklab(np.clip(SEEN[seen] @ linear(colour), 0, 1)) for colour in colours]
    return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(labs, 2))


@pytest.mark.parametrize("ground", ["#FFFFFF", "#ECEEF1", "#F2F2F2", "#1B1E22", "#16181B", "#000000"])
def test_each_colour_stands_out_from_the_grounds_of_pages_plots_and_terminals(ground):
    """WCAG 2.2, 1.4.11."""
    for colour in COLOURS:
        low, high = sorted([luminance(colour), luminance(ground)])
        assert (high + 0.05) / (low + 0.05) >= 3


def test_each_two_colours_are_told_apart_also_by_the_colour_blind():
    assert nearest(COLOURS, "by most") > 0.08
    for seen in ("protanopia", "deuteranopia"):
        assert nearest(COLOURS, seen) > 0.05
    assert nearest(COLOURS, "deuteranopia") > 2 * nearest(OKABE_ITO, "deuteranopia")


def test_none_of_the_colours_is_grey():
    assert all(np.hypot(*oklab(linear(colour))[1:]) >= 0.07 for colour in COLOURS)


def test_in_one_picture_no_two_labels_share_a_colour_while_there_are_some():
    labels = ["active", "fallen", "falling", "look", "lying", "sit", "sitdown", "sleeping", "standup", "walk"]
    assert len({look_of(label).colour for label in labels}) < len(labels)
    looks = looks_apart(labels)
    assert len({look.colour for look in looks.values()}) == len(labels)
    assert looks == looks_apart(reversed(labels))
    assert all(looks[label].hatch == look_of(label).hatch for label in labels)
    for colour in {look_of(label).colour for label in labels}:
        first = min(label for label in labels if look_of(label).colour == colour)
        assert looks[first] == look_of(first)
    many = [f"label {chr(97 + i)}{chr(97 + j)}" for i in range(9) for j in range(9)]
    assert {look.colour for look in looks_apart(many).values()} == set(COLOURS)
