"""What annotations can teach: the rate and the head that they ask for, and what is too little."""

from fractions import Fraction
from pathlib import Path

import pytest
from training_material import MODEL, material, process, row, store, table  # noqa: F401  (fixtures among them)

from vtn_stream.errors import InputError
from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.sampling import SamplingPlan
from vtn_stream.timeline import Segment
from vtn_stream.training.check import check_enough, check_head, natural_head
from vtn_stream.training.footage import find_films
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.rate import grid_rate, natural_rate
from vtn_stream.training.split import Parts


def annotated(*segments, duration_s=60.0, **facts):
    """annotated((0, 5, "run"), ...)"""
    given = tuple(Segment(start_s=start_s, end_s=end_s, label=label) for start_s, end_s, label in segments)
    return AnnotatedVideo(segments=given, duration_s=duration_s, **facts)


# ---- how often they are looked at


@pytest.mark.parametrize(
    ("durations_s", "slowest", "rate"),
    [
        ([2.0], 25, 3),  # 6 positions in 2 s
        ([1.0] + [60.0] * 9, 25, 1),  # of ten, 5 % are shorter than 27.55 s
        ([1.0] * 2 + [60.0] * 8, 25, 6),
        ([0.5], 25, 8),  # at most
        ([0.5], 5, 5),  # no more than there are frames
        ([0.5], 5.0001, 5),
        ([0.5], 7.5, 6),
        ([600.0], 25, 1),  # at least
        ([0.5], 0.1, 1),  # a show of slides does not slow down the others
        ([1.4], 25, 5),
    ],
)
def test_the_rate_shows_short_segments_in_six_positions(durations_s, slowest, rate):
    videos = {str(n): annotated((0, duration_s, "run")) for n, duration_s in enumerate(durations_s)}
    assert natural_rate(videos, slowest) == rate


@pytest.mark.parametrize(
    ("duration_s", "slowest", "rate"), [(4, 25, 8), (10, 25, 8), (9, 5, 5), (30, 25, 3), (600, 25, 1)]
)
def test_clips_are_seen_at_80_positions(duration_s, slowest, rate):
    videos = {"a": annotated((0, duration_s, "run"), clip_label="run", duration_s=duration_s)}
    assert natural_rate(videos, slowest) == rate


def test_a_rate_that_is_asked_for_is_taken_and_its_doubts_are_told(material, store, process, table):
    footage = find_films(table(row("a"), row("c", 5, 5.5)), material, store, process)
    videos = footage.annotations.videos
    assert grid_rate(videos, footage.videos) == (SamplingPlan(Fraction(5)), ())
    plan, notes = grid_rate(videos, footage.videos, SamplingPlan(Fraction(30000, 1001)))
    assert plan.fps == Fraction(30000, 1001)
    assert notes == ("a.mp4 has 5 frames a second, but 29.97 positions: some frames are used twice",)
    plan, notes = grid_rate(videos, footage.videos, SamplingPlan(Fraction(2)))
    assert "1 of 2 segments are shorter than 2 positions at 2 a second" in notes[0]


@pytest.mark.parametrize("wrong", ["soon", "1e9999", 0, -1, "1/0", float("nan")])
def test_what_is_no_rate_is_told(wrong):
    with pytest.raises(InputError, match=r"is not a rate|positions per second"):
        TrainingOptions(annotations=Path(), videos=Path(), output=MODEL, fps=wrong)


# ---- what they can teach


def test_the_head_goes_by_the_annotations():
    phases = annotated((0, 30, "first"), (30, 58, "second"))
    assert natural_head({"a": phases}) == "dense"
    assert natural_head({"a": phases, "b": annotated()}) == "localization"  # nothing happens in half of it
    assert natural_head({"a": annotated((0, 30, "x"), (25, 60, "y"))}) == "localization"  # both at once, for 5 s
    assert natural_head({"a": annotated((0, 30.2, "x"), (30, 60, "y"))}) == "dense"
    assert natural_head({"a": annotated((0, 53, "x"))}) == "localization"
    assert natural_head({"a": annotated((0, 60, "x"), clip_label="x")}) == "classification"
    assert natural_head({"a": AnnotatedVideo(segments=phases.segments)}) == "dense"  # of unknown duration


@pytest.mark.parametrize(
    ("video", "head", "complaint"),
    [
        (annotated((0, 5, "x")), "classification", "there are segments in a;"),
        (annotated((0, 60, "x"), clip_label="x"), "localization", "but a has only one label for the whole film;"),
        (annotated((0, 60, "x"), clip_label="x"), "dense", "but a has only one label for the whole film;"),
        (annotated((0, 30, "x"), (20, 60, "y")), "dense", "segments overlap for 10 s of 60 s"),
    ],
)
def test_a_head_that_cannot_say_what_is_annotated_is_refused(video, head, complaint):
    with pytest.raises(InputError, match=complaint):
        check_head({"a": video}, head)
    check_head({"a": video}, natural_head({"a": video}))


