"""Proposals that are decided block by block: what is decided never changes, and one block is soft-NMS of all."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_grids import spans

from vtn_stream.localize import LaggedProposals, joined, strongest
from vtn_stream.localize.soft_nms import soft_nms
from vtn_stream.localize.spans import ALWAYS_KEPT
from vtn_stream.track import Spans

LONGEST = 12.0


def rows(spans):
    return {
        (k, *bounds, score)
        for k, bounds, score in zip(spans.classes.tolist(), spans.bounds.tolist(), spans.scores.tolist(), strict=True)
    }


def lagged(block=4, ahead=8, fps=10, levels=3):
    return LaggedProposals(block=block, ahead=ahead, longest=LONGEST, num_levels=levels, fps=Fraction(fps))


def parted(given_spans, cuts, **options):
    """What is decided in the end, if candidates come up to each of the cuts."""
    decider, middles, found = lagged(**options), given_spans.bounds.mean(axis=1), []
    last = -np.inf
    for cut in sorted(cuts):
        found.append(decider.add(some(given_spans, (middles >= last) & (middles < cut)), cut))
        last = cut
    found.append(decider.add(some(given_spans, middles >= last), last))
    return joined([*found, decider.finish()])


def some(of, which):
    return Spans(bounds=of.bounds[which], classes=of.classes[which], scores=of.scores[which])


candidates = st.lists(
    st.tuples(st.integers(0, 80), st.integers(1, 12), st.integers(1, 99), st.integers(0, 1)).map(
        lambda t: (t[0] / 2, (t[0] + t[1]) / 2, t[2] / 100, t[3])
    ),
    max_size=40,
    unique_by=lambda row: (row[0], row[1], row[3]),
)


@given(candidates, st.lists(st.integers(0, 50), max_size=8))
def test_how_the_candidates_come_does_not_matter(given_rows, cuts):
    given_spans = spans(*given_rows)
    assert rows(parted(given_spans, cuts)) == rows(parted(given_spans, []))


@given(candidates, st.integers(0, 50), st.integers(0, 50))
def test_what_is_decided_does_not_depend_on_what_comes_later(given_rows, first, more):
    whole, middles = spans(*given_rows), spans(*given_rows).bounds.mean(axis=1)
    decider = lagged()
    early = decider.add(some(whole, middles < first), first)
    longer = some(whole, middles < first + more)
    final = rows(parted(longer, []))
    assert rows(early) <= final
    assert rows(early) == {row for row in final if (row[1] + row[2]) / 2 < decider.before}
    assert decider.before <= max(first - 8, 0) < decider.before + 4 or decider.before == 0


@given(candidates)
def test_one_block_is_soft_nms_of_all(given_rows):
    given_spans = spans(*given_rows)
    which, scores = soft_nms(given_spans.bounds, given_spans.scores, given_spans.classes, max_segments=10_000)
    expected = {
        (int(given_spans.classes[i]), *given_spans.bounds[i].tolist(), score)
        for i, score in zip(which, scores.tolist(), strict=True)
        if score >= ALWAYS_KEPT
    }
    found = parted(given_spans, [], block=100, fps=1)
    assert {row for row in rows(found) if row[3] >= ALWAYS_KEPT} == expected


def test_a_weak_span_that_was_kept_takes_nothing_from_a_strong_one_that_follows():
    found = parted(spans((0, 6, 0.1), (1, 8, 0.9)), [], block=4, ahead=0)
    assert rows(found) == {(0, 0.0, 6.0, 0.1), (0, 1.0, 8.0, 0.9)}


def test_a_strong_span_in_sight_takes_from_a_weak_one_before_it():
    ((_, _, _, strong), (_, _, _, weak)) = sorted(
        rows(parted(spans((0, 6, 0.5), (1, 8, 0.9)), [], block=4, ahead=4)), key=lambda row: -row[3]
    )
    assert strong == 0.9
    assert weak == pytest.approx(0.5 * np.exp(-((5 / 8) ** 2) / 0.5))


def test_a_strong_span_that_was_kept_takes_from_those_that_follow():
    found = sorted(rows(parted(spans((0, 6, 0.9), (1, 8, 0.5)), [], block=4, ahead=4)), key=lambda row: -row[3])
    assert found[1][3] == pytest.approx(0.5 * np.exp(-((5 / 8) ** 2) / 0.5))


def test_spans_of_no_length_are_not_proposed():
    assert rows(parted(spans((5, 5.04, 0.9), (7, 7, 0.8), (9, 9.06, 0.7)), [])) == {(0, 9, 9.06, 0.7)}


def test_what_is_left_can_be_looked_at_and_stays():
    decider, given_spans = lagged(), spans((0, 4, 0.9), (1, 5, 0.8), (30, 34, 0.7))
    assert not len(decider.add(given_spans, 5))
    seen = rows(decider.rest())
    assert seen == rows(decider.rest())
    assert seen == rows(decider.finish())
    assert not len(decider.finish())


def test_of_many_candidates_the_strongest_of_each_block_are_compared():
    rng = np.random.default_rng(0)
    starts = rng.uniform(0, 40, 20_000)
    many = Spans(
        bounds=np.stack([starts, starts + 3], 1),
        classes=np.zeros(20_000, np.int64),
        scores=rng.uniform(0.001, 0.5, 20_000),
    )
    found = parted(many, range(0, 45, 5), fps=1)
    assert 10 < len(found) < 1000
    assert strongest(found, 1).scores == many.scores.max()
