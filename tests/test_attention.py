"""Attention over a band and one global token, against writing every product down. B, T, L, H, d as in the module."""

import pytest
import torch

from vtn_stream.model import attention
from vtn_stream.model.attention import BLOCK, GlobalRow, band_attention

HEADS, WIDTH = 2, 4


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def written_down(query, key, value, global_key, global_value, *, first, reach, valid=None):
    """Query by query, in float64, over the keys that it sees and no others."""
    query, key, value, global_key, global_value = (x.double() for x in (query, key, value, global_key, global_value))
    out = torch.empty_like(query)
    for b in range(len(query)):
        for i in range(query.shape[1]):
            near = range(max(0, first + i - reach), min(key.shape[1], first + i + reach + 1))
            seen = [j for j in near if valid is None or valid[b, j]]
            keys = torch.cat([global_key[b, None], key[b, seen]])  # [1 + n, H, d]
            values = torch.cat([global_value[b, None], value[b, seen]])
            weights = (torch.einsum("hd,nhd->nh", query[b, i], keys) / WIDTH**0.5).softmax(0)
            out[b, i] = torch.einsum("nh,nhd->hd", weights, values)
    return out


def operands(batch, num, num_keys):
    shapes = [(num,), (num_keys,), (num_keys,), (), ()]
    return [drawn(batch, *shape, HEADS, WIDTH, seed=i) for i, shape in enumerate(shapes)]


@pytest.mark.parametrize("reach", [1, 9, 100])
@pytest.mark.parametrize("num", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 333])
def test_frames_see_their_band_and_the_global_token(num, reach):
    x = operands(1, num, num)
    torch.testing.assert_close(
        band_attention(*x, first=0, reach=reach),
        written_down(*x, first=0, reach=reach).float(),
        atol=2e-6,
        rtol=0,
    )


@pytest.mark.parametrize(("first", "after"), [(0, 0), (0, 9), (9, 0), (9, 9), (5, 2)])
@pytest.mark.parametrize("num", [1, 70, 200])
def test_a_tile_sees_as_far_as_its_keys_reach(num, first, after):
    x = operands(1, num, first + num + after)
    torch.testing.assert_close(
        band_attention(*x, first=first, reach=9),
        written_down(*x, first=first, reach=9).float(),
        atol=2e-6,
        rtol=0,
    )


