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
from vtn_stream.errors import listed as listed_names
from vtn_stream.film import as_stored
from vtn_stream.film_folder import FilmFolder, homes_of, path_below
from vtn_stream.formats.annotations import kinetics
from vtn_stream.formats.annotations.annotated import subset_named
from vtn_stream.formats.annotations.clip_list import ListedClip
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.label_files import read_label_names
from vtn_stream.formats.annotations.label_names import LabelNames
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.annotations.whole_clips import whole_clips
from vtn_stream.formats.annotations.words import At, shown

__all__ = ["LabelledClip", "read_clips"]

MAX_SUGGESTIONS = 50  # each costs a comparison with every label


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledClip:
    """A film of one class. name: its path as the list gives it; truth: 0 to K - 1."""

    path: Path
    name: str
    truth: int


def read_clips(
    path: Path, labels: Sequence[str], videos: Path | None = None, *, names: Path | None = None
) -> list[LabelledClip]:
    """Clips and their classes, from a list as `train` reads it, or a folder with a folder of films for each label.

    In a list a number 0 to K - 1 may stand for its label, or one that the file `names` names. Paths lead from `videos`,
    else from the list's own folder, and not out of it; official lists have absolute paths, which may lie inside; clips
    of Kinetics' tables may be anywhere below it. Subsets, which a table may name, make no difference: every clip of the
    list is measured. Raises AnnotationError with every problem of the list.
    """
    findings = Findings(path.name or str(path))
    called = _Labels(labels, None if names is None else read_label_names(names))
    listed: Iterable[ListedClip]
    try:
        if os.path.isdir(path):
            root, listed = path, _of_folders(findings, path, called)
        else:
            root = path.parent if videos is None else videos
            format, listed = whole_clips(findings, path, called.classes)
            listed = _found(findings, listed, root) if format == kinetics.NAME else listed
        clips = _checked(findings, listed, root, called)
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


class _Labels:
    """The classes of a model, by what lists call them. names: of the numbers in the list, if a file says them."""

    def __init__(self, labels: Sequence[str], names: LabelNames | None) -> None:
        self.labels, self._names = labels, names
        self._of_model = LabelNames("the model", dict(enumerate(labels)))
        self.classes = (names or self._of_model).classes

    def class_of(self, label: str) -> int | None:
        if self._names is None:
            return self._of_model.number_of(label)
        named = self._names.label_of(label)
        return None if named is None else self._of_model.number_of(named)

    def unknown(self, label: str, *, suggests: bool) -> str:
        if self._names is not None:
            if (named := self._names.label_of(label)) is None:
                return f"there is no label {shown(label)} in {self._names.name}"
            label = named
        if label.removeprefix("-").isdecimal():
            return f"there is no class {shown(label)}, only 0 to {len(self.labels) - 1}"
        near = nearest(label, self.labels) if suggests else None
        return f"there is no label {shown(label)}" + (f" (did you mean {shown(near)}?)" if near else "")


def _checked(findings: Findings, listed: Iterable[ListedClip], root: Path, called: _Labels) -> list[LabelledClip]:
    """The clips that can be measured, and a problem for each of the others."""
    clips: list[LabelledClip] = []
    seen: dict[str, At] = {}
    homes = homes_of(root)
    for at, given, label, _ in listed:
        name, truth = path_below(given, homes), called.class_of(label)
        if not name or not label:
            findings.problem(at, "not a path and a label")
        elif truth is None:
            findings.problem(at, called.unknown(label, suggests=len(findings.problems) < MAX_SUGGESTIONS))
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


def _found(findings: Findings, listed: Iterable[ListedClip], root: Path) -> Iterator[ListedClip]:
    """The clips of a table that says no paths, with those of their files; a problem for each that has none."""
    films = FilmFolder(root)
    for clip in listed:
        files = films.find(clip.path, clip.label)
        if len(files) == 1:
            yield clip._replace(path=files[0])
        elif files:
            findings.problem(clip.at, f"{shown(clip.path)} may be {listed_names(files)}: remove the others")
        else:
            findings.problem(clip.at, f"there is no film {shown(clip.path)} in {shown(root.name or str(root))}")


def _of_folders(findings: Findings, path: Path, called: _Labels) -> Iterator[ListedClip]:
    """The files in folders named like a label. Dot files, and files beside the folders, are skipped."""
    try:
        folders = [entry.name for entry in _inside(path) if entry.is_dir()]
    except OSError as error:
        raise AnnotationError(
            f"{findings.name} cannot be read ({error.strerror})", "nothing was measured", "check the path"
        ) from error
    unknown = [folder for folder in folders if called.class_of(folder) is None]
    if unknown and all(map(subset_named, folders)):
        subsets = f"it holds folders of subsets, {listed_names(folders)}"
        raise Unreadable(At(), subsets, f"give one of them: {path.name}/{folders[0]}")
    for folder in folders:
        at = At(file=shown(folder))
        if folder in unknown:
            findings.problem(at, called.unknown(folder, suggests=len(findings.problems) < MAX_SUGGESTIONS))
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
