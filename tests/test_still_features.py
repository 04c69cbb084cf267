"""Features that do not vary still have a gradient, so that an image network can learn through them."""

import pytest
import torch

from vtn_stream.model import EncoderConfig, StatisticsConfig, TemporalEncoder
from vtn_stream.model.features import root
from vtn_stream.model.statistics import StatisticsEncoder


def test_the_root_is_that_of_torch_to_the_bit():
    x = torch.rand(1000).square() * torch.tensor([0.0, 1.0, 1e-30, 1e30]).repeat(250)
    assert torch.equal(root(x), x.sqrt())


@pytest.mark.parametrize("reach", [None, 2])
def test_a_feature_that_is_always_0_leaves_the_gradients_numbers(reach):
    encoder = StatisticsEncoder(StatisticsConfig(input_width=3, statistics=("mean", "deviation"), reach=reach))
    embeddings = torch.rand(2, 9, 3)
    embeddings[..., 1] = 0
    embeddings.requires_grad_()
    encoded = encoder(embeddings, read="cls" if reach is None else "frames")
    (encoded.cls if reach is None else encoded.frames).sum().backward()
    assert embeddings.grad.isfinite().all()
    assert embeddings.grad[..., 0].abs().sum() > 0


def test_so_does_a_change_of_nothing():
    config = EncoderConfig(
        input_width=4,
        width=8,
        num_heads=2,
        feedforward_width=8,
        attention_windows=(4,),
        magnitude_lags=(1,),
        positions="none",
    )
    embeddings = torch.rand(1, 6, 4)
    embeddings[:, 3] = embeddings[:, 2]
    embeddings.requires_grad_()
    TemporalEncoder(config)(embeddings).frames.square().sum().backward()
    assert embeddings.grad.isfinite().all()
