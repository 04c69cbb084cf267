"""Random models that draw timelines, and embeddings for them to read."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from vtn_stream.film import FrameIndex
from vtn_stream.model import VTN, DenseConfig, EncoderConfig, LocalizationConfig, VTNConfig
from vtn_stream.scorers import sequence

FPS = Fraction(10)
D, K, L = 16, 3, 4


def make_network(head, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = EncoderConfig(
            input_width=D,
            width=D,
            num_heads=2,
            feedforward_width=24,
            attention_windows=(4, 6),
            num_positions=64,
            **options,
        )
        network = VTN(VTNConfig(backbone="none", encoder=encoder, head=head)).eval()
        for name, parameter in network.named_parameters():
            if "norm" not in name:  # else all positions come out nearly the same
                torch.nn.init.normal_(parameter, std=0.4)
        if isinstance(head, LocalizationConfig):
            torch.nn.init.constant_(network.head.regress.out.bias, 2.0)  # else random offsets are 0
    return network


@pytest.fixture(scope="module")
def locating():
    return make_network(LocalizationConfig(num_classes=K, num_levels=L, tower_width=8))


@pytest.fixture(scope="module")
def labelling():
    return make_network(DenseConfig(num_classes=K, nothing=True))


@pytest.fixture(params=["memory", "files"])
def way(request, monkeypatch):
    monkeypatch.setattr(sequence, "MAX_POSITIONS_IN_MEMORY", 10_000 if request.param == "memory" else 0)
    return request.param


def track(num, seed=0, lost=()):
    rng = np.random.default_rng(seed)
    values, valid = rng.standard_normal((num, D)).astype(np.float16), np.ones(num, bool)
    valid[[p for p in lost if p < num]] = False
    values[~valid] = 0
    grid_s = np.arange(num) / float(FPS)
    return values, FrameIndex(grid_s=grid_s, frame=np.arange(num), pts_s=grid_s, valid=valid)


LOST = [3, 4, 5, *range(64, 96), 130, 640]
