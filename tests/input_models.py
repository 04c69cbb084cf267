"""A model that reads the picture and its change, of an image network that computes in no time."""

from fractions import Fraction
from pathlib import Path

import torch
from fleet import FakeEncoder

from vtn_stream.checkpoints import Checkpoint, save_checkpoint
from vtn_stream.model import VTN, DenseConfig, EncoderConfig, VTNConfig
from vtn_stream.sampling import ClipWindow
from vtn_stream.track import OperatingPoint, OperatingPoints

__all__ = ["BOTH", "input_checkpoint", "write_input_model"]

BOTH = ("picture", "change-1/2")


def input_checkpoint(inputs=BOTH, *, fps=Fraction(1)) -> Checkpoint:
    """Untrained: it says something else at nearly every position."""
    torch.manual_seed(0)
    encoder = EncoderConfig(
        input_width=FakeEncoder.num_features * len(inputs),
        width=8,
        num_heads=2,
        feedforward_width=16,
        attention_windows=(4,),
        positions="none",
        dropout=0.0,
    )
    config = VTNConfig(backbone=FakeEncoder.name, encoder=encoder, head=DenseConfig(num_classes=2))
    return Checkpoint(
        config=config,
        labels=("moves", "rests"),
        recipe=FakeEncoder().recipe(fps),
        inputs=inputs,
        window=ClipWindow(num_positions=4, stride=2),
        operating_points=OperatingPoints(common=OperatingPoint(high=0.5, low=0.25)),
        tensors=VTN(config).state_dict(),
    )


def write_input_model(path: Path, inputs=BOTH, **options) -> Path:
    save_checkpoint(input_checkpoint(inputs, **options), path)
    return path
