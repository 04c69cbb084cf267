"""Spotting: against sums done by hand, and against loops as plain as the definition."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import InputError
from vtn_stream.metrics import LOOSE_S, TIGHT_S, spot_map, window_map
from vtn_stream.timeline import Segment


def at(time_s, score=None, label="a"):
    return Segment(start_s=time_s, end_s=time_s, label=label, score=score)


# ---- the definitions, in plain loops

CELLS = 61  # of half a second, up to 30 s
THRESHOLDS = np.linspace(0, 1, 200).tolist()  # SoccerNet's own: some differ from n / 199 in the last bit


def plain_window_ap(predictions, truth, label, width_s):
    """SoccerNet's: every film a row of half seconds, thresholds counted one by one."""
    verdicts, num_truth = [], 0  # (score, right or wrong) of every prediction
    for film in truth:
        true, said = [0] * CELLS, [None] * CELLS
        for s in truth[film]:
            if s.label == label:
                true[int(2 * s.start_s)] = 1
        for s in predictions.get(film, []):
            k = int(2 * s.start_s)
            if s.label == label and (said[k] is None or s.score > said[k]):
                said[k] = s.score
        num_truth += sum(true)
        used = set()
        for k in range(CELLS):
            if true[k]:
                near = [p for p in range(CELLS) if said[p] is not None and abs(p - k) <= width_s and p not in used]
                if near:
                    used.add(max(near, key=lambda p: (said[p], -p)))
        verdicts += [(said[p], p in used) for p in range(CELLS) if said[p] is not None]
    points = []
    for threshold in THRESHOLDS:
        kept = [right for score, right in verdicts if score >= threshold]
        points.append((sum(kept) / len(kept) if kept else 0, sum(kept) / num_truth if num_truth else 0))
    return sum(max([p for p, r in points if r >= j / 10], default=0) for j in range(11)) / 11


def plain_spot_ap(predictions, truth, label, tolerance):
    """E2E-Spot's, of whole times: for each true event the best precision of any rank that has recalled as many."""
    free = {film: [s.start_s for s in truth[film] if s.label == label] for film in truth}
    num_truth = sum(map(len, free.values()))
    ranked = [(-s.score, film, s.start_s) for film in predictions for s in predictions[film] if s.label == label]
    took = []
    for _, film, time in sorted(ranked):
        nearest = min(free[film], key=lambda t: (abs(t - time), t), default=None)
        took.append(nearest is not None and abs(nearest - time) <= tolerance)
        if took[-1]:
            free[film].remove(nearest)
    ranks = [(sum(took[:n]), sum(took[:n]) / n) for n in range(1, len(took) + 1)]
    return sum(max((p for tp, p in ranks if tp >= k), default=0) for k in range(1, num_truth + 1)) / num_truth


def films(times, score):
    spots = st.builds(at, times, score, st.sampled_from("ab"))
    return st.fixed_dictionaries({film: st.lists(spots, max_size=8) for film in "xyz"})


quarters = st.integers(0, 120).map(lambda n: n / 4)
levels = st.sampled_from(THRESHOLDS) | st.floats(0, 1)  # also exactly at SoccerNet's thresholds


@settings(deadline=None, max_examples=25)
@given(films(quarters, levels), films(quarters, st.none()).map(lambda truth: truth | {"w": [at(3)]}))
def test_windows_are_soccernets_definition(predictions, truth):
    scores = window_map(predictions, truth, ["a", "b", "c"], (*TIGHT_S, 5, 60))
    for label in "abc":
        plain = [plain_window_ap(predictions, truth, label, width_s) for width_s in scores.widths_s]
        assert scores.classes[label].tolist() == pytest.approx(plain, abs=1e-12)


@settings(deadline=None, max_examples=25)
@given(
    films(st.integers(0, 30), levels),
    films(st.integers(0, 30), st.none()).map(lambda truth: truth | {"w": [at(3)]}),
    st.randoms(use_true_random=False),
)
def test_tolerances_are_e2e_spots_definition_whatever_the_order(predictions, truth, random):
    tolerances = (0, 1, 2, 7)
    scores = spot_map(predictions, truth, tolerances)
    for label, found in scores.classes.items():
        plain = [plain_spot_ap(predictions, truth, label, tolerance) for tolerance in tolerances]
        assert found.ap.tolist() == pytest.approx(plain, abs=1e-12)
    shuffled = [{f: random.sample(s, len(s)) for f, s in reversed(side.items())} for side in (predictions, truth)]
    assert spot_map(*shuffled, tolerances).mean_ap.tolist() == scores.mean_ap.tolist()
    labels = sorted(scores.classes)
    windows = [window_map(*sides, labels, TIGHT_S).average_map for sides in (shuffled, (predictions, truth))]
    assert windows[0] == windows[1]


