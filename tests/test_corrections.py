"""What people said of a timeline stays, whatever is drawn anew. A column of a drawing is a second:

A  a segment that a model drew    a  one by hand    x  rejected, or reviewed, of the label that is named    .  nothing
"""

from dataclasses import replace
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream import corrections
from vtn_stream.corrections import (
    SAME_INSTANT_S,
    corrections_digest,
    is_corrected,
    kept_over,
    num_reviewed,
    num_to_review,
    reviewed_share,
    reviewed_spans,
    what_stands,
    what_the_model_said,
)
from vtn_stream.timeline import Reviewed, Segment, Timeline

LENGTH_S = 30
EMPTY = Timeline(video_identity="c0ffee", video_path="film.mp4", duration_s=LENGTH_S, span_s=(0, LENGTH_S))


def spans(drawing):
    """(character, start, end) of each run."""
    at = 0
    for character, run in groupby(drawing):
        length = len(list(run))
        if character != ".":
            yield character, at, at + length
        at += length


def film(drawing, *, rejected="", reviewed="", of=("A",)):
    segments = [
        Segment(start_s=start, end_s=end, label=c.upper(), score=0.5, origin="model" if c.isupper() else "manual")
        for c, start, end in spans(drawing)
    ]
    gone = [Segment(start_s=start, end_s=end, label=c, score=0.5, origin="model") for c, start, end in spans(rejected)]
    looked = [Reviewed(start_s=start, end_s=end, labels=of) for _, start, end in spans(reviewed)]
    return replace(EMPTY, segments=tuple(segments), rejected=tuple(gone), reviewed=tuple(looked))


def kept(corrected, drawn, *, exclusive=False):
    """The drawing of what is kept; of labels that overlap, the later one is shown."""
    columns = ["."] * LENGTH_S
    for s in kept_over(corrected, film(drawn), exclusive=exclusive).timeline.segments:
        label = s.label.lower() if s.by_hand else s.label
        columns[int(s.start_s) : int(s.end_s)] = label * int(s.duration_s)
    return "".join(columns).rstrip(".")


def test_without_corrections_what_is_drawn_is_unchanged():
    assert kept(film("AAA..BB"), "..AAAA") == "..AAAA"
    drawn = film("..AAAA")
    assert kept_over(film("AAA..BB"), drawn, exclusive=True).timeline is drawn


def test_what_goes_on_outside_of_a_moment_that_was_answered_is_drawn_there_anew():
    answered = film("AAAaaAAAAA", reviewed="...xx.....")
    for exclusive in (True, False):
        assert kept(answered, "AAAAAAAAAAA", exclusive=exclusive) == "AAAaaAAAAAA"
        assert kept(answered, "...AA......", exclusive=exclusive) == "...aa"
    beside = film(".....aaaa", reviewed="xxxxx....")  # it only begins where reviewed time ends
    assert kept(beside, "....AAAAAAAAAAA") == ".....aaaa"


@pytest.mark.parametrize(
    ("before", "drawn", "after"),
    [
        ("..aaaa......", "........AAA.", "..aaaa..AAA"),  # far away
        ("..aaaa......", "..AAAA......", "..aaaa"),  # the same
        ("..aaaa......", ".AAAA.......", "..aaaa"),  # mostly the same
        ("..aaaa......", "....AAAA....", "..aaAAAA"),  # half of both is not mostly
        ("..aaaa......", "..BBBB......", "..BBBB"),  # another label: both are there
        ("..aaaa......", "AAAAAAAAAAAA", "..aaaa"),  # a longer one that holds it
    ],
)
def test_what_is_by_hand_stays_and_the_same_is_not_drawn_beside_it(before, drawn, after):
    assert kept(film(before), drawn) == after
    result = kept_over(film(before), film(drawn), exclusive=False).timeline
    assert film(before).segments[0] in result.segments


def test_a_rejected_segment_does_not_come_back():
    corrected = film("............BB", rejected="..AAAA")
    assert kept(corrected, "..AAAA......BB") == "............BB"
    assert kept(corrected, "...AAAA.....BB") == "............BB"
    assert kept(corrected, "..BBBB.AAA..BB") == "..BBBB.AAA..BB"  # another label, another time
    result = kept_over(corrected, film("..AAAA"), exclusive=False)
    assert result.timeline.rejected == corrected.rejected
    assert (result.num_rejected, result.num_left_out) == (1, 1)


