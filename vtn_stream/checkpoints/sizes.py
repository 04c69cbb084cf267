"""How large a network is: parameters and multiply-adds, counted without making a tensor.

T frames, D width, F feed-forward width, K classes
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from vtn_stream.backbone import skeleton
from vtn_stream.errors import BackboneError
from vtn_stream.model import VTN
from vtn_stream.model.config import VTNConfig

__all__ = ["Sizes", "multiply_adds", "parameters"]

_ATEN = torch.ops.aten
_PRODUCTS = (_ATEN.mm, _ATEN.addmm, _ATEN.convolution)  # without those of attention (bmm, sdpa): as the paper counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Numbers of the three parts of a network."""

    backbone: int
    encoder: int
    head: int

    @property
    def total(self) -> int:
        return self.backbone + self.encoder + self.head


def parameters(config: VTNConfig) -> Sizes:
    """Raises BackboneError for a backbone that timm does not know."""
    backbone = skeleton(config.backbone)
    with torch.device("meta"):
        network = VTN(config)
    counted = (sum(p.numel() for p in part.parameters()) for part in (backbone, network.encoder, network.head))
    return Sizes(**dict(zip(("backbone", "encoder", "head"), counted, strict=True)))


def multiply_adds(
    config: VTNConfig, num_frames: int, size: tuple[int, int] | None = None, *, as_published: bool = True
) -> Sizes:
    """The multiply-adds for T frames of that size (H, W), by default timm's size for the backbone.

    as_published  as the paper's table counts: every layer computes all its projections for all tokens, and products
                  of attention are left out. Else what `VTN.forward` computes for its logits: no token's global key
                  and value, in the last layer nothing but the global token, and as this replaces projections, the
                  products of the global row with the tokens are counted too.

    Raises BackboneError for a backbone that timm does not know, and one that takes no frames of that size.
    """
    encoder = config.encoder
    width, feedforward = encoder.width, 2 * encoder.width * encoder.feedforward_width
    square = width**2
    project = 0 if encoder.input_width == width else num_frames * encoder.input_width * width
    if as_published:
        layers = encoder.num_layers * (num_frames + 1) * (6 * square + feedforward)
    else:
        row = 2 * encoder.num_heads * width * (num_frames + 1)  # scores and sums of the tokens themselves
        token = 4 * square + feedforward  # of the global one: query, probe, values, output
        frames = num_frames * (4 * square + feedforward) + 2 * square  # and its key and value, that they see
        layers = encoder.num_layers * (row + token) + (encoder.num_layers - 1) * frames
    return Sizes(
        backbone=num_frames * _per_frame(config.backbone, size),
        encoder=project + layers,
        head=square + width * config.head.num_classes,
    )


def _per_frame(backbone: str, size: tuple[int, int] | None) -> int:
    network: Any = skeleton(backbone)
    height, width = size or network.pretrained_cfg["input_size"][1:]
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, 3, height, width, device="meta"))
    except (AssertionError, RuntimeError, ValueError) as error:  # each network has its own
        raise BackboneError(
            f"{backbone} does not take frames of {height} x {width}",
            "its work cannot be counted",
            "the model's recipe and its backbone do not belong together: get the model file anew",
        ) from error
    counts = counter.get_flop_counts()["Global"]
    return sum(flops for product, flops in counts.items() if product in _PRODUCTS) // 2
