"""CSV: video,start_s,end_s,label and, if wanted, subset, source, video_duration_s; a row a segment, in any order.

Seconds, or H:MM:SS.mmm; as exact as the digits. A header is needed; UTF-8, with or without its mark; commas, semicolons
or tabs, with the two latter also decimal commas. A row with a video and no times and no label is a film in which
nothing happens. Loses other columns, which a warning names; the tables that we write of timelines are such files.
Escapes: RFC 4180 quotes; space around a cell is dropped. Labels in alphabetic order, numbers by size. Traps: columns
called start and end without a unit are refused, since they may be frames.
"""

from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.table import columns, has_decimal_commas, rows
from vtn_stream.formats.annotations.text import seconds
from vtn_stream.formats.annotations.words import At

__all__ = ["NAME", "claims", "read"]

NAME = "CSV"
NEEDED = ("video", "start_s", "end_s", "label")
WANTED = ("subset", "source", "video_duration_s")
_SIGNS = frozenset({*NEEDED, *WANTED, "start", "end", "start_frame", "end_frame", "start_ms", "end_ms", "class"})


def claims(text: str) -> bool:
    """Whether there is a header with times, or something meant as one."""
    header = set(columns(text))
    return len(header & _SIGNS) >= 2 and any(name.startswith(("start", "end")) for name in header)


def read(findings: Findings, text: str) -> None:
    header = columns(text)
    if lacking := [name for name in NEEDED if name not in header]:
        raise Unreadable(At(line=1), f"the header lacks {', '.join(lacking)}; it must name {', '.join(NEEDED)}")
    check_header(findings, header, (*NEEDED, *WANTED))
    comma = has_decimal_commas(text)
    for at, row in rows(findings, text):
        length = row.get("video_duration_s")
        name = findings.film(
            row["video"],
            at,
            duration_s=seconds(length, comma=comma) if length else None,
            subset=row.get("subset") or None,
            source=row.get("source") or None,
        )
        if name is not None and (row["start_s"] or row["end_s"] or row["label"]):
            start_s, end_s = (seconds(row[column], comma=comma) for column in ("start_s", "end_s"))
            findings.segment(name, at, start_s, end_s, row["label"])


def check_header(findings: Findings, header: list[str], known: tuple[str, ...]) -> None:
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise Unreadable(At(line=1), f"the header names {', '.join(twice)} twice")
    if ignored := [name for name in header if name not in known]:
        findings.warn(At(line=1), f"columns that are not read: {', '.join(ignored[:20])}")