def test_what_a_segment_was_before_a_person_changed_it_is_not_drawn_again():
    was = Segment(start_s=10, end_s=16, label="A", score=0.5)
    moved = Segment(start_s=4, end_s=8, label="A", origin="curated", was=was)
    renamed = Segment(start_s=10, end_s=16, label="B", origin="curated", was=was)
    for changed in (moved, renamed):
        corrected = replace(EMPTY, segments=(changed,))
        assert kept_over(corrected, film("..........AAAAAA"), exclusive=False).timeline.segments == (changed,)


def test_in_reviewed_time_nothing_new_of_its_labels_is_drawn():
    corrected = film("", reviewed=".....xxxxx", of=("A",))
    assert kept(corrected, "AAA...AA..AA") == "AAA.......AA"
    assert kept(corrected, "..AAAAAAAAAAAA") == "..AAA.....AAAA"  # cut at both borders
    assert kept(corrected, "BBBBBBBBBBBBBB") == "BBBBBBBBBBBBBB"
    everything = film("", reviewed=".....xxxxx", of=None)
    assert kept(everything, "BBBBBBBBBBBBBB") == "BBBBB.....BBBB"
    assert kept_over(everything, film("BBBBBBBB"), exclusive=False).num_cut == 1


def test_what_a_person_let_stand_in_reviewed_time_still_stands():
    """A model's segment that reached over a border of it: nobody said that nothing happens there."""
    reached = film("...AAAA..AAA", reviewed=".....xxxxx", of=("A",))
    assert kept(reached, "...AAAA..AAA") == "...AAAA..AAA"  # the same again
    assert kept(reached, "..AAAAAAAAAAAAA") == "..AAAAA..AAAAAA"
    assert kept(reached, "AAA") == "AAA..AA..A"  # it is drawn no more, and stays where that was reviewed
    assert kept(film("AAAAAAAAAAAAAAA", reviewed=".....xxxxx"), ".AAAAAAAAAAAA") == ".AAAAAAAAAAAA"
    (one,) = kept_over(film("AAAAAAAAA", reviewed="...xxx"), film("AAAAAAAAAAA"), exclusive=True).timeline.segments
    assert (one.start_s, one.end_s) == (0, 11)  # one, not three
    between = film("AAAAAAAAAAA", reviewed=".xx....xx")
    assert kept_over(between, film("AAAAAAAAAAA"), exclusive=True).timeline.segments == film("AAAAAAAAAAA").segments
    assert kept_over(between, film("AAAAAAAAAAA"), exclusive=True).num_cut == 0


def test_where_one_label_holds_at_each_moment_what_is_by_hand_takes_its_place():
    assert kept(film("...bbb"), "AAAAAAAAAA", exclusive=True) == "AAAbbbAAAA"
    assert kept_over(film("...bbb"), film("AAAAAAAAAA"), exclusive=False).num_cut == 0  # else both are there
    assert kept(film("..aaa..............."), "AAAAAAAAAAAAAAAAAAAA", exclusive=True) == "AAaaaAAAAAAAAAAAAAAA"
    assert kept(film("...aaaaaaa"), "..AAAAAAAAA", exclusive=True) == "...aaaaaaa"  # no slivers beside it
    assert kept(film("", rejected="....AA"), "AAAAAAAAAA", exclusive=True) == "AAAA..AAAA"
    assert kept(film("", rejected="....AA"), "...AAAA...", exclusive=True) == ""


def test_instants_that_lie_near_are_the_same():
    def at(*times, origin="manual"):
        return tuple(Segment(start_s=t, end_s=t, label="A", origin=origin) for t in times)

    drawn = replace(EMPTY, segments=at(3, 5, 5 + SAME_INSTANT_S + 0.1, origin="model"))
    by_hand = kept_over(replace(EMPTY, segments=at(5)), drawn, exclusive=False).timeline
    assert [(s.start_s, s.by_hand) for s in by_hand.segments] == [(3, False), (5, True), (6.1, False)]
    rejected = kept_over(replace(EMPTY, rejected=at(5, origin="model")), drawn, exclusive=False).timeline
    assert [s.start_s for s in rejected.segments] == [3, 6.1]
    reviewed = kept_over(film("", reviewed="...x"), drawn, exclusive=False).timeline
    assert [s.start_s for s in reviewed.segments] == [5, 6.1]


