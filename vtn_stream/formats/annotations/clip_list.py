"""Lists of whole clips: "path label" or "path,label" a line, or a table with the columns path and label.

No times: a clip is of one label from 0 to its end, and gets its segment when its duration is known. The id is the
path, in its plain form (./a/b.mp4 is a/b.mp4). A table may have subset, source and duration_s; `video` is another name
for `path`. In lines the path ends with a film's suffix, or with the line's only comma, tab or space; empty lines and
those that begin with # are passed over; numbers after a comma and the label (votes) are not read. Escapes: quotes in
tables, none in lines. Labels in alphabetic order, numbers by size: numbers stay the labels they are.
"""

import io
import itertools
import posixpath
import re

from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.segments_csv import check_header
from vtn_stream.formats.annotations.table import columns, rows
from vtn_stream.formats.annotations.text import seconds
from vtn_stream.formats.annotations.words import At, shown

__all__ = ["FILM_SUFFIXES", "NAME", "claims", "read"]

NAME = "clip list"
FILM_SUFFIXES = frozenset(
    ("3gp", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "ts", "vob", "webm", "wmv")
)
NUM_TRIED = 20  # lines, until one is a film's path and a label
_AFTER_SUFFIX = re.compile(r"(?i)\.(?:" + "|".join(sorted(FILM_SUFFIXES)) + r")(?P<gap>\s*[,;]\s*|\s+)")
_NUMBERS = re.compile(r"[,;][\d.,;\s]*", re.ASCII)


def claims(text: str) -> bool:
    header = columns(text)
    if "label" in header and ("path" in header or "video" in header):
        return True
    for line in itertools.islice(io.StringIO(text), NUM_TRIED):
        parts = None if line.lstrip().startswith("#") else _split(line.strip())
        if parts is not None and ("/" in parts[0] or _AFTER_SUFFIX.search(f"{parts[0]} ")):
            return True
    return False


def read(findings: Findings, text: str) -> None:
    header = columns(text)
    if "label" in header and ("path" in header or "video" in header):
        _read_table(findings, text, header)
        return
    for number, line in enumerate(io.StringIO(text), 1):
        if (line := line.strip()) and not line.startswith("#"):
            at = At(line=number)
            if (parts := _split(line)) is None:
                findings.problem(at, f"not a path and a label: {shown(line)}")
            elif (name := findings.film(_plain(parts[0]), at)) is not None:
                findings.clip(name, at, parts[1])


def _read_table(findings: Findings, text: str, header: list[str]) -> None:
    column = "path" if "path" in header else "video"
    check_header(findings, header, (column, "label", "subset", "source", "duration_s"))
    for at, row in rows(findings, text):
        length = row.get("duration_s")
        name = findings.film(
            _plain(row[column]),
            at,
            duration_s=seconds(length) if length else None,
            subset=row.get("subset") or None,
            source=row.get("source") or None,
        )
        if name is not None:
            findings.clip(name, at, row["label"])


def _split(line: str) -> tuple[str, str] | None:
    """The path and the label, which may hold spaces when the path ends with a film's suffix."""
    if after := _AFTER_SUFFIX.search(line):
        path, gap, label = line[: after.start("gap")], after["gap"], line[after.end() :]
    else:
        parts = re.split(r"(\s*[,;\t]\s*)", line) if re.search(r"[,;\t]", line) else re.split(r"(\s+)", line)
        if len(parts) < 3:
            return None
        path, gap, label = parts[0], parts[1], "".join(parts[2:])
        if not gap.strip(" ") and len(parts) > 3:
            return None
    if gap.strip() and (numbers := re.search(r"[,;]", label)):
        if not _NUMBERS.fullmatch(label, numbers.start()):
            return None
        label = label[: numbers.start()].rstrip()
    return (path, label) if path and label else None


def _plain(path: str) -> str:
    return posixpath.normpath(path) if path and "\0" not in path else path
