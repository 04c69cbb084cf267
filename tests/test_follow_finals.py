"""What is final grows and never changes, also over a run that was ended; positions that are left out are repeats."""

import numpy as np
from fake_growing import rows_of
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.following.events import Told
from vtn_stream.following.finals import Finals, missing_from
from vtn_stream.following.held import Held
from vtn_stream.following.live import Said
from vtn_stream.segments import Segment


def cut(start_s, end_s, label="walk", score=0.5):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score, origin="model")


def said(*segments, until_s):
    return Said(final=segments, provisional=(), until_s=until_s)


def test_what_an_earlier_run_told_is_not_told_again_and_stays():
    first, second = cut(0, 4), cut(4, 9)
    finals = Finals(Told(segments=(first,), until_s=4.0), draws_one_label=True)
    told = finals.take(said(first, second, until_s=9.0))
    assert told is not None
    assert told.segments == (second,)
    assert finals.segments == (first, second)


def test_until_never_goes_back():
    finals = Finals(Told(until_s=50.0), draws_one_label=True)
    assert finals.take(said(cut(0, 4), until_s=4.0)) is None
    assert finals.until_s == 50.0


def test_a_segment_over_the_moment_of_a_kill_is_told_as_it_is():
    finals = Finals(Told(segments=(cut(0, 4),), until_s=10.0), draws_one_label=False)
    assert list(finals.after_told([cut(6, 20)])) == [cut(6, 20)]


def test_what_an_earlier_end_cut_off_goes_on_as_a_segment_of_its_own():
    """An idle recorder ends a run at 10 s; it goes on, and so does what happens."""
    finals = Finals(Told(segments=(cut(6, 10),), until_s=10.0), draws_one_label=False)
    assert list(finals.after_told([cut(6, 20), cut(7, 12, "run")])) == [cut(10, 20), cut(7, 12, "run")]


def test_where_a_moment_has_one_label_nothing_lies_over_what_was_told():
    finals = Finals(Told(segments=(cut(6, 10),), until_s=10.0), draws_one_label=True)
    assert list(finals.after_told([cut(5, 12, "run")])) == [cut(10, 12, "run")]


def test_what_an_earlier_run_would_have_told_otherwise_is_not_told():
    finals = Finals(Told(segments=(cut(0, 4),), until_s=10.0), draws_one_label=False)
    assert list(finals.after_told([cut(1, 5), cut(2, 9.5)])) == []


def test_a_final_segment_that_a_timeline_lacks_is_found():
    there = [cut(0, 4, "scene A"), cut(4, 9, "scene B")]
    final = [cut(0, 4, "scene"), cut(4, 9, "scene"), cut(9, 10, "scene")]
    assert missing_from(there, final, by_name=False) == [final[2]]
    assert missing_from(there, final, by_name=True) == final


@given(st.lists(st.sampled_from(["seen", "left out", "dark"]), min_size=1, max_size=30), st.integers(1, 7))
def test_what_is_left_out_repeats_what_was_seen_last_however_it_is_cut(kinds, piece):
    rows = rows_of(kinds)
    left_out = np.array([kind == "left out" for kind in kinds])
    held, filled = Held(), []
    for start in range(0, len(kinds), piece):
        part = slice(start, start + piece)
        filled.append(held.fill(rows_of(kinds, part), left_out[part]))
    values = np.concatenate([of.values for of in filled])
    frame = np.concatenate([of.index.frame for of in filled])
    valid = np.concatenate([of.index.valid for of in filled])
    last = None
    for i, kind in enumerate(kinds):
        if kind != "left out":
            last = i
        if last is None or kinds[last] == "dark":
            assert not valid[i]
            assert not values[i].any()
        else:
            assert valid[i]
            assert frame[i] == rows.index.frame[last]
            assert np.array_equal(values[i], rows.values[last])
