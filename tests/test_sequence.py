"""A model that draws timelines, on a film: every position and point once, the same from memory and from files."""

import copy

import numpy as np
import pytest
import torch
from drawing_models import (  # noqa: F401  (fixtures among them)
    FPS,
    LOST,
    K,
    labelling,
    locating,
    make_network,
    track,
    way,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import CheckpointError
from vtn_stream.heads import dense, head, localization, pieces, points
from vtn_stream.localize import candidates, propose
from vtn_stream.model import ClassificationConfig, LocalizationConfig
from vtn_stream.model import encoder as encoder_module
from vtn_stream.scorers import sequence
from vtn_stream.scorers.sequence import read_film


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    """So that a short film has many of them; at L = 4 a piece is 128 positions."""
    monkeypatch.setattr(pieces, "PIECE", 100)
    monkeypatch.setattr(encoder_module, "TILE", 48)


def read(network, values, valid, scratch, **options):
    ids = np.arange(len(values))
    return read_film(network, values, valid, FPS, position_ids=ids, scratch=scratch / "work", **options)


def whole(network, method, values, valid):
    """What the network says of the whole film, in one go."""
    with torch.no_grad():
        arrays = (values.astype(np.float32), np.arange(len(values)), valid)
        return getattr(network, method)(*(torch.from_numpy(array)[None] for array in arrays))


LENGTHS = [1, 7, 128, 129, 161, 385]


@pytest.mark.parametrize("num", LENGTHS)
def test_a_position_has_the_highest_score_of_the_points_nearest_to_it(locating, tmp_path, way, num):
    values, index = track(num, lost=LOST)
    scores = read(locating, values, index.valid, tmp_path)
    pyramid = whole(locating, "locate", values, index.valid)
    expected = np.zeros((num, K))
    for p in np.flatnonzero(index.valid):
        for level, (logits, valid) in enumerate(zip(pyramid.logits, pyramid.valid, strict=True)):
            away = np.abs(np.arange(logits.shape[1]) * 2**level - p)
            k = np.flatnonzero(away == away.min())[-1]
            if valid[0, k]:
                expected[p] = np.maximum(expected[p], logits[0, k].sigmoid().numpy())
    np.testing.assert_allclose(scores.frame, expected, atol=5e-4)  # half precision
    assert scores.frame.dtype == np.float16


@pytest.mark.parametrize("num", LENGTHS)
def test_spans_are_those_of_the_whole_pyramid(locating, tmp_path, way, num):
    values, index = track(num, lost=LOST)
    found = read(locating, values, index.valid, tmp_path).spans
    levels = [
        candidates((logits.sigmoid() * valid[..., None])[0].numpy(), offsets[0].numpy(), level)
        for level, (logits, offsets, valid) in enumerate(
            zip(*whole(locating, "locate", values, index.valid), strict=True)
        )
    ]
    expected = propose(levels, num, FPS)
    assert len(found) == len(expected) > 0
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    for k in range(K):
        ours, theirs = found.classes == k, expected.classes == k
        assert ours.sum() == theirs.sum()
        np.testing.assert_allclose(found.bounds[ours][:20], expected.bounds[theirs][:20], atol=1e-3)


@pytest.mark.parametrize("num", LENGTHS)
def test_a_position_has_the_probability_of_each_label(labelling, tmp_path, way, num):
    values, index = track(num, lost=LOST)
    scores = read(labelling, values, index.valid, tmp_path)
    expected = whole(labelling, "label", values, index.valid).softmax(-1)[0].numpy()
    assert expected.shape == (num, K + 1)
    np.testing.assert_allclose(scores.frame, expected[:, :K] * index.valid[:, None], atol=5e-4)
    nothing = 1 - scores.frame[index.valid].astype(float).sum(axis=1)
    np.testing.assert_allclose(nothing, expected[index.valid, K], atol=2e-3)
    assert scores.spans is None


@pytest.mark.parametrize("num", [1, 130, 500])
@pytest.mark.parametrize("head", ["locating", "labelling"])
def test_from_files_as_in_memory(request, tmp_path, monkeypatch, head, num):
    """Of all that a head says, before it becomes half precision."""
    values, index = track(num, lost=LOST)
    network, said = request.getfixturevalue(head), {}
    numbers = pieces.finite_on_cpu
    for limit in (10_000, 0):
        said[limit] = []
        monkeypatch.setattr(sequence, "MAX_POSITIONS_IN_MEMORY", limit)
        for module in (points, dense):
            monkeypatch.setattr(module, "finite_on_cpu", lambda t, to=said[limit]: to.append(numbers(t)) or to[-1])
        scores = read(network, values, index.valid, tmp_path)
        said[limit].append(scores.saliency)
    for from_memory, from_files in zip(said[10_000], said[0], strict=True):
        np.testing.assert_allclose(from_files, from_memory, atol=1e-5 if from_files.dtype == np.float32 else 5e-4)


@settings(deadline=None, max_examples=20)
@given(num=st.integers(1, 900), num_levels=st.integers(1, 6), piece=st.integers(1, 600), files=st.booleans())
def test_every_position_and_every_point_is_scored_once(tmp_path_factory, num, num_levels, piece, files):
    network = make_network(LocalizationConfig(num_classes=1, num_levels=num_levels, tower_width=2))
    seen, covered = [np.zeros(-(-num // 2**level), int) for level in range(num_levels)], np.zeros(num, int)
    propose_of, cut = localization.candidates, head.pieces

    def proposing(scores, offsets, level, first, **options):
        seen[level][first : first + len(scores)] += 1
        assert first + len(scores) <= len(seen[level])
        return propose_of(scores, offsets, level, first, **options)

    def cutting(*arguments, **options):
        for made in cut(*arguments, **options):
            covered[made.start : made.stop] += 1
            yield made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", piece)
        patch.setattr(sequence, "MAX_POSITIONS_IN_MEMORY", 0 if files else 10_000)
        patch.setattr(localization, "candidates", proposing)
        patch.setattr(head, "pieces", cutting)
        values, index = track(num)
        read(network, values, index.valid, tmp_path_factory.mktemp("scratch"))
    assert (covered == 1).all()
    assert all((level == 1).all() for level in seen)


def test_few_candidates_are_held_and_they_are_the_strongest(locating, tmp_path, monkeypatch):
    values, index = track(700)
    monkeypatch.setattr(localization, "max_candidates_and_spans", lambda num, fps: (40, 10))
    held, made = [], []

    def proposing(levels, num, fps):
        made.extend(levels)
        return propose(made, num, fps)

    add = localization._Strongest.add

    def adding(self, *arguments):
        add(self, *arguments)
        held.append(sum(map(len, self._held)))

    monkeypatch.setattr(localization, "propose", proposing)
    monkeypatch.setattr(localization._Strongest, "add", adding)
    read(locating, values, index.valid, tmp_path)
    assert max(held) <= 2 * 40
    pyramid = whole(locating, "locate", values, index.valid)
    for logits, level in zip(pyramid.logits, made, strict=True):
        expected = np.sort(logits.sigmoid().numpy().ravel())[::-1][:40]
        np.testing.assert_allclose(level.scores, expected, atol=1e-5)


def test_the_most_looked_at_position_has_saliency_1(locating, tmp_path, way):
    values, index = track(300, lost=LOST)
    saliency = read(locating, values, index.valid, tmp_path).saliency
    with torch.no_grad():
        inputs = (values.astype(np.float32), np.arange(300), index.valid)
        attention = locating.encoder(*(torch.from_numpy(a)[None] for a in inputs)).attention[0].numpy()
    np.testing.assert_allclose(saliency, attention / attention.max(), atol=1e-3)
    assert saliency.max() == 1
    assert not saliency[~index.valid].any()


def test_reading_from_files_tells_how_far_it_has_come_and_leaves_nothing(labelling, tmp_path, monkeypatch):
    monkeypatch.setattr(sequence, "MAX_POSITIONS_IN_MEMORY", 99)
    values, index = track(100)
    told = []
    read(labelling, values, index.valid, tmp_path, on_progress=lambda done, total: told.append((done, total)))
    assert told[0] == (0, 200)
    assert told[-1] == (200, 200)
    assert list(tmp_path.iterdir()) == []


def test_a_film_of_which_nothing_is_known_has_no_scores(locating, labelling, tmp_path, way):
    values, index = track(50, lost=range(50))
    assert not read(labelling, values, index.valid, tmp_path).frame.any()
    scores = read(locating, values, index.valid, tmp_path)
    assert not scores.frame.any()
    assert len(scores.spans) == 0


@pytest.mark.parametrize("head", ["locating", "labelling"])
def test_a_model_that_gives_no_numbers_is_refused(request, tmp_path, head):
    broken = copy.deepcopy(request.getfixturevalue(head))
    out = broken.head.regress.out if head == "locating" else broken.head.out
    torch.nn.init.constant_(out.bias, float("nan"))
    values, index = track(20)
    with pytest.raises(CheckpointError, match="output is not a number"):
        read(broken, values, index.valid, tmp_path)


def test_a_classifier_does_not_say_when(tmp_path):
    values, index = track(20)
    with pytest.raises(ValueError, match="and not when"):
        read(make_network(ClassificationConfig(num_classes=K)), values, index.valid, tmp_path)
