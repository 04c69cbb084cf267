"""What the verbs of a timeline make of what people said of it: never what nobody said."""

from dataclasses import replace

import pytest
from drawn_timelines import SPAN, scores, seg, timeline
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.timeline import Reviewed

LABELS = "ABC"


def said(start_s, end_s, labels=None):
    return Reviewed(start_s=start_s, end_s=end_s, labels=labels)


whole = st.integers(0, SPAN)
spans = st.builds(sorted, st.tuples(whole, whole))
plain = st.builds(lambda span, label, score: seg(*span, label, score=score), spans, st.sampled_from(LABELS), scores)


@st.composite
def any_segment(draw):
    origin = draw(st.sampled_from([None, "model", "curated", "manual"]))
    s = replace(draw(plain), origin=origin)
    return s.changed_from(draw(plain)) if origin == "curated" and draw(st.booleans()) else s


reviewed = st.builds(
    lambda span, labels: said(*span, labels or None), spans, st.sets(st.sampled_from(LABELS)).map(tuple)
)
corrected = st.builds(
    lambda s, r, gone: timeline(*s, reviewed=tuple(r), rejected=tuple(gone)),
    st.lists(any_segment(), max_size=5),
    st.lists(reviewed, max_size=3),
    st.lists(plain, max_size=2),
)
verbs = st.one_of(
    st.builds(lambda labels: lambda t: t.filter(labels=labels), st.sets(st.sampled_from(LABELS))),
    st.builds(lambda score: lambda t: t.filter(min_score=score), st.floats(0, 1)),
    st.builds(lambda long_s: lambda t: t.filter(min_duration_s=long_s), st.integers(0, 4)),
    st.builds(lambda top: lambda t: t.filter(top=top), st.integers(0, 4)),
    st.builds(lambda gap_s: lambda t: t.merge(gap_s), st.integers(0, 3)),
    st.builds(lambda lead, lag: lambda t: t.pad(lead, lag), st.integers(-3, 3), st.integers(-3, 3)),
    st.builds(lambda span: lambda t: t.crop(*span), spans),
    st.just(lambda t: t.without_overlaps()),
)


def holds(s, at):
    return s.start_s <= at < s.end_s or s.start_s == s.end_s == at


def standing(film):
    return {(at, s.label) for s in film.segments for at in moments() if holds(s, at)}


def moments():
    """Whole seconds, where instants are, and between them, where only segments with a length are."""
    return [at / 2 for at in range(2 * SPAN + 1)]


def nothing_there(film):
    """The moments of which a film says that nothing happens but what stands."""
    stands = standing(film)
    return {
        (at, label)
        for r in film.reviewed
        for at in moments()
        for label in LABELS
        if holds(r, at) and r.speaks_of(label) and (at, label) not in stands
    }


def taken_away(film):
    """The moments of which a film says that the model was wrong there."""
    gone = {(at, s.label) for s in film.rejected for at in moments() if holds(s, at)}
    for s in film.segments:
        if s.was is not None:
            gone |= {(at, s.was.label) for at in moments() if holds(s.was, at)} - {
                (at, s.label) for at in moments() if holds(s, at)
            }
    return gone


@given(corrected, verbs)
def test_no_verb_says_for_a_person_what_that_person_did_not_say(film, verb):
    after = verb(film)
    assert nothing_there(after) <= nothing_there(film)
    assert taken_away(after) <= taken_away(film)
    by_hand = {(at, s.label) for s in film.segments if s.by_hand for at in moments() if holds(s, at)}
    assert {(at, s.label) for s in after.segments if s.by_hand for at in moments() if holds(s, at)} <= by_hand


def test_filter_by_score_leaves_what_a_person_stands_behind():
    kept, low = seg(1, 2, score=0.1, origin="curated"), seg(4, 6, score=0.1, origin="model")
    film = timeline(kept, low, reviewed=(said(0, 5), said(5, 9, ("B",))), rejected=(seg(8, 9, score=0.2),))
    after = film.filter(min_score=0.5)
    assert after.segments == (kept,)
    assert after.reviewed == (said(0, 4), said(5, 9, ("B",)))  # what was there from 4 on is not told any more
    assert after.rejected == film.rejected
    assert film.filter(top=1).segments == (kept,)


