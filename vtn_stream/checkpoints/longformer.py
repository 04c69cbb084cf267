"""A pretrained Longformer of transformers as temporal encoder: the same numbers, other names.

Where transformers, called with `inputs_embeds`, gives every token the type 0 and the i-th token the position row
pad_token_id + 1 + i, ours has rows for frames first and the global token's after them: the tables are re-ordered so
that both compute the same. transformers has no token that stands for a whole sequence but a word, <s>: its embedding
becomes the global token.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vtn_stream.checkpoints.fit import misfits
from vtn_stream.checkpoints.foreign import read_tensors
from vtn_stream.errors import CheckpointError
from vtn_stream.model.config import EncoderConfig

__all__ = ["LAYER_NAMES", "from_longformer", "load_longformer"]

# of a layer's modules: transformers' name below encoder.layer.{n}, ours below layers.{n}
LAYER_NAMES = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.self.query_global": "query_global",
    "attention.self.key_global": "key_global",
    "attention.self.value_global": "value_global",
    "attention.output.dense": "attention_out",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "expand",
    "output.dense": "contract",
    "output.LayerNorm": "feedforward_norm",
}

_WORDS = "embeddings.word_embeddings.weight"
_POSITIONS = "embeddings.position_embeddings.weight"
_TYPES = "embeddings.token_type_embeddings.weight"
_NORM = "embeddings.LayerNorm"

_CURE = "use another Longformer, such as allenai/longformer-base-4096"


def from_longformer(config: Any, tensors: Mapping[str, Tensor]) -> tuple[EncoderConfig, dict[str, Tensor]]:
    """A LongformerConfig and the state dict of a LongformerModel -> what a TemporalEncoder is made of.

    Tensors of a model that has a head on top are taken from below "longformer."; head and pooler are left out.
    dropout is that of hidden states; transformers can have another one for attention.

    Raises CheckpointError for an activation that is not GELU, windows that are not even, and tensors that are
    missing, unexpected or of another shape, all of them named.
    """
    if config.hidden_act != "gelu":
        raise _refused(f"uses the activation {config.hidden_act}, only gelu is supported")
    if None in (config.pad_token_id, config.bos_token_id):
        raise _refused("does not name its padding token or its first token")
    windows = config.attention_window
    windows = [windows] * config.num_hidden_layers if isinstance(windows, int) else windows
    first = config.pad_token_id + 1  # the position row of the first token, which is the global one
    try:
        ours = EncoderConfig(
            input_width=config.hidden_size,
            width=config.hidden_size,
            num_heads=config.num_attention_heads,
            feedforward_width=config.intermediate_size,
            attention_windows=tuple(windows),
            positions="learned",
            num_positions=config.max_position_embeddings - first - 1,
            dropout=config.hidden_dropout_prob,
            norm_eps=config.layer_norm_eps,
        )
    except (TypeError, ValueError) as error:
        raise _refused(f"has sizes that are not supported ({error})") from error
    if ours.num_layers != config.num_hidden_layers:
        raise _refused(f"has {config.num_hidden_layers} layers and {ours.num_layers} windows")

    if any(name.startswith("longformer.") for name in tensors):
        tensors = {n.removeprefix("longformer."): t for n, t in tensors.items() if n.startswith("longformer.")}
    given = {n: t for n, t in tensors.items() if not n.startswith("pooler.") and n != "embeddings.position_ids"}
    if problems := misfits(_wanted(config, ours), given):
        raise _refused(f"does not hold the tensors that its configuration names: {problems}")

    rows = given[_POSITIONS]
    made = {
        "cls_token": given[_WORDS][config.bos_token_id].clone(),
        # frames, the global token, padding
        "position_table.weight": torch.cat([rows[first + 1 :], rows[first : first + 1], rows[first - 1 : first]]),
        "token_types.weight": given[_TYPES][:1].repeat(2, 1),
    }
    for kind in ("weight", "bias"):
        made[f"norm.{kind}"] = given[f"{_NORM}.{kind}"]
        for number in range(ours.num_layers):
            for theirs, name in LAYER_NAMES.items():
                made[f"layers.{number}.{name}.{kind}"] = given[f"encoder.layer.{number}.{theirs}.{kind}"]
    return ours, made


def load_longformer(path: Path) -> tuple[EncoderConfig, dict[str, Tensor]]:
    """Loads a folder that `save_pretrained` wrote, or a file of weights with its config.json beside it.

    Raises CheckpointError as `from_longformer`, and on files that cannot be read. Weights are only ever data.
    """
    from transformers import LongformerConfig

    folder = path if path.is_dir() else path.parent
    files = [folder / name for name in ("model.safetensors", "pytorch_model.bin")] if path.is_dir() else [path]
    file = next((file for file in files if file.is_file()), files[0])
    try:
        fields = json.loads((folder / "config.json").read_bytes())
        if fields.get("model_type") != "longformer":
            raise _refused(f"is of the kind {fields.get('model_type')}, not a Longformer")
        config = LongformerConfig(**fields)
    except CheckpointError:
        raise
    except Exception as error:  # transformers' validation raises its own kinds
        raise CheckpointError(
            f"config.json beside {file.name} cannot be read ({type(error).__name__})",
            "sizes and windows of this Longformer are unknown",
            "put the config.json that came with the weights into their folder",
        ) from error
    return from_longformer(config, read_tensors(file))


def _wanted(config: Any, ours: EncoderConfig) -> dict[str, Tensor]:
    """The wanted tensors by transformers' names, without values."""
    from vtn_stream.model import TemporalEncoder

    try:
        with torch.device("meta"):
            shapes = TemporalEncoder(ours).state_dict()
            wanted = {
                _WORDS: torch.empty(config.vocab_size, ours.width),
                _POSITIONS: torch.empty(config.max_position_embeddings, ours.width),
                _TYPES: torch.empty(config.type_vocab_size, ours.width),
            }
    except (RuntimeError, OverflowError, TypeError) as error:  # torch's, for more elements than it can count
        raise _refused("has impossible sizes") from error
    for kind in ("weight", "bias"):
        wanted[f"{_NORM}.{kind}"] = shapes[f"norm.{kind}"]
        for number in range(ours.num_layers):
            for theirs, name in LAYER_NAMES.items():
                wanted[f"encoder.layer.{number}.{theirs}.{kind}"] = shapes[f"layers.{number}.{name}.{kind}"]
    return wanted


def _refused(fact: str) -> CheckpointError:
    return CheckpointError(f"this Longformer {fact}", "it cannot be used as temporal encoder", _CURE)
