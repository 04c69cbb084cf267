"""The algebra of segments and timelines, as drawings and as sets of whole seconds.

In a drawing one character is one second and a run of one letter is a segment: "..AA.B" is A in [2, 4), B in
[5, 6). Several rows can overlap.
"""

import math
import re

import pytest
from drawn_timelines import SPAN, drawn, scores, seg, timeline
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.timeline import Gap, Segment


def seconds(span):
    """The whole seconds that a span with whole ends lasts."""
    return set(range(int(span.start_s), int(span.end_s)))


def points(span):
    """Those seconds; for an instant, its own."""
    return seconds(span) or {int(span.start_s)}


def covered(film, label):
    """The seconds of film during which the label holds; an instant lasts none."""
    return {t for s in film.segments if s.label == label for t in seconds(s)}


whole = st.integers(0, SPAN)
spans = st.builds(sorted, st.tuples(whole, whole))
attributes = st.dictionaries(st.sampled_from("xy"), st.sampled_from("12"), max_size=2)
segments = st.builds(
    lambda span, label, score, notes: seg(*span, label, score=score, attributes=notes),
    spans,
    st.sampled_from("AB"),
    scores,
    attributes,
)
gaps = st.builds(lambda span: Gap(start_s=span[0], end_s=span[1], reason="damaged"), spans)
timelines = st.builds(
    lambda s, g: timeline(*s, gaps=tuple(g)), st.lists(segments, max_size=6), st.lists(gaps, max_size=2)
)


# ---- Segment


@settings(deadline=None)
@given(segments, segments)
def test_two_segments_overlap_where_their_seconds_do(a, b):
    shared = points(a) & points(b)
    assert a.overlaps(b) == b.overlaps(a) == bool(shared)
    if not shared:
        assert a & b is None
        return
    assert points(a & b) == points(b & a) == shared
    assert ((a & b).duration_s == 0) == (a.duration_s == 0 or b.duration_s == 0)
    assert ((a & b).label, (a & b).score, (a & b).attributes) == (a.label, a.score, a.attributes)


@pytest.mark.parametrize(
    ("a", "b", "overlap"),
    [
        ((0, 2), (2, 4), False),  # |--||--|   one ends where the next begins
        ((2, 2), (2, 4), True),  #    |--|    an instant at the start is inside
        ((4, 4), (2, 4), False),  #    |--|    at the end it is outside
        ((2, 2), (2, 2), True),  # an instant overlaps itself
        ((2, 2), (3, 3), False),
    ],
)
def test_ends_are_half_open(a, b, overlap):
    assert seg(*a).overlaps(seg(*b)) is seg(*b).overlaps(seg(*a)) is overlap


@settings(deadline=None)
@given(segments, segments)
def test_tiou_is_the_share_of_common_seconds(a, b):
    union = len(seconds(a) | seconds(b))
    assert a.tiou(b) == b.tiou(a) == (len(seconds(a) & seconds(b)) / union if union else 0.0)


@settings(deadline=None)
@given(segments, st.integers(-50, 50))
def test_a_shift_moves_both_ends_and_nothing_else(a, by_s):
    moved = a.shift(by_s)
    assert points(moved) == {t + by_s for t in points(a)}
    assert moved.shift(-by_s) == a


@pytest.mark.parametrize(
    "fields",
    [
        {"start_s": 2, "end_s": 1},
        {"start_s": math.nan, "end_s": 1},
        {"start_s": 0, "end_s": math.inf},
        {"start_s": 0, "end_s": 1, "score": math.nan},
    ],
)
def test_a_segment_without_finite_ordered_numbers_cannot_exist(fields):
    with pytest.raises(ValueError, match="finite"):
        Segment(label="A", **fields)


# ---- the verbs of Timeline


def test_filter_keeps_what_was_asked_for_and_segments_without_a_score():
    sure, unsure, unscored, instant = (
        seg(0, 4, "A", score=0.9),
        seg(1, 2, "B", score=0.2),
        seg(2, 5, "B"),
        seg(3, 3, "C"),
    )
    film = timeline(sure, unsure, unscored, instant)
    assert film.filter() == film
    assert film.filter(labels=["A", "C"]).segments == (sure, instant)
    assert film.filter(labels=[]).segments == ()
    assert film.filter(min_score=0.9).segments == (sure, unscored, instant)
    assert film.filter(min_duration_s=3).segments == (sure, unscored)
    assert film.filter(labels="B", min_score=0.5, min_duration_s=1).segments == (unscored,)


