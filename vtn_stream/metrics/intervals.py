"""Where the true value of a share may lie, from figures of a few films: Student's t on the jackknife.

G groups of films: those of one source, or one film alone

A figure is computed without each group in turn (Efron and Tibshirani 1993, chapter 11). For a figure that is a mean
over groups this is Student's interval; other figures, such as mean average precision, need no other formula. It is
computed on the scale of log-odds, so that it stays within 0..1 and is longer towards the middle. Percentiles of a
bootstrap are far too narrow for few films: `benchmarks/intervals.py` compares how often each holds the true value.
"""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["OUT_OF_FOLD", "SHARE", "f_quantile", "share_interval", "students_t"]

SHARE = 0.9  # of cases, in which the interval holds the true value
# Figures out of fold vary more than their films do: the models share most of their films, and the model that is kept is
# none of them (Bates, Hastie and Tibshirani 2021). `benchmarks/intervals.py` gives this factor.
OUT_OF_FOLD = 1.25


def share_interval(
    value: float, without: NDArray[np.float64], *, widened: float = 1.0, num_new: int = 0
) -> tuple[float, float] | None:
    """The 90 % interval of a share 0..1; None with fewer than two groups, or where the figure needs one of them.

    without  [G]: the share without each group
    widened  the factor by which the error is larger than that of independent groups
    num_new  0: the interval is for the share of all films of this kind. Else it is for the share of so many new groups;
             None then also for a share of 0 or 1, of which the groups do not say how much they vary
    """
    num = len(without)
    if num < 2 or not (math.isfinite(value) and np.isfinite(without).all()):
        return None
    if value <= 0 or value >= 1:  # all groups alike: the chance of that is at most (true share)^G
        bound: float = ((1 - SHARE) / 2) ** (1 / num)
        return None if num_new else ((bound, 1.0) if value >= 1 else (0.0, 1 - bound))
    spread = (num - 1) / num * float(((without - without.mean()) ** 2).sum())  # the square of the standard error
    most = value * (1 - value) / num  # what it is if each group has 0 or 1
    variance = spread if spread > 1e-6 * most else most  # equal by chance: they do not say how much they vary
    error = math.sqrt(widened**2 * variance + (num * variance / num_new if num_new else 0.0))
    reach = students_t((1 + SHARE) / 2, num - 1) * error / (value * (1 - value))
    odds = math.log(value / (1 - value))
    return _share(odds - reach), _share(odds + reach)


@cache
def students_t(probability: float, degrees: int) -> float:
    """The quantile of Student's t for a probability of 0.5 to 0.999: t = sqrt(degrees) tan(angle), and the density of
    the angle is cos^(degrees - 1).
    """
    angle = np.linspace(0, math.pi / 2, 20_001)
    density = np.cos(angle) ** (degrees - 1)
    area = np.concatenate([[0.0], ((density[1:] + density[:-1]) / 2).cumsum()])
    at = float(np.interp((probability - 0.5) * 2 * area[-1], area, angle))
    return math.sqrt(degrees) * math.tan(at)


@cache
def f_quantile(probability: float, above: float, below: float) -> float:
    """The quantile of Fisher's F for a probability of 0.5 to 0.999 and degrees of freedom of 1 or more:
    F = (below / above) tan(angle)^2, and the density of the angle is sin^(above - 1) cos^(below - 1).
    """
    edges = np.linspace(0, math.pi / 2, 20_001)
    angle = (edges[1:] + edges[:-1]) / 2
    height = (above - 1) * np.log(np.sin(angle)) + (below - 1) * np.log(np.cos(angle))
    area = np.concatenate([[0.0], np.exp(height - height.max()).cumsum()])
    at = float(np.interp(probability * area[-1], area, edges))
    return below / above * math.tan(at) ** 2


def _share(odds: float) -> float:
    return 0.5 * (1 + math.tanh(odds / 2))
