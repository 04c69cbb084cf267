"""The tokens of a film that comes: as of the whole film where they do not depend on it; however it comes, the same."""

import numpy as np
import pytest
import torch
from drawing_models import LOST, K, make_network, track
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.model import ClassificationConfig, DenseConfig, LocalizationConfig
from vtn_stream.scorers import running
from vtn_stream.scorers.running import RunningTokens, TilesSoFar, pieces_so_far
from vtn_stream.scorers.tiles import TILE, TileReader

HEADS = {
    "dense": DenseConfig(num_classes=K, nothing=True),
    "localization": LocalizationConfig(num_classes=K, num_levels=4, tower_width=8),
}
NETWORKS = {
    (name, has_token): make_network(head, global_token=has_token)
    for name, head in HEADS.items()
    for has_token in (True, False)
}


def read(reader, num, cuts=(), seed=0):
    """All pieces of a film, and the positions that were there when each came; None: the film had ended."""
    values, index = track(num, seed, lost=LOST)
    ids, start, found = np.arange(num), 0, []
    for stop in [*sorted({cut for cut in cuts if 0 < cut < num}), num]:
        rows = slice(start, stop)
        found += [(piece, stop) for piece in reader.add(values[rows], index.valid[rows], ids[rows])]
        start = stop
    return [*found, *((piece, None) for piece in reader.finish())]


def test_each_network_has_its_way():
    assert isinstance(pieces_so_far(NETWORKS["dense", True]), RunningTokens)
    assert isinstance(pieces_so_far(NETWORKS["dense", False]), TilesSoFar)
    with pytest.raises(ValueError, match="as a whole"):
        pieces_so_far(make_network(ClassificationConfig(num_classes=K)))


@pytest.mark.parametrize("which", NETWORKS, ids=str)
@settings(max_examples=6, deadline=None)
@given(num=st.integers(1, 300), cuts=st.lists(st.integers(1, 300), max_size=6))
def test_pieces_come_in_time_and_are_the_same_however_positions_come(which, num, cuts):
    reader = pieces_so_far(NETWORKS[which])
    pieces = read(reader, num, cuts)
    at_once = read(pieces_so_far(NETWORKS[which]), num)
    assert len(pieces) == len(at_once)
    covered = 0
    for (piece, known), (other, _) in zip(pieces, at_once, strict=True):
        assert piece.start == covered
        assert (piece.stop, piece.first) == (other.stop, other.first)
        assert torch.equal(piece.frames, other.frames)
        np.testing.assert_array_equal(piece.valid, other.valid)
        assert piece.frames.shape[1] == len(piece.valid) == pieces[0][0].frames.shape[1]
        covered = piece.stop
        if known is None:  # else it would have come before
            last = max((cut for cut in [*cuts, num] if cut <= num), default=num)
            assert piece.stop - 1 + 1 + reader.behind > last
    assert covered == num


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("num", [1, 63, 64, 65, 200, 640])
def test_tokens_that_depend_on_what_is_near_alone_are_those_of_the_whole_film(head, num):
    network = NETWORKS[head, False]
    values, index = track(num, lost=LOST)
    expected = list(TileReader(network).pieces(values, index.valid, np.arange(num)))
    found = [piece for piece, _ in read(TilesSoFar(network), num, range(0, num, 7))]
    assert [piece[:3] for piece in found] == [piece[:3] for piece in expected]
    assert all(torch.equal(ours.frames, theirs.frames) for ours, theirs in zip(found, expected, strict=True))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("num", [1, 5, TILE - 1, TILE])
def test_a_film_of_one_step_is_read_as_one_sequence(head, num):
    """All of it has come when the first layer's global token is asked for."""
    network = NETWORKS[head, True]
    values, index = track(num, lost=LOST)
    with torch.no_grad():
        whole = network.encoder(
            torch.from_numpy(values)[None], torch.arange(num)[None], torch.from_numpy(index.valid)[None]
        ).frames
    pieces = [piece for piece, _ in read(RunningTokens(network), num)]
    tokens = torch.cat([piece.frames[:, piece.own] for piece in pieces], 1)
    torch.testing.assert_close(tokens, whole, atol=2e-5, rtol=1e-4)


def test_a_global_token_sees_what_came_and_no_more_than_that():
    """The tokens of a position are those of the film that ends where the steps had come."""
    network, num = NETWORKS["dense", True], 200
    pieces = [piece for piece, _ in read(RunningTokens(network), num)]
    tokens = torch.cat([piece.frames[:, piece.own] for piece in pieces], 1)[0]
    values, index = track(num, lost=LOST)
    for stop in (2 * TILE, 4 * TILE):
        with torch.no_grad():
            embeddings = torch.from_numpy(values[:stop])[None]
            so_far = network.encoder(embeddings, torch.arange(stop)[None], torch.from_numpy(index.valid[:stop])[None])
        reach = sum(layer.reach for layer in network.encoder.layers)
        own = slice(max(0, stop - TILE - reach + 5), stop - reach)  # of this step, and of none before it
        torch.testing.assert_close(tokens[own], so_far.frames[0, own], atol=2e-5, rtol=1e-4)


def test_what_is_held_is_bounded(monkeypatch):
    monkeypatch.setattr(running, "PAST", 100)
    reader = RunningTokens(NETWORKS["localization", True])
    values, index = track(2000)
    for start in range(0, 2000, 40):
        rows = slice(start, start + 40)
        reader.add(values[rows], index.valid[rows], np.arange(2000)[rows])
    assert all(layer._inputs.shape[1] <= 110 for layer in reader._layers)
    assert reader._held.shape[1] < reader._tile + 2 * reader._halo
    assert len(reader._values) <= 64


def test_nothing_comes_of_nothing():
    for network in NETWORKS.values():
        assert not pieces_so_far(network).finish()
