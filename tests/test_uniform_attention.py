"""Attention that weighs everything alike, against its definition: the paper's question whether attention matters."""

import json
from dataclasses import replace

import pytest
import torch
from longformer_oracle import dense, random_encoder

from vtn_stream.heads import network_config
from vtn_stream.model import VARIANTS, TemporalEncoder, encoder
from vtn_stream.model.long import LongEncoding

UNUSED = ("query", "key", "query_global", "key_global")


def uniform(**options) -> TemporalEncoder:
    return random_encoder(uniform_attention=True, **options)


def film(num, batch=1):
    """Embeddings, indices of frames, and which frames are there."""
    generator = torch.Generator().manual_seed(num)
    ids = torch.randint(1, 2000, (batch, num), generator=generator)
    valid = torch.rand(batch, num, generator=generator) < 0.8
    return torch.randn(batch, num, 32, generator=generator), ids, valid


def largest(a, b):
    return (a - b).abs().max().item()


@pytest.mark.parametrize("windows", [(8, 8), (18, 2, 64)])
@pytest.mark.parametrize("num", [1, 40, 700])  # the whole square, and block by block
@torch.no_grad()
def test_it_is_as_defined_in_one_piece_in_tiles_and_by_files(num, windows, monkeypatch, tmp_path):
    monkeypatch.setattr(encoder, "TILE", 300)
    ours, (embeddings, ids, valid) = uniform(windows=windows), film(num)
    valid[0, 0] = True
    cls, frames, probabilities = dense(ours, embeddings, ids, valid)
    tiled = ours(embeddings, ids, valid)
    with torch.enable_grad():
        whole = ours(embeddings, ids, valid)
    options = {"position_ids": ids[0], "valid": valid[0], "scratch": tmp_path / "film", "sequence": "film"}
    long = LongEncoding(ours, lambda start, stop: embeddings[0, start:stop], num, **options)
    by_files = torch.cat([tile.values[tile.first :][: tile.stop - tile.start] for tile in long.tiles()])[None]
    for made in (tiled, whole, long.encoded._replace(frames=by_files)):
        assert largest(made.cls, cls) <= 5e-6
        assert largest(made.frames[valid], frames[valid]) <= 5e-6
        assert largest(made.attention, probabilities[:, :, 1:].mean(1)) <= 1e-6
    assert largest(ours(embeddings, ids, valid, read="cls").cls, cls) <= 5e-6


@torch.no_grad()
def test_the_global_token_sees_every_valid_frame_and_itself_alike():
    embeddings, ids, valid = film(50, 2)
    attention = uniform()(embeddings, ids, valid).attention
    expected = valid / (1 + valid.sum(1, keepdim=True))
    torch.testing.assert_close(attention, expected, rtol=1e-6, atol=0)


@torch.no_grad()
def test_queries_and_keys_are_there_and_say_nothing():
    ours, x = uniform(), film(60)
    before = ours(*x)
    learnt = random_encoder()
    learnt.load_state_dict(ours.state_dict())  # the same weights, by the same names
    assert largest(learnt(*x).cls, before.cls) > 0.01
    for layer in ours.layers:
        for name in UNUSED:
            layer.get_submodule(name).weight.fill_(7)
    assert torch.equal(ours(*x).cls, before.cls)


def test_all_but_queries_and_keys_learns():
    ours, x = uniform(), film(60)
    encoded = ours(*x)
    (encoded.cls.square() * torch.arange(32)).sum().add((encoded.frames.square() * torch.arange(32)).sum()).backward()
    for name, parameter in ours.named_parameters():
        unused = any(f".{part}." in name for part in UNUSED)
        assert parameter.requires_grad != unused, name
        assert (parameter.grad is None) == unused, name
        assert unused or parameter.grad.abs().max() > 0, name


def test_files_name_it_only_where_it_is_asked_for():
    config = VARIANTS["vtn-vit-b"]()
    assert "uniform_attention" not in config.to_dict()["encoder"]  # as in files of earlier releases
    asked = replace(config, encoder=replace(config.encoder, uniform_attention=True))
    assert network_config(json.loads(json.dumps(asked.to_dict()))) == asked
    assert network_config(config.to_dict()) == config
    fields = asked.to_dict()
    fields["encoder"]["uniform_attention"] = 1
    with pytest.raises(ValueError, match="true or false"):
        network_config(fields)
