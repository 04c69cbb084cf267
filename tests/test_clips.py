"""A clip classifier on a film: each window once, each position by all windows over it, in any order of the chunks."""

import copy
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.errors import CheckpointError
from vtn_stream.film import FrameIndex
from vtn_stream.model import VTN, ClassificationConfig, DenseConfig, EncoderConfig, LocalizationConfig, VTNConfig
from vtn_stream.sampling import ClipWindow
from vtn_stream.scorers import sequence
from vtn_stream.scorers.clips import ClipWindows, FilmClassifier, load_classifier
from vtn_stream.scorers.model import ModelOnFilm
from vtn_stream.track import OperatingPoint, OperatingPoints, Recipe

FPS = Fraction(25, 8)
D, K = 16, 3
RECIPE = Recipe(backbone="none", weights="00", fps=FPS, size=(8, 8), mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = EncoderConfig(
            input_width=D, width=D, num_heads=2, feedforward_width=24, attention_windows=(4, 4), num_positions=64
        )
        network = VTN(VTNConfig(backbone="none", encoder=encoder, head=ClassificationConfig(num_classes=K))).eval()
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
    return network


@pytest.fixture
def checkpoint(network):
    return Checkpoint(
        config=network.config,
        labels=("run", "jump", "rest"),
        recipe=RECIPE,
        window=ClipWindow(num_positions=6, stride=4, position_rate=Fraction(25)),
        operating_points=OperatingPoints(common=OperatingPoint(high=0.5, low=0.25)),
        training={"source": "made here"},
        tensors=network.state_dict(),
        digest="abc",
    )


def track(num, seed=0, lost=()):
    rng = np.random.default_rng(seed)
    values, valid = rng.standard_normal((num, D)).astype(np.float16), np.ones(num, bool)
    valid[list(lost)] = False
    values[~valid] = 0
    grid_s = np.arange(num) / float(FPS)
    return values, FrameIndex(grid_s=grid_s, frame=np.arange(num), pts_s=grid_s, valid=valid)


def classifier(checkpoint, network, num, scratch, **options):
    within = num if isinstance(num, tuple) else (0, num)
    job = ModelOnFilm(
        checkpoint=checkpoint, network=network, within=within, fps=FPS, film="film", scratch=scratch, **options
    )
    return FilmClassifier(job)


def scored(checkpoint, network, values, index, scratch):
    scorer = classifier(checkpoint, network, len(values), scratch)
    scorer.advance(values, index, np.ones(len(values), bool))
    return scorer, scorer.scores(values, index, complete=True)


def one_by_one(network, window, values, valid):
    """The mean over the windows of the probabilities of each, alone, cut out and not padded."""
    total, count = np.zeros((len(values), K)), np.zeros(len(values))
    starts = [*range(0, max(1, len(values) - window.num_positions + 1), window.stride)]
    if starts[-1] + window.num_positions < len(values):
        starts.append(len(values) - window.num_positions)
    for start in starts:
        part = slice(start, start + window.num_positions)
        if not valid[part].any():
            continue
        ids = torch.arange(len(values[part])) * 8  # 25 native frames a second, 3.125 positions
        with torch.no_grad():
            inputs = torch.from_numpy(values[part]).float()[None], ids[None], torch.from_numpy(valid[part])[None]
            probabilities = network.classify(*inputs).softmax(-1)[0].numpy()
        total[part] += probabilities
        count[part] += 1
    return np.where(valid[:, None], total / np.maximum(count, 1)[:, None], 0)


@pytest.mark.parametrize("num", [1, 3, 6, 7, 10, 11, 43, 200])
@pytest.mark.parametrize("lost", [(), (0, 1), range(2, 40)])
def test_a_position_has_the_mean_of_the_windows_over_it(checkpoint, network, tmp_path, num, lost):
    values, index = track(num, lost=[p for p in lost if p < num])
    _, scores = scored(checkpoint, network, values, index, tmp_path)
    expected = one_by_one(network, checkpoint.window, values, index.valid)
    assert scores.frame.dtype == np.float16
    np.testing.assert_allclose(scores.frame, expected, atol=1e-3)
    covered = scores.frame[index.valid].astype(float).sum(axis=1)
    np.testing.assert_allclose(covered, 1, atol=2e-3)
    assert not scores.frame[~index.valid].any()


def test_the_order_of_the_chunks_changes_no_bit(checkpoint, network, tmp_path):
    values, index = track(150, lost=(70, 71))
    _, whole = scored(checkpoint, network, values, index, tmp_path)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        scorer, settled = classifier(checkpoint, network, 150, tmp_path), np.zeros(150, bool)
        seen = np.zeros_like(values)
        for chunk in rng.permutation(15):
            rows = slice(10 * chunk, 10 * chunk + 10)
            seen[rows], settled[rows] = values[rows], True
            valid = index.valid & settled
            scorer.advance(seen, replace(index, valid=valid), settled)
            so_far = scorer.scores(seen, replace(index, valid=valid), complete=False)
            assert so_far.clip is None
            assert not so_far.frame[~settled].any()
        scores = scorer.scores(values, index, complete=True)
        for name in ("frame", "clip", "saliency"):
            assert getattr(scores, name).tobytes() == getattr(whole, name).tobytes()


def test_windows_are_scored_once_and_as_soon_as_they_can_be(checkpoint, network, tmp_path, monkeypatch):
    calls = []
    classify = ClipWindows.probabilities

    def counted(self, values, valid, starts):
        calls.extend(starts.tolist())
        return classify(self, values, valid, starts)

    monkeypatch.setattr(ClipWindows, "probabilities", counted)
    values, index = track(23)
    scorer, settled = classifier(checkpoint, network, 23, tmp_path), np.zeros(23, bool)
    for stop, starts in ((5, []), (6, [0]), (14, [0, 4, 8]), (22, [0, 4, 8, 12, 16]), (23, [0, 4, 8, 12, 16, 17])):
        settled[:stop] = True
        scorer.advance(values, index, settled)
        assert calls == starts


@pytest.mark.parametrize("in_memory", [True, False])
def test_the_film_is_read_as_one_sequence_too(checkpoint, network, tmp_path, monkeypatch, in_memory):
    monkeypatch.setattr(sequence, "MAX_POSITIONS_IN_MEMORY", 10_000 if in_memory else 1)
    values, index = track(300, lost=range(40, 60))
    _, scores = scored(checkpoint, network, values, index, tmp_path / "scratch")
    ids, valid = torch.arange(300)[None] * 8, torch.from_numpy(index.valid)[None]
    with torch.no_grad():
        encoded = network.encoder(torch.from_numpy(values).float()[None], ids, valid)
        clip = network.head(encoded.cls).softmax(-1)[0].numpy()
    np.testing.assert_allclose(scores.clip, clip, atol=1e-6)
    attention = encoded.attention[0].numpy()
    np.testing.assert_allclose(scores.saliency, attention / attention.max(), atol=1e-3)
    assert scores.saliency.max() == 1
    assert not scores.saliency[~index.valid].any()
    assert list((tmp_path / "scratch").glob("*")) == []


def test_a_film_without_a_frame_has_no_labels(checkpoint, network, tmp_path):
    values, index = track(20, lost=range(20))
    scorer, scores = scored(checkpoint, network, values, index, tmp_path)
    assert not scores.frame.any()
    assert scores.clip is None
    assert scorer.segments(scores, index, 20 / float(FPS)) == []


def test_what_a_timeline_says_of_the_model_is_json_without_a_path(checkpoint, network, tmp_path):
    import json

    points = OperatingPoints(
        common=checkpoint.operating_points.common, own={"jump": OperatingPoint(high=0.75, low=0.5)}
    )
    scorer = classifier(replace(checkpoint, operating_points=points), network, 100, tmp_path)
    said = json.dumps(scorer.provenance())
    assert json.loads(said)["model"] == "abc"
    assert json.loads(said)["operating_points"] == {"jump": {"high": 0.75, "low": 0.5}}
    assert str(tmp_path) not in said
    assert scorer.notes()[0].startswith("A clip classifier slid over the film in windows of 1.92 s, one every 1.28 s")
    assert len(scorer.notes()) == 1
    assert "shorter than the model's window" in classifier(checkpoint, network, 5, tmp_path).notes()[1]


def test_what_was_not_asked_for_is_never_looked_at(checkpoint, network, tmp_path):
    values, index = track(120)
    part, _ = track(120)
    _, alone = scored(checkpoint, network, *cut(values, index, 30, 80), tmp_path)
    part[:30] = part[80:] = np.float16(np.nan)
    scorer = classifier(checkpoint, network, (30, 80), tmp_path)
    scorer.advance(part, index, np.ones(120, bool))
    scores = scorer.scores(part, index, complete=True)
    for name in ("frame", "saliency"):
        assert getattr(scores, name)[30:80].tobytes() == getattr(alone, name).tobytes()
        assert not getattr(scores, name)[:30].any()
        assert not getattr(scores, name)[80:].any()
    assert scores.clip.tobytes() == alone.clip.tobytes()


def cut(values, index, start, stop):
    return values[start:stop], index[start:stop]


def test_a_window_far_longer_than_the_film_costs_no_more_than_the_film(checkpoint, network, tmp_path):
    values, index = track(30)
    long = replace(checkpoint, window=ClipWindow(num_positions=10_000_000, stride=10, position_rate=Fraction(25)))
    exact = replace(checkpoint, window=ClipWindow(num_positions=30, stride=10, position_rate=Fraction(25)))
    _, scores = scored(long, network, values, index, tmp_path)
    assert scores.frame.tobytes() == scored(exact, network, values, index, tmp_path)[1].frame.tobytes()


def test_a_model_that_gives_no_numbers_is_refused(checkpoint, network, tmp_path):
    broken = copy.deepcopy(network)
    torch.nn.init.constant_(broken.head.out.bias, float("nan"))
    values, index = track(20)
    with pytest.raises(CheckpointError, match="output is not a number"):
        scored(checkpoint, broken, values, index, tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"head": DenseConfig(num_classes=K)}, "no classification head"),
        ({"head": LocalizationConfig(num_classes=K, num_levels=2, tower_width=8)}, "no classification head"),
        ({}, f"reads embeddings of width {D}, and test_efficientnet makes 256"),
    ],
)
def test_a_model_that_does_not_classify_these_embeddings_is_refused(checkpoint, network, encoder, change, words):
    config = replace(network.config, **change)
    with pytest.raises(CheckpointError, match=words):
        load_classifier(replace(checkpoint, config=config, tensors=VTN(config).state_dict()), encoder)


def test_reading_a_very_long_film_tells_how_far_it_has_come(checkpoint, network, tmp_path, monkeypatch):
    monkeypatch.setattr(sequence, "MAX_POSITIONS_IN_MEMORY", 1)
    values, index = track(50)
    told = []
    scorer = classifier(checkpoint, network, 50, tmp_path, on_progress=lambda done, total: told.append((done, total)))
    scorer.advance(values, index, np.ones(50, bool))
    scorer.scores(values, index, complete=True)
    assert told[0] == (0, 100)
    assert told[-1] == (100, 100)
