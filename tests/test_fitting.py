"""Thresholds and rules of phases, against every threshold tried, and against rules written out by hand."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import FPS, LABELS, track

from vtn_stream.heads import fitting
from vtn_stream.heads.fitting import (
    as_operating_points,
    clip_points,
    phase_rules,
    span_points,
)
from vtn_stream.heads.judged import TIOU, judge
from vtn_stream.localize import located, phases
from vtn_stream.timeline import Segment
from vtn_stream.track import NO_THRESHOLD, GridScores, PhaseRules, Spans

# ---- thresholds


def at(threshold, scores, right, num_truth):
    """(precision, recall, F1) of what scores that much, or more."""
    found = [hit for score, hit in zip(scores, right, strict=True) if score >= threshold]
    hits, num = sum(found), len(found)
    return (hits / num if num else 0.0, hits / num_truth, 2 * hits / (num + num_truth))


scored = st.lists(st.tuples(st.integers(1, 20).map(lambda n: n / 20), st.booleans()), min_size=1, max_size=12)


@given(scored)
def test_no_threshold_of_a_clip_class_has_a_higher_f1(told):
    scores, right = zip(*told, strict=True)
    if not any(right):
        return
    truth = np.array([0 if hit else 1 for hit in right])
    probabilities = np.stack([np.array(scores), 1 - np.array(scores)], 1)
    point = clip_points(probabilities, truth)[0]
    best = max(at(threshold, scores, right, sum(right))[2] for threshold in [0.0, *scores, 2.0])
    assert point.f1 == pytest.approx(best)
    assert (point.precision, point.recall, point.f1) == pytest.approx(at(point.threshold, scores, right, sum(right)))


def found(*told):
    """A second each, (score, right): wrong ones are elsewhere."""
    return [
        Segment(start_s=10 * n + 5 * (not right), end_s=10 * n + 5 * (not right) + 1, label="run", score=score)
        for n, (score, right) in enumerate(told)
    ]


def truth(told, num_missed=0):
    """What is right is there, and so are num_missed others."""
    there = [n for n, (_, right) in enumerate(told) if right] + [len(told) + n for n in range(num_missed)]
    return [Segment(start_s=10 * n, end_s=10 * n + 1, label="run") for n in there]


@given(scored, st.integers(1, 4))
def test_no_threshold_of_segments_has_a_higher_f1(told, num_missed):
    true = truth(told, num_missed)
    num_truth = len(true)
    scores = judge({"a": found(*told)}, {"a": true})
    point = span_points(scores)["run"]
    ranked = sorted(told, reverse=True)
    every = [at(threshold, *zip(*ranked, strict=True), num_truth) for threshold in [0.0, *(s for s, _ in told), 2.0]]
    assert point.f1 == pytest.approx(max(f1 for *_, f1 in every))
    ours = at(point.threshold, *zip(*ranked, strict=True), num_truth)
    assert (point.precision, point.recall, point.f1) == pytest.approx(ours)


@pytest.mark.parametrize(
    ("told", "num_missed", "threshold", "f1"),
    [
        ([(0.9, True), (0.5, False)], 0, 0.7, 1.0),  # midway to what must stay out
        ([(0.9, True), (0.5, True)], 0, 0.25, 1.0),  # nothing must
        ([(0.9, True), (0.5, True), (0.5, False)], 0, 0.25, 0.8),  # equal scores come together
        ([(0.9, False), (0.8, True)], 0, 0.4, 2 / 3),
        ([(0.9, True), (0.8, False), (0.7, False), (0.6, True)], 0, 0.85, 2 / 3),  # of two that are as good the higher
        ([(0.9, False), (0.2, False)], 3, 0.55, 0.0),  # never right
    ],
)
def test_thresholds_by_hand(told, num_missed, threshold, f1):
    scores = judge({"a": found(*told)}, {"a": truth(told, num_missed)})
    point = span_points(scores)["run"]
    assert (point.threshold, point.f1) == pytest.approx((threshold, f1))


def test_a_segment_counts_as_found_from_half_of_it_on():
    true = [Segment(start_s=0, end_s=10, label="run")]
    for end_s, hit in ((5.0, 1.0), (4.9, 0.0)):
        scores = judge({"a": [Segment(start_s=0, end_s=end_s, label="run", score=0.5)]}, {"a": true})
        assert span_points(scores)["run"].recall == hit
    assert TIOU == 0.5


def test_labels_that_were_never_predicted_or_never_true_have_the_middle_threshold():
    labels = ("run", "jump", "sit")
    true = [Segment(start_s=10 * n, end_s=10 * n + 1, label=label) for n, label in enumerate(labels)]
    told = [replace(segment, score=score) for segment, score in zip(true, (0.8, 0.2), strict=False)]
    points = span_points(judge({"a": told}, {"a": true}))
    assert points.keys() == {"run", "jump"}
    fitted = as_operating_points(points)
    assert {label: own.high for label, own in fitted.own.items()} == {"run": 0.4, "jump": 0.1}
    assert fitted.common.high == pytest.approx(0.25)
    assert fitted.common.low == pytest.approx(0.125)


def test_classes_that_no_clip_has_get_no_threshold():
    points = clip_points(np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]]), np.array([0, 0]))
    assert points.keys() == {0}


def test_without_any_the_threshold_is_low():
    fitted = as_operating_points({})
    assert (fitted.common.high, fitted.common.low, fitted.own) == (0.3, 0.15, {})


@given(st.lists(st.tuples(st.integers(10, 60).map(lambda n: n / 1e4), st.booleans()), min_size=1, max_size=30))
def test_what_a_timeline_then_shows_is_what_was_counted_however_close_the_scores(told):
    """Spans as a network proposes them: neighbours differ by the last digit that a segment's score has."""
    told = sorted(told, reverse=True)
    bounds = np.array([(s.start_s * 4, s.end_s * 4) for s in found(*told)])
    spans = Spans(bounds=bounds, classes=np.zeros(len(told), np.int64), scores=np.array([s for s, _ in told]))
    film = track(1300)
    where = (film.index, LABELS, film.duration_s)
    everything = located(spans, *where, NO_THRESHOLD)
    true = truth(told, num_missed=1)
    points = span_points(judge({"a": everything}, {"a": true}))
    shown = located(spans, *where, as_operating_points(points))
    hits = sum(s.start_s % 10 == 0 for s in shown)
    assert hits / len(shown) == pytest.approx(points["run"].precision)
    assert hits / len(true) == pytest.approx(points["run"].recall)


