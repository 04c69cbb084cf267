"""Statistics over the films of a group: each film counts once, however long it is. Pure arrays.

V values, films or stretches of films: nan where a value is not defined
"""

import numpy as np
from numpy.typing import NDArray

from vtn_stream.budget.figures import Floats
from vtn_stream.budget.rows import Statistic

__all__ = ["over_films"]


def over_films(values: Floats) -> dict[Statistic, Floats]:
    """By statistic float64 [V], of values [films, V]: over the films in which each is defined.

    sd with n - 1, sem is sd / root of n; nan where there are too few films for it.
    """
    defined: NDArray[np.bool_] = ~np.isnan(values)
    n = defined.sum(axis=0).astype(np.float64)
    there = np.where(defined, values, 0.0)
    mean = there.sum(axis=0) / np.where(n > 0, n, np.nan)
    squares = (np.where(defined, values - mean, 0.0) ** 2).sum(axis=0)
    sd = np.sqrt(squares / np.where(n > 1, n - 1, np.nan))
    return {"n": n, "mean": mean, "sd": sd, "sem": sd / np.sqrt(np.where(n > 1, n, np.nan))}
