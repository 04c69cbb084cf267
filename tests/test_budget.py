"""Time budgets: figures equal hand-computed ones, and pandas; bins add up; what follows what."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from drawn_timelines import drawn, seg, timeline
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.budget import stats
from vtn_stream.budget.bins import counts_in, edges_of, seconds_in
from vtn_stream.budget.figures import covered, gaps_between, joined, shared
from vtn_stream.errors import InputError
from vtn_stream.timeline import Gap, Timeline


def rows_of(found, label="A", film="film.mp4"):
    (row,) = [row for row in found.films if row.label == label and row.film == film]
    return row


def group_of(found, label, statistic, group="all"):
    (row,) = [row for row in found.groups if (row.group, row.label, row.statistic) == (group, label, statistic)]
    return row


def film(name, *segments, **fields):
    return timeline(*segments, video_path=name, video_identity=name, **fields)


def test_a_table_by_hand():
    # 0         1
    # 0123456789012 seconds
    # AA..AAAA..A.
    row = rows_of(stats(drawn("AA  AAAA  A ")))
    assert (row.count, row.instants, row.observed_s) == (3, 0, 12)
    assert (row.total_s, row.mean_s, row.median_s, row.longest_s) == (7, pytest.approx(7 / 3), 2, 4)
    assert row.sd_s == pytest.approx(math.sqrt(((2 - 7 / 3) ** 2 + (4 - 7 / 3) ** 2 + (1 - 7 / 3) ** 2) / 2))
    assert (row.share, row.rate_per_min) == (pytest.approx(7 / 12), 15)
    assert (row.latency_s, row.mean_gap_s) == (0, 2)


def test_one_that_never_happens_in_a_film_is_a_row_of_zeros_without_latency():
    row = rows_of(stats([film("a.mp4", seg(1, 2)), film("b.mp4", seg(3, 4, "B"))]), "A", "b.mp4")
    assert (row.count, row.total_s, row.share, row.rate_per_min) == (0, 0, 0, 0)
    assert (row.mean_s, row.median_s, row.sd_s, row.longest_s, row.latency_s) == (None,) * 5


def test_a_film_without_segments_is_told_and_counts():
    found = stats([film("a.mp4", seg(0, 6)), film("b.mp4")])
    assert group_of(found, "A", "mean").share == 0.25
    assert "there is no segment in 1 film (b.mp4): counted as films in which nothing happens" in found.notes[0]


def test_a_film_is_not_lost_where_no_film_has_a_segment():
    (row,) = stats(film("a.mp4")).films
    assert (row.film, row.label, row.count) == ("a.mp4", "", 0)


def test_instants_have_counts_and_no_lengths():
    row = rows_of(stats(timeline(seg(2, 2), seg(5, 5))))
    assert (row.count, row.instants, row.rate_per_min, row.latency_s, row.mean_gap_s) == (2, 2, 10, 2, 3)
    assert (row.total_s, row.mean_s, row.longest_s, row.share) == (None,) * 4


def test_an_instant_at_the_very_end_counts():
    found = stats(timeline(seg(12, 12)), bin_s=5)
    assert rows_of(found).count == 1
    assert [row.count for row in found.bins] == [0, 0, 1]


def test_of_instants_and_segments_of_one_label_only_segments_have_lengths():
    row = rows_of(stats(timeline(seg(2, 2), seg(4, 8))))
    assert (row.count, row.instants, row.total_s, row.mean_s, row.share) == (2, 1, 4, 4, pytest.approx(1 / 3))


def test_overlaps_count_twice_in_the_total_and_once_in_the_share():
    found = stats(timeline(seg(0, 4), seg(2, 6)))
    row = rows_of(found)
    assert (row.total_s, row.share, row.mean_gap_s) == (8, 0.5, 0)
    assert "segments of one label overlap in 1 film (film.mp4)" in found.notes[0]


def test_gaps_are_not_observed():
    row = rows_of(stats(timeline(seg(0, 6), gaps=(Gap(start_s=4, end_s=8, reason="damage"),))))
    assert (row.observed_s, row.total_s, row.share, row.rate_per_min) == (8, 6, 0.5, 7.5)


def test_a_part_of_a_film_counts_from_its_start():
    row = rows_of(stats(timeline(seg(4, 5), seg(9, 12), span_s=(3, 10))))
    assert (row.observed_s, row.latency_s, row.total_s) == (7, 1, 2)


def test_what_lies_outside_the_analyzed_part_is_told():
    assert "2 segments outside the analyzed part" in stats(timeline(seg(0, 4), seg(1, 2), span_s=(3, 10))).notes[0]


def test_rejected_segments_do_not_count():
    assert [row.label for row in stats(timeline(seg(0, 1), rejected=(seg(3, 4, "B"),))).films] == ["A"]


def test_one_label_in_two_forms_of_unicode_is_one():
    found = stats([film("a.mp4", seg(0, 1, "caf\u00e9")), film("b.mp4", seg(0, 1, "cafe\u0301"))])
    assert {row.label for row in found.films} == {"caf\u00e9"}


def test_groups_are_means_over_films_and_pooled_time():
    found = stats([film("a.mp4", seg(0, 6)), film("b.mp4", seg(2, 5), duration_s=30, span_s=(0, 30))])
    assert group_of(found, "A", "n").share == 2
    assert group_of(found, "A", "mean").share == pytest.approx((6 / 12 + 3 / 30) / 2)
    assert group_of(found, "A", "sd").latency_s == pytest.approx(math.sqrt(2))
    assert group_of(found, "A", "sem").latency_s == pytest.approx(1)
    pooled = group_of(found, "A", "pooled")
    assert (pooled.share, pooled.count, pooled.total_s, pooled.mean_s) == (pytest.approx(9 / 42), 2, 9, 4.5)
    assert pooled.latency_s is None


def test_a_mean_latency_is_over_the_films_where_it_happens():
    found = stats([film("a.mp4", seg(4, 6)), film("b.mp4")])
    assert (group_of(found, "A", "n").latency_s, group_of(found, "A", "mean").latency_s) == (1, 4)
    assert group_of(found, "A", "sd").latency_s is None


# ---- time bins


def test_segments_are_cut_at_bin_edges_and_counted_where_they_start():
    found = stats(drawn("  AAAAA  AAA"), bin_s=5)
    assert [(row.start_s, row.end_s) for row in found.bins] == [(0, 5), (5, 10), (10, 12)]
    assert [row.count for row in found.bins] == [1, 1, 0]
    assert [row.total_s for row in found.bins] == [3, 3, 2]
    assert [row.share for row in found.bins] == [0.6, 0.6, 1.0]  # the last bin has two seconds
    assert [row.rate_per_min for row in found.bins] == [12, 12, 0]


def test_a_bin_longer_than_the_film_is_one():
    found = stats(drawn("  AAAAA  AAA"), bin_s=3600)
    assert [(row.start_s, row.end_s, row.observed_s, row.total_s) for row in found.bins] == [(0, 12, 12, 8)]


def test_a_bin_without_observed_time_has_no_share():
    found = stats(timeline(seg(0, 2), gaps=(Gap(start_s=4, end_s=8, reason="damage"),)), bin_s=4)
    assert [row.share for row in found.bins] == [0.5, None, 0]


def test_bins_of_a_group_are_means_over_the_films_that_are_so_long():
    found = stats([film("a.mp4", seg(0, 4)), film("b.mp4", seg(0, 2), duration_s=4, span_s=(0, 4))], bin_s=4)
    means = [(row.bin, row.films, row.share) for row in found.group_bins if row.statistic == "mean"]
    assert means == [(0, 2, 0.75), (1, 1, 0), (2, 1, 0)]


def test_too_many_bins_are_refused():
    with pytest.raises(InputError, match="give longer bins"):
        stats(timeline(seg(0, 1), duration_s=1e9, span_s=(0, 1e9)), bin_s=1)


@pytest.mark.parametrize("bin_s", [0, -1, math.nan, math.inf])
def test_a_bin_has_a_length(bin_s):
    with pytest.raises(InputError, match="has no length"):
        stats(drawn("A"), bin_s=bin_s)


def test_floats_do_not_make_one_more_bin():
    assert edges_of((0, 0.3), 0.1).tolist() == pytest.approx([0, 0.1, 0.2, 0.3])
    assert counts_in(np.array([[0.1 + 0.2 - 1e-9, 1]]), edges_of((0, 1), 0.3)).tolist() == [0, 1, 0, 0]


# ---- properties

spans = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda part: (part[0] / 2, min(20, sum(part) / 2))),
    max_size=12,
).map(lambda parts: np.array(sorted(parts), np.float64).reshape(-1, 2))


@given(spans, st.sampled_from([0.5, 1, 3, 7.5, 20, 50]))
def test_bins_add_up_to_the_film(parts, bin_s):
    edges = edges_of((0, 20), bin_s)
    seconds = seconds_in(parts, edges)
    by_hand = [
        sum(max(0, min(end, high) - max(start, low)) for start, end in parts.tolist()) for low, high in pairwise(edges)
    ]
    assert seconds.tolist() == pytest.approx(by_hand)
    assert counts_in(parts, edges).sum() == len(parts)


@given(spans, spans)
def test_covered_time_is_that_of_a_raster(parts, others):
    def raster(of):
        at = np.arange(0.25, 20, 0.5)
        return np.array([any(low <= t < high for low, high in of.tolist()) for t in at], bool)

    observed = joined(others)
    assert covered(parts, observed) == pytest.approx(0.5 * (raster(parts) & raster(observed)).sum())
    inside = shared(joined(parts), observed)
    assert (inside[1:, 0] >= inside[:-1, 1]).all()


def test_time_between_is_from_the_latest_end():
    assert gaps_between(np.array([[0, 9], [1, 2], [10, 11]])).tolist() == [0, 1]


# ---- pandas as the oracle

films = st.lists(
    st.lists(
        st.tuples(st.sampled_from("ABC"), st.integers(0, 100), st.integers(0, 30), st.sampled_from(["", "x", "y"])),
        max_size=15,
    ),
    min_size=1,
    max_size=4,
)


def timelines_of(drawn_films):
    return [
        Timeline(
            video_identity=f"{number}",
            video_path=f"{number}.mp4",
            duration_s=130,
            span_s=(0, 130),
            segments=tuple(
                seg(start, start + length, label, attributes={"subject": subject} if subject else {})
                for label, start, length, subject in segments
            ),
        )
        for number, segments in enumerate(drawn_films)
    ]


@settings(max_examples=12)
@given(films)
def test_it_equals_pandas(drawn_films):
    found = stats(timelines_of(drawn_films)).to_pandas()["films"].set_index(["film", "label"])
    table = pd.DataFrame(
        [(f"{i}.mp4", *s) for i, segments in enumerate(drawn_films) for s in segments],
        columns=["film", "label", "start", "length", "subject"],
    )
    long = table[table.length > 0].groupby(["film", "label"])["length"]
    oracle = pd.DataFrame(
        {
            "count": table.groupby(["film", "label"]).size(),
            "total_s": long.sum(),
            "mean_s": long.mean(),
            "median_s": long.median(),
            "sd_s": long.std(),
            "longest_s": long.max(),
            "latency_s": table.groupby(["film", "label"])["start"].min(),
        }
    )
    for key, row in oracle.iterrows():
        for name in ("count", "mean_s", "median_s", "sd_s", "longest_s", "latency_s"):
            assert found.loc[key, name] == pytest.approx(row[name], nan_ok=True)
        assert np.nan_to_num(found.loc[key, "total_s"]) == pytest.approx(np.nan_to_num(row["total_s"]))


@settings(max_examples=12)
@given(films)
def test_groups_equal_pandas_over_the_rows_of_films(drawn_films):
    tables = stats(timelines_of(drawn_films)).to_pandas()
    by_label = tables["films"].groupby("label")
    groups = tables["groups"].set_index(["label", "statistic"])
    for name in ("count", "share", "rate_per_min", "mean_s", "latency_s"):
        for statistic, oracle in (("mean", by_label[name].mean()), ("sd", by_label[name].std())):
            for label, value in oracle.items():
                assert groups.loc[(label, statistic), name] == pytest.approx(value, nan_ok=True, abs=1e-12)
        for label, value in by_label[name].sem().items():
            assert groups.loc[(label, "sem"), name] == pytest.approx(value, nan_ok=True, abs=1e-12)


@settings(max_examples=12)
@given(films)
def test_subjects_share_out_what_the_film_has(drawn_films):
    whole, parts = (stats(timelines_of(drawn_films), by=by).to_pandas()["films"] for by in (None, "subject"))
    assert parts.groupby(["film", "label"])["count"].sum().tolist() == whole["count"].tolist()


# ---- what follows what


def transitions(found, film="film.mp4"):
    return {(row.label, row.next_label): (row.count, row.probability) for row in found.transitions if row.film == film}


def test_transitions_count_what_starts_next():
    found = stats(drawn("AABBAACC", "        D"))
    assert transitions(found) == {
        ("A", "B"): (1, 0.5),
        ("A", "C"): (1, 0.5),
        ("B", "A"): (1, 1),
        ("C", "D"): (1, 1),
    }


def test_a_label_can_follow_itself_and_instants_follow_too():
    assert transitions(stats(timeline(seg(0, 1), seg(2, 3), seg(2.5, 2.5, "B")))) == {
        ("A", "A"): (1, 0.5),
        ("A", "B"): (1, 0.5),
    }


def test_nothing_follows_across_a_gap():
    gap = Gap(start_s=3, end_s=5, reason="damage")
    assert transitions(stats(timeline(seg(0, 1), seg(6, 7, "B"), seg(8, 9), gaps=(gap,)))) == {("B", "A"): (1, 1)}


def test_films_do_not_follow_one_another_but_groups_add_them():
    found = stats([film("a.mp4", seg(0, 1), seg(2, 3, "B")), film("b.mp4", seg(0, 1), seg(2, 3, "B"))])
    assert transitions(found, "") == {("A", "B"): (2, 1)}


def test_subjects_do_not_follow_one_another():
    one, other = ({"subject": name} for name in "xy")
    segments = [seg(0, 1, attributes=one), seg(2, 3, "B", attributes=other), seg(4, 5, "C", attributes=one)]
    found = stats(timeline(*segments), by="subject")
    assert transitions(found) == {("A", "C"): (1, 1)}


def test_ten_hours_in_bins_of_a_second():
    segments = tuple(seg(start, start + 5) for start in range(0, 36_000, 9))
    found = stats(timeline(*segments, duration_s=36_000, span_s=(0, 36_000)), bin_s=1)
    assert len(found.bins) == 36_000
    assert sum(row.total_s for row in found.bins) == pytest.approx(rows_of(found).total_s)


def test_only_subjects_can_be_counted_apart():
    with pytest.raises(InputError, match="'group' cannot be counted apart"):
        stats(drawn("AA  "), by="group")


def test_a_notebook_shows_what_figures_there_are_not_all_of_them():
    assert repr(stats(drawn("AA BB"), bin_s=2)) == "<Stats of 1 films, 2 labels: films, groups, bins, transitions>"
