"""Proposals in blocks propose nearly what the whole film's do, and depend on what is near alone."""

from dataclasses import replace

import numpy as np
import pytest
from drawing_models import FPS, make_network, track
from test_live_actions import SPANS, linear_network

from vtn_stream.heads.in_blocks import block_proposals
from vtn_stream.localize import subset
from vtn_stream.scorers.sequence import read_film

NUM = 700


def pyramid():
    """Its spans reach about two strides to each side."""
    network = make_network(SPANS, global_token=False)
    network.head.regress.out.weight.data.mul_(0.05)
    return network


def near(network):
    """That network, and the same one that proposes of the whole film."""
    other = type(network)(replace(network.config, head=replace(network.config.head, in_blocks=False))).eval()
    other.load_state_dict(network.state_dict())
    return network, other


@pytest.mark.parametrize("make", [pyramid, lambda: linear_network(SPANS)])
def test_most_strong_spans_are_those_of_the_whole_film(make, tmp_path):
    values, index = track(NUM)
    ours, whole = (read_film(network, values, index.valid, FPS, scratch=tmp_path).spans for network in near(make()))
    high = np.quantile(whole.scores, 0.8)
    found = {(k, *bounds) for k, bounds in zip(ours.classes.tolist(), ours.bounds.round(4).tolist(), strict=True)}
    strong = subset(whole, (whole.scores >= high))
    same = [
        (k, *bounds) in found
        for k, bounds in zip(strong.classes.tolist(), strong.bounds.round(4).tolist(), strict=True)
    ]
    assert len(same) > 20
    assert np.mean(same) > 0.9


@pytest.mark.parametrize("make", [pyramid, lambda: linear_network(SPANS)])
def test_what_is_far_away_changes_no_bit(make, tmp_path):
    network = make()
    values, index = track(NUM)
    other = values.copy()
    other[:200] = other[600:] = 0.5
    first, second = (read_film(network, v, index.valid, FPS, scratch=tmp_path).spans for v in (values, other))
    proposals = block_proposals(network, FPS)
    far = 64 + proposals.behind + 32 + 8
    rows = []
    for of in (first, second):
        middles = of.bounds.mean(axis=1)
        kept = subset(of, (middles > 200 + far) & (middles < 600 - far))
        rows.append(sorted(zip(kept.classes.tolist(), kept.bounds.tolist(), kept.scores.tolist(), strict=True)))
    assert rows[0] == rows[1]
    assert rows[0]
    assert proposals.before == 0


def test_no_span_is_longer_than_what_the_levels_are_asked_about():
    network = pyramid()
    network.head.regress.out.bias.data.fill_(50.0)
    values, index = track(200)
    found = read_film(network, values, index.valid, FPS, scratch=None).spans
    assert len(found)
    assert np.diff(found.bounds).max() <= 2 * 4 * 4
