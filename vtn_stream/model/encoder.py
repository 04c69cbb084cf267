"""The temporal encoder: a Longformer over a film's frame embeddings, for any length.

    B sequences, T frames, D width. Every tensor of frames is [B, T, D]; the global token (CLS) is [B, D], apart.

Post-norm layers with GELU as in BERT; the sizes are EncoderConfig's. An encoder without a global token has neither its
rows nor its weights, and None stands where it would be. Knows tensors only.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, gelu

from vtn_stream.model.attention import GlobalRow, band_attention
from vtn_stream.model.config import EncoderConfig
from vtn_stream.model.features import change, dropped, root

__all__ = [
    "TILE",
    "Encoded",
    "LongformerLayer",
    "ReadFrames",
    "TemporalEncoder",
    "layer_tiles",
    "show_frames",
    "up_to_layer",
]

ReadFrames = Callable[[int, int], Tensor]  # (start, stop) -> a tensor of those frames

# Frames that pass through a layer at once where no gradient is wanted: what a layer needs besides its input and
# output is then 30 MB at D = 768, and each tile computes the keys of its halo again: 2 % at a window of 18. Twice as
# many gain 5 % in bfloat16 on one core, nothing on two, and cost twice the memory.
TILE = 1024


class Encoded(NamedTuple):
    """cls [B, D], the global token after the last layer; frames [B, T, D] if they were asked for; attention [B, T],
    what the last layer's global token saw of each frame: the mean of the heads; 1 in all, less what it saw of itself.
    A linear model has no attention, and either cls or frames. Without a global token there are frames alone.
    """

    cls: Tensor | None
    frames: Tensor | None
    attention: Tensor | None


class LongformerLayer(nn.Module):
    """One layer, for frames and global token apart: neither needs the other's result.

    shown_head  whose attention is told; None: the mean of the heads
    """

    def __init__(self, config: EncoderConfig, window: int) -> None:
        super().__init__()
        self.shown_head: int | None = None
        width = config.width
        self.num_heads = config.num_heads
        self.reach = window // 2
        self.dropout = config.dropout
        self.is_uniform = config.uniform_attention
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        if config.global_token:
            self.query_global, self.key_global, self.value_global = (nn.Linear(width, width) for _ in range(3))
        self.attention_out = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, config.norm_eps)
        self.expand = nn.Linear(width, config.feedforward_width)
        self.contract = nn.Linear(config.feedforward_width, width)
        self.feedforward_norm = nn.LayerNorm(width, config.norm_eps)
        if self.is_uniform:
            unread = [self.query, self.key, *([self.query_global, self.key_global] if config.global_token else [])]
            for module in unread:
                module.requires_grad_(False)

    def frames(self, tokens: Tensor, cls: Tensor | None, valid: Tensor | None, first: int, num: int) -> Tensor:
        """Frames [first, first + num) of tokens [B, L, D], which hold `reach` more to each side where the film does."""
        own = tokens[:, first : first + num]
        value = self._heads(self.value(tokens))
        global_value = None if cls is None else self._heads(self.value(cls))
        if self.is_uniform:  # scores of 0, whatever the keys
            query, key = self._heads(torch.zeros_like(own)), value.detach()
            global_key = None if global_value is None else global_value.detach()
        else:
            query, key = self._heads(self.query(own)), self._heads(self.key(tokens))
            global_key = None if cls is None else self._heads(self.key(cls))
        seen = band_attention(
            query,
            key,
            value,
            global_key,
            global_value,
            first=first,
            reach=self.reach,
            valid=valid,
            dropout_p=self._dropout_p,
        )
        return self._rest(own, seen.flatten(2))

    def global_row(self, cls: Tensor, *, keeps_attention: bool = False) -> GlobalRow:
        """To be given every frame; it has seen the global token itself."""
        asked = torch.zeros_like(cls) if self.is_uniform else self.query_global(cls)
        query = self._heads(asked) * (cls.shape[-1] // self.num_heads) ** -0.5
        key, dropout_p = self.key_global, self._dropout_p
        row = GlobalRow(
            query,
            key.weight,
            key.bias,
            dropout_p=dropout_p,
            keeps_attention=keeps_attention,
            head=self.shown_head,
        )
        return row.add(cls[:, None])

    def global_token(self, cls: Tensor, row: GlobalRow) -> Tensor:
        """The token after this layer, [B, D], of its row, which has been given every frame."""
        return self._rest(cls, row.seen(self.value_global.weight, self.value_global.bias).to(cls.dtype))

    def _heads(self, x: Tensor) -> Tensor:
        return torch.unflatten(x, -1, (self.num_heads, -1))

    def _rest(self, tokens: Tensor, seen: Tensor) -> Tensor:
        """The rest of the layer after the attention, for each token alone."""
        tokens = self.attention_norm(tokens + self._drop(self.attention_out(seen)))
        return self.feedforward_norm(tokens + self._drop(self.contract(gelu(self.expand(tokens)))))

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self._dropout_p, training=self.training)

    @property
    def _dropout_p(self) -> float:
        return self.dropout if self.training else 0.0


class TemporalEncoder(nn.Module):
    """Frame embeddings -> a token that stands for all of them, and a token a frame that knows its surroundings."""

    input_mean: Tensor  # [num_features], where the config says standardized
    input_deviation: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        if config.standardized:
            self.register_buffer("input_mean", torch.zeros(config.num_features))
            self.register_buffer("input_deviation", torch.ones(config.num_features))
        self.project = nn.Linear(config.num_features, width) if config.is_projected else nn.Identity()
        if config.global_token:
            self.cls_token = nn.Parameter(torch.empty(width))
        if config.num_position_rows:
            self.position_table = nn.Embedding(config.num_position_rows, width)
        self.token_types = nn.Embedding(1 + config.global_token, width)  # 0 frames, 1 the global token
        self.norm = nn.LayerNorm(width, config.norm_eps)
        layers = nn.ModuleList(LongformerLayer(config, window) for window in config.attention_windows)
        self.layers = cast(Sequence[LongformerLayer], layers)  # what it is, for type checkers
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the weights as the release does: N(0, 1) for the global token, N(0, 0.02) for all weights."""
        if self.config.global_token:
            nn.init.normal_(self.cls_token)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(
        self,
        embeddings: Tensor,
        position_ids: Tensor | None = None,
        valid: Tensor | None = None,
        read: Literal["cls", "frames"] = "frames",
    ) -> Encoded:
        """embeddings [B, T, input_width]; position_ids int64 [B, T]; valid [B, T], False for padding and lost frames.

        read="cls" leaves out what only frames need: all of the last layer but its global row. Where no gradient is
        wanted, frames pass through in tiles: at any time no more than two tensors [B, T, D] exist.

        Raises ValueError for shapes that do not agree, for native positions without ids, and for read="cls" without a
        global token.
        """
        self._check(embeddings, position_ids, valid)
        batch, num = embeddings.shape[:2]
        if not self.config.global_token:
            if read == "cls":
                raise ValueError("this encoder has no global token: it gives frames alone")
            return Encoded(None, self._near(embeddings, position_ids, valid), None)
        cls = self.embed_cls(batch)
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            tokens = self.embed(embeddings, position_ids, valid)
            for number, layer in enumerate(self.layers, 1):
                row = layer.global_row(cls, keeps_attention=number == len(self.layers)).add(tokens, valid)
                if number == len(self.layers) and read == "cls":
                    return Encoded(layer.global_token(cls, row), None, row.attention()[:, 1:])
                tokens, cls = layer.frames(tokens, cls, valid, 0, num), layer.global_token(cls, row)
            return Encoded(cls, tokens, row.attention()[:, 1:])

        def embedded(start: int, stop: int) -> Tensor:
            ids = None if position_ids is None else position_ids[:, start:stop]
            low = max(0, start - self.config.history)
            there = None if valid is None else valid[:, low:stop]
            return self.embed(embeddings[:, low:stop], ids, there, first=start, history=start - low)

        source: ReadFrames = embedded
        for number, layer in enumerate(self.layers, 1):
            row = layer.global_row(cls, keeps_attention=number == len(self.layers))
            if number == len(self.layers) and read == "cls":
                show_frames(row, source, num, valid)
                return Encoded(layer.global_token(cls, row), None, row.attention()[:, 1:])
            out = cls.new_empty(batch, num, self.config.width)
            for start, tile in layer_tiles(layer, row, source, num, cls, valid):
                out[:, start : start + tile.shape[1]] = tile
            cls, source = layer.global_token(cls, row), _slices(out)
        return Encoded(cls, out, row.attention()[:, 1:])

    def _near(self, embeddings: Tensor, position_ids: Tensor | None, valid: Tensor | None) -> Tensor:
        """The tokens [B, T, D] of frames that see no global token, all at once: the work of a layer is done in blocks
        as it is. Long films come in tiles (`scorers.tiles`).
        """
        tokens = self.embed(embeddings, position_ids, valid)
        for layer in self.layers:
            tokens = layer.frames(tokens, None, valid, 0, tokens.shape[1])
        return tokens

    def embed(
        self,
        embeddings: Tensor,
        position_ids: Tensor | None = None,
        valid: Tensor | None = None,
        *,
        first: int = 0,
        history: int = 0,
    ) -> Tensor:
        """Frames as the first layer wants them; the first of them is the sequence's frame `first`.

        history  how many of the embeddings (and of valid) come before that frame, and are only looked back at: as many
                 as config.history, or all there are
        """
        features = self.features(embeddings.to(self.norm.weight.dtype), valid, history)
        if self.config.standardized:
            features = (features - self.input_mean).div_(self.input_deviation)  # wide: a copy costs as much as a layer
        tokens = self.project(dropped(features, self.config.input_dropout) if self.training else features)
        if self.config.positions != "none":
            if position_ids is None:
                position_ids = torch.arange(first, first + tokens.shape[1], device=embeddings.device)[None]
            tokens = tokens + self._positions(position_ids)
        return self._drop(self.norm(tokens + self.token_types.weight[0]))

    def features(self, embeddings: Tensor, valid: Tensor | None = None, history: int = 0) -> Tensor:
        """The features of a frame before they are standardized: [B, history + T, input_width] -> [B, T, num_features].
        A difference to what is not there is 0.
        """
        parts = [embeddings[:, history:]] if self.config.reads_embeddings else []
        parts += [change(embeddings, valid, history, lag) for lag in self.config.difference_lags]
        parts += [root(change(embeddings, valid, history, lag).abs()) for lag in self.config.magnitude_lags]
        return torch.cat(parts, -1) if len(parts) > 1 else parts[0]

    def embed_cls(self, batch: int) -> Tensor:
        """The global token [B, D] as the first layer wants it."""
        token: Tensor = self.cls_token
        if self.config.positions in ("native", "learned"):
            token = token + self.position_table.weight[self.config.num_positions]
        return self._drop(self.norm(token + self.token_types.weight[1]).expand(batch, -1))

    def _positions(self, ids: Tensor) -> Tensor:
        if self.config.positions != "sinusoidal":
            return self.position_table(ids % self.config.num_positions)
        # Vaswani et al., "Attention is all you need" (2017), section 3.5, sines first
        half = (self.config.width + 1) // 2
        rates = torch.exp(torch.arange(half, device=ids.device) * (-math.log(10_000) / half))
        angles = ids[..., None] * rates
        return torch.cat([angles.sin(), angles.cos()], -1)[..., : self.config.width].to(self.norm.weight.dtype)

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.config.dropout, training=self.training)

    def _check(self, embeddings: Tensor, position_ids: Tensor | None, valid: Tensor | None) -> None:
        if embeddings.ndim != 3 or embeddings.shape[2] != self.config.input_width:
            raise ValueError(f"embeddings must be [B, T, {self.config.input_width}], got {list(embeddings.shape)}")
        for name, tensor in (("position_ids", position_ids), ("valid", valid)):
            if tensor is not None and tensor.shape != embeddings.shape[:2]:
                raise ValueError(f"{name} must be {list(embeddings.shape[:2])}, got {list(tensor.shape)}")
        if self.config.positions == "native" and position_ids is None:
            raise ValueError("native positions are the frames' indices in the film: give position_ids")


