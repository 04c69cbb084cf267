"""One label at a time on a film while it is written: labels are decided with a fixed look-ahead, and then stay.

T positions so far, K labels

    scored    . . . . . . . . . . . . . . . . . .|
    decided   . . . . . . . . . . . .|---- lag --|
    final     |-- run --|--- run ---|              a run that ended in what is decided; the last one goes on
"""

import copy
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.following.live_head import LiveHead, following_note
from vtn_stream.heads import head_of
from vtn_stream.heads.dense import Dense
from vtn_stream.heads.pieces import Piece
from vtn_stream.localize import PhaseDecoder, edges_s, most_likely, of_labels
from vtn_stream.model import VTN, DenseConfig
from vtn_stream.scorers.actions import action_notes
from vtn_stream.scorers.delay import delay_s
from vtn_stream.scorers.running import pieces_so_far
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores

__all__ = ["LAG_S", "LivePhases"]

# The look-ahead for a model that has none of its own, since it was not trained to be followed.
LAG_S = 30


class LivePhases(LiveHead):
    """A run is final once it has ended in what is decided."""

    def __init__(self, checkpoint: Checkpoint, network: VTN, point: str | None, fps: Fraction) -> None:
        super().__init__(checkpoint, network, point, fps)
        head, config = head_of(checkpoint.config.head), checkpoint.config.head
        assert isinstance(head, Dense)
        assert isinstance(config, DenseConfig)
        self._head, self._config = head, config
        rules = checkpoint.phase_rules
        if rules is not None and rules.lag is None:
            rules = replace(rules, lag=math.ceil(LAG_S * fps))
        self.is_exact = checkpoint.is_streamable
        self._pieces = pieces_so_far(network)
        self._decoder = None if rules is None else PhaseDecoder(rules, len(checkpoint.labels))
        self.delay_s = delay_s(network, rules, fps)
        self._scored = 0  # positions
        self._decided = 0
        self._open = 0  # where the last run of what is decided begins; or the end, where no segment goes on

    def _read(self, values: NDArray[np.float16], valid: NDArray[np.bool_]) -> None:
        num = len(self._grown)
        ids = self._checkpoint.window.position_ids(num, self._fps)[num - len(values) :]
        for piece in self._pieces.add(values, valid, ids):
            self._take(piece)

    def _close(self) -> None:
        for piece in self._pieces.finish():
            self._take(piece)
        if self._decoder is not None:
            self._decide(self._decoder.end())

    def _take(self, piece: Piece) -> None:
        frame, valid = self._head.frame(self._config, self._network, piece), piece.valid[piece.own]
        self._grown.frame[piece.start : piece.stop] = frame
        self._scored = piece.stop
        self._decide(most_likely(frame, valid) if self._decoder is None else self._decoder.push(frame, valid))

    def _decide(self, labels: NDArray[np.intp]) -> None:
        self._grown.labels[self._decided : self._decided + len(labels)] = labels
        self._decided += len(labels)

    def _final(self) -> list[Segment]:
        """The runs that ended at a position that is decided too."""
        begin, stop = self._open, self._decided
        if stop == begin:
            return []
        labels = self._grown.labels[begin:stop]
        last_s = self._grown.index(stop - 1, stop).grid_s[0]
        found = [s for s in self._segments(labels, math.inf) if s.end_s < last_s]
        changes = np.flatnonzero(labels[1:] != labels[:-1])
        goes_on = begin + (int(changes[-1]) + 1 if len(changes) else 0)
        self._open = goes_on if labels[-1] >= 0 else stop
        return found

    def _until_s(self) -> float:
        if self._decided < 2:
            return 0.0
        return float(edges_s(self._grown.index(self._decided - 2, self._decided), math.inf)[1])

    def _provisional(self, end_s: float) -> list[Segment]:
        """The run that goes on, and the labels if no more came."""
        rest = self._grown.labels[:0].astype(np.intp) if self._decoder is None else copy.deepcopy(self._decoder).end()
        return self._segments(np.concatenate([self._grown.labels[self._open : self._decided], rest]), end_s)

    def _segments(self, labels: NDArray[np.integer], end_s: float) -> list[Segment]:
        """Of the labels [n] of positions from `_open` on."""
        if not len(labels):
            return []
        begin, stop = self._open, self._open + len(labels)
        low = max(0, begin - 1)  # where a position stands depends on the one before
        shown = np.concatenate([np.full(begin - low, -1), labels])
        frame, index = self._grown.frame[low:stop], self._grown.index(low, stop)
        return of_labels(shown, frame, index, self._checkpoint.labels, end_s, self._points)

    def _rest(self, duration_s: float) -> list[Segment]:
        labels, index = self._grown.labels, self._grown.index()
        drawn = of_labels(labels, self._grown.frame, index, self._checkpoint.labels, duration_s, self._points)
        return self._not_told(drawn)

    def scores(self) -> GridScores:
        return GridScores(frame=self._grown.frame)

    def notes(self) -> list[str]:
        notes = action_notes(self._checkpoint, self._fps)
        return notes if self.is_exact else [*notes, following_note(self._checkpoint, self._fps)]
