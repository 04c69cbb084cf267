"""Files that say which label a number stands for: lines "name", "name,number" or "number name", or JSON of such pairs.

One label a line: the first is number 0. Moments in Time's moments_categories.txt has "name,number" lines, UCF101's
classInd.txt "number name", Kinetics' class_to_idx JSON {"name": number}, with quotes inside some names, which are no
part of them. JSON may be {"number": "name"} and a list, too. Empty lines and those that begin with # are passed over.
Numbers need not begin at 0, nor follow each other. Every number has one name, and every name one number.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from vtn_stream.errors import AnnotationError, listed
from vtn_stream.film import one_form
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.label_names import LabelNames
from vtn_stream.formats.annotations.text import as_text, parsed_json, read_bytes, refuse_pickle, unpacked
from vtn_stream.formats.annotations.words import At, shown, text_fault

__all__ = ["read_label_names"]

MAX_NAMES = 10_000  # as many labels as annotations may have
MAX_LINE = 2048  # characters
_BEFORE = re.compile(r"(?P<number>\d{1,9})(?:\s*(?P<mark>[,;\t])\s*|\s+)(?P<name>.*\S)", re.ASCII)
_BEHIND = re.compile(r"(?P<name>\S.*?)(?:\s*(?P<mark>[,;\t])\s*|\s+)(?P<number>\d{1,9})", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


def read_label_names(path: Path) -> LabelNames:
    """The labels that a file names, by their numbers. Raises AnnotationError with every problem of the file."""
    findings = Findings(path.name or str(path))
    data = unpacked(read_bytes(path), path.name)
    refuse_pickle(data, path.name)
    text = as_text(data, path.name)
    try:
        labels = _checked(findings, _pairs(findings, text))
    except Unreadable as error:
        findings.refuse(error.at, error.text, error.cure)
    if num := len(findings.problems):
        raise AnnotationError(
            f"{findings.name} has {num} problem{'s' * (num > 1)}",
            "no label has its name",
            "fix the file: one label a line, or a number and its label",
            findings.in_order(findings.problems),
        )
    if not labels:
        raise AnnotationError(f"{findings.name} names no labels", "no label has its name", "give one label a line")
    return LabelNames(findings.name, labels)


def _pairs(findings: Findings, text: str) -> Iterator[tuple[At, int, str]]:
    if text.lstrip().startswith(("{", "[")):
        return _of_json(findings, text)
    lines = [
        (At(line=n), line.strip())
        for n, line in enumerate(text.split("\n"), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if len(lines) > MAX_NAMES + 1:
        raise Unreadable(At(), f"it has more than {MAX_NAMES} labels", "give the file of the labels, not the list")
    if too_long := next((at for at, line in lines if len(line) > MAX_LINE), None):
        raise Unreadable(too_long, "it is too long for a label")
    for form in (_BEHIND, _BEFORE):
        found = [(at, form.fullmatch(line)) for at, line in lines]
        if found[:1] and found[0][1] is None:  # a header, as "id,name"
            found = found[1:]
        pairs = [(at, int(pair["number"]), pair["name"]) for at, pair in found if pair is not None]
        numbers = {number for _, number, _ in pairs}
        is_one_to_one = len(numbers) == len({name for _, _, name in pairs}) == len(found)
        # Labels may begin or end with a number themselves, behind a space: then they do not count the lines.
        counts = numbers in (set(range(len(found))), set(range(1, len(found) + 1)))
        if pairs and is_one_to_one and (counts or all(pair is not None and pair["mark"] for _, pair in found)):
            return iter(pairs)
    return iter([(at, n, line) for n, (at, line) in enumerate(lines)])


def _of_json(findings: Findings, text: str) -> Iterator[tuple[At, int, str]]:
    try:
        data = parsed_json(text, MAX_NAMES)
    except ValueError as error:
        raise Unreadable(At(), f"it is damaged JSON: {error}") from error
    findings.report_repeated(At(), data)
    pairs: Iterable[tuple[object, object]]
    if isinstance(data, list):
        pairs = enumerate(data)
    elif isinstance(data, dict):
        by_number = all(_NUMBER.fullmatch(key) and isinstance(value, str) for key, value in data.items())
        pairs = data.items() if by_number else ((value, key) for key, value in data.items())
    else:
        pairs = ()
    for number, name in pairs:
        if isinstance(number, str) and _NUMBER.fullmatch(number):
            number = int(number)
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 10**9:
            findings.problem(At(), f"{shown(name)} has {shown(number)} where its number should be")
        elif not isinstance(name, str):
            findings.problem(At(), f"number {number} has {shown(name)} where its label should be")
        else:
            yield At(), number, name


def _checked(findings: Findings, pairs: Iterable[tuple[At, int, str]]) -> dict[int, str]:
    names: dict[int, str] = {}
    seen: dict[str, int] = {}
    for at, number, given in pairs:
        name = _plain(given)
        if fault := text_fault(name):
            findings.problem(at, f"the label {shown(name)} of number {number} {fault}")
        elif number in names:
            findings.problem(at, f"number {number} is {listed((names[number], name))}: it has one label")
        elif seen.setdefault(one_form(name), number) != number:
            findings.problem(at, f"{shown(name)} has the numbers {seen[one_form(name)]} and {number}: it has one")
        else:
            names[number] = name
        if len(names) > MAX_NAMES:
            findings.refuse(at, f"it has more than {MAX_NAMES} labels", "give the file of the labels, not the list")
    return names


def _plain(name: str) -> str:
    """The name without space and quotes around it."""
    name = name.strip()
    if len(name) > 2 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1].strip()
    return name
