"""The temporal encoder against transformers' Longformer with its weights, and against its definition in float64."""

import pytest
import torch
from longformer_oracle import Longformer, dense, hf_name, random_encoder

from vtn_stream.model import EncoderConfig, TemporalEncoder, encoder


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


def tokens_of(encoded):
    """[B, 1 + T, D] of ours, transformers' or the definition's."""
    return torch.cat([encoded[0][:, None], encoded[1]], 1)


def largest(a, b):
    return (a - b).abs().max().item()


# ---- the same numbers


@pytest.mark.parametrize(
    "lengths",
    [
        [*range(1, 67), *range(67, 301, 5)],  # 5 and the windows of 8 frames have no factor in common
        pytest.param(range(1, 301), marks=pytest.mark.release),
    ],
    ids=["most", "all"],
)
def test_every_length_to_300_is_as_transformers_computes_it_and_no_less_exact(lengths):
    ours = random_encoder(windows=(8, 8))
    theirs = Longformer(ours)
    errors = []
    for num in lengths:
        x = film(num)
        mine, hf, truth = tokens_of(ours(*x)), tokens_of(theirs(*x)), tokens_of(dense(ours, *x))
        assert largest(mine, hf) <= 5e-6, num
        errors.append([(y.double() - truth).abs().max() for y in (mine, hf)])
    mine, hf = torch.tensor(errors).unbind(1)
    assert mine.max() <= 1.5 * hf.max()
    assert mine.mean() <= 1.1 * hf.mean()
    # A single length's largest error is a matter of luck too: two roundings of a number between 2 and 4 are let pass.
    assert (mine <= 1.5 * hf + 2 * 2.0**-22).all()


@pytest.mark.parametrize(
    ("windows", "lengths"),
    [
        ((4, 4), [1023, 1024, 1025]),
        ((18, 18), [1024, 2049, 5000]),
        ((64,), [1025, 3000]),
        ((512,), [400, 2500]),
        ((4, 8, 64), [1023, 2049]),
        ((512, 8), [700, 1100]),
    ],
)
def test_long_sequences_and_other_windows_are_as_transformers_computes_them(windows, lengths):
    ours = random_encoder(windows=windows)
    theirs = Longformer(ours)
    for num in lengths:
        x = film(num)
        assert largest(tokens_of(ours(*x)), tokens_of(theirs(*x))) <= 5e-6, num


@pytest.mark.parametrize("num", [1, 2, 3, 200, 1025])
@pytest.mark.parametrize("windows", [(2, 2), (2, 18, 6)])
def test_windows_that_transformers_does_not_serve_are_as_defined(windows, num):
    """It fails at a window of 2, and where a layer's window does not divide the widest one."""
    ours, x = random_encoder(windows=windows), film(num)
    assert largest(tokens_of(ours(*x)), tokens_of(dense(ours, *x))) <= 5e-6


@pytest.mark.parametrize("lengths", [[300, 150, 37, 1], [1100, 30]])
def test_padding_is_seen_by_nobody(lengths):
    ours = random_encoder(windows=(8, 8))
    embeddings, ids = film(max(lengths), len(lengths))
    valid = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    mine, hf = ours(embeddings, ids, valid), Longformer(ours)(embeddings, ids, valid)
    assert largest(mine.cls, hf[0]) <= 5e-6
    assert largest(mine.frames[valid], hf[1][valid]) <= 5e-6
    for i, num in enumerate(lengths):
        alone = ours(embeddings[i : i + 1, :num], ids[i : i + 1, :num])
        assert largest(mine.cls[i], alone.cls[0]) <= 5e-6
        assert largest(mine.frames[i, :num], alone.frames[0]) <= 5e-6
        assert largest(mine.attention[i, :num], alone.attention[0]) <= 1e-6
        assert (mine.attention[i, num:] == 0).all()
    embeddings[~valid] = 1e4
    assert torch.equal(ours(embeddings, ids, valid).cls, mine.cls)


