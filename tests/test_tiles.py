"""A film in fixed tiles: the numbers of the whole film, and bits that depend on what is near alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from drawing_models import FPS, LOST, D, K, L, make_network, track
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.heads import head_of
from vtn_stream.model import VTN, ClassificationConfig, DenseConfig, LocalizationConfig, StatisticsConfig, VTNConfig
from vtn_stream.scorers import tiles
from vtn_stream.scorers.sequence import read_film
from vtn_stream.scorers.tiles import TileReader

DENSE = DenseConfig(num_classes=K, nothing=True)
SPANS = LocalizationConfig(num_classes=K, num_levels=L, tower_width=8)


def local(head):
    return make_network(head, global_token=False, difference_lags=(3,), standardized=True)


def linear(head):
    its = StatisticsConfig(input_width=D, reach=3, statistics=("mean", "deviation"), lags=(2, 9))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = VTN(VTNConfig(backbone="none", encoder=its, head=head)).eval()
        torch.nn.init.normal_(network.head.out.weight)
    return network


NETWORKS = {
    "local, dense": local(DENSE),
    "local, spans": local(SPANS),
    "linear, dense": linear(DENSE),
    "linear, spans": linear(SPANS),
}


@pytest.fixture(params=NETWORKS)
def network(request):
    return NETWORKS[request.param]


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch):
    monkeypatch.setattr(tiles, "TILE", 16)


def said(network, piece):
    """All that a head says of a piece, to the bit."""
    valid = None if network.config.is_linear or network.config.head.kind == "dense" else piece.valid[None]
    with torch.no_grad():
        made = network.head(piece.frames, *(() if valid is None else (torch.from_numpy(valid),)))
    return [made] if isinstance(made, torch.Tensor) else [*made.logits, *made.offsets]


@settings(deadline=None, max_examples=30)
@given(data=st.data(), name=st.sampled_from(sorted(NETWORKS)), num=st.integers(1, 200))
def test_a_tiles_bits_depend_on_nothing_but_what_is_near(data, name, num):
    network = NETWORKS[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "TILE", 16)
        reader = TileReader(network)
    values, index = track(num, lost=LOST)
    ids = np.arange(num) + 5
    number = data.draw(st.integers(0, (num - 1) // reader.tile))
    start = number * reader.tile
    whole = reader.piece(number, values, index.valid, ids)
    first = data.draw(st.integers(0, max(0, start - reader.reach)))
    stop = min(num, start + reader.tile + reader.reach + data.draw(st.integers(0, 9)))
    assert (whole.start, whole.stop, whole.first) == (start, min(num, start + reader.tile), start - reader.halo)
    others = values.copy()
    others[: max(0, start - reader.reach)] = others[start + reader.tile + reader.reach :] = 7
    for piece in (
        reader.piece(number, values[first:stop], index.valid[first:stop], ids[first:stop], first=first),
        reader.piece(number, others, index.valid, ids),
    ):
        assert piece[:3] == whole[:3]
        assert piece.frames.shape == (1, reader.tile + 2 * reader.halo, whole.frames.shape[2])
        for a, b in zip(said(network, piece), said(network, whole), strict=True):
            assert torch.equal(a, b)
        assert (piece.valid == whole.valid).all()


@pytest.mark.parametrize("num", [1, 15, 16, 17, 150])
@pytest.mark.parametrize("name", ["local, dense", "linear, dense"])
def test_labels_are_those_of_the_film_in_one_piece(name, num, tmp_path):
    network, (values, index) = NETWORKS[name], track(num, lost=LOST)
    ids = np.arange(num)
    scores = read_film(network, values, index.valid, FPS, position_ids=ids, scratch=tmp_path)
    with torch.no_grad():
        arrays = (values.astype(np.float32), ids, index.valid)
        expected = network.label(*(torch.from_numpy(array)[None] for array in arrays)).softmax(-1)[0, :, :K].numpy()
    np.testing.assert_allclose(scores.frame, expected * index.valid[:, None], atol=5e-4)  # half precision
    assert scores.saliency is None


@pytest.mark.parametrize("num", [1, 16, 130, 300])
def test_proposals_are_those_of_the_film_in_one_piece(num, tmp_path, monkeypatch):
    network, (values, index) = NETWORKS["local, spans"], track(num, lost=LOST)
    small = read_film(network, values, index.valid, FPS, scratch=tmp_path)
    monkeypatch.setattr(tiles, "TILE", 512)
    large = read_film(network, values, index.valid, FPS, scratch=tmp_path)
    np.testing.assert_allclose(small.frame, large.frame, atol=5e-4)
    np.testing.assert_allclose(small.spans.scores, large.spans.scores, atol=1e-5)


def test_a_tile_holds_whole_points_of_the_highest_level():
    reader = TileReader(local(replace(SPANS, num_levels=7)))
    assert reader.halo == 4 * 64
    assert reader.tile == 2 * 64
    assert reader.reach == reader.halo + 2 + 3 + 3


def test_what_reads_the_whole_film_has_no_tiles():
    usual = make_network(DENSE)
    whole = VTN(
        VTNConfig(
            backbone="none",
            encoder=StatisticsConfig(input_width=D, reach=None),
            head=ClassificationConfig(num_classes=K),
        )
    )
    for network in (usual, whole):
        with pytest.raises(ValueError, match="whole film at once"):
            TileReader(network)


def test_a_tile_that_lacks_what_it_needs_is_refused(network):
    reader, (values, index) = TileReader(network), track(100)
    with pytest.raises(ValueError, match="tile 9 needs more"):
        reader.piece(9, values, index.valid)
    with pytest.raises(ValueError, match="tile 4 needs more"):
        reader.piece(4, values[63:], index.valid[63:], first=63)
    assert head_of(network.config.head).reads_pieces
