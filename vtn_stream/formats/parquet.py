"""Timelines as Parquet: a row a segment, any number of films, for pandas, DuckDB, Spark.

Columns: video, video_identity, video_duration_s, start_s, end_s, duration_s, start, end, label, score; if a film is a
recording in several files, file and file_start_s, the one in which a segment starts, and when; if a segment is by hand,
also origin, was_start_s, was_end_s, was_label, was_score. Names, labels, origin and the clock times start and end
(HH:MM:SS.mmm) are strings, the others float64; score and what is not always there may be null. The file's metadata
lists the films as JSON under the key `vtn_stream.films`, so that one without segments is there.

Resolution: float64 seconds and scores. Loses the analyzed span, gaps, curves, clip labels, attributes, frame rate,
timecode, what was rejected and reviewed, and provenance. Escapes: none are needed; lone surrogates, which UTF-8 cannot
hold, become U+FFFD.
Read: columns in any order and of any type that casts to these without loss; video, start_s, end_s and label are needed.
Sizes are limited as the file states them, before any column is read; texts to 65,536 characters each, and labels to
256 Mi characters in all, as often as each is meant: a small file may mean one long label a million times.
Comes back the same: everything that is not named as lost, with texts up to 65,536 characters; origins where any segment
is by hand.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from vtn_stream.formats.reading import MAX_BYTES, MAX_SEGMENTS, ReadingOptions, ReadResult, refuse, timeline_of
from vtn_stream.formats.timeline_csv import clock
from vtn_stream.formats.writing import Options, Written, num
from vtn_stream.segments import part_at
from vtn_stream.timeline import Segment, Timeline

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["claims", "read", "write"]

COLUMNS = {
    "video": "string",
    "video_identity": "string",
    "video_duration_s": "float64",
    "start_s": "float64",
    "end_s": "float64",
    "duration_s": "float64",
    "start": "string",
    "end": "string",
    "label": "string",
    "score": "float64",
}
SAID = {
    "origin": "string",
    "was_start_s": "float64",
    "was_end_s": "float64",
    "was_label": "string",
    "was_score": "float64",
}
FILE = {"file": "string", "file_start_s": "float64"}
NULLABLE = {"score", *FILE, *SAID}
NEEDED = ("video", "start_s", "end_s", "label")
READ = ("video", "video_identity", "video_duration_s", "start_s", "end_s", "label", "score", *SAID)
MAX_TEXT = 2**16  # characters
FILMS = b"vtn_stream.films"


class _Film(NamedTuple):
    video: str
    identity: str


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "video": _text(timeline.video_path),
            "video_identity": _text(timeline.video_identity),
            "video_duration_s": timeline.duration_s,
            "start_s": s.start_s,
            "end_s": s.end_s,
            "duration_s": s.duration_s,
            "start": clock(s.start_s),
            "end": clock(s.end_s),
            "label": _text(s.label),
            "score": s.score,
            **_file(timeline, s),
            "origin": s.origin,
            **({} if s.was is None else _was(s.was)),
        }
        for timeline in timelines
        for s in timeline.segments
    ]
    films = [[_text(t.video_path), _text(t.video_identity), t.duration_s] for t in timelines]
    columns = COLUMNS | (FILE if any(timeline.parts for timeline in timelines) else {})
    columns |= SAID if any(s.by_hand for timeline in timelines for s in timeline.segments) else {}
    schema = pa.schema(
        [pa.field(column, pa.type_for_alias(kind), nullable=column in NULLABLE) for column, kind in columns.items()],
        metadata={FILMS: json.dumps(films, ensure_ascii=False)},
    )
    file = BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)
    segments = [s for timeline in timelines for s in timeline.segments]
    num_broken = sum(_text(s.label) != s.label for of in segments for s in (of, of.was) if s is not None)
    warnings = [f"{num(num_broken, 'label')} with broken characters: these are written as U+FFFD"] * bool(num_broken)
    return Written(content=file.getvalue(), warnings=tuple(warnings))


def claims(head: str, suffix: str) -> bool:
    return head.startswith("PAR1")


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    import pyarrow as pa

    try:
        durations, columns = _content(data, name)
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        refuse(name, f"damaged Parquet: {reason}")
    found: dict[_Film, list[Segment]] = {film: [] for film in durations}
    for row, (video, identity, video_duration_s, *of_segment) in enumerate(zip(*columns, strict=True)):
        film = _Film(video or "", identity or "")
        if film not in found:
            found[film], durations[film] = [], video_duration_s
        try:
            found[film].append(_segment(*of_segment))
        except (TypeError, ValueError) as error:
            refuse(name, f"row {row + 1}: {error}")
    return ReadResult(
        timelines=tuple(
            replace(
                timeline_of(segments, name, options, format="Parquet", video=film.video, duration_s=durations[film]),
                video_identity=film.identity,
            )
            for film, segments in found.items()
        )
    )


def _content(data: bytes, name: str) -> tuple[dict[_Film, float | None], list[list[Any]]]:
    """The films that the metadata lists, with their durations, and the values of each column of READ."""
    import pyarrow.parquet as pq

    if len(data) > MAX_BYTES:
        refuse(name, f"it is larger than {MAX_BYTES // 2**20} MiB")
    there = pq.read_schema(BytesIO(data)).names
    if faulty := [column for column in READ if there.count(column) != 1 and (column in there or column in NEEDED)]:
        refuse(name, f"it must have the columns {', '.join(NEEDED)}, each once; look at {', '.join(faulty)}")
    wanted = [column for column in READ if column in there]
    texts = [column for column in wanted if (COLUMNS | SAID)[column] == "string"]
    file = pq.ParquetFile(BytesIO(data), read_dictionary=texts)
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    if max(file.metadata.num_rows, sum(group.num_rows for group in groups)) > MAX_SEGMENTS:
        refuse(name, f"more than {MAX_SEGMENTS} rows")
    if sum(group.total_byte_size for group in groups) > 2 * MAX_BYTES:
        refuse(name, f"it unpacks to more than {2 * MAX_BYTES // 2**20} MiB")
    table = file.read(columns=wanted)
    columns: list[list[Any]] = []
    for column in READ:
        if column not in wanted:
            columns.append([None] * table.num_rows)
        elif column in texts:
            columns.append(_texts(table[column]))
            lengths = [len(text) for text in columns[-1] if text is not None]
            if max(lengths, default=0) > MAX_TEXT:
                refuse(name, f"column {column} has a text of more than {MAX_TEXT} characters")
            if sum(lengths) > MAX_BYTES:
                refuse(name, f"the texts of column {column} have more than {MAX_BYTES} characters in all")
        else:
            columns.append(table[column].cast("float64").to_pylist())
    listed = json.loads((file.schema_arrow.metadata or {}).get(FILMS, b"[]"))
    durations: dict[_Film, float | None] = {
        _Film(_is_text(video), _is_text(identity)): float(duration_s) for video, identity, duration_s in listed
    }
    return durations, columns


def _segment(start_s: Any, end_s: Any, label: Any, score: Any, origin: Any = None, *was: Any) -> Segment:
    """Raises TypeError or ValueError where the cells do not fit."""
    score = None if score is None or math.isnan(score) else score
    before = None if all(cell is None for cell in was) else _segment(*was)
    return Segment(start_s=start_s, end_s=end_s, label=_is_text(label), score=score, origin=origin, was=before)


def _file(timeline: Timeline, segment: Segment) -> dict[str, Any]:
    part = part_at(timeline.parts, segment.start_s)
    return {} if part is None else {"file": _text(part.video_path), "file_start_s": segment.start_s - part.start_s}


def _was(was: Segment) -> dict[str, Any]:
    cells = (was.start_s, was.end_s, _text(was.label), was.score)
    return dict(zip([*SAID][1:], cells, strict=True))


def _texts(column: "pa.ChunkedArray") -> list[str | None]:
    """One string object for each different text: a word that is used a million times stays small."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    texts: list[str | None] = []
    for chunk in column.chunks:
        words = chunk.dictionary.cast(pa.string()).to_pylist()
        texts += [None if i is None else words[i] for i in chunk.indices.to_pylist()]
    return texts


def _is_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return value


def _text(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "\ufffd", text)
