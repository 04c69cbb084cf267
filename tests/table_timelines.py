"""Films with segments for tables, and what comes back of them."""

from hypothesis import strategies as st

from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import Options
from vtn_stream.timeline import Segment, Timeline

READING = ReadingOptions()


def segment(start_s=1.0, end_s=2.0, label="a", score=None):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score)


def film(*segments, name="film.mp4", duration_s=100.0, identity="c0ffee"):
    return Timeline(
        video_identity=identity, video_path=name, duration_s=duration_s, span_s=(0.0, duration_s), segments=segments
    )


def found(timelines):
    """What a table keeps."""
    return [(t.video_path, t.segments) for t in timelines]


def again(module, *timelines, options=READING):
    return module.read(module.write(timelines, Options()).content, "table", options).timelines


hostile = st.sampled_from(
    [
        "",
        "'",
        "''",
        "'=1",
        "=1",
        "''=1",
        "\t",
        "\n",
        "'\n=",
        '"',
        'a"b,c;d\te',
        "a\nb",
        "-->",
        "<b>&",
        " a ",
        "🎬 \u202e",
        "x" * 1000,
    ]
)
