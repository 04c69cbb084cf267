"""The index over many films: what it keeps of a timeline, and where it leads."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from index_pages import entry, timeline

from vtn_stream.report.colours import look_of
from vtn_stream.report.index import MAX_CHARACTERS, MAX_PIECES, Failed, entry_of, index
from vtn_stream.timeline import Gap

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def decoded(layer: str) -> list[tuple[float, float, int]]:
    """(start_s, end_s, number of the label), read without the help of what wrote it."""
    numbers, bits, shift = [], 0, 0
    for digit in layer:
        part = DIGITS.index(digit)
        bits |= (part & 31) << shift
        shift += 5
        if part < 32:
            numbers.append(bits)
            bits = shift = 0
    pieces, last = [], 0
    for skip, length, number in zip(*[iter(numbers)] * 3, strict=True):
        pieces.append(((last + skip) / 10, (last + skip + length) / 10, number))
        last += skip + length
    return pieces


def data_of(page: bytes):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page.decode()).group(1))


# ---- What is kept of a timeline


def test_a_film_with_few_segments_is_kept_as_it_is():
    found = entry((1, 2.5, "a", None), (2.5, 40, "b", None), (50, 50, "a", None), (60, 100, "a", None))
    assert decoded(found.segments) == [(1.0, 2.5, 0), (2.5, 40.0, 1), (60.0, 100.0, 0)]
    assert decoded(found.instants) == [(50.0, 50.0, 0)]
    assert [(s.label, s.num_segments, s.total_s) for s in found.labels] == [("a", 3, 41.5), ("b", 1, 37.5)]
    assert (found.duration_s, found.complete, found.gaps_s, found.unknown) == (100.0, True, 0.0, "")


def test_where_segments_overlap_the_surer_is_drawn_and_time_of_a_label_counts_once():
    found = entry((0, 10, "a", 0.5), (5, 20, "a", 0.4), (8, 12, "b", 0.9))
    assert decoded(found.segments) == [(0.0, 8.0, 0), (8.0, 12.0, 1), (12.0, 20.0, 0)]
    assert [s.total_s for s in found.labels] == [20.0, 4.0]


def test_gaps_and_what_was_not_analyzed_are_unknown_but_only_gaps_are_counted():
    gaps = (Gap(start_s=30, end_s=40, reason="damaged"), Gap(start_s=35, end_s=50, reason="lost"))
    found = entry(gaps=gaps, span_s=(10.0, 90.0))
    assert decoded(found.unknown) == [(0.0, 10.0, 0), (30.0, 50.0, 0), (90.0, 100.0, 0)]
    assert found.gaps_s == 20.0


def test_a_link_leads_into_a_segment_and_not_before_it():
    assert decoded(entry((1.01, 2.0, "a", None), (3.3, 4.4, "a", None)).segments) == [(1.1, 2.0, 0), (3.3, 4.4, 0)]


def test_a_film_with_many_segments_keeps_in_each_part_the_label_that_holds_longest():
    """1500 s, each part 10 s: 2 s of a, 3 s of b, 1 s of c."""
    segments = [
        (10 * i + start, 10 * i + end, label, None)
        for i in range(150)
        for start, end, label in ((0, 2, "a"), (4, 7, "b"), (8, 9, "c"))
    ]
    found = entry(*segments, duration_s=1500.0)
    assert decoded(found.segments) == [(10.0 * i + 4, 10.0 * i + 7, 1) for i in range(150)]
    assert [(s.num_segments, s.total_s) for s in found.labels] == [(150, 300.0), (150, 450.0), (150, 150.0)]


def test_a_long_segment_among_many_short_ones_stays_whole():
    short = [(i, i + 0.5, "short", None) for i in range(200)]
    found = entry(*short, (300, 1300, "long", None), duration_s=1500.0)
    assert decoded(found.segments)[-1] == (300.0, 1300.0, 1)


def test_a_film_of_10_000_segments_needs_less_than_two_kilobytes():
    found = entry(*((i, i + 0.7, "abc"[i % 3], None) for i in range(10_000)), duration_s=10_000.0)
    assert len(found.unknown + found.segments + found.instants) < 1000


spans = st.tuples(st.floats(-1e300, 1e300) | st.floats(-5, 130), st.sampled_from([0.0, 1e-9, 0.3, 40.0, 1e299]))
segments = st.tuples(spans, st.sampled_from("abcdefghijk"), st.none() | st.floats(-1, 1))


@given(
    st.lists(segments, max_size=12),
    st.sampled_from([0.0, 0.01, 100.0, 1e300]),
    st.lists(spans, max_size=3),
    st.sampled_from([1, 40]),
)
def test_whatever_the_times_layers_are_sorted_apart_inside_the_film_and_few(found, duration_s, gaps, repeats):
    timeline_ = timeline(
        *(
            (start + i * 0.9, start + i * 0.9 + length, label, score)
            for (start, length), label, score in found
            for i in range(repeats)
        ),
        duration_s=duration_s,
        gaps=tuple(Gap(start_s=start, end_s=start + length, reason="r") for start, length in gaps),
    )
    of = entry_of(timeline_, name="n", page=None, timeline_file="t")
    for layer in (of.unknown, of.segments, of.instants):
        pieces = decoded(layer)
        assert len(pieces) <= MAX_PIECES
        bounds = [bound for start, end, _ in pieces for bound in (start, end)]
        assert bounds == sorted(bounds)
        assert not bounds or bounds[-1] <= min(duration_s, 1e9) + 0.1
    assert sum(s.num_segments for s in of.labels) == len(timeline_.segments)
    assert all(0 <= s.total_s <= of.duration_s for s in of.labels)
    assert data_of(index([of], title="t"))["films"][0][0] == "n"


# ---- The file


def test_equal_input_gives_equal_bytes():
    entries = [entry((0, 5, "b", 0.5), (5, 9, "a", None)), Failed(name="bad.mp4", reason="damaged")]
    assert index(iter(entries), title="films") == index(entries, title="films")


def test_labels_are_listed_by_first_appearance_over_all_films():
    films = [entry((0, 5, "z", None), (5, 9, "b", None)), entry((0, 50, "b", None), (60, 60, "a", None))]
    labels = data_of(index(films, title="films"))["labels"]
    assert labels == [
        [label, look_of(label).colour, look_of(label).hatch, *numbers]
        for label, *numbers in (["z", 1, 1, 50], ["b", 2, 2, 540], ["a", 1, 1, 0])
    ]


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("a.report.html", "./a.report.html"),
        ("sub/a b.html", "./sub/a%20b.html"),
        ("javascript:alert(1)", "./javascript%3Aalert%281%29"),
        ("//host/a", ".///host/a"),
        ("50%.html?x#y", "./50%25.html%3Fx%23y"),
        ("é\udcff", "./%C3%A9%FF"),
    ],
)
def test_links_stay_paths(path, link):
    assert data_of(index([entry(page=path)], title="t"))["films"][0][1] == link


def test_long_names_are_cut_in_the_middle_and_what_reorders_text_is_escaped():
    first, second, third = data_of(
        index(
            [entry(name="a" * 999 + "z"), entry(name="x\u202egpj.exe"), Failed(name="\n", reason="r" * 999)], title="t"
        )
    )["films"]
    assert len(first[0]) == MAX_CHARACTERS
    assert first[0][0] + first[0][-1] == "az"
    assert second[0] == "x\\u202egpj.exe"
    assert third[0] == "\\n"
    assert len(third[1]) == MAX_CHARACTERS
