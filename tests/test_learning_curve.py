"""What more films would bring: a planted gain is found, and where nothing can be said, nothing is."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from planted import LABELS, clip, track
from scipy import stats

from vtn_stream.metrics import OUT_OF_FOLD
from vtn_stream.training.baselines import most_frequent
from vtn_stream.training.learning_curve import learning_curve


def exam(values):
    """What the curve reads of an exam of films with these figures."""
    values = np.asarray(values, float)
    without = (values.sum() - values) / (len(values) - 1)
    return SimpleNamespace(main="top-1", figures={"top-1": float(values.mean())}, without=without)


def growing(gains, sizes=(3, 6, 12), noise=0.0, seed=0):
    """Exams of films that gain so much with every doubling, each film its own."""
    rng = np.random.default_rng(seed)
    return {
        num: exam(0.4 + np.array(gains) * math.log2(num / sizes[0]) + noise * rng.normal(size=len(gains)))
        for num in sizes
    }


def test_a_film_gains_what_it_gained_with_the_last_doublings():
    gains = [0.02, 0.05, 0.03, 0.08, 0.06, 0.06]
    curve = learning_curve(growing(gains))
    assert curve.num_films == (3, 6, 12)
    assert curve.figures == pytest.approx((0.4, 0.45, 0.5))
    assert curve.gain == pytest.approx(0.05)
    low, high = stats.t.interval(0.9, 5, np.mean(gains), OUT_OF_FOLD * stats.sem(gains))
    assert curve.gain_interval == pytest.approx((low, high))


def test_if_the_curve_flattens_the_last_step_counts():
    exams = {num: exam(np.full(6, share)) for num, share in ((4, 0.2), (8, 0.5), (16, 0.55))}
    assert learning_curve(exams).gain == pytest.approx(0.05)
    exams = {num: exam(np.full(6, share)) for num, share in ((4, 0.5), (8, 0.52), (16, 0.6))}
    assert learning_curve(exams).gain == pytest.approx(0.05)  # the line: half of 0.1


def test_sizes_that_are_not_doubled_exactly_count_by_their_logarithm():
    assert learning_curve(growing([0.04] * 5, sizes=(4, 7, 13))).gain == pytest.approx(0.04)


@pytest.mark.parametrize(
    "exams",
    [
        growing([0.05] * 6, sizes=(6, 12)),  # two sizes say nothing of a line
        growing([0.05] * 3),  # three films
        growing([-0.4, 0.4, 0.4, -0.4, 0.2]),  # films that differ too much
    ],
)
def test_where_it_cannot_be_said_it_is_not(exams):
    curve = learning_curve(exams)
    assert (curve.gain, curve.gain_interval) == (None, None)
    assert len(curve.figures) == len(exams)


def test_if_nothing_is_gained_the_interval_says_so():
    curve = learning_curve(growing([0.0] * 15, noise=0.02))
    assert curve.gain_interval[0] < 0 < curve.gain_interval[1]


# ---- the most frequent label


def test_the_most_frequent_label_is_so_by_time():
    """Films of 10 s: 8 s of run in one, 6 s of jump in three."""
    films = [track(40, (0.0, 8.0, "run"), name="a"), *(track(40, (0.0, 6.0, "jump"), name=name) for name in "bcd")]
    assert most_frequent(films, LABELS, "dense") == {"frame accuracy": pytest.approx(18 / 40)}


def test_most_of_the_time_nothing_may_happen():
    films = [track(40, (0.0, 3.0, "run"), name=name) for name in "ab"]
    assert most_frequent(films, LABELS, "localization") == {"frame accuracy": pytest.approx(0.7)}


def test_the_most_frequent_label_of_clips():
    clips = [clip(n, label) for n, label in enumerate(["run", "run", "run", "jump"])]
    assert most_frequent(clips, LABELS, "classification") == {"top-1": 0.75, "mean per class": 0.5}
