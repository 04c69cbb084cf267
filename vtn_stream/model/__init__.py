"""The network: tensors in, tensors out. Knows no path, no seconds, no label names, no timm.

Importing it is light; `config` and `variants` need no torch.
"""

from typing import TYPE_CHECKING, Any

from vtn_stream.model.config import (
    HEAD_CONFIGS,
    ClassificationConfig,
    DenseConfig,
    EncoderConfig,
    HeadConfig,
    LocalizationConfig,
    StatisticsConfig,
    VTNConfig,
)
from vtn_stream.model.variants import VARIANTS, vtn_of

if TYPE_CHECKING:
    from vtn_stream.model.encoder import Encoded, TemporalEncoder
    from vtn_stream.model.statistics import StatisticsEncoder
    from vtn_stream.model.vtn import VTN

__all__ = [
    "HEAD_CONFIGS",
    "VARIANTS",
    "VTN",
    "ClassificationConfig",
    "DenseConfig",
    "Encoded",
    "EncoderConfig",
    "HeadConfig",
    "LocalizationConfig",
    "StatisticsConfig",
    "StatisticsEncoder",
    "TemporalEncoder",
    "VTNConfig",
    "vtn_of",
]


def __getattr__(name: str) -> Any:
    if name == "VTN":
        from vtn_stream.model.vtn import VTN

        return VTN
    if name in ("Encoded", "TemporalEncoder"):
        from vtn_stream.model import encoder

        return getattr(encoder, name)
    if name == "StatisticsEncoder":
        from vtn_stream.model.statistics import StatisticsEncoder

        return StatisticsEncoder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
