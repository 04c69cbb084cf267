"""Lists of whole clips: "path label" or "path,label" a line, or a table with the columns path and label.

No times: a clip is of one label from 0 to its end, and gets its segment when its duration is known. The id is the
path, in its plain form (./a/b.mp4 is a/b.mp4). A table may have subset, source and duration_s; `video` is another name
for `path`. In lines the path ends with a film's suffix, or with the line's only comma, tab or space; where the labels
are known, else with the longest end of the line that is one of them or its number. Lines "folder frames label" are
mmaction2's lists of folders of pictures: the film is looked for under the folder's name. Empty lines and those that
begin with # are passed over; numbers after a comma and the label (votes) and numbers of frames are not read, with a
warning. Several numbers behind a film are several labels, which are not read. Escapes: quotes in
tables, none in lines. Labels in alphabetic order, numbers by size: numbers stay the labels they are. A table whose
other columns hold times, and lines that hold some, are refused: they are none of whole clips.
"""

import itertools
import posixpath
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from vtn_stream.film import FILM_SUFFIXES, is_film_name
from vtn_stream.formats.annotations import segments_csv, timed_lines
from vtn_stream.formats.annotations.columns import columns_of, seems_a_time
from vtn_stream.formats.annotations.findings import MAX_ENTRIES, Findings, Unreadable
from vtn_stream.formats.annotations.segments_csv import check_header
from vtn_stream.formats.annotations.table import columns, has_decimal_commas, rows
from vtn_stream.formats.annotations.text import lines_of, seconds
from vtn_stream.formats.annotations.words import At, shown
from vtn_stream.times import is_clock, seconds_of

__all__ = ["NAME", "ListedClip", "claims", "class_of", "clips", "read"]

NAME = "clip list"
NUM_TRIED = 20  # lines, until one is a film's path and a label
MAX_LINE = 8192  # characters: a path of any system, and as much for the label
_AFTER_SUFFIX = re.compile(r"(?i)\.(?:" + "|".join(sorted(FILM_SUFFIXES)) + r")(?P<gap>\s*[,;]\s*|\s+)")
_MARK = re.compile(r"(?<!\s)\s*[,;\t]\s*")
_NUMBERS = re.compile(r"[,;][\d.,;\s]*", re.ASCII)
_FACTS = ("subset", "source", "duration_s")
_PAIR = re.compile(r"[\[(]\s*[\d.]+\s*[,;-]\s*[\d.]+\s*[\])]", re.ASCII)
_OF_PICTURES = re.compile(r"(?P<path>\S*/\S*|v_\S+)\s+(?P<frames>\d{1,9})\s+(?P<label>\d{1,9})", re.ASCII)
_LABELS = re.compile(r"\d{1,9}(?:\s+\d{1,9})+", re.ASCII)
_BEFORE_LABEL = re.compile(r"(?<!\s)\s*,\s*|\s+")


class ListedClip(NamedTuple):
    """path: in its plain form; facts: what a table says beside, as `Findings.film` takes it."""

    at: At
    path: str
    label: str
    facts: Mapping[str, Any] = MappingProxyType({})


def claims(text: str) -> bool:
    if _is_table(columns(text)):
        return True
    for _, line in itertools.islice(_lines(text), NUM_TRIED):
        parts = _split(line) if len(line) <= MAX_LINE else None
        if parts is not None and ("/" in parts[0] or is_film_name(parts[0]) or _OF_PICTURES.fullmatch(line)):
            return True
    return False


def read(findings: Findings, text: str) -> None:
    classes = None if findings.label_names is None else findings.label_names.classes
    for clip in clips(findings, text, classes):
        if (name := findings.film(clip.path, clip.at, **clip.facts)) is not None:
            findings.clip(name, clip.at, clip.label)


def clips(findings: Findings, text: str, classes: Mapping[str, int] | None = None) -> Iterator[ListedClip]:
    """The clips of a list, unchecked; a problem for each line that holds no clip. Raises Unreadable.

    classes: the number of each label, where the labels are known
    """
    header = columns(text)
    if segments_csv.claims(text) or timed_lines.claims(text):
        raise Unreadable(
            At(line=1), "it contains times, so it is not a list of whole clips", "give lines of a path and a label"
        )
    if _is_table(header):
        yield from _rows(findings, text, header)
        return
    num_gaps = max((len(_BEFORE_LABEL.findall(label)) for label in classes or ()), default=0)
    numbers, paths, labels = array("L"), list[str](), list[str]()
    first: dict[tuple[str, str], At] = {}  # where each label stands first, with the numbers behind it
    several: dict[str, str] = {}  # one text for each label, however many clips it has
    for at, line in _lines(text):
        if len(line) > MAX_LINE:
            findings.problem(at, f"its {len(line)} characters are too many for a path and a label")
            continue
        parts = _split(line)
        if classes is not None and (parts is None or class_of(parts[1], classes) is None):
            parts = _split_before_class(line, classes, num_gaps) or parts
        if parts is None:
            findings.problem(at, f"not a path and a label: {shown(line)}")
        elif _LABELS.fullmatch(parts[1]) and (classes is None or parts[1] not in classes):
            findings.problem(at, f"several labels of one film, {shown(parts[1])}: a whole clip has one")
        else:
            if len(paths) == MAX_ENTRIES:
                findings.refuse(at, f"it has more than {MAX_ENTRIES} films, split it")
            path, label, behind = parts
            first.setdefault((label, behind), at)
            numbers.append(at.line or 0)
            paths.append(_plain(path))
            labels.append(several.setdefault(label, label))
    del text
    others = [
        (at, label, behind)
        for (label, behind), at in first.items()
        if classes is None or class_of(label, classes) is None
    ]
    if (timed_at := timed_lines.first_with_times(others)) is not None:
        cure = f"{timed_lines.CURE}; or leave a path and a label"
        raise Unreadable(timed_at, "there may be times in it, so it is not a list of whole clips", cure)
    if numbered := next((at for (_, behind), at in first.items() if behind), None):
        findings.warn(numbered, "numbers beside the path and the label, votes or frames, are not read")
    for number, path, label in zip(numbers, paths, labels, strict=True):
        yield ListedClip(At(line=number), path, label)