@pytest.mark.parametrize("num", [60, 300, 1100])
def test_lost_frames_in_the_middle_are_seen_by_nobody(num):
    ours = random_encoder(windows=(8, 18))
    embeddings, ids = film(num, 3)
    valid = torch.rand(3, num, generator=torch.Generator().manual_seed(0)) < 0.7
    valid[1, num // 4 : num // 2] = False
    valid[2, :-1] = False
    mine, (cls, frames, probabilities) = ours(embeddings, ids, valid), dense(ours, embeddings, ids, valid)
    assert largest(mine.cls, cls) <= 5e-6
    assert largest(mine.frames[valid], frames[valid]) <= 5e-6
    assert largest(mine.attention, probabilities[:, :, 1:].mean(1)) <= 1e-6


@pytest.mark.parametrize("num", [5, 300])
def test_where_no_frame_is_valid_the_global_token_sees_itself(num):
    ours = random_encoder()
    embeddings, ids = film(num, 2)
    valid = torch.stack([torch.zeros(num), torch.ones(num)]).bool()
    mine = ours(embeddings, ids, valid)
    assert all(x.isfinite().all() for x in mine)
    assert (mine.attention[0] == 0).all()
    assert largest(mine.cls, dense(ours, embeddings, ids, valid)[0]) <= 5e-6
    assert torch.equal(ours(embeddings + 1, ids, valid).cls[0], mine.cls[0])


@pytest.mark.parametrize("tile", [5, 16, 64])
@pytest.mark.parametrize("windows", [(8, 8), (64, 2, 18)])
def test_tiles_are_only_a_way_to_compute_the_whole(windows, tile, monkeypatch):
    """Without a gradient frames pass in tiles, here also ones narrower than the window; with it in one piece."""
    ours = random_encoder(windows=windows)
    embeddings, ids = film(150, 2)
    valid = torch.rand(2, 150, generator=torch.Generator().manual_seed(0)) < 0.8
    monkeypatch.setattr(encoder, "TILE", tile)
    for mask in (None, valid):
        tiled = ours(embeddings, ids, mask)
        with torch.enable_grad():
            whole = ours(embeddings, ids, mask)
        assert largest(tokens_of(tiled), tokens_of(whole)) <= 5e-6
        assert largest(tiled.attention, whole.attention) <= 1e-6
        assert largest(ours(embeddings, ids, mask, read="cls").cls, whole.cls) <= 5e-6


@pytest.mark.parametrize("num", [1, 50, 2100])
def test_attention_is_the_global_rows_mean_over_the_heads(num):
    ours = random_encoder(windows=(8, 8))
    x = film(num, 2)
    mine, probabilities = ours(*x), dense(ours, *x)[2]
    assert largest(mine.attention, probabilities[:, :, 1:].mean(1)) <= 1e-6
    torch.testing.assert_close(mine.attention.sum(1), 1 - probabilities[:, :, 0].mean(1).float())


@pytest.mark.parametrize("num", [20, 1100])
@pytest.mark.parametrize("layer", [1, 2, 3])
def test_attention_of_any_layer_and_head_is_as_defined(layer, num):
    ours, x = random_encoder(windows=(8, 4, 18), heads=4), film(num, 2)
    probabilities = dense(ours, *x, shown_layer=layer - 1)[2][:, :, 1:]
    for head in (None, 0, 3):
        shown = encoder.up_to_layer(ours, layer, head)
        expected = probabilities.mean(1) if head is None else probabilities[:, head]
        assert largest(shown(*x, read="cls").attention, expected) <= 1e-6
        assert largest(shown(*x).attention, expected) <= 1e-6
    assert shown.layers[0].query.weight.data_ptr() == ours.layers[0].query.weight.data_ptr()  # no second copy
    assert ours.layers[layer - 1].shown_head is None


@pytest.mark.parametrize(("layer", "head"), [(0, None), (4, None), (1, -1), (1, 2)])
def test_there_are_no_other_layers_and_heads(layer, head):
    with pytest.raises(ValueError, match="3 layers of 2 heads"):
        encoder.up_to_layer(random_encoder(), layer, head)


# ---- what is read


@pytest.mark.parametrize("num", [50, 300, 1100])
def test_the_global_token_is_the_same_whatever_is_read(num):
    ours, x = random_encoder(), film(num)
    only_cls, all_tokens = ours(*x, read="cls"), ours(*x, read="frames")
    assert only_cls.frames is None
    assert all_tokens.frames.shape == x[0].shape
    assert largest(only_cls.cls, all_tokens.cls) <= 1e-6
    assert largest(only_cls.attention, all_tokens.attention) <= 1e-7


@pytest.mark.parametrize("read", ["cls", "frames"])
def test_for_the_global_token_most_of_the_last_layer_is_dead(read):
    ours, x = random_encoder(), film(300)
    before = ours(*x, read=read)
    for name in ("query", "key", "value"):
        ours.layers[-1].get_submodule(name).reset_parameters()
    after = ours(*x, read=read)
    assert torch.equal(after.cls, before.cls)
    assert torch.equal(after.attention, before.attention)
    if read == "frames":
        assert largest(after.frames, before.frames) > 0.1


# ---- training


@pytest.mark.parametrize("num", [20, 200])
@torch.enable_grad()
def test_gradients_are_those_of_transformers(num):
    ours = random_encoder(windows=(8, 8, 8))
    theirs = Longformer(ours)
    embeddings, ids = film(num, 2)
    ids = 1 + ids % 285  # transformers takes row 0 for padding, which learns nothing
    weights = torch.randn(2, 1 + num, 32, generator=torch.Generator().manual_seed(0))
    (tokens_of(ours(embeddings, ids)) * weights).sum().backward()
    (tokens_of(theirs(embeddings, ids)) * weights).sum().backward()
    of_theirs = dict(theirs.model.named_parameters())
    for name, parameter in ours.named_parameters():
        expected = theirs.cls_token.grad if name == "cls_token" else of_theirs[hf_name(name)].grad
        # A key's bias adds the same to every score of a row: of its gradient only rounding is left.
        scale = 1 if name.endswith(("key.bias", "key_global.bias")) else expected.abs().max()
        assert largest(parameter.grad, expected) <= 2e-5 * scale, name


@pytest.mark.parametrize("positions", ["native", "learned", "sinusoidal", "none"])
@torch.enable_grad()
def test_every_parameter_gets_a_gradient(positions):
    ours = random_encoder(input_width=12, positions=positions)
    embeddings, ids = film(40, width=12)
    tokens_of(ours(embeddings, ids)).square().mul(torch.arange(32)).sum().backward()
    for name, parameter in ours.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if not name.endswith(("key.bias", "key_global.bias")):  # they add the same to every score of a row
            assert parameter.grad.abs().max() > 0, name


def test_dropout_is_for_training():
    ours, x = random_encoder(dropout=0.3), film(100)
    assert torch.equal(ours(*x).cls, ours(*x).cls)
    assert torch.equal(ours(*x).cls, random_encoder()(*x).cls)
    ours.train()
    assert not torch.equal(ours(*x).cls, ours(*x).cls)


def test_dropped_tokens_keep_their_expectation():
    torch.manual_seed(0)
    ours, (embeddings, ids) = random_encoder(dropout=0.3), film(5)
    plain = ours.embed(embeddings, ids)
    ours.train()
    dropped = torch.cat([ours.embed(embeddings, ids) for _ in range(4000)])
    assert (dropped == 0).double().mean() == pytest.approx(0.3, abs=0.005)
    kept = dropped.double() * (1 - 0.3)
    assert largest(kept[dropped != 0], plain.double().expand_as(kept)[dropped != 0]) <= 1e-6


# ---- number types


def test_bfloat16_is_near_float32():
    ours, (embeddings, ids) = random_encoder(std=0.1), film(300, 2)
    single = tokens_of(ours(embeddings, ids))
    half = tokens_of(ours.bfloat16()(embeddings.bfloat16(), ids))
    assert half.dtype == torch.bfloat16
    assert (half.float() - single).square().mean().sqrt() <= 0.02 * single.square().mean().sqrt()


def test_embeddings_come_in_float16_as_they_are_stored():
    ours, (embeddings, ids) = random_encoder(), film(50)
    stored = embeddings.half()
    assert ours(stored, ids).frames.dtype == torch.float32
    assert torch.equal(ours(stored, ids).frames, ours(stored.float(), ids).frames)


# ---- what is refused


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        (((1, 9, 31), (1, 9), (1, 9)), r"embeddings must be \[B, T, 32\], got \[1, 9, 31\]"),
        (((9, 32), (9,), (9,)), "embeddings must be"),
        (((1, 9, 32), (1, 8), (1, 9)), r"position_ids must be \[1, 9\], got \[1, 8\]"),
        (((2, 9, 32), (1, 9), (2, 9)), "position_ids must be"),
        (((2, 9, 32), (2, 9), (9,)), r"valid must be \[2, 9\], got \[9\]"),
    ],
)
def test_shapes_that_do_not_agree_are_refused(shapes, told):
    embeddings, ids, valid = shapes
    with pytest.raises(ValueError, match=told):
        random_encoder()(torch.zeros(embeddings), torch.zeros(ids, dtype=torch.long), torch.ones(valid).bool())


