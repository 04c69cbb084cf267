"""Heads on frames: the shape of the pyramid, what its points can see, and that padding changes nothing."""

import pytest
import torch

from vtn_stream.heads import network_config
from vtn_stream.model import VTN, DenseConfig, EncoderConfig, LocalizationConfig, VTNConfig
from vtn_stream.model.heads import DenseHead, LocalizationHead
from vtn_stream.model.heads.localization import reach

D, K, L = 12, 3, 4


@pytest.fixture(scope="module")
def head():
    torch.manual_seed(0)
    head = LocalizationHead(D, num_classes=K, num_levels=L, tower_width=10).eval()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return head


@pytest.mark.parametrize("num", [1, 2, 7, 8, 9, 33])
def test_level_l_has_a_point_every_2_to_the_l_frames(head, num):
    pyramid = head(torch.randn(2, num, D))
    for level, (logits, offsets, valid) in enumerate(zip(*pyramid, strict=True)):
        points = -(-num // 2**level)
        assert (logits.shape, offsets.shape, valid.shape) == ((2, points, K), (2, points, 2), (2, points))
        assert (offsets >= 0).all()


def test_an_untrained_head_says_that_nothing_happens():
    logits = LocalizationHead(D, num_classes=K, num_levels=2, tower_width=8)(torch.randn(1, 9, D))[0]
    assert all(level.sigmoid().mean().item() == pytest.approx(0.01, abs=0.003) for level in logits)


def test_padding_and_lost_frames_change_nothing_beside_them(head):
    frames = torch.randn(1, 21, D)
    alone = head(frames)
    padded = torch.cat([frames, torch.full((1, 30, D), 1e4)], 1)
    valid = (torch.arange(51) < 21)[None]
    for whole, part, there in zip(head(padded, valid).logits, alone.logits, head(padded, valid).valid, strict=True):
        torch.testing.assert_close(whole[:, : part.shape[1]], part)
        assert not whole[:, part.shape[1] :].any()
        assert there.sum() == part.shape[1]


def test_a_point_sees_no_farther_than_its_reach(head):
    frames = torch.randn(1, 200, D)
    changed = frames.clone()
    changed[:, 100] += 5
    before, after = head(frames), head(changed)
    for level in range(L):
        moved = (before.logits[level] != after.logits[level]).any(-1)[0].nonzero().flatten() * 2**level
        assert (moved - 100).abs().max() <= reach(level + 1)
    assert reach(L) % 2 ** (L - 1) == 0


def test_a_piece_with_its_reach_says_what_the_whole_film_does(head):
    frames, halo, start, stop = torch.randn(1, 300, D), reach(L), 96, 160
    whole, piece = head(frames), head(frames[:, start - halo : stop + halo])
    for level in range(L):
        stride = 2**level
        mine = piece.logits[level][:, halo // stride : (halo + stop - start) // stride]
        torch.testing.assert_close(mine, whole.logits[level][:, start // stride : stop // stride])


def network(head):
    encoder = EncoderConfig(
        input_width=D, width=D, num_heads=2, feedforward_width=16, attention_windows=(4, 4), positions="none"
    )
    return VTN(VTNConfig(backbone="none", encoder=encoder, head=head))


def test_every_parameter_of_both_heads_gets_a_gradient():
    torch.manual_seed(0)
    localize = network(LocalizationConfig(num_classes=K, num_levels=3, tower_width=8))
    pyramid = localize.locate(torch.randn(2, 40, D))
    sum(x.square().sum() for x in (*pyramid.logits, *pyramid.offsets)).backward()
    label = network(DenseConfig(num_classes=K))
    logits = label.label(torch.randn(2, 40, D))
    assert logits.shape == (2, 40, K)
    logits.square().sum().backward()
    for name, parameter in (*localize.named_parameters(), *label.named_parameters()):
        if not ("layers.1" in name and "_global" in name):  # frames do not see the last global token
            assert parameter.grad is not None, name


def test_configurations_of_heads_round_trip():
    for head in (DenseConfig(num_classes=4), LocalizationConfig(num_classes=2, num_levels=5, tower_width=64)):
        config = network(head).config
        assert network_config(config.to_dict()) == config
    with pytest.raises(ValueError, match="num_levels above 0"):
        LocalizationConfig(num_classes=2, num_levels=0, tower_width=64)
    assert isinstance(network(DenseConfig(num_classes=1)).head, DenseHead)
