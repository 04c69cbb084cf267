"""Scores of a clip classifier: it slides over the stored embeddings, and also reads all of them at once.

    T positions of the grid that were asked for, N of a window, W windows, D embedding width, K classes

Sliding finds what happens when; one pass of the temporal encoder over the whole sequence, as it is meant to be used
(Neimark et al. 2021, section 3.2), gives what the film is about and where the model looked.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

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

__all__ = ["ClipWindows", "FilmClassifier", "WindowMeans", "classifier_notes", "load_classifier", "read_whole"]

# Positions of the windows of one forward pass: enough to fill a matrix product, 16 of the published windows. There are
# always as many windows, the last batch padded, so that one's numbers do not depend on which others were ready with it.
BATCH_POSITIONS = 256
POSITIONS_AT_ONCE = 4096  # whose probabilities are added up in float64


class ClipWindows:
    """A clip classifier's windows of `length` positions, as many at once as `at_once`."""

    def __init__(self, checkpoint: Checkpoint, network: VTN, fps: Fraction, length: int) -> None:
        self._network = network
        self.length = length  # N
        self.at_once = max(1, BATCH_POSITIONS // length)
        self._ids = torch.from_numpy(checkpoint.window.position_ids(length, fps))

    @torch.inference_mode()
    def probabilities(
        self, values: NDArray[np.float16], valid: NDArray[np.bool_], starts: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """[W, K] of the windows that start there; one that shows no frame scores nothing.

        Raises CheckpointError if the model gives no numbers.
        """
        found = [np.zeros((0, self._network.config.head.num_classes), np.float32)]
        for begin in range(0, len(starts), self.at_once):
            found.append(self._of_batch(values, valid, starts[begin : begin + self.at_once]))
        return np.concatenate(found)

    def _of_batch(
        self, values: NDArray[np.float16], valid: NDArray[np.bool_], starts: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        embeddings = np.zeros((self.at_once, self.length, values.shape[1]), np.float32)
        seen = np.zeros((self.at_once, self.length), np.bool_)
        for row, start in enumerate(starts):
            embeddings[row] = values[start : start + self.length]
            seen[row] = valid[start : start + self.length]
        tensors = (torch.from_numpy(embeddings), self._ids.expand(self.at_once, -1), torch.from_numpy(seen))
        logits = self._network.classify(*(tensor.to(self._network.device) for tensor in tensors))
        probabilities = _probabilities(logits)[: len(starts)]
        probabilities[~seen[: len(starts)].any(axis=1)] = 0
        return probabilities


class WindowMeans:
    """At each position the mean probability of the windows over it, of windows that come in order.

    starts  of them [W], in positions; total, running sums of their probabilities [W + 1, K]
    """

    def __init__(self, length: int, num_classes: int) -> None:
        self._length = length
        self.starts = np.zeros(0, np.int64)
        self._total = np.zeros((1, num_classes))

    def add(self, starts: NDArray[np.int64], probabilities: NDArray[np.float32]) -> None:
        """The windows that follow."""
        sums = np.cumsum(np.concatenate([self._total[-1:], probabilities]), axis=0, dtype=np.float64)
        self.starts = np.concatenate([self.starts, starts])
        self._total = np.concatenate([self._total, sums[1:]])

    def forget(self, before: int) -> None:
        """No position before this one will be asked for."""
        gone = int(np.searchsorted(self.starts + self._length, before, "right"))
        self.starts, self._total = self.starts[gone:], self._total[gone:]

    def at(self, positions: NDArray[np.int64], valid: NDArray[np.bool_]) -> NDArray[np.float16]:
        """[n, K] at these positions of which valid [n] show something; 0 where no window is."""
        last = np.searchsorted(self.starts, positions, "right")
        first = np.searchsorted(self.starts + self._length, positions, "right")
        mean = (self._total[last] - self._total[first]) / np.maximum(last - first, 1)[:, None]
        return (np.maximum(mean, 0) * valid[:, None]).astype(np.float16)


class FilmClassifier(ModelScorer):
    """Implements `Scorer`: one checkpoint with a head that names clips, on its way over one film."""

    def __init__(self, job: ModelOnFilm) -> None:
        super().__init__(job)
        window, (first, last) = job.checkpoint.window, job.within
        self._num_positions = last - first
        self._starts = window.starts(self._num_positions)  # [W], counted from the first within
        length = min(window.num_positions, self._num_positions)
        self._windows = ClipWindows(job.checkpoint, job.network, job.fps, length)
        self._is_done = np.zeros(len(self._starts), np.bool_)
        self._probabilities = np.zeros((len(self._starts), len(job.checkpoint.labels)), np.float32)  # [W, K]

    def advance(self, values: NDArray[np.float16], index: FrameIndex, settled: NDArray[np.bool_]) -> None:
        """Score the windows of which every position is settled. One that shows no frame scores nothing.

        Raises CheckpointError if the model gives no numbers.
        """
        rows, length = self._job.rows, self._windows.length
        unsettled = np.concatenate([[0], np.cumsum(~settled[rows])])
        ready = np.flatnonzero(~self._is_done & (unsettled[self._starts + length] == unsettled[self._starts]))
        if len(ready):
            given = values[rows], index.valid[rows]
            self._probabilities[ready] = self._windows.probabilities(*given, self._starts[ready])
        self._is_done[ready] = True

    def scores(self, values: NDArray[np.float16], index: FrameIndex, *, complete: bool) -> GridScores:
        """frame: the mean probability of the windows over a position; clip and saliency once the film is complete."""
        means = WindowMeans(self._windows.length, self._probabilities.shape[1])
        means.add(self._starts[self._is_done], self._probabilities[self._is_done])
        frame = np.zeros((len(values), self._probabilities.shape[1]), np.float16)
        inside, valid = frame[self._job.rows], index.valid[self._job.rows]
        for positions in np.array_split(np.arange(len(inside)), len(inside) // POSITIONS_AT_ONCE + 1):
            inside[positions] = means.at(positions, valid[positions])
        if not complete or not valid.any():
            return GridScores(frame=frame)
        job, rows = self._job, self._job.rows
        clip, attention = read_whole(
            job.network,
            values[rows],
            valid,
            job.position_ids(),
            scratch=job.scratch / job.film,
            on_progress=job.on_progress,
        )
        if attention is None:
            return GridScores(frame=frame, clip=clip)
        saliency = np.zeros(len(values), np.float16)
        saliency[rows] = attention
        return GridScores(frame=frame, clip=clip, saliency=saliency)

    def notes(self) -> list[str]:
        return classifier_notes(self._job.checkpoint, self._job.fps, self._num_positions)


def classifier_notes(checkpoint: Checkpoint, fps: Fraction, num_positions: int) -> list[str]:
    """What a reader of such a timeline should know, of a film or a part of one with so many positions."""
    window = checkpoint.window
    window_s, stride_s = float(window.num_positions / fps), float(window.stride / fps)
    kind = "linear clip classifier" if checkpoint.config.is_linear else "clip classifier"
    notes = [
        f"A {kind} slid over the film in windows of {window_s:.2f} s, one every {stride_s:.2f} s; "
        "borders are no finer than that, and several labels may apply at once."
    ]
    if num_positions < window.num_positions:
        notes.append("The analyzed part is shorter than the model's window: it was read as one window.")
    return notes


@torch.inference_mode()
def read_whole(
    network: VTN,
    values: NDArray[np.float16],
    valid: NDArray[np.bool_],
    position_ids: NDArray[np.int64],
    *,
    scratch: Path,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float16] | None]:
    """Probabilities [K] of the whole sequence, and how much of its attention each position got [T], the most 1; None
    of a linear model.
    """
    sequence = SequenceEncoding(network.encoder, values, valid, position_ids, scratch=scratch, on_progress=on_progress)
    encoded = sequence.cls()
    return _probabilities(network.head(encoded.cls))[0], relative_attention(encoded)


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
