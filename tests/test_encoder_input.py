"""What goes into the temporal encoder beside the embeddings: positions, and what changed."""

import math

import pytest
import torch
from longformer_oracle import random_encoder

from vtn_stream.model import EncoderConfig, TemporalEncoder


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """These tensors are small: threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def no_grad():
    """As the network runs; a test of training enables it."""
    with torch.no_grad():
        yield


def film(num, batch=1, *, width=32, seed=0):
    """Embeddings and the frames' indices, which go round the table of positions several times."""
    generator = torch.Generator().manual_seed(seed + num)
    ids = torch.randint(1, 2000, (batch, num), generator=generator)
    return torch.randn(batch, num, width, generator=generator), ids


def largest(a, b):
    return (a - b).abs().max().item()


# ---- positions


def test_native_positions_are_given_and_go_round_the_table():
    ours, (embeddings, ids) = random_encoder(), film(50)
    assert torch.equal(ours(embeddings, ids).frames, ours(embeddings, ids % 286).frames)
    assert largest(ours(embeddings, ids).frames, ours(embeddings, ids + 1).frames) > 0.1
    with pytest.raises(ValueError, match="give position_ids"):
        ours(embeddings)


def test_learned_positions_count_where_none_are_given():
    ours, native = random_encoder(positions="learned", num_positions=20), random_encoder(num_positions=20)
    embeddings, ids = film(1100)
    counted = torch.arange(1100)[None]
    assert torch.equal(ours(embeddings).frames, native(embeddings, counted).frames)
    assert torch.equal(ours(embeddings, ids).frames, native(embeddings, ids).frames)


def test_the_global_token_has_the_row_after_the_frames():
    ours, x = random_encoder(num_positions=20), film(30)
    before = ours(*x)
    ours.position_table.weight[21] += 1
    assert torch.equal(ours(*x).cls, before.cls)
    assert torch.equal(ours(*x).frames, before.frames)
    embedded = ours.embed(*x)
    ours.position_table.weight[20] += torch.arange(32)
    assert torch.equal(ours.embed(*x), embedded)
    assert largest(ours(*x).cls, before.cls) > 0.1


@pytest.mark.parametrize("width", [32, 33])
def test_sinusoidal_positions_are_sines_then_cosines(width):
    ours = random_encoder(width=width, heads=1, positions="sinusoidal")
    embeddings, _ = film(1500, width=width)
    half = math.ceil(width / 2)
    table = torch.empty(1500, width, dtype=torch.double)
    for i in range(width):
        angles = torch.arange(1500, dtype=torch.double) / 10_000 ** (i % half / half)
        table[:, i] = angles.sin() if i < half else angles.cos()
    norm, types = ours.norm, ours.token_types.weight
    assert largest(ours.embed(embeddings), norm(embeddings + table.float() + types[0])) <= 2e-3
    assert largest(ours.embed(embeddings)[:, :100], norm(embeddings + table.float() + types[0])[:, :100]) <= 5e-5
    assert torch.equal(ours.embed_cls(1)[0], norm(ours.cls_token + types[1]))
    counted = torch.arange(1500)[None]
    assert torch.equal(ours(embeddings).frames, ours(embeddings, counted).frames)  # also in the second tile


def test_without_positions_order_matters_only_to_the_window():
    embeddings, _ = film(40)
    shuffled = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    near, far = random_encoder(positions="none"), random_encoder(positions="none", windows=(80, 80))
    assert largest(far(embeddings[:, shuffled]).cls, far(embeddings).cls) <= 5e-6
    assert largest(far(embeddings[:, shuffled]).frames, far(embeddings).frames[:, shuffled]) <= 5e-6
    assert largest(near(embeddings[:, shuffled]).cls, near(embeddings).cls) > 1e-3
    assert not any("position" in name for name, _ in near.named_parameters())


# ---- motion


def test_an_encoder_reads_what_changed_and_nothing_changed_where_a_frame_is_lost():
    lags = (1, 3)
    config = EncoderConfig(
        input_width=2,
        width=6,
        num_heads=1,
        feedforward_width=4,
        attention_windows=(2,),
        positions="none",
        difference_lags=lags,
        magnitude_lags=(2,),
        standardized=True,
    )
    ours = TemporalEncoder(config).eval()
    ours.input_mean.uniform_()
    ours.input_deviation.uniform_(1, 2)
    x = torch.randn(1, 9, 2)
    valid = torch.ones(1, 9, dtype=torch.bool)
    valid[0, 4] = False
    read = torch.zeros(9, 8)
    for t in range(9):
        since_3, since_1, since_2 = (
            x[0, t] - x[0, t - n] if t >= n and valid[0, t] and valid[0, t - n] else torch.zeros(2) for n in (3, 1, 2)
        )
        read[t] = torch.cat([x[0, t], since_1, since_3, since_2.abs().sqrt()])
    read = (read - ours.input_mean) / ours.input_deviation
    expected = ours.norm(ours.project(read) + ours.token_types.weight[0])
    assert largest(ours.embed(x, valid=valid)[0], expected) < 1e-6
    assert largest(ours.embed(x[:, 2:], valid=valid[:, 2:], first=5, history=3)[0], expected[5:]) < 1e-6
    with torch.enable_grad():
        assert largest(ours(x, valid=valid).frames, ours(x, valid=valid).frames.detach()) < 1e-6


def test_an_encoder_may_read_nothing_but_how_much_changed():
    sizes = dict(input_width=3, width=4, num_heads=1, feedforward_width=4, attention_windows=(2,), positions="none")
    ours = TemporalEncoder(EncoderConfig(**sizes, magnitude_lags=(1,), reads_embeddings=False))
    x = torch.randn(1, 7, 3)
    assert largest(ours.features(x)[0, 1:], (x[0, 1:] - x[0, :-1]).abs().sqrt()) == 0
    assert largest(ours.features(x), ours.features(-x + 5)) < 1e-3
    with pytest.raises(ValueError, match="reads nothing"):
        EncoderConfig(**sizes, reads_embeddings=False)


@pytest.mark.parametrize("lags", [(0,), (2, 1), (1, 1), (1.0,), (2000,)])
@pytest.mark.parametrize("kind", ["difference_lags", "magnitude_lags"])
def test_lags_that_are_none_are_refused(kind, lags):
    with pytest.raises(ValueError, match="lags are ascending whole numbers"):
        EncoderConfig(input_width=2, width=4, num_heads=1, feedforward_width=4, attention_windows=(2,), **{kind: lags})
