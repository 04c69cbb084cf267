"""Pictures of timelines: every segment where and what it is, the truth above, and nothing of a label is obeyed."""

import hashlib
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from io import BytesIO
from itertools import combinations

import matplotlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch, Rectangle
from PIL import Image
from plotted_films import SVG, WALKS, film, seg, words

from vtn_stream.report.colours import look_of
from vtn_stream.report.drawing import in_picture_style
from vtn_stream.report.timeline_plot import MAX_FILMS, MAX_LANES, figure, plot
from vtn_stream.timeline import Curve, Gap

STRANGE = ("$x_1$", r"\frac{1}{2}$", "<script>alert(1)</script>", "a&amp;b", "x" * 500, "line\nbreak\x1b[31m", "\ud800")


def marks(drawn, colour=None):
    """(start_s, end_s, top, bottom, opacity) of all that is drawn of segments, in data coordinates; of one colour."""
    found = []
    for patch in drawn.axes[0].patches:
        if isinstance(patch, PathPatch) and patch.get_zorder() >= 1:
            rgba = patch.get_facecolor() if patch.get_fill() else patch.get_edgecolor()
            if colour is None or to_hex(rgba).upper() == colour:
                for corners in patch.get_path().to_polygons(closed_only=False):
                    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
                    found.append(tuple(round(float(x), 6) for x in (left, right, top, bottom, rgba[3])))
    return sorted(found)


def times(drawn, colour=None):
    return [mark[:2] for mark in marks(drawn, colour)]


WALK, SIT, RUN = (look_of(label).colour for label in ("walk", "sit", "run"))


def rows(drawn):
    return [text.get_text() for text in drawn.axes[0].get_yticklabels()]


# ---- where things are


def test_every_segment_lies_at_its_time_in_the_lane_and_colour_of_its_label():
    drawn = figure([WALKS])
    assert rows(drawn) == ["walk", "sit"]
    assert [mark[:3] for mark in marks(drawn, WALK)] == [(0, 40, -0.4), (70, 90, -0.4)]
    assert [mark[:3] for mark in marks(drawn, SIT)] == [(40, 60, 0.6)]
    assert drawn.axes[0].get_xlim() == (0, 100)


def test_the_picture_has_a_patch_of_each_colour():
    svg = plot([WALKS]).decode().lower()
    assert [look_of(label).colour.lower() in svg for label in ("walk", "sit", "run")] == [True, True, False]


def test_labels_beyond_the_colours_differ_by_their_hatches():
    many = film(*(seg(i, i + 1, f"label {i}") for i in range(20)))
    looks = {}
    for patch in figure([many]).axes[0].patches:
        if isinstance(patch, PathPatch):
            looks[patch.get_path().vertices[0, 0]] = (to_hex(patch.get_facecolor()).upper(), patch.get_hatch())
    assert [looks[i][0] for i in range(20)] == [look_of(f"label {i}").colour for i in range(20)]
    assert len(set(looks.values())) == 20


@pytest.mark.parametrize("num_films", [1, 3])
def test_long_names_have_room_and_cover_nothing(num_films):
    label = "person carries a box of many tools down the stairs, then back up, and sits down"
    many = film(*(seg(i, i + 1, f"{i} {label}") for i in range(12)), name="a very long name of a film " * 6 + ".mp4")
    with in_picture_style():
        drawn = figure([many] * num_films)
        FigureCanvasAgg(drawn).draw()
    names = drawn.axes[0].get_yticklabels() + [text for legend in drawn.legends for text in legend.get_texts()]
    boxes = [text.get_window_extent() for text in [*names, drawn.axes[0].title]]
    assert not [(a, b) for a, b in combinations(boxes, 2) if a.overlaps(b) and min(a.width, b.width) > 0]
    shown = [text.get_text() for text in names]
    assert all("\u2026" not in text for text in shown)
    assert f"11 {label}" in [text.replace("\n", " ") for text in shown]


def test_truth_is_above_and_prediction_below():
    drawn = figure([WALKS], truth=[(seg(5, 45, "walk"), seg(45, 60, "run"))])
    assert rows(drawn) == ["walk", "sit", "run"]  # what only the truth knows comes last
    above, below, later = marks(drawn, WALK)[1], marks(drawn, WALK)[0], marks(drawn, WALK)[2]
    assert (above[:2], below[:2], later[:2]) == ((5, 45), (0, 40), (70, 90))
    assert above[2] < above[3] < below[2] < below[3] == later[3] < 0.5  # y grows downwards
    assert drawn.axes[0].get_ylim() == (2.5, -0.5)
    assert times(drawn, RUN) == [(45, 60)]
    assert "Truth above, prediction below." in drawn.axes[0].get_xlabel()


