"""How large a network is: parameters and multiply-adds, counted without making a tensor.

Loads torch and timm for backbones that are not in BACKBONES only.

T frames, D width, F feed-forward width, K classes
"""

from dataclasses import dataclass
from typing import Any

from vtn_stream.errors import BackboneError
from vtn_stream.model.config import StatisticsConfig, VTNConfig

__all__ = ["BACKBONES", "Sizes", "multiply_adds", "parameters"]

# Of the default backbone and those of the paper: parameters, and multiply-adds for a frame of 224 x 224.
BACKBONES = {
    "deit_base_distilled_patch16_224": (85_800_192, 16_932_667_392),
    "deit_base_patch16_224": (85_798_656, 16_847_732_736),
    "deit_tiny_patch16_224": (5_524_416, 1_074_659_328),
    "resnet101": (42_500_160, 7_799_357_440),
    "resnet50": (23_508_032, 4_087_136_256),
    "tf_efficientnet_lite0": (3_371_008, 383_907_552),
    "vit_base_patch16_224": (85_798_656, 16_847_732_736),
}
_SIZE = (224, 224)
_PRODUCTS = ("mm", "addmm", "convolution")  # without those of attention (bmm, sdpa): as the paper counts


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
    return Sizes(
        backbone=_num_parameters(config.backbone),
        encoder=config.encoder.num_parameters,
        head=config.num_head_parameters,
    )


def multiply_adds(
    config: VTNConfig, num_frames: int, size: tuple[int, int] | None = None, *, as_published: bool = True
) -> Sizes:
    """The multiply-adds for T frames of that size (H, W), by default timm's size for the backbone.

    as_published  as the paper's table counts: every layer computes all its projections for all tokens, and products
                  of attention are left out. Else what `VTN.forward` computes for its logits: no token's global key
                  and value, in the last layer nothing but the global token, and as this replaces projections, the
                  products of the global row with the tokens are counted too. A linear model's statistics are sums: of
                  it only the head's products count, either way.

    Raises BackboneError for a backbone that timm does not know, and one that takes no frames of that size.
    """
    encoder = config.encoder
    if isinstance(encoder, StatisticsConfig):
        times = 1 if encoder.reach is None else num_frames
        head = times * encoder.width * config.head.num_outputs
        return Sizes(backbone=num_frames * _per_frame(config.backbone, size), encoder=0, head=head)
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


def _num_parameters(backbone: str) -> int:
    if backbone in BACKBONES:
        return BACKBONES[backbone][0]
    from vtn_stream.backbone import skeleton

    return sum(parameter.numel() for parameter in skeleton(backbone).parameters())


def _per_frame(backbone: str, size: tuple[int, int] | None) -> int:
    if backbone in BACKBONES and size in (None, _SIZE):
        return BACKBONES[backbone][1]
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from vtn_stream.backbone import skeleton

    network: Any = skeleton(backbone, size)
    height, width = size or network.pretrained_cfg["input_size"][1:]
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, 3, height, width, device="meta"))
    except (AssertionError, RuntimeError, ValueError) as error:  # each network has its own
        raise BackboneError(
            f"{backbone} does not take frames of {height} x {width}",
            "its multiply-adds cannot be counted",
            "the model's recipe and its backbone do not fit together: download or copy the model file again",
        ) from error
    counts = counter.get_flop_counts()["Global"]
    products = [getattr(torch.ops.aten, name) for name in _PRODUCTS]
    return sum(flops for product, flops in counts.items() if product in products) // 2