# ---- by hand


def test_a_worked_example_of_windows():
    """True at 10 and 20 s. Said: 10.5 (.9), 30 (.6), 21.5 (.5): one cell away, nothing there, three cells away."""
    truth = {"x": [at(10), at(20)]}
    predictions = {"x": [at(10.5, 0.9), at(30, 0.6), at(21.5, 0.5)]}
    scores = window_map(predictions, truth, ["a"], TIGHT_S)
    one = 6 / 11  # precision 1 at recalls 0 to .5, none beyond
    both = (6 * 1 + 5 * 2 / 3) / 11  # and 2/3 from there on, when all three are counted
    assert scores.mean_ap.tolist() == pytest.approx([one, one, both, both, both])
    assert scores.average_map == pytest.approx((one / 2 + one + both + both + both / 2) / 4)


def test_windows_by_hand_of_classes_that_are_not_there():
    truth, found = {"x": [at(10)]}, {"x": [at(10, 0.9), at(50, 0.9, "b")]}
    assert window_map(found, truth, ["a"], LOOSE_S).average_map == 1
    assert window_map(found, truth, ["a", "b", "c", "d"], LOOSE_S).average_map == 0.25  # each counts 0
    assert window_map({}, truth, ["a"], TIGHT_S).average_map == 0


@pytest.mark.parametrize(
    ("true", "found", "ap"),
    [
        ([10.0], [(10.49, 0.9)], 1),  # the same half second
        ([10.49], [(9.5, 0.9)], 1),  # the cell before: up to 1 s away counts at a width of 1 s
        ([10.0], [(9.49, 0.9)], 0),  # two cells before, 0.51 s away
        ([10.0, 10.4], [(10.2, 0.9)], 1),  # one true event: both are in one cell
        ([10.0], [(10.1, 0.2), (10.2, 0.9)], 1),  # one prediction
        ([10.0], [(10.0, 0.2), (10.5, 0.9)], 1),  # the surer takes it; the other is a false alarm that comes later
        ([10.0, 10.5], [(10.5, 0.9), (10.0, 0.2)], 1),  # the first takes the surer, the second what is left
        ([10.0, 11.0], [(10.5, 0.9), (9.5, 0.9)], 1),  # of two alike the earlier, so that the other stays for the next
        ([10.0], [(10.0, 0.499), (50.0, 0.496)], 1),  # threshold 99/199 lies between
        ([10.0], [(10.0, 0.502), (50.0, 0.498)], 0.5),  # no threshold does: both count at once
        ([10.0], [(10.0, 0.0)], 1),  # at threshold 0
        ([10.0], [(10.0, -0.1)], 0),
    ],
)
def test_cells_of_half_a_second(true, found, ap):
    truth, said = {"x": list(map(at, true))}, {"x": [at(*spot) for spot in found]}
    assert window_map(said, truth, ["a"], [1.0]).classes["a"].tolist() == [ap]


def test_halves_are_films_that_share_no_cell():
    truth, found = {"g/1": [at(10)], "g/2": [at(10)]}, {"g/1": [at(10, 0.9)], "g/2": [at(70, 0.8)]}
    assert window_map(found, truth, ["a"], [60.0]).mean_ap.tolist() == [pytest.approx(6 / 11)]


def test_a_worked_example_of_tolerances():
    """True at 10 and 20. Said: 12 (.9), 10 (.8), 26 (.7), 21 (.6)."""
    truth, found = {"x": [at(10), at(20)]}, {"x": [at(12, 0.9), at(10, 0.8), at(26, 0.7), at(21, 0.6)]}
    scores = spot_map(found, truth, (0, 1, 2, 6))
    #  0: only 10, second of two                          1/2 of 1/2
    #  1: 10 and 21: precisions 1/2 and 2/4               1/2
    #  2: 12 takes the first; 21 the second at rank 4     (1 + 2/4) / 2
    #  6: 12 and 26 at ranks 1 and 3                      (1 + 2/3) / 2
    assert scores.mean_ap.tolist() == pytest.approx([0.25, 0.5, 0.75, 5 / 6])
    assert scores.classes["a"].matched[2].tolist() == [True, False, False, True]


