"""A clip classifier on a film: it slides over the stored embeddings, and reads all of them at once.

    T positions of the grid that were asked for, N of a window, W windows, D embedding width, K classes

Sliding gives what holds when; one pass of the temporal encoder over the whole sequence, which is what it is made for
(Neimark et al. 2021, section 3.2), gives what the film is about and where the model looked.
"""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vtn_stream.backbone import FrameEncoder
from vtn_stream.checkpoints import Checkpoint
from vtn_stream.errors import CheckpointError
from vtn_stream.film import FrameIndex
from vtn_stream.localize import peaks
from vtn_stream.model import VTN, ClassificationConfig, Encoded
from vtn_stream.scorers.sequence import MAX_POSITIONS_IN_MEMORY, from_files, load_network, looked_at, numbers
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores

__all__ = ["FilmClassifier", "load_classifier"]

# Positions of the windows of one forward pass: enough to fill a matrix product, 16 of the published windows. There are
# always as many windows, the last batch padded, so that one's numbers do not depend on which others were ready with it.
BATCH_POSITIONS = 256
POSITIONS_AT_ONCE = 4096  # whose probabilities are added up in float64


class FilmClassifier:
    """Implements `Scorer`: one checkpoint on its way over one film.

    within       the positions that were asked for, [first, last) of those that come; others are never looked at
    film         names it
    scratch      a folder in which a very long film may have one of its own
    on_progress  hears how far the reading of such a film has come: positions done, and to do, over all layers
    """

    saliency_name = "attention"

    def __init__(
        self,
        checkpoint: Checkpoint,
        network: VTN,
        within: tuple[int, int],
        fps: Fraction,
        *,
        film: str,
        scratch: Path,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._checkpoint = checkpoint
        self._network = network
        self._within = slice(*within)
        self._fps = fps
        self._film = film
        self._scratch = scratch
        self._on_progress = on_progress
        self._device = network.encoder.cls_token.device
        self._num_positions = within[1] - within[0]
        self._starts = checkpoint.window.starts(self._num_positions)  # [W], counted from the first within
        self._length = min(checkpoint.window.num_positions, self._num_positions)  # N
        self._is_done = np.zeros(len(self._starts), np.bool_)
        self._probabilities = np.zeros((len(self._starts), len(checkpoint.labels)), np.float32)  # [W, K]

    def advance(self, values: NDArray[np.float16], index: FrameIndex, settled: NDArray[np.bool_]) -> None:
        """Score the windows of which every position is settled. One that shows no frame scores nothing.

        Raises CheckpointError where the model gives no numbers.
        """
        unsettled = np.concatenate([[0], np.cumsum(~settled[self._within])])
        ready = np.flatnonzero(~self._is_done & (unsettled[self._starts + self._length] == unsettled[self._starts]))
        num_rows = max(1, BATCH_POSITIONS // self._length)
        for begin in range(0, len(ready), num_rows):
            windows = ready[begin : begin + num_rows]
            self._probabilities[windows] = self._classify(values, index.valid, self._starts[windows], num_rows)
        self._is_done[ready] = True

    def scores(self, values: NDArray[np.float16], index: FrameIndex, *, complete: bool) -> GridScores:
        """frame: the mean probability of the windows over a position; clip and saliency once the film is complete."""
        starts = self._starts[self._is_done]
        # Windows over a position are neighbours: [first, last) of those that are done.
        total = np.cumsum(self._probabilities[self._is_done], axis=0, dtype=np.float64)
        total = np.concatenate([np.zeros_like(total, shape=(1, total.shape[1])), total])
        frame = np.zeros((len(values), total.shape[1]), np.float16)
        inside, valid = frame[self._within], index.valid[self._within]
        for positions in np.array_split(np.arange(len(inside)), len(inside) // POSITIONS_AT_ONCE + 1):
            last = np.searchsorted(starts, positions, "right")
            first = np.searchsorted(starts + self._length, positions, "right")
            mean = (total[last] - total[first]) / np.maximum(last - first, 1)[:, None]
            inside[positions] = np.maximum(mean, 0) * valid[positions, None]
        if not complete or not valid.any():
            return GridScores(frame=frame)
        clip, attention = self._whole(values[self._within], valid)
        saliency = np.zeros(len(values), np.float16)
        saliency[self._within] = attention
        return GridScores(frame=frame, clip=clip, saliency=saliency)

    def labels(self, scores: GridScores) -> tuple[str, ...]:
        return self._checkpoint.labels

    def segments(self, scores: GridScores, index: FrameIndex, duration_s: float) -> list[Segment]:
        point, points = self._checkpoint.operating_point, self._checkpoint.operating_points
        return peaks(scores, index, self._checkpoint.labels, duration_s, point, points)

    def provenance(self) -> dict[str, Any]:
        return self.provenance_of(self._checkpoint)

    @staticmethod
    def provenance_of(checkpoint: Checkpoint) -> dict[str, Any]:
        """`provenance`, before there is a network or a film."""
        window, point = checkpoint.window, checkpoint.operating_point
        own = sorted(checkpoint.operating_points.items())
        return {
            "kind": "clip classifier",
            "model": checkpoint.digest,
            "training": json.loads(json.dumps(dict(checkpoint.training))),
            "window_positions": window.num_positions,
            "stride_positions": window.stride,
            "operating_point": {"high": point.high, "low": point.low},
            "operating_points": {label: {"high": p.high, "low": p.low} for label, p in own},
        }

    def notes(self) -> list[str]:
        window_s, stride_s = (
            float(n / self._fps) for n in (self._checkpoint.window.num_positions, self._checkpoint.window.stride)
        )
        notes = [
            f"A clip classifier slid over the film in windows of {window_s:.2f} s, one every {stride_s:.2f} s; "
            "borders are no finer than that, and several labels may hold at once."
        ]
        if self._num_positions < self._checkpoint.window.num_positions:
            notes.append("What was analyzed is shorter than the model's window: one window held all of it.")
        return notes

    @torch.inference_mode()
    def _classify(
        self, values: NDArray[np.float16], valid: NDArray[np.bool_], starts: NDArray[np.int64], num_rows: int
    ) -> NDArray[np.float32]:
        """Probabilities [n, K] of the windows that start there; n <= num_rows."""
        embeddings = np.zeros((num_rows, self._length, values.shape[1]), np.float32)
        seen = np.zeros((num_rows, self._length), np.bool_)
        for row, start in enumerate(starts + self._within.start):
            embeddings[row] = values[start : start + self._length]
            seen[row] = valid[start : start + self._length]
        ids = torch.from_numpy(self._checkpoint.window.position_ids(self._length, self._fps)).expand(num_rows, -1)
        tensors = (torch.from_numpy(embeddings), ids, torch.from_numpy(seen))
        logits = self._network.classify(*(tensor.to(self._device) for tensor in tensors))
        probabilities = _probabilities(logits)[: len(starts)]
        probabilities[~seen[: len(starts)].any(axis=1)] = 0
        return probabilities

    @torch.inference_mode()
    def _whole(
        self, values: NDArray[np.float16], valid: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.float16]]:
        """Probabilities [K] of the whole sequence, and how much of its attention each position got [T], the most 1."""
        encoded = self._encoded(values, valid)
        return _probabilities(self._network.head(encoded.cls))[0], looked_at(encoded)

    def _encoded(self, values: NDArray[np.float16], valid: NDArray[np.bool_]) -> Encoded:
        ids = self._checkpoint.window.position_ids(len(values), self._fps)
        if len(values) <= MAX_POSITIONS_IN_MEMORY:
            inputs = (torch.from_numpy(array)[None].to(self._device) for array in (values, ids, valid))
            return self._network.encoder(*inputs, read="cls")
        scratch, tell = self._scratch / self._film, self._on_progress
        return from_files(self._network.encoder, values, valid, ids, scratch=scratch, on_progress=tell).cls()


def load_classifier(checkpoint: Checkpoint, encoder: FrameEncoder) -> VTN:
    """As `load_network`. Raises CheckpointError also for a model with another head."""
    if not isinstance(checkpoint.config.head, ClassificationConfig):
        raise CheckpointError(
            "the model has no head that classifies",
            "it draws timelines, and names no clips",
            "give another model",
        )
    return load_network(checkpoint, encoder)


def _probabilities(logits: torch.Tensor) -> NDArray[np.float32]:
    """[n, K], summing to 1 over the classes."""
    return numbers(logits.float().softmax(-1))
