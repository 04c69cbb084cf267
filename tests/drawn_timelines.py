"""Timelines as drawings: a character is a second, a run of one letter is a segment."""

import re

from hypothesis import strategies as st

from vtn_stream.timeline import Segment, Timeline

SPAN = 12  # seconds, in drawings and in the rasterised oracles


def timeline(*segments, **fields):
    known = {"video_identity": "c0ffee", "video_path": "film.mp4", "duration_s": SPAN, "span_s": (0, SPAN)}
    return Timeline(**(known | {"segments": segments} | fields))


def drawn(*rows):
    return timeline(
        *(
            Segment(start_s=run.start(), end_s=run.end(), label=run[1])
            for row in rows
            for run in re.finditer(r"(\w)\1*", row)
        )
    )


def seg(start_s, end_s, label="A", **more):
    return Segment(start_s=start_s, end_s=end_s, label=label, **more)


scores = st.none() | st.floats(0, 1)