def test_crop_keeps_the_part_inside_at_the_times_of_the_film():
    assert drawn("AAAAAA..BB").crop(2, 4).segments == drawn("..AA......").segments
    assert drawn("AAAAAA..BB").crop(6, 99).segments == drawn("........BB").segments


@settings(deadline=None)
@given(timelines, spans, spans)
def test_a_crop_of_a_crop_is_the_crop_to_what_they_share(film, first, second):
    low, high = max(first[0], second[0]), min(first[1], second[1])
    if low >= high:
        return
    once, twice = film.crop(low, high), film.crop(*first).crop(*second)
    assert once == twice
    assert once.span_s == (low, high)
    window = {*range(low, high)}
    for before, after in ((film.segments, once.segments), (film.gaps, once.gaps)):
        assert sorted(sorted(points(s)) for s in after) == sorted(
            sorted(points(s) & window) for s in before if points(s) & window
        )


@pytest.mark.parametrize(("first", "second"), [((0, 3), (5, 8)), ((5, 8), (0, 3)), ((5, 8), (0, 5)), ((5, 5), (0, 9))])
def test_crops_that_share_no_time_leave_no_segment(first, second):
    assert drawn("AAAAAAAAAA").crop(*first).crop(*second).segments == ()


@pytest.mark.parametrize(
    ("rows", "max_gap_s", "merged"),
    [
        (["AA..AA...A"], 0, ["AA..AA...A"]),
        (["AA..AA...A"], 2, ["AAAAAA...A"]),
        (["AA..AA...A"], 3, ["AAAAAAAAAA"]),
        (["AAA.......", "...AAA...."], 0, ["AAAAAA...."]),  # touching
        (["AAAAAAAA..", "..AA...AA."], 0, ["AAAAAAAAA."]),  # nested, overlapping
        (["AA.BB.AA.."], 2, ["AA.BB.AA.."]),
        (["AA.BB.AA.."], 4, ["AAAAAAAA..", "...BB....."]),  # another label is no wall
    ],
)
def test_merge_closes_gaps_up_to_the_given_one(rows, max_gap_s, merged):
    assert drawn(*rows).merge(max_gap_s) == drawn(*merged)


@settings(deadline=None)
@given(timelines, st.integers(0, 4))
def test_merge_never_loses_time_fills_only_short_holes_and_is_idempotent(film, max_gap_s):
    film = film.filter(min_duration_s=1)
    merged = film.merge(max_gap_s)
    for label in "AB":
        strip = "".join("#" if t in covered(film, label) else "." for t in range(SPAN))
        filled = re.sub(rf"(?<=#)\.{{0,{max_gap_s}}}(?=#)", lambda hole: "#" * len(hole[0]), strip)
        pieces = [points(s) for s in merged.segments if s.label == label]
        assert pieces == [{*range(*run.span())} for run in re.finditer("#+", filled)]
    assert merged.merge(max_gap_s) == merged


@settings(deadline=None)
@given(timelines, st.integers(0, 4))
def test_merge_of_instants_too_is_idempotent_and_keeps_all_time(film, max_gap_s):
    merged = film.merge(max_gap_s)
    assert merged.merge(max_gap_s) == merged
    assert merged.gaps == film.gaps
    for before in film.segments:
        assert any(
            s.label == before.label and s.start_s <= before.start_s and before.end_s <= s.end_s for s in merged.segments
        )


def test_a_merged_score_is_the_mean_by_duration_and_attributes_are_those_all_share():
    pieces = (
        seg(0, 3, score=0.9, attributes={"team": "red", "half": "1"}),
        seg(3, 4, score=0.5, attributes={"team": "red", "half": "2"}),
        seg(4, 9, attributes={"team": "red"}),  # of unknown score: no say in it
    )
    (one,) = timeline(*pieces).merge().segments
    assert (one.start_s, one.end_s, one.score, one.attributes) == (0, 9, pytest.approx(0.8), {"team": "red"})
    (instants,) = timeline(seg(1, 1, score=0.2), seg(1, 1, score=0.4)).merge().segments
    assert instants.score == pytest.approx(0.3)


