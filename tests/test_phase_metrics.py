"""Phases of operations: against small ones counted by hand, and against the rules frame by frame."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import InputError
from vtn_stream.formats.annotations.cholec80 import PHASES
from vtn_stream.metrics import PhaseMeasure, relaxed_phases, strict_phases

NUMBERS = range(1, 8)  # the phases as the rule counts them


def frames(*stretches):
    """frames((1, 30), (2, 5)): thirty frames of phase 1, five of phase 2."""
    return [phase for phase, num in stretches for _ in range(num)]


def names(labels):
    return [PHASES[n - 1] for n in labels]


# ---- the rules, in plain loops


def judged(predicted, true, form, tolerance):
    """For every frame whether it counts as right."""
    right = [p == t for p, t in zip(predicted, true, strict=True)]
    start = 0
    while start < len(true):
        phase, stop = true[start], start
        while stop < len(true) and true[stop] == phase:
            stop += 1
        t = min(tolerance, stop - start) if form else 0
        for i in range(t):
            if predicted[start + i] - phase in ((-1, -2) if phase >= 6 else (-1,)):
                right[start + i] = True
            at = stop - t + i
            if predicted[at] - phase in ((1, 2) if phase >= 4 else (1,)):
                right[start + i if form == "exact" else at] = True
        start = stop
    return right


def plain(predictions, truth, form, tolerance):
    """Accuracy [V], then precision, recall, Jaccard [7, V], None where undefined."""
    accuracy, measures = [], ([], [], [])
    for v in sorted(truth):
        right = judged(predictions[v], truth[v], form, tolerance)
        accuracy.append(100 * sum(right) / len(right))
        for column in measures:
            column.append([])
        for phase in NUMBERS:
            ours = {i for i, p in enumerate(predictions[v]) if p == phase}
            theirs = {i for i, p in enumerate(truth[v]) if p == phase}
            hits = sum(right[i] for i in ours | theirs)
            for column, of in zip(measures, (ours, theirs, ours | theirs), strict=True):
                if not theirs or (not of and not hits):
                    column[-1].append(math.nan)
                else:
                    column[-1].append(min(100 * hits / len(of), 100) if of else 100)
    return accuracy, *(np.array(m).T for m in measures)


stretch = st.tuples(st.sampled_from(NUMBERS), st.integers(1, 9))
operations = st.lists(stretch, min_size=1, max_size=9).map(lambda s: frames(*s))
# Predictions that are wrong by a phase or two, as those of models are.
slips = st.lists(st.sampled_from([0, 0, 0, 1, 1, -1, -1, 2, -2, 3]), min_size=81, max_size=81)


@st.composite
def films(draw):
    truth = {v: draw(operations) for v in draw(st.sampled_from(["x", "xy", "zyx"]))}
    predictions = {}
    for v, true in truth.items():
        slip = draw(slips)
        predictions[v] = [min(max(t + d, 1), 7) for t, d in zip(true, slip, strict=False)]
    return predictions, truth


@given(films(), st.sampled_from([None, "exact", "corrected"]), st.sampled_from([0.1, 0.3, 0.5]))
def test_the_scores_are_those_of_plain_loops(pair, form, fps):
    if form is None:
        scores = strict_phases(*pair, phases=NUMBERS)
    else:
        scores = relaxed_phases(*pair, form, fps=fps, phases=NUMBERS)
    accuracy, *measures = plain(*pair, form, round(10 * fps))
    assert scores.videos == tuple(sorted(pair[1]))
    assert scores.accuracy_per_video == pytest.approx(accuracy)
    for ours, expected in zip((scores.precision, scores.recall, scores.jaccard), measures, strict=True):
        assert ours.values == pytest.approx(expected, nan_ok=True)


@settings(deadline=None)
@given(films(), st.sampled_from(["exact", "corrected"]))
def test_tolerance_never_costs_and_the_truth_is_perfect(pair, form):
    strict, relaxed = strict_phases(*pair, phases=NUMBERS), relaxed_phases(*pair, form, fps=0.4, phases=NUMBERS)
    assert (relaxed.accuracy_per_video >= strict.accuracy_per_video).all()
    perfect = relaxed_phases(pair[1], pair[1], form, fps=0.4, phases=NUMBERS)
    assert perfect.accuracy == perfect.precision.mean == perfect.recall.mean == perfect.jaccard.mean == 100
    named = [{v: names(labels) for v, labels in side.items()} for side in pair]
    again = relaxed_phases(*named, form, fps=0.4, phases=PHASES)
    assert again.phases == PHASES
    assert again.jaccard.values.tobytes() == relaxed.jaccard.values.tobytes()


@settings(deadline=None)
@given(films())
def test_the_two_forms_agree_where_no_stretch_is_longer_than_the_tolerance(pair):
    exact, corrected = (relaxed_phases(*pair, form, fps=8.1, phases=NUMBERS) for form in ("exact", "corrected"))
    for name in ("precision", "recall", "jaccard"):
        assert getattr(exact, name).values.tobytes() == getattr(corrected, name).values.tobytes()
    assert exact.accuracy_per_video.tolist() == corrected.accuracy_per_video.tolist()


# ---- by hand, one frame a second


def right(predicted, true, form, fps=1):
    """How many frames count as right."""
    scores = relaxed_phases({"x": predicted}, {"x": true}, form, fps=fps, phases=NUMBERS)
    return round(scores.accuracy * len(true) / 100)


TWO = frames((1, 30), (2, 30))


@pytest.mark.parametrize(
    ("predicted", "exact", "corrected"),
    [
        (frames((1, 35), (2, 25)), 60, 60),  # seen 5 s late
        (frames((1, 45), (2, 15)), 55, 55),  # 15 s late: 10 of them are forgiven
        (frames((1, 25), (2, 35)), 55, 60),  # 5 s early: the script looks for it in the wrong place
        (frames((1, 15), (2, 45)), 45, 55),
        # It is 5 s early, and the script forgives the 5 s from 5 on, whatever is said there.
        (frames((1, 5), (6, 5), (1, 15), (2, 35)), 55, 55),
        (frames((6, 5), (1, 20), (2, 35)), 50, 55),  # it does not reach the first 5 s
        (frames((3, 30), (1, 30)), 10, 10),  # 3 is no neighbour of 1; 1 comes before 2
        (frames((2, 30), (3, 30)), 20, 20),  # nothing follows the film's end, and it is forgiven all the same
    ],
)
def test_a_transition(predicted, exact, corrected):
    assert right(predicted, TWO, "exact") == exact
    assert right(predicted, TWO, "corrected") == corrected


def test_which_confusions_are_forgiven():
    late = {(p, q) for p in NUMBERS for q in NUMBERS if right(frames((q, 1), (p, 29)), frames((p, 30)), "exact") == 30}
    early = {
        (p, q) for p in NUMBERS for q in NUMBERS if right(frames((p, 29), (q, 1)), frames((p, 30)), "corrected") == 30
    }
    same = {(p, p) for p in NUMBERS}
    assert late - same == {(2, 1), (3, 2), (4, 3), (5, 4), (6, 5), (6, 4), (7, 6), (7, 5)}
    assert early - same == {(1, 2), (2, 3), (3, 4), (4, 5), (4, 6), (5, 6), (5, 7), (6, 7)}


def test_ten_seconds_are_ten_times_the_rate():
    true, late = frames((1, 300), (2, 300)), frames((1, 600))
    for fps, forgiven in ((1, 10), (25, 250), (29.97, 300), (0.5, 5), (0.01, 0)):
        assert right(late, true, "exact", fps) == 300 + forgiven


def test_what_is_forgiven_counts_for_both_phases():
    scores = relaxed_phases({"x": frames((1, 35), (2, 25))}, {"x": TWO}, "exact", fps=1, phases=NUMBERS)
    assert scores.precision.values[:2, 0].tolist() == [100, 100]  # 35 / 35, and 30 / 25 cut
    assert scores.recall.values[:2, 0].tolist() == [100, 100]
    assert scores.jaccard.values[:2, 0].tolist() == [100, 100]
    never_said = relaxed_phases({"x": frames((1, 35))}, {"x": frames((1, 30), (2, 5))}, "exact", fps=1, phases=NUMBERS)
    assert never_said.precision.values[1, 0] == 100  # 5 / 0, cut


def test_means_and_deviations():
    truth = {"x": frames((1, 6), (2, 2)), "y": frames((1, 4))}
    predictions = {"x": frames((1, 4), (2, 4)), "y": frames((1, 2), (3, 2))}
    scores = strict_phases(predictions, truth, phases=(1, 2, 3))
    nan = math.nan
    assert scores.videos == ("x", "y")
    assert scores.precision.values == pytest.approx(np.array([[100, 100], [50, nan], [nan, nan]]), nan_ok=True)
    assert scores.recall.values == pytest.approx(np.array([[200 / 3, 50], [100, nan], [nan, nan]]), nan_ok=True)
    assert scores.jaccard.values == pytest.approx(np.array([[200 / 3, 50], [50, nan], [nan, nan]]), nan_ok=True)
    assert scores.accuracy == 62.5  # of films, not of frames
    assert scores.accuracy_std == pytest.approx(12.5 * 2**0.5)
    assert scores.precision.per_phase == pytest.approx([100, 50, nan], nan_ok=True)
    assert scores.precision.mean == 75
    assert scores.precision.std == pytest.approx(25 * 2**0.5)
    assert scores.recall.mean == pytest.approx((350 / 6 + 100) / 2)


def test_a_phase_that_is_never_said_has_no_precision_and_no_recall():
    scores = strict_phases({"x": frames((1, 10))}, {"x": frames((1, 5), (2, 5))}, phases=(1, 2))
    assert scores.precision.values == pytest.approx(np.array([[50], [math.nan]]), nan_ok=True)
    assert scores.recall.values.tolist() == [[100], [0]]
    assert scores.jaccard.values.tolist() == [[50], [0]]


def test_a_single_value_has_no_deviation():
    scores = strict_phases({"x": ["a"]}, {"x": ["a"]}, phases=("a",))
    assert (scores.accuracy, scores.jaccard.mean) == (100, 100)
    assert math.isnan(scores.accuracy_std)
    assert math.isnan(scores.jaccard.std)
    assert math.isnan(PhaseMeasure(values=np.full((2, 2), math.nan)).mean)


# ---- refusals


def test_a_label_that_is_no_phase_is_named():
    for predictions, truth in (({"x": [1, 9]}, {"x": [1, 1]}), ({"x": [1, 1]}, {"x": [1, 9]})):
        with pytest.raises(InputError, match="a frame of x is labelled 9, which is not one of the 2 phases"):
            strict_phases(predictions, truth, phases=(1, 2))
    with pytest.raises(InputError, match="x has 1 predicted labels and 2 true ones"):
        relaxed_phases({"x": [1]}, {"x": [1, 1]}, "exact", fps=1, phases=NUMBERS)


@pytest.mark.parametrize(
    ("form", "fps", "phases", "problem"),
    [
        ("relaxed", 1, NUMBERS, "form must be"),
        ("exact", 0, NUMBERS, "fps must be"),
        ("exact", 1, range(8), "Cholec80's 7 phases, got 8"),
        ("exact", 1, [1] * 7, "each once"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(form, fps, phases, problem):
    with pytest.raises(ValueError, match=problem):
        relaxed_phases({"x": [1]}, {"x": [1]}, form, fps=fps, phases=phases)
