"""An encoder without a global token: what is near is all that a frame sees."""

import json
from dataclasses import replace

import pytest
import torch
from longformer_oracle import dense, random_encoder

from vtn_stream.checkpoints.sizes import parameters
from vtn_stream.heads import network_config
from vtn_stream.model import (
    VARIANTS,
    VTN,
    ClassificationConfig,
    DenseConfig,
    EncoderConfig,
    LocalizationConfig,
    VTNConfig,
)


def local(**options):
    return random_encoder(global_token=False, **options)


def film(num, batch=1, width=32):
    """Embeddings, indices of frames, and which frames are there."""
    generator = torch.Generator().manual_seed(num)
    ids = torch.randint(1, 2000, (batch, num), generator=generator)
    valid = torch.rand(batch, num, generator=generator) < 0.7
    return torch.randn(batch, num, width, generator=generator), ids, valid


def largest(a, b):
    return (a - b).abs().max().item()


@pytest.mark.parametrize("uniform", [False, True])
@pytest.mark.parametrize("windows", [(8, 8), (18, 2, 64)])
@pytest.mark.parametrize("num", [1, 40, 700])  # the whole square, and block by block
@torch.no_grad()
def test_frames_are_as_defined(num, windows, uniform):
    ours, (embeddings, ids, valid) = local(windows=windows, uniform_attention=uniform), film(num, 2)
    valid[1, num // 3 :] = False
    for mask in (None, valid):
        made = ours(embeddings, ids, mask)
        assert largest(made.frames, dense(ours, embeddings, ids, mask)[1]) <= 5e-6  # of lost frames as well
        with torch.enable_grad():
            assert torch.equal(ours(embeddings, ids, mask).frames, made.frames)
        assert made.cls is None
        assert made.attention is None


@torch.no_grad()
def test_nothing_beyond_the_reach_of_all_layers_is_seen():
    ours, (embeddings, ids, _) = local(windows=(8, 4), difference_lags=(1, 5), input_width=32), film(300)
    assert ours.config.reach == 4 + 2 + 5
    before, moved = ours(embeddings, ids).frames, embeddings.clone()
    moved[0, 150] += 1
    changed = (ours(moved, ids).frames != before).any(-1)[0].nonzero()[:, 0]
    assert changed.min() == 150 - 4 - 2
    assert changed.max() == 150 + 4 + 2 + 5


@pytest.mark.parametrize("positions", ["native", "learned", "sinusoidal", "none"])
@pytest.mark.parametrize("num", [40, 300])
def test_every_parameter_gets_a_gradient(num, positions):
    ours, (embeddings, ids, valid) = local(input_width=12, positions=positions, num_positions=20), film(num, 2, 12)
    valid[0, num // 2 :] = False
    frames = ours(embeddings, ids, valid).frames
    (frames * valid[..., None]).square().mul(torch.arange(32)).sum().backward()
    for name, parameter in ours.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if not name.endswith("key.bias"):  # it adds the same to every score of a row
            assert parameter.grad.abs().max() > 0, name


def test_there_is_no_weight_for_what_is_not_there():
    ours, usual = local(), random_encoder()
    lost = set(usual.state_dict()) - set(ours.state_dict())
    assert lost == {"cls_token"} | {
        f"layers.{n}.{part}_global.{kind}"
        for n in range(3)
        for part in ("query", "key", "value")
        for kind in ("weight", "bias")
    }
    assert ours.token_types.weight.shape == (1, 32)
    assert ours.position_table.weight.shape == (ours.config.num_positions, 32)
    for config in (ours.config, usual.config, local(positions="none").config):
        network = VTN(VTNConfig(backbone="resnet50", encoder=config, head=DenseConfig(num_classes=3)))
        assert parameters(network.config).encoder == sum(p.numel() for p in network.encoder.parameters())
    head = LocalizationConfig(num_classes=3, num_levels=2, tower_width=4)
    assert VTN(VTNConfig(backbone="none", encoder=ours.config, head=head)).unread == ()


def test_there_is_no_global_token_to_read():
    ours, (embeddings, ids, _) = local(), film(30)
    with pytest.raises(ValueError, match="no global token"):
        ours(embeddings, ids, read="cls")
    with pytest.raises(ValueError, match="reads the global token"):
        VTNConfig(backbone="none", encoder=ours.config, head=ClassificationConfig(num_classes=3))


def test_files_name_it_only_where_there_is_none():
    config = replace(VARIANTS["vtn-vit-b"](), head=DenseConfig(num_classes=3))
    assert "global_token" not in config.to_dict()["encoder"]  # as in files of earlier releases
    asked = replace(config, encoder=replace(config.encoder, global_token=False))
    assert network_config(json.loads(json.dumps(asked.to_dict()))) == asked
    assert (asked.is_local, config.is_local) == (True, False)
    head = LocalizationConfig(num_classes=3, num_levels=2, tower_width=4)
    assert "in_blocks" not in replace(config, head=head).to_dict()["head"]
    asked = replace(asked, head=replace(head, in_blocks=True))
    assert network_config(json.loads(json.dumps(asked.to_dict()))) == asked
    for part, name in (("encoder", "global_token"), ("head", "in_blocks")):
        fields = asked.to_dict()
        fields[part][name] = 1
        with pytest.raises(ValueError, match="true or false"):
            network_config(fields)


def test_a_new_encoder_can_be_drawn():
    sizes = {"input_width": 8, "width": 8, "num_heads": 1, "feedforward_width": 8, "attention_windows": (4,)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        drawn = VTN(
            VTNConfig(
                backbone="none",
                encoder=EncoderConfig(**sizes, positions="none", global_token=False),
                head=DenseConfig(num_classes=2),
            )
        )
    assert drawn.label(torch.zeros(2, 5, 8)).isfinite().all()