def test_pad_grows_segments_inside_the_span():
    assert drawn("...AA...BB..").pad(1, 2) == drawn("..AAAAABBBBB")
    assert drawn("A..........B").pad(3, 3) == drawn("AAAA....BBBB")
    assert drawn("..AAAA......").crop(2, 8).pad(5, 5).segments == drawn("..AAAAAA....").segments


@pytest.mark.parametrize(
    ("rows", "track"),
    [
        (["AAAA", "..BB"], ["AABB"]),  # of equal ones the one that began later
        (["AAAAAA", "..BB"], ["AABBAA"]),
        (["AAAA", "BB.."], ["BBAA"]),  # B is listed later, as it ends first
        (["AA", "..BB"], ["AABB"]),
    ],
)
def test_without_overlaps_the_later_of_equal_segments_holds(rows, track):
    given, made = drawn(*rows), drawn(*track)
    assert given.without_overlaps().segments == made.segments


def test_without_overlaps_an_instant_stays_where_no_segment_lasts():
    given = timeline(seg(0, 4, "A", score=0.1), seg(2, 2, "B"), seg(4, 4, "C", score=0.5), seg(4, 4, "D", score=0.6))
    assert [(s.start_s, s.end_s, s.label) for s in given.without_overlaps().segments] == [(0, 4, "A"), (4, 4, "D")]


@given(st.lists(segments, max_size=8))
def test_without_overlaps_the_surest_segment_of_each_second_holds(given_segments):
    film = timeline(*given_segments)
    track = film.without_overlaps()
    rank = lambda s: (math.inf if s.score is None else s.score, s.start_s)  # noqa: E731
    for second in range(SPAN):
        alive = [s for s in film.segments if second in seconds(s)]
        held = [s for s in track.segments if second in seconds(s)]
        assert len(held) == min(1, len(alive))
        if alive:
            best = max(map(rank, alive))
            assert held[0].label in {s.label for s in alive if rank(s) == best}
    assert track.without_overlaps() == track


def test_lengths_and_gaps_are_what_their_decimals_say():
    tenths = timeline(*(seg(i / 10, (i + 1) / 10, str(i)) for i in range(110)))
    assert len(tenths.filter(min_duration_s=0.1).segments) == 110
    assert len(timeline(seg(0.5, 0.7), seg(0.8, 1.0)).merge(0.1).segments) == 1
    assert len(timeline(seg(0.5, 0.7), seg(0.801, 1.0)).merge(0.1).segments) == 2


def test_pad_leaves_out_what_it_would_turn_around():
    film = timeline(seg(0, 2, "A"), seg(3, 9, "B"), seg(5, 5, "C"))
    assert [(s.start_s, s.end_s, s.label) for s in film.pad(-3, 0).segments] == [(6, 9, "B")]
    assert [(s.start_s, s.end_s, s.label) for s in film.pad(-1, 1).segments] == [(1, 3, "A"), (4, 10, "B"), (6, 6, "C")]


def test_rename_changes_the_labels_it_names():
    assert drawn("AA.BB.CC").rename({"A": "C", "B": "D", "X": "Y"}) == drawn("CC.DD.CC")


@settings(deadline=None)
@given(st.lists(segments, max_size=5).flatmap(lambda s: st.tuples(st.just(s), st.permutations(s))))
def test_the_order_in_which_segments_are_given_does_not_matter(orders):
    given_order, other_order = orders
    assert timeline(*given_order) == timeline(*other_order)
    ends = [(s.start_s, s.end_s) for s in timeline(*given_order).segments]
    assert ends == sorted(ends)


def test_a_timeline_is_a_sequence_of_its_segments():
    walk, run = seg(0, 1, "walk"), seg(2, 3, "run")
    film = timeline(run, walk)
    assert (film[0], film[-1], film[:1]) == (walk, run, (walk,))
