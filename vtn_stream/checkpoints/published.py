"""Imports the weights that Neimark et al. published as a checkpoint.

The layout is that of github.com/bomri/SlowFast, projects/vtn: {"epoch", "model_state", "optimizer_state", "cfg"} of
torch.save. Facts about how they were trained (clips of 16 frames at stride 8 of 25 frames per second, mean 0.45, std
0.225) are from the configuration there.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vtn_stream.backbone import skeleton, weights_digest
from vtn_stream.checkpoints.catalogue import CATALOGUE, Published, file_of
from vtn_stream.checkpoints.checkpoint import Checkpoint
from vtn_stream.checkpoints.file import save_checkpoint
from vtn_stream.checkpoints.fit import has_values, misfits
from vtn_stream.checkpoints.foreign import read_pickled
from vtn_stream.checkpoints.longformer import LAYER_NAMES
from vtn_stream.errors import CheckpointError
from vtn_stream.model.config import ClassificationConfig, EncoderConfig, VTNConfig
from vtn_stream.sampling import ClipWindow
from vtn_stream.track import CENTRE_CROP, OperatingPoint, OperatingPoints, Recipe

__all__ = ["Added", "add_published", "import_published"]

BACKBONE = "vit_base_patch16_224"
WIDTH, NUM_HEADS, WINDOW = 768, 12, 18  # what no shape tells
MAX_LAYERS = 100  # the published one has 3; of a million, building the network to compare with would take an hour

# the layout's name -> ours; layers are those of LAYER_NAMES, and the backbone's names are timm's in both
_NAMES = {
    "cls_token": "encoder.cls_token",  # there [1, 1, D], here [D]
    "temporal_encoder.embeddings.position_embeddings.weight": "encoder.position_table.weight",
    "temporal_encoder.embeddings.token_type_embeddings.weight": "encoder.token_types.weight",
    "temporal_encoder.embeddings.LayerNorm.weight": "encoder.norm.weight",
    "temporal_encoder.embeddings.LayerNorm.bias": "encoder.norm.bias",
    "mlp_head.0.weight": "head.norm.weight",
    "mlp_head.0.bias": "head.norm.bias",
    "mlp_head.1.weight": "head.hidden.weight",
    "mlp_head.1.bias": "head.hidden.bias",
    "mlp_head.4.weight": "head.out.weight",
    "mlp_head.4.bias": "head.out.bias",
}
_LAYER = "temporal_encoder.encoder.layer."
_BACKBONE = "backbone."
_POSITION_IDS = "temporal_encoder.embeddings.position_ids"  # 0, 1, 2 ...: no weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A model that was imported: its file, and which published one it is by its SHA-256, or None."""

    path: Path
    published: Published | None


def import_published(path: Path) -> Checkpoint:
    """A file of the published layout, of any number of layers and classes. Raises CheckpointError for any other.

    The tensors stay in the file, mapped: save the checkpoint before the file goes.
    """
    saved = read_pickled(path)
    state = saved.get("model_state") if isinstance(saved, dict) else None
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise _refused(path, "has no model_state")
    state = {name: value for name, value in state.items() if name != _POSITION_IDS}
    config = _config(path, state)
    names = _names(config.encoder.num_layers)
    backbone = skeleton(BACKBONE).state_dict()
    try:
        wanted = _wanted(config, names, backbone)
    except (RuntimeError, OverflowError, TypeError) as error:  # torch's, for more elements than it can count
        raise _refused(path, "has tensors of impossible sizes") from error
    if problems := misfits(wanted, state):
        raise _refused(path, f"differs: {problems}")

    tensors = {ours: state[theirs] for theirs, ours in names.items()}
    tensors["encoder.cls_token"] = tensors["encoder.cls_token"].reshape(WIDTH)
    own = {name: state[_BACKBONE + name] for name in backbone}
    return Checkpoint(
        config=config,
        labels=_labels(config.head.num_classes),
        recipe=Recipe(
            backbone=BACKBONE,
            weights=weights_digest(own),
            fps=Fraction(25, 8),
            size=(224, 224),
            mean=(0.45, 0.45, 0.45),
            std=(0.225, 0.225, 0.225),
            geometry=CENTRE_CROP,
        ),
        window=ClipWindow(num_positions=16, stride=8, position_rate=Fraction(25)),
        operating_points=OperatingPoints(common=OperatingPoint(high=0.5, low=0.25)),
        training=_provenance(path),
        tensors=tensors,
        backbone=own,
    )


