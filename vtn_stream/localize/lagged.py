"""Soft-NMS of proposals that come in the order of a film, so that what is kept early never changes.

    block    b - 1     b      b + 1   b + 2      of a span's middle
           | fixed | decided |    looked at   |

A block is decided with those after it in sight, `ahead` positions of them; what was kept of earlier ones is fixed, and
takes from the scores of later spans as if all had been compared at once. So the choice depends on what lies near, and
not on how long the film is. Positions, no seconds.
"""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vtn_stream.localize.soft_nms import soft_nms
from vtn_stream.localize.spans import (
    ALWAYS_KEPT,
    HALF_HOUR_S,
    MIN_SPAN_SCORE,
    NUM_CANDIDATES,
    NUM_SPANS,
    SHORTEST,
    joined,
    strongest,
    subset,
)
from vtn_stream.track import Spans

__all__ = ["LaggedProposals"]

# Times as many as a whole film may have in as much time: actions are not spread evenly, and candidates cost little.
SPARE, SPARE_CANDIDATES = 2, 16


class LaggedProposals:
    """Spans in order of their middles, kept block by block.

    block    positions whose spans are decided together
    ahead    positions after a block whose spans are looked at for it: as far as spans that overlap much may be apart
    longest  positions: no candidate is longer

    `before`: all spans whose middle lies before this position are decided.
    """

    def __init__(self, *, block: int, ahead: int, longest: float, num_levels: int, fps: Fraction) -> None:
        half_hours = Fraction(block) / Fraction(fps) / HALF_HOUR_S
        self._num_candidates = math.ceil(SPARE_CANDIDATES * NUM_CANDIDATES * num_levels * half_hours)
        self._num_spans = math.ceil(SPARE * NUM_SPANS * half_hours * (1 + Fraction(ahead, block)))  # in sight
        self._block, self._ahead, self._longest = block, ahead, longest
        self._waiting = joined([])
        self._fixed = joined([])
        self.before = 0

    def add(self, candidates: Spans, known: float) -> Spans:
        """The spans that are decided now and were not before, in no order. known: all candidates whose middle lies
        before this position are there.
        """
        self._waiting = joined([self._waiting, _lasting(candidates)])
        found = []
        while self.before + self._block + self._ahead <= known:
            found.append(self._decided())
        return joined(found)

    def finish(self) -> Spans:
        """The spans of the blocks that are left: no more candidates come."""
        found = []
        while len(self._waiting):
            found.append(self._decided())
        return joined(found)

    def rest(self, min_score: float = MIN_SPAN_SCORE) -> Spans:
        """What would be kept of blocks that are not decided, from that score on, if no more came. Changes nothing."""
        both = joined([self._fixed, self._waiting])
        return self._kept(both, np.arange(len(both)) < len(self._fixed), len(both), min_score=min_score)

    def _decided(self) -> Spans:
        end, inside = self.before + self._block, []
        middles = self._waiting.bounds.mean(axis=1)
        for start in range(self.before, end + self._ahead, self._block):
            first = -math.inf if start == self.before else start
            of_block = (middles >= first) & (middles < min(start + self._block, end + self._ahead))
            inside.append(strongest(subset(self._waiting, of_block), self._num_candidates))
        near = joined([self._fixed, *inside])
        is_fixed = np.arange(len(near)) < len(self._fixed)
        kept = self._kept(near, is_fixed, self._num_spans, end)
        self._waiting = subset(self._waiting, middles >= end)
        self.before = end
        # a later span begins at most half the longest one's length before its block
        fixed = joined([self._fixed, kept])
        self._fixed = subset(fixed, fixed.bounds[:, 1] > end - self._longest / 2)
        return kept

    def _kept(
        self,
        spans: Spans,
        fixed: NDArray[np.bool_],
        num_weak: int,
        end: float = math.inf,
        min_score: float = MIN_SPAN_SCORE,
    ) -> Spans:
        """Those that are not fixed and have their middle before `end`: of a low score the num_weak best, at most."""
        which, scores = soft_nms(
            spans.bounds,
            spans.scores,
            spans.classes,
            max_segments=num_weak,
            min_score=min_score,
            fixed=fixed,
            always=ALWAYS_KEPT,
        )
        new = ~fixed[which] & (spans.bounds[which].mean(axis=1) < end)
        which = which[new]
        return Spans(bounds=spans.bounds[which], classes=spans.classes[which], scores=scores[new])


def _lasting(spans: Spans) -> Spans:
    return subset(spans, spans.bounds[:, 1] - spans.bounds[:, 0] >= SHORTEST)
