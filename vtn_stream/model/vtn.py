"""The Video Transformer Network: image network, temporal encoder, head; on pixels, or on embeddings kept from earlier.

B films, T frames, N frames of all films, D width of an embedding, K classes
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vtn_stream.model.config import ClassificationConfig, DenseConfig, LocalizationConfig, StatisticsConfig, VTNConfig
from vtn_stream.model.encoder import TemporalEncoder
from vtn_stream.model.heads import Pyramid
from vtn_stream.model.statistics import StatisticsEncoder

__all__ = ["VTN"]


class VTN(nn.Module):
    """Neimark et al., "Video Transformer Network" (2021), with any image network and head.

    backbone    maps [N, 3, H, W] to [N, D]; None if embeddings come from elsewhere
    product     the type of its products where it is not that of the weights, such as bfloat16; what it gives is of the
                weights' type, so that a loss is

    Its config may ask for a linear model: statistics of the embeddings instead of attention, and one linear layer.
    """

    def __init__(self, config: VTNConfig, backbone: nn.Module | None = None) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone
        self.product: torch.dtype | None = None
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
        with self._products():
            if piece is not None and hasattr(self.backbone, "in_pieces"):  # it knows which of its parameters learn
                return self._result(self.backbone.in_pieces(pixels, piece))  # type: ignore[operator]
            run: Callable[[Tensor], Tensor] = self.backbone
            if piece is not None and torch.is_grad_enabled():
                run = partial(checkpoint, self.backbone, use_reentrant=False)
            parts = [run(some) for some in torch.split(pixels, len(pixels) if piece is None else piece)]
        return self._result(parts[0] if len(parts) == 1 else torch.cat(parts))

    def classify(self, embeddings: Tensor, position_ids: Tensor | None = None, valid: Tensor | None = None) -> Tensor:
        """Embeddings [B, T, D] -> logits [B, K] of a classification head: the second half of `forward`."""
        with self._products():
            logits: Tensor = self.head(self.encoder(embeddings, position_ids, valid, read="cls").cls)
        return self._result(logits)

    def locate(self, embeddings: Tensor, position_ids: Tensor | None = None, valid: Tensor | None = None) -> Pyramid:
        """Embeddings [B, T, D] -> the outputs of a localization head at every point of its pyramid."""
        with self._products():
            pyramid: Pyramid = self.head(self.encoder(embeddings, position_ids, valid).frames, valid)
        logits, offsets = (tuple(self._result(level) for level in of) for of in (pyramid.logits, pyramid.offsets))
        return pyramid._replace(logits=logits, offsets=offsets)

    def label(self, embeddings: Tensor, position_ids: Tensor | None = None, valid: Tensor | None = None) -> Tensor:
        """Embeddings [B, T, D] -> logits [B, T, K] of a dense head."""
        with self._products():
            logits: Tensor = self.head(self.encoder(embeddings, position_ids, valid).frames)
        return self._result(logits)

    @property
    def unread(self) -> tuple[str, ...]:
        """The parameters on which nothing depends that this head gives, by their names: of the last layer, the queries,
        keys and values of the frames where only the global token is read, and those of the global token where only
        frames are. Empty for heads of other packages, which may read both.
        """
        if isinstance(self.encoder, StatisticsEncoder) or not self.encoder.layers:
            return ()
        if not self.encoder.config.global_token:
            return ()
        if type(self.config.head) is ClassificationConfig:
            dead: tuple[str, ...] = ("query", "key", "value")
        elif type(self.config.head) in (LocalizationConfig, DenseConfig):
            dead = ("query_global", "key_global", "value_global")
        else:
            return ()
        last = f"encoder.layers.{len(self.encoder.layers) - 1}"
        return tuple(f"{last}.{name}.{kind}" for name in dead for kind in ("weight", "bias"))

    def _products(self) -> AbstractContextManager[None]:
        return nullcontext() if self.product is None else torch.autocast(self.device.type, self.product)

    def _result(self, x: Tensor) -> Tensor:
        return x if self.product is None else x.to(next(self.head.parameters()).dtype)
