"""Detection: against sums done by hand, and against loops as plain as the definition."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import InputError
from vtn_stream.metrics import (
    ACTIVITYNET,
    EPIC,
    THUMOS14,
    average_recall,
    detection_map,
)
from vtn_stream.timeline import Segment


def seg(start_s, end_s, score=None, label="a"):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score)


# ---- the definition, in plain loops


def tiou(a, b):
    shared = min(a.end_s, b.end_s) - max(a.start_s, b.start_s)
    return shared / (a.end_s - a.start_s + b.end_s - b.start_s - shared) if shared > 0 else 0.0


def ranked(predictions, label=None):
    """(video, segment) by descending score; videos by name, and in the order given where scores agree."""
    every = [(v, s) for v in sorted(predictions) for s in predictions[v] if label in (None, s.label)]
    return sorted(every, key=lambda vs: -vs[1].score)


def hits(predictions, truth, label, threshold):
    """Whether each prediction, by rank, takes a true segment; and how many there are."""
    free = {v: sorted((s.start_s, s.end_s) for s in truth[v] if s.label == label) for v in truth}
    num_truth, took = sum(map(len, free.values())), []
    for video, segment in ranked(predictions, label):
        near = [(tiou(segment, seg(*span)), span) for span in free[video]]
        near.sort(key=lambda n: -n[0])
        took.append(bool(near) and near[0][0] >= threshold)
        if took[-1]:
            free[video].remove(near[0][1])
    return took, num_truth


def plain_ap(predictions, truth, label, threshold):
    """For each true segment the best precision of any rank that has recalled as many, averaged."""
    took, num_truth = hits(predictions, truth, label, threshold)
    ranks = [(sum(took[:n]), sum(took[:n]) / n) for n in range(1, len(took) + 1)]
    return sum(max((p for tp, p in ranks if tp >= k), default=0.0) for k in range(1, num_truth + 1)) / num_truth


def names(truth):
    return sorted({s.label for v in truth for s in truth[v]})


spans = st.tuples(st.integers(0, 9), st.integers(0, 6)).map(lambda t: (t[0], t[0] + t[1]))


def videos(segments, min_size=0):
    return st.fixed_dictionaries({v: st.lists(segments, min_size=min_size, max_size=6) for v in ("x", "y", "z")})


truths = videos(st.builds(lambda span, label: seg(*span, label=label), spans, st.sampled_from("ab"))).map(
    lambda truth: truth | {"w": [seg(0, 4, label="a"), seg(2, 6, label="b")]}
)
found = videos(
    st.builds(lambda span, label, score: seg(*span, score, label), spans, st.sampled_from("ab"), st.integers(0, 5))
)
thresholds = st.sampled_from([ACTIVITYNET, THUMOS14, EPIC, (0.5,), (1.0,), (0.7, 0.3)])


@given(found, truths, thresholds)
def test_average_precision_is_that_of_plain_loops(predictions, truth, limits):
    scores = detection_map(predictions, truth, limits)
    assert (scores.thresholds, list(scores.classes)) == (limits, names(truth))
    for label, per_class in scores.classes.items():
        expected = [plain_ap(predictions, truth, label, limit) for limit in limits]
        assert per_class.ap == pytest.approx(expected, abs=1e-12)
        assert per_class.matched.tolist() == [hits(predictions, truth, label, limit)[0] for limit in limits]
        assert per_class.scores.tolist() == [s.score for _, s in ranked(predictions, label)]
        assert per_class.num_truth == sum(s.label == label for v in truth for s in truth[v])
    by_class = [c.ap for c in scores.classes.values()]
    assert scores.mean_ap == pytest.approx(np.mean(by_class, axis=0), abs=1e-15)
    assert scores.average_map == pytest.approx(np.mean(by_class), abs=1e-12)


@settings(deadline=None)
@given(truths.map(lambda t: {v: [s for s in t[v] if s.duration_s] for v in t}), st.randoms())
def test_the_truth_itself_is_perfect_and_silence_is_worth_nothing(truth, random):
    itself = {v: [replace(s, score=random.random()) for s in truth[v]] for v in truth}
    assert detection_map(itself, truth, ACTIVITYNET).average_map == 1.0
    silence = {v: [] for v in truth}
    for nothing in ({}, silence):
        assert detection_map(nothing, truth, ACTIVITYNET).average_map == 0.0
        assert average_recall(nothing, truth).area == 0.0


@settings(deadline=None)
@given(found, truths, st.randoms())
def test_only_the_order_of_scores_matters(predictions, truth, random):
    values = iter(random.sample(range(-50, 50), 100))
    predictions = {v: [replace(s, score=next(values)) for s in predictions[v]] for v in predictions}
    expected = detection_map(predictions, truth, EPIC)
    grown = {v: [replace(s, score=math.exp(s.score / 10)) for s in predictions[v]] for v in predictions}

    def shuffled(by_video):
        return {v: random.sample(by_video[v], len(by_video[v])) for v in random.sample(list(by_video), len(by_video))}

    for same in (grown, shuffled(predictions)):
        scores = detection_map(same, shuffled(truth), EPIC)
        for label, per_class in expected.classes.items():
            assert scores.classes[label].ap.tolist() == per_class.ap.tolist()
        assert average_recall(same, truth).recall.tolist() == average_recall(predictions, truth).recall.tolist()


# ---- by hand


@pytest.mark.parametrize(
    ("predictions", "truth", "threshold", "ap"),
    [
        ([(0, 10, 0.9), (40, 50, 0.8), (20, 30, 0.7)], [(0, 10), (20, 30)], 0.5, (1 + 2 / 3) / 2),
        ([(40, 50, 0.9), (0, 10, 0.8), (20, 30, 0.7)], [(0, 10), (20, 30)], 0.5, (2 / 3 + 2 / 3) / 2),  # the envelope
        ([(0, 10, 0.9), (0, 10, 0.8)], [(0, 10)], 0.5, 1.0),  # told twice, but after the first
        ([(0, 5, 0.9), (0, 10, 0.8)], [(0, 10)], 0.5, 1.0),  # the better score takes it, at tIoU .5 exactly
        ([(0, 5, 0.9), (0, 10, 0.8)], [(0, 10)], 0.51, 0.5),
        ([(0, 10, 0.9), (1, 11, 0.8)], [(0, 10), (4, 14)], 0.5, 1.0),  # its best is taken: the next, 7/13, is tried
        ([(0, 10, 0.9), (1, 11, 0.8)], [(0, 10), (4, 14)], 0.6, 0.5),
        ([(5, 5, 0.9)], [(5, 5), (0, 10)], 0.1, 0.0),  # instants overlap nothing, not even themselves
        ([(0, 10, 0.9)], [(0, 10)] * 4, 1.0, 0.25),
    ],
)
def test_small_films(predictions, truth, threshold, ap):
    scores = detection_map({"x": [seg(*p) for p in predictions]}, {"x": [seg(*t) for t in truth]}, [threshold])
    assert scores.average_map == pytest.approx(ap, abs=1e-15)


def test_of_two_true_segments_that_are_alike_the_earlier_is_taken():
    predictions = {"x": [seg(5, 15, 0.9), seg(0, 10, 0.8)]}  # tIoU 1/3 with both; then nothing is left for the second
    for truth in ([seg(0, 10), seg(10, 20)], [seg(10, 20), seg(0, 10)]):
        assert detection_map(predictions, {"x": truth}, [0.3]).average_map == 0.5


def test_a_prediction_takes_nothing_from_another_film_or_class():
    truth = {"x": [seg(0, 10)], "y": [seg(0, 10, label="b")], "z": []}
    for wrong in ({"y": [seg(0, 10, 0.5)]}, {"x": [seg(0, 10, 0.5, "b")]}, {"z": [seg(0, 10, 0.5)]}):
        assert detection_map(wrong, truth, EPIC).average_map == 0.0


def test_the_curve_is_that_of_the_ranks():
    truth = {"x": [seg(0, 10), seg(20, 30)], "y": [seg(0, 10, label="b")]}
    predictions = {"x": [seg(40, 50, 0.8), seg(20, 30, 0.7), seg(0, 10, 0.9)]}
    scores = detection_map(predictions, truth, (0.5, 0.9))
    curve = scores.classes["a"]
    assert curve.scores.tolist() == [0.9, 0.8, 0.7]
    assert curve.recall.tolist() == [[0.5, 0.5, 1.0]] * 2
    assert curve.precision.tolist() == [[1.0, 0.5, 2 / 3]] * 2
    silent = scores.classes["b"]
    assert (silent.ap.tolist(), silent.recall.shape, silent.precision.shape) == ([0.0, 0.0], (2, 0), (2, 0))
    assert scores.mean_ap == pytest.approx([5 / 12, 5 / 12])


@pytest.mark.parametrize("threshold", sorted({*THUMOS14, *ACTIVITYNET, *EPIC}))
def test_a_tiou_of_just_the_threshold_is_enough(threshold):
    share = Fraction(str(threshold))
    truth = {"x": [seg(0, 10 * share.denominator)]}
    for numerator, expected in ((10 * share.numerator, 1.0), (10 * share.numerator - 0.001, 0.0)):
        assert detection_map({"x": [seg(0, numerator, 0.5)]}, truth, [threshold]).average_map == expected


def test_the_presets_are_those_of_the_benchmarks():
    assert pytest.approx(np.linspace(0.3, 0.7, 5)) == THUMOS14
    assert pytest.approx(np.linspace(0.5, 0.95, 10)) == ACTIVITYNET
    assert pytest.approx(np.linspace(0.1, 0.5, 5)) == EPIC


# ---- proposals


def test_average_recall_of_two_films():
    truth = {"x": [seg(0, 10)], "y": [seg(0, 10), seg(20, 30, label="b")], "silent": []}
    proposals = {
        "x": [seg(0, 10, 0.8, "any"), seg(50, 60, 0.9, "any")],
        "y": [seg(0, 10, 0.9, "any"), seg(20, 30, 0.5, "any")],
        "silent": [seg(0, 10, 1.0, "any")] * 50,
    }
    # Two a film on average: none of them up to .98, the first of each from 1 on, both at 2.
    scores = average_recall(proposals, truth, max_number=2)
    assert scores.num_per_video == pytest.approx(np.arange(1, 101) * 0.02)
    assert scores.average_recall == pytest.approx([0] * 49 + [1 / 3] * 50 + [1])
    assert scores.recall.shape == (10, 100)
    assert scores.area == pytest.approx(0.02 * (1 / 6 + 49 / 3 + 2 / 3) / 2)
    assert average_recall(proposals, truth, max_number=1).average_recall[-1] == pytest.approx(1 / 3)
    # Few proposals, many asked for: all are used, at once where they are fewer than one hundredth.
    assert average_recall(proposals, truth).num_per_video.tolist() == list(range(1, 101))
    assert average_recall(proposals, truth).average_recall == pytest.approx([1 / 3] + [1] * 99)


def plain_recall(proposals, truth, threshold, number, max_number):
    """The share of true segments met when every film with any keeps `number` proposals on average."""
    films = [v for v in truth if truth[v]]
    total = sum(len(proposals.get(v, ())) for v in films)
    ratio = max_number * len(films) / total
    kept = {v: ranked({v: proposals.get(v, ())}) for v in films}
    kept = {v: k[: int(len(k) * ratio)] for v, k in kept.items()}
    share = number / 100.0 * (max_number * len(films) / sum(map(len, kept.values())))
    met = [
        any(tiou(s, t) >= threshold for _, s in kept[v][: int(len(kept[v]) * share)]) for v in films for t in truth[v]
    ]
    return sum(met) / len(met)


@given(found, truths, st.sampled_from([1.5, 3, 20]))
def test_average_recall_is_that_of_plain_loops(proposals, truth, max_number):
    proposals |= {"w": [seg(0, 5, 2)] * 4}
    scores = average_recall(proposals, truth, (0.5, 0.8), max_number=max_number)
    for k, limit in enumerate((0.5, 0.8)):
        expected = [plain_recall(proposals, truth, limit, number, max_number) for number in range(1, 101)]
        assert scores.recall[k] == pytest.approx(expected, abs=1e-12)


# ---- refusals

TRUTH = {"x": [seg(0, 10)], "y": []}


@pytest.mark.parametrize(
    ("predictions", "truth", "problem"),
    [
        ({"x": [seg(0, 1, 0.5), seg(3, 4)]}, TRUTH, "segment of x has no score .a at 3 s."),
        ({"y": [seg(0, 1, 0.5, "run")]}, TRUTH, "segment of y is labelled run.*the truth has a$"),
        ({"z": []}, TRUTH, "predictions for z, which is not annotated"),
        ({}, {"x": []}, "the truth holds no segment"),
        ({}, {}, "the truth holds no segment"),
    ],
)
def test_what_cannot_be_scored_is_refused(predictions, truth, problem):
    calls = (
        lambda: detection_map(predictions, truth, EPIC),
        lambda: average_recall(predictions, truth),
    )
    for call in calls if "labelled" not in problem else calls[:1]:  # proposals have no class
        with pytest.raises(InputError, match=problem) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_other_films_are_left_out_on_request():
    more = {"x": [seg(0, 10, 0.5)], "z": [seg(0, 10, None, "whatever")]}
    assert detection_map(more, TRUTH, EPIC, ignore_other_videos=True).average_map == 1.0
    assert average_recall(more, TRUTH, ignore_other_videos=True).area == pytest.approx(0.99)


@pytest.mark.parametrize("limits", [[], [0.0], [1.01], [math.nan], [[0.5]]])
def test_a_threshold_that_means_nothing_is_refused(limits):
    with pytest.raises(ValueError, match="thresholds"):
        detection_map({}, TRUTH, limits)


def test_arguments_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="max_number"):
        average_recall({}, TRUTH, max_number=0)
