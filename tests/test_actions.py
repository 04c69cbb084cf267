"""Models that draw timelines, on a film: every position and every point once, the same from memory and from files."""

import copy
import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.errors import CheckpointError
from vtn_stream.film import FrameIndex
from vtn_stream.heads import dense, localization, pieces
from vtn_stream.localize import candidates, propose
from vtn_stream.model import VTN, ClassificationConfig, DenseConfig, EncoderConfig, LocalizationConfig, VTNConfig
from vtn_stream.model import encoder as encoder_module
from vtn_stream.sampling import ClipWindow
from vtn_stream.scorers import actions, sequence
from vtn_stream.scorers.actions import FilmActions
from vtn_stream.scorers.model import ModelOnFilm
from vtn_stream.scorers.sequence import read_film
from vtn_stream.track import OperatingPoint, OperatingPoints, PhaseRules, Recipe

FPS = Fraction(10)
D, K, L = 16, 3, 4
LABELS = ("run", "jump", "rest")
RECIPE = Recipe(backbone="none", weights="00", fps=FPS, size=(8, 8), mean=(0.5,) * 3, std=(0.5,) * 3)


def make_network(head):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = EncoderConfig(
            input_width=D, width=D, num_heads=2, feedforward_width=24, attention_windows=(4, 6), num_positions=64
        )
        network = VTN(VTNConfig(backbone="none", encoder=encoder, head=head)).eval()
        for name, parameter in network.named_parameters():
            if "norm" not in name:  # else all positions come out nearly the same
                torch.nn.init.normal_(parameter, std=0.4)
        if isinstance(head, LocalizationConfig):
            torch.nn.init.constant_(network.head.regress.out.bias, 2.0)  # else random offsets are 0
    return network


@pytest.fixture(scope="module")
def locating():
    return make_network(LocalizationConfig(num_classes=K, num_levels=L, tower_width=8))


@pytest.fixture(scope="module")
def labelling():
    return make_network(DenseConfig(num_classes=K, nothing=True))


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    """So that a short film has many of them; at L = 4 a piece is 128 positions."""
    monkeypatch.setattr(pieces, "PIECE", 100)
    monkeypatch.setattr(encoder_module, "TILE", 48)


@pytest.fixture(params=["memory", "files"])
def way(request, monkeypatch):
    monkeypatch.setattr(sequence, "MAX_POSITIONS_IN_MEMORY", 10_000 if request.param == "memory" else 0)
    return request.param


def track(num, seed=0, lost=()):
    rng = np.random.default_rng(seed)
    values, valid = rng.standard_normal((num, D)).astype(np.float16), np.ones(num, bool)
    valid[[p for p in lost if p < num]] = False
    values[~valid] = 0
    grid_s = np.arange(num) / float(FPS)
    return values, FrameIndex(grid_s=grid_s, frame=np.arange(num), pts_s=grid_s, valid=valid)


def read(network, values, valid, scratch, **options):
    ids = np.arange(len(values))
    return read_film(network, values, valid, FPS, position_ids=ids, scratch=scratch / "work", **options)


def whole(network, method, values, valid):
    """What the network says of the whole film, in one go."""
    with torch.no_grad():
        arrays = (values.astype(np.float32), np.arange(len(values)), valid)
        return getattr(network, method)(*(torch.from_numpy(array)[None] for array in arrays))


LENGTHS = [1, 7, 128, 129, 161, 385]
LOST = [3, 4, 5, *range(64, 96), 130, 640]


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
        for module in (localization, dense):
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
    propose_of, cut = localization.candidates, localization.pieces

    def proposing(scores, offsets, level, first, **options):
        seen[level][first : first + len(scores)] += 1
        assert first + len(scores) <= len(seen[level])
        return propose_of(scores, offsets, level, first, **options)

    def cutting(*arguments):
        for made in cut(*arguments):
            covered[made.start : made.stop] += 1
            yield made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", piece)
        patch.setattr(sequence, "MAX_POSITIONS_IN_MEMORY", 0 if files else 10_000)
        patch.setattr(localization, "candidates", proposing)
        patch.setattr(localization, "pieces", cutting)
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
    with pytest.raises(CheckpointError, match="gives no numbers"):
        read(broken, values, index.valid, tmp_path)


def test_a_classifier_does_not_say_when(tmp_path):
    values, index = track(20)
    with pytest.raises(ValueError, match="and not when"):
        read(make_network(ClassificationConfig(num_classes=K)), values, index.valid, tmp_path)


