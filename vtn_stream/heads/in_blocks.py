"""Proposals that are decided while a film comes, and then never change: what `localize.lagged` gets of a network, piece
by piece.

T positions so far, K classes, L levels of a pyramid; a stride of the top level is 2^(L - 1) positions
"""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vtn_stream.heads.pieces import Piece
from vtn_stream.heads.points import level_points, moved, position_scores
from vtn_stream.localize import LaggedProposals, candidates, groups, joined, subset
from vtn_stream.model import VTN, LocalizationConfig, StatisticsConfig
from vtn_stream.track import Spans

__all__ = ["BlockProposals", "block_proposals"]

# Strides that a point's span may reach to each side: the longest that a level is asked about in training.
FARTHEST = 4
BLOCK = 16  # positions, at least: a block costs some milliseconds, whatever is in it
FLANK = 0.25  # of a run's length, by which `groups` compares it with what is beside it


class BlockProposals:
    """What is proposed of a pyramid's points, or of a linear model's positions.

    behind  a span is decided once so many positions after its middle are in pieces that came
    before  all spans whose middle lies before this position are decided
    """

    behind: int

    def __init__(self, config: LocalizationConfig, fps: Fraction) -> None:
        top = 2 ** (config.num_levels - 1)
        self._top = top
        self._block = max(BLOCK, top)
        self._longest = 2 * FARTHEST * top
        # Spans that share half of their union have their middles at most a third of the longest one's length apart.
        self._ahead = max(self._block, 2 * top)
        self._lagged = LaggedProposals(
            block=self._block, ahead=self._ahead, longest=self._longest, num_levels=config.num_levels, fps=fps
        )

    @property
    def before(self) -> int:
        return self._lagged.before

    def add(self, piece: Piece) -> tuple[NDArray[np.float16], Spans]:
        """Of the piece that follows: its positions' scores [n, K], 0 where not valid; and the spans that are decided
        now and were not before. Raises CheckpointError if the network gives no numbers.
        """
        raise NotImplementedError

    def finish(self) -> Spans:
        """The rest of the spans: no more pieces come."""
        return self._lagged.finish()

    def rest(self, min_score: float) -> Spans:
        """What would be proposed of what is not decided, from that score on, if no more came. Changes nothing."""
        return self._lagged.rest(min_score)


class _OfPyramid(BlockProposals):
    def __init__(self, network: VTN, config: LocalizationConfig, fps: Fraction) -> None:
        super().__init__(config, fps)
        self._network = network
        self.behind = self._block + self._ahead + FARTHEST // 2 * self._top

    def add(self, piece: Piece) -> tuple[NDArray[np.float16], Spans]:
        frame, levels = level_points(self._network, piece)
        found = [
            candidates(level.scores, np.minimum(level.offsets, FARTHEST), level.number, level.first) for level in levels
        ]
        # A later point's span has its middle at most half of what it reaches before it.
        known = piece.stop - FARTHEST // 2 * self._top
        return frame, self._lagged.add(joined(found), known)


class _OfPositions(BlockProposals):
    def __init__(self, network: VTN, config: LocalizationConfig, fps: Fraction) -> None:
        super().__init__(config, fps)
        self._network = network
        statistics = network.config.encoder
        assert isinstance(statistics, StatisticsConfig)
        self._reach = statistics.reach or 0
        # to each side of a block, so that a run of it is there with its flanks
        self._margin = math.ceil((0.5 + FLANK) * self._longest) + self._reach + 1
        self.behind = self._block + self._ahead + self._margin
        self._first = self._start = 0  # of the scores that are held; of the next block
        self._said = np.zeros((0, config.num_classes), np.float32)
        self._valid = np.zeros(0, np.bool_)

    def add(self, piece: Piece) -> tuple[NDArray[np.float16], Spans]:
        said, valid = position_scores(self._network, piece), piece.valid[piece.own]
        self._said, self._valid = np.concatenate([self._said, said]), np.concatenate([self._valid, valid])
        found = []
        while self._start + self._block + self._margin <= self._first + len(self._said):
            found.append(self._next())
        gone = max(0, self._start - self._margin - self._first)
        self._said, self._valid, self._first = self._said[gone:], self._valid[gone:], self._first + gone
        frame = moved(self._network, said)
        frame[~valid] = 0
        return frame.astype(np.float16), self._lagged.add(joined(found), self._start)

    def finish(self) -> Spans:
        found = []
        while self._start < self._first + len(self._said):
            found.append(self._next())
        return joined([self._lagged.add(joined(found), self._start), super().finish()])

    def _next(self) -> Spans:
        """The runs with their middle in the next block."""
        low = max(self._first, self._start - self._margin)
        stop = self._start + self._block
        rows = slice(low - self._first, stop + self._margin - self._first)
        runs = groups(self._said[rows], self._valid[rows], self._reach)
        bounds = runs.bounds + low
        middles = bounds.mean(axis=1)
        own = (middles >= self._start) & (middles < stop) & (bounds[:, 1] - bounds[:, 0] <= self._longest)
        self._start = stop
        runs = subset(Spans(bounds=bounds, classes=runs.classes, scores=moved(self._network, runs.scores)), own)
        return runs


def block_proposals(network: VTN, fps: Fraction) -> BlockProposals:
    """Those that fit the network."""
    config = network.config.head
    assert isinstance(config, LocalizationConfig)
    kind = _OfPositions if network.config.is_linear else _OfPyramid
    return kind(network, config, fps)