@pytest.mark.parametrize("threshold", [0.0, 1e-9, 0.00123456, 0.5, 0.99999999, 1.0])
def test_every_threshold_makes_an_operating_point(threshold):
    point = fitting.AtPoint(threshold=threshold, precision=0, recall=0, f1=0)
    fitted = as_operating_points({"run": point})
    assert fitted.common == fitted.own["run"]
    assert fitted.common.high == pytest.approx(max(threshold, 1e-4), abs=1e-6)
    assert fitted.common.low <= fitted.common.high


# ---- rules of phases


def tell(film, wrong=(), sure=0.9):
    """What a dense head of two labels and nothing may say of the film: the truth, but for runs (start, stop, label)."""
    frame = np.full((len(film.values), 2), (1 - sure) / 2)
    for segment in film.segments:
        inside = (film.index.grid_s >= segment.start_s) & (film.index.grid_s < segment.end_s)
        frame[inside, LABELS.index(segment.label)] = sure
    for start, stop, k in wrong:
        frame[start:stop] = (1 - sure) / 2
        if k is not None:
            frame[start:stop, k] = sure
    return GridScores(frame=frame.astype(np.float16))


def game(name, *lengths):
    """A film without gaps: run, jump, run ... of so many positions."""
    borders = np.cumsum([0, *lengths]) / float(FPS)
    return track(
        sum(lengths), *((a, b, LABELS[n % 2]) for n, (a, b) in enumerate(pairwise(borders.tolist()))), name=name
    )


def test_rules_are_the_shortest_runs_and_the_odds_of_changes_by_hand(monkeypatch):
    """Runs: run 20, jump 10, run 30 | run 40, jump 12. After run comes jump 2 times, after jump run once; +1 each."""
    monkeypatch.setattr(fitting, "WITHOUT_VALIDATION", (2.0, 0.5))
    films = [game("a", 20, 10, 30), game("b", 40, 12)]
    rules = phase_rules(films, [], [], LABELS, nothing=False)
    assert rules.min_positions == (
        int(0.5 * np.percentile([20, 30, 40], 5)),
        int(0.5 * np.percentile([10, 12], 5)),
    )
    assert rules.min_positions == (10, 5)
    assert rules.change_cost == ((0, 0), (0, 0))  # after one of two comes the other: nothing to pay for

    rules = phase_rules(films, [], [], LABELS, nothing=True)
    assert rules.min_positions == (10, 5, 1)
    cost = [[0, -2 * math.log(3 / 4), -2 * math.log(1 / 4)], [-2 * math.log(2 / 3), 0, -2 * math.log(1 / 3)]]
    assert np.array(rules.change_cost[:2]) == pytest.approx(np.array(cost), abs=1e-4)
    assert rules.change_cost[2] == pytest.approx((-2 * math.log(1 / 2), -2 * math.log(1 / 2), 0), abs=1e-4)


