"""Films with segments for subtitles, and what comes back of them."""

from hypothesis import strategies as st

from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import Options
from vtn_stream.timeline import Segment, Timeline

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
