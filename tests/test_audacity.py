"""Timelines as labels of Audacity."""

import pytest
from chapter_timelines import clean, film, overlapping, read, segment, unscored, written
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import TimelineError
from vtn_stream.formats import audacity


@given(overlapping(clean, st.integers(0, 43_200_000_000).map(lambda us: us / 10**6)))
def test_labels_come_back_from_audacity(segments):
    content, warnings = written(audacity, *segments)
    assert warnings == []
    assert read(audacity, content).segments == film(*unscored(segments)).segments


def test_audacity_is_written_so():
    content, warnings = written(
        audacity, segment(1 / 3, 36_000, "a b"), segment(2, 2, ""), segment(3, 4, "a\tb\r\nc\u2028d")
    )
    assert content == "0.333333\t36000.000000\ta b\n2.000000\t2.000000\t\n3.000000\t4.000000\ta b c d\n"
    assert warnings == ["1 label with tabs or line breaks, which end a label: these are written as spaces"]


def test_labels_of_other_programs_are_read():
    content = "\ufeff0,5\t1,5\ta\tb\r\n\\\t100.0\t2000.0\r\n2\t2\t\r\n"
    assert read(audacity, content).segments == (segment(0.5, 1.5, "a\tb"), segment(2, 2, ""))


def test_labels_whose_trailing_tab_was_taken_away_are_read():
    content = "0.500000\t1.500000\n2.000000\t3.000000\ta\n"
    assert audacity.claims(content, ".txt")
    assert audacity.claims("0,500000\t1,500000", ".txt")
    assert not audacity.claims("0.5\t1.5\n", ".txt")  # any table of two numbers
    assert read(audacity, content).segments == (segment(0.5, 1.5, ""), segment(2, 3, "a"))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("0\t1\ta\nb\n", "line 2: it is not a start, tab, end, tab and label"),
        ("0\tnan\ta\n", "line 1: it is not a start"),
        ("2\t1\ta\n", "line 1: it ends before it starts"),
    ],
)
def test_damaged_labels_are_refused_with_their_line(content, fault):
    with pytest.raises(TimelineError, match=fault):
        read(audacity, content)
