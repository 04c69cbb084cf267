"""The networks of the paper by name, and a network in their proportions for any image network. Standard library only.

Neimark et al., "Video Transformer Network" (2021), table 1, with their sizes written out.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from vtn_stream.model.config import ClassificationConfig, EncoderConfig, VTNConfig

__all__ = ["VARIANTS", "vtn_of"]

NUM_CLASSES = 400  # of Kinetics-400
HEAD_WIDTH = 64  # of one attention head in ViT and DeiT of every size


def _vtn(backbone: str, width: int, num_heads: int, feedforward_width: int, num_layers: int) -> VTNConfig:
    encoder = EncoderConfig(
        input_width=width,
        width=width,
        num_heads=num_heads,
        feedforward_width=feedforward_width,
        attention_windows=(18,) * num_layers,
    )
    return VTNConfig(backbone=backbone, encoder=encoder, head=ClassificationConfig(num_classes=NUM_CLASSES))


def r50_vtn() -> VTNConfig:
    """167.6 M parameters. The paper does not give its number of heads; it changes no other number."""
    return _vtn("resnet50", 2048, 16, 4096, 3)


def r101_vtn() -> VTNConfig:
    """186.6 M parameters."""
    return _vtn("resnet101", 2048, 16, 4096, 3)


def deit_ti_vtn() -> VTNConfig:
    """10.0 M parameters."""
    return _vtn("deit_tiny_patch16_224", 192, 3, 3072, 3)


def deit_b_vtn() -> VTNConfig:
    """113.5 M parameters."""
    return _vtn("deit_base_patch16_224", 768, 12, 3072, 3)


def deit_bd_vtn() -> VTNConfig:
    """113.5 M parameters: DeiT-B that learnt from a teacher as well, by a second token."""
    return _vtn("deit_base_distilled_patch16_224", 768, 12, 3072, 3)


def vit_b_vtn() -> VTNConfig:
    """113.5 M parameters: the network whose weights are published."""
    return _vtn("vit_base_patch16_224", 768, 12, 3072, 3)


def vit_b_vtn_1_layer() -> VTNConfig:
    """95.8 M parameters."""
    return _vtn("vit_base_patch16_224", 768, 12, 3072, 1)


# as the command line names them
VARIANTS: dict[str, Callable[[], VTNConfig]] = {
    "vtn-r50": r50_vtn,
    "vtn-r101": r101_vtn,
    "vtn-deit-ti": deit_ti_vtn,
    "vtn-deit-b": deit_b_vtn,
    "vtn-deit-bd": deit_bd_vtn,
    "vtn-vit-b": vit_b_vtn,
    "vtn-vit-b-1-layer": vit_b_vtn_1_layer,
}


def vtn_of(backbone: str, num_features: int, *, num_classes: int = NUM_CLASSES, **encoder: Any) -> VTNConfig:
    """The paper's network of three layers for any image network, whose embeddings have num_features numbers.

    As in its table, tokens are as wide as embeddings. Heads are as near to 64 wide as the width can be divided: the
    12 of ViT-B, the 3 of DeiT-Ti. The feed-forward width is 3072, which the paper gives to DeiT-Ti as well, and twice
    the width where that is more: the 4096 of R50.

    encoder  fields of EncoderConfig that should differ

    Raises ValueError for sizes that no network has, and TypeError for fields that there are not.
    """
    if num_features < 1:
        raise ValueError(f"embeddings of {num_features} numbers")
    divisors = [n for n in range(1, num_features + 1) if num_features % n == 0]
    num_heads = min(divisors, key=lambda n: (abs(num_features / n - HEAD_WIDTH), n))
    config = _vtn(backbone, num_features, num_heads, max(3072, 2 * num_features), 3)
    return replace(
        config, encoder=replace(config.encoder, **encoder), head=ClassificationConfig(num_classes=num_classes)
    )
