"""What a model says of each label over time, on the label's lane of a film's page."""

import base64
from dataclasses import replace

import numpy as np
import pytest
from film_pages import DURATION_S, at, colours, data_of, drawn, page, segment, show, text, timeline  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.film import FrameIndex
from vtn_stream.report.colours import look_of
from vtn_stream.report.label_curves import LEVELS, MAX_POINTS, UNKNOWN, LabelCurves, label_curves
from vtn_stream.results.pages import page_at, page_of
from vtn_stream.store import write_scores
from vtn_stream.timeline import Curve
from vtn_stream.track import GridScores

MODEL = {"analysis": {"kind": "dense labels", "model": "c0ffee"}}
LABELS = ("run", "jump", "never drawn")


def index_of(num, step_s=0.5, valid=None):
    return FrameIndex(
        grid_s=np.arange(num) * step_s,
        frame=np.full(num, -1),
        pts_s=np.full(num, np.nan),
        valid=np.ones(num, np.bool_) if valid is None else valid,
    )


def scores_of(*columns):
    return GridScores(frame=np.array(columns, np.float16).T)


RUN = [0, 0, 0, 0, 0.9, 0.9, 0.9, 0.9, 0.2, 0.2, 0.2, 0.2, 0, 0, 0, 0]  # each half a second
SCORED = (scores_of(RUN, RUN[::-1], [0.5] * 16), index_of(16), LABELS)


def drawn_data(made):
    curves = data_of(made.content)["labelCurves"]
    return curves and {
        data_of(made.content)["labels"][label][0]: list(base64.b64decode(values)) for label, values in curves["values"]
    }


# ---- the numbers


@given(st.lists(st.one_of(st.none(), st.floats(0, 1, width=16)), min_size=2, max_size=30), st.integers(1, 400))
def test_no_peak_is_lost_and_nothing_is_known_where_nothing_was_looked_at(few, times):
    values = few * times
    known = np.array([value is not None for value in values])
    frame = np.array([[value or 0] for value in values], np.float16)
    curves = label_curves(frame, np.arange(len(values)) * 0.25, known, ["a"], only={"a"}, name="probability")
    points = curves.values["a"]
    assert len(points) <= MAX_POINTS
    every = round(curves.step_s / 0.25)
    for k, point in enumerate(points):
        inside = [value for value in values[k * every : (k + 1) * every] if value is not None]
        assert point == UNKNOWN if not inside else abs(point / LEVELS - max(inside)) <= 0.5 / LEVELS + 1e-6
    assert curves.peaks == (every > 1)


def test_curves_of_labels_without_a_lane_are_not_in_the_page():
    made = page_of(timeline(segment(2, 4, "run"), provenance=MODEL), thumbnails=False, scored=SCORED)
    assert set(drawn_data(made)) == {"run"}
    truth = [segment(1, 2, "jump")]
    made = page_of(timeline(segment(2, 4, "run"), provenance=MODEL), truth=truth, thumbnails=False, scored=SCORED)
    assert set(drawn_data(made)) == {"run", "jump"}


def test_twenty_labels_over_ten_hours_are_60_kb():
    rng = np.random.default_rng(0)
    labels = [f"action {k}" for k in range(20)]
    frame = rng.uniform(0, 1, (72_000, 20)).astype(np.float16)
    scored = (GridScores(frame=frame), index_of(72_000), tuple(labels))
    film = timeline(*[segment(k, k + 1, label) for k, label in enumerate(labels)], duration_s=36_000, provenance=MODEL)
    without, with_ = (len(page_of(film, thumbnails=False, scored=each).content) for each in (None, scored))
    assert with_ - without < 60_000


@pytest.mark.parametrize(
    ("analysis", "name"),
    [
        ({"kind": "clip classifier"}, "probability"),
        ({"kind": "dense labels"}, "probability"),
        ({"kind": "action localization"}, "score"),
        ({"kind": "of another", "drawing": "phases"}, "probability"),
        ({"kind": "scenes"}, None),
        ("dense labels", None),
        (None, None),
    ],
)
def test_the_curve_is_called_what_it_is(analysis, name):
    made = page_of(timeline(segment(2, 4, "run"), provenance={"analysis": analysis}), thumbnails=False, scored=SCORED)
    curves = data_of(made.content)["labelCurves"]
    assert (curves and curves["name"]) == name


@pytest.mark.parametrize("selections", [[{"names": {"walk": "run"}}], "x", [3]])
def test_labels_that_were_renamed_have_no_curve_of_other_labels(selections):
    film = timeline(segment(2, 4, "run"), provenance={**MODEL, "selections": selections})
    assert drawn_data(page_of(film, thumbnails=False, scored=SCORED)) is None


def test_what_lies_outside_the_analyzed_part_or_in_a_gap_is_unknown():
    valid = np.ones(16, np.bool_)
    valid[8:10] = False
    film = timeline(segment(2, 4, "run"), provenance=MODEL, span_s=(1, 7))
    made = page_of(film, thumbnails=False, scored=(SCORED[0], index_of(16, valid=valid), LABELS))
    unknown = [value == UNKNOWN for value in drawn_data(made)["run"]]
    assert unknown == [True] * 2 + [False] * 6 + [True] * 2 + [False] * 4 + [True] * 2


def test_where_a_model_looked_is_no_curve_of_the_page():
    flat = Curve(start_s=0, step_s=1, values=(0.9,) * 8)
    film = timeline(segment(2, 4, "run"), provenance=MODEL, curves={"attention": flat, "change": flat})
    assert [curve[0] for curve in data_of(page(film))["curves"]] == ["picture change"]
    assert "attention" in film.curves


