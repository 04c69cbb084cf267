"""Models that find when things happen, on a film that comes: those that can be followed say what they say of the whole
film, and no model takes back what it said.
"""

from dataclasses import replace

import numpy as np
import pytest
from drawing_models import FPS, LOST, K, make_network, track
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from living import check_delays, follow, in_order
from test_actions import LABELS, RULES, actions_of, checkpoint_of

from vtn_stream.following.live_model import live_model
from vtn_stream.model import VTN, DenseConfig, LocalizationConfig, StatisticsConfig, VTNConfig
from vtn_stream.track import OperatingPoint, OperatingPoints

SPANS = LocalizationConfig(num_classes=K, num_levels=3, tower_width=8, in_blocks=True)


def linear_network(head):
    import torch

    statistics = StatisticsConfig(input_width=16, reach=2, lags=(3,))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = VTN(VTNConfig(backbone="none", encoder=statistics, head=head)).eval()
        torch.nn.init.normal_(network.head.out.weight, std=0.4)
    return network


class Kind:
    """A model that hypothesis can name in one word."""

    def __init__(self, name, network, **options):
        self.name = name
        self.network = network
        self.checkpoint = checkpoint_of(network, **options)

    def __repr__(self):
        return self.name

    def live(self):
        return live_model(self.checkpoint, self.network, None, FPS)

    def analyzed(self, values, index, duration_s, scratch):
        scorer = actions_of(self.checkpoint, self.network, (0, len(values)), scratch)
        scores = scorer.scores(values, index, complete=True)
        return scorer, scores, scorer.segments(scores, index, duration_s)


def points(high):
    return OperatingPoints(common=OperatingPoint(high=high, low=high))


LAGGED = replace(RULES, lag=9)
NO_TOKEN = {"global_token": False}
EXACT = [
    Kind("phases", make_network(DenseConfig(num_classes=K, nothing=True), **NO_TOKEN), phase_rules=LAGGED),
    Kind("each position", make_network(DenseConfig(num_classes=K), **NO_TOKEN), operating_points=points(0.5)),
    Kind("spans", make_network(SPANS, **NO_TOKEN), operating_points=points(0.3)),
    Kind("instants", make_network(SPANS, **NO_TOKEN), operating_points=points(0.3), instants=LABELS[:2]),
    Kind("linear phases", linear_network(DenseConfig(num_classes=K, nothing=True)), phase_rules=LAGGED),
    Kind("linear spans", linear_network(SPANS), operating_points=points(0.1)),
]
USUAL = [
    Kind("usual phases", make_network(DenseConfig(num_classes=K, nothing=True)), phase_rules=RULES),
    Kind("usual spans", make_network(replace(SPANS, in_blocks=False)), operating_points=points(0.3)),
    Kind("usual instants", make_network(replace(SPANS, in_blocks=False)), instants=LABELS[:2]),
    Kind("usual linear", linear_network(replace(SPANS, in_blocks=False)), operating_points=points(0.1)),
]
films = st.tuples(
    st.integers(1, 330), st.integers(0, 9), st.lists(st.integers(1, 330), max_size=7), st.floats(-0.09, 0.09)
)


@pytest.mark.parametrize("kind", EXACT, ids=str)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(film=films)
def test_followed_is_analyzed_however_the_film_comes(kind, tmp_path, film):
    num, seed, cuts, over = film
    values, index = track(num, seed, lost=LOST)
    duration_s = max(0.05, num / float(FPS) + over)
    scorer, scores, expected = kind.analyzed(values, index, duration_s, tmp_path)
    live = kind.live()
    heard = follow(live, values, index, duration_s, cuts)
    assert in_order(heard.final) == in_order(expected)
    assert live.is_exact
    check_delays(heard, live, index)
    assert live.scores().frame.tobytes() == scores.frame.tobytes()
    if scores.spans is not None:
        for name in ("bounds", "classes", "scores"):
            assert getattr(live.scores().spans, name).tobytes() == getattr(scores.spans, name).tobytes()
    assert live.provenance() == scorer.provenance()
    assert live.notes() == scorer.notes()
    assert not live.needs_whole


@pytest.mark.parametrize("kind", USUAL, ids=str)
@settings(max_examples=4, deadline=None)
@given(film=films)
def test_what_is_final_does_not_depend_on_how_the_film_comes(kind, film):
    num, seed, cuts, over = film
    values, index = track(num, seed, lost=LOST)
    duration_s = max(0.05, num / float(FPS) + over)
    live = kind.live()
    heard = follow(live, values, index, duration_s, cuts)
    assert in_order(heard.final) == in_order(follow(kind.live(), values, index, duration_s).final)
    assert not live.is_exact
    check_delays(heard, live, index)
    assert "while it was written" in live.notes()[-1]


@pytest.mark.parametrize("kind", EXACT + USUAL, ids=str)
def test_most_is_told_before_the_film_ends(kind):
    num = 900
    values, index = track(num, lost=LOST)
    live = kind.live()
    heard = follow(live, values, index, num / float(FPS), range(50, num, 50))
    assert len(heard.early) > len(heard.final) / 4
    assert any(said.provisional for _, said in heard.said)
    for _, said in heard.said[:-1]:
        assert all(segment.end_s >= said.until_s for segment in said.provisional)


@pytest.mark.parametrize("kind", EXACT + USUAL, ids=str)
def test_a_film_that_shows_nothing_has_no_segments(kind):
    values, index = track(150, lost=range(150))
    heard = follow(kind.live(), values, index, 15.0, [70])
    assert not heard.final
    assert not np.any(values)


def test_phases_of_a_usual_model_fill_the_time_once():
    values, index = track(700, seed=4)
    heard = follow(USUAL[0].live(), values, index, 70.0, range(20, 700, 20))
    ends = 0.0
    for segment in heard.final:
        assert segment.start_s >= ends
        ends = segment.end_s
