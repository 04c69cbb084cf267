"""The Video Transformer Network: image network, temporal encoder, head; on pixels, or on embeddings kept from earlier.

B films, T frames, N frames of all films, D width of an embedding, K classes
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vtn_stream.model.config import StatisticsConfig, VTNConfig
from vtn_stream.model.encoder import TemporalEncoder
from vtn_stream.model.heads import Pyramid
from vtn_stream.model.statistics import StatisticsEncoder

__all__ = ["VTN"]


class VTN(nn.Module):
    """Neimark et al., "Video Transformer Network" (2021), with any image network and head.

    backbone  maps [N, 3, H, W] to [N, D]; None if embeddings come from elsewhere

    Its config may ask for a linear model: statistics of the embeddings instead of attention, and one linear layer.
    """

    def __init__(self, config: VTNConfig, backbone: nn.Module | None = None) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone
        self.encoder: TemporalEncoder | StatisticsEncoder
        if isinstance(config.encoder, StatisticsConfig):
            self.encoder = StatisticsEncoder(config.encoder)
            self.head = config.head.linear(config.encoder.width)
        else:
            self.encoder = TemporalEncoder(config.encoder)
            self.head = config.head.network(config.encoder.width)

    @property
    def device(self) -> torch.device:
        """Where what reads embeddings is."""
        return next(self.head.parameters()).device

    def forward(self, pixels: Tensor, position_ids: Tensor | None = None, valid: Tensor | None = None) -> Tensor:
        """Normalised pixels [B, T, 3, H, W] -> logits [B, K]. Raises ValueError if there is no backbone."""
        embeddings = torch.unflatten(self.embed(pixels.flatten(0, 1)), 0, pixels.shape[:2])
        return self.classify(embeddings, position_ids, valid)

    def embed(self, pixels: Tensor, piece: int | None = None) -> Tensor:
        """Pixels [N, 3, H, W], as the backbone takes them -> embeddings [N, D].

        piece  frames that pass at once; where a gradient is wanted, what is in between is not kept, but computed again
               (Chen et al., "Training deep nets with sublinear memory cost", 2016): the memory no longer grows with N.
               The same numbers, since frames do not depend on each other. None: all at once, and all is kept

        Raises ValueError if there is no backbone.
        """
        if self.backbone is None:
            raise ValueError("this network has no backbone: give its embeddings to `classify`")
        if piece is None:
            whole: Tensor = self.backbone(pixels)
            return whole
        if hasattr(self.backbone, "in_pieces"):  # one that knows which of its parameters learn
            by_itself: Tensor = self.backbone.in_pieces(pixels, piece)  # type: ignore[operator]
            return by_itself
        run = partial(checkpoint, self.backbone, use_reentrant=False) if torch.is_grad_enabled() else self.backbone
        return torch.cat([run(some) for some in torch.split(pixels, piece)])

    def classify(self, embeddings: Tensor, position_ids: Tensor | None = None, valid: Tensor | None = None) -> Tensor:
        """Embeddings [B, T, D] -> logits [B, K] of a classification head: the second half of `forward`."""
        logits: Tensor = self.head(self.encoder(embeddings, position_ids, valid, read="cls").cls)
        return logits

    def locate(self, embeddings: Tensor, position_ids: Tensor | None = None, valid: Tensor | None = None) -> Pyramid:
        """Embeddings [B, T, D] -> the outputs of a localization head at every point of its pyramid."""
        pyramid: Pyramid = self.head(self.encoder(embeddings, position_ids, valid).frames, valid)
        return pyramid

    def label(self, embeddings: Tensor, position_ids: Tensor | None = None, valid: Tensor | None = None) -> Tensor:
        """Embeddings [B, T, D] -> logits [B, T, K] of a dense head."""
        logits: Tensor = self.head(self.encoder(embeddings, position_ids, valid).frames)
        return logits