def test_a_head_that_there_is_not_is_refused():
    with pytest.raises(InputError, match=r"there is no seg head; .*; use classification, dense, localization"):
        check_head({"a": annotated((0, 5, "x"))}, "seg")


def folds(*names, held_out=""):
    """folds("ab", "c"): two folds, with the films a and b, and c."""
    return Parts(folds=tuple(map(tuple, names)), held_out=tuple(held_out))


X, Y = (0, 5, "x"), (10, 15, "y")


@pytest.mark.parametrize(
    ("videos", "given", "complaint"),
    [
        (
            {"a": annotated(X)},
            folds("a"),
            "there is 1 segment in total, x has one segment, there is one film, so nothing can be chosen or measured",
        ),
        (
            {"a": annotated(X, (6, 9, "x"), (20, 30, "x"), (40, 50, "x"))},
            folds("a"),
            "there is one film, so",
        ),
        (
            {"a": annotated(X, (6, 9, "x")), "b": annotated(X, (20, 30, "x"))},
            folds("ab"),
            "all films have one source, so nothing can be chosen or measured on another",
        ),
        ({"a": annotated(X, Y), "b": annotated(X)}, folds("a", "b"), "are 3 segments in total, y has one segment"),
    ],
)
def test_too_little_is_refused_unless_asked_for(videos, given, complaint):
    with pytest.raises(InputError, match=f"there is too little data to learn from: .*{complaint}.*--anyway"):
        check_enough(videos, ["x", "y"], given, "localization")
    _, notes = check_enough(videos, ["x", "y"], given, "localization", anyway=True)
    assert any(note.startswith("too little data to learn from: ") for note in notes)


def test_a_misspelt_label_is_named_as_the_cure_where_it_is_the_reason():
    goals, wrong = [(n, n + 1, "goal") for n in range(0, 20, 2)], (30, 31, "gaol")
    videos = {"a": annotated(*goals, wrong), "b": annotated(*goals)}
    with pytest.raises(
        InputError, match=r"gaol has one .*; correct the spelling \(gaol to goal\), then there is enough"
    ):
        check_enough(videos, ["gaol", "goal"], folds("a", "b"), "localization")
    videos["a"] = annotated(*goals, wrong, (40, 41, "corner"))  # correcting it alone would not do
    with pytest.raises(InputError, match="corner and gaol have one segment each; nothing was trained; annotate"):
        check_enough(videos, ["corner", "gaol", "goal"], folds("a", "b"), "localization")


@pytest.mark.parametrize("anyway", [False, True])
def test_nothing_to_learn_is_refused_however_it_is_asked_for(anyway):
    quiet = {"a": annotated(), "b": annotated(), "c": annotated(X)}
    with pytest.raises(InputError, match="no film to learn from has a segment"):
        check_enough(quiet, ["x"], folds("a", "b", held_out="c"), "localization", anyway=anyway)
    with pytest.raises(InputError, match="there is no film to learn from"):
        check_enough(quiet, ["x"], folds(held_out="c"), "localization", anyway=anyway)
    clips = {name: annotated((0, 60, "x"), clip_label="x") for name in "abcde"}
    with pytest.raises(InputError, match="every clip is labelled x; a model needs at least two labels"):
        check_enough(clips, ["x"], folds("abcd", "e"), "classification", anyway=anyway)


def test_labels_that_cannot_be_learnt_or_measured_are_named():
    videos = {
        "a": annotated(X, Y, (16, 19, "y")),
        "b": annotated(X),
        "c": annotated(X, (20, 25, "z")),
    }
    learnt, notes = check_enough(videos, ["z", "y", "x", "w"], folds("a", "b", held_out="c"), "localization")
    assert learnt == ("y", "x")
    assert notes == (
        "y: in films of one fold only (one film, one source, or the validation films), so no model that learnt without "
        "those films can find it: its figures are those of a label that was never seen",
        "z: only in films that are held out, so not trained and not in the figures",
        "w: without a segment in these films, so not trained",
    )


def test_held_out_films_without_an_example_are_named():
    videos = {"a": annotated(X, Y), "b": annotated(X, Y), "c": annotated()}
    _, notes = check_enough(videos, ["x", "y"], folds("a", "b", held_out="c"), "localization")
    assert notes == ("no film that is held out has a segment, so these films measure nothing",)


def test_one_label_is_told_from_everything_else():
    videos = {"a": annotated(X, (6, 9, "x"), (20, 30, "x")), "b": annotated(X)}
    learnt, notes = check_enough(videos, ["x"], folds("a", "b"), "localization")
    assert (learnt, notes) == (("x",), ("there is one label: x is trained against everything else in the films",))
