"""Every form of the network builds, learns and runs: layers, positions, heads, windows, widths, any image network.

B clips, L frames of each, D embedding width
"""

from dataclasses import replace

import pytest
import torch

from vtn_stream.backbone import trainable
from vtn_stream.heads import Batch
from vtn_stream.model import VARIANTS, VTN, VTNConfig, vtn_of
from vtn_stream.training.clip_sampling import ClipSampling
from vtn_stream.training.examples import Example
from vtn_stream.training.hyperparameters import Hyperparameters
from vtn_stream.training.loop import run
from vtn_stream.training.overrides import overridden_clips

WIDTH, NUM_FRAMES = 48, 10


class Clips:
    """One batch of random embeddings, with the indices of their frames."""

    num_batches = 1

    def epoch(self, number, *, seed, first=0):
        generator = torch.Generator().manual_seed(seed)
        valid = torch.ones(4, NUM_FRAMES, dtype=torch.bool)
        valid[1, 6:] = False
        yield Example(
            batch=Batch(
                embeddings=torch.randn(4, NUM_FRAMES, WIDTH, generator=generator),
                valid=valid,
                labels=torch.full((4, NUM_FRAMES), -1),
                segments=((torch.zeros(0, 2), torch.zeros(0, dtype=torch.long)),) * 4,
                clips=torch.tensor([0, 1, 2, 0]),
                position_ids=8 * torch.arange(NUM_FRAMES).repeat(4, 1),
            )
        )

    def learnt(self, example, embeddings):
        pass


def changed(config: VTNConfig, *overrides: tuple[str, str]) -> Hyperparameters:
    settings = Hyperparameters(
        encoder=config.encoder, head=config.head, crop_positions=NUM_FRAMES, batch_size=4, num_epochs=1, ema=0.0
    )
    return overridden_clips(settings, ClipSampling(), overrides)[0]


def small(**options) -> VTNConfig:
    return vtn_of("test_vit", WIDTH, num_classes=3, **({"num_heads": 4, "feedforward_width": 32} | options))


def learns(name: str, settings: Hyperparameters) -> bool:
    """Whether a step of a classification head moves this parameter: for the global token's result, frames of the last
    layer need not be computed; uniform attention asks nothing.
    """
    last = f"encoder.layers.{settings.encoder.num_layers - 1}."
    if name.startswith(last) and name.split(".")[3] in ("query", "key", "value"):
        return False
    unused = ("query", "key", "query_global", "key_global")
    return not (settings.encoder.uniform_attention and ".layers." in name and name.split(".")[3] in unused)


@pytest.mark.parametrize(
    "overrides",
    [
        *((("encoder.layers", str(n)),) for n in (1, 3, 6, 12)),
        *((("encoder.positions", kind),) for kind in ("native", "learned", "sinusoidal", "none")),
        *((("encoder.num_heads", str(n)),) for n in (1, 3)),
        *((("encoder.window", windows),) for windows in ("2", "64", "2,4,18")),
        (("encoder.width", "20"),),
        (("encoder.feedforward_width", "7"),),
        (("encoder.uniform_attention", "true"),),
        (("encoder.uniform_attention", "true"), ("encoder.num_heads", "1"), ("encoder.layers", "1")),
        (("encoder.dropout", "0.3"), ("encoder.input_dropout", "0.3"), ("head.dropout", "0")),
    ],
    ids=lambda pairs: " ".join(f"{key}={value}" for key, value in pairs),
)
def test_every_setting_learns_in_all_its_parameters_and_runs(overrides):
    settings = changed(small(), *overrides)
    torch.manual_seed(0)
    network = VTN(VTNConfig(backbone="test_vit", encoder=settings.encoder, head=settings.head))
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    fitted = run(Clips(), network, settings, stops=[1])
    for name, parameter in fitted.network.named_parameters():
        if not name.endswith(("key.bias", "key_global.bias")):  # adds the same to every score: its gradient is rounding
            assert torch.equal(parameter, before[name]) != learns(name, settings), name
    with torch.no_grad():
        logits = network.classify(torch.randn(1, 300, WIDTH), torch.arange(300)[None])
    assert logits.shape == (1, 3)
    assert logits.isfinite().all()


# ---- any image network


@pytest.mark.parametrize(
    ("num_features", "heads", "feedforward"),
    [
        (768, 12, 3072),
        (192, 3, 3072),
        (2048, 32, 4096),
        (1280, 20, 3072),
        (2208, 32, 4416),
        (40, 1, 3072),
        (7, 1, 3072),
    ],
)
def test_the_form_of_the_paper_for_any_width(num_features, heads, feedforward):
    encoder = vtn_of("any", num_features).encoder
    assert (encoder.input_width, encoder.width) == (num_features, num_features)
    assert (encoder.num_heads, encoder.feedforward_width) == (heads, feedforward)
    assert encoder.attention_windows == (18, 18, 18)


@pytest.mark.parametrize("name", ["vtn-vit-b", "vtn-deit-b", "vtn-deit-bd", "vtn-deit-ti"])
def test_variants_are_that_form(name):
    """R50 and R101 have 16 heads, 128 wide: the paper gives no number."""
    config = VARIANTS[name]()
    assert vtn_of(config.backbone, config.encoder.input_width, num_classes=400) == config


def test_fields_may_differ_from_that_form():
    config = vtn_of("any", 768, num_classes=5, attention_windows=(4,) * 12, positions="none")
    assert (config.encoder.num_layers, config.encoder.positions, config.head.num_classes) == (12, "none", 5)
    with pytest.raises(ValueError, match="0 numbers"):
        vtn_of("any", 0)
    with pytest.raises(TypeError):
        vtn_of("any", 8, layers=3)


@pytest.mark.parametrize("name", ["test_vit", "test_resnet", "test_efficientnet"])
def test_gradients_reach_the_image_network_through_every_layer(name):
    torch.manual_seed(0)
    backbone = trainable(name, None, random=True, size=None if name == "test_vit" else 32)
    config = vtn_of(name, backbone.num_features, num_classes=3, feedforward_width=32, attention_windows=(4,) * 6)
    network = VTN(config, backbone)
    pixels = torch.randint(0, 256, (2, 3, 3, *backbone.size)).float()
    network(pixels, torch.arange(3).repeat(2, 1)).square().sum().backward()
    for part, parameter in network.named_parameters():
        wanted = part.startswith("backbone.") or learns(part, changed(config))
        if wanted and parameter.requires_grad:
            assert parameter.grad is not None, part
            assert parameter.grad.isfinite().all(), part


@pytest.mark.release
@pytest.mark.parametrize("name", VARIANTS)
def test_each_variant_learns_with_its_own_image_network(name):
    config = VARIANTS[name]()
    torch.manual_seed(0)
    backbone = trainable(config.backbone, None, random=True)
    network = VTN(replace(config, head=replace(config.head, num_classes=3)), backbone)
    pixels = torch.randint(0, 256, (1, 2, 3, *backbone.size)).float()
    network(pixels, torch.tensor([[0, 8]])).square().sum().backward()
    missing = {
        part for part, p in network.named_parameters() if p.requires_grad and p.grad is None and "backbone" in part
    }
    assert not missing
