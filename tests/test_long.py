"""Long encoding: the numbers of the encoder in memory, from files, however often it was interrupted."""

import json

import pytest
import torch

from vtn_stream.errors import StoreError
from vtn_stream.model import EncoderConfig, TemporalEncoder
from vtn_stream.model import encoder as encoder_module
from vtn_stream.model import long as long_module
from vtn_stream.model.long import LongEncoding

T, D = 700, 24


def make_encoder(num_layers=3, windows=(6, 10, 4, 8), positions="native", **options):
    torch.manual_seed(0)
    config = EncoderConfig(
        input_width=16,
        width=D,
        num_heads=3,
        feedforward_width=40,
        attention_windows=windows[:num_layers],
        positions=positions,
        **options,
    )
    encoder = TemporalEncoder(config).eval()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    for buffer in encoder.buffers():
        torch.nn.init.uniform_(buffer, 0.5, 2)
    return encoder


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch):
    """So that a short sequence has many of them."""
    monkeypatch.setattr(encoder_module, "TILE", 64)


@pytest.fixture
def sequence():
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(T, 16, generator=generator).half()
    valid = torch.rand(T, generator=generator) > 0.1
    return values, torch.arange(T) * 8, valid


def long_encoding(encoder, track, scratch, read=None, **options):
    values, ids, valid = track
    read = read or (lambda start, stop: values[start:stop])
    options = {"scratch": scratch / "work", "sequence": "a film", "position_ids": ids, "valid": valid} | options
    return LongEncoding(encoder, read, T, **options)


def in_memory(encoder, sequence, read):
    values, ids, valid = sequence
    with torch.no_grad():
        return encoder(values[None], ids[None], valid[None], read=read)


@pytest.mark.parametrize("num_layers", [1, 2, 3, 4])
def test_the_global_token_is_that_of_the_encoder_in_memory(sequence, tmp_path, num_layers):
    encoder = make_encoder(num_layers)
    encoded, expected = long_encoding(encoder, sequence, tmp_path).cls(), in_memory(encoder, sequence, "cls")
    torch.testing.assert_close(encoded.cls, expected.cls, rtol=0, atol=1e-5)
    torch.testing.assert_close(encoded.attention, expected.attention, rtol=0, atol=1e-6)
    assert encoded.frames is None
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("halo", [0, 1, 63, 64, 200, 10_000])
def test_the_tiles_with_their_halo_are_the_frames(sequence, tmp_path, num_layers, halo):
    encoder = make_encoder(num_layers)
    expected = in_memory(encoder, sequence, "frames")
    encoding, seen = long_encoding(encoder, sequence, tmp_path), 0
    for tile in encoding.tiles(halo):
        assert tile.start == seen < tile.stop
        seen = tile.stop
        low, high = max(0, tile.start - halo), min(T, tile.stop + halo)
        assert tile.first == tile.start - low
        torch.testing.assert_close(tile.values, expected.frames[0, low:high], rtol=0, atol=1e-5)
    assert seen == T
    torch.testing.assert_close(encoding.encoded.cls, expected.cls, rtol=0, atol=1e-5)
    assert not (tmp_path / "work").exists()


class Killed(BaseException):
    pass


