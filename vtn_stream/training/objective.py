"""The loss of a batch, by the network's head; of pixels too, which become embeddings on the way.

B crops, L positions of a crop, D embedding width of all inputs together, N frames, H x W the image network's size
"""

from dataclasses import replace

import torch
from torch import Tensor

from vtn_stream.heads import Batch, head_of
from vtn_stream.model import VTN
from vtn_stream.training.examples import Example, Pixels

__all__ = ["Objective"]

# Positives a batch that the localization losses are divided by: a running mean, since one batch may have none.
FIRST_NUM_POSITIVES, NUM_POSITIVES_DECAY = 100.0, 0.9


class Objective:
    """The loss of one batch after the other. smoothing: a dense head's weight of changes between neighbouring
    positions; piece: frames that pass the backbone at once, None for all of a batch.

    num_positives  a batch: a running mean, by which a loss that is a sum over them is divided
    embeddings     [B, L, D] of the last batch, without gradient
    """

    def __init__(self, network: VTN, *, smoothing: float, piece: int | None = None) -> None:
        self.num_positives = FIRST_NUM_POSITIVES
        self.embeddings: Tensor | None = None
        self._network = network
        self._smoothing = smoothing
        self._piece = piece

    def __call__(self, example: Example) -> Tensor:
        network = self._network
        config = network.config.head
        batch = example.batch.to(network.device)
        if example.pixels is not None:
            batch = self._embedded(batch, example.pixels)
        self.embeddings = batch.embeddings.detach()
        loss = head_of(config).loss(config, network, batch, smoothing=self._smoothing)
        if loss.num_positives is None:
            return loss.value
        num = max(1.0, float(loss.num_positives))
        self.num_positives = NUM_POSITIVES_DECAY * self.num_positives + (1 - NUM_POSITIVES_DECAY) * num
        return loss.value / self.num_positives

    def _embedded(self, batch: Batch, pixels: Pixels) -> Batch:
        """The batch with the embeddings of its pixels in their rows, through which their gradient flows back."""
        if not pixels.shots:
            return batch
        device = self._network.device
        shots = sorted(pixels.shots, key=lambda shot: shot.crop)
        shown = [shot.look.shown(shot.frames.to(device), pixels.size) for shot in shots]
        frames = torch.cat(shown) if pixels.mix is None else pixels.mix.mixed(torch.stack(shown)).flatten(0, 1)
        values = self._network.embed(frames, self._piece).to(batch.embeddings.dtype)
        embeddings, width = batch.embeddings.clone(), values.shape[1]
        for shot, own in zip(shots, torch.split(values, [len(each) for each in shown]), strict=True):
            columns = slice(shot.input * width, (shot.input + 1) * width)
            embeddings[shot.crop, shot.positions.to(device), columns] = own
        return replace(batch, embeddings=embeddings)
