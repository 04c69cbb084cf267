"""Films with segments for lists of chapters, and what comes back of them."""

from hypothesis import strategies as st

from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import Options
from vtn_stream.timeline import Segment, Timeline

READING = ReadingOptions()


def segment(start_s=0.0, end_s=20.0, label="a", score=None):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score)


def film(*segments, duration_s=43_200.0, identity="c0ffee"):
    return Timeline(
        video_identity=identity,
        video_path="film.mp4",
        duration_s=duration_s,
        span_s=(0.0, duration_s),
        segments=segments,
    )


def written(module, *segments, **fields):
    content, warnings = (w := module.write([film(*segments, **fields)], Options())).content.decode(), w.warnings
    return content, list(warnings)


def read(module, content, options=READING):
    (timeline,) = module.read(content.encode(), "film.txt", options).timelines
    return timeline


def again(module, *segments, options=READING, **fields):
    return read(module, written(module, *segments, **fields)[0], options).segments


any_label = (
    st.text(max_size=8)
    | st.text("\\=;#\n\r[]<>&-:\t ", max_size=6)
    | st.sampled_from(
        ["", "a\\", "\\\n", "[CHAPTER]\nSTART=1", "]]>", "&amp;", "0:00 a", "-", "\0", "\udcff", "x" * 1000]
    )
    | st.sampled_from(["🎬 \u202eabc", "\u2028", "\x85", "\ufffe"])
)
clean = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Zl", "Zp"]), max_size=8)
milliseconds = st.integers(0, 43_200_000).map(lambda ms: ms / 1000)


def overlapping(labels, instants=milliseconds):
    spans = st.builds(
        lambda times, label, score: segment(*sorted(times), label, score),
        st.tuples(instants, instants),
        labels,
        st.none() | st.floats(0, 1),
    )
    return st.lists(spans, max_size=6)


def in_a_row(labels):
    """Segments one after another, some of which touch, some of which last no time."""
    return st.lists(st.tuples(labels, st.integers(0, 3), st.integers(0, 5_000)), max_size=6).map(
        lambda content: [
            segment((i * 5_000 + late) / 1000, (i * 5_000 + max(late, length)) / 1000, label)
            for i, (label, late, length) in enumerate(content)
        ]
    )


def unscored(segments):
    return tuple(segment(s.start_s, s.end_s, s.label) for s in segments)