def up_to_layer(encoder: TemporalEncoder, layer: int, head: int | None = None) -> TemporalEncoder:
    """The encoder of the first `layer` layers, with the same weights, not copies, and in evaluation mode: its attention
    is that of its last layer, of one head from 0 on, or the mean of all.

    Raises ValueError for a layer or a head that the encoder has not.
    """
    config = encoder.config
    if not 1 <= layer <= config.num_layers or not (head is None or 0 <= head < config.num_heads):
        raise ValueError(f"there are {config.num_layers} layers of {config.num_heads} heads")
    with torch.device("meta"):
        shorter = TemporalEncoder(replace(config, attention_windows=config.attention_windows[:layer]))
    weights = encoder.state_dict()
    shorter.load_state_dict({name: weights[name] for name in shorter.state_dict()}, assign=True)
    shorter.layers[-1].shown_head = head
    return shorter.eval()


def layer_tiles(
    layer: LongformerLayer, row: GlobalRow, read: ReadFrames, num: int, cls: Tensor, valid: Tensor | None = None
) -> Iterator[tuple[int, Tensor]]:
    """One pass of a layer over `num` frames: (start, tokens [B, n, D]) in order, a tile at a time; row sees them all.

    read(start, stop) gives the layer's input [B, stop - start, D].
    """
    for start in range(0, num, TILE):
        stop = min(start + TILE, num)
        low, high = max(0, start - layer.reach), min(num, stop + layer.reach)
        tokens = read(low, high)
        row.add(tokens[:, start - low : stop - low], None if valid is None else valid[:, start:stop])
        seen = None if valid is None else valid[:, low:high]
        yield start, layer.frames(tokens, cls, seen, start - low, stop - start)


def show_frames(row: GlobalRow, read: ReadFrames, num: int, valid: Tensor | None = None) -> None:
    """Does what a pass does if no frame is wanted."""
    for start in range(0, num, TILE):
        stop = min(start + TILE, num)
        row.add(read(start, stop), None if valid is None else valid[:, start:stop])


def _slices(tokens: Tensor) -> ReadFrames:
    return lambda start, stop: tokens[:, start:stop]
