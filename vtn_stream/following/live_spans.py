"""Segments that a localization head proposes, on a film while it is written.

M spans, K labels. Positions, until a segment is drawn

    pieces    . . . . . . . . . . . . . . . . . .|
    decided   . . . . . . . .|                     spans with their middle before it will not change
    final     |-- span --|                         and it ends where the film has come
"""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.following.live_head import LiveHead, following_note
from vtn_stream.heads.in_blocks import block_proposals
from vtn_stream.heads.pieces import Piece
from vtn_stream.localize import EventsSoFar, joined, located, of_classes, strongest, subset
from vtn_stream.model import VTN
from vtn_stream.scorers.actions import action_notes
from vtn_stream.scorers.delay import delay_s
from vtn_stream.scorers.running import pieces_so_far
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores, Spans

__all__ = ["LiveSpans"]

_NOISE_S = 1e-6  # times of spans are rounded to so much


class LiveSpans(LiveHead):
    """Spans are decided in blocks, so that none is taken away by one that comes later; an instant waits for those that
    could be the same event.
    """

    def __init__(self, checkpoint: Checkpoint, network: VTN, point: str | None, fps: Fraction) -> None:
        super().__init__(checkpoint, network, point, fps)
        self.is_exact = checkpoint.is_streamable
        self._pieces = pieces_so_far(network)
        self._proposals = block_proposals(network, fps)
        instant = [label in checkpoint.instants for label in checkpoint.labels]
        self.delay_s = delay_s(network, None, fps, has_instants=any(instant))
        self._lasts = [not is_instant for is_instant in instant]
        self._high = np.array([self._points.of(label).high for label in checkpoint.labels])
        self._all: list[Spans] = []  # decided
        self._ahead = joined([])  # of these, those that last and reach beyond what is there
        self._events = EventsSoFar(checkpoint.labels, self._points)
        self._found: list[Segment] = []  # final, and not told

    def _read(self, values: NDArray[np.float16], valid: NDArray[np.bool_]) -> None:
        num = len(self._grown)
        ids = self._checkpoint.window.position_ids(num, self._fps)[num - len(values) :]
        for piece in self._pieces.add(values, valid, ids):
            self._take(piece)

    def _take(self, piece: Piece) -> None:
        frame, spans = self._proposals.add(piece)
        self._grown.frame[piece.start : piece.stop] = frame
        self._decide(spans)

    def _decide(self, spans: Spans) -> None:
        self._all.append(spans)
        lasting, events = of_classes(spans, self._lasts)
        self._ahead = joined([self._ahead, subset(lasting, lasting.scores >= self._high[lasting.classes])])
        self._found += self._events.add(events, self._proposals.before, self._grown.index())

    def _final(self) -> list[Segment]:
        ends = self._ahead.bounds[:, 1] <= len(self._grown) - 1
        found = [*self._found, *self._located(subset(self._ahead, ends), math.inf)]
        self._found, self._ahead = [], subset(self._ahead, ~ends)
        return found

    def _until_s(self) -> float:
        until = math.floor(min(self._proposals.before, len(self._grown) - 1, self._events.first_open))
        return max(0.0, float(self._grown.index(until, until + 1).grid_s[0]) - _NOISE_S)

    def _provisional(self, end_s: float) -> list[Segment]:
        return self._with(self._proposals.rest(float(self._high.min())), end_s)

    def _close(self) -> None:
        for piece in self._pieces.finish():
            self._take(piece)
        self._last = self._proposals.finish()
        self._all.append(self._last)

    def _rest(self, duration_s: float) -> list[Segment]:
        return [*self._found, *self._with(self._last, duration_s)]

    def _with(self, spans: Spans, end_s: float) -> list[Segment]:
        """What is drawn of these spans, and of those that were decided and not told."""
        lasting, events = of_classes(spans, self._lasts)
        index = self._grown.index()
        return [*self._located(joined([self._ahead, lasting]), end_s), *self._events.rest(events, index, end_s)]

    def _located(self, spans: Spans, end_s: float) -> list[Segment]:
        return located(spans, self._grown.index(), self._checkpoint.labels, end_s, self._points)

    def scores(self) -> GridScores:
        together = joined(self._all)
        return GridScores(frame=self._grown.frame, spans=strongest(together, len(together)))

    def notes(self) -> list[str]:
        notes = action_notes(self._checkpoint, self._fps)
        return notes if self.is_exact else [*notes, following_note(self._checkpoint, self._fps)]