def test_filter_by_label_leaves_what_was_said_of_these_labels():
    film = timeline(
        seg(1, 2, "A"), seg(3, 4, "B"), reviewed=(said(0, 5), said(5, 9, ("B", "C"))), rejected=(seg(7, 8, "B"),)
    )
    assert film.filter(labels=["A"]).reviewed == (said(0, 5, ("A",)),)
    assert film.filter(labels=["A"]).rejected == ()
    assert film.filter(labels=["B"]).reviewed == (said(0, 5, ("B",)), said(5, 9, ("B",)))
    assert film.filter(labels=["B"]).rejected == film.rejected


def test_an_instant_that_is_left_out_takes_its_moment_from_what_was_reviewed():
    film = timeline(seg(4, 4, score=0.1), reviewed=(said(0, 9),))
    first, second = film.filter(min_score=0.5).reviewed
    assert (first.start_s, first.end_s, second.end_s) == (0, 4, 9)
    assert 4 < second.start_s < 4.000001


def test_a_part_of_a_changed_segment_was_the_part_that_the_model_had_said_of_it():
    moved = seg(2, 8, origin="curated", was=seg(0, 6, score=0.5))
    film = timeline(moved)
    assert film.crop(1, 7).segments == (seg(2, 7, origin="curated", was=seg(1, 6, score=0.5)),)
    assert film.crop(3, 5).segments == (seg(3, 5, origin="curated"),)
    assert film.crop(6, 9).segments == (seg(6, 8, origin="manual"),)  # there, the model had said nothing
    assert moved.shift(1) == seg(3, 9, origin="curated", was=seg(1, 7, score=0.5))


@pytest.mark.parametrize(
    "change", [lambda t: t.pad(1, 1), lambda t: t.merge(2), lambda t: t.without_overlaps()], ids=["pad", "merge", "one"]
)
def test_what_a_program_places_anew_nobody_said(change):
    film = timeline(seg(2, 5, origin="manual"), seg(4, 8, origin="curated", was=seg(4, 9)), seg(4, 8, "B", score=0.1))
    assert {s.origin for s in change(film).segments if s not in film.segments} == {None}
    assert all(s.was is None for s in change(film).segments if s not in film.segments)
    assert timeline(seg(2, 5, origin="manual")).merge(2).segments[0].origin == "manual"


def test_of_overlapping_segments_that_of_a_person_holds():
    hand, model = seg(2, 6, score=0.2, origin="curated"), seg(2, 6, "B", score=0.9, origin="model")
    film = timeline(hand, model, reviewed=(said(0, 9, ("A",)), said(0, 9, ("B",))))
    assert film.without_overlaps().segments == (hand,)
    assert film.without_overlaps().reviewed == (said(0, 2, ("B",)), said(0, 9, ("A",)), said(6, 9, ("B",)))


def test_rename_renames_in_what_was_in_what_is_reviewed_and_in_what_is_rejected():
    film = timeline(
        seg(0, 2, "A", origin="curated", was=seg(0, 2, "B", score=0.5)),
        reviewed=(said(0, 5), said(5, 9, ("A", "C"))),
        rejected=(seg(7, 8, "B"),),
    )
    renamed = film.rename({"A": "X", "B": "Y"})
    assert renamed.segments == (seg(0, 2, "X", origin="curated", was=seg(0, 2, "Y", score=0.5)),)
    assert renamed.reviewed == (said(0, 5), said(5, 9, ("C", "X")))
    assert renamed.rejected == (seg(7, 8, "Y"),)
    one = film.rename({"B": "A"})
    assert one.segments == (seg(0, 2, "A", origin="curated"),)  # under one name, nothing was changed
    assert one.reviewed == (said(0, 5), said(5, 9, ("C",)))  # nobody looked for what was called B
