"""The whole network on pixels and on kept embeddings, its sizes, and the form in which a checkpoint keeps them."""

import json
from dataclasses import replace

import pytest
import timm
import torch

from vtn_stream.heads import network_config
from vtn_stream.model import VARIANTS, VTN, ClassificationConfig, EncoderConfig, VTNConfig

TINY = "test_vit"  # of timm: 160 x 160 pixels, 64 features


def tiny_config(**options) -> VTNConfig:
    encoder = {
        "input_width": 64,
        "width": 64,
        "num_heads": 2,
        "feedforward_width": 128,
        "attention_windows": (4, 8),
    }
    return VTNConfig(
        backbone=TINY, encoder=EncoderConfig(**(encoder | options)), head=ClassificationConfig(num_classes=7)
    )


@pytest.fixture(scope="module")
def vtn():
    torch.manual_seed(0)
    return VTN(tiny_config(), timm.create_model(TINY, num_classes=0)).eval()


@pytest.fixture(scope="module")
def clip():
    """Pixels of 2 films and the frames' indices."""
    pixels = torch.randn(2, 5, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    return pixels, 8 * torch.arange(5).repeat(2, 1)


# ---- pixels -> logits


@torch.no_grad()
def test_pixels_are_embedded_frame_by_frame_then_classified(vtn, clip):
    pixels, ids = clip
    embeddings = torch.stack([torch.stack([vtn.backbone(frame[None])[0] for frame in film]) for film in pixels])
    logits = vtn(pixels, ids)
    assert logits.shape == (2, 7)
    torch.testing.assert_close(vtn.classify(embeddings, ids), logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(vtn(pixels[1:], ids[1:]), logits[1:], atol=1e-5, rtol=0)


@torch.no_grad()
def test_logits_are_the_papers_head_on_the_global_token(vtn, clip):
    pixels, ids = clip
    embeddings = vtn.backbone(pixels.flatten(0, 1)).unflatten(0, (2, 5))
    head = vtn.head
    mlp = torch.nn.Sequential(head.norm, head.hidden, torch.nn.GELU(), head.out)
    torch.testing.assert_close(vtn.classify(embeddings, ids), mlp(vtn.encoder(embeddings, ids).cls))


@torch.no_grad()
def test_what_only_frames_need_is_not_computed(vtn, clip, monkeypatch):
    def unwanted(*arguments):
        raise AssertionError("frames of the last layer were computed")

    pixels, ids = clip
    logits = vtn(pixels, ids)
    monkeypatch.setattr(vtn.encoder.layers[-1], "frames", unwanted)
    assert torch.equal(vtn(pixels, ids), logits)


@torch.no_grad()
def test_padding_changes_no_logit(vtn, clip):
    pixels, ids = clip
    valid = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]).bool()
    logits = vtn(pixels, ids, valid)
    torch.testing.assert_close(logits[:1], vtn(pixels[:1, :3], ids[:1, :3]), atol=1e-5, rtol=0)
    assert (logits[0] - vtn(pixels, ids)[0]).abs().max() > 1e-4


def test_every_parameter_learns_but_those_that_only_frames_need(vtn, clip):
    pixels, ids = clip
    vtn.zero_grad()
    (vtn(pixels, ids) * torch.arange(7)).sum().backward()
    without = {name for name, parameter in vtn.named_parameters() if parameter.grad is None}
    dead = {f"encoder.layers.1.{name}.{kind}" for name in ("query", "key", "value") for kind in ("weight", "bias")}
    assert without == dead


