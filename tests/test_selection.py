"""What of a timeline goes out: by score, label, length and number."""

from dataclasses import replace

import numpy as np
import pytest

from vtn_stream.errors import InputError, TimelineError
from vtn_stream.exchange.selection import Selection
from vtn_stream.film import FrameIndex
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.track import GridScores


def seg(start_s, end_s, label="a", score=None):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score)


def timeline(*segments, **provenance):
    return Timeline(
        video_identity="c0ffee",
        video_path="film.mp4",
        duration_s=100,
        span_s=(0, 100),
        segments=segments,
        provenance=provenance,
    )


def nothing_stored():
    raise AssertionError("scores were read")


def selected(*segments, **selection):
    return Selection(**selection).apply(timeline(*segments), nothing_stored).segments


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        ({}, [seg(0, 10, "a", 0.5), seg(12, 20, "a", 0.9), seg(15, 16, "b", 0.7), seg(30, 31, "b")]),
        ({"threshold": 0.6}, [seg(12, 20, "a", 0.9), seg(15, 16, "b", 0.7), seg(30, 31, "b")]),
        ({"labels": ("b",)}, [seg(15, 16, "b", 0.7), seg(30, 31, "b")]),
        ({"names": {"b": "c"}, "labels": ("b",)}, [seg(15, 16, "c", 0.7), seg(30, 31, "c")]),
        ({"min_duration_s": 8}, [seg(0, 10, "a", 0.5), seg(12, 20, "a", 0.9)]),
        ({"top": 2}, [seg(12, 20, "a", 0.9), seg(30, 31, "b")]),
        ({"lead_s": 1, "lag_s": 2, "labels": ("b",)}, [seg(14, 18, "b", 0.7), seg(29, 33, "b")]),
        (
            {"no_overlaps": True},
            [seg(0, 10, "a", 0.5), seg(12, 20, "a", 0.9), seg(30, 31, "b")],
        ),
        (
            {"label_with": "subject"},
            [seg(0, 10, "a", 0.5), seg(12, 20, "a", 0.9), seg(15, 16, "b", 0.7), seg(30, 31, "b")],
        ),
        # joined first, so that the pieces together are long enough
        ({"merge_gap_s": 2, "min_duration_s": 15}, [seg(0, 20, "a", (5 + 7.2) / 18)]),
        # renamed first, so that both are one label
        ({"names": {"b": "a"}, "merge_gap_s": 0, "top": 1}, [seg(30, 31, "a")]),
    ],
)
def test_a_selection_is_what_its_words_say(selection, left):
    given = (seg(0, 10, "a", 0.5), seg(12, 20, "a", 0.9), seg(15, 16, "b", 0.7), seg(30, 31, "b"))
    assert selected(*given, **selection) == tuple(left)


def test_a_timeline_of_which_all_is_selected_is_that_very_timeline():
    given = timeline(seg(0, 1))
    assert Selection().apply(given, nothing_stored) is given


def test_the_provenance_says_what_was_selected():
    selection = Selection(threshold=0.5, labels=("a",), names={"a": "b"})
    chosen = selection.apply(timeline(seg(0, 1), kept=1), nothing_stored)
    assert chosen.provenance == {
        "kept": 1,
        "selections": [{"threshold": 0.5, "labels": ["a"], "names": {"a": "b"}}],
    }
    again = Selection(threshold=0.6).apply(chosen, nothing_stored)
    assert again.provenance["selections"] == [*chosen.provenance["selections"], {"threshold": 0.6}]


@pytest.mark.parametrize("threshold", [0.5, 0.79])
def test_a_selection_cannot_be_selected_below_its_threshold(threshold):
    chosen = Selection(threshold=0.8).apply(timeline(seg(0, 1, score=0.9), seg(2, 3, score=0.6)), nothing_stored)
    with pytest.raises(TimelineError, match=r"is a selection, with a threshold of 0\.8; .*; export from the timeline"):
        Selection(threshold=threshold).apply(chosen, nothing_stored)
    assert len(Selection(threshold=0.8).apply(chosen, nothing_stored).segments) == 1


def test_a_selection_is_not_drawn_anew_either():
    drawn = timeline(seg(0, 1, score=0.9), analysis={"operating_point": {"high": 0.5, "low": 0.5}})
    renamed = Selection(names={"a": "b"}).apply(drawn, nothing_stored)
    with pytest.raises(TimelineError, match=r"threshold of 0\.5"):
        Selection(threshold=0.2).apply(renamed, nothing_stored)


def test_labels_that_a_timeline_cannot_have_are_known():
    drawn = timeline(seg(0, 1, "a"), analysis={"operating_points": {"b": {"high": 0.5, "low": 0.5}}})
    selection = Selection(labels=("a", "b", "c"), names={"d": "x", "c": "y"})
    assert selection.unknown_labels(drawn) == ["c", "d"]
    assert Selection(labels=("b",)).apply(drawn, nothing_stored).segments == ()