# ---- as a scorer

RULES = PhaseRules(min_positions=(2, 2, 2, 1), change_cost=((0.5,) * 4,) * 4)


def checkpoint_of(network, **options):
    return Checkpoint(
        **{
            "config": network.config,
            "labels": LABELS,
            "recipe": RECIPE,
            "window": ClipWindow(num_positions=6, stride=4, position_rate=Fraction(30)),
            "operating_points": OperatingPoints(common=OperatingPoint(high=0.25, low=0.25)),
            "training": {"source": "made here"},
            "tensors": network.state_dict(),
            "digest": "abc",
        }
        | options
    )


def actions_of(checkpoint, network, within, scratch, **options):
    job = ModelOnFilm(
        checkpoint=checkpoint, network=network, within=within, fps=FPS, film="film", scratch=scratch, **options
    )
    return FilmActions(job)


@pytest.mark.parametrize("head", ["locating", "labelling"])
def test_what_was_not_asked_for_is_never_looked_at(request, tmp_path, head):
    network = request.getfixturevalue(head)
    values, index = track(120, lost=(40, 41))
    part = values.copy()
    part[:30] = part[80:] = np.float16(np.nan)
    scorer = actions_of(checkpoint_of(network), network, (30, 80), tmp_path)
    scores = scorer.scores(part, index, complete=True)
    ids = np.arange(50) * 3  # 30 native frames a second, 10 positions
    alone = read_film(network, values[30:80], index.valid[30:80], FPS, position_ids=ids, scratch=tmp_path)
    assert scores.frame[30:80].tobytes() == alone.frame.tobytes()
    assert scores.saliency[30:80].tobytes() == alone.saliency.tobytes()
    assert not scores.frame[:30].any()
    assert not scores.frame[80:].any()
    if head == "locating":
        np.testing.assert_array_equal(scores.spans.bounds, alone.spans.bounds + 30)
    segments = scorer.segments(scores, index, 12.0)
    assert segments
    if head == "labelling":
        assert all(3 - 0.05 <= s.start_s < s.end_s <= 8 for s in segments)


def test_a_label_that_always_holds_holds_no_longer_than_was_asked_for(tmp_path):
    network = make_network(DenseConfig(num_classes=K))
    values, index = track(120)
    rules = PhaseRules(min_positions=(2,) * K, change_cost=((0.5,) * K,) * K)
    scorer = actions_of(checkpoint_of(network, phase_rules=rules), network, (30, 80), tmp_path)
    segments = scorer.segments(scorer.scores(values, index, complete=True), index, 12.0)
    assert segments[0].start_s == pytest.approx(2.95)
    assert segments[-1].end_s == pytest.approx(7.95)
    assert all(a.end_s == b.start_s for a, b in pairwise(segments))


@pytest.mark.parametrize("head", ["locating", "labelling"])
def test_what_is_known_so_far_is_read_as_if_it_were_all(request, tmp_path, monkeypatch, head):
    """In memory, whatever its length: no scratch and no progress for a timeline that is drawn again in a moment."""
    network = request.getfixturevalue(head)
    monkeypatch.setattr(actions, "MAX_POSITIONS_IN_MEMORY", 100)
    monkeypatch.setattr(sequence, "MAX_POSITIONS_IN_MEMORY", 100)
    values, index = track(500, lost=[*range(60), *range(90, 110), *range(200, 350), *range(380, 500)])
    told = []
    scorer = actions_of(
        checkpoint_of(network, window=ClipWindow(num_positions=6, stride=4)),
        network,
        (0, 500),
        tmp_path / "scratch",
        on_progress=lambda *done: told.append(done),
    )
    scores = scorer.scores(values, index, complete=False)
    assert scores.saliency is None
    bounds = []
    for start, stop in ((60, 90), (110, 200), (350, 380)):
        ids = np.arange(start, stop)
        alone = read_film(network, values[start:stop], index.valid[start:stop], FPS, position_ids=ids, scratch=tmp_path)
        assert scores.frame[start:stop].tobytes() == alone.frame.tobytes()
        if head == "locating":
            bounds += (alone.spans.bounds + start).tolist()
    assert not scores.frame[~index.valid].any()
    if head == "locating":
        assert sorted(scores.spans.bounds.tolist()) == sorted(bounds)
        assert (np.diff(scores.spans.scores) <= 0).all()
    assert told == []
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("head", ["locating", "labelling"])
def test_a_film_without_a_frame_has_no_segment(request, tmp_path, head, complete):
    network = request.getfixturevalue(head)
    values, index = track(20, lost=range(20))
    scorer = actions_of(checkpoint_of(network), network, (0, 20), tmp_path)
    scores = scorer.scores(values, index, complete=complete)
    assert not scores.frame.any()
    assert scores.saliency is None
    assert scorer.segments(scores, index, 2.0) == []


