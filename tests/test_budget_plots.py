"""Pictures of time budgets: well-formed, the same every time, with every film, label and group in them."""

import xml.etree.ElementTree as ElementTree

import numpy as np
from drawn_timelines import seg, timeline
from plotted_films import SVG, words

from vtn_stream.budget import stats
from vtn_stream.budget.pictures import pictures
from vtn_stream.report import budget_plots
from vtn_stream.report.budget_plots import Bars, _lanes, share_bars, transition_matrix
from vtn_stream.report.colours import look_of


def drawn(tmp_path, num_films=3, labels=("walk", "bite"), groups="video,group\n0,old\n1,young\n2,young\n", **more):
    films = [
        timeline(
            *(seg(i % 10, i % 10 + (label != "bite"), label) for i, label in enumerate(labels)),
            video_path=f"{n}.mp4",
            video_identity=f"{n}",
        )
        for n in range(num_films)
    ]
    if groups:
        (tmp_path / "groups.csv").write_text(groups)
    return pictures(stats(films, groups=tmp_path / "groups.csv" if groups else None, **more))


def test_they_name_films_groups_and_labels_in_their_colours_the_same_every_time(tmp_path):
    svg = drawn(tmp_path)
    assert list(svg) == ["ethogram.svg", "budget.svg", "transitions.svg"]
    assert {"0.mp4", "1.mp4", "2.mp4", "old", "young", "walk", "bite"} <= set(words(svg["ethogram.svg"]))
    assert {"old", "young", "walk", "bite"} <= set(words(svg["budget.svg"]))
    assert {"old: what comes next, % of the row", "walk", "bite"} <= set(words(svg["transitions.svg"]))
    for name in ("ethogram.svg", "budget.svg"):
        assert look_of("walk").colour.lower() in svg[name].decode().lower()
    assert drawn(tmp_path) == svg


def test_films_without_a_group_come_last(tmp_path):
    told = words(drawn(tmp_path, groups="video,group\n1,old\n")["ethogram.svg"])
    assert told.index("old") < told.index("(no group)")
    ticks = [word for word in told if word.endswith(".mp4")]
    assert ticks == ["1.mp4", "0.mp4", "2.mp4"]


def test_no_group_at_all_and_no_segment_at_all(tmp_path):
    drawn(tmp_path, groups="video,group\nnobody,old\n")
    for svg in drawn(tmp_path, labels=(), groups=None).values():
        ElementTree.fromstring(svg)


def test_strange_labels_are_drawn_as_text(tmp_path):
    strange = ("$x_1$", "<script>alert(1)</script>", "x" * 500, "\ud800\ufffe", "line\nbreak\x1b[31m")
    for svg in drawn(tmp_path, num_films=1, labels=("walk", *strange), groups=None).values():
        root = ElementTree.fromstring(svg)
        assert not list(root.iter(f"{SVG}script"))
        assert "$x_1$" in words(svg)


def test_many_labels_and_groups_say_what_is_left_out(monkeypatch):
    monkeypatch.setattr(budget_plots, "MAX_BARS", 6)
    monkeypatch.setattr(budget_plots, "MAX_LABELS", 3)
    monkeypatch.setattr(budget_plots, "MAX_GROUPS", 1)
    bars = [Bars(label=f"walk {n}", group=g, shares=[n / 9], rates=[1.0]) for n in range(5) for g in ("a", "b")]
    told = words(share_bars(bars))
    assert "Time budget: means, and each film as a point (3 of 5 labels)" in told
    assert [word for word in told if word.startswith("walk")] == ["walk 2", "walk 3", "walk 4"]
    counts = {group: np.ones((5, 5), np.int64) for group in "ab"}
    told = words(transition_matrix(counts, [f"walk {n}" for n in range(5)]))
    assert "1 of 2 groups" in told
    assert any("(3 of 5 labels)" in word for word in told)


def test_labels_that_overlap_have_lanes_of_their_own():
    assert _lanes([seg(0, 4, "A"), seg(2, 6, "B"), seg(5, 8, "C"), seg(9, 9, "D")]) == {"A": 0, "B": 1, "C": 0, "D": 0}
