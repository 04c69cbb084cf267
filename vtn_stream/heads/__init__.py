"""The kinds of heads, one module each: how a head reads a film, is drawn, trained and measured. HEADS holds them all,
and behind ours those that plug-ins add.

A new head is a module here, with its config and its network in it or in `vtn_stream.model`, and a line in HEADS.
"""

from collections.abc import Mapping
from typing import Any

from vtn_stream.heads.classification import Classification
from vtn_stream.heads.dense import Dense
from vtn_stream.heads.head import Batch, Head, Loss
from vtn_stream.heads.localization import Localization
from vtn_stream.heads.plugged import plugged
from vtn_stream.model import HeadConfig, VTNConfig
from vtn_stream.plugins import HEADS_GROUP, WithPlugins

__all__ = ["HEADS", "Batch", "Head", "Loss", "head_of", "network_config"]

_OURS: dict[str, Head[Any]] = {
    head.config.kind: head
    for head in (
        Classification(),
        Dense(),
        Localization(),
    )
}

HEADS = WithPlugins[Head[Any]](_OURS, group=HEADS_GROUP, thing="head", fitted=plugged, reserved=("auto",))


def head_of(config: HeadConfig) -> Head[Any]:
    """The head of this kind."""
    return HEADS[config.kind]


def network_config(fields: Mapping[str, Any]) -> VTNConfig:
    """The inverse of `VTNConfig.to_dict`. KeyError, TypeError or ValueError for anything else; PluginError for a head
    that is installed and broken.
    """
    kind = fields["head"]["kind"]
    return VTNConfig.from_dict(fields, {kind: HEADS[kind].config} if kind in HEADS else {})
