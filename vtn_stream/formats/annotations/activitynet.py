"""ActivityNet JSON: {"database": {id: {"duration", "subset", "annotations": [{"label", "segment": [start, end]}]}}}.

Seconds, as exact as the numbers. Loses url, resolution, taxonomy, version. Escapes: JSON's own. Labels in alphabetic
order: the format has none. Traps: files that call frames seconds (reported if the film's duration is known); an id that
stands twice, of which other readers keep the last in silence.
"""

from collections.abc import Iterator
from typing import Any, TypeGuard

from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.text import line_finder
from vtn_stream.formats.annotations.words import At, shown

__all__ = ["NAME", "database_of", "films", "is_pair", "read"]

NAME = "ActivityNet JSON"


def database_of(data: object) -> dict[str, Any] | None:
    """The films of the database; None for any other document."""
    database = data.get("database") if isinstance(data, dict) else None
    return database if isinstance(database, dict) else None


def read(findings: Findings, text: str, database: dict[str, Any]) -> None:
    for name, entry in films(findings, text, database):
        for at, annotation in entry:
            segment = annotation.get("segment")
            if is_pair(segment):
                findings.segment(name, at, segment[0], segment[1], annotation.get("label"))
            else:
                findings.lost(name, at, f"its segment is {shown(segment)}, not [start, end]")


def films(
    findings: Findings, text: str, database: dict[str, Any]
) -> Iterator[tuple[str, Iterator[tuple[At, dict[str, Any]]]]]:
    """Each film's id and its annotations with their places, after its facts were noted."""
    findings.published = True
    findings.locate[""] = line_finder(text)
    findings.report_repeated(At(path=("database",)), database)
    for name, entry in database.items():
        at = At(path=("database", name))
        if not isinstance(entry, dict):
            findings.problem(at, f"a film is {shown(entry)}, not an object")
            continue
        findings.report_repeated(at, entry)
        known = findings.film(name, at, duration_s=entry.get("duration"), subset=entry.get("subset"))
        if known is None:
            continue
        annotations = entry.get("annotations")
        if isinstance(annotations, list):
            yield known, _annotations(findings, known, annotations)
        else:
            findings.lost(known, at, f"its annotations are {shown(annotations)}, not a list")


def is_pair(segment: object) -> TypeGuard[list[object]]:
    return isinstance(segment, list) and len(segment) == 2


def _annotations(findings: Findings, name: str, annotations: list[object]) -> Iterator[tuple[At, dict[str, Any]]]:
    for i, annotation in enumerate(annotations):
        at = At(path=("database", name, "annotations", i))
        if isinstance(annotation, dict):
            findings.report_repeated(at, annotation)
            yield at, annotation
        else:
            findings.lost(name, at, f"it is {shown(annotation)}, not an object")
