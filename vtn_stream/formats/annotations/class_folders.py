"""A folder for each class, with the films of that class; or such folders inside folders called train, val and test.

Whole clips, without times: the id is the path below the folder, the label the folder's name. A clip gets its segment
when its duration is known. Loses nothing; no escapes. Labels in alphabetic order, numbers by size. What begins with a
dot is passed over; files without a film's suffix are, with a warning. Traps: classes that are called like a subset.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from vtn_stream.film import is_film_name
from vtn_stream.formats.annotations.annotated import subset_named
from vtn_stream.formats.annotations.clip_list import ListedClip
from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.words import At

__all__ = ["NAME", "claims", "clips", "read"]

NAME = "class folders"


def claims(path: Path) -> bool:
    """Whether there are films in folders, and nothing that says that the folders are games, as SoccerNet's are."""
    if any(file.match("Labels*.json") for folder in _class_folders(path) for file in _inside(folder)):
        return False
    return any(_is_film(file) for folder in _class_folders(path) for file in _inside(folder))


def read(findings: Findings, path: Path) -> None:
    for clip in clips(findings, path):
        if (name := findings.film(clip.path, clip.at, **clip.facts)) is not None:
            findings.clip(name, clip.at, clip.label)


def clips(findings: Findings, path: Path) -> Iterator[ListedClip]:
    """The clips in the folders, by their paths below `path`, unchecked. Raises OSError."""
    num_others = 0
    for folder in _class_folders(path):
        below = folder.relative_to(path).as_posix()
        facts = {"subset": folder.parent.name if folder.parent != path else None}
        with os.scandir(folder) as entries:
            files = sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file())
        for name in files:
            if is_film_name(name):
                yield ListedClip(At(), f"{below}/{name}", folder.name, facts)
            else:
                num_others += 1
    if num_others:
        findings.warn(At(), f"{num_others} file{'s' * (num_others > 1)} without a film's suffix ignored")


def _class_folders(path: Path) -> list[Path]:
    folders = [folder for folder in _inside(path) if folder.is_dir()]
    deeper = [folder for parent in folders for folder in _inside(parent) if folder.is_dir()]
    if folders and deeper and all(subset_named(folder.name) for folder in folders):
        return deeper
    return folders


def _inside(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _is_film(file: Path) -> bool:
    return is_film_name(file.name) and file.is_file()
