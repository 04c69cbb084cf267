"""The figure after review: what a model had said against what stands now, only where people looked."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_corrections import EMPTY, corrected_films

from vtn_stream.review.agreement import Counts, agreement, by_label, worst_first
from vtn_stream.timeline import Reviewed, Segment


def seg(start_s, end_s, label="A", origin="model", **more):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=0.5, origin=origin, **more)


def was(start_s, end_s, label="A"):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=0.5)


def counts_of(*segments, rejected=(), reviewed=(), label="A"):
    timeline = replace(EMPTY, segments=segments, rejected=rejected, reviewed=reviewed)
    return agreement("film.mp4", timeline).labels[label]


def test_what_was_kept_is_right_and_what_was_rejected_is_wrong():
    counts = counts_of(seg(0, 4, origin="curated"), seg(20, 24), rejected=(seg(10, 14),))
    assert (counts.said, counts.kept, counts.rejected, counts.true, counts.right) == (3, 1, 1, 1, 1)
    assert (counts.precision, counts.recall) == (0.5, 1.0)
    assert counts.f1 == pytest.approx(2 / 3)


def test_what_nobody_looked_at_counts_nowhere():
    counts = counts_of(seg(0, 4), seg(10, 14))
    assert counts.said == 2
    assert (counts.judged, counts.true) == (0, 0)
    assert math.isnan(counts.f1)


def test_a_border_that_was_moved_a_little_is_right_and_one_that_was_moved_far_is_not():
    assert counts_of(seg(0, 9, origin="curated", was=was(0, 10))).f1 == 1
    assert counts_of(seg(0, 4, origin="curated", was=was(0, 10))).f1 == 0
    assert counts_of(seg(0, 5, origin="curated", was=was(0, 10))).f1 == 1  # a tIoU of 0.5 exactly


def test_another_label_is_wrong_for_the_one_and_missed_for_the_other():
    changed = seg(0, 9, "B", origin="curated", was=was(0, 9, "A"))
    a, b = (counts_of(changed, label=label) for label in "AB")
    assert (a.said, a.changed, a.true, a.right, a.f1) == (1, 1, 0, 0, 0)
    assert (b.said, b.changed, b.true, b.right, b.f1) == (0, 0, 1, 0, 0)


def test_the_pieces_of_one_that_was_split_were_one():
    pieces = [seg(0, 4, origin="curated", was=was(0, 9)), seg(4, 9, origin="curated", was=was(0, 9))]
    counts = counts_of(*pieces)
    assert (counts.said, counts.changed, counts.true, counts.right) == (1, 1, 2, 1)


def test_an_added_one_was_missed():
    counts = counts_of(seg(0, 4, origin="curated"), Segment(start_s=10, end_s=14, label="A", origin="manual"))
    assert (counts.added, counts.precision, counts.recall) == (1, 1, 0.5)


def test_an_instant_is_right_within_a_second():
    for moved_s, f1 in ((0.9, 1), (1.1, 0)):
        assert counts_of(seg(5 + moved_s, 5 + moved_s, origin="curated", was=was(5, 5))).f1 == f1
    both = (seg(5, 5, origin="curated"), seg(8, 12, origin="curated"))  # of one label
    assert counts_of(*both).f1 == 1


def test_a_figure_is_the_highest_that_it_may_be_where_nobody_looked_for_everything():
    kept = seg(2, 4, origin="curated")
    assert counts_of(kept).is_at_most
    assert not counts_of(kept, reviewed=(Reviewed(start_s=0, end_s=10),)).is_at_most
    assert counts_of(kept, reviewed=(Reviewed(start_s=0, end_s=10, labels=("B",)),)).is_at_most
    assert counts_of(kept, reviewed=(Reviewed(start_s=3, end_s=10),)).is_at_most


def test_of_phases_it_is_said_how_much_of_the_time_is_right():
    phases = {"analysis": {"kind": "dense labels"}}
    changed = (
        seg(0, 10, origin="curated"),
        seg(10, 15, "B", origin="curated", was=was(10, 15, "A")),
        seg(15, 20, "B", origin="curated"),
    )
    looked = replace(EMPTY, segments=changed, provenance=phases)
    assert agreement("", looked).accuracy == pytest.approx(0.75)
    reviewed = replace(looked, reviewed=(Reviewed(start_s=0, end_s=30),))  # nothing is there from 20 s on, rightly
    assert agreement("", reviewed).accuracy == pytest.approx(25 / 30)
    rejected = replace(reviewed, rejected=(seg(20, 25),))
    assert agreement("", rejected).accuracy == pytest.approx(20 / 30)
    assert math.isnan(agreement("", replace(looked, provenance={})).accuracy)


def test_the_worst_film_and_the_worst_label_come_first():
    good = agreement("good", replace(EMPTY, segments=(seg(0, 4, origin="curated"),)))
    bad = agreement("bad", replace(EMPTY, rejected=(seg(0, 4, "B"),)))
    unknown = agreement("unknown", replace(EMPTY, reviewed=(Reviewed(start_s=0, end_s=9, labels=("C",)),)))
    assert [of.name for of in worst_first([good, unknown, bad])] == ["bad", "good", "unknown"]
    assert [*by_label([good, unknown, bad])] == ["B", "A", "C"]
    assert by_label([good, good])["A"] == Counts(said=2, kept=2, true=2, right=2, elsewhere=4)


@given(corrected_films)
def test_the_counts_fit_together(timeline):
    of = agreement("film.mp4", timeline)
    total = of.total
    assert 0 <= total.right <= min(total.judged, total.true)
    assert total.judged <= total.said
    assert total.true == sum(s.by_hand for s in timeline.segments)
    assert total.rejected == len(timeline.rejected)
    assert 0 <= of.reviewed <= 1
    assert math.isnan(total.f1) or 0 <= total.f1 <= 1
    assert of.looked_at <= of.to_look_at


@given(st.lists(st.integers(0, 28), unique=True, min_size=1))
def test_a_film_in_which_everything_was_kept_has_an_f1_of_one(starts):
    kept = tuple(seg(start, start + 1, origin="curated") for start in starts)
    assert agreement("", replace(EMPTY, segments=kept)).total.f1 == 1
