"""What a linear model reads: statistics around a position or of a whole film, the same however the film is cut."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.heads import network_config
from vtn_stream.model import (
    VTN,
    ClassificationConfig,
    DenseConfig,
    HeadConfig,
    LocalizationConfig,
    StatisticsConfig,
    StatisticsEncoder,
    VTNConfig,
)
from vtn_stream.model import statistics as statistics_module
from vtn_stream.scorers import sequence
from vtn_stream.scorers.sequence import read_film
from vtn_stream.scorers.tiles import TILE

D = 3
NAMES = ("mean", "deviation", "maximum")


def config(reach, statistics=NAMES, lags=()):
    return StatisticsConfig(input_width=D, reach=reach, statistics=statistics, lags=lags)


def expected(values, valid, reach, names, lags):
    """One position after the other, in numpy's float64."""
    values, rows = values.astype(np.float64), []

    def near(t):
        inside = np.arange(max(0, t - reach), min(len(values), t + reach + 1))
        return values[inside[valid[inside]]]

    for t in range(len(values)):
        x, row = near(t), []
        for name in names:
            of = {"mean": np.mean, "deviation": np.std, "maximum": np.max}[name]
            row.append(of(x, axis=0) if len(x) else np.zeros(D))
        for lag in lags:
            before = near(t - lag) if t >= lag else x[:0]
            row.append(x.mean(0) - before.mean(0) if len(x) and len(before) else np.zeros(D))
        rows.append(np.concatenate(row))
    return np.array(rows)


@st.composite
def tracks(draw):
    """(values [T, D], valid [T], config): values are not 0 where they are not valid, so that reading them shows."""
    num = draw(st.integers(1, 40))
    names = tuple(name for name in NAMES if draw(st.booleans())) or ("mean",)
    lags = tuple(sorted(draw(st.sets(st.integers(1, 12), max_size=2))))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    values = rng.normal(2, 3, (num, D)).astype(np.float16)
    valid = rng.random(num) < draw(st.sampled_from([0.1, 0.7, 1.0]))
    return values, valid, config(draw(st.integers(0, 9)), names, lags)


def tensors(values, valid):
    return torch.from_numpy(values)[None], torch.from_numpy(valid)[None]


@given(tracks())
def test_a_feature_is_the_statistic_of_the_valid_positions_within_reach(given_):
    values, valid, its = given_
    x, there = tensors(values, valid)
    features = StatisticsEncoder(its).around(x, there, first=0, num=len(values))[0]
    oracle = expected(values, valid, its.reach, its.statistics, its.lags)
    np.testing.assert_allclose(features.numpy(), oracle, atol=2e-5)
    assert features.shape == (len(values), its.num_features)


@given(tracks(), st.data())
def test_a_cut_of_a_film_with_its_surroundings_gives_the_same_bits(given_, data):
    values, its = given_[0], given_[2]
    encoder, (x, there) = StatisticsEncoder(its), tensors(*given_[:2])
    whole = encoder.around(x, there, first=0, num=len(values))
    start = data.draw(st.integers(0, len(values) - 1))
    stop = data.draw(st.integers(start + 1, len(values)))
    low, high = max(0, start - its.history), min(len(values), stop + its.reach)
    part = encoder.around(x[:, low:high], there[:, low:high], first=start - low, num=stop - start)
    assert torch.equal(part, whole[:, start:stop])


@given(tracks(), st.sampled_from([1, 3, 7, 1000]))
def test_the_size_of_tiles_changes_no_bit(given_, size):
    values, valid, its = given_
    encoder, (x, there) = StatisticsEncoder(its), tensors(values, valid)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(statistics_module, "TILE_NUMBERS", size * its.num_features)
        tiles = list(encoder.tiles(lambda a, b: x[:, a:b], len(values), there))
    assert max(tile.shape[1] for tile in tiles) <= size
    assert torch.equal(torch.cat(tiles, 1), encoder(x, valid=there).frames)


@given(tracks(), st.sampled_from([2, 7, 1000]))
def test_a_whole_film_has_the_statistics_of_all_its_valid_positions(given_, size):
    values, valid, its = given_
    encoder = StatisticsEncoder(config(None, its.statistics))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(statistics_module, "WHOLE_TILE", size)
        features = encoder(*tensors(values, valid)[:1], valid=tensors(values, valid)[1], read="cls").cls[0]
    oracle = expected(values, valid, len(values), its.statistics, ())[0]
    np.testing.assert_allclose(features.numpy(), oracle, atol=2e-5)


def test_films_beside_each_other_do_not_mix():
    rng = np.random.default_rng(0)
    x, there = torch.from_numpy(rng.normal(size=(3, 20, D))).float(), torch.from_numpy(rng.random((3, 20)) < 0.8)
    for its, read in ((config(4, lags=(3,)), "frames"), (config(None), "cls")):
        encoder = StatisticsEncoder(its)
        together = getattr(encoder(x, valid=there, read=read), read)
        for row in range(3):
            alone = getattr(encoder(x[row : row + 1], valid=there[row : row + 1], read=read), read)
            torch.testing.assert_close(together[row : row + 1], alone)


