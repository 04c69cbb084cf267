"""Clips of a few pixels to learn from, and the smallest networks that learn from pixels."""

from dataclasses import replace

import numpy as np
import torch

from vtn_stream.backbone import trainable
from vtn_stream.heads import Batch
from vtn_stream.model import VTN, ClassificationConfig, EncoderConfig, VTNConfig
from vtn_stream.training.augment import Look
from vtn_stream.training.examples import Example, Pixels, Shot
from vtn_stream.training.hyperparameters import BackboneLearning, Hyperparameters

SIZE = (32, 32)
NUM_FRAMES = 4


def settings(**changes):
    """Those of a network on `test_efficientnet`, all of which learns."""
    encoder = EncoderConfig(
        input_width=256,
        width=16,
        num_heads=2,
        feedforward_width=32,
        attention_windows=(4,),
        positions="native",
        num_positions=288,
        dropout=0.0,
    )
    made = Hyperparameters(
        encoder=encoder,
        head=ClassificationConfig(num_classes=2, dropout=0.0),
        crop_positions=NUM_FRAMES,
        batch_size=4,
        num_epochs=2,
        learning_rate=1e-3,
        backbone=BackboneLearning(),
    )
    return replace(made, **changes)


def network(of, *, name="test_efficientnet", blocks="all", seed=0, **changes):
    torch.manual_seed(seed)
    backbone = trainable(name, None, size=32, random=True, blocks=blocks, **changes)
    return VTN(VTNConfig(backbone=name, encoder=of.encoder, head=of.head), backbone)


class PixelClips:
    """Clips of noise whose label is their brighter half: num_batches batches an epoch. told: what `learnt` was told."""

    def __init__(self, num_batches=3, batch_size=4, width=256):
        self.num_batches = num_batches
        self.told = []
        self._shape = (batch_size, NUM_FRAMES)
        self._width = width

    def epoch(self, number, *, seed, first=0):
        for at in range(first, self.num_batches):
            yield self._example(np.random.default_rng([seed, number, at]))

    def learnt(self, example, embeddings):
        self.told.append((example, embeddings))

    def _example(self, rng):
        num, length = self._shape
        clips = rng.integers(0, 2, num)
        frames = rng.integers(0, 128, (num, length, 3, *SIZE), np.uint8)
        for row, label in enumerate(clips):
            frames[row, ..., 16 * label : 16 * label + 16] += 100
        looks = [Look(flip=False) for _ in clips]
        shots = tuple(
            Shot(
                frames=torch.from_numpy(frames[row]), crop=row, positions=torch.arange(length), input=0, look=looks[row]
            )
            for row in range(num)
        )
        batch = Batch(
            embeddings=torch.zeros(num, length, self._width),
            valid=torch.ones(num, length, dtype=torch.bool),
            labels=torch.full((num, length), -1),
            segments=tuple((torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64)) for _ in clips),
            clips=torch.from_numpy(clips),
            position_ids=torch.arange(length).mul(8).expand(num, -1),
        )
        return Example(batch=batch, pixels=Pixels(shots=shots, size=SIZE))
