"""Two independent ways to compute what a TemporalEncoder computes: transformers' module, and the definition.

B sequences, T frames, D width, H heads
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from vtn_stream.model import EncoderConfig, TemporalEncoder

# Ours -> transformers'. A layer's names stand below layers.{l} and encoder.layer.{l}.
OUTSIDE = {
    "position_table": "embeddings.position_embeddings",
    "token_types": "embeddings.token_type_embeddings",
    "norm": "embeddings.LayerNorm",
}
IN_A_LAYER = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "query_global": "attention.self.query_global",
    "key_global": "attention.self.key_global",
    "value_global": "attention.self.value_global",
    "attention_out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "expand": "intermediate.dense",
    "contract": "output.dense",
    "feedforward_norm": "output.LayerNorm",
}


def random_encoder(
    *, width: int = 32, heads: int = 2, windows: tuple[int, ...] = (8, 8, 8), std: float = 0.2, seed: int = 0, **options
) -> TemporalEncoder:
    """In evaluation mode, with weights, biases and gains large enough that each of them matters."""
    sizes = {"input_width": width, "feedforward_width": 2 * width, "dropout": 0.0}
    config = EncoderConfig(width=width, num_heads=heads, attention_windows=windows, **(sizes | options))
    encoder = TemporalEncoder(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            mean = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            parameter.normal_(mean, std, generator=generator)
    return encoder


def hf_name(name: str) -> str | None:
    """What transformers calls a parameter of ours; None where it has none."""
    module, _, kind = name.rpartition(".")
    if module in OUTSIDE:
        return f"{OUTSIDE[module]}.{kind}"
    if not module.startswith("layers."):
        return None
    _, number, module = module.split(".")
    return f"encoder.layer.{number}.{IN_A_LAYER[module]}.{kind}"


class Longformer(torch.nn.Module):
    """transformers' LongformerModel with an encoder's weights, led as the released VTN leads it."""

    def __init__(self, encoder: TemporalEncoder) -> None:
        from transformers import LongformerConfig, LongformerModel  # three seconds, in every process that collects

        super().__init__()
        self.config = config = encoder.config
        self.cls_token = torch.nn.Parameter(encoder.cls_token.detach().clone())
        self.model = LongformerModel(
            LongformerConfig(
                vocab_size=1,  # the embedding of its padding; masked
                pad_token_id=0,
                bos_token_id=None,
                eos_token_id=None,
                sep_token_id=None,
                type_vocab_size=2,
                hidden_size=config.width,
                num_attention_heads=config.num_heads,
                intermediate_size=config.feedforward_width,
                num_hidden_layers=config.num_layers,
                attention_window=list(config.attention_windows),
                max_position_embeddings=config.num_positions + 2,
                layer_norm_eps=config.norm_eps,
                hidden_act="gelu",
                hidden_dropout_prob=config.dropout,
                attention_probs_dropout_prob=config.dropout,
            ),
            add_pooling_layer=False,
        ).eval()
        weights = {theirs: value for name, value in encoder.state_dict().items() if (theirs := hf_name(name))}
        missing, unexpected = self.model.load_state_dict(weights, strict=False)
        assert missing == ["embeddings.word_embeddings.weight"]
        assert not unexpected

    def forward(self, embeddings: Tensor, position_ids: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The global token [B, D] and the frames [B, T, D]."""
        batch, num, _ = embeddings.shape
        first, rest = torch.ones(batch, 1, dtype=torch.long), torch.zeros(batch, num, dtype=torch.long)
        rows = self.config.num_positions
        tokens = self.model(
            inputs_embeds=torch.cat([self.cls_token.expand(batch, 1, -1), embeddings], 1),
            attention_mask=torch.cat([first, torch.ones_like(rest) if valid is None else valid.long()], 1),
            global_attention_mask=torch.cat([first, rest], 1),
            token_type_ids=torch.cat([first, rest], 1),
            position_ids=torch.cat([first * rows, position_ids % rows], 1),
        ).last_hidden_state
        return tokens[:, 0], tokens[:, 1:]


def dense(
    encoder: TemporalEncoder,
    embeddings: Tensor,
    position_ids: Tensor,
    valid: Tensor | None = None,
    shown_layer: int = -1,
) -> tuple[Tensor, Tensor, Tensor]:
    """The definition in float64, every token against every token: cls [B, D], frames [B, T, D] and of one layer, the
    last, the probabilities of the global row, [B, H, 1 + T]. For native or learned positions, without dropout. Where
    there is no global token, one that no frame sees is computed along, and what is said of it means nothing.
    """
    config, weights = encoder.config, {name: value.double() for name, value in encoder.state_dict().items()}
    batch, num, _ = embeddings.shape
    if not config.global_token:
        weights |= {"cls_token": torch.zeros(config.width).double()}
        for name in ("position_table.weight", "token_types.weight"):
            weights[name] = torch.cat([weights[name], torch.zeros(1, config.width)])
        for name in [name for name in weights if ".query." in name or ".key." in name or ".value." in name]:
            layer, number, part, kind = name.split(".")
            weights[f"{layer}.{number}.{part}_global.{kind}"] = weights[name]

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(name: str, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        unit = centred / (centred.square().mean(-1, keepdim=True) + config.norm_eps).sqrt()
        return unit * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def heads(x: Tensor) -> Tensor:
        return x.view(batch, 1 + num, config.num_heads, -1).transpose(1, 2)  # [B, H, 1 + T, d]

    frames = embeddings.double()
    if config.input_width != config.width:
        frames = linear("project", frames)
    frames = frames + weights["position_table.weight"][position_ids % config.num_positions]
    cls = weights["cls_token"] + weights["position_table.weight"][config.num_positions]
    cls, frames = cls + weights["token_types.weight"][1], frames + weights["token_types.weight"][0]
    x = norm("norm", torch.cat([cls.expand(batch, 1, -1), frames], 1))

    there = torch.ones(batch, 1 + num, dtype=torch.bool)
    if valid is not None:
        there[:, 1:] = valid
    index = torch.arange(1 + num)
    of_layers = []
    for number, window in enumerate(config.attention_windows):
        seen = (index[:, None] - index).abs() <= window // 2
        seen[:, 0] = seen[0] = True
        seen = seen & there[:, None, None]
        if not config.global_token:
            seen[..., 1:, 0] = False
            seen = seen | torch.eye(1 + num, dtype=torch.bool)
        names = [f"layers.{number}.{name}" for name in ("query", "key", "value")]
        query, key, value = (heads(linear(name, x)) for name in names)
        query_global, key_global, value_global = (heads(linear(f"{name}_global", x)) for name in names)
        scores = query @ key.transpose(2, 3)
        scores[:, :, 0] = (query_global[:, :, :1] @ key_global.transpose(2, 3))[:, :, 0]
        if config.uniform_attention:
            scores = torch.zeros_like(scores)
        probabilities = (scores / math.sqrt(query.shape[-1])).masked_fill(~seen, -torch.inf).softmax(-1)
        of_layers.append(probabilities[:, :, 0])
        attended = probabilities @ value
        attended[:, :, 0] = (probabilities[:, :, :1] @ value_global)[:, :, 0]
        attended = attended.transpose(1, 2).flatten(2)
        x = norm(f"layers.{number}.attention_norm", x + linear(f"layers.{number}.attention_out", attended))
        expanded = F.gelu(linear(f"layers.{number}.expand", x))
        x = norm(f"layers.{number}.feedforward_norm", x + linear(f"layers.{number}.contract", expanded))
    return x[:, 0], x[:, 1:], of_layers[shown_layer]
