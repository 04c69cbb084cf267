"""Frames to embeddings: any timm image network. The only room that imports timm.

encoder   FrameEncoder: uint8 pictures -> float16 [N, D]
weights   finding, reading and checking the weights of a network
speed     number types, threads and folded layers: quicker, with the same meaning
"""

from vtn_stream.backbone.encoder import FrameEncoder, devices
from vtn_stream.backbone.weights import INSTALLED_WEIGHTS, skeleton, weights_digest

__all__ = ["INSTALLED_WEIGHTS", "FrameEncoder", "devices", "skeleton", "weights_digest"]
