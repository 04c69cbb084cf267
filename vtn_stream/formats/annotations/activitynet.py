"""ActivityNet JSON: {"database": {id: {"duration", "subset", "annotations": [{"label", "segment": [start, end]}]}}}.

Seconds, as exact as the numbers. The films may also stand at the top, without "database", and "duration" be called
"duration_second": so mmaction2 has them (anet_anno_train.json). Loses url, resolution, taxonomy, version. Escapes:
JSON's own. Labels in alphabetic order: the format has none. Segments count as they are written (`published`). Traps:
files that call frames seconds (reported if the film's duration is known); an id that stands twice, of which other
readers keep the last in silence; ids with "v_" before them in one file and without in another.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeGuard

from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.text import line_finder
from vtn_stream.formats.annotations.words import At, shown

__all__ = ["NAME", "Database", "database_of", "films", "is_pair", "read"]

NAME = "ActivityNet JSON"


class Database(NamedTuple):
    """The films by their ids, and the path to them in the document."""

    films: dict[str, Any]
    path: tuple[str, ...]


def database_of(data: object) -> Database | None:
    """The films of the document; None for any other one."""
    if not isinstance(data, dict):
        return None
    if isinstance(films := data.get("database"), dict):
        return Database(films, ("database",))
    if data and all(isinstance(entry, dict) for entry in data.values()) and any(map(_is_film, data.values())):
        return Database(data, ())
    return None


def read(findings: Findings, text: str, database: Database) -> None:
    for name, entry in films(findings, text, database):
        for at, annotation in entry:
            segment = annotation.get("segment")
            if is_pair(segment):
                findings.segment(name, at, segment[0], segment[1], annotation.get("label"))
            else:
                findings.lost(name, at, f"its segment is {shown(segment)}, not [start, end]")


def films(
    findings: Findings, text: str, database: Database
) -> Iterator[tuple[str, Iterator[tuple[At, dict[str, Any]]]]]:
    """Each film's id and its annotations with their places, after its facts were noted."""
    findings.published = True
    findings.locate[""] = line_finder(text)
    findings.report_repeated(At(path=database.path), database.films)
    for name, entry in database.films.items():
        at = At(path=(*database.path, name))
        if not isinstance(entry, dict):
            findings.problem(at, f"a film is {shown(entry)}, not an object")
            continue
        findings.report_repeated(at, entry)
        duration_s = entry.get("duration", entry.get("duration_second"))
        known = findings.film(name, at, duration_s=duration_s, subset=entry.get("subset"))
        if known is None:
            continue
        annotations = entry.get("annotations")
        if isinstance(annotations, list):
            yield known, _annotations(findings, known, at, annotations)
        else:
            findings.lost(known, at, f"its annotations are {shown(annotations)}, not a list")


def is_pair(segment: object) -> TypeGuard[list[object]]:
    return isinstance(segment, list) and len(segment) == 2


def _is_film(entry: dict[str, Any]) -> bool:
    annotations = entry.get("annotations")
    if not isinstance(annotations, list):
        return False
    return {"duration", "duration_second"} & entry.keys() != set() or any(
        isinstance(each, dict) and "segment" in each for each in annotations
    )


def _annotations(
    findings: Findings, name: str, film: At, annotations: list[object]
) -> Iterator[tuple[At, dict[str, Any]]]:
    for i, annotation in enumerate(annotations):
        at = At(path=(*film.path, "annotations", i))
        if isinstance(annotation, dict):
            findings.report_repeated(at, annotation)
            yield at, annotation
        else:
            findings.lost(name, at, f"it is {shown(annotation)}, not an object")