def test_segments_keep_to_the_checkpoints_rules(labelling, tmp_path):
    values, index = track(300)
    by_itself = actions_of(checkpoint_of(labelling), labelling, (0, 300), tmp_path)
    ruled = actions_of(checkpoint_of(labelling, phase_rules=RULES), labelling, (0, 300), tmp_path)
    scores = by_itself.scores(values, index, complete=True)
    shortest = [min(s.duration_s for s in x.segments(scores, index, 30.0)) for x in (by_itself, ruled)]
    assert shortest == [pytest.approx(0.1), pytest.approx(0.2)]


def test_segments_need_the_checkpoints_operating_points(locating, tmp_path):
    values, index = track(300)
    some = actions_of(checkpoint_of(locating), locating, (0, 300), tmp_path)
    scores = some.scores(values, index, complete=True)
    assert some.labels(scores) == LABELS
    assert {s.label for s in some.segments(scores, index, 30.0)} == set(LABELS)
    own = OperatingPoints(common=OperatingPoint(high=0.25, low=0.25), own={"jump": OperatingPoint(high=1.0, low=0.5)})
    fewer = actions_of(checkpoint_of(locating, operating_points=own), locating, (0, 300), tmp_path)
    assert {s.label for s in fewer.segments(scores, index, 30.0)} == {"run", "rest"}


def test_what_a_timeline_says_of_the_model_is_json_without_a_path(locating, labelling, tmp_path):
    own = OperatingPoints(common=OperatingPoint(high=0.25, low=0.25), own={"jump": OperatingPoint(high=0.75, low=0.5)})
    located = actions_of(checkpoint_of(locating, operating_points=own), locating, (0, 9), tmp_path).provenance()
    assert (
        json.loads(json.dumps(located))
        == located
        == {
            "kind": "action localization",
            "model": "abc",
            "training": {"source": "made here"},
            "operating_point": {"high": 0.25, "low": 0.25},
            "operating_points": {"jump": {"high": 0.75, "low": 0.5}},
        }
    )
    labelled = actions_of(checkpoint_of(labelling, phase_rules=RULES), labelling, (0, 9), tmp_path).provenance()
    assert json.loads(json.dumps(labelled)) == labelled
    assert labelled["kind"] == "dense labels"
    assert labelled["phase_rules"] == {"min_positions": [2, 2, 2, 1], "change_cost": [[0.5] * 4] * 4}
    bare = actions_of(checkpoint_of(labelling), labelling, (0, 9), tmp_path)
    assert bare.provenance()["phase_rules"] is None


def test_notes_say_how_segments_came_about(locating, labelling, tmp_path):
    def notes(network, **options):
        (note,) = actions_of(checkpoint_of(network, **options), network, (0, 9), tmp_path).notes()
        assert note.startswith("A model read the film as one sequence, a position every 0.10 s")
        return note

    assert "may overlap" in notes(locating)
    assert "however briefly" in notes(labelling)
    assert "of all sequences of labels the segments are the likeliest" in notes(labelling, phase_rules=RULES)


def test_asking_again_gives_the_same_bytes(locating, tmp_path, way):
    values, index = track(300, lost=LOST)
    first, second = (
        actions_of(checkpoint_of(locating), locating, (0, 300), tmp_path).scores(values, index, complete=True)
        for _ in range(2)
    )
    assert first.frame.tobytes() == second.frame.tobytes()
    for name in ("bounds", "classes", "scores"):
        assert getattr(first.spans, name).tobytes() == getattr(second.spans, name).tobytes()


def test_an_other_operating_point_needs_no_reading(locating, tmp_path):
    values, index = track(300)
    scorer = actions_of(checkpoint_of(locating), locating, (0, 300), tmp_path)
    scores = scorer.scores(values, index, complete=True)
    strict = replace(
        checkpoint_of(locating), operating_points=OperatingPoints(common=OperatingPoint(high=0.6, low=0.6))
    )
    fewer = actions_of(strict, locating, (0, 300), tmp_path).segments(scores, index, 30.0)
    assert fewer == [s for s in scorer.segments(scores, index, 30.0) if s.score >= 0.6]
