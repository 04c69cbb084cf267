"""The loss of a batch, by the network's head; of pixels too, which become embeddings on the way.

B crops, L positions of a crop, D embedding width of all inputs together, N frames, H x W the image network's size
"""

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from vtn_stream.heads import Batch, Loss, head_of
from vtn_stream.model import VTN
from vtn_stream.training.examples import Example, Pixels, Shot

__all__ = ["Objective"]

# Positives a batch that the localization losses are divided by: a running mean, since one batch may have none.
FIRST_NUM_POSITIVES, NUM_POSITIVES_DECAY = 100.0, 0.9


class Objective:
    """The loss of one batch after the other. smoothing: a dense head's weight of changes between neighbouring
    positions; piece: frames that pass the backbone at once, None for all of a batch.

    num_positives  a batch: a running mean, by which a loss that is a sum over them is divided
    embeddings     [B, L, D] of the last batch, or part of one, without gradient
    factor         what the gradients of the last batch's parts have still to be multiplied by
    """

    def __init__(self, network: VTN, *, smoothing: float, piece: int | None = None) -> None:
        self.num_positives = FIRST_NUM_POSITIVES
        self.embeddings = torch.zeros(0)
        self.factor = 1.0
        self._network = network
        self._smoothing = smoothing
        self._piece = piece

    def __call__(self, example: Example) -> Tensor:
        (loss,) = self.parts(example, 1)
        return loss

    def parts(self, example: Example, num: int) -> Iterator[Tensor]:
        """The loss of the batch as a sum of `num` losses at most, of some of its crops each: what one holds for its
        gradient may be freed before the next is asked for. Times `factor`, which is known after the last of them.
        """
        batch, pixels = example.batch, example.pixels
        num_crops = len(batch.embeddings)
        size = math.ceil(num_crops / num)
        mixed = None if pixels is None or pixels.mix is None else self._mixed(pixels)
        before, num_positives = self.num_positives, None
        self.factor = 1.0
        for first in range(0, num_crops, size):
            rows = slice(first, min(first + size, num_crops))
            part = (batch if size >= num_crops else batch.part(rows)).to(self._network.device)
            if pixels is not None:
                part = self._embedded(part, pixels, rows, mixed)
            loss = self._loss(part)
            if loss.num_positives is None:
                yield loss.value if loss.is_share else loss.value * ((rows.stop - rows.start) / num_crops)
                continue
            num_positives = (num_positives or 0) + loss.num_positives
            if rows.stop == num_crops:
                self._count(num_positives)
                self.factor = before / self.num_positives if first else 1.0
            yield loss.value / (before if first or rows.stop < num_crops else self.num_positives)

    def _loss(self, batch: Batch) -> Loss:
        self.embeddings = batch.embeddings.detach()
        config = self._network.config.head
        return head_of(config).loss(config, self._network, batch, smoothing=self._smoothing)

    def _count(self, num: int) -> None:
        self.num_positives = NUM_POSITIVES_DECAY * self.num_positives + (1 - NUM_POSITIVES_DECAY) * max(1.0, float(num))

    def _embedded(self, batch: Batch, pixels: Pixels, rows: slice, mixed: Tensor | None) -> Batch:
        """The batch, of these crops, with the embeddings of its pixels in their rows: their gradient flows back."""
        shots = _of_crops(pixels, rows)
        if not shots:
            return batch
        if mixed is None:
            frames = torch.cat([self._shown(shot, pixels) for shot in shots])
        else:
            frames = mixed[rows].flatten(0, 1)
        values = self._network.embed(frames, self._piece).to(batch.embeddings.dtype)
        embeddings, width = batch.embeddings.clone(), values.shape[1]
        for shot, own in zip(shots, torch.split(values, [len(shot.frames) for shot in shots]), strict=True):
            columns = slice(shot.input * width, (shot.input + 1) * width)
            embeddings[shot.crop - rows.start, shot.positions.to(values.device), columns] = own
        return replace(batch, embeddings=embeddings)

    def _mixed(self, pixels: Pixels) -> Tensor:
        """[B, L, 3, H, W]: all clips of the batch, since each is mixed with any other."""
        assert pixels.mix is not None
        shots = _of_crops(pixels, slice(0, len(pixels.shots)))
        return pixels.mix.mixed(torch.stack([self._shown(shot, pixels) for shot in shots]))

    def _shown(self, shot: Shot, pixels: Pixels) -> Tensor:
        return shot.look.shown(shot.frames.to(self._network.device), pixels.size)


def _of_crops(pixels: Pixels, rows: slice) -> list[Shot]:
    """In the order of the crops."""
    return sorted((shot for shot in pixels.shots if rows.start <= shot.crop < rows.stop), key=lambda shot: shot.crop)