def test_a_new_encoder_is_drawn_as_the_release_draws_it():
    torch.manual_seed(0)
    windows = (8,)
    config = EncoderConfig(input_width=64, width=256, num_heads=2, feedforward_width=512, attention_windows=windows)
    drawn = TemporalEncoder(config).state_dict()
    assert drawn.pop("cls_token").std() == pytest.approx(1, abs=0.15)
    for name, value in drawn.items():
        if "norm" in name:
            assert (value == (1 if name.endswith("weight") else 0)).all(), name
        elif name.endswith("bias"):
            assert (value == 0).all(), name
        else:
            assert value.std() == pytest.approx(0.02, rel=0.1), name


# ---- compiled and exported


@pytest.mark.parametrize(
    ("backend", "grad"),
    [
        pytest.param("eager", False, marks=pytest.mark.release),
        pytest.param("eager", True, marks=pytest.mark.release),
        pytest.param("aot_eager", True, marks=pytest.mark.release),
    ],
)
def test_it_compiles_without_a_graph_break(backend, grad):
    torch.compiler.reset()
    ours = random_encoder(windows=(8,) if backend == "aot_eager" else (8, 18))
    compiled = torch.compile(ours, fullgraph=True, backend=backend)
    with torch.set_grad_enabled(grad):
        for num in (5, 300) if backend == "aot_eager" else (5, 100, 300, 1100):
            x = film(num)
            assert largest(tokens_of(compiled(*x)), tokens_of(ours(*x))) <= 5e-6
        assert largest(compiled(*x, read="cls").cls, ours(*x).cls) <= 5e-6


