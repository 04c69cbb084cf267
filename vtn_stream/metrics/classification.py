"""Classification of clips: is the true class among those that the model ranks first?

N clips, K classes
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["mean_per_class", "top_k"]


def top_k(scores: ArrayLike, truth: ArrayLike, k: int) -> float:
    """The share of rows of scores [N, K] whose true class truth [N] is among the k highest.

    A class that scores as high as the true one counts as higher: a model that says the same of all classes is right
    of none. Raises ValueError for shapes that do not agree, for no rows, for scores that are NaN, and for one class: a
    model that knows no other cannot be wrong, and what it says is no success.
    """
    if k < 1:
        raise ValueError(f"k must be 1 or more, got {k}")
    ranks, _ = _ranks(scores, truth)
    return float(np.mean(ranks < k))


def mean_per_class(scores: ArrayLike, truth: ArrayLike) -> float:
    """The mean, over the classes that occur in truth [N], of the share of a class's rows that score it highest.

    Of scores [N, K]; ties count against the model and errors are raised as by `top_k`.
    """
    ranks, classes = _ranks(scores, truth)
    num = np.bincount(classes)
    right = np.bincount(classes, ranks == 0)
    return float(np.mean(right[num > 0] / num[num > 0]))


def _ranks(scores: ArrayLike, truth: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many other classes score at least as high as the true one [N], and the true ones [N]."""
    values, classes = np.asarray(scores, np.float64), np.asarray(truth)
    if values.ndim != 2 or classes.shape != values.shape[:1] or not np.issubdtype(classes.dtype, np.integer):
        raise ValueError(f"scores must be [N, K] and truth whole numbers [N], got {values.shape} and {classes.shape}")
    if values.shape[1] < 2:
        raise ValueError("one class, no accuracy")
    if not len(values):
        raise ValueError("no rows, no accuracy")
    if classes.min() < 0 or classes.max() >= values.shape[1]:
        raise ValueError(f"classes must be 0 to {values.shape[1] - 1}, got {classes.min()} to {classes.max()}")
    if np.isnan(values).any():
        raise ValueError("a score is not a number")
    own = values[np.arange(len(values)), classes]
    return np.count_nonzero(values >= own[:, None], axis=1) - 1, classes.astype(np.int64)
