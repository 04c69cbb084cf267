"""The kinds of heads, one module each: how a head reads a film, is drawn, trained and measured. HEADS holds them all.

A new head is a module here, with its config and its network in it or in `vtn_stream.model`, and a line in HEADS.
"""

from collections.abc import Mapping
from typing import Any

from vtn_stream.heads.classification import Classification
from vtn_stream.heads.dense import Dense
from vtn_stream.heads.head import Batch, Head, Loss
from vtn_stream.heads.localization import Localization
from vtn_stream.model import HeadConfig, VTNConfig

__all__ = ["HEADS", "Batch", "Head", "Loss", "head_of", "network_config"]

HEADS: dict[str, Head[Any]] = {
    head.config.kind: head
    for head in (
        Classification(),
        Dense(),
        Localization(),
    )
}


def head_of(config: HeadConfig) -> Head[Any]:
    """The head of this kind."""
    return HEADS[config.kind]


def network_config(fields: Mapping[str, Any]) -> VTNConfig:
    """The inverse of `VTNConfig.to_dict`. KeyError, TypeError or ValueError for anything else."""
    return VTNConfig.from_dict(fields, {kind: head.config for kind, head in HEADS.items()})
