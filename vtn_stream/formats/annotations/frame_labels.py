"""Labels for every frame as programs predict them: MS-TCN's result files, and plain files of a label a line.

A result file is called as its film, mostly without a suffix; below the line "### Frame level recognition: ###" stand
the labels of all frames, separated by spaces. A plain file is FILM.txt. Frame i is [i / fps, (i + 1) / fps), at the
rate that the caller gives; runs of a label are one segment. Labels in the order of the mapping.txt that lies in the
folder or beside it (an index and a label a line), which may also stand as their index; without it in alphabetic order.
The path is a file or a folder of them. Loses the other parts of a result file. No escapes: where a label holds a space,
a result file cannot be read, a plain one can. Traps: the files hold no rate; a plain file says nothing of what it is,
so that it is read as predictions only.
"""

import io
import re
from functools import partial
from itertools import pairwise
from pathlib import Path

from vtn_stream.errors import AnnotationError
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.frames import NO_RATE
from vtn_stream.formats.annotations.mstcn import MAPPING, put_labels, read_mapping
from vtn_stream.formats.annotations.text import as_text, read_bytes
from vtn_stream.formats.annotations.words import At

__all__ = ["NAME", "claims", "claims_plain", "files_in", "read"]

NAME = "MS-TCN results"
HEAD = 4096  # bytes that tell
MAX_LABELS = 5_000_000  # of a film: two days at 30 a second
_HEADING = re.compile(r"#{2,}\s*frame[- ]level recognition:?\s*#*", re.IGNORECASE)
_SUFFIXES = (".txt", ".recog")


def claims(text: str) -> bool:
    """Whether it is a result file: its first line is a heading, and one of the first says what is below it."""
    lines = text[:HEAD].lstrip("\ufeff").lstrip().split("\n")
    return lines[0].startswith("##") and any(_HEADING.fullmatch(line.strip()) for line in lines)


def claims_plain(text: str) -> bool:
    """Whether it may be a label a line: short lines without a separator, most of which repeat the line before."""
    lines = [line.strip() for line in text[:HEAD].strip().split("\n")][: None if len(text) < HEAD else -1]
    if any(not line or len(line) > 200 or re.search(r"[,;\t<>{}\[\]]", line) for line in lines):
        return False
    num_same = sum(a == b for a, b in pairwise(lines))
    return num_same * 2 >= len(lines) > 1


def files_in(findings: Findings, folder: Path, *, plain: bool) -> list[Path]:
    """The files of a folder that are such; a warning counts the others, if there are any."""
    others, found = 0, []
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or file.name == MAPPING or not file.is_file():
            continue
        head = read_bytes(file, HEAD)
        text = "" if b"\0" in head else head.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
        if claims(text) or (plain and file.suffix.lower() == ".txt" and claims_plain(text)):
            found.append(file)
        else:
            others += 1
    if found and others:
        findings.warn(At(), f"{others} file{'s' * (others > 1)} without a label for each frame ignored")
    return found


def read(findings: Findings, path: Path, files: list[Path]) -> None:
    """Raises AnnotationError where a film's rate is not known. path: the folder, or the one file."""
    folder = path if path.is_dir() else path.parent
    mapping = next((file for at in (folder, folder.parent) if (file := at / MAPPING).is_file()), None)
    if mapping is not None:
        findings.labels = read_mapping(findings, mapping)
    for file in files:
        name = file.name if path.is_dir() else ""
        data = findings.loaded(name, partial(read_bytes, file))
        film = file.name.removesuffix(next((s for s in _SUFFIXES if file.name.lower().endswith(s)), ""))
        if (fps := findings.rate_of(film)) is None:
            raise AnnotationError(f"{path.name} has a label for each frame", "their seconds are not known", NO_RATE)
        if data is None:
            continue
        labels = _labels(findings, as_text(data, file.name), name)
        put_labels(findings, film, [_by_index(findings, label) for label in labels], name, fps)


def _labels(findings: Findings, text: str, file: str) -> list[str]:
    if text.count(" ") + text.count("\n") > MAX_LABELS:
        raise Unreadable(At(file=file), f"it has more than {MAX_LABELS} labels", "split it")
    if not claims(text):
        return [line.strip() for line in io.StringIO(text.rstrip())]
    if spaced := next((label for label in findings.labels if " " in label), None):
        cure = "write a label a line, in FILM.txt"
        text = f"its labels are separated by spaces, and {MAPPING} has the label {spaced!r}"
        raise Unreadable(At(file=file), text, cure)
    lines = iter(text.split("\n"))
    for line in lines:
        if _HEADING.fullmatch(line.strip()):
            break
    return next((line.split() for line in lines if line.strip()), [])


def _by_index(findings: Findings, label: str) -> str:
    """The label that stands under this index in mapping.txt, if it is one and no label."""
    if label not in findings.labels and re.fullmatch(r"\d{1,5}", label, re.ASCII) and int(label) < len(findings.labels):
        return findings.labels[int(label)]
    return label
