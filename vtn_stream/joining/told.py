"""What was joined, and what was not, in lines for people."""

import os
from collections.abc import Callable, Iterable

from vtn_stream.joining.deciding import Apart, JoinedFiles
from vtn_stream.joining.linking import length, listed_files

__all__ = ["told", "told_apart"]

Shown = Callable[[str], str]


def told(recording: JoinedFiles, name: str | None = None, *, shown: Shown = os.path.basename) -> list[str]:
    """A short block: the recording and its files, then why. name: what it is called, if not as it is by itself."""
    files = listed_files([shown(path) for path in recording.paths])
    head = f"{name or recording.name} = {files}, {length(recording.duration_s)}"
    return [head, f"  because {'; '.join(recording.reasons)}"]


def told_apart(apart: Iterable[Apart], *, shown: Shown = os.path.basename) -> list[str]:
    """A line for each row of films that follow one another by their names and are not joined, and why."""
    rows: list[list[str]] = []
    ends: dict[tuple[str, str], list[str]] = {}  # rows by why, and by their last film
    whys: list[str] = []
    for one in sorted(apart, key=lambda one: one.paths):
        row = ends.pop((one.why, one.paths[0]), None)
        if row is None:
            row = [one.paths[0]]
            rows.append(row)
            whys.append(one.why)
        row += one.paths[1:]
        ends[one.why, row[-1]] = row
    return [f"not joined: {listed_files([*map(shown, row)])}: {why}" for row, why in zip(rows, whys, strict=True)]
