"""Reads the clips that a model is measured on, and the class of each. Every problem is reported before anything is
computed.

Knows no film and no model.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vtn_stream.errors import AnnotationError
from vtn_stream.film import as_stored, one_form
from vtn_stream.film_folder import homes_of, path_below
from vtn_stream.formats.annotations import clip_list
from vtn_stream.formats.annotations.clip_list import ListedClip
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.annotations.words import At, shown
from vtn_stream.formats.annotations.workbooks import text_of

__all__ = ["LabelledClip", "read_clips"]

MAX_SUGGESTIONS = 50  # each costs a comparison with every label


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledClip:
    """A film of one class. name: its path as the list gives it; truth: 0 to K - 1."""

    path: Path
    name: str
    truth: int


def read_clips(path: Path, labels: Sequence[str], videos: Path | None = None) -> list[LabelledClip]:
    """Clips and their classes, from a list as `train` reads it, or a folder with a folder of films for each label.

    In a list a number 0 to K - 1 may stand for its label. Paths lead from `videos`, else from the list's own folder,
    and not out of it; official lists have absolute paths, which may lie inside. Subsets, which a table may name, make
    no difference: every clip of the list is measured. Raises AnnotationError with every problem of the list.
    """
    findings = Findings(path.name or str(path))
    listed: Iterable[ListedClip]
    if os.path.isdir(path):
        root, listed = path, _of_folders(findings, path, labels)
    else:
        root = path.parent if videos is None else videos
        listed = clip_list.clips(findings, text_of(findings, path), {label: k for k, label in enumerate(labels)})
    try:
        clips = _checked(findings, listed, root, labels)
    except Unreadable as error:
        findings.refuse(error.at, error.text, error.cure)
    if num := len(findings.problems):
        raise AnnotationError(
            f"{findings.name} has {num} problem{'s' * (num > 1)}",
            "nothing was measured",
            "fix the list; --videos DIR says where its paths begin",
            findings.in_order(findings.problems),
        )
    if not clips:
        raise AnnotationError(
            f"{findings.name} names no clips", "there is nothing to measure", 'give lines of "path label"'
        )
    return clips


def _checked(findings: Findings, listed: Iterable[ListedClip], root: Path, labels: Sequence[str]) -> list[LabelledClip]:
    """The clips that can be measured, and a problem for each of the others."""
    classes = {label: k for k, label in enumerate(labels)}
    classes |= {one_form(label): k for label, k in classes.items()}
    clips: list[LabelledClip] = []
    seen: dict[str, At] = {}
    homes = homes_of(root)
    for at, given, label, _ in listed:
        name = path_below(given, homes)
        truth = clip_list.class_of(label, classes)
        truth = clip_list.class_of(one_form(label), classes) if truth is None else truth
        if not name or not label:
            findings.problem(at, "not a path and a label")
        elif truth is None:
            findings.problem(at, _unknown(label, labels, suggests=len(findings.problems) < MAX_SUGGESTIONS))
        elif os.path.isabs(name) or name.split(os.sep)[0] == os.pardir:
            findings.problem(at, f"{shown(name)} lies outside of the folder {shown(root.name or str(root))}")
        elif name in seen:
            findings.problem(at, f"{shown(name)} is listed{findings.where(seen[name])} already")
        elif fault := _unusable(file := as_stored(root / name), name):
            findings.problem(at, fault)
        else:
            clips.append(LabelledClip(path=file, name=name, truth=truth))
        seen.setdefault(name, at)
    return clips


def _of_folders(findings: Findings, path: Path, labels: Sequence[str]) -> Iterator[ListedClip]:
    """The files in folders named like a label. Dot files, and files beside the folders, are skipped."""
    known = set(labels)
    try:
        folders = [entry.name for entry in _inside(path) if entry.is_dir()]
    except OSError as error:
        raise AnnotationError(
            f"{findings.name} cannot be read ({error.strerror})", "nothing was measured", "check the path"
        ) from error
    for folder in folders:
        at = At(file=shown(folder))
        if folder not in known:
            findings.problem(at, _unknown(folder, labels, suggests=len(findings.problems) < MAX_SUGGESTIONS))
            continue
        try:
            files = [entry.name for entry in _inside(path / folder) if entry.is_file()]
        except OSError as error:
            findings.problem(at, f"it cannot be read ({error.strerror})")
            continue
        for file in files:
            yield ListedClip(at, os.path.join(folder, file), folder)


def _inside(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((e for e in entries if not e.name.startswith(".")), key=lambda entry: entry.name)


def _unusable(path: Path, name: str) -> str:
    """Why this file cannot be read; empty if it can."""
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return ""
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a null character
        pass
    except OSError as error:
        return f"{shown(name)} cannot be read ({error.strerror})"
    return f"there is no file {shown(name)}"


def _unknown(label: str, labels: Sequence[str], *, suggests: bool) -> str:
    if label.removeprefix("-").isdecimal():
        return f"there is no class {shown(label)}, only 0 to {len(labels) - 1}"
    near = nearest(label, labels) if suggests else None
    return f"there is no label {shown(label)}" + (f" (did you mean {shown(near)}?)" if near else "")
