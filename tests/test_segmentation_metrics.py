"""Labels of frames: against runs drawn as words, and against loops as plain as the definition."""

from functools import lru_cache
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import InputError
from vtn_stream.metrics import labels_on_grid, segmentation_scores
from vtn_stream.timeline import Segment

# ---- the definition, in plain loops


def runs(labels, background):
    at, found = 0, []
    for label, group in groupby(labels):
        frames = range(at, at + len(list(group)))
        at = frames.stop
        if label not in background:
            found.append((label, set(frames)))
    return found


@lru_cache
def distance(a, b):
    if not a or not b:
        return len(a) + len(b)
    if a[0] == b[0]:
        return distance(a[1:], b[1:])
    return 1 + min(distance(a[1:], b), distance(a, b[1:]), distance(a[1:], b[1:]))


def counts(predicted, true, overlap, background):
    """True positives, false positives and false negatives of one video."""
    ours, theirs = runs(predicted, background), runs(true, background)
    hit = [False] * len(theirs)
    tp = fp = 0
    for label, frames in ours:
        ious = [len(frames & other) / len(frames | other) if label == l2 else 0.0 for l2, other in theirs]
        best = ious.index(max(ious)) if ious else None
        if best is not None and ious[best] >= overlap and not hit[best]:
            hit[best] = True
            tp += 1
        else:
            fp += 1
    return tp, fp, hit.count(False)


def plain_f1(predictions, truth, overlap, background):
    tp, fp, fn = map(sum, zip(*(counts(predictions[v], truth[v], overlap, background) for v in truth), strict=True))
    return 200 * tp / (2 * tp + fp + fn) if tp + fp + fn else 100.0


def plain_edit(predictions, truth, background):
    scores = []
    for v in truth:
        ours, theirs = (tuple(label for label, _ in runs(x[v], background)) for x in (predictions, truth))
        longest = max(len(ours), len(theirs))
        scores.append(100 * (1 - distance(ours, theirs) / longest) if longest else 100.0)
    return sum(scores) / len(scores)


stretches = st.lists(st.tuples(st.sampled_from("ABC_"), st.integers(1, 5)), min_size=1, max_size=8)
words = stretches.map(lambda pieces: "".join(label * n for label, n in pieces))


@st.composite
def films(draw):
    """Predictions and truth of one to three films, of equal length."""
    names = draw(st.lists(st.sampled_from("xyz"), min_size=1, unique=True))
    pairs = {v: (draw(words), draw(words)) for v in names}
    return tuple({v: list(p[side][: min(map(len, p))]) for v, p in pairs.items()} for side in (0, 1))


@given(films(), st.sampled_from([(), ("_",), ("A", "_")]))
def test_the_scores_are_those_of_plain_loops(pair, background):
    predictions, truth = pair
    scores = segmentation_scores(predictions, truth, background=background)
    frames = [p == t for v in truth for p, t in zip(predictions[v], truth[v], strict=True)]
    assert scores.accuracy == pytest.approx(100 * sum(frames) / len(frames))
    assert scores.edit == pytest.approx(plain_edit(predictions, truth, background))
    assert scores.overlaps == (0.1, 0.25, 0.5)
    assert scores.f1 == pytest.approx([plain_f1(predictions, truth, k, background) for k in scores.overlaps])


@settings(deadline=None)
@given(films(), st.randoms())
def test_neither_the_order_of_films_nor_the_names_of_labels_matter(pair, random):
    expected = segmentation_scores(*pair, background=("_",))
    order = random.sample(list(pair[0]), len(pair[0]))
    numbers = dict(zip("ABC_", random.sample(range(-9, 9), 4), strict=True))
    renamed = [{v: np.array([numbers[x] for x in side[v]], np.int16) for v in order} for side in pair]
    assert segmentation_scores(*renamed, background=(numbers["_"],)) == expected
    perfect = segmentation_scores(pair[1], pair[1], background=("_",))
    assert (perfect.accuracy, perfect.edit, *perfect.f1) == (100,) * 5


@settings(deadline=None)
@given(st.lists(st.sampled_from("AB_"), min_size=1, max_size=20))
def test_silence_is_worth_nothing_where_there_was_something_to_say(labels):
    silence = ["_"] * len(labels)
    scores = segmentation_scores({"x": silence}, {"x": labels}, background=("_",))
    assert (scores.edit, *scores.f1) == ((100,) * 4 if labels == silence else (0,) * 4)
    assert scores.accuracy == pytest.approx(100 * labels.count("_") / len(labels))


# ---- by hand


@pytest.mark.parametrize(
    ("predicted", "true", "accuracy", "edit", "f1"),
    [
        ("AAAABBBB", "AAAABBBB", 100, 100, (100, 100, 100)),
        ("AAABBBBB", "AAAABBBB", 87.5, 100, (100, 100, 100)),
        ("AAAAAAAA", "AAAABBBB", 50, 50, (200 / 3, 200 / 3, 200 / 3)),  # IoU .5 exactly
        ("ABABABAB", "AAAABBBB", 50, 25, (40, 40, 0)),  # two true runs found, six alarms; each is a quarter of a run
        ("BBBBAAAA", "AAAABBBB", 0, 0, (0, 0, 0)),  # the labels are right, not their time
        ("AAAAAAAAAB", "BAAAAAAAAA", 80, 0, (50, 50, 50)),  # the Bs do not meet
        ("AB", "BA", 0, 0, (0, 0, 0)),
    ],
)
def test_small_films(predicted, true, accuracy, edit, f1):
    scores = segmentation_scores({"x": list(predicted)}, {"x": list(true)})
    assert (scores.accuracy, scores.edit) == (accuracy, pytest.approx(edit))
    assert scores.f1 == pytest.approx(f1)


