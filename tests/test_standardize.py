"""Mean and deviation of what an encoder reads, against numpy on all features at once."""

import numpy as np
import pytest
import torch
from planted import WIDTH, track

from vtn_stream.model import EncoderConfig, TemporalEncoder
from vtn_stream.training import standardize as module
from vtn_stream.training.standardize import standardize


def encoder(lags):
    return TemporalEncoder(
        EncoderConfig(
            input_width=WIDTH,
            width=8,
            num_heads=2,
            feedforward_width=8,
            attention_windows=(4,),
            difference_lags=lags,
            standardized=True,
        )
    )


def odd_films():
    """Far from 0, of unequal spread, with lost positions in the middle and at both ends."""
    rng = np.random.default_rng(0)
    spread = np.array([0.01, 0.1, 1, 2, 5, 10, 20, 0.5])
    return [
        track(num, name=str(num), values=rng.standard_normal((num, WIDTH)) * spread + np.arange(WIDTH), lost=lost)
        for num, lost in ((1, ()), (50, (0, 1, 20, 21, 22, 49)), (130, range(60, 70)), (3, (0, 1, 2)))
    ]


def features(film, lags):
    """float64 [n, F] of the valid positions: the embedding, and what changed in it where both ends were seen."""
    values, valid = film.values.astype(np.float64), film.index.valid
    rows = []
    for p in np.flatnonzero(valid):
        changes = [
            values[p] - values[p - lag] if p >= lag and valid[p - lag] else np.zeros(values.shape[1]) for lag in lags
        ]
        rows.append(np.concatenate([values[p], *changes]))
    return np.array(rows).reshape(-1, values.shape[1] * (1 + len(lags)))


@pytest.mark.parametrize("lags", [(), (1,), (2, 7)])
@pytest.mark.parametrize("piece", [1, 5, 64, 1024])
def test_they_are_numpys_whatever_the_pieces(monkeypatch, lags, piece):
    monkeypatch.setattr(module, "PIECE", piece)
    ours = encoder(lags)
    standardize(ours, odd_films())
    every = np.concatenate([features(film, lags) for film in odd_films()])
    np.testing.assert_allclose(ours.input_mean, every.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.input_deviation, every.std(0), rtol=1e-5)


def test_what_stands_at_lost_positions_does_not_matter():
    ours, theirs = encoder((2,)), encoder((2,))
    standardize(ours, odd_films())
    films = odd_films()
    for film in films:
        film.values[~film.index.valid] = 1000
    standardize(theirs, films)
    assert torch.equal(ours.input_mean, theirs.input_mean)
    assert torch.equal(ours.input_deviation, theirs.input_deviation)


def test_what_never_changes_is_not_blown_up():
    ours = encoder((1,))
    standardize(ours, [track(20, values=np.full((20, WIDTH), 3.0))])
    assert torch.equal(ours.input_mean, torch.tensor([3.0] * WIDTH + [0.0] * WIDTH))
    assert torch.equal(ours.input_deviation, torch.ones(2 * WIDTH))


def test_films_without_a_valid_position_leave_it_as_it_reads():
    ours = encoder(())
    standardize(ours, [track(3, lost=(0, 1, 2))])
    assert torch.equal(ours.input_mean, torch.zeros(WIDTH))
    assert torch.equal(ours.input_deviation, torch.ones(WIDTH))


def test_no_more_is_read_at_once_than_a_piece_and_what_is_looked_back_at(monkeypatch):
    ours, lengths = encoder((3,)), []
    read = ours.features
    monkeypatch.setattr(
        ours, "features", lambda x, *rest, **more: (lengths.append(x.shape[1]), read(x, *rest, **more))[1]
    )
    monkeypatch.setattr(module, "PIECE", 10)
    standardize(ours, [track(35)])
    assert lengths == [10, 13, 13, 8]
