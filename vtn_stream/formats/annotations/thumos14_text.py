"""THUMOS14's own annotations: a folder of LABEL_val.txt or LABEL_test.txt, lines of a film, a start and an end.

    video_test_0000004  0.2  1.1

Seconds, as exact as the digits, between spaces or tabs. Files called Ambiguous are left out, with a count; other files
of the folder are passed over. Labels in alphabetic order. Loses nothing; no escapes. No durations. Segments count as
they are written (`published`). Traps: a film is in the files of several labels, and one without any is in none.
"""

import re
from functools import partial
from pathlib import Path

from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.text import read_bytes, read_text, seconds
from vtn_stream.formats.annotations.thumos14 import DROPPED, NAME
from vtn_stream.formats.annotations.words import At, shown

__all__ = ["NAME", "files_in", "read"]

_FILE = re.compile(r"(?P<label>[^_]+)_(?P<subset>val|validation|test)\.txt", re.IGNORECASE)
_FIRST = re.compile(rb"\s*\S+[ \t]+\d+(?:\.\d+)?[ \t]+\d+(?:\.\d+)?\s*(?:\n|$)")


def files_in(folder: Path) -> list[Path]:
    """The files of the data set in a folder; none where not all that are called so begin with such a line."""
    files = [file for file in sorted(folder.iterdir()) if _FILE.fullmatch(file.name) and file.is_file()]
    heads = [read_bytes(file, 500) for file in files]
    return files if all(not head.strip() or _FIRST.match(head) for head in heads) else []


def read(findings: Findings, files: list[Path]) -> None:
    findings.published = True
    num_dropped = 0
    for file in files:
        name = _FILE.fullmatch(file.name)
        text = findings.loaded(file.name, partial(read_text, file))
        if name is None or text is None:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            cells, at = line.split(), At(line=number, file=file.name)
            if not cells:
                continue
            if len(cells) != 3:
                findings.problem(at, f"not a film, a start and an end: {shown(line.strip())}")
            elif name["label"] == DROPPED:
                num_dropped += 1
            elif (film := findings.film(cells[0], at, subset=name["subset"])) is not None:
                findings.segment(film, at, seconds(cells[1]), seconds(cells[2]), name["label"])
    if num_dropped:
        findings.warn(At(), f"{num_dropped} segment{'s' * (num_dropped > 1)} labelled {DROPPED} left out")