@torch.no_grad()
def test_dropout_of_the_head_is_for_training(vtn):
    cls = torch.randn(1, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(vtn.head(cls), vtn.head(cls))
    vtn.head.train()
    try:
        torch.manual_seed(0)
        samples = vtn.head(cls.expand(20_000, -1))
    finally:
        vtn.head.eval()
    assert (samples.std(0) > 0).all()
    assert ((samples.mean(0) - vtn.head(cls)[0]).abs() < 5 * samples.std(0) / 20_000**0.5).all()


def test_without_a_backbone_pixels_are_refused_and_embeddings_are_not(clip):
    vtn = VTN(tiny_config()).eval()
    with pytest.raises(ValueError, match="no backbone"):
        vtn(*clip)
    assert vtn.classify(torch.zeros(1, 9, 64), torch.arange(9)[None]).shape == (1, 7)


@torch.no_grad()
def test_embeddings_of_another_width_are_projected():
    vtn = VTN(tiny_config(width=32)).eval()
    assert vtn.classify(torch.zeros(1, 9, 64), torch.arange(9)[None]).shape == (1, 7)


# ---- sizes


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("vtn-r50", 167.6),
        ("vtn-r101", 186.6),
        ("vtn-deit-ti", 10.0),
        ("vtn-deit-b", 113.5),
        ("vtn-deit-bd", 113.503888),
        ("vtn-vit-b", 113.502352),
        ("vtn-vit-b-1-layer", 95.783056),
    ],
)
def test_the_variants_have_the_papers_sizes(name, millions):
    config = VARIANTS[name]()
    with torch.device("meta"):  # shapes only
        backbone = timm.create_model(config.backbone, num_classes=0)
        vtn = VTN(config, backbone)
    assert backbone.num_features == config.encoder.input_width
    decimals = len(str(millions).partition(".")[2])
    assert round(sum(p.numel() for p in vtn.parameters()) / 1e6, decimals) == millions


def test_the_published_networks_parts_have_their_sizes():
    with torch.device("meta"):
        vtn = VTN(VARIANTS["vtn-vit-b"]())
    num = {name: sum(p.numel() for p in part.parameters()) for name, part in vtn.named_children()}
    assert num == {"encoder": 26_803_200 + 768, "head": 899_728}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_the_release_but_for_its_widths(name):
    config = VARIANTS[name]()
    assert set(config.encoder.attention_windows) == {18}
    rest = {"positions": "native", "num_positions": 286, "dropout": 0.1, "norm_eps": 1e-12}
    assert replace(config.encoder, **rest) == config.encoder
    assert config.head == ClassificationConfig(num_classes=400, dropout=0.5)


# ---- as a checkpoint keeps it


@pytest.mark.parametrize("name", VARIANTS)
def test_a_config_comes_back_from_json(name):
    config = VARIANTS[name]()
    assert network_config(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("backbone"),
        lambda d: d.pop("encoder"),
        lambda d: d.pop("head"),
        lambda d: d.update(backbone=7),
        lambda d: d.update(encoder=None),
        lambda d: d.update(head=[]),
        lambda d: d["head"].pop("kind"),
        lambda d: d["head"].update(kind="localization of nothing"),
        lambda d: d["head"].update(num_classes=0),
        lambda d: d["head"].update(num_classes=2.5),
        lambda d: d["head"].update(num_classes=True),
        lambda d: d["head"].update(dropout=1),
        lambda d: d["head"].update(dropout=float("nan")),
        lambda d: d["head"].update(extra=1),
        lambda d: d["encoder"].pop("width"),
        lambda d: d["encoder"].update(extra=1),
        lambda d: d["encoder"].update(width=-64),
        lambda d: d["encoder"].update(width="64"),
        lambda d: d["encoder"].update(num_heads=0),
        lambda d: d["encoder"].update(num_heads=3),
        lambda d: d["encoder"].update(num_heads=2.0),
        lambda d: d["encoder"].update(attention_windows=[]),
        lambda d: d["encoder"].update(attention_windows=[7]),
        lambda d: d["encoder"].update(attention_windows=[0]),
        lambda d: d["encoder"].update(attention_windows="44"),
        lambda d: d["encoder"].update(attention_windows=8),
        lambda d: d["encoder"].update(attention_windows=[[8]]),
        lambda d: d["encoder"].update(num_positions=0),
        lambda d: d["encoder"].update(positions="rotary"),
        lambda d: d["encoder"].update(positions=["native"]),
        lambda d: d["encoder"].update(dropout=-0.1),
        lambda d: d["encoder"].update(dropout="0.1"),
        lambda d: d["encoder"].update(norm_eps=0),
        lambda d: d["encoder"].update(norm_eps=float("nan")),
    ],
)
def test_nonsense_is_refused(change):
    fields = tiny_config().to_dict()
    assert network_config(fields) == tiny_config()
    change(fields)
    with pytest.raises((KeyError, TypeError, ValueError)):
        network_config(fields)