def test_several_films_have_a_strip_each_on_one_clock_and_one_legend():
    drawn = figure([WALKS, film(seg(0, 150, "sit"), seg(100, 120, "run"), name="b.mp4", duration_s=200)])
    assert rows(drawn) == ["film.mp4", "b.mp4"]
    assert drawn.axes[0].get_xlim() == (0, 200)
    assert [mark[:3] for mark in marks(drawn, SIT)] == [(0, 150, 0.6), (40, 60, -0.4)]
    assert times(drawn, RUN) == [(100, 120)]
    patches = [patch for patch in drawn.axes[0].patches if isinstance(patch, PathPatch)]
    order = [to_hex(patch.get_facecolor()).upper() for patch in patches if patch.get_path().vertices[0, 1] > 0.5]
    assert order == [SIT, RUN]  # the shorter one is drawn over the longer one
    (legend,) = drawn.legends
    assert [text.get_text() for text in legend.get_texts()] == ["walk", "sit", "run"]


def test_several_films_with_their_truths():
    drawn = figure([WALKS, replace(WALKS, video_path="b.mp4")], truth=[(seg(1, 2, "sit"),), (seg(3, 99, "sit"),)])
    halves = {mark[:2]: (mark[2] + mark[3]) / 2 for mark in marks(drawn, SIT) if mark[:2] != (40, 60)}
    assert halves == {(1, 2): pytest.approx(-0.22), (3, 99): pytest.approx(0.78)}


def test_what_is_not_known_is_hatched_under_the_segments_and_named():
    drawn = figure([replace(WALKS, gaps=(Gap(start_s=20, end_s=30, reason="damaged"),))])
    gaps = [patch for patch in drawn.axes[0].patches if isinstance(patch, PathPatch) and 0 < patch.get_zorder() < 1]
    assert [tuple(gap.get_path().get_extents().intervalx) for gap in gaps] == [(20, 30)]
    assert tuple(gaps[0].get_path().get_extents().intervaly) == (-0.42, 1.42)  # both lanes
    assert all(gap.get_hatch() for gap in gaps)
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["not known"]
    assert not figure([WALKS]).legends


def test_of_a_part_the_axis_shows_the_part():
    drawn = figure([WALKS], span_s=(50, 80))
    assert drawn.axes[0].get_xlim() == (50, 80)
    assert times(drawn) == [(50, 60), (70, 80)]
    assert times(drawn, WALK) == [(70, 80)]  # walk, though sit comes first in this part
    ground = [patch for patch in figure([replace(WALKS, span_s=(10, 90))]).axes[0].patches if type(patch) is Rectangle]
    assert {(patch.get_x(), patch.get_width()) for patch in ground} == {(10, 80)}


def test_chosen_labels_keep_their_colours():
    drawn = figure([WALKS], labels=["sit"])
    assert rows(drawn) == ["sit"]
    assert [mark[:3] for mark in marks(drawn)] == [(40, 60, -0.4)]
    assert times(drawn, SIT) == [(40, 60)]


def test_the_lower_the_score_the_fainter():
    drawn = figure([film(seg(0, 10, "a", 1.0), seg(20, 30, "a", 0.5), seg(40, 50, "a", 0.0), seg(60, 70, "a"))])
    assert [mark[4] for mark in marks(drawn)] == [1.0, 0.7, 0.4, 1.0]
    assert "Fainter: lower score." in drawn.axes[0].get_xlabel()
    assert "Fainter" not in figure([WALKS]).axes[0].get_xlabel()


def test_an_instant_is_a_line():
    drawn = figure([film(seg(25, 25, "goal"), seg(50, 50.01, "goal"))])
    assert times(drawn, look_of("goal").colour) == [(25, 25), (50.005, 50.005)]


def test_what_lies_closer_than_print_shows_is_drawn_as_one():
    short = [seg(10 + i / 100, 10 + i / 100 + 0.005, "a") for i in range(100)]
    assert times(figure([film(*short, seg(30, 60, "a"), seg(60, 90, "a"))])) == [(10, 10.995), (30, 60), (60, 90)]


def test_a_curve_has_its_own_lane_on_the_same_clock():
    drawn = figure(
        [replace(WALKS, curves={"change": Curve(start_s=10, step_s=30, values=(0, 2, 1, 9))})], span_s=(0, 80)
    )
    lanes, curve = drawn.axes
    (line,) = curve.get_lines()
    assert line.get_xydata().tolist() == [[10, 0], [40, 2], [70, 1]]
    assert curve.get_ylim() == (0, 2)
    assert curve.get_xlim() == lanes.get_xlim()
    assert [text.get_text() for text in curve.get_yticklabels()] == ["change"]


def test_an_unfinished_analysis_says_so():
    assert "not complete" in figure([replace(WALKS, complete=False)]).axes[0].get_xlabel()
    assert "1 of 2" in figure([replace(WALKS, complete=False), WALKS]).axes[0].get_xlabel()


@pytest.mark.parametrize(
    ("span_s", "first", "last"),
    [
        ((0, 90), "0:00:00", "0:01:30"),
        ((600, 3900), "0:10:00", "1:00:00"),
        ((0, 43200), "0:00:00", "12:00:00"),
        ((10.2, 10.8), "0:00:10.2", "0:00:10.8"),
    ],
)
@pytest.mark.parametrize("width_in", [3.0, 7.0, 20.0])
def test_the_clock_fits_film_and_width(span_s, first, last, width_in):
    svg = plot([film(duration_s=50_000, span_s=span_s)], width_in=width_in)
    ticks = [text for text in words(svg) if re.fullmatch(r"\d+:\d\d:\d\d(\.\d)?", text)]
    assert 1 <= len(ticks) <= max(3, 2.5 * (width_in - 1))
    if width_in == 7.0:
        assert (ticks[0], ticks[-1]) == (first, last)


