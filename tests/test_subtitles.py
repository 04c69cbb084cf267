"""Timelines as subtitles, WebVTT and SubRip: read back by ourselves, by webvtt-py, pysubs2 and libavformat."""

import contextlib
import html
import io

import av
import pysubs2
import pytest
import webvtt as webvtt_py
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import TimelineError
from vtn_stream.formats import srt, webvtt
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import Options
from vtn_stream.timeline import Segment, Timeline

MODULES = [webvtt, srt]
READING = ReadingOptions()


def segment(start_s=1.0, end_s=2.0, label="a", score=None):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score)


def film(*segments):
    return Timeline(
        video_identity="c0ffee", video_path="film.mp4", duration_s=1e6, span_s=(0.0, 1e6), segments=segments
    )


def text(module, *segments):
    return module.write([film(*segments)], Options()).content.decode()


def read(module, content, options=READING):
    (timeline,) = module.read(content.encode(), "film.vtt", options).timelines
    return timeline


def again(module, *segments):
    return read(module, text(module, *segments)).segments


def packets(content, format):
    """What libavformat, the reader of many players, finds: (start in ms, duration in ms, text)."""
    with av.open(io.BytesIO(content.encode()), format=format) as container:
        return [(p.pts, p.duration, bytes(p).decode()) for p in container.demux() if p.size]


HOSTILE = [
    "",
    "-->",
    "00:00:01.000 --> 00:00:02.000",
    "1\n00:00:01,000 --> 00:00:02,000\nx",
    "7",
    "a\n7",
    "WEBVTT",
    "NOTE x",
    "STYLE",
    "<b>bold</b>",
    "<i>",
    "{\\an8}",
    "a & b &lt; &nbsp; &#0;",
    "a < b > c",
    "\n\na\n\n\n7\n\n",
    "a\r\n\r\nb\rc",
    " \n ",
    "a\0\x1b[0m\x0c",
    "\udcff",
    "\u202eright to left 🎬\u2028\x85",
    "\ufeff",
    "x" * 1000,
]
any_label = st.sampled_from(HOSTILE) | st.text(max_size=8) | st.text("-> \n\r<&;i7:,\\{}", max_size=8)
lines = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cn"]), min_size=1, max_size=8
) | st.sampled_from([label for label in HOSTILE if label and label.isprintable() and label.isascii()])
in_cue = st.lists(lines, max_size=3).map("\n".join)
in_block = st.lists(lines.filter(str.strip), max_size=3).map("\n".join)
plain_block = in_block.filter(lambda label: "-->" not in label and "<" not in label and "{" not in label)
milliseconds = st.tuples(st.integers(0, 12 * 3_600_000), st.integers(1, 3_600_000))


def segments_of(labels):
    return st.lists(
        st.builds(
            lambda times, label: segment(times[0] / 1000, (times[0] + times[1]) / 1000, label), milliseconds, labels
        ),
        max_size=5,
    ).map(lambda segments: film(*segments).segments)


# ---- both


@settings(deadline=None, max_examples=60)
@given(segments_of(in_cue))
def test_segments_come_back_from_webvtt(segments):
    written = webvtt.write([film(*segments)], Options())
    assert written.warnings == ()
    assert read(webvtt, written.content.decode()).segments == segments


@settings(deadline=None, max_examples=60)
@given(segments_of(plain_block))
def test_segments_come_back_from_subrip(segments):
    written = srt.write([film(*segments)], Options())
    assert written.warnings == ()
    assert read(srt, written.content.decode()).segments == segments


@pytest.mark.parametrize("module", MODULES)
@settings(deadline=None, max_examples=60)
@given(segments_of(any_label))
def test_no_label_adds_a_cue_or_takes_one(module, segments):
    def times(segments):
        return sorted((s.start_s, s.end_s) for s in segments)

    assert times(again(module, *segments)) == times(segments)


