"""How a network's last map of features becomes one vector. Knows timm's networks; no weights."""

from typing import Any

from torch import Tensor, nn

from vtn_stream.errors import BackboneError
from vtn_stream.track import Pooling

__all__ = ["Maximum", "embedding_width", "maximum"]


def maximum(network: Any, pixels: Tensor) -> Tensor:
    """[N, 3, H, W] -> [N, D]: the largest value over the picture of each of the network's last features.

    Raises BackboneError for a network that has no single last map of features.
    """
    features = network.forward_features(pixels)
    if not isinstance(features, Tensor):
        raise BackboneError(
            f"{network.pretrained_cfg.get('architecture', 'the network')} has no last map of features",
            "there is no maximum to take",
            "use the pooling of the network, or another backbone",
        )
    if features.ndim == 3:  # [N, L, D]: a token for each part of the picture, behind those for all of it
        return features[:, getattr(network, "num_prefix_tokens", 0) :].amax(1)
    channels_first = features.shape[1] == network.num_features
    return features.amax((2, 3) if channels_first else (1, 2))


def embedding_width(network: Any, pooling: Pooling) -> int:
    """The width D of a network's embeddings. Of some, such as MobileNetV3, VGG and GhostNet, one more layer stands
    between the last map of features and the classifier.
    """
    hidden = getattr(network, "head_hidden_size", None) if pooling == "network" else None
    return int(hidden or network.num_features)


class Maximum(nn.Module):
    """The network up to its last map of features, of each of which the largest value over the picture is taken."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, D]."""
        return maximum(self.network, pixels)
