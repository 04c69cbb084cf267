"""Timelines as chapters in a description on YouTube: a list that it takes, or a warning."""

from itertools import pairwise

import pytest
from chapter_timelines import again, any_label, in_a_row, overlapping, read, segment, written
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import TimelineError
from vtn_stream.formats import youtube
from vtn_stream.formats.reading import ReadingOptions


def valid(content):
    """The rules of YouTube for a list of chapters."""
    starts = []
    for line in content.splitlines():
        time, _, title = line.partition(" ")
        hours, minutes, seconds = ("0:" * (2 - time.count(":")) + time).split(":")
        starts.append((int(hours) * 60 + int(minutes)) * 60 + int(seconds))
        assert title.strip()
        assert not set("<>") & set(title)
    assert all(b - a >= 10 for a, b in pairwise([*starts, 43_200]))
    return starts[:1] == [0] and len(starts) >= 3


@given(overlapping(any_label, st.floats(0, 43_200)) | in_a_row(any_label) | in_a_row(any_label).map(lambda s: s[1:]))
def test_a_list_is_valid_or_a_warning_says_that_it_will_be_ignored(segments):
    content, warnings = written(youtube, *segments)
    assert valid(content) == (not any("YouTube will ignore" in warning for warning in warnings))


words = st.text("ab<é🎬", min_size=1).map(lambda word: word.replace("<", "c"))
whole = st.lists(st.tuples(st.integers(10, 4000), st.lists(words, max_size=3).map(" ".join)), min_size=3, max_size=9)


@given(whole)
def test_chapters_that_cover_a_film_come_back_from_youtube(content):
    segments, end = [], 0
    for length, label in content:
        segments.append(segment(end, end := end + length, label))
    assert written(youtube, *segments, duration_s=end)[1] == []
    assert again(youtube, *segments, duration_s=end, options=ReadingOptions(duration_s=end)) == tuple(segments)


def listed(*segments, duration_s=43_200.0):
    content, warnings = written(youtube, *segments, duration_s=duration_s)
    return content.splitlines(), [w for w in warnings if "YouTube will ignore" not in w]


def test_an_event_is_a_chapter_until_the_next():
    lines, warnings = listed(segment(0, 5, "kick-off"), segment(600.9, 605, "goal"), segment(3661, 3662, "goal"))
    assert lines == ["0:00 kick-off", "10:00 goal", "1:01:01 goal"]
    assert warnings == []


def test_before_a_late_first_chapter_stands_another():
    lines, (warning,) = listed(segment(10, 20, "a"), segment(50, 60, "b"))
    assert lines == ["0:00 Start", "0:10 a", "0:50 b"]
    assert warning == "1 chapter named Start put before the first: a list must begin at 0:00"


def test_an_early_first_chapter_begins_with_the_film():
    lines, (warning,) = listed(segment(9.9, 20, "a"), segment(20, 60, "b"), segment(70, 90, "c"))
    assert lines[0] == "0:00 a"
    assert warning.startswith("1 chapter moved to 0:00")


def test_short_chapters_are_joined_and_the_longest_names_them():
    lines, warnings = listed(
        segment(0, 60, "a"), segment(60, 63, "b"), segment(63, 120, "c"), segment(120, 121, "d"), segment(122, 123, "e")
    )
    assert lines == ["0:00 a", "1:00 c", "2:00 d"]
    assert warnings == ["2 chapters joined with a neighbour: each must last at least 10 s"]
    assert listed(segment(0, 60, "a"), segment(60, 65, "b"), duration_s=65)[0] == ["0:00 a"]


def test_of_overlapping_segments_the_strongest_is_the_chapter():
    lines, (warning,) = listed(segment(0, 90, "a", 0.5), segment(30, 60, "b", 0.9), segment(30, 60, "c", 0.1))
    assert lines == ["0:00 a", "0:30 b", "1:00 a"]
    assert warning.startswith("2 segments under stronger ones")


@pytest.mark.parametrize(
    ("label", "title", "warning"),
    [
        (" two\r\nlines\tof  it ", "two lines of it", "1 label with line breaks, tabs or spare spaces"),
        ("a <b> -->", "a ‹b› --›", "1 label with < or >, which YouTube does not allow"),
        ("a\0\udcff", "a\ufffd\ufffd", "1 label with controls or broken characters"),
        ("", "-", None),
        ("a & b: 1:23", "a & b: 1:23", None),
        ("- a", "- a", "1 label that begins with a dash"),
        ("0:00", "at 0:00", "1 label that begins with a time"),
        ("- 1:23 b", "at - 1:23 b", "1 label that begins with a time"),
    ],
)
def test_a_title_is_one_line_without_angles(label, title, warning):
    lines, warnings = listed(segment(0, 30, label))
    assert lines == [f"0:00 {title}"]
    assert [w[: len(warning or "")] for w in warnings] == ([] if warning is None else [warning])


def test_a_list_too_short_and_one_too_long_are_written_with_a_warning():
    assert written(youtube, segment(0, 30))[1] == ["1 chapter, fewer than 3: YouTube will ignore the list"]
    content, (warning,) = written(youtube, *[segment(i * 10, i * 10 + 10, "x" * 100) for i in range(100)])
    assert len(content.splitlines()) == 100
    assert warning.startswith(f"{len(content)} characters, but a description holds 5000")


def test_a_description_of_a_person_is_read():
    content = (
        "\ufeffMy film!\r\n\r\n00:00 Intro\r\n(1:30) - Goal - the first\r\n01:02:03 – End\r\n[75:00]\r\n0:45 <i>\r\n"
    )
    result = youtube.read(content.encode(), "film.txt", ReadingOptions(duration_s=5000.0))
    assert [(s.start_s, s.end_s, s.label) for s in result.timelines[0].segments] == [
        (0, 45, "Intro"),
        (45, 90, "<i>"),
        (90, 3723, "Goal - the first"),
        (3723, 4500, "End"),
        (4500, 5000, ""),
    ]
    assert result.warnings == ("1 line without a time at the start: ignored (line 1)",)
    assert read(youtube, "0:00 a\n1:00 b\n").segments == (segment(0, 60, "a"), segment(60, 60, "b"))
    with pytest.raises(TimelineError, match="no line begins with a time"):
        read(youtube, "My film!\n")
