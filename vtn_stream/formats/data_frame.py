"""Timelines as a pandas DataFrame: a row a segment. Not a file: only for Python."""

from typing import TYPE_CHECKING

from vtn_stream.errors import InputError
from vtn_stream.segments import part_at
from vtn_stream.timeline import Timeline

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["COLUMNS", "data_frame"]

COLUMNS = ("video", "start_s", "end_s", "duration_s", "label", "score", "origin")


def data_frame(timeline: Timeline) -> "DataFrame":
    """Columns as COLUMNS; of a recording in several files also file and file_start_s, the one in which a segment
    starts, and when; one for each attribute that a segment has, in order of appearance, called attribute_NAME where the
    name is taken. score is NaN and text is None where there is none. Raises InputError without pandas.
    """
    try:
        import pandas
    except ImportError as error:
        raise InputError(
            "pandas is not installed", "there is no table", "install it: pip install 'vtn-stream[pandas]'"
        ) from error
    segments = timeline.segments
    columns: dict[str, object] = {
        "video": pandas.Series([timeline.video_path] * len(segments), dtype=object),
        "start_s": pandas.Series([s.start_s for s in segments], dtype=float),
        "end_s": pandas.Series([s.end_s for s in segments], dtype=float),
        "duration_s": pandas.Series([s.duration_s for s in segments], dtype=float),
        "label": pandas.Series([s.label for s in segments], dtype=object),
        "score": pandas.Series([s.score for s in segments], dtype=float),
        "origin": pandas.Series([s.origin for s in segments], dtype=object),
    }
    if timeline.parts:
        parts = [part_at(timeline.parts, s.start_s) for s in segments]
        files = [None if part is None else part.video_path for part in parts]
        starts = [None if part is None else s.start_s - part.start_s for s, part in zip(segments, parts, strict=True)]
        columns |= {"file": pandas.Series(files, dtype=object), "file_start_s": pandas.Series(starts, dtype=float)}
    for name in dict.fromkeys(name for s in segments for name in s.attributes):
        column = name
        while column in columns:
            column = f"attribute_{column}"
        columns[column] = pandas.Series([s.attributes.get(name) for s in segments], dtype=object)
    return pandas.DataFrame(columns)
