"""Fixed-lag Viterbi, against every sequence there is; and that what is decided never changes."""

from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_viterbi import value

from vtn_stream.localize import viterbi
from vtn_stream.localize.viterbi import DECIDED_AT_ONCE, LaggedDecoder, decode_labels

LEAST = st.lists(st.integers(1, 4), min_size=3, max_size=3)
COST = st.lists(st.lists(st.integers(-2, 6), min_size=3, max_size=3), min_size=3, max_size=3)
ROW = st.lists(st.integers(-9, 9), min_size=3, max_size=3)


def going_on(decided, scores, least, cost):
    """What each sequence that begins so adds up to, if its last run may go on and be shorter than its label lasts."""
    found = {}
    for rest in product(range(3), repeat=len(scores) - len(decided)):
        sequence = (*decided, *rest)
        last = next((n for n, label in enumerate(reversed(sequence)) if label != sequence[-1]), len(sequence))
        before = sequence[: len(sequence) - last]
        worth = value(before, scores, least, cost) if before else 0
        if worth is not None:
            worth += sum(scores[t][sequence[-1]] for t in range(len(before), len(sequence)))
            found[sequence] = worth - (cost[before[-1]][sequence[-1]] if before else 0)
    return found


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(ROW, min_size=1, max_size=6),
    least=LEAST,
    cost=COST,
    lag=st.integers(0, 3),
    at_once=st.integers(1, 3),
)
def test_each_decision_is_of_the_best_sequence_that_begins_with_those_before(scores, least, cost, lag, at_once):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(viterbi, "DECIDED_AT_ONCE", at_once)
        decoder = LaggedDecoder(np.array(least), np.array(cost, float), lag)
        decided: list[int] = []
        for n in range(1, len(scores) + 1):
            new = decoder.push(np.array([scores[n - 1]], float)).tolist()
            assert len(new) == (max(0, n - lag - len(decided)) if n % at_once == 0 else 0)
            if new:
                worths = going_on(decided, scores[:n], least, cost)
                decided += new
                best = max(worths.values())
                assert any(worth == best for s, worth in worths.items() if list(s[: len(decided)]) == decided)
        whole = decided + decoder.end().tolist()
    worths = {
        (*decided, *rest): value((*decided, *rest), scores, least, cost)
        for rest in product(range(3), repeat=len(scores) - len(decided))
    }
    there = {s: worth for s, worth in worths.items() if worth is not None}
    if there:
        assert there[tuple(whole)] == max(there.values())
    elif decided:  # a run that the end of the film cuts off
        assert whole[len(decided) :] == [decided[-1]] * (len(whole) - len(decided))


def some(num, num_labels=4, seed=0):
    """Scores of labels that change now and then, and much noise."""
    random = np.random.default_rng(seed)
    truth = np.repeat(random.integers(0, num_labels, num), random.integers(5, 40, num))[:num]
    return random.normal(size=(num, num_labels)) + 1.5 * np.eye(num_labels)[truth]


def rules(num_labels, least=6, cost=3.0):
    return np.full(num_labels, least), np.full((num_labels, num_labels), cost)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), lag=st.integers(0, 70), data=st.data())
def test_it_does_not_matter_how_scores_are_cut_and_what_is_decided_never_changes(seed, lag, data):
    scores = some(300, seed=seed)
    cuts = sorted(data.draw(st.lists(st.integers(0, 300), max_size=5)))
    decoder, decided = LaggedDecoder(*rules(4), lag), []
    for piece in np.split(scores, cuts):
        decided += decoder.push(piece).tolist()
        known = decided[:]
    assert len(known) == max(0, 300 // DECIDED_AT_ONCE * DECIDED_AT_ONCE - lag)
    assert known + decoder.end().tolist() == decode_labels(scores, *rules(4), lag=lag).tolist()
    shorter = data.draw(st.integers(1, 300))
    decoder = LaggedDecoder(*rules(4), lag)
    first = decoder.push(scores[:shorter]).tolist()
    assert first == known[: len(first)]


@pytest.mark.parametrize("num", [1, 31, 32, 200])
def test_a_film_that_is_not_longer_than_the_lag_is_decoded_as_a_whole(num):
    scores = some(num)
    assert decode_labels(scores, *rules(4), lag=num).tolist() == decode_labels(scores, *rules(4)).tolist()


def test_every_run_is_long_enough_but_one_that_the_end_cuts_off():
    for lag in (0, 5, 40):
        labels = decode_labels(some(500), *rules(4, least=9), lag=lag).tolist()
        lengths = [len(list(run)) for _, run in groupby(labels)]
        assert min(lengths[:-1]) >= 9


def test_with_a_long_lag_it_hardly_differs_from_the_best_of_the_whole_film():
    scores = some(3000)
    whole, lagged = decode_labels(scores, *rules(4)), decode_labels(scores, *rules(4), lag=30)
    assert (whole == lagged).mean() > 0.99


def test_what_shows_nothing_at_the_start_decides_nothing():
    free = np.zeros((2, 2))
    no_way = np.array([[0, np.inf], [np.inf, 0]])  # a first guess could never be left
    shown = np.tile([-9.0, 0.0], (100, 1))
    for cost in (free, no_way):
        decoder = LaggedDecoder(np.array([5, 5]), cost, 0, num_unseen=100)
        decided = [*decoder.push(np.zeros((100, 2))), *decoder.push(shown), *decoder.end()]
        assert set(decided[100:]) == {1}


def test_its_memory_is_that_of_the_lag():
    decoder = LaggedDecoder(*rules(4), 64)
    for _ in range(20):
        decoder.push(some(100))
        assert sum(map(len, decoder._waiting)) <= 64 + DECIDED_AT_ONCE


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="lag of -1"):
        LaggedDecoder(*rules(2), -1)
    with pytest.raises(ValueError, match="scores of 2 labels"):
        LaggedDecoder(*rules(2), 5).push(np.zeros((3, 4)))
    with pytest.raises(ValueError, match="2 labels"):
        LaggedDecoder(np.ones(2, int), np.zeros((3, 3)), 5)
    assert LaggedDecoder(*rules(2), 5).end().tolist() == []
