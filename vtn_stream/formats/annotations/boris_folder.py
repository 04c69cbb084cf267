"""A folder of BORIS projects, as several people or several days make them."""

from collections.abc import Sequence
from pathlib import Path

from vtn_stream.errors import AnnotationError, listed
from vtn_stream.film import is_film_name
from vtn_stream.formats.annotations import boris
from vtn_stream.formats.annotations.exports import is_export
from vtn_stream.formats.annotations.film_files import join
from vtn_stream.formats.annotations.findings import MAX_ENTRIES, Findings, Unreadable
from vtn_stream.formats.annotations.text import as_text, parsed_json, read_bytes, unpacked
from vtn_stream.formats.annotations.words import At, dotted

__all__ = ["files_in", "read"]


def files_in(folder: Path) -> list[Path]:
    """The projects in a folder, but for what `export` made of a timeline beside it."""
    found = (
        file
        for file in folder.iterdir()
        if file.name.lower().endswith((".boris", ".boris.gz")) and not file.name.startswith(".") and file.is_file()
    )
    return sorted(file for file in found if not is_export(file))


def read(findings: Findings, files: Sequence[Path]) -> None:
    """Each project by itself: what is wrong with one does not take the others away. A warning names other files there
    that are no films.
    """
    beside = {file.name for folder in {file.parent for file in files} for file in folder.iterdir() if file.is_file()}
    beside -= {file.name for file in files}
    if ignored := sorted(name for name in beside if not (name.startswith(".") or is_film_name(name))):
        findings.warn(At(), f"{listed(ignored)} ignored beside projects of BORIS")
    for file in files:
        part = findings.part(file.name)
        try:
            text = as_text(unpacked(read_bytes(file), file.name), file.name)
            data = parsed_json(text, MAX_ENTRIES)
            if not boris.claims(data):
                raise ValueError("it is not a project of BORIS")
            if findings.coding.observations and not boris.chosen(part, data):
                continue  # those that are asked for are in other files
            boris.read(part, text, data)
        except AnnotationError as error:
            findings.problem(At(file=file.name), error.fact.removeprefix(f"{file.name} "))
        except Unreadable as error:
            findings.problem(At(file=file.name), error.text)
        except ValueError as error:
            findings.problem(At(file=file.name), f"it is damaged JSON ({error})")
        if "" in part.locate:
            findings.locate[file.name] = part.locate[""]
        part.problems = [(at, _placed(at, text)) for at, text in part.problems]
        for at, text in part.warnings:
            findings.warn(at._replace(file=file.name), _placed(at, text))
        join(findings, part, file.name)


def _placed(at: At, text: str) -> str:
    """With the place in the file: of several files, their names stand there."""
    return f"{dotted(at.path)}: {text}" if at.path else text