# ---- the scores beside a timeline


@pytest.fixture
def beside(tmp_path):
    write_scores(tmp_path / "film.scores.arrow", *SCORED, "xxh3:1")
    return tmp_path / "film.timeline.json"


def test_a_page_made_of_a_timeline_has_the_curves_of_the_scores_beside_it(beside):
    film = timeline(segment(2, 4, "run"), provenance=MODEL)
    made = page_at(beside.with_name("page.html"), film, thumbnails=False, source=beside)
    assert [round(value / LEVELS, 1) for value in drawn_data(made)["run"]] == RUN
    assert not [words for name, words in data_of(made.content)["made"] if name == "Curves"]


def test_scores_of_another_film_and_damaged_ones_are_reported_and_not_used(beside):
    scores = beside.with_name("film.scores.arrow")
    for film, change, word in (
        (timeline(segment(2, 4, "run"), provenance=MODEL, video_identity="xxh3:2"), None, "is another film's"),
        (timeline(segment(2, 4, "run"), provenance=MODEL), b"nothing", "film.scores.arrow"),
        (timeline(segment(2, 4, "run"), provenance=MODEL), "gone", None),
    ):
        if change == "gone":
            scores.unlink()
        elif change:
            scores.write_bytes(change)
        made = page_at(beside.with_name("page.html"), film, thumbnails=False, source=beside)
        assert drawn_data(made) is None
        told = [warning for warning in made.warnings if "curves" in warning]
        assert len(told) == (word is not None)
        assert word is None or word in told[0]
        assert [words for name, words in data_of(made.content)["made"] if name == "Curves"]


# ---- what is seen


@pytest.fixture
def curves():
    values = {"run": np.round(np.array(RUN) * LEVELS).astype(np.uint8), "jump": np.full(16, UNKNOWN, np.uint8)}
    return LabelCurves(name="probability", start_s=0, step_s=0.5, peaks=False, values=values)


def test_the_curve_is_as_high_as_the_value_and_above_the_bars(show, curves):
    shown = show(segment(2, 4, "run", 0.9), segment(5, 6, "jump"), beside=None, label_curves=curves)
    assert text(shown, "#curves-are") == "Curves: probability, 0 to 1"
    lane = shown.locator("#heads .lane", has_text="run").bounding_box()
    high, low, zero = (colours(shown, (at(shown, "run", time_s)[0], lane["y"] + 8))[0] for time_s in (3, 5, 7))
    assert high != low == zero  # 0.9 reaches that high, 0.2 does not
    assert colours(shown, (at(shown, "run", 3)[0], lane["y"] + lane["height"] - 8)) == [look_of("run").colour]


def test_the_value_stands_in_the_box_and_beside_the_label_at_the_playhead(show, curves):
    shown = show(segment(2, 4, "run", 0.9), segment(5, 6, "jump"), beside=None, label_curves=curves)
    for time_s, value in ((3, "probability 0.90"), (5, "probability 0.20"), (7, "probability 0.00")):
        shown.mouse.move(*at(shown, "run", time_s))
        assert value in text(shown, "#tip").split("\n")
        shown.evaluate(f"location.hash = '#t={time_s}.1'")
        shown.locator("#heads .lane", has_text="run").get_by_text(value).wait_for()
    assert shown.locator("#heads .lane", has_text="jump").locator(".value").inner_text() == "unknown"


def test_points_that_hold_many_positions_are_called_peaks(show, curves):
    shown = show(segment(2, 4, "run", 0.9), beside=None, label_curves=replace(curves, peaks=True))
    shown.mouse.move(*at(shown, "run", 3))
    assert "probability up to 0.90" in text(shown, "#tip")


def test_no_peak_is_lost_where_points_are_narrower_than_pixels(show):
    points = np.zeros(2000, np.uint8)
    points[[601, 1402]] = LEVELS
    curves = LabelCurves(name="score", start_s=0, step_s=DURATION_S / 2000, peaks=False, values={"run": points})
    options = {"viewport": {"width": 420, "height": 800}}
    shown = show(segment(2, 4, "run", 0.9), beside=None, label_curves=curves, browser_options=options)
    stage = shown.locator("#stage").bounding_box()
    lane = shown.locator("#heads .lane").bounding_box()
    row = [(stage["x"] + px, lane["y"] + 8) for px in range(int(stage["width"]))]
    ground, *_ = colours(shown, row[10])
    other = [px for px, colour in enumerate(colours(shown, *row)) if colour != ground and px > 2]
    for peak in (601.5, 1402.5):
        assert min(abs(px - stage["width"] * peak / 2000) for px in other) < 2.5


def test_in_the_dark_and_on_paper_curves_are_there(show, curves):
    shown = show(segment(2, 4, "run", 0.9), beside=None, label_curves=curves, browser_options={"color_scheme": "dark"})
    lane = shown.locator("#heads .lane").bounding_box()
    high, low = (colours(shown, (at(shown, "run", time_s)[0], lane["y"] + 8))[0] for time_s in (3, 7))
    assert high != low
    shown.emulate_media(media="print")
    drawn(shown)
    lane = shown.locator("#heads .lane").bounding_box()
    high, low = (colours(shown, (at(shown, "run", time_s)[0], lane["y"] + 8))[0] for time_s in (3, 7))
    assert high != low
