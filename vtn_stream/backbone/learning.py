"""An image network that learns: frames in, embeddings with gradients out. Imports torch and timm.

N frames, H x W the network's input size, D its feature width.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import timm.layers
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vtn_stream.backbone.blocks import Blocks, learnt, unused
from vtn_stream.backbone.digest import weights_digest
from vtn_stream.backbone.pooling import embedding_width, maximum
from vtn_stream.backbone.weights import at_random, pretrained, skeleton
from vtn_stream.errors import BackboneError
from vtn_stream.track import Pooling, Recipe

__all__ = ["TrainableBackbone", "last_blocks", "passes_over", "trainable"]


class TrainableBackbone(nn.Module):
    """Frames [N, 3, H, W], uint8 or float32 in 0..255, RGB -> embeddings [N, D] that carry gradients.

    Its parameters and state_dict have exactly timm's names, as of the network without its classifier: in a VTN they are
    `backbone.NAME`, in a checkpoint too, and FrameEncoder takes them as weights. It normalises pixels itself.

    Layers that keep running means of many pictures (batch norms) are always in evaluation mode: a frame's embedding
    then depends on that frame alone, so that pieces of a batch give what the whole batch gives. Dropout of single
    values within the network is off as well; blocks are passed over frame by frame, where that is asked for.

    name, source   the network, and where its first weights came from
    size           (H, W)
    num_features   D
    """

    _network: Any
    _shift: Tensor
    _scale: Tensor

    def __init__(self, name: str, network: Any, recipe: Recipe, source: str) -> None:
        super().__init__()
        # The network's own tables of parameters, buffers and layers are this module's: so they have its names.
        self._parameters, self._buffers, self._modules = network._parameters, network._buffers, network._modules
        self._non_persistent_buffers_set = network._non_persistent_buffers_set
        self.__dict__["_network"] = network  # not as a layer of this module
        self.name, self.source = name, source
        self.size: tuple[int, int] = recipe.size
        self.num_features = embedding_width(network, recipe.pooling)
        self._recipe = recipe
        self._parts = Blocks(network)
        # the arithmetic of FrameEncoder: (x / 255 - mean) / std = (x - 255 mean) / (255 std)
        shift, scale = torch.tensor(recipe.mean).mul(255), torch.tensor(recipe.std).mul(255).reciprocal()
        self.register_buffer("_shift", shift[:, None, None], persistent=False)
        self.register_buffer("_scale", scale[:, None, None], persistent=False)
        self.train()

    def forward(self, frames: Tensor) -> Tensor:
        pixels = (frames.float() - self._shift) * self._scale
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        is_maximum = self._recipe.pooling == "maximum"
        embeddings: Tensor = maximum(self._network, pixels) if is_maximum else self._network(pixels)
        return embeddings.float()

    def in_pieces(self, frames: Tensor, piece: int | None) -> Tensor:
        """The same embeddings, of so many frames at a time: for their gradient, what is in between is not kept but
        computed again (Chen et al., "Training deep nets with sublinear memory cost", 2016). None: all at once, kept.

        Where only the last blocks learn, only they are computed again, block by block where timm can do it: nothing of
        the others is kept in any case.
        """
        if piece is None:
            return self(frames)
        pieces = torch.split(frames, piece)
        if not torch.is_grad_enabled() or not any(parameter.requires_grad for parameter in self.parameters()):
            return torch.cat([self(part) for part in pieces])
        if not self._only_last or _loses_gradients():
            return torch.cat([checkpoint(self, part, use_reentrant=False) for part in pieces])
        _recompute(self._network, True)
        try:
            return torch.cat([self(part) for part in pieces])
        finally:
            _recompute(self._network, False)

    def train(self, mode: bool = True) -> "TrainableBackbone":
        """As of any module, but for layers that keep running means and for dropout: they stay in evaluation mode."""
        super().train(mode)
        self._network.training = mode
        for module in self._network.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd) or _keeps_means(module):
                module.training = False
        return self

    @property
    def _only_last(self) -> bool:
        blocks = {
            self._parts.block_of.get(path) for path, parameter in self.named_parameters() if parameter.requires_grad
        }
        return bool(self._parts.num) and 0 not in blocks

    @property
    def pooling(self) -> Pooling:
        return self._recipe.pooling

    @property
    def num_depths(self) -> int:
        return self._parts.num_depths

    def depth_of(self, name: str) -> int:
        """How deep a parameter lies, 0 for the first layers, num_depths - 1 for the last: for a learning rate that
        falls from the last layer to the first (Bao et al., "BEiT", 2021). By timm's own division.

        Raises KeyError for a name that is not among its parameters.
        """
        return self._parts.depth_of[name]

    def recipe(self, fps: Fraction) -> Recipe:
        """What its embeddings mean now: the recipe that it was made with, and the digest of its weights."""
        return replace(self._recipe, weights=weights_digest(self.state_dict()), fps=fps)


def trainable(
    name: str,
    weights: Path | Mapping[str, Tensor] | None,
    *,
    recipe: Recipe | None = None,
    size: int | None = None,
    pooling: Pooling = "network",
    blocks: Literal["all", "norms"] | int = "all",
    drop_path: float = 0.0,
    random: bool = False,
) -> TrainableBackbone:
    """An image network that learns. name, weights, size and pooling as FrameEncoder has them.

    recipe     its size, mean, std, geometry and pooling, instead of timm's own; of its weights and fps nothing is taken
    blocks     which parameters learn: all, those of the last so many blocks, or only the norms'
    drop_path  the probability that a block is passed over (Huang et al., "Deep networks with stochastic depth", 2016),
               rising from 0 in the first block to this in the last
    random     start at random numbers, drawn from torch's generator, instead of weights

    requires_grad is set where a parameter learns; never where the embeddings do not depend on it, such as the
    normalisation behind the last map of features with the pooling "maximum".

    Raises BackboneError as FrameEncoder does, and where the network lacks what shall learn or be passed over;
    ValueError for random numbers and weights at once.
    """
    if random and weights is not None:
        raise ValueError("either weights, or random numbers")
    asked = recipe.size if recipe is not None else None if size is None else (size, size)
    bare: Any = skeleton(name, asked)
    if recipe is None:
        recipe = _own_recipe(name, bare, asked, pooling)
    embed = partial(maximum, bare) if recipe.pooling == "maximum" else bare
    learning = learnt(bare, name, blocks) - unused(bare, embed, recipe.size)
    options: dict[str, Any] = {"drop_path_rate": drop_path} if drop_path else {}
    if drop_path and not passes_over(name):
        raise BackboneError(
            f"{name} has no blocks that training could pass over",
            "nothing was trained",
            "set drop_path to 0, or use another backbone",
        )
    network, source = at_random(name, asked, **options) if random else pretrained(name, weights, asked, **options)
    for module in network.modules():  # some have one of them on by default
        if not drop_path and getattr(module, "drop_prob", None):
            module.drop_prob = 0.0
        if getattr(module, "drop_rate", None):  # of dropout without a layer
            module.drop_rate = 0.0
    module = TrainableBackbone(name, network, recipe, source)
    for path, parameter in module.named_parameters():
        parameter.requires_grad_(path in learning)
    return module


def last_blocks(name: str) -> int:
    """How many blocks the last ones of a network are: a third of a transformer's, or the last stage of one that is
    divided into stages, as most of convolutions are. Raises BackboneError on an unknown name, and where timm does not
    say which its blocks are.
    """
    num = Blocks(skeleton(name)).last
    if not num:
        raise BackboneError(
            f"timm does not say which the last blocks of {name} are", "nothing was trained", "let all of it learn"
        )
    return num


@cache
def passes_over(name: str) -> bool:
    """Whether the network has blocks that training can pass over."""
    try:
        network = skeleton(name, drop_path_rate=0.5)
    except (RuntimeError, TypeError, ValueError):  # timm's, for an argument that a network does not have
        return False
    return any(getattr(module, "drop_prob", None) for module in network.modules())


def _own_recipe(name: str, network: Any, size: tuple[int, int] | None, pooling: Pooling) -> Recipe:
    config = network.pretrained_cfg
    return Recipe(
        backbone=name,
        weights="",
        fps=Fraction(1),
        size=tuple(config["input_size"][1:]) if size is None else size,
        mean=config["mean"],
        std=config["std"],
        pooling=pooling,
    )


def _recompute(network: Any, enable: bool) -> None:
    """Whether its blocks keep nothing for the gradient; a network that cannot do it stays as it is."""
    with suppress(AttributeError, AssertionError):
        network.set_grad_checkpointing(enable)


def _loses_gradients() -> bool:
    """Whether timm computes blocks again in torch's older way, as all of its versions before 1.0.16: blocks that learn
    get no gradient there where those before them do not learn.
    """
    ask = getattr(timm.layers, "use_reentrant_ckpt", None)
    return ask is None or bool(ask())


def _keeps_means(module: nn.Module) -> bool:
    return any(name in module._buffers for name in ("running_mean", "running_var"))
