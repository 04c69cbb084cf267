"""Timelines as SubRip, read back by pysubs2 and webvtt-py."""

import io

import pysubs2
import pytest
import webvtt as webvtt_py
from subtitle_timelines import again, film, read, segment, text

from vtn_stream.errors import TimelineError
from vtn_stream.formats import srt
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import Options


def test_a_label_of_dashes_is_written_in_no_time():
    assert again(srt, segment(label="-" * 1_000_000)) == (segment(label="-" * 1_000_000),)
    assert again(srt, segment(label="-" * 1_000_000 + ">")) == (segment(label="->"),)


def test_subrip_is_written_so():
    assert text(srt, segment(0, 360_000.5, "a\nb <&>", 0.5), segment(3661.0004, 3662)) == (
        "1\n00:00:00,000 --> 100:00:00,500\na\nb <&>\n\n2\n01:01:01,000 --> 01:01:02,000\na\n"
    )


@pytest.mark.parametrize(
    ("label", "back", "warning"),
    [
        ("a\n\n \nb\n", "a\nb", "1 label with empty lines or carriage returns, which a subtitle cannot hold: "),
        ("a\rb", "a\nb", "1 label with empty lines or carriage returns, which a subtitle cannot hold: "),
        ("a --> b ---> c", "a -> b -> c", "1 label with -->, which would begin a subtitle: "),
        ("<i>a</i> {\\an8}", "a ", "1 label with tags of style, which players do not show: "),
        ("\0", "\ufffd", "1 label with controls or broken characters: "),
        ("a < b > c & <d> {e}", "a < b > c & <d> {e}", None),
    ],
)
def test_what_a_subtitle_cannot_hold_is_replaced_and_told(label, back, warning):
    written = srt.write([film(segment(label=label))], Options())
    assert [w[: len(warning or "")] for w in written.warnings] == ([] if warning is None else [warning])
    assert read(srt, written.content.decode()).segments == (segment(label=back),)


def test_subrip_of_other_programs_is_read():
    content = (
        '\ufeff\r\n1\r\n0:00:01.000 --> 00:00:02,000  X1:1 X2:2\r\n<font color="red">a</font>\r\n\r\n7\r\n\r\n2\r\n'
        "00:00:03,000-->00:00:04,000\r\n{\\an8}b --> c\r\n\r\n\r\n00:00:05,000 --> 00:00:06,000\r\n1984"
    )
    assert read(srt, content).segments == (
        segment(1, 2, "a\n\n7"),
        segment(3, 4, "b --> c"),
        segment(5, 6, "1984"),
    )


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("hello", "line 1: it does not begin with a number and the times"),
        ("1\n00:00:01,000 -> 00:00:02,000\na\n", "line 2: it does not begin with a number and the times"),
        ("1\n00:00:02,000 --> 00:00:01,000\na\n", "line 2: the block ends before it begins"),
        (
            "1\n00:00:01,000 --> 00:00:02,000\na\n\n2\n00:00:01,000 --> 00:00:62,000\na\n",
            "line 6: these are not the times",
        ),
    ],
)
def test_damaged_subrip_is_refused_with_its_line(content, fault):
    with pytest.raises(TimelineError, match=fault):
        read(srt, content)


def test_pysubs2_and_webvtt_py_read_our_subrip():
    segments = (segment(0.5, 3, "two\nlines"), segment(1, 2, "7"), segment(3, 35_999.999, "a --> & b"))
    content = text(srt, *segments)
    assert [(e.start, e.end, e.plaintext) for e in pysubs2.SSAFile.from_string(content, format_="srt")] == [
        (500, 3000, "two\nlines"),
        (1000, 2000, "7"),
        (3000, 35_999_999, "a -> & b"),
    ]
    assert [(c.start, c.end, c.text) for c in webvtt_py.from_buffer(io.StringIO(content), format="srt").captions] == [
        ("00:00:00.500", "00:00:03.000", "two\nlines"),
        ("00:00:01.000", "00:00:02.000", "7"),
        ("00:00:03.000", "09:59:59.999", "a -> & b"),
    ]


@pytest.mark.parametrize("head", ["", "\n\n", "7\n", "\ufeff", "\n3\n"])
@pytest.mark.parametrize("times", ["00:00:01,000 --> 00:00:02,000", "00:01.000 --> 00:02,000  X1:4"])
def test_subtitles_without_numbers_or_hours_are_known_and_read(head, times):
    content = f"{head}{times}\nx\n"
    assert srt.claims(content, "")
    (timeline,) = srt.read(content.encode(), "a.srt", ReadingOptions()).timelines
    assert [(s.start_s, s.end_s, s.label) for s in timeline.segments] == [(1, 2, "x")]
