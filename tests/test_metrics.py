"""How good a timeline is, against counting every possibility."""

from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.metrics import boundary_f1

times = st.lists(st.integers(0, 12), max_size=5)


def most_matches(predicted, true, tolerance):
    """The largest one-to-one matching, found by trying all of them."""
    for size in range(min(len(predicted), len(true)), 0, -1):
        for some in combinations(predicted, size):
            for others in permutations(true, size):
                if all(abs(p - t) <= tolerance for p, t in zip(some, others, strict=True)):
                    return size
    return 0


@settings(deadline=None, max_examples=300)
@given(times, times, st.integers(0, 4))
def test_the_matching_is_the_largest_there_is(predicted, true, tolerance):
    total = len(predicted) + len(true)
    expected = 2 * most_matches(predicted, true, tolerance) / total if total else 1.0
    assert boundary_f1(predicted, true, tolerance) == expected


@settings(deadline=None)
@given(times, times, st.integers(0, 4))
def test_neither_order_nor_side_matters(predicted, true, tolerance):
    f1 = boundary_f1(predicted, true, tolerance)
    assert f1 == boundary_f1(true, predicted, tolerance) == boundary_f1(predicted[::-1], sorted(true), tolerance)
    assert 0 <= f1 <= 1


@pytest.mark.parametrize(
    ("predicted", "true", "f1"),
    [
        ([], [], 1.0),
        ([1.0], [], 0.0),
        ([], [1.0], 0.0),
        ([10.0, 20.0], [10.5, 20.5], 1.0),  # the tolerance is inclusive
        ([10.0, 20.0], [10.51, 20.0], 0.5),
        ([10.0, 10.25], [10.0], 2 / 3),  # one change, told twice
        ([10.0, 10.5], [10.5, 11.0], 1.0),  # the nearest first would match one only
    ],
)
def test_boundaries_half_a_second_apart_are_the_same(predicted, true, f1):
    assert boundary_f1(predicted, true, 0.5) == pytest.approx(f1)
