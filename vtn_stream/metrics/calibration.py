"""Whether scores mean what they say: of all that was said with 70 %, 70 % should be right. N statements, B bins."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Reliability", "reliability"]

NUM_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Statements in bins of equal width by their score; bins without a statement are left out.

    said      the mean score of each bin, 0..1; happened: the share of it that was right; counts: how many statements
    """

    said: tuple[float, ...]
    happened: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def error(self) -> float:
        """The expected calibration error (Naeini et al. 2015): how far said and happened are apart, over all
        statements; nan without one.
        """
        apart = np.abs(np.array(self.said) - np.array(self.happened))
        return float((apart * self.counts).sum() / sum(self.counts)) if self.counts else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "said": [round(share, 4) for share in self.said],
            "happened": [round(share, 4) for share in self.happened],
            "counts": list(self.counts),
        }


def reliability(scores: NDArray[np.floating], right: NDArray[np.bool_]) -> Reliability:
    """scores [N] in 0..1, and whether each statement is right [N]."""
    if scores.shape != right.shape or scores.ndim != 1:
        raise ValueError(f"scores must be [N] and right too, got {list(scores.shape)} and {list(right.shape)}")
    values = scores.astype(np.float64)
    number = np.minimum((values * NUM_BINS).astype(np.int64), NUM_BINS - 1)
    counts = np.bincount(number, minlength=NUM_BINS)
    said = np.bincount(number, values, NUM_BINS)
    happened = np.bincount(number, right.astype(np.float64), NUM_BINS)
    used = np.flatnonzero(counts)
    return Reliability(
        said=tuple((said[used] / counts[used]).tolist()),
        happened=tuple((happened[used] / counts[used]).tolist()),
        counts=tuple(counts[used].tolist()),
    )
