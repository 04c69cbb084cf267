"""Kinetics' own tables of clips: label,youtube_id,time_start,time_end,split, a row a clip; the test set has no labels.

A clip is a part of a film on YouTube, cut out beforehand: its id is ID_000095_000105, as the data set's tools name the
files, whatever their suffix and in whatever folder; seconds in the film, whole ones. `split` is the subset, where
"validate" is the validation. Escapes: RFC 4180 quotes. Labels in alphabetic order, numbers by size. Loses other
columns. Traps: a table of segments of whole films may have these columns: it is one of clips if most last up to 10 s.
"""

import itertools
import re
from collections.abc import Iterator

from vtn_stream.formats.annotations.annotated import subset_named
from vtn_stream.formats.annotations.clip_list import ListedClip
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.table import columns, rows
from vtn_stream.formats.annotations.words import At, shown

__all__ = ["NAME", "claims", "clips", "named_by_film", "read"]

NAME = "Kinetics CSV"
NUM_TRIED = 20  # rows
MAX_S = 10  # a clip of Kinetics lasts 10 s, or less at the end of its film
_TIMES = ("youtube_id", "time_start", "time_end")
_WHOLE = re.compile(r"\d{1,6}(?:\.0+)?", re.ASCII)  # seconds
_ID = re.compile(r"[\w-]{1,64}", re.ASCII)


def claims(text: str) -> bool:
    header = columns(text)
    if not set(_TIMES) <= set(header) or len(set(header)) < len(header):
        return False
    spans = [_span(row) for _, row in itertools.islice(rows(Findings(""), text), NUM_TRIED)]
    return 2 * sum(span is not None and span[1] - span[0] <= MAX_S for span in spans) >= len(spans)


def read(findings: Findings, text: str) -> None:
    for clip in clips(findings, text):
        if (name := findings.film(clip.path, clip.at, **clip.facts)) is None:
            continue
        if clip.label or subset_named(clip.facts["subset"] or "") != "test":
            findings.clip(name, clip.at, clip.label)


def clips(findings: Findings, text: str) -> Iterator[ListedClip]:
    """The clips of a table, by their ids; a problem for each row that holds no clip. Raises Unreadable."""
    if "label" not in columns(text) and "split" not in columns(text):
        raise Unreadable(At(line=1), "there is no column label, so it teaches nothing", "give a table with labels")
    for at, row in rows(findings, text):
        span, film = _span(row), row["youtube_id"]
        if span is None or not span[0] < span[1]:
            given = f"{shown(row['time_start'])} to {shown(row['time_end'])}"
            findings.problem(at, f"it is not from a whole second to a later one: {given}")
        elif not _ID.fullmatch(film):
            findings.problem(at, f"{shown(film)} is not the id of a film on YouTube")
        else:
            name = f"{film}_{span[0]:06}_{span[1]:06}"
            yield ListedClip(at, name, row.get("label", ""), {"subset": row.get("split") or None})


def named_by_film(num: int) -> str:
    """What is said of so many clips whose files have the id of their film, and no seconds."""
    if num == 1:
        return "1 film is named by the id alone, without seconds: it is taken for the clip, cut out"
    return f"{num} films are named by the id alone, without seconds: each is taken for the clip, cut out"


def _span(row: dict[str, str]) -> tuple[int, int] | None:
    start, end = row["time_start"], row["time_end"]
    if not (_WHOLE.fullmatch(start) and _WHOLE.fullmatch(end)):
        return None
    return int(float(start)), int(float(end))
