"""How far two annotators agree: kappa over time, pairs of events, intraclass correlations."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import InputError
from vtn_stream.metrics import pairing
from vtn_stream.metrics.agreement import cohens_kappa, icc, pieces, shared_time
from vtn_stream.metrics.intervals import f_quantile
from vtn_stream.metrics.pairing import paired_by_ends, paired_by_overlap

FILM = [(0.0, 20.0)]
LABELS = ["walk", "run", "rest"]

#                 |--walk--|  |run|      |rest
# one  of another |-walk-|    |--run--|  |rest
ONE = [(0, 6, "walk"), (8, 11, "run"), (15, 20, "rest")]
OTHER = [(0, 5, "walk"), (8, 13, "run"), (15, 20, "rest")]


def table(a, b, within=FILM):
    return shared_time(pieces(a, b, within))


def on_grid(segments, step=0.25, until=20.0):
    """The labels at the middles of steps."""
    times = np.arange(0, until, step) + step / 2
    return [",".join(sorted({label for s, e, label in segments if s <= t < e})) for t in times]


tracks = st.lists(
    st.tuples(st.integers(0, 80), st.integers(0, 24), st.sampled_from(LABELS)).map(
        lambda each: (each[0] / 4, min(20.0, (each[0] + each[1]) / 4), each[2])
    ),
    max_size=8,
)


def test_the_table_holds_the_seconds_of_each_pair():
    assert table(ONE, OTHER) == {
        ((), ()): 4.0,
        ((), ("run",)): 2.0,
        (("rest",), ("rest",)): 5.0,
        (("run",), ("run",)): 3.0,
        (("walk",), ()): 1.0,
        (("walk",), ("walk",)): 5.0,
    }


def test_kappa_by_hand():
    kappa = cohens_kappa(table(ONE, OTHER))
    assert kappa.observed == 17 / 20
    assert kappa.expected == pytest.approx((6 * 5 + 3 * 5 + 5 * 5 + 6 * 5) / 400)
    assert kappa.value == pytest.approx((17 / 20 - 0.25) / 0.75)


@given(tracks, tracks)
def test_kappa_is_scikit_learns_on_a_grid(a, b):
    from sklearn.metrics import cohen_kappa_score

    ours, (x, y) = cohens_kappa(table(a, b)), (on_grid(a), on_grid(b))
    if len({*x, *y}) == 1:
        assert (ours.value, ours.why) == (None, "both say one and the same all the time")
    else:
        assert ours.value == pytest.approx(cohen_kappa_score(x, y), abs=1e-12)


@given(tracks, tracks)
def test_kappa_is_symmetric_and_one_with_itself_and_does_not_care_for_names(a, b):
    names = {"walk": "x", "run": "a", "rest": "zz"}
    renamed = [[(s, e, names[label]) for s, e, label in each] for each in (a, b)]
    ours = cohens_kappa(table(a, b))
    assert cohens_kappa(table(b, a)) == ours
    assert cohens_kappa(table(*renamed)) == ours
    assert cohens_kappa(table(a, a)).value in (1.0, None)


@given(tracks, tracks, st.floats(0.01, 100))
def test_kappa_does_not_care_for_the_unit_of_time(a, b, factor):
    def scaled(segments):
        return [(s * factor, e * factor, label) for s, e, label in segments]

    value = cohens_kappa(table(a, b)).value
    other = cohens_kappa(table(scaled(a), scaled(b), [(0, 20 * factor)])).value
    assert other == (None if value is None else pytest.approx(value, abs=1e-9))


def test_only_the_time_within_counts():
    assert table(ONE, OTHER, [(4, 7), (10, 12)]) == {
        ((), ()): 1.0,
        ((), ("run",)): 1.0,
        (("run",), ("run",)): 1.0,
        (("walk",), ()): 1.0,
        (("walk",), ("walk",)): 1.0,
    }


def test_without_time_there_is_no_kappa():
    kappa = cohens_kappa(table(ONE, OTHER, []))
    assert (kappa.value, kappa.observed, kappa.why) == (None, None, "there is no time to compare")


def test_a_label_that_one_never_says_has_a_kappa_of_zero():
    kappa = cohens_kappa(table([(0, 5, "walk")], []))
    assert (kappa.value, kappa.observed) == (0.0, 0.75)


def test_a_label_that_holds_twice_at_a_moment_holds_once():
    assert table([(0, 4, "walk"), (2, 6, "walk")], [(0, 6, "walk")], [(0, 6)]) == {(("walk",), ("walk",)): 6.0}


# ---- events


def near(a, b, most_s):
    return [(pair.a, pair.b) for pair in paired_by_ends(a, b, most_s)]


def test_events_are_one_event_where_both_ends_are_near():
    assert near([(1, 2)], [(1.3, 2.4)], 0.5) == [(0, 0)]
    assert near([(1, 2)], [(1.3, 2.6)], 0.5) == []
    assert near([(1, 2)], [(0.5, 2)], 0.5) == [(0, 0)]
    assert near([(0.1, 0.1)], [(0.3, 0.3)], 0.2) == [(0, 0)]  # 0.3 - 0.1 is more than 0.2, for floats


def test_the_closest_pair_comes_first_and_each_event_is_in_one():
    assert near([(0, 0), (1, 1)], [(1, 1), (2, 2)], 1) == [(1, 0)]
    assert near([(0, 0), (1, 1)], [(1.2, 1.2), (2, 2)], 1) == [(1, 0)]
    assert near([(5, 5)] * 3, [(5, 5)] * 2, 1) == [(0, 0), (1, 1)]


def test_overlap_pairs_by_tiou():
    assert [(p.a, p.b, p.away) for p in paired_by_overlap([(0, 10)], [(0, 5), (2, 10)], 0.5)] == [(0, 1, 0.8)]
    assert paired_by_overlap([(0, 1)], [(1, 2)], 0.1) == []
    assert paired_by_overlap([], [(1, 2)], 0.5) == paired_by_overlap([(1, 2)], [], 0.5) == []


events = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda e: (e[0] / 4, (e[0] + e[1]) / 4)), max_size=9
)


def slowly(a, b, closeness, is_pair):
    """As the docstring says it: of all that are free, the closest pair, again and again."""
    pairs, a, b = [], list(a), list(b)
    while found := [(closeness(x, y), x, y) for x in a for y in b if is_pair(x, y)]:
        best = min(
            found, key=lambda each: (each[0], *(f(z) for z in zip(each[1], each[2], strict=True) for f in (min, max)))
        )
        pairs.append(best)
        a.remove(best[1])
        b.remove(best[2])
    return pairs


def apart(x, y):
    return sorted((abs(x[0] - y[0]), abs(x[1] - y[1])), reverse=True)


def tiou(x, y):
    shared = min(x[1], y[1]) - max(x[0], y[0])
    return shared / (x[1] - x[0] + y[1] - y[0] - shared) if shared > 0 else 0


@given(events, events, st.sampled_from([0.0, 0.25, 0.5, 2.0]))
def test_pairs_by_ends_are_those_of_a_slow_search(a, b, most_s):
    slow = slowly(a, b, lambda x, y: (max(apart(x, y)), sum(apart(x, y))), lambda x, y: max(apart(x, y)) <= most_s)
    fast = paired_by_ends(a, b, most_s)
    assert [p.away for p in fast] == [key[0] for key, _, _ in slow]
    assert [(a[p.a], b[p.b]) for p in fast] == [(x, y) for _, x, y in slow]


@given(events, events)
def test_pairs_by_overlap_are_those_of_a_slow_search(a, b):
    slow = slowly(a, b, lambda x, y: -round(tiou(x, y), 9), lambda x, y: tiou(x, y) >= 0.5)
    fast = paired_by_overlap(a, b, 0.5)
    assert [(a[p.a], b[p.b]) for p in fast] == [(x, y) for _, x, y in slow]


@given(events, events)
def test_pairs_do_not_depend_on_whose_events_come_first(a, b):
    for pair_up in (lambda x, y: paired_by_ends(x, y, 1.0), lambda x, y: paired_by_overlap(x, y, 0.5)):
        there = [(a[p.a], b[p.b]) for p in pair_up(a, b)]
        back = [(a[p.b], b[p.a]) for p in pair_up(b, a)]
        assert there == back


@given(events, events)
def test_more_tolerance_only_adds_pairs(a, b):
    assert near(a, b, 0.5) == near(a, b, 2.0)[: len(near(a, b, 0.5))]


def test_so_many_pairs_are_refused(monkeypatch):
    monkeypatch.setattr(pairing, "MAX_CANDIDATES", 99)
    with pytest.raises(InputError, match=r"100 pairs .* smaller tolerance"):
        paired_by_ends([(1, 1)] * 10, [(1, 1)] * 10, 1.0)


# ---- intraclass correlations

RATINGS = [(3, 4), (7, 7), (2, 4), (9, 12), (5, 5), (1, 1), (8, 6)]


@pytest.mark.filterwarnings("ignore")  # pingouin's own, of what pandas will change
@pytest.mark.parametrize(
    "ratings", [RATINGS, RATINGS[:5], [(a, b + 3) for a, b in RATINGS], [(0.5, 9), (9, 1), (4, 4), (1, 7), (3, 2)]]
)
def test_icc_is_pingouins(ratings):
    import pandas
    import pingouin

    rows = [(film, who, value) for film, both in enumerate(ratings) for who, value in enumerate(both)]
    frame = pandas.DataFrame(rows, columns=["film", "who", "value"])
    theirs = pingouin.intraclass_corr(frame, targets="film", raters="who", ratings="value").set_index("Type")
    ours = icc(ratings)
    for name, mine in (("ICC(A,1)", ours.agreement), ("ICC(C,1)", ours.consistency)):
        assert mine.value == pytest.approx(theirs.loc[name, "ICC"], abs=1e-9)
        assert (mine.low, mine.high) == pytest.approx(tuple(theirs.loc[name, "CI95"]), abs=0.0051)  # of two digits


def test_icc_is_one_where_both_are_the_same():
    same = icc([(3, 3), (5, 5), (9, 9)])
    assert same.agreement.value == same.consistency.value == 1.0


def test_a_constant_difference_lowers_agreement_alone():
    shifted = icc([(n, n + 4) for n in (1, 5, 9, 2)])
    assert shifted.consistency.value == 1.0
    assert 0 < shifted.agreement.low < shifted.agreement.value < shifted.agreement.high < 1


def test_where_icc_is_undefined_it_says_why():
    assert icc([(1, 2)]).why == "it needs two films or more"
    assert icc([]).agreement is None
    assert icc([(2, 2), (2, 2)]).why == "all films have the same in both"
    assert icc([(0.1 + 0.2, 0.3), (0.3, 0.3)]).agreement is None
    apart = icc([(1, 2), (1, 2), (1, 2)])
    assert (apart.agreement.value, apart.consistency, apart.why) == (
        0.0,
        None,
        "each annotator has the same in all films",
    )


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=9))
def test_icc_does_not_depend_on_who_comes_first(ratings):
    there, back = icc(ratings), icc([(b, a) for a, b in ratings])
    assert there.why == back.why
    for mine, other in ((there.agreement, back.agreement), (there.consistency, back.consistency)):
        assert (mine is None) == (other is None)
        if mine is not None:
            assert (mine.value, mine.low, mine.high) == pytest.approx((other.value, other.low, other.high))
            assert mine.low <= mine.value + 1e-6
            assert mine.value <= mine.high + 1e-6
            assert math.isfinite(mine.low)


@pytest.mark.parametrize("above", [1, 1.7, 4, 30, 500])
@pytest.mark.parametrize("below", [1, 2.3, 9, 60, 500])
def test_quantiles_of_f_are_scipys(above, below):
    from scipy.stats import f

    assert f_quantile(0.975, above, below) == pytest.approx(f.ppf(0.975, above, below), rel=1e-3)
