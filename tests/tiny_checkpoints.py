"""A tiny model, as a checkpoint and as its file, and ways to forge it."""

import json
from fractions import Fraction

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from vtn_stream.backbone import weights_digest
from vtn_stream.checkpoints import Checkpoint, save_checkpoint
from vtn_stream.model import VTN, ClassificationConfig, EncoderConfig, VTNConfig
from vtn_stream.sampling import ClipWindow
from vtn_stream.track import CENTRE_CROP, OperatingPoint, OperatingPoints, Recipe

LABELS = ("making tea", "épée", "[bold]割る\n")


def tiny_checkpoint(tiny, *, seed=0, backbone=None, positions="native"):
    torch.manual_seed(seed)
    encoder = EncoderConfig(
        input_width=12,
        width=8,
        num_heads=2,
        feedforward_width=16,
        attention_windows=(4, 6),
        positions=positions,
        num_positions=20,
    )
    config = VTNConfig(backbone=tiny, encoder=encoder, head=ClassificationConfig(num_classes=3))
    recipe = Recipe(
        backbone=tiny,
        weights="0" * 32 if backbone is None else weights_digest(backbone),
        fps=Fraction(25, 8),
        size=(160, 160),
        mean=(0.45, 0.45, 0.45),
        std=(0.225, 0.225, 0.225),
        geometry=CENTRE_CROP,
    )
    return Checkpoint(
        config=config,
        labels=LABELS,
        recipe=recipe,
        window=ClipWindow(num_positions=16, stride=8, position_rate=Fraction(25)),
        operating_points=OperatingPoints(
            common=OperatingPoint(high=0.5, low=0.25), own={"épée": OperatingPoint(high=0.75, low=0.125)}
        ),
        training={"source": "these tests", "epochs": 3, "notes": [None, 0.5, {"a": True}]},
        tensors=VTN(config).state_dict(),
        backbone=backbone,
    )


@pytest.fixture
def model(tiny):
    return tiny_checkpoint(tiny)


@pytest.fixture
def saved(model, tmp_path):
    path = tmp_path / "model.safetensors"
    save_checkpoint(model, path)
    return path


@pytest.fixture
def backbone(tiny_weights, tiny):
    return {name: t for name, t in load_file(tiny_weights).items() if not name.startswith("classifier")}


def metadata(path):
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["vtn-stream"])


def rewrite(path, fields, tensors=None):
    """The file with another description: a dict, or any text."""
    text = fields if isinstance(fields, str) else json.dumps(fields)
    beside = path.with_suffix(".new")  # the tensors are mapped from the old file
    save_file(load_file(path) if tensors is None else tensors, beside, {"vtn-stream": text})
    beside.replace(path)