def add_published(path: Path, *, folder: Path, name: str | None = None, output: Path | None = None) -> Added:
    """Import such a file as `output`, or as a model of that name in the models' folder.

    By default the published file has the catalogue's name, and another its own. Raises CheckpointError, also where
    another file is in the way.
    """
    if output is None and name is not None:
        output = file_of(name, folder)
    if output is not None:
        _check_free(output)  # here as well: importing takes seconds
    checkpoint = import_published(path)
    published = _published(checkpoint.training["sha256"])
    if output is None:
        output = file_of(path.stem if published is None else published.name, folder)
        _check_free(output)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"the folder {output.parent.name} cannot be made ({error.strerror})",
            "nothing was imported",
            "name another file with -o, or set VTN_STREAM_MODELS to another folder",
        ) from error
    save_checkpoint(checkpoint, output)
    return Added(path=output, published=published)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _config(path: Path, state: Mapping[str, Any]) -> VTNConfig:
    """The config, from the sizes of the tensors."""
    layers = {found.group(1) for name in state if (found := re.match(rf"{re.escape(_LAYER)}(\d+)\.", name))}
    positions = _rows(state, "temporal_encoder.embeddings.position_embeddings.weight")
    feedforward = _rows(state, f"{_LAYER}0.intermediate.dense.bias")
    classes = _rows(state, "mlp_head.4.bias")
    if not layers or positions < 3 or not feedforward or not classes:
        raise _refused(path, "does not have the temporal encoder's or the head's tensors, or their values")
    if len(layers) > MAX_LAYERS:
        raise _refused(path, f"has {len(layers)} layers, more than {MAX_LAYERS}")
    encoder = EncoderConfig(
        input_width=WIDTH,
        width=WIDTH,
        num_heads=NUM_HEADS,
        feedforward_width=feedforward,
        attention_windows=(WINDOW,) * len(layers),
        num_positions=positions - 2,
    )
    return VTNConfig(backbone=BACKBONE, encoder=encoder, head=ClassificationConfig(num_classes=classes))


def _rows(state: Mapping[str, Any], name: str) -> int:
    value = state.get(name)
    return len(value) if has_values(value) and value.ndim else 0


def _names(num_layers: int) -> dict[str, str]:
    """The layout's name -> ours, of every tensor outside the backbone."""
    names = dict(_NAMES)
    for number in range(num_layers):
        for theirs, ours in LAYER_NAMES.items():
            for kind in ("weight", "bias"):
                names[f"{_LAYER}{number}.{theirs}.{kind}"] = f"encoder.layers.{number}.{ours}.{kind}"
    return names


def _wanted(config: VTNConfig, names: Mapping[str, str], backbone: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The wanted tensors by the layout's names, without values."""
    from vtn_stream.model import VTN

    with torch.device("meta"):
        ours = VTN(config).state_dict()
    wanted = {theirs: ours[name] for theirs, name in names.items()}
    wanted["cls_token"] = wanted["cls_token"].reshape(1, 1, WIDTH)
    return wanted | {_BACKBONE + name: value for name, value in backbone.items()}


def _labels(num_classes: int) -> tuple[str, ...]:
    """The labels: Kinetics-400's by the indices of its lists, which are alphabetical; other files have none."""
    if num_classes != 400:
        return tuple(f"class {k}" for k in range(num_classes))
    return tuple(files("vtn_stream.checkpoints").joinpath("kinetics400.txt").read_text(encoding="utf-8").splitlines())


def _provenance(path: Path) -> dict[str, str]:
    sha256 = _sha256(path)
    published = _published(sha256)
    source = "another file with the published layout" if published is None else f"published {published.file}"
    return {"source": source, "sha256": sha256}


def _published(sha256: str) -> Published | None:
    return next((known for known in CATALOGUE.values() if known.sha256 == sha256), None)


def _check_free(output: Path) -> None:
    if os.path.lexists(output):
        raise CheckpointError(
            f"{output.name} exists already", "nothing was imported", "remove it, or choose another name"
        )


def _refused(path: Path, fact: str) -> CheckpointError:
    return CheckpointError(
        f"{path.name} does not have the published layout: it {fact}",
        "nothing was imported",
        "give VTN_VIT_B_KINETICS.pyth, or a file that the official code wrote",
    )