def test_nothing_is_a_run_where_the_head_has_an_output_for_it(monkeypatch):
    monkeypatch.setattr(fitting, "WITHOUT_VALIDATION", (1.0, 1.0))
    film = track(60, (0.0, 5.0, "run"), (10.0, 15.0, "jump"))  # 20 positions of run, nothing, jump each
    assert phase_rules([film], [], [], LABELS, nothing=True).min_positions == (20, 20, 20)
    rules = phase_rules([film], [], [], LABELS, nothing=False)
    assert rules.min_positions == (20, 20)
    assert len(rules.change_cost) == 2


def test_lost_positions_do_not_cut_a_run(monkeypatch):
    monkeypatch.setattr(fitting, "WITHOUT_VALIDATION", (1.0, 1.0))
    film = track(60, (0.0, 10.0, "run"), (10.0, 15.0, "jump"), lost=[10, 11])
    assert phase_rules([film], [], [], LABELS, nothing=False).min_positions == (38, 20)


def worth(rules, film, told):
    """Frame accuracy and F1@50 in percent, added; counted anew, segment by segment."""
    drawn = phases(told, film.index, LABELS, film.duration_s, NO_THRESHOLD, rules)

    def holds(segments):
        return [next((s.label for s in segments if s.start_s <= t < s.end_s), "") for t in film.index.grid_s.tolist()]

    ours, theirs = holds(drawn), holds(film.segments)
    accuracy = 100 * np.mean([a == b for a, b in zip(ours, theirs, strict=True)])
    hits = {
        true
        for true in range(len(film.segments))
        for s in drawn
        if s.label == film.segments[true].label and s.tiou(film.segments[true]) >= 0.5
    }
    return accuracy + 200 * len(hits) / (len(drawn) + len(film.segments))


def test_flicker_is_forbidden_where_that_makes_validation_better():
    films, validation = [game(str(n), 40, 30, 40) for n in range(3)], game("v", 38, 33, 41)
    told = tell(validation, [(10, 12, 1), (50, 51, 0), (90, 92, 1)])
    rules = phase_rules(films, [validation], [told], LABELS, nothing=False)
    assert min(rules.min_positions) > 2
    assert worth(None, validation, told) < 150
    assert worth(rules, validation, told) > 198


def test_while_weights_are_compared_no_film_is_drawn_by_its_own_order(monkeypatch):
    films = [game(str(n), 40 - n, 30, 40 + 2 * n) for n in range(4)]
    drawn, draw = [], fitting.phases
    monkeypatch.setattr(fitting, "phases", lambda *given: (drawn.append(given), draw(*given))[1])
    chosen = phase_rules(films, films, [tell(film) for film in films], LABELS, nothing=False, folds=[0, 1, 1, 2])
    others = {"0": films[1:], "1": [films[0], films[3]], "2": [films[0], films[3]], "3": films[:3]}
    weights = [(cost, share) for cost in fitting.COST_WEIGHTS for share in fitting.LENGTH_SHARES]
    assert len(drawn) == 4 * len(weights)
    for number, (_, index, *_, rules) in enumerate(drawn):
        name = next(film.name for film in films if film.index is index)
        assert rules == fitting._rules(others[name], LABELS, 2, *weights[number // 4])
    assert chosen in [fitting._rules(films, LABELS, 2, *weight) for weight in weights]


def test_nothing_is_ruled_where_the_network_is_right():
    films, validation = [game(str(n), 40, 30, 40) for n in range(3)], game("v", 38, 33, 41)
    rules = phase_rules(films, [validation], [tell(validation)], LABELS, nothing=False)
    assert rules == PhaseRules(min_positions=(1, 1), change_cost=((0, 0), (0, 0)))  # the smallest weights of equals


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 109), st.integers(1, 9), st.sampled_from([0, 1, None])), max_size=8))
def test_rules_are_never_worse_than_none_on_the_validation_films(mistakes):
    films, validation = [game("a", 40, 30, 40)], game("v", 38, 33, 39)
    told = tell(validation, [(start, start + num, k) for start, num, k in mistakes])
    chosen = phase_rules(films, [validation], [told], LABELS, nothing=True)
    every = [
        fitting._rules(films, LABELS, 3, cost, share)
        for cost in fitting.COST_WEIGHTS
        for share in fitting.LENGTH_SHARES
    ]
    most = max(worth(rules, validation, told) for rules in every)
    assert worth(chosen, validation, told) == pytest.approx(most, abs=1e-6)
    assert worth(chosen, validation, told) >= worth(None, validation, told) - 1e-6
