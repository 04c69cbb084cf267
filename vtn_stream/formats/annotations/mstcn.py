"""MS-TCN: a folder with groundTruth/ID.txt, a label a frame, and mapping.txt, an index and a label a line.

Resolution: a frame, at the rate that the caller gives: frame i is [i / fps, (i + 1) / fps), runs of a label are one
segment, so that two actions of one label that touch become one. Labels in the order of mapping.txt, background among
them, also those that never occur. Loses nothing else; splits/ is not read (there are several, of one film). No
escapes. The path is the folder, its groundTruth, or one file there. Traps: the files hold no rate (50Salads 30, GTEA
and Breakfast 15), and features are often sampled at another.
"""

import io
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from itertools import groupby
from pathlib import Path

from vtn_stream.errors import AnnotationError
from vtn_stream.film import one_form
from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.frames import NO_RATE
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.annotations.text import read_text
from vtn_stream.formats.annotations.words import At, shown

__all__ = ["MAPPING", "NAME", "mapping_of_file", "mapping_of_folder", "put_labels", "read", "read_mapping"]

NAME = "MS-TCN"
TRUTH = "groundTruth"
MAPPING = "mapping.txt"


def mapping_of_folder(path: Path) -> Path | None:
    """The mapping.txt of a data set's folder, or of its groundTruth."""
    root = path.parent if path.name == TRUTH else path
    return root / MAPPING if (root / MAPPING).is_file() and (root / TRUTH).is_dir() else None


def mapping_of_file(path: Path, text: str) -> Path | None:
    """The mapping.txt of a file of groundTruth that begins with one of its labels. Raises AnnotationError."""
    mapping = mapping_of_folder(path.parent) if path.parent.name == TRUTH else None
    if mapping is None:
        return None
    lines = read_text(mapping).split("\n")
    first = text.split("\n", 1)[0].strip()
    return mapping if first in {line.strip().partition(" ")[2].strip() for line in lines} else None


def read(findings: Findings, path: Path, mapping: Path) -> None:
    """Raises AnnotationError where a film's rate is not known."""
    findings.labels = read_mapping(findings, mapping)
    folder = path / TRUTH if (path / TRUTH).is_dir() else path
    files = [path] if path.is_file() else sorted(folder.glob("[!.]*.txt"))
    for file in files:
        if file.is_file() and file.name != MAPPING:
            name = f"{TRUTH}/{file.name}"
            text = findings.loaded(name, partial(read_text, file))
            if (fps := findings.rate_of(file.stem)) is None:
                raise AnnotationError(f"{path.name} counts frames (MS-TCN)", "their seconds are not known", NO_RATE)
            if text is not None:
                labels = [line.strip() for line in io.StringIO(text.rstrip())]
                put_labels(findings, file.stem, labels, name, fps)


def read_mapping(findings: Findings, mapping: Path) -> list[str]:
    labels: dict[int, str] = {}
    known = set[str]()
    for number, line in enumerate(io.StringIO(read_text(mapping)), 1):
        index, _, label = line.strip().partition(" ")
        at, label = At(line=number, file=MAPPING), label.strip()
        if not index:
            continue
        if not (index.isascii() and index.isdecimal() and len(index) < 7 and label):
            findings.problem(at, f"not an index and a label: {shown(line.strip())}")
        elif int(index) in labels or label in known:
            findings.problem(at, f"{shown(line.strip())}: the index or the label stands on another line")
        else:
            labels[int(index)] = label
            known.add(label)
        if len(labels) > 10_000:
            findings.refuse(at, "too many labels")
    return [labels[index] for index in sorted(labels)]


def put_labels(findings: Findings, name: str, labels: Sequence[str], file: str, fps: Fraction) -> None:
    """Adds a film with a label for each frame; where the findings have labels, they are all that there are."""
    known = {one_form(label): label for label in findings.labels}
    if not labels:
        findings.problem(At(file=file), "it is empty")
        return
    film = findings.film(name, At(line=1, file=file), duration_s=float(len(labels) / fps))
    if film is None:
        return
    findings.films[film].num_labels = len(labels)
    first, unknown = 0, set[str]()
    for label, run in groupby(labels):
        at, stop = At(line=first + 1, file=file), first + len(list(run))
        if one_form(label) in known or not known:
            findings.segment(film, at, float(first / fps), float(stop / fps), known.get(one_form(label), label))
        elif label not in unknown:
            unknown.add(label)
            near = nearest(label, findings.labels) if len(unknown) < 50 else None
            hint = f" (did you mean {shown(near)}?)" if near else ""
            findings.lost(film, at, f"{MAPPING} has no label {shown(label)}{hint}")
        first = stop