@pytest.mark.parametrize("module", MODULES)
@settings(deadline=None, max_examples=100)
@given(any_label)
def test_a_label_that_is_changed_is_told_and_then_stays(module, label):
    written = module.write([film(segment(label=label))], Options())
    ((back,),) = [read(module, written.content.decode()).segments]
    if back.label != label:
        assert written.warnings
    rewritten = module.write([film(back)], Options())
    if rewritten.warnings == ():
        assert read(module, rewritten.content.decode()).segments == (back,)


@pytest.mark.parametrize("module", MODULES)
def test_overlapping_segments_become_simultaneous_cues(module):
    segments = (segment(1, 9, "long"), segment(2, 3, "short"), segment(2, 3, "too"))
    assert again(module, *segments) == segments


@pytest.mark.parametrize("module", MODULES)
def test_an_instant_lasts_a_millisecond_and_that_is_told(module):
    written = module.write([film(segment(5, 5), segment(6, 6.0002), segment(7, 7.001))], Options())
    (warning,) = written.warnings
    assert warning.startswith("2 segments shorter than 1 ms")
    times = [(s.start_s, s.end_s) for s in read(module, written.content.decode()).segments]
    assert times == [(5, 5.001), (6, 6.001), (7, 7.001)]


@pytest.mark.parametrize("module", MODULES)
def test_segments_that_touch_still_touch(module):
    segments = again(module, segment(1, 4 / 3), segment(4 / 3, 5 / 3), segment(5 / 3, 2))
    assert [s.end_s for s in segments[:-1]] == [s.start_s for s in segments[1:]]


@pytest.mark.parametrize("module", MODULES)
def test_times_before_the_film_are_its_start(module):
    assert [(s.start_s, s.end_s) for s in again(module, segment(-2, 1), segment(-2, -1))] == [(0, 0.001), (0, 1)]


@pytest.mark.parametrize("module", MODULES)
def test_the_film_ends_where_the_user_says_else_with_the_last_cue(module):
    content = text(module, segment(1, 9), segment(2, 3))
    assert read(module, content).duration_s == 9.0
    assert read(module, content, ReadingOptions(duration_s=60.0)).duration_s == 60.0


@pytest.mark.parametrize("module", MODULES)
def test_a_film_without_segments_is_a_file_without_cues(module):
    assert again(module) == ()


@pytest.mark.parametrize("module", MODULES)
@settings(deadline=None, max_examples=60)
@given(st.text("WEBVT0123456789:.,-> \n<&;", max_size=60) | st.binary(max_size=30).map(lambda b: b.decode("latin-1")))
def test_any_text_is_read_or_a_timeline_error(module, content):
    for start in ("", "WEBVTT\n\n", "1\n00:00:01,000 --> 00:00:02,000\n"):
        with contextlib.suppress(TimelineError):
            module.read((start + content).encode("latin-1"), "a", READING)


def test_each_claims_its_own():
    heads = {module: text(module, segment()) for module in MODULES}
    for module in MODULES:
        assert [other for other in MODULES if other.claims(heads[module], "")] == [module]
        for head in ("", "1\n2\n", "0\t1\n25\t1\n", "0:00 Intro\n", "WEBVTTX\n", "{}"):
            assert not module.claims(head, ".vtt")
    assert srt.claims("\n\n12 \n00:00:01.000 --> 00:00:02.000 X1:4\n", "")
    assert webvtt.claims("WEBVTT - a title", "")


# ---- WebVTT


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


@settings(deadline=None, max_examples=60)
@given(segments_of(in_cue))
def test_webvtt_py_reads_our_webvtt(segments):
    found = webvtt_py.from_string(text(webvtt, *segments)).captions
    assert [(c.start_in_seconds, html.unescape(c.raw_text)) for c in found] == [
        (int(s.start_s), s.label) for s in segments
    ]
    assert [(c.start, c.end) for c in found] == [(webvtt.clock(s.start_s), webvtt.clock(s.end_s)) for s in segments]


@pytest.mark.parametrize(("module", "format"), [(webvtt, "webvtt"), (srt, "srt")])
@settings(deadline=None, max_examples=60)
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


# ---- SubRip


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
