"""Phases that are decided while positions come: the same as of the whole film, and never changed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_grids import grid

from vtn_stream.localize import PhaseDecoder, edges_s, phases
from vtn_stream.localize.viterbi import DECIDED_AT_ONCE
from vtn_stream.track import NO_THRESHOLD, GridScores, PhaseRules

LABELS = ("A", "B", "C")


def film(num, seed, unseen=0, lost=0.1):
    """Probabilities [T, 3], the rest to 1 for nothing, and which positions are valid."""
    random = np.random.default_rng(seed)
    truth = np.repeat(random.integers(0, 4, num + 1), random.integers(3, 60, num + 1))[:num]
    chances = np.exp(random.normal(size=(num, 4)) + 2 * np.eye(4)[truth])
    valid = random.random(num) >= lost
    valid[:unseen] = False
    valid[num // 2 : num // 2 + 40] = False
    frame = (chances / chances.sum(1, keepdims=True))[:, :3].astype(np.float16)
    frame[~valid] = 0
    return frame, valid


def rules(outputs, lag, least=7, cost=2.0):
    return PhaseRules(min_positions=(least,) * outputs, change_cost=((cost,) * outputs,) * outputs, lag=lag)


@settings(max_examples=40, deadline=None)
@given(
    num=st.integers(1, 400),
    seed=st.integers(0, 99),
    unseen=st.integers(0, 150),
    lag=st.integers(0, 90),
    outputs=st.sampled_from([3, 4]),
    data=st.data(),
)
def test_they_are_those_of_the_whole_film_however_positions_come(num, seed, unseen, lag, outputs, data):
    (frame, valid), its = film(num, seed, unseen), rules(outputs, lag)
    cuts = sorted(data.draw(st.lists(st.integers(0, num), max_size=4)))
    decoder, best = PhaseDecoder(its, 3), np.zeros(0, int)
    for piece, there in zip(np.split(frame, cuts), np.split(valid, cuts), strict=True):
        best = np.concatenate([best, decoder.push(piece, there)])
    if valid.any():
        # in the film's own blocks, whatever was unseen at the start
        assert len(best) == max(int(valid.argmax()), num // DECIDED_AT_ONCE * DECIDED_AT_ONCE - lag)
    shorter = data.draw(st.integers(1, num))
    early = PhaseDecoder(its, 3).push(frame[:shorter], valid[:shorter])
    assert early.tolist() == best[: len(early)].tolist()
    best = np.concatenate([best, decoder.end()])
    assert len(best) == num
    assert (best[~valid] == -1).all()
    index, duration_s = grid(num, valid=valid), float(num)
    drawn = phases(GridScores(frame=frame), index, LABELS, duration_s, NO_THRESHOLD, its)
    edges, there = edges_s(index, duration_s), np.full(num, -1)
    for segment in drawn:
        there[slice(*np.searchsorted(edges, [segment.start_s, segment.end_s]))] = LABELS.index(segment.label)
    assert there.tolist() == best.tolist()


@given(num=st.integers(1, 120), seed=st.integers(0, 99), unseen=st.integers(0, 60))
@settings(max_examples=20, deadline=None)
def test_with_a_lag_as_long_as_the_film_they_are_the_best_of_the_film(num, seed, unseen):
    frame, valid = film(num, seed, unseen)
    index, scores = grid(num, valid=valid), GridScores(frame=frame)
    whole, lagged = (
        phases(scores, index, LABELS, float(num), NO_THRESHOLD, rules(4, lag)) for lag in (None, num + 200)
    )
    assert whole == lagged


def test_rules_without_a_lag_need_the_whole_film():
    with pytest.raises(ValueError, match="need the whole film"):
        PhaseDecoder(rules(3, None), 3)
    for lag in (-1, 1.5, True, 10**9):
        with pytest.raises(ValueError, match="a lag is"):
            rules(3, lag)


def test_files_name_a_lag_only_where_there_is_one():
    assert set(rules(3, None).to_dict()) == {"min_positions", "change_cost"}
    assert PhaseRules(**rules(3, 40).to_dict()) == rules(3, 40)