def test_seconds_are_exact_to_the_microsecond():
    truth = {"x": [at(10.1)]}
    assert spot_map({"x": [at(10.6, 1)]}, truth, [0.5]).mean_ap.tolist() == [1]  # 10.6 - 10.1 > 0.5 in floats
    assert spot_map({"x": [at(1.501, 1)]}, {"x": [at(1.001)]}, [0.5]).mean_ap.tolist() == [1]
    assert spot_map({"x": [at(10.600001, 1)]}, truth, [0.5]).mean_ap.tolist() == [0]


@given(st.integers(0, 10**6), st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001)]))
def test_a_frame_that_became_seconds_is_that_frame_again(frame, rate):
    for off in (0, 1, 2):
        spots = {"x": [at(float((frame + off) / rate), 1)]}
        scores = spot_map(spots, {"x": [at(float(frame / rate))]}, (0, 1, 2), rates={"x": rate})
        assert scores.mean_ap.tolist() == [off <= 0, off <= 1, 1]


def test_a_time_is_the_frame_that_it_lies_in():
    truth, rates = {"x": [at(1)]}, {"x": 25}
    for time_s, near in ((1.039, [1, 1]), (1.04, [0, 1]), (0.999, [0, 1]), (0.959, [0, 0])):
        assert spot_map({"x": [at(time_s, 1)]}, truth, [0, 1], rates=rates).mean_ap.tolist() == near


def test_two_events_at_once_take_a_prediction_each():
    truth = {"x": [at(5), at(5)]}
    assert spot_map({"x": [at(5, 0.9)]}, truth, [0]).mean_ap.tolist() == [0.5]
    assert spot_map({"x": [at(5, 0.9), at(5, 0.8)]}, truth, [0]).mean_ap.tolist() == [1]


def test_labels_that_no_film_has_are_passed_over_by_tolerance():
    scores = spot_map({"x": [at(5, 0.9), at(5, 0.9, "b")]}, {"x": [at(5)]}, [1])
    assert list(scores.classes) == ["a"]
    assert scores.mean_ap.tolist() == [1]


def test_a_prediction_at_every_frame_that_is_surest_at_the_events():
    true = np.arange(50, 600, 60)
    times = np.arange(0, 600, 0.04)
    surer = np.exp(-np.abs(times[:, None] - true).min(axis=1))
    found = {"x": [at(float(t), float(s)) for t, s in zip(times, surer, strict=True)]}
    truth = {"x": [at(float(t)) for t in true]}
    assert spot_map(found, truth, [0.5, 1, 2, 5]).mean_ap.tolist() == [1] * 4
    # of 1,200 cells those of the events score highest: AP 1 at any width
    assert window_map(found, truth, ["a"], TIGHT_S).mean_ap.tolist() == [1] * 5


# ---- what is refused


@pytest.mark.parametrize("measure", [lambda f, t: spot_map(f, t, [1]), lambda f, t: window_map(f, t, ["a"], [1])])
@pytest.mark.parametrize(
    ("predictions", "truth", "error", "said"),
    [
        ({"y": [at(1, 1)]}, {"x": [at(1)]}, InputError, "predictions for y, which is not among the films"),
        ({"x": [at(1)]}, {"x": [at(1)]}, InputError, "a prediction of x has no score"),
        ({"x": [at(1, 1)]}, {"x": []}, InputError, "the truth holds no spot"),
        ({}, {"x": [Segment(start_s=1, end_s=2, label="a")]}, ValueError, "a spot has no length"),
    ],
)
def test_what_cannot_be_scored(measure, predictions, truth, error, said):
    with pytest.raises(error, match=said):
        measure(predictions, truth)


@pytest.mark.parametrize("tolerances", [[], [-1], [float("nan")]])
def test_tolerances_are_numbers_from_0(tolerances):
    with pytest.raises(ValueError, match="numbers from 0"):
        spot_map({}, {"x": [at(1)]}, tolerances)