def test_it_counts_what_was_kept_cut_and_left_out():
    corrected = film("aa..........", rejected=".....BB", reviewed=".............xxxx", of=None)
    drawn = film("AA.CC.BB...CCCC.CCC")
    result = kept_over(corrected, drawn, exclusive=False)
    assert (result.num_by_hand, result.num_rejected, result.num_reviewed) == (1, 1, 1)
    assert (result.num_left_out, result.num_cut) == (1, 2)
    assert kept(corrected, "AA.CC.BB...CCCC.CCC") == "aa.CC.BB...CC....CC"


times = st.integers(0, LENGTH_S)
spanned = st.tuples(times, times).map(sorted)
labels = st.sampled_from(["A", "B", "C"])
scores = st.none() | st.sampled_from([0.25, 0.5])
model_segments = st.builds(
    lambda span, label, score: Segment(start_s=span[0], end_s=span[1], label=label, score=score, origin="model"),
    spanned,
    labels,
    scores,
)
manual = model_segments.map(lambda s: replace(s, origin="manual", score=None))
curated = st.builds(
    lambda s, was: replace(s, origin="curated", was=was and replace(was, origin=None)),
    model_segments,
    st.none() | model_segments,
)
reviews = st.builds(
    lambda span, only: Reviewed(start_s=span[0], end_s=span[1], labels=only and tuple(only)),
    spanned,
    st.none() | st.lists(labels, min_size=1, max_size=2),
)
many = {"max_size": 6}
corrected_films = st.builds(
    lambda segments, reviewed, rejected: replace(
        EMPTY, segments=tuple(segments), reviewed=tuple(reviewed), rejected=tuple(rejected)
    ),
    st.lists(manual | curated | model_segments, **many),
    st.lists(reviews, max_size=3),
    st.lists(model_segments, max_size=3),
)
drawn_films = st.lists(model_segments, **many).map(lambda found: replace(EMPTY, segments=tuple(found)))


@given(corrected_films, drawn_films, st.booleans())
def test_nothing_by_hand_is_ever_lost_or_changed(corrected, drawn, exclusive):
    result = kept_over(corrected, drawn, exclusive=exclusive)
    assert what_stands(result.timeline) == what_stands(corrected)
    assert result.timeline.reviewed == corrected.reviewed
    assert result.timeline.rejected == corrected.rejected
    assert corrections_digest(result.timeline) == corrections_digest(corrected)
    again = kept_over(result.timeline, drawn, exclusive=exclusive)
    assert again == result
    if not is_corrected(corrected):
        assert result.timeline is drawn


@given(corrected_films, drawn_films, st.booleans())
def test_what_is_drawn_is_part_of_what_the_model_said_and_against_nothing_that_people_said(corrected, drawn, exclusive):
    corrected = replace(corrected, segments=what_stands(corrected))
    result = kept_over(corrected, drawn, exclusive=exclusive)
    mine = [s for s in result.timeline.segments if not s.by_hand]
    by_hand = what_stands(corrected)
    whole = 0
    for s in mine:
        (of, *_) = [
            d
            for d in drawn.segments
            if d.start_s <= s.start_s and s.end_s <= d.end_s and (d.label, d.score) == (s.label, s.score)
        ]
        whole += s in drawn.segments
        for r in corrected.reviewed:
            if r.labels is None or s.label in r.labels:
                assert not (r.start_s < r.end_s and s.overlaps(r))
        for other in (*by_hand, *corrected.rejected, *(b.was for b in by_hand if b.was)):
            if other.label == s.label:
                assert s.tiou(other) < 0.5
                assert (s & replace(other, origin=None, was=None) or replace(s, end_s=s.start_s)).duration_s <= (
                    s.duration_s / 2
                )
        if exclusive and of.duration_s:
            assert not any(s.overlaps(b) for b in by_hand if b.duration_s)
    assert result.num_left_out + result.num_cut <= len(drawn.segments) or not is_corrected(corrected)


