"""Where a film may change, of films drawn by hand: each letter is a picture, each position a noisy frame of it."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_structure import drawn, film

from vtn_stream.scorers.structure import find_scenes, find_suspects
from vtn_stream.scorers.suspects import reach, suspected_steps


def suspected(values, fps=2):
    """The steps that are suspected, by the position after each."""
    pairs = find_suspects(values, np.ones(len(values), bool), fps=Fraction(fps))
    return {position for a, b in pairs.tolist() for position in range(a + 1, b + 1)}


@pytest.mark.parametrize("drawing", ["AAAAABBBBB", "AAAAABAAAAA", "AAAABCCCC", "ABAAAACDAAA"])
def test_every_change_is_suspected_however_short_the_shot(drawing):
    changes = {i for i in range(1, len(drawing)) if drawing[i] != drawing[i - 1]}
    # a calm film around it, so that it is known what calm is
    assert {i + 20 for i in changes} <= suspected(film("Z" * 20 + drawing + "Z" * 20))


def test_a_slow_change_is_suspected_and_a_calm_film_is_not():
    first, last = (film(c * 20, seed=s).astype(float) for c, s in (("A", 1), ("B", 2)))
    share = np.clip((np.arange(20) - 8) / 4, 0, 1)[:, None]
    assert {9, 10, 11, 12} <= suspected((first * (1 - share) + last * share).astype(np.float16))
    assert suspected(film("A" * 60)) == set()
    assert suspected(film("")) == suspected(film("A")) == set()


def test_no_stretch_is_longer_than_eight_seconds():
    pairs = find_suspects(film("ABCDEFGHIJ" * 6), np.ones(60, bool), fps=Fraction(1, 2))
    assert (np.diff(pairs, axis=1) <= 4).all()


def test_known_starts_make_scenes_however_short():
    values = film("AAAAAABAAAAAACCCCC")
    valid = np.ones(len(values), bool)
    assert drawn(find_scenes(values, valid, min_positions=3, starts=[6, 7])) == "AAAAAABAAAAAACCCCC"


def test_positions_that_show_two_shots_count_for_none():
    values = film("AAAAAAXBBBBBB")
    mixed = np.arange(len(values)) == 6
    scores = find_scenes(values, np.ones(len(values), bool), min_positions=3, starts=[7], mixed=mixed)
    assert drawn(scores) == "AAAAAAABBBBBB"


@given(st.text("ABC", min_size=1, max_size=60), st.sampled_from([Fraction(1, 5), Fraction(2), Fraction(7, 2)]))
def test_what_is_further_away_than_the_reach_decides_nothing(drawing, fps):
    points = film(drawing, width=8).astype(np.float32)
    all_steps = suspected_steps(points, fps, 0.01)
    for t in range(len(drawing) - 1):
        start, stop = max(0, t - reach(fps)), t + 2 + reach(fps)
        assert suspected_steps(points[start:stop], fps, 0.01)[t - start] == all_steps[t]
