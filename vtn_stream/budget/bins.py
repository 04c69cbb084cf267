"""Labels in one stretch of time after the other: how often they start there, and how long they hold. Pure arrays.

N occurrences of a label in order of their starts, B bins, M stretches of observed time
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtn_stream.budget.figures import Floats, joined, shared
from vtn_stream.timeline import TOLERANCE_S

__all__ = ["OF_BINS", "Binned", "binned", "counts_in", "edges_of", "num_bins", "seconds_in"]

OF_BINS = ("observed_s", "count", "total_s", "share", "rate_per_min")


def num_bins(span_s: tuple[float, float], bin_s: float) -> int:
    """How many bins a stretch has; one longer than it is one bin."""
    return max(1, math.ceil((span_s[1] - span_s[0]) / bin_s - TOLERANCE_S))


def edges_of(span_s: tuple[float, float], bin_s: float) -> Floats:
    """float64 [B + 1]: from the start on every bin_s, and the end; the last bin may be shorter."""
    low, high = span_s
    return np.append(low + bin_s * np.arange(num_bins(span_s, bin_s)), high)


def counts_in(spans: Floats, edges: Floats) -> NDArray[np.int64]:
    """int64 [B]: how many start in each bin. What starts at the very end belongs to the last bin."""
    return np.bincount(_bins_of(spans[:, 0], edges), minlength=len(edges) - 1)


def seconds_in(spans: Floats, edges: Floats) -> Floats:
    """float64 [B]: the lengths of the parts of spans in each bin, added up. All of them lie within the edges."""
    spans = spans[spans[:, 1] > spans[:, 0]]
    first = _bins_of(spans[:, 0], edges)
    last = np.maximum(np.searchsorted(edges[1:-1], spans[:, 1] - TOLERANCE_S, side="left"), first)
    single = first == last
    begun = np.where(single, spans[:, 1], edges[first + 1]) - spans[:, 0]
    ended = np.where(single, 0.0, spans[:, 1] - edges[last])
    num = len(edges) - 1
    through = np.bincount(first + 1, minlength=num + 1) - np.bincount(np.maximum(last, first + 1), minlength=num + 1)
    whole = np.cumsum(through)[:num]  # how many hold all through a bin
    parts = np.bincount(first, begun, minlength=num) + np.bincount(last, ended, minlength=num)
    return np.asarray(parts + whole * np.diff(edges), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Binned:
    """One label in the bins of one film: float64 [B] each, or None where its lengths are not defined. nan in share and
    rate_per_min: nothing was observed there.
    """

    observed_s: Floats
    count: Floats
    total_s: Floats | None
    share: Floats | None
    rate_per_min: Floats

    def columns(self) -> dict[str, Floats]:
        """The figures by their names, nan where they are not defined."""
        nothing = np.full(len(self.count), np.nan)
        columns = {name: getattr(self, name) for name in OF_BINS}
        return {name: nothing if values is None else values for name, values in columns.items()}


def binned(spans: Floats, observed: Floats, edges: Floats, *, lasts: bool) -> Binned:
    """The figures of a label in each bin."""
    observed_s = seconds_in(observed, edges)
    count = counts_in(spans, edges).astype(np.float64)
    known_s = np.where(observed_s > 0, observed_s, np.nan)
    return Binned(
        observed_s=observed_s,
        count=count,
        total_s=seconds_in(spans, edges) if lasts else None,
        share=seconds_in(shared(joined(spans), observed), edges) / known_s if lasts else None,
        rate_per_min=60 * count / known_s,
    )


def _bins_of(times_s: Floats, edges: Floats) -> NDArray[np.int64]:
    """int64: the bin of each time; a time hardly before an edge is at the edge."""
    return np.searchsorted(edges[1:-1], times_s + TOLERANCE_S, side="right")
