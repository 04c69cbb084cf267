"""How well a network does on clips that it does not learn, after each epoch: one window of each, its middle.

B clips of a batch, n frames of each, D embedding width, K classes
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vtn_stream.errors import TrainingError
from vtn_stream.metrics import top_k
from vtn_stream.model import VTN
from vtn_stream.training.clip_frames import ClipReader, LearntClip, Shown, labels_of_batch

__all__ = ["ClipValidation"]

MAX_FRAMES = 64  # that pass the image network at once
AHEAD = 32  # clips that are decoded meanwhile


class ClipValidation:
    """Gives top-1, and with more than five classes top-5: shares 0..1 of the clips that can be decoded."""

    def __init__(
        self,
        clips: Sequence[LearntClip],
        reader: ClipReader,
        *,
        num_classes: int,
        on_clip: Callable[[int, int], None] | None = None,
    ) -> None:
        """on_clip hears of the epochs that are done, and of how many clips were measured since."""
        self._clips = clips
        self._reader = reader
        self._num_classes = num_classes
        self._on_clip = on_clip or (lambda epoch, done: None)

    def check(self) -> None:
        """Before hours of work. Raises TrainingError where no clip can be decoded."""
        if not any(shown is not None for shown in self._windows(ahead=1)):
            raise TrainingError(
                f"none of the {len(self._clips)} clips for validation can be decoded",
                "nothing was trained",
                "look at a clip with `vtn-stream probe`, and give others with --validation",
            )

    def __call__(self, network: VTN, epoch: int) -> Mapping[str, float]:
        """network: in evaluation mode. Raises TrainingError where no clip can be decoded."""
        logits, truth = [], []
        for done, shown in enumerate(self._windows(), 1):
            if shown is not None:
                logits.append(self._logits(network, shown))
                truth.append(shown.clip.label)
            self._on_clip(epoch, done)
        if not truth:
            raise TrainingError(
                f"none of the {len(self._clips)} clips for validation can be decoded now",
                "training stopped; they could be when it began",
                "put them back; to begin again, remove the training's folder, or name another with --log",
            )
        scores, classes = np.stack(logits), np.array(truth, np.int64)
        figures = {"top-1": float(top_k(scores, classes, 1))}
        return figures | ({"top-5": float(top_k(scores, classes, 5))} if self._num_classes > 5 else {})

    def _windows(self, ahead: int = AHEAD) -> Iterator[Shown | None]:
        def asked() -> Iterator[tuple[LearntClip, np.random.Generator | None]]:
            return ((clip, None) for clip in self._clips)

        return self._reader.read(asked, ahead=ahead)

    @torch.inference_mode()
    def _logits(self, network: VTN, shown: Shown) -> NDArray[np.float64]:
        """[K]"""
        device = network.device
        frames: Tensor = shown.look.shown(shown.frames.to(device), self._reader.recipe.size)
        embeddings = network.embed(frames, MAX_FRAMES)
        batch = labels_of_batch([shown], self._num_classes, embeddings.shape[1]).to(device)
        return network.classify(embeddings[None], batch.position_ids, batch.valid)[0].double().cpu().numpy()
