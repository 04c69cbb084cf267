"""Scores of a clip classifier: it slides over the stored embeddings, and also reads all of them at once.

    T positions of the grid that were asked for, N of a window, W windows, D embedding width, K classes

Sliding finds what happens when; one pass of the temporal encoder over the whole sequence, as it is meant to be used
(Neimark et al. 2021, section 3.2), gives what the film is about and where the model looked.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from vtn_stream.backbone import FrameEncoder
from vtn_stream.checkpoints import Checkpoint
from vtn_stream.errors import CheckpointError
from vtn_stream.film import FrameIndex
from vtn_stream.heads import head_of
from vtn_stream.heads.pieces import finite_on_cpu
from vtn_stream.model import VTN
from vtn_stream.scorers.model import ModelOnFilm, ModelScorer, load_network
from vtn_stream.scorers.sequence import SequenceEncoding, relative_attention
from vtn_stream.track import GridScores

__all__ = ["FilmClassifier", "load_classifier"]

# Positions of the windows of one forward pass: enough to fill a matrix product, 16 of the published windows. There are
# always as many windows, the last batch padded, so that one's numbers do not depend on which others were ready with it.
BATCH_POSITIONS = 256
POSITIONS_AT_ONCE = 4096  # whose probabilities are added up in float64


class FilmClassifier(ModelScorer):
    """Implements `Scorer`: one checkpoint with a head that names clips, on its way over one film."""

    def __init__(self, job: ModelOnFilm) -> None:
        super().__init__(job)
        window, (first, last) = job.checkpoint.window, job.within
        self._num_positions = last - first
        self._starts = window.starts(self._num_positions)  # [W], counted from the first within
        self._length = min(window.num_positions, self._num_positions)  # N
        self._is_done = np.zeros(len(self._starts), np.bool_)
        self._probabilities = np.zeros((len(self._starts), len(job.checkpoint.labels)), np.float32)  # [W, K]

    def advance(self, values: NDArray[np.float16], index: FrameIndex, settled: NDArray[np.bool_]) -> None:
        """Score the windows of which every position is settled. One that shows no frame scores nothing.

        Raises CheckpointError if the model gives no numbers.
        """
        unsettled = np.concatenate([[0], np.cumsum(~settled[self._job.rows])])
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
        inside, valid = frame[self._job.rows], index.valid[self._job.rows]
        for positions in np.array_split(np.arange(len(inside)), len(inside) // POSITIONS_AT_ONCE + 1):
            last = np.searchsorted(starts, positions, "right")
            first = np.searchsorted(starts + self._length, positions, "right")
            mean = (total[last] - total[first]) / np.maximum(last - first, 1)[:, None]
            inside[positions] = np.maximum(mean, 0) * valid[positions, None]
        if not complete or not valid.any():
            return GridScores(frame=frame)
        clip, attention = self._whole(values[self._job.rows], valid)
        if attention is None:
            return GridScores(frame=frame, clip=clip)
        saliency = np.zeros(len(values), np.float16)
        saliency[self._job.rows] = attention
        return GridScores(frame=frame, clip=clip, saliency=saliency)

    def notes(self) -> list[str]:
        window, fps = self._job.checkpoint.window, self._job.fps
        window_s, stride_s = float(window.num_positions / fps), float(window.stride / fps)
        kind = "linear clip classifier" if self._job.checkpoint.config.is_linear else "clip classifier"
        notes = [
            f"A {kind} slid over the film in windows of {window_s:.2f} s, one every {stride_s:.2f} s; "
            "borders are no finer than that, and several labels may apply at once."
        ]
        if self._num_positions < window.num_positions:
            notes.append("The analyzed part is shorter than the model's window: it was read as one window.")
        return notes

    @torch.inference_mode()
    def _classify(
        self, values: NDArray[np.float16], valid: NDArray[np.bool_], starts: NDArray[np.int64], num_rows: int
    ) -> NDArray[np.float32]:
        """Probabilities [n, K] of the windows that start there; n <= num_rows."""
        embeddings = np.zeros((num_rows, self._length, values.shape[1]), np.float32)
        seen = np.zeros((num_rows, self._length), np.bool_)
        for row, start in enumerate(starts + self._job.rows.start):
            embeddings[row] = values[start : start + self._length]
            seen[row] = valid[start : start + self._length]
        window_ids = self._job.checkpoint.window.position_ids(self._length, self._job.fps)
        ids = torch.from_numpy(window_ids).expand(num_rows, -1)
        tensors = (torch.from_numpy(embeddings), ids, torch.from_numpy(seen))
        device = self._job.network.device
        logits = self._job.network.classify(*(tensor.to(device) for tensor in tensors))
        probabilities = _probabilities(logits)[: len(starts)]
        probabilities[~seen[: len(starts)].any(axis=1)] = 0
        return probabilities

    @torch.inference_mode()
    def _whole(
        self, values: NDArray[np.float16], valid: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.float16] | None]:
        """Probabilities [K] of the whole sequence, and how much of its attention each position got [T], the most 1;
        None of a linear model.
        """
        job = self._job
        scratch, ids = job.scratch / job.film, job.position_ids()
        encoder = job.network.encoder
        encoded = SequenceEncoding(encoder, values, valid, ids, scratch=scratch, on_progress=job.on_progress).cls()
        return _probabilities(job.network.head(encoded.cls))[0], relative_attention(encoded)


def load_classifier(checkpoint: Checkpoint, encoder: FrameEncoder) -> VTN:
    """As `load_network`. Raises CheckpointError also for a model with another head."""
    if not head_of(checkpoint.config.head).names_clips:
        raise CheckpointError(
            "the model has no classification head",
            "it makes timelines, and does not label clips",
            "give another model",
        )
    return load_network(checkpoint, encoder)


def _probabilities(logits: torch.Tensor) -> NDArray[np.float32]:
    """[n, K], summing to 1 over the classes."""
    return finite_on_cpu(logits.float().softmax(-1))