def test_features_are_standardized_by_the_numbers_of_the_model():
    encoder, x = StatisticsEncoder(config(1, ("mean",))), torch.randn(1, 9, D)
    raw = encoder(x).frames
    encoder.input_mean.fill_(2.0)
    encoder.input_deviation.fill_(4.0)
    torch.testing.assert_close(encoder(x).frames, (raw - 2) / 4)


@pytest.mark.parametrize(
    ("its", "read", "words"),
    [(config(2), "cls", "do not give cls"), (config(None), "frames", "do not give frames")],
)
def test_what_the_statistics_are_not_of_is_not_read(its, read, words):
    with pytest.raises(ValueError, match=words):
        StatisticsEncoder(its)(torch.zeros(1, 4, D), read=read)


# ---- as a part of a network


def linear(head, its):
    network = VTN(VTNConfig(backbone="none", encoder=its, head=head)).eval()
    torch.manual_seed(1)
    torch.nn.init.normal_(network.head.out.weight)
    torch.nn.init.normal_(network.head.out.bias)
    return network


@pytest.mark.parametrize("in_memory", [10_000, 0])
def test_a_film_is_labelled_position_by_position_whatever_its_length(tmp_path, monkeypatch, in_memory):
    monkeypatch.setattr(sequence, "MAX_POSITIONS_IN_MEMORY", in_memory)
    monkeypatch.setattr(statistics_module, "TILE_NUMBERS", 64 * 4 * D)
    its = config(3, ("mean", "deviation"), (2, 8))
    network, rng = linear(DenseConfig(num_classes=2, nothing=True), its), np.random.default_rng(0)
    values, valid = rng.normal(size=(300, D)).astype(np.float16), rng.random(300) < 0.9
    scores = read_film(network, values, valid, Fraction(4), scratch=tmp_path / "work")
    logits = expected(values, valid, 3, its.statistics, its.lags) @ network.head.out.weight.detach().numpy().T
    chances = np.exp(logits + network.head.out.bias.detach().numpy())
    chances /= chances.sum(1, keepdims=True)
    np.testing.assert_allclose(scores.frame, chances[:, :2] * valid[:, None], atol=1e-3)  # half precision
    assert scores.saliency is None  # nothing attends
    assert not (tmp_path / "work").exists()


def test_a_long_film_takes_no_more_memory_than_a_short_one(tmp_path, monkeypatch):
    """Of features there are never more than those of a tile."""
    network, most = linear(DenseConfig(num_classes=2), config(1, ("mean", "deviation"))), []
    around = StatisticsEncoder.around

    def counted(self, embeddings, valid=None, *, first, num):
        most.append(embeddings.shape[1])
        return around(self, embeddings, valid, first=first, num=num)

    monkeypatch.setattr(StatisticsEncoder, "around", counted)
    values = np.zeros((5000, D), np.float16)
    read_film(network, values, np.ones(5000, bool), Fraction(4), scratch=tmp_path / "work")
    assert max(most) <= TILE + 2
    assert len(most) == -(-5000 // TILE)


@pytest.mark.parametrize(
    ("head", "its"),
    [
        (DenseConfig(num_classes=3, nothing=True), config(2, lags=(1, 4))),
        (ClassificationConfig(num_classes=3), config(None)),
    ],
)
def test_the_config_comes_back_from_json_values(head, its):
    whole = VTNConfig(backbone="none", encoder=its, head=head)
    assert network_config(whole.to_dict()) == whole
    assert whole.to_dict()["encoder"]["kind"] == "statistics"


@pytest.mark.parametrize(
    ("head", "its", "words"),
    [
        (DenseConfig(num_classes=3), config(None), "a dense head cannot read the statistics of a whole sequence"),
        (ClassificationConfig(num_classes=3), config(1), "cannot read the statistics of single positions"),
        (LocalizationConfig(num_classes=3, num_levels=2, tower_width=4), config(None), "a localization head cannot"),
        (HeadConfig(num_classes=3), config(1), "a new head cannot"),
    ],
)
def test_a_head_that_cannot_read_these_statistics_is_refused(monkeypatch, head, its, words):
    monkeypatch.setattr(HeadConfig, "kind", "new", raising=False)
    with pytest.raises(ValueError, match=words):
        VTNConfig(backbone="none", encoder=its, head=head)


@pytest.mark.parametrize(
    "wrong",
    [
        {"input_width": 0},
        {"reach": -1},
        {"reach": 1.0},
        {"reach": 100_000},
        {"reach": True},
        {"statistics": ()},
        {"statistics": ("deviation", "mean")},
        {"statistics": ("mode",)},
        {"lags": (2, 1)},
        {"lags": (0,)},
        {"reach": None, "lags": (1,)},
    ],
)
def test_impossible_statistics_are_refused(wrong):
    with pytest.raises(ValueError, match=r"width|reach|statistics|lags"):
        StatisticsConfig(**{"input_width": D, "reach": 1, **wrong})


def test_an_unknown_kind_of_encoder_is_refused():
    fields = VTNConfig(backbone="none", encoder=config(1), head=DenseConfig(num_classes=2)).to_dict()
    fields["encoder"]["kind"] = "strange"
    with pytest.raises(ValueError, match="no 'strange' encoder"):
        network_config(fields)