@pytest.mark.parametrize("num", [9, pytest.param(1100, marks=pytest.mark.release)])
def test_it_exports_for_one_length(num):
    ours, x = random_encoder(windows=(8, 18)), film(num, 2)
    exported = torch.export.export(ours, x).module()
    assert largest(tokens_of(exported(*x)), tokens_of(ours(*x))) <= 5e-6


@pytest.mark.parametrize("read", [pytest.param("cls", marks=pytest.mark.release), "frames"])
def test_it_exports_for_every_length(read):
    ours, (embeddings, ids) = random_encoder(windows=(8, 64)), film(500, 2)
    shape = {0: torch.export.Dim("B", min=1, max=64), 1: torch.export.Dim("T", min=2, max=1_000_000)}
    arguments = (embeddings, ids, torch.ones(2, 500).bool(), read)
    exported = torch.export.export(ours, arguments, dynamic_shapes=(shape, shape, shape, None)).module()
    for num in (2, 9, 63, 64, 65, 128, 500, 1100, 4096):
        embeddings, ids = film(num, 3)
        valid = torch.rand(3, num, generator=torch.Generator().manual_seed(0)) < 0.8
        mine, theirs = ours(embeddings, ids, valid, read), exported(embeddings, ids, valid, read)
        assert largest(mine.cls, theirs.cls) <= 5e-6, num
        assert largest(mine.attention, theirs.attention) <= 1e-6
        if read == "frames":
            assert largest(mine.frames, theirs.frames) <= 5e-6, num