@pytest.mark.parametrize(
    ("threshold", "needed"),
    [(None, False), (0.0, True), (0.29, True), (0.3, False), (0.9, False)],
)
def test_scores_are_needed_below_the_lowest_threshold_of_any_label_only(threshold, needed):
    points = {"b": {"high": 0.3, "low": 0.1}}
    drawn = timeline(analysis={"kind": "x", "operating_point": {"high": 0.2, "low": 0.1}, "operating_points": points})
    assert Selection(threshold=threshold).needs_scores(drawn) is needed
    assert not Selection(threshold=threshold).needs_scores(timeline(analysis={"kind": "scenes"}))


def test_the_threshold_of_a_label_that_is_not_asked_for_does_not_matter():
    points = {"b": {"high": 0.3, "low": 0.1}}
    drawn = timeline(analysis={"operating_point": {"high": 0.5, "low": 0.1}, "operating_points": points})
    assert Selection(threshold=0.4).needs_scores(drawn)
    assert not Selection(threshold=0.4, labels=("b",)).needs_scores(drawn)
    assert Selection(threshold=0.4, labels=("b", "c")).needs_scores(drawn)


@pytest.mark.parametrize("name", ["threshold", "merge_gap_s", "min_duration_s", "lead_s", "lag_s"])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_are_finite(name, number):
    with pytest.raises(InputError, match="not finite"):
        Selection(**{name: number})


@pytest.mark.parametrize(
    "analysis",
    [
        {"operating_point": 3},
        {"operating_point": {"high": 2, "low": 1}},
        {"operating_point": {"high": 0.5, "low": 0.5}, "operating_points": [1]},
        {"operating_point": {"high": 0.5, "low": 0.5}, "operating_points": {"a": {"high": "x"}}},
    ],
)
def test_a_provenance_that_says_nonsense_is_told(analysis):
    with pytest.raises(TimelineError, match="does not fit its scores"):
        Selection(threshold=0.1).apply(timeline(analysis=analysis), nothing_stored)


@pytest.mark.parametrize(
    "analysis",
    [{}, {"kind": "x"}, {"kind": "action localization"}, {"kind": "clip classifier", "phase_rules": {"x": 1}}],
)
def test_what_does_not_say_how_it_was_drawn_is_not_drawn_otherwise(analysis):
    """Scores of positions alone: peaks of them would be segments that no analysis draws."""
    drawn = timeline(seg(0, 1), analysis={"operating_point": {"high": 0.5, "low": 0.5}, **analysis})
    grid_s = np.arange(4.0)
    index = FrameIndex(grid_s=grid_s, frame=np.arange(4), pts_s=grid_s, valid=np.ones(4, bool))
    scores = GridScores(frame=np.full((4, 1), 0.3, np.float16))
    with pytest.raises(TimelineError, match="does not fit its scores"):
        Selection(threshold=0.1).apply(drawn, lambda: (scores, index, ("a",)))
    honest = {"kind": "clip classifier", "operating_point": {"high": 0.5, "low": 0.5}}
    (found,) = Selection(threshold=0.1).apply(timeline(analysis=honest), lambda: (scores, index, ("a",))).segments
    assert found.score == 0.3


def test_a_label_is_the_same_in_any_form_of_unicode():
    segments = (Segment(start_s=0, end_s=1, label="e\u0301"), Segment(start_s=1, end_s=2, label="b"))
    timeline = Timeline(video_identity="", video_path="a.mp4", duration_s=2, span_s=(0, 2), segments=segments)
    selection = Selection(labels=("\u00e9",), names={"\u00e9": "new"})
    assert selection.unknown_labels(timeline) == []
    assert [s.label for s in selection.apply(timeline, lambda: None).segments] == ["new"]


def test_what_people_corrected_stays_when_segments_are_drawn_with_a_lower_threshold():
    by_hand = replace(seg(50, 60, "a", 0.2), origin="manual")
    rejected = replace(seg(0, 4, "a", 0.3), origin="model")
    analysis = {"kind": "clip classifier", "operating_point": {"high": 0.5, "low": 0.5}}
    film = timeline(by_hand, seg(90, 91, "a", 0.9), analysis=analysis)
    grid_s = np.arange(4.0)
    index = FrameIndex(grid_s=grid_s, frame=np.arange(4), pts_s=grid_s, valid=np.ones(4, bool))
    scores = GridScores(frame=np.full((4, 1), 0.3, np.float16))
    lower = Selection(threshold=0.1)
    (found,) = lower.apply(replace(film, segments=()), lambda: (scores, index, ("a",))).segments
    assert lower.apply(film, lambda: (scores, index, ("a",))).segments == (found, by_hand)
    refused = lower.apply(replace(film, rejected=(rejected,)), lambda: (scores, index, ("a",)))
    assert refused.segments == (by_hand,)
    assert refused.rejected == (rejected,)
