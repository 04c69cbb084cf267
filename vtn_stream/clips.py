"""A clip classifier on a film: it slides over the stored embeddings, and reads all of them at once.

    T positions of the grid, N positions of a window, W windows, D embedding width, K classes

Sliding gives what holds when; one pass of the temporal encoder over the whole sequence, which is what it is made for
(Neimark et al. 2021, section 3.2), gives what the film is about and where the model looked.
"""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.film import FrameIndex
from vtn_stream.localize import peaks
from vtn_stream.model import VTN, Encoded
from vtn_stream.model.long import LongEncoding
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores

__all__ = ["FilmClassifier"]

# Windows a forward pass: always as many, the last batch padded, so that a window's numbers do not depend on which
# others were ready with it. 256 positions of the published window fill a matrix product.
WINDOWS_PER_BATCH = 16
# Longer sequences are encoded from scratch files: in memory this one takes 400 MB at D = 768.
MAX_POSITIONS_IN_MEMORY = 65_536
POSITIONS_AT_ONCE = 4096  # whose probabilities are added up in float64


class FilmClassifier:
    """Implements `Scorer`: one checkpoint on its way over one film.

    num_positions  T, of the grid at `fps` that is analyzed
    scratch        a folder that may be made for a very long film
    """

    saliency_name = "attention"

    def __init__(
        self, checkpoint: Checkpoint, network: VTN, num_positions: int, fps: Fraction, *, film: str, scratch: Path
    ) -> None:
        self._checkpoint = checkpoint
        self._network = network
        self._fps = fps
        self._film = film
        self._scratch = scratch
        self._device = network.encoder.cls_token.device
        self._window = checkpoint.window
        self._starts = self._window.starts(num_positions)  # [W]
        self._is_done = np.zeros(len(self._starts), np.bool_)
        self._probabilities = np.zeros((len(self._starts), len(checkpoint.labels)), np.float32)  # [W, K]
        self._num_positions = num_positions

    def advance(self, values: NDArray[np.float16], index: FrameIndex, settled: NDArray[np.bool_]) -> None:
        """Score the windows of which every position is settled. One that shows no frame scores nothing."""
        unsettled = np.concatenate([[0], np.cumsum(~settled)])
        stops = np.minimum(self._starts + self._window.num_positions, self._num_positions)
        ready = np.flatnonzero(~self._is_done & (unsettled[stops] == unsettled[self._starts]))
        for begin in range(0, len(ready), WINDOWS_PER_BATCH):
            windows = ready[begin : begin + WINDOWS_PER_BATCH]
            self._probabilities[windows] = self._classify(values, index.valid, self._starts[windows])
        self._is_done[ready] = True

    def scores(self, values: NDArray[np.float16], index: FrameIndex, *, complete: bool) -> GridScores:
        """frame: the mean probability of the windows over a position; clip and saliency once the film is complete."""
        starts = self._starts[self._is_done]
        # Windows over a position are neighbours: [first, last) of those that are done.
        total = np.cumsum(self._probabilities[self._is_done], axis=0, dtype=np.float64)
        total = np.concatenate([np.zeros_like(total, shape=(1, total.shape[1])), total])
        frame = np.zeros((len(values), total.shape[1]), np.float16)
        for positions in np.array_split(np.arange(len(values)), len(values) // POSITIONS_AT_ONCE + 1):
            last = np.searchsorted(starts, positions, "right")
            first = np.searchsorted(starts + self._window.num_positions, positions, "right")
            mean = (total[last] - total[first]) / np.maximum(last - first, 1)[:, None]
            frame[positions] = np.maximum(mean, 0) * index.valid[positions, None]
        if not complete or not index.valid.any():
            return GridScores(frame=frame)
        clip, saliency = self._whole(values, index.valid)
        return GridScores(frame=frame, clip=clip, saliency=saliency)

    def labels(self, scores: GridScores) -> tuple[str, ...]:
        return self._checkpoint.labels

    def segments(self, scores: GridScores, index: FrameIndex, duration_s: float) -> list[Segment]:
        point, points = self._checkpoint.operating_point, self._checkpoint.operating_points
        return peaks(scores, index, self._checkpoint.labels, duration_s, point, points)

    def provenance(self) -> dict[str, Any]:
        window, point = self._window, self._checkpoint.operating_point
        own = sorted(self._checkpoint.operating_points.items())
        return {
            "kind": "clip classifier",
            "model": self._checkpoint.digest,
            "training": json.loads(json.dumps(dict(self._checkpoint.training))),
            "window_positions": window.num_positions,
            "stride_positions": window.stride,
            "operating_point": {"high": point.high, "low": point.low},
            "operating_points": {label: {"high": p.high, "low": p.low} for label, p in own},
        }

    def notes(self) -> list[str]:
        window_s, stride_s = (float(n / self._fps) for n in (self._window.num_positions, self._window.stride))
        notes = [
            f"A clip classifier slid over the film in windows of {window_s:.2f} s, one every {stride_s:.2f} s; "
            "borders are no finer than that, and several labels may hold at once."
        ]
        if self._num_positions < self._window.num_positions:
            notes.append("What was analyzed is shorter than the model's window: one window held all of it.")
        return notes

    @torch.inference_mode()
    def _classify(
        self, values: NDArray[np.float16], valid: NDArray[np.bool_], starts: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Probabilities [n, K] of the windows that start there; n <= WINDOWS_PER_BATCH."""
        num = self._window.num_positions
        embeddings = np.zeros((WINDOWS_PER_BATCH, num, values.shape[1]), np.float32)
        seen = np.zeros((WINDOWS_PER_BATCH, num), np.bool_)
        for row, start in enumerate(starts):
            part = values[start : start + num]
            embeddings[row, : len(part)] = part
            seen[row, : len(part)] = valid[start : start + num]
        ids = torch.from_numpy(self._window.position_ids(num, self._fps)).expand(WINDOWS_PER_BATCH, -1)
        tensors = (torch.from_numpy(embeddings), ids, torch.from_numpy(seen))
        logits = self._network.classify(*(tensor.to(self._device) for tensor in tensors))
        probabilities: NDArray[np.float32] = logits.float().softmax(-1).cpu().numpy()[: len(starts)]
        probabilities[~seen[: len(starts)].any(axis=1)] = 0
        return probabilities

    @torch.inference_mode()
    def _whole(
        self, values: NDArray[np.float16], valid: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.float16]]:
        """Probabilities [K] of the whole sequence, and how much of its attention each position got [T], the most 1."""
        encoded = self._encoded(torch.from_numpy(values), torch.from_numpy(valid))
        clip: NDArray[np.float32] = self._network.head(encoded.cls).float().softmax(-1)[0].cpu().numpy()
        attention = encoded.attention[0].float().cpu().numpy()
        return clip, (attention / max(float(attention.max()), 1e-30)).astype(np.float16)

    def _encoded(self, values: torch.Tensor, valid: torch.Tensor) -> Encoded:
        num = len(values)
        ids = torch.from_numpy(self._window.position_ids(num, self._fps))
        if num <= MAX_POSITIONS_IN_MEMORY:
            inputs = (tensor[None].to(self._device) for tensor in (values, ids, valid))
            return self._network.encoder(*inputs, read="cls")
        return LongEncoding(
            self._network.encoder,
            lambda start, stop: values[start:stop],
            num,
            scratch=self._scratch,
            sequence=self._film,
            position_ids=ids,
            valid=valid,
        ).cls()
