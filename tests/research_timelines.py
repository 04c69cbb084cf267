"""Timelines for the formats of research, and what comes back of them."""

from fractions import Fraction

import pytest
from hypothesis import strategies as st

from vtn_stream.formats import FORMATS
from vtn_stream.formats.annotations import read_annotations, timelines_of
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.timeline import Segment, Timeline


def timeline(*segments, duration_s=43_200.0, **fields):
    known = {"video_identity": "c0ffee", "video_path": "film.mp4", "span_s": (0.0, duration_s)}
    return Timeline(**(known | {"segments": segments, "duration_s": duration_s, "nominal_rate": Fraction(25)} | fields))


def segment(start_s=1.0, end_s=2.0, label="a", **fields):
    return Segment(start_s=start_s, end_s=end_s, label=label, **fields)


@pytest.fixture(scope="module")
def annotations_in(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exchange")

    def annotations_in_(content, **options):
        (folder / "given.file").write_bytes(content)
        return read_annotations(folder / "given.file", **options)

    return annotations_in_


@pytest.fixture(scope="module")
def back(annotations_in):
    """The timelines in a file of one of NAMES, as a conversion reads it."""

    def back_(name, content, **options):
        format = FORMATS[name]
        if format.reads == "itself":
            return format.read(content, f"film{format.suffix}", ReadingOptions(**options)).timelines
        return timelines_of(annotations_in(content), f"film{format.suffix}", ReadingOptions(**options)).timelines

    return back_


scores = st.floats(0, 1)
plain = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" "), min_size=1)
plain = plain.map(lambda text: " ".join(text.split())).filter(bool)
any_text = st.text(st.characters(codec="utf-8"))