@pytest.mark.parametrize("num", [20, 300])
def test_nobody_sees_what_is_not_valid(num):
    x = operands(3, num, num)
    valid = torch.rand(3, num, generator=torch.Generator().manual_seed(0)) < 0.6
    valid[0, num // 2 :] = False
    valid[1] = False
    seen = band_attention(*x, first=0, reach=4, valid=valid)
    torch.testing.assert_close(seen, written_down(*x, first=0, reach=4, valid=valid).float(), atol=2e-6, rtol=0)
    torch.testing.assert_close(seen[1], x[4][1].expand(num, -1, -1))  # the global token alone
    x[1][~valid] = x[2][~valid] = 1e4
    assert torch.equal(band_attention(*x, first=0, reach=4, valid=valid), seen)


@pytest.mark.parametrize("reach", [2, 9, 40])
def test_blocks_are_only_a_way_to_compute_the_square(reach, monkeypatch):
    x = operands(2, 150, 150)
    both = []
    for block in (8, 1000):  # 150 keys are few for a block of 1000, and computed densely
        monkeypatch.setattr(attention, "BLOCK", block)
        both.append(band_attention(*x, first=0, reach=reach))
    torch.testing.assert_close(*both, atol=2e-6, rtol=0)


@pytest.mark.parametrize("num", [50, 300])
def test_the_fused_kernel_can_take_what_it_is_given(num, monkeypatch):
    """Where d is not innermost torch goes a slow way without a word: the same numbers, two to four times later."""
    given = []

    def spy(*operands, **options):
        given.extend(operands[:3])
        return fused(*operands, **options)

    fused = attention.scaled_dot_product_attention
    monkeypatch.setattr(attention, "scaled_dot_product_attention", spy)
    band_attention(*operands(1, num, num), first=0, reach=9)
    assert [x.stride(-1) for x in given] == [1, 1, 1]
    assert {x.ndim for x in given} == {4}


def global_parts(batch, num, width=8):
    """query, tokens, and the four tensors of the global projections."""
    tokens = drawn(batch, num, width, seed=1)
    projections = [drawn(*shape, seed=i) for i, shape in enumerate([(width, width), (width,)] * 2, 2)]
    return drawn(batch, HEADS, width // HEADS), tokens, *projections


@pytest.mark.parametrize("sizes", [[1], [50], [1, 49], [1, 7, 13, 29], [1] * 50])
def test_the_global_token_sees_all_in_any_pieces(sizes):
    query, tokens, key_weight, key_bias, value_weight, value_bias = global_parts(2, sum(sizes))
    row = GlobalRow(query, key_weight, key_bias, keeps_attention=True)
    for piece in tokens.split(sizes, 1):
        row.add(piece)

    x = tokens.double()
    keys = (x @ key_weight.double().T + key_bias).unflatten(2, (HEADS, -1))
    values = (x @ value_weight.double().T + value_bias).unflatten(2, (HEADS, -1))
    weights = torch.einsum("bhe,bnhe->bhn", query.double(), keys).softmax(2)
    expected = torch.einsum("bhn,bnhe->bhe", weights, values).flatten(1)
    torch.testing.assert_close(row.seen(value_weight, value_bias), expected.float(), atol=5e-6, rtol=1e-5)
    torch.testing.assert_close(row.attention(), weights.mean(1).float(), atol=1e-6, rtol=1e-5)


def test_the_global_token_is_given_huge_scores_and_stays_finite():
    query, tokens, key_weight, key_bias, value_weight, value_bias = global_parts(1, 30)
    row = GlobalRow(query * 1e4, key_weight, key_bias, keeps_attention=True)
    for piece in tokens.split(10, 1):
        row.add(piece)
    assert row.seen(value_weight, value_bias).isfinite().all()
    torch.testing.assert_close(row.attention().sum(), torch.tensor(1.0))


def test_pieces_without_a_valid_token_change_nothing():
    query, tokens, *projections = global_parts(1, 30)
    rows = [GlobalRow(query, *projections[:2], keeps_attention=True).add(tokens[:, :10]) for _ in range(2)]
    rows[1].add(tokens[:, 10:], torch.zeros(1, 20, dtype=torch.bool))
    assert torch.equal(rows[0].seen(*projections[2:]), rows[1].seen(*projections[2:]))
    assert torch.equal(rows[1].attention()[:, 10:], torch.zeros(1, 20))


# ---- dropout, of what is seen: its expectation is what is seen without


def expect_mean(samples, expected):
    """The mean over the first dimension, to within 5 standard errors of it."""
    error = samples.std(0) / len(samples) ** 0.5
    assert (error > 0).all()
    assert ((samples.mean(0) - expected).abs() < 5 * error).all()


@pytest.mark.parametrize("num", [6, 200])
def test_dropout_of_frames_has_the_right_expectation(num):
    torch.manual_seed(0)
    x = operands(1, num, num)
    many = [part.expand(600, *part.shape[1:]) for part in x]
    dropped = band_attention(*many, first=0, reach=3, dropout_p=0.3)
    expect_mean(dropped, band_attention(*x, first=0, reach=3)[0])


def test_dropout_of_the_global_token_has_the_right_expectation():
    torch.manual_seed(0)
    query, tokens, *projections = global_parts(1, 30)
    many = tokens.expand(4000, -1, -1).split(10, 1)
    dropped = GlobalRow(query.expand(4000, -1, -1), *projections[:2], keeps_attention=True, dropout_p=0.3)
    plain = GlobalRow(query, *projections[:2], keeps_attention=True)
    for piece in many:
        dropped.add(piece)
        plain.add(piece[:1])
    expect_mean(dropped.seen(*projections[2:]), plain.seen(*projections[2:])[0])
    torch.testing.assert_close(dropped.attention()[:1], plain.attention())  # what it looked at is told without


def test_dropout_takes_a_token_whole():
    """Seen alone it is there, scaled, or it is not: with its bias."""
    torch.manual_seed(0)
    query, tokens, *projections = global_parts(1, 1)
    row = GlobalRow(query.expand(100, -1, -1), *projections[:2], keeps_attention=True, dropout_p=0.5).add(
        tokens.expand(100, -1, -1)
    )
    plain = GlobalRow(query, *projections[:2], keeps_attention=True).add(tokens).seen(*projections[2:])
    seen = row.seen(*projections[2:]).unflatten(1, (HEADS, -1))
    there = seen.abs().sum(2) > 0
    assert 0 < there.float().mean() < 1
    torch.testing.assert_close(seen, there[:, :, None] * 2 * plain.unflatten(1, (HEADS, -1)))
