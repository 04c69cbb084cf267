"""EPIC-KITCHENS CSV: video_id,start_timestamp,stop_timestamp,verb,noun among its columns, a row a segment.

HH:MM:SS.ff, as exact as its digits. A label is the verb and the noun with a space between: "open door"; what people do
overlaps, also of one label, so each segment has its narration_id as an attribute. participant_id is the film's source:
kitchens stay on one side of a split. Loses narrations, frames, classes and the other nouns. Escapes: RFC 4180 quotes.
Labels in alphabetic order. Traps: start_frame and stop_frame count at the rate of the published images, and are not
read; the test set has times and no labels.
"""

from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.table import columns, rows
from vtn_stream.formats.annotations.text import seconds
from vtn_stream.formats.annotations.words import At

__all__ = ["NAME", "claims", "read"]

NAME = "EPIC-KITCHENS CSV"
TIMES = ("video_id", "start_timestamp", "stop_timestamp")
NEEDED = (*TIMES, "verb", "noun")


def claims(text: str) -> bool:
    return set(TIMES) <= set(columns(text))


def read(findings: Findings, text: str) -> None:
    header = columns(text)
    if lacking := [name for name in NEEDED if header.count(name) != 1]:
        raise Unreadable(
            At(line=1), f"the header must name {', '.join(NEEDED)}, each once; look at {', '.join(lacking)}"
        )
    for at, row in rows(findings, text):
        name = findings.film(row["video_id"], at, source=row.get("participant_id") or None)
        if name is None:
            continue
        start, stop = seconds(row["start_timestamp"]), seconds(row["stop_timestamp"])
        which = row.get("narration_id")
        attributes = (("narration_id", which),) if which else ()
        findings.segment(name, at, start, stop, f"{row['verb']} {row['noun']}".strip(), attributes)
