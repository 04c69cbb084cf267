"""Timelines as ffmpeg's metadata, read back by us and by libavformat."""

import io

import av
import pytest
from chapter_timelines import any_label, clean, film, in_a_row, overlapping, read, segment, written
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import TimelineError
from vtn_stream.formats import ffmetadata
from vtn_stream.formats.reading import ReadingOptions


def chapters(content):
    """As libavformat reads them."""
    with av.open(io.BytesIO(content.encode()), format="ffmetadata") as container:
        return [
            (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"]["title"])
            for c in container.chapters()
        ]


@given(
    in_a_row(clean | st.text("\\=;#\n[]a", max_size=6)).filter(lambda all: not any(s.label.endswith("\\") for s in all))
)
def test_chapters_come_back_from_ffmetadata(segments):
    content, warnings = written(ffmetadata, *segments)
    assert warnings == []
    assert read(ffmetadata, content).segments == film(*segments).segments


@given(overlapping(any_label))
def test_libavformat_reads_the_chapters_that_we_read(segments):
    content, _ = written(ffmetadata, *segments)
    assert [(float(start), float(end), title) for start, end, title in chapters(content)] == [
        (s.start_s, s.end_s, s.label) for s in read(ffmetadata, content).segments
    ]


def test_ffmetadata_is_written_so():
    content, warnings = written(ffmetadata, segment(1, 36_000.0004, "a=b;c#d\\e\nf"), segment(36_000.0004, 36_001))
    assert content == (
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=36000000\ntitle=a\\=b\\;c\\#d\\\\e\\\nf\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=36000000\nEND=36001000\ntitle=a\n"
    )
    assert warnings == []


@pytest.mark.parametrize(
    ("label", "back", "warning"),
    [
        ("a\r\nb\rc", "a\nb\nc", "1 label with carriage returns"),
        ("a\\", "a\\ ", "1 label with a backslash at the end, which ffmpeg misreads"),
        ("\0a", "\ufffda", "1 label with controls or broken characters"),
    ],
)
def test_what_ffmetadata_cannot_hold_is_replaced_and_told(label, back, warning):
    content, warnings = written(ffmetadata, segment(0, 1, label), segment(1, 2, "next"))
    assert [w[: len(warning)] for w in warnings] == [warning]
    assert chapters(content) == [(0, 1, back), (1, 2, "next")]


def test_of_overlapping_chapters_the_strongest_stays():
    content, warnings = written(ffmetadata, segment(0, 9, "a", 0.1), segment(3, 4, "b", 0.9), segment(5, 5, "c"))
    assert chapters(content) == [(0, 3, "a"), (3, 4, "b"), (4, 9, "a")]
    assert warnings == ["2 segments under stronger ones: cut or left out, since chapters cannot overlap"]


def test_ffmetadata_of_ffmpeg_is_read():
    content = (
        ";FFMETADATA1\r\ntitle=bike\\\\shed\r\n;this is a comment\r\nartist=x\\\r\ny\r\n\r\n[STREAM]\r\ntitle=no\r\n"
        "[CHAPTER]\r\nTIMEBASE=1001/30000\r\nSTART=30\r\nEND=60\r\ntitle=chapter \\#1\r\nlanguage=eng\r\n"
        "[CHAPTER]\r\nSTART=3000000000\r\n# no end\r\ntitle=b\r\n[CHAPTER]\r\nTIMEBASE=1/1\r\nSTART=5\r\n"
    )
    assert read(ffmetadata, content, ReadingOptions(duration_s=9.0)).segments == (
        segment(1.001, 2.002, "chapter #1"),
        segment(3, 5, "b"),
        segment(5, 9, ""),
    )


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "line 1: it does not begin with ;FFMETADATA1"),
        (";FFMETADATA1\n[CHAPTER]\ntitle=a\n", "a chapter has no START"),
        (";FFMETADATA1\n[CHAPTER]\nSTART=1.5\n", "a chapter has no START"),
        (";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/0\nSTART=1\n", "a chapter has no START"),
        (";FFMETADATA1\n[CHAPTER]\nSTART=2\nEND=1\n", "chapter 1 ends before it begins"),
        (";FFMETADATA1\n[CHAPTER]\nSTART=2\nEND=" + "9" * 5000, "a chapter has no END"),
    ],
)
def test_damaged_ffmetadata_is_refused(content, fault):
    with pytest.raises(TimelineError, match=fault):
        read(ffmetadata, content)


def test_a_line_that_never_ends_is_read_in_no_time():
    assert read(ffmetadata, ";FFMETADATA1\n" + "a" * 1_000_000 + "\\").segments == ()
