"""What a model reaches with a quarter, half and all of the films, and what twice as many would bring.

G groups of films, S sizes: how many films were learnt. While films are few, a figure grows about as much with every
doubling of them (Figueroa et al., "Predicting sample size required for classification performance", 2012): a line in
the logarithm of their number. But curves flatten, so that the line promises too much where the last step was smaller:
then the gain is that of the last step. It says about what one more doubling brings, and nothing of a tenfold number.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vtn_stream.metrics import OUT_OF_FOLD
from vtn_stream.metrics.intervals import SHARE, students_t
from vtn_stream.report.card_facts import CurveFacts
from vtn_stream.training.exam import Exam

__all__ = ["learning_curve"]

MIN_SIZES, MIN_GROUPS = 3, 4
WIDEST = 0.3  # of the interval of a gain: of a wider one nobody can decide anything


def learning_curve(exams: Mapping[int, Exam]) -> CurveFacts:
    """The curve of exams of the same films, by models that learnt so many films.

    The gain is the slope of the line, or of its last step; its interval is Student's, by the jackknife over groups.
    """
    num_films = sorted(exams)
    ascending = [exams[num] for num in num_films]
    figures = [exam.figures[exam.main] for exam in ascending]
    gain = interval = None
    if len(num_films) >= MIN_SIZES:
        doublings, without = np.log2(num_films), np.stack([exam.without for exam in ascending])
        line, last = (float(_slope(doublings[n:], np.array(figures[n:]))) for n in (0, -2))
        gain = min(line, last)
        interval = _interval(gain, _slope(doublings, without) if line <= last else _slope(doublings[-2:], without[-2:]))
    if interval is None or interval[1] - interval[0] > WIDEST:
        gain = interval = None
    return CurveFacts(num_films=tuple(num_films), figures=tuple(figures), gain=gain, gain_interval=interval)


def _slope(doublings: NDArray[np.float64], figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """[...]: of the line of least squares through figures [S, ...]."""
    apart = doublings - doublings.mean()
    return np.asarray(np.tensordot(apart, figures, 1) / (apart**2).sum(), np.float64)


def _interval(gain: float, without: NDArray[np.float64]) -> tuple[float, float] | None:
    """without [G]: the gain without each group."""
    num = len(without)
    if num < MIN_GROUPS or not np.isfinite(without).all():
        return None
    error = math.sqrt((num - 1) / num * float(((without - without.mean()) ** 2).sum()))
    reach = OUT_OF_FOLD * error * students_t((1 + SHARE) / 2, num - 1)
    return gain - reach, gain + reach