def test_a_run_is_compared_with_its_best_match_only():
    # The first two of the three As both overlap the first true A most: the second is an alarm, near as others may be.
    scores = segmentation_scores({"x": list("AA_AA____AAAA")}, {"x": list("AAAAA_A__AAAA")}, background=("_",))
    assert scores.f1 == pytest.approx((200 * 2 / 6,) * 2 + (200 / 6,))


def test_runs_around_background_are_not_joined():
    scores = segmentation_scores({"x": list("A_A")}, {"x": list("AAA")}, background=("_",))
    assert scores.edit == 50
    assert scores.accuracy == pytest.approx(200 / 3)


def test_runs_are_summed_over_films_and_edit_is_averaged():
    predictions, truth = {"x": list("A" * 9), "y": list("ABCABC")}, {"x": list("A" * 9), "y": list("DDDDDD")}
    scores = segmentation_scores(predictions, truth, overlaps=(0.5,))
    assert scores.f1 == pytest.approx((200 / 9,))
    assert scores.edit == 50
    assert scores.accuracy == 60


def test_a_flickering_hour_is_scored():
    true = np.repeat(np.arange(100) % 7, 36)
    predicted = true.copy()
    predicted[::2] = 8
    scores = segmentation_scores({"x": predicted}, {"x": true})
    assert scores.accuracy == 50
    assert scores.edit == pytest.approx(100 * 100 / 3600)  # of 3600 runs, 100 can stay
    assert scores.f1 == (0, 0, 0)  # one frame is no tenth of a run


# ---- timelines as labels


def seg(start_s, end_s, label, score=None):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score)


@pytest.mark.parametrize(
    ("segments", "drawn"),
    [
        ([], "______"),
        ([seg(1, 3, "A")], "_AA___"),  # [1, 3)
        ([seg(0.5, 1.5, "A"), seg(4, 99, "B")], "_A__BB"),
        ([seg(0, 3, "A"), seg(3, 6, "B")], "AAABBB"),
        ([seg(2, 2, "A")], "______"),  # an instant holds nothing
        ([seg(0, 4, "A", 0.5), seg(2, 6, "B", 0.6)], "AABBBB"),
        ([seg(0, 4, "A", 0.6), seg(2, 6, "B", 0.5)], "AAAABB"),
        ([seg(2, 6, "B", 0.5), seg(0, 4, "A", 0.5)], "AAAABB"),  # alike: A sorts before B
        ([seg(2, 6, "A", 0.5), seg(0, 4, "B", 0.5)], "BBAAAA"),
        ([seg(0, 4, "B", -1.0), seg(0, 6, "A")], "BBBBAA"),  # any score beats none
    ],
)
def test_a_timeline_as_labels(segments, drawn):
    assert labels_on_grid(segments, np.arange(6.0), "_").tolist() == list(drawn)


pieces = st.builds(
    lambda start, length, label, score: seg(start, start + length, label, score),
    st.integers(0, 8),
    st.integers(0, 5),
    st.sampled_from(["A", "B", "long name"]),
    st.none() | st.integers(-2, 2),
)


@settings(deadline=None)
@given(st.lists(pieces, max_size=8), st.lists(st.integers(-2, 30).map(lambda t: t / 2), max_size=12), st.randoms())
def test_every_time_has_the_label_that_wins_there(segments, times, random):
    def winner(t):
        holding = [s for s in segments if s.start_s <= t < s.end_s]
        best = max(((s.score is not None, s.score or 0) for s in holding), default=None)
        return min((s.label for s in holding if (s.score is not None, s.score or 0) == best), default="_")

    found = labels_on_grid(random.sample(segments, len(segments)), np.array(times), "_")
    assert found.tolist() == [winner(t) for t in times]


# ---- refusals


@pytest.mark.parametrize(
    ("predictions", "truth", "problem"),
    [
        ({}, {}, "the truth holds no video"),
        ({"x": ["A"], "y": ["A"]}, {"x": ["A"]}, "y is among the predictions, but not in the truth"),
        ({}, {"x": ["A"]}, "x is among the truth, but not in the predictions"),
        ({"x": ["A", "A"]}, {"x": ["A"]}, "x has 2 predicted labels and 1 true ones"),
        ({"x": []}, {"x": []}, "x has 0 predicted labels and 0 true ones"),
        ({"x": [1]}, {"x": ["1"]}, "x is labelled with words on one side and with numbers on the other"),
    ],
)
def test_films_that_cannot_be_compared_are_refused(predictions, truth, problem):
    with pytest.raises(InputError, match=problem) as caught:
        segmentation_scores(predictions, truth)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "options", "problem"),
    [
        ([0.5], {}, "words .T. or whole numbers"),
        ([["A"]], {}, "words .T. or whole numbers"),
        (["A"], {"overlaps": ()}, "overlaps"),
        (["A"], {"overlaps": (0.0,)}, "overlaps"),
        (["A"], {"background": "background"}, "collection of labels"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(labels, options, problem):
    with pytest.raises(ValueError, match=problem):
        segmentation_scores({"x": labels}, {"x": labels}, **options)


@pytest.mark.parametrize("times", [[[0.0]], [float("nan")]])
def test_times_that_mean_nothing_are_refused(times):
    with pytest.raises(ValueError, match="times_s"):
        labels_on_grid([], times, "_")
