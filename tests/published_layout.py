"""Files of the published weights' layout, made here."""

import pytest
import torch

from vtn_stream.backbone import skeleton
from vtn_stream.checkpoints import published

BLOCK = {
    "norm1.weight": (768,),
    "norm1.bias": (768,),
    "attn.qkv.weight": (2304, 768),
    "attn.qkv.bias": (2304,),
    "attn.proj.weight": (768, 768),
    "attn.proj.bias": (768,),
    "norm2.weight": (768,),
    "norm2.bias": (768,),
    "mlp.fc1.weight": (3072, 768),
    "mlp.fc1.bias": (3072,),
    "mlp.fc2.weight": (768, 3072),
    "mlp.fc2.bias": (768,),
}
SELF = ("query", "key", "value", "query_global", "key_global", "value_global")


def layout(num_layers=3, num_classes=400):
    """Name -> shape, as the official code saves them."""
    shapes = {
        "cls_token": (1, 1, 768),
        "backbone.cls_token": (1, 1, 768),
        "backbone.pos_embed": (1, 197, 768),
        "backbone.patch_embed.proj.weight": (768, 3, 16, 16),
        "backbone.patch_embed.proj.bias": (768,),
    }
    for block in range(12):
        shapes |= {f"backbone.blocks.{block}.{name}": shape for name, shape in BLOCK.items()}
    shapes |= {"backbone.norm.weight": (768,), "backbone.norm.bias": (768,)}
    embeddings = "temporal_encoder.embeddings"
    shapes |= {
        f"{embeddings}.position_ids": (1, 288),
        f"{embeddings}.position_embeddings.weight": (288, 768),
        f"{embeddings}.token_type_embeddings.weight": (2, 768),
        f"{embeddings}.LayerNorm.weight": (768,),
        f"{embeddings}.LayerNorm.bias": (768,),
    }
    for number in range(num_layers):
        layer = f"temporal_encoder.encoder.layer.{number}"
        for name in SELF:
            shapes |= {f"{layer}.attention.self.{name}.{k}": s for k, s in (("weight", (768, 768)), ("bias", (768,)))}
        shapes |= {
            f"{layer}.attention.output.dense.weight": (768, 768),
            f"{layer}.attention.output.dense.bias": (768,),
            f"{layer}.attention.output.LayerNorm.weight": (768,),
            f"{layer}.attention.output.LayerNorm.bias": (768,),
            f"{layer}.intermediate.dense.weight": (3072, 768),
            f"{layer}.intermediate.dense.bias": (3072,),
            f"{layer}.output.dense.weight": (768, 3072),
            f"{layer}.output.dense.bias": (768,),
            f"{layer}.output.LayerNorm.weight": (768,),
            f"{layer}.output.LayerNorm.bias": (768,),
        }
    return shapes | {
        "mlp_head.0.weight": (768,),
        "mlp_head.0.bias": (768,),
        "mlp_head.1.weight": (768, 768),
        "mlp_head.1.bias": (768,),
        "mlp_head.4.weight": (num_classes, 768),
        "mlp_head.4.bias": (num_classes,),
    }


def position_ids():
    return torch.arange(288)[None]


def zeros(shapes):
    state = {name: torch.zeros(shape) for name, shape in shapes.items()}
    return state | {"temporal_encoder.embeddings.position_ids": position_ids()}


def small_state(**sizes):
    """Zeros in that layout, as wide as a test network of timm."""
    shapes = {
        name: [{768: 64, 3072: 256}.get(size, size) for size in shape]
        for name, shape in layout(**sizes).items()
        if not name.startswith("backbone.")
    }
    return zeros(shapes | {f"backbone.{name}": t.shape for name, t in skeleton("test_vit").state_dict().items()})


def shrink(monkeypatch):
    """From here on the layout is that of small_state()."""
    for name, value in (("BACKBONE", "test_vit"), ("WIDTH", 64), ("NUM_HEADS", 4)):
        monkeypatch.setattr(published, name, value)


@pytest.fixture
def small(monkeypatch):
    shrink(monkeypatch)
    return small_state


def write(path, state, **options):
    torch.save(
        {"epoch": 24, "model_state": state, "optimizer_state": {"state": {}}, "cfg": "NUM_GPUS: 8"}, path, **options
    )
    return path