def class_of(label: str, classes: Mapping[str, int]) -> int | None:
    """The number of a label, or the number 0 to K - 1 that stands in its place; None for anything else."""
    if label in classes:
        return classes[label]
    if re.fullmatch(r"\d{1,9}", label, re.ASCII) and int(label) < len(classes):
        return int(label)
    return None


def _is_table(header: list[str]) -> bool:
    """Whether it is of a table of clips. What holds times is a table of segments, whatever else it holds."""
    return "label" in header and ("path" in header or "video" in header) and not columns_of(header).holds_times


def _lines(text: str) -> Iterator[tuple[At, str]]:
    """The lines that are not empty or comments."""
    for number, line in enumerate(lines_of(text), 1):
        if (line := line.strip()) and not line.startswith("#"):
            yield At(line=number), line


def _rows(findings: Findings, text: str, header: list[str]) -> Iterator[ListedClip]:
    column = "path" if "path" in header else "video"
    check_header(findings, header, (column, "label", *_FACTS))
    if times := _times(text, header):
        cure = "call them start_s and end_s, or take them out"
        raise Unreadable(
            At(line=1), f"{' and '.join(times)} may be times, and then this is not a list of whole clips", cure
        )
    for at, row in rows(findings, text):
        length = row.get("duration_s")
        facts = {
            "duration_s": seconds(length) if length else None,
            "subset": row.get("subset") or None,
            "source": row.get("source") or None,
        }
        yield ListedClip(at, _plain(row[column]), row["label"], facts)


def _times(text: str, header: Sequence[str]) -> list[str]:
    """Columns that hold times under unknown names: clocks or pairs in every row, numbers under a name such as
    start_idx, or fractions that rise to the next.

    None is that of which the name says something else, and fractions up to 1 are those of scores.
    """
    named = columns_of(header)
    indices = (named.score, named.fps, *(column.index for column in (named.length, named.whole) if column))
    read = {"path", "video", "label", *_FACTS, *(header[index] for index in indices if index is not None)}
    others = {name: list[str]() for name in header if name not in read}
    for _, row in rows(Findings(""), text):
        for name, cells in others.items():
            cells.append(row[name])
    comma = has_decimal_commas(text)
    numbers = [name for name, cells in others.items() if all(seconds_of(c, comma=comma) is not None for c in cells)]
    if any(others.values()) and (named_so := [name for name in numbers if seems_a_time(name)]):
        return named_so
    fractions = {}
    for name, cells in others.items():
        if cells and all(is_clock(cell) or _PAIR.fullmatch(cell) for cell in cells):
            return [name]
        values = [seconds_of(cell, comma=comma) for cell in cells]
        if any("." in cell or "," in cell for cell in cells) and None not in values:
            fractions[name] = [value or 0.0 for value in values]
    for (first, starts), (second, ends) in itertools.pairwise(fractions.items()):
        if max(ends) > 1 and all(start <= end for start, end in zip(starts, ends, strict=True)):
            return [first, second]
    return []


def _split(line: str) -> tuple[str, str, str] | None:
    """The path and the label, which may hold spaces when the path ends with a film's suffix or a mark; and the numbers
    behind it.
    """
    if suffixes := list(_AFTER_SUFFIX.finditer(line)):
        path, gap, label = line[: suffixes[-1].start("gap")], suffixes[-1]["gap"], line[suffixes[-1].end() :]
    elif mark := _MARK.search(line):
        path, gap, label = line[: mark.start()], mark[0], line[mark.end() :]
    elif len(words := line.split()) == 2:
        path, gap, label = words[0], " ", words[1]
    elif of_pictures := _OF_PICTURES.fullmatch(line):
        return of_pictures["path"], of_pictures["label"], of_pictures["frames"]
    else:
        return None
    behind = ""
    if gap.strip() and (separator := re.search(r"[,;]", label)):
        if not _NUMBERS.fullmatch(label, separator.start()):
            return None
        label, behind = label[: separator.start()].rstrip(), label[separator.start() :]
    return (path, label, behind) if path and label else None


def _split_before_class(line: str, classes: Mapping[str, int], num_gaps: int) -> tuple[str, str, str] | None:
    """The path and the longest end of the line that is a class. num_gaps: between the words of a label, at most."""
    for gap in list(_BEFORE_LABEL.finditer(line))[-num_gaps - 1 :]:
        if class_of(line[gap.end() :], classes) is not None:
            return (line[: gap.start()], line[gap.end() :], "") if gap.start() else None
    return None


def _plain(path: str) -> str:
    return posixpath.normpath(path) if path and "\0" not in path else path
