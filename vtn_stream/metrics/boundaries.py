"""Boundary detection: are the changes where people see them?"""

from collections.abc import Sequence

__all__ = ["boundary_f1"]


def boundary_f1(predicted_s: Sequence[float], true_s: Sequence[float], tolerance_s: float) -> float:
    """F1 of boundaries matched one to one within tolerance_s (inclusive); 1.0 when both lists are empty.

    The matching is the largest possible: both sorted, each prediction takes the earliest true boundary that is
    still free and near enough (as in shot-boundary evaluation, e.g. Hassanien et al. 2017).
    """
    predicted, true = sorted(predicted_s), sorted(true_s)
    if not predicted and not true:
        return 1.0
    hits, next_true = 0, 0
    for p in predicted:
        while next_true < len(true) and true[next_true] < p - tolerance_s:
            next_true += 1
        if next_true < len(true) and true[next_true] <= p + tolerance_s:
            hits += 1
            next_true += 1
    return 2 * hits / (len(predicted) + len(true))
