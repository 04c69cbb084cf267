"""Frames to embeddings: any timm image network. The only room that imports timm. Importing it is light.

encoder   FrameEncoder: uint8 pictures -> float16 [N, D]; the network is loaded when it is needed
names     the names of networks, and
files     files of weights, checked before torch loads
network   the network on its device; pooling: its last map of features as one vector
weights   finding, reading and checking the weights of a network
hub       fetching them
learning  a network that learns; blocks: which of its parameters
digest    what a recipe knows them by
speed     number types, threads and folded layers: quicker, with the same meaning
"""

from typing import TYPE_CHECKING, Any

from vtn_stream.backbone.encoder import FrameEncoder, check_asked
from vtn_stream.backbone.files import INSTALLED_WEIGHTS

if TYPE_CHECKING:
    from vtn_stream.backbone.digest import weights_digest
    from vtn_stream.backbone.learning import TrainableBackbone, last_blocks, passes_over, trainable
    from vtn_stream.backbone.network import devices
    from vtn_stream.backbone.pooling import embedding_width
    from vtn_stream.backbone.weights import find_weights, skeleton

__all__ = [
    "INSTALLED_WEIGHTS",
    "FrameEncoder",
    "TrainableBackbone",
    "check_asked",
    "devices",
    "embedding_width",
    "find_weights",
    "last_blocks",
    "passes_over",
    "skeleton",
    "trainable",
    "weights_digest",
]


def __getattr__(name: str) -> Any:
    if name == "weights_digest":
        from vtn_stream.backbone.digest import weights_digest

        return weights_digest
    if name == "devices":
        from vtn_stream.backbone.network import devices

        return devices
    if name == "embedding_width":
        from vtn_stream.backbone.pooling import embedding_width

        return embedding_width
    if name in ("find_weights", "skeleton"):
        from vtn_stream.backbone import weights

        return getattr(weights, name)
    if name in ("TrainableBackbone", "last_blocks", "passes_over", "trainable"):
        from vtn_stream.backbone import learning

        return getattr(learning, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
