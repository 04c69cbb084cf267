"""Timelines as WebVTT, read back by webvtt-py and libavformat."""

import html
import io

import av
import pytest
import webvtt as webvtt_py
from hypothesis import given
from subtitle_timelines import READING, any_label, film, in_cue, plain_block, read, segment, segments_of, text

from vtn_stream.errors import TimelineError
from vtn_stream.formats import srt, webvtt
from vtn_stream.formats.writing import Options


def packets(content, format):
    """What libavformat, the reader of many players, finds: (start in ms, duration in ms, text)."""
    with av.open(io.BytesIO(content.encode()), format=format) as container:
        return [(p.pts, p.duration, bytes(p).decode()) for p in container.demux() if p.size]


def test_webvtt_is_written_so():
    assert text(webvtt, segment(0, 360_000.5, "a\nb <&>", 0.5), segment(3661.0004, 3662)) == (
        "WEBVTT\n\n00:00:00.000 --> 100:00:00.500\na\nb &lt;&amp;&gt;\n\n01:01:01.000 --> 01:01:02.000\na\n"
    )


@pytest.mark.parametrize(
    ("label", "back", "warning"),
    [
        ("a\n\n\nb\n", "a\nb", "1 label with empty lines or carriage returns, which a cue cannot hold: "),
        ("a\r\nb", "a\nb", "1 label with empty lines or carriage returns, which a cue cannot hold: "),
        ("a\0\udcff", "a\ufffd\ufffd", "1 label with controls or broken characters: "),
        ("a\n \nb --> <c>", "a\n \nb --> <c>", None),
    ],
)
def test_what_a_cue_cannot_hold_is_replaced_and_told(label, back, warning):
    written = webvtt.write([film(segment(label=label))], Options())
    assert [w[: len(warning or "")] for w in written.warnings] == ([] if warning is None else [warning])
    assert read(webvtt, written.content.decode()).segments == (segment(label=back),)


def test_webvtt_of_other_programs_is_read():
    content = (
        "\ufeffWEBVTT - title\r\nKind: captions\r\n\r\nNOTE\r\nof us\r\n\r\nSTYLE\r\n::cue { color: red }\r\n\r\n"
        "REGION\r\nid:fred\r\n\r\nintro\r\n00:01.500 --> 01:00:02.000 align:left position:10%\r\n"
        "<v Ann>a<00:02.000> <b.loud>b</b>&nbsp;&lt;&lrm;&amp;</v>\r\nc\r\n"
        "00:03.000-->00:04.000\r\n\r\n\r\nNOTE end\r\n"
    )
    assert read(webvtt, content).segments == (
        segment(1.5, 3602.0, "a b\xa0<\u200e&\nc"),
        segment(3, 4, ""),
    )


@pytest.mark.parametrize(
    ("above", "told"),
    [
        ("X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n", True),
        ("X-TIMESTAMP-MAP=LOCAL:00:00:10.000,MPEGTS:0\n", True),
        ("X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n", False),
        ("", False),
    ],
)
def test_the_place_of_a_cue_in_a_stream_is_not_applied_and_that_is_told(above, told):
    result = webvtt.read(f"WEBVTT\n{above}\n00:01.000 --> 00:02.000\na\n".encode(), "a.vtt", READING)
    assert result.timelines[0].segments == (segment(),)
    assert [warning[:19] for warning in result.warnings] == ["the X-TIMESTAMP-MAP"] * told


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "line 1: it does not begin with WEBVTT"),
        ("WEBVTT\n\n00:01.000 --> soon\na\n", "line 3: these are not the times of a cue"),
        ("WEBVTT\n\n00:61.000 --> 01:62.000\na\n", "line 3: these are not the times of a cue"),
        ("WEBVTT\n\n\n00:02.000 --> 00:01.000\na\n", "line 4: the cue ends before it begins"),
    ],
)
def test_damaged_webvtt_is_refused_with_its_line(content, fault):
    with pytest.raises(TimelineError, match=fault):
        read(webvtt, content)


@given(segments_of(in_cue))
def test_webvtt_py_reads_our_webvtt(segments):
    found = webvtt_py.from_string(text(webvtt, *segments)).captions
    assert [(c.start_in_seconds, html.unescape(c.raw_text)) for c in found] == [
        (int(s.start_s), s.label) for s in segments
    ]
    assert [(c.start, c.end) for c in found] == [(webvtt.clock(s.start_s), webvtt.clock(s.end_s)) for s in segments]


@pytest.mark.parametrize(("module", "format"), [(webvtt, "webvtt"), (srt, "srt")])
@given(segments_of(plain_block.filter(bool)), segments_of(any_label))
def test_libavformat_reads_our_cues(module, format, plain, hostile):
    """It passes over cues that are equal or without text."""
    found = packets(text(module, *plain), format)
    plain_text = html.unescape if module is webvtt else str
    assert {(start, start + length, plain_text(label)) for start, length, label in found} == {
        (round(s.start_s * 1000), round(s.end_s * 1000), s.label) for s in plain
    }
    found = packets(text(module, *hostile), format)
    assert {start for start, _, _ in found} <= {round(s.start_s * 1000) for s in hostile}
