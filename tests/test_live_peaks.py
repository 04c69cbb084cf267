"""A clip classifier that follows a film says what it says of the whole film, and says it early."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from living import check_delays, follow, in_order
from test_clips import FPS, RECIPE, K, classifier, network, track  # noqa: F401  (a fixture among them)

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.following.live import Rows
from vtn_stream.following.live_model import live_model
from vtn_stream.sampling import ClipWindow
from vtn_stream.scorers import sequence
from vtn_stream.track import OperatingPoint, OperatingPoints

# About the scores of this random network, which differ little.
POINTS = OperatingPoints(
    common=OperatingPoint(high=0.208, low=0.204),
    own={"jump": OperatingPoint(high=0.5845, low=0.5825), "rest": OperatingPoint(high=0.2135, low=0.2125)},
)


@pytest.fixture(scope="module")
def made(network):
    return Made(network)


class Made:
    """A model that hypothesis can name in one word."""

    def __init__(self, network):
        self.network = network
        self.checkpoint = Checkpoint(
            config=network.config,
            labels=("run", "jump", "rest"),
            recipe=RECIPE,
            window=ClipWindow(num_positions=6, stride=4, position_rate=Fraction(25)),
            operating_points=POINTS,
            training={"source": "made here"},
            tensors=network.state_dict(),
            digest="abc",
        )

    def __repr__(self):
        return "made"

    def live(self, **changes):
        return live_model(replace(self.checkpoint, **changes), self.network, None, FPS)

    def analyzed(self, values, index, duration_s, scratch, **changes):
        scorer = classifier(replace(self.checkpoint, **changes), self.network, len(values), scratch)
        scorer.advance(values, index, np.ones(len(values), bool))
        scores = scorer.scores(values, index, complete=True)
        return scorer, scores, scorer.segments(scores, index, duration_s)


films = st.tuples(
    st.integers(1, 60),
    st.integers(0, 99),
    st.sets(st.integers(0, 60), max_size=20),
    st.lists(st.integers(1, 60), max_size=6),
    st.floats(-0.31, 0.31),
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(films, st.sampled_from([(6, 4), (6, 6), (6, 1), (5, 2)]))
def test_followed_is_analyzed_however_the_film_comes(made, tmp_path, film, window):
    num, seed, lost, cuts, over = film
    window = ClipWindow(num_positions=window[0], stride=window[1], position_rate=Fraction(25))
    values, index = track(num, seed, lost=[p for p in lost if p < num])
    duration_s = max(0.1, num / float(FPS) + over)
    scorer, scores, expected = made.analyzed(values, index, duration_s, tmp_path, window=window)
    live = made.live(window=window)
    heard = follow(live, values, index, duration_s, cuts)
    assert in_order(heard.final) == in_order(expected)
    assert live.is_exact
    check_delays(heard, live, index)
    live.read_whole(values, index, scratch=tmp_path / "film")
    for name in ("frame", "clip", "saliency"):
        ours, theirs = getattr(live.scores(), name), getattr(scores, name)
        assert (ours is None) == (theirs is None)
        assert ours is None or ours.tobytes() == theirs.tobytes()
    assert live.provenance() == scorer.provenance()
    assert live.notes() == scorer.notes() or not index.valid.any()


def test_segments_come_early_and_what_is_seen_last_is_provisional(made):
    values, index = track(200, seed=3)
    live = made.live()
    heard = follow(live, values, index, 64.0, range(10, 200, 10))
    assert len(heard.early) > len(heard.final) / 2
    assert any(said.provisional for _, said in heard.said)
    for stop, said in heard.said[:-1]:
        assert all(s.end_s > said.until_s for s in said.provisional)
        assert all(s.end_s <= index.grid_s[stop - 1] + 1 for s in said.provisional)


def test_a_label_that_always_holds_is_one_segment(made):
    always = made.live(operating_points=OperatingPoints(common=OperatingPoint(high=1e-3, low=1e-3)))
    values, index = track(120, seed=1)
    heard = follow(always, values, index, 38.4, range(5, 120, 5))
    assert [(s.start_s, s.end_s) for s in heard.final] == [(0.0, 38.4)] * K
    assert not heard.early
    assert all(s.start_s == 0.0 for _, said in heard.said for s in said.provisional)


def test_what_is_held_does_not_grow(made):
    live = made.live()
    values, index = track(400)
    held = set()
    for start in range(0, 400, 20):
        rows = slice(start, start + 20)
        live.add(Rows(start=start, values=values[rows], index=index[rows]))
        held.add((len(live._held.values), len(live._means.starts)))
    assert max(held) <= (12, 4)


def test_positions_that_do_not_follow_are_refused(made):
    values, index = track(10)
    live = made.live()
    with pytest.raises(ValueError, match="do not follow 0 of them"):
        live.add(Rows(start=1, values=values, index=index))


def test_a_very_long_film_is_read_in_a_folder_of_its_own(made, tmp_path, monkeypatch):
    monkeypatch.setattr(sequence, "MAX_POSITIONS_IN_MEMORY", 10)
    (tmp_path / "another film").mkdir()
    values, index = track(30)
    live = made.live()
    follow(live, values, index, 9.6)
    live.read_whole(values, index, scratch=tmp_path)
    assert live.scores().clip.shape == (K,)
    assert [path.name for path in tmp_path.iterdir()] == ["another film"]


def test_the_whole_film_is_not_claimed_unless_it_was_read(made, tmp_path):
    values, index = track(30)
    live = made.live()
    follow(live, values, index, 9.6)
    assert live.needs_whole
    assert live.scores().clip is None
    assert "as a whole" in live.notes()[-1]
    live.read_whole(values, index, scratch=tmp_path)
    assert live.scores().clip.shape == (K,)
    assert "as a whole" not in live.notes()[-1]