@pytest.mark.parametrize("width_in", [3.0, 7.0])
def test_the_picture_is_as_wide_as_asked(width_in):
    with Image.open(BytesIO(plot([WALKS], width_in=width_in, format="png"))) as picture:
        assert picture.width == 300 * width_in
        assert picture.format == "PNG"
    assert ElementTree.fromstring(plot([WALKS], width_in=width_in)).get("width") == f"{72 * width_in:g}pt"


# ---- little, much, strange


@pytest.mark.parametrize("format", ["svg", "png"])
def test_pictures_of_nothing(format):
    nothing = film(duration_s=0.0)
    for timelines in ([], [nothing], [nothing, nothing], [film(gaps=(Gap(start_s=0, end_s=100, reason="x"),))]):
        assert plot(timelines, format=format)
    assert plot([nothing], truth=[()])
    assert "(nothing)" in words(plot([nothing]))


@pytest.mark.release
def test_much_gives_a_small_picture_that_says_what_it_leaves_out():
    many = [seg(4.3 * i, 4.3 * i + 3, f"label {i // 10 % 100}", i / 10_000) for i in range(10_000)]
    long = film(*many, seg(0, 9000, "label 99"), duration_s=43_200.0, name="long.mp4")
    gaps = tuple(Gap(start_s=i, end_s=i + 0.5, reason="damaged") for i in range(10_000))
    svg = plot([replace(long, gaps=gaps, curves={"change": Curve(start_s=0, step_s=0.01, values=(1.0,) * 100_000)})])
    assert len(svg) < 2_000_000
    assert f"{MAX_LANES} of 100 labels, those with the longest total time." in " ".join(words(svg))
    assert "label 99" in words(svg)
    svg = plot([replace(long, segments=many[::53], gaps=gaps[::100])] * (MAX_FILMS + 5))
    assert len(svg) < 6_000_000
    assert f"{MAX_FILMS} of {MAX_FILMS + 5} films." in " ".join(words(svg))
    assert f"{MAX_LANES} of 100 labels are named." in " ".join(words(svg))


@pytest.mark.parametrize("duration_s", [1e-9, 1e9, 1e300])
def test_films_of_any_length(duration_s):
    assert plot([film(seg(0, duration_s, "a"), duration_s=duration_s)])


@pytest.mark.parametrize("label", STRANGE, ids=range(len(STRANGE)))
@pytest.mark.parametrize("num_films", [1, 2])
def test_labels_and_names_of_strangers_are_plain_text(label, num_films):
    name = label.translate({ord("/"): " ", ord("\\"): " "})
    timeline = film(seg(0, 9, label), name=name, curves={label: Curve(start_s=0, step_s=1, values=(1, 2))})
    svg = plot([timeline] * num_films, truth=[(seg(3, 4, label),)] * num_films)
    root = ElementTree.fromstring(svg)
    assert not [tag for tag in root.iter() if "script" in tag.tag.lower() or tag.tag == f"{SVG}a"]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]", svg.decode())
    if label.isascii() and label.isprintable() and len(label) < 25:
        assert label in words(svg)  # a formula would be drawn as glyphs
    assert all(len(text) < 90 for text in words(svg))


@settings(deadline=None, max_examples=15)
@given(
    st.lists(
        st.builds(
            lambda start, length, label, score: seg(start, start + length, label, score),
            st.floats(0, 100),
            st.floats(0, 100),
            st.text(max_size=30),
            st.none() | st.floats(-1e9, 1e9),
        ),
        max_size=8,
    )
)
def test_any_segments_give_a_picture(segments):
    ElementTree.fromstring(plot([film(*segments)], truth=[segments[:3]], width_in=3.0))


def test_the_same_bytes_here_and_in_another_process_with_other_settings(tmp_path):
    (tmp_path / "matplotlibrc").write_text("font.size: 30\nlines.linewidth: 9\nsvg.hashsalt: other\n")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import hashlib, test_timeline_plot as there\n"
        "pictures = [there.plot([there.WALKS] * 2, format=f) for f in ('svg', 'png')]\n"
        "print(*(hashlib.sha256(picture).hexdigest() for picture in pictures))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert 'torch' not in sys.modules"
    )
    environment = {**os.environ, "MATPLOTLIBRC": str(tmp_path), "SOURCE_DATE_EPOCH": "1", "PYTHONHASHSEED": "7"}
    there = subprocess.run(
        [sys.executable, "-c", code, os.path.dirname(__file__)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    ).stdout.split()
    before = dict(matplotlib.rcParams)
    pictures = [plot([WALKS] * 2, format=format) for format in ("svg", "png")]
    assert [hashlib.sha256(picture).hexdigest() for picture in pictures] == there
    assert dict(matplotlib.rcParams) == before
