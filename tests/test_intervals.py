"""Intervals of shares over a few films: Student's where that is known, and right as often as they say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vtn_stream.metrics.intervals import share_interval, students_t


def without_each(values, weights=None):
    """The weighted mean of all values, and without each of them."""
    values = np.asarray(values, float)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, float)
    total, whole = (values * weights).sum(), weights.sum()
    return total / whole, (total - values * weights) / (whole - weights)


@pytest.mark.parametrize("degrees", [1, 2, 3, 7, 14, 100, 5000])
@pytest.mark.parametrize("probability", [0.75, 0.95, 0.99])
def test_quantiles_of_students_t_are_those_of_scipy(probability, degrees):
    assert students_t(probability, degrees) == pytest.approx(stats.t.ppf(probability, degrees), rel=1e-5)


def test_near_the_middle_it_is_students_interval_of_the_films_own_values():
    values = np.array([0.48, 0.52, 0.5, 0.51, 0.49, 0.47, 0.53])
    low, high = share_interval(*without_each(values))
    expected = stats.t.interval(0.9, len(values) - 1, values.mean(), stats.sem(values))
    assert (low, high) == pytest.approx(expected, abs=1e-3)


def test_figures_out_of_fold_get_a_longer_interval():
    mean = without_each([0.4, 0.6, 0.5, 0.55])
    odds = [math.log(share / (1 - share)) for share in share_interval(*mean)]
    longer = [math.log(share / (1 - share)) for share in share_interval(*mean, widened=1.25)]
    assert longer[1] - longer[0] == pytest.approx(1.25 * (odds[1] - odds[0]))


def test_of_one_film_nothing_can_be_said():
    assert share_interval(0.5, np.array([math.nan])) is None


def test_a_figure_that_is_not_defined_without_a_film_has_no_interval():
    assert share_interval(0.5, np.array([0.5, math.nan, 0.4])) is None


@pytest.mark.parametrize("num", [2, 8, 30])
def test_if_all_films_are_right_the_low_end_is_that_of_clopper_and_pearson(num):
    low, high = share_interval(*without_each(np.ones(num)))
    assert high == 1
    assert low == pytest.approx(stats.binomtest(num, num).proportion_ci(0.9).low)
    assert share_interval(*without_each(np.zeros(num))) == (0, pytest.approx(1 - low))


def test_films_that_are_equal_by_chance_do_not_make_a_figure_sure():
    low, high = share_interval(*without_each([0.5, 0.5, 0.5]))
    assert low < 0.2 < 0.8 < high


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_the_figure_lies_in_its_interval_and_both_within_0_and_1(values):
    value, without = without_each(values)
    low, high = share_interval(min(1.0, value), np.minimum(without, 1))
    assert 0 <= low <= min(1.0, value) + 1e-9
    assert value - 1e-9 <= high <= 1


@pytest.mark.parametrize("num", [2, 3, 5, 15])
def test_of_films_that_differ_it_holds_the_true_share_nine_times_in_ten(num):
    rng = np.random.default_rng(num)
    holds = []
    for values in rng.beta(4, 3, (1500, num)):
        low, high = share_interval(*without_each(values))
        holds.append(low <= 4 / 7 <= high)
    assert np.mean(holds) == pytest.approx(0.9, abs=0.035)


def test_new_films_land_where_it_says_nine_times_in_ten():
    rng = np.random.default_rng(0)
    holds = []
    for values, new in zip(rng.beta(4, 3, (1500, 10)), rng.beta(4, 3, (1500, 5)).mean(axis=1), strict=True):
        low, high = share_interval(*without_each(values), num_new=5)
        holds.append(low <= new <= high)
    assert np.mean(holds) == pytest.approx(0.9, abs=0.03)
