"""Models that draw timelines, as scorers: what they draw, what is said of it, what is kept."""

import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
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

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.heads import pieces
from vtn_stream.model import DenseConfig
from vtn_stream.model import encoder as encoder_module
from vtn_stream.sampling import ClipWindow
from vtn_stream.scorers import actions, sequence
from vtn_stream.scorers.actions import FilmActions
from vtn_stream.scorers.model import ModelOnFilm
from vtn_stream.scorers.sequence import read_film
from vtn_stream.track import OperatingPoint, OperatingPoints, PhaseRules, Recipe

LABELS = ("run", "jump", "rest")
RECIPE = Recipe(backbone="none", weights="00", fps=FPS, size=(8, 8), mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    """So that a short film has many of them; at L = 4 a piece is 128 positions."""
    monkeypatch.setattr(pieces, "PIECE", 100)
    monkeypatch.setattr(encoder_module, "TILE", 48)


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
            "num_labels": len(LABELS),
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
        assert note.startswith("A model read the film as one sequence, a position every 0.1 s")
        return note

    assert "may overlap" in notes(locating)
    assert "however short" in notes(labelling)
    assert "the segments are the most likely sequence of labels" in notes(labelling, phase_rules=RULES)


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