@given(corrected_films, drawn_films, st.booleans())
def test_reviewed_time_stays_as_the_person_left_it(corrected, drawn, exclusive):
    after = kept_over(corrected, drawn, exclusive=exclusive).timeline
    for r in corrected.reviewed:
        for label in "ABC":
            if r.labels is None or label in r.labels:
                there = [
                    {
                        moment
                        for s in timeline.segments
                        if not s.by_hand and s.label == label and (part := s.cropped(r.start_s, r.end_s))
                        for moment in (range(2 * int(part.start_s), 2 * int(part.end_s)) or [f"at {part.start_s}"])
                    }
                    for timeline in (corrected, after)
                ]
                assert there[0] == there[1]


@given(corrected_films, drawn_films)
def test_what_nobody_spoke_of_is_drawn(corrected, drawn):
    """A segment that lies apart from all that people said is there, as it was drawn."""
    result = kept_over(corrected, drawn, exclusive=True)
    said = (*what_stands(corrected), *corrected.rejected, *corrected.reviewed)
    said += tuple(s.was for s in what_stands(corrected) if s.was)
    for s in drawn.segments:
        if all(s.end_s + SAME_INSTANT_S < o.start_s or o.end_s + SAME_INSTANT_S < s.start_s for o in said):
            assert s in result.timeline.segments


def test_what_the_model_said_is_what_it_drew_before_anybody_changed_it():
    one, two, three, four = (
        Segment(start_s=i * 5, end_s=i * 5 + 4, label="A", score=0.5, origin="model") for i in range(4)
    )
    was = replace(one, origin=None)
    pieces = [replace(one, end_s=2, origin="curated", was=was), replace(one, start_s=2, origin="curated", was=was)]
    corrected = replace(
        EMPTY,
        segments=(*pieces, replace(two, origin="curated"), four, replace(four, origin="manual", score=None)),
        rejected=(three,),
    )
    assert what_the_model_said(corrected) == (one, two, three, four)
    assert (num_reviewed(corrected), num_to_review(corrected)) == (4, 5)
    assert what_the_model_said(replace(EMPTY, segments=(one, two))) == (one, two)


def test_how_much_is_reviewed_is_counted_once_and_by_label():
    corrected = film("CCC", reviewed="xxxxxxxxxxxx", of=("A",))
    corrected = replace(corrected, reviewed=(*corrected.reviewed, Reviewed(start_s=6, end_s=15)))
    assert reviewed_spans(corrected, "A") == [(0, 15)]
    assert reviewed_share(corrected, "A") == pytest.approx(0.5)
    assert reviewed_share(corrected, "C") == pytest.approx(0.3)
    assert reviewed_share(corrected) == pytest.approx(0.4)
    assert reviewed_share(EMPTY) == 0
    assert reviewed_share(replace(EMPTY, reviewed=(Reviewed(start_s=0, end_s=LENGTH_S),))) == 1


@given(corrected_films, corrected_films)
def test_the_digest_is_that_of_the_hand_work_alone(one, two):
    said = [(what_stands(f), f.reviewed, f.rejected) for f in (one, two)]
    assert (corrections_digest(one) == corrections_digest(two)) == (said[0] == said[1])
    assert (corrections_digest(one) is None) == (not is_corrected(one))


def test_ten_thousand_segments_by_hand_take_no_time():
    by_hand = tuple(Segment(start_s=i, end_s=i + 1, label="A", origin="manual") for i in range(10_000))
    drawn = tuple(Segment(start_s=i + 0.5, end_s=i + 0.9, label="A", origin="model") for i in range(10_000))
    film = replace(EMPTY, duration_s=10_001, span_s=(0, 10_001))
    result = kept_over(replace(film, segments=by_hand), replace(film, segments=drawn), exclusive=True)
    assert result.num_left_out == 10_000


def test_reviewed_time_is_looked_up_once_for_each_label_not_for_each_segment(monkeypatch):
    asked = []
    monkeypatch.setattr(corrections, "reviewed_spans", lambda t, label: asked.append(label) or reviewed_spans(t, label))
    segments = tuple(Segment(start_s=i, end_s=i + 1, label="AB"[i % 2], origin="model") for i in range(100))
    film = replace(EMPTY, duration_s=101, span_s=(0, 101), segments=segments)
    kept_over(replace(film, reviewed=(Reviewed(start_s=0, end_s=50),)), film, exclusive=False)
    assert len(asked) <= 4
