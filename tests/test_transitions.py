"""Cuts, fades and dissolves among pictures of places in which something moves, whose frames are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from shot_films import shot

from vtn_stream.transitions import Transition, distinct, transitions

NUM = 60  # pictures of each shot


def small(pictures):
    """uint8 [n, 36, 64, 3], as they are decoded."""
    return np.stack([np.asarray(Image.fromarray(p).resize((64, 36), Image.Resampling.BOX)) for p in pictures])


def slow(seed, num):
    """A still place, in which a square moves to and fro."""
    pictures = np.repeat(small(shot(seed, 1)), num, axis=0)
    for i, place in enumerate(np.abs(np.arange(num) % 100 - 50)):
        pictures[i, 10:20, place : place + 10] = 40 * seed
    return pictures


A, B = slow(3, NUM), slow(5, NUM)
BLACK = np.zeros_like(A)


def blended(a, b, length):
    """a, then b, which overlap for `length` pictures; a is shown alone for NUM - length of them."""
    share = ((np.arange(length) + 0.5) / length)[:, None, None, None]
    between = a[NUM - length :] * (1 - share) + b[:length] * share
    return np.concatenate([a[: NUM - length], between.astype(np.uint8), b[length:]])


def kinds(pictures, rate=25.0):
    return [t.kind for t in transitions(pictures, rate)]


@given(st.integers(13, NUM), st.integers(13, NUM))
@settings(max_examples=20, deadline=None)
def test_a_cut_is_the_first_picture_of_the_new_shot(num_before, num_after):
    (found,) = transitions(np.concatenate([A[:num_before], B[:num_after]]), 25.0)
    assert found == Transition(first=num_before - 1, at=num_before, last=num_before, kind="cut")


@pytest.mark.parametrize("length", [6, 12, 25, 38])
def test_a_dissolve_is_placed_in_its_middle(length):
    (found,) = transitions(blended(A, B, length), 25.0)
    assert found.kind == "dissolve"
    assert abs(found.at - (NUM - length / 2)) <= 2
    assert found.first < NUM - length / 2 < found.last


@pytest.mark.parametrize("length", [12, 20, 25])
def test_a_fade_to_black_and_back_is_one_change_where_it_is_dark(length):
    pictures = np.concatenate([blended(A, BLACK, length)[: NUM + 2], blended(BLACK, B, length)[NUM - length :]])
    (found,) = transitions(pictures, 25.0)
    assert found.kind == "fade"
    assert np.abs(pictures[found.at]).max() < 10


def test_a_blended_picture_at_a_cut_is_no_second_change():
    mixed = ((A[-1].astype(int) + B[0]) // 2).astype(np.uint8)
    assert len(kinds(np.concatenate([A, mixed[None], B]))) == 1


def test_slow_changes_are_found_at_twice_the_rate():
    share = ((np.arange(80) + 0.5) / 80)[:, None, None, None]
    a, b = slow(3, 240), slow(5, 240)
    pictures = np.concatenate([a[:60], (a[60:140] * (1 - share) + b[:80] * share).astype(np.uint8), b[80:160]])
    (found,) = transitions(pictures, 50.0)
    assert abs(found.at - 100) <= 2


@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_is_no_change(length):
    pictures = A.copy()
    pictures[30 : 30 + length] = 255
    assert kinds(pictures) == []


def test_motion_is_no_change():
    assert kinds(A) == []
    assert kinds(small(shot(20, NUM))) == []
    wide = small([np.roll(shot(40, 1)[0], 6 * i, axis=1) for i in range(NUM)])  # a fast pan
    assert kinds(wide) == []


def test_a_film_that_shows_each_picture_four_times_has_no_cuts():
    assert "cut" not in kinds(np.repeat(small(shot(20, NUM // 4)), 4, axis=0))


def test_a_lamp_that_dims_is_no_change_of_shot():
    dimmed = (A * np.linspace(1, 0.6, NUM)[:, None, None, None]).astype(np.uint8)
    assert kinds(dimmed) == []


def test_still_pictures_and_few_pictures_change_nothing():
    assert kinds(np.repeat(A[:1], 50, axis=0)) == []
    assert kinds(A[:1]) == kinds(A[:0]) == []


def test_of_changes_that_overlap_the_longest_is_kept():
    cut = Transition(first=4, at=5, last=5, kind="cut")
    long = Transition(first=20, at=30, last=40, kind="fade")
    ramp = Transition(first=30, at=35, last=41, kind="dissolve")
    assert distinct([ramp, cut, long, cut]) == [cut, long]