def test_a_killed_encoding_goes_on_after_the_last_finished_layer(sequence, tmp_path):
    encoder, expected = make_encoder(4), None
    expected = in_memory(encoder, sequence, "cls").cls

    def kill_in(layer):
        def tell(done, total):
            assert total == 4 * T
            if done > layer * T + T // 2:
                raise Killed

        return tell

    for layer in (0, 1, 1, 2, 3):
        with pytest.raises(Killed):
            long_encoding(encoder, sequence, tmp_path, on_progress=kill_in(layer)).cls()
        if layer:
            assert json.loads((tmp_path / "work" / "state.json").read_text())["layer"] == layer - 1
    told = []
    encoded = long_encoding(encoder, sequence, tmp_path, on_progress=lambda done, total: told.append(done)).cls()
    assert min(told) == 3 * T
    torch.testing.assert_close(encoded.cls, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("change", ["sequence", "weights", "valid", "position_ids", "cut off", "state"])
def test_another_encoding_or_a_damaged_scratch_begins_anew(sequence, tmp_path, change):
    def tell(done, total):
        if done > T:
            raise Killed

    encoder = make_encoder()
    with pytest.raises(Killed):
        long_encoding(encoder, sequence, tmp_path, on_progress=tell).cls()
    options = {}
    if change == "sequence":
        options["sequence"] = "another film"
    elif change == "valid":
        sequence = (sequence[0], sequence[1], ~sequence[2])
    elif change == "position_ids":
        sequence = (sequence[0], sequence[1] + 1, sequence[2])
    elif change == "weights":
        torch.nn.init.ones_(encoder.layers[0].query.weight)
    elif change == "cut off":
        with open(tmp_path / "work" / "layer-0.f32", "r+b") as file:
            file.truncate(100)
    else:
        (tmp_path / "work" / "state.json").write_text('{"key": 1}')
    told = []
    encoded = long_encoding(
        encoder, sequence, tmp_path, on_progress=lambda done, total: told.append(done), **options
    ).cls()
    assert min(told) == 0
    torch.testing.assert_close(encoded.cls, in_memory(encoder, sequence, "cls").cls, rtol=0, atol=1e-5)


def test_at_most_two_scratch_files_exist_at_a_time(sequence, tmp_path):
    sizes = []

    def tell(done, total):
        sizes.append(sum(f.stat().st_size for f in (tmp_path / "work").glob("*.f32")))

    long_encoding(make_encoder(4), sequence, tmp_path, on_progress=tell).cls()
    assert 4 * T * D < max(sizes) <= 2 * 4 * T * D


def test_a_disk_without_room_is_told_before_anything_is_read(sequence, tmp_path, monkeypatch):
    def read(start, stop):
        raise AssertionError

    usage = long_module.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(long_module.shutil, "disk_usage", lambda _: usage._replace(free=2 * 4 * T * D - 1))
    with pytest.raises(StoreError, match=r"700 positions needs 0\.0 GB for scratch"):
        long_encoding(make_encoder(3), sequence, tmp_path, read).cls()
    # two layers need one file only, and one layer none
    assert long_encoding(make_encoder(2), sequence, tmp_path).cls()
    monkeypatch.setattr(long_module.shutil, "disk_usage", lambda _: usage._replace(free=0))
    assert long_encoding(make_encoder(1), sequence, tmp_path).cls()


def test_a_disk_that_fills_up_is_told(sequence, tmp_path):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(StoreError, match="free some space"):
            long_encoding(make_encoder(3), sequence, tmp_path).cls()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_two_runs_do_not_share_a_scratch(sequence, tmp_path):
    first, second = (long_encoding(make_encoder(), sequence, tmp_path) for _ in range(2))
    tiles = first.tiles()
    next(tiles)
    with pytest.raises(StoreError, match="another run is encoding the same film"):
        second.cls()
    assert sum(tile.stop - tile.start for tile in tiles) == T - 64
    assert second.cls().cls is not None
    assert list(tmp_path.iterdir()) == []


def test_a_scratch_that_vanishes_is_told(sequence, tmp_path):
    import shutil

    def tell(done, total):
        if done >= T + 64:
            shutil.rmtree(tmp_path / "work", ignore_errors=True)

    with pytest.raises(StoreError, match="is too short"):
        long_encoding(make_encoder(), sequence, tmp_path, on_progress=tell).cls()


@pytest.mark.parametrize("lags", [(1,), (3, 70), (5, 200)])  # tiles of 64: the longest lags reach over several
def test_differences_to_earlier_frames_do_not_depend_on_tiles(sequence, tmp_path, monkeypatch, lags):
    encoder = make_encoder(2, difference_lags=lags, standardized=True)
    tiles = list(long_encoding(encoder, sequence, tmp_path).tiles())
    frames = torch.cat([tile.values[tile.first : tile.first + tile.stop - tile.start] for tile in tiles])
    tiled = in_memory(encoder, sequence, "frames").frames[0]
    monkeypatch.setattr(encoder_module, "TILE", 10 * T)
    for other in (tiled, in_memory(encoder, sequence, "frames").frames[0]):
        torch.testing.assert_close(frames, other, rtol=0, atol=1e-5)
