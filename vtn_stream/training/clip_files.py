"""The file, label and subset of every clip of one list, as columns, and what is wrong with it. Opens no film."""

import os
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vtn_stream.errors import AnnotationError, InputError, listed
from vtn_stream.film import one_form
from vtn_stream.film_folder import FilmFolder, homes_of, path_below
from vtn_stream.formats.annotations import Problem, kinetics
from vtn_stream.formats.annotations.annotated import subset_named
from vtn_stream.formats.annotations.clip_list import ListedClip
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.label_names import LabelNames
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.annotations.whole_clips import whole_clips
from vtn_stream.formats.annotations.words import At, id_fault, shown, text_fault

__all__ = ["MAX_NAMED", "ClipFiles", "clip_files", "refuse"]

MAX_NAMED = 10  # of many clips with one problem
MAX_LABELS = 10_000  # as many as annotations may have
MAX_SUGGESTIONS = 50  # each costs a comparison with every label


@dataclass(slots=True)
class ClipFiles:
    """N clips of the list with this name.

    files      [N] paths below the folder of the films, each once; labels [N]
    validates  [N] 1 for clips of the subset validation, else 0; lines [N]: 0 for none
    notes      what is doubtful; problems: what is wrong and left out; num_test: clips of the subset test, left out too
    """

    name: str
    files: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    validates: bytearray = field(default_factory=bytearray)
    lines: "array[int]" = field(default_factory=lambda: array("L"))
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    num_test: int = 0
    sources: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))  # of clips to learn from; others

    def leave_out(self, rows: Iterable[int]) -> None:
        """Takes clips out."""
        if rows := set(rows):
            kept = [n for n in range(len(self.files)) if n not in rows]
            self.files = [self.files[n] for n in kept]
            self.labels = [self.labels[n] for n in kept]
            self.validates = bytearray(self.validates[n] for n in kept)
            self.lines = array("L", (self.lines[n] for n in kept))


def clip_files(path: Path, films: FilmFolder, names: LabelNames | None, *, is_validation: bool = False) -> ClipFiles:
    """The clips of a list that have a file and a label. names: of the labels, if they are known.

    is_validation: all clips validate, whatever subset the list says; else those of no subset are to learn from. Raises
    AnnotationError for a list that cannot be read, InputError for a folder of classes that is not among the films.
    """
    findings = Findings(path.name or str(path))
    reading = _Reading(findings, films, names, is_validation=is_validation)
    try:
        prefix = _below(path, films.root) if path.is_dir() else ""
        format, clips = whole_clips(findings, path, None if names is None else names.classes)
        for clip in clips:
            reading.add(clip, prefix, is_kinetics=format == kinetics.NAME)
    except Unreadable as error:
        findings.refuse(error.at, error.text, error.cure)
    except OSError as error:  # of a folder
        raise AnnotationError(
            f"{findings.name} cannot be read ({error.strerror})", "no annotations were read", "check the path"
        ) from error
    return reading.finished()


def refuse(lists: Sequence[str], problems: Sequence[Problem]) -> None:
    """Raises AnnotationError with the problems of one or two lists, by their names, if there are any."""
    if problems:
        raise AnnotationError(
            f"{' and '.join(lists)} {'have' if len(lists) > 1 else 'has'} "
            + ("1 problem" if len(problems) == 1 else f"{len(problems)} problems"),
            "nothing was trained",
            "fix the list, or leave out what is wrong (--skip-bad); --videos DIR says where its paths begin",
            problems,
        )


def _below(folder: Path, root: Path) -> str:
    """Where a folder of classes lies among the films, with a slash at its end; "" for that of the films itself."""
    ways = (os.path.join(way(folder), "") for way in (os.path.abspath, os.path.realpath))
    below = next((b for way in ways if not os.path.isabs(b := path_below(way, homes_of(root)))), None)
    if below is None:
        raise InputError(
            f"the folder {folder.name} is not inside {root.name or root}, the folder of the films",
            "its films were not read",
            "name a folder with --videos that holds all of them",
        )
    return "" if below == os.curdir else f"{Path(below).as_posix()}/"


class _Reading:
    def __init__(self, findings: Findings, films: FilmFolder, names: LabelNames | None, *, is_validation: bool) -> None:
        self._findings, self._films, self._names, self._is_validation = findings, films, names, is_validation
        self._read = ClipFiles(findings.name)
        self._row: dict[str, int] = {}  # of each file
        self._labels: dict[str, str | None] = {}  # as the list gives them -> as they are called; None: unknown
        self._why_unknown: dict[str, str] = {}
        self._spelled: dict[str, str] = {}
        self._twice: set[str] = set()  # files with two labels
        self._together: dict[str, tuple[At, list[str], int]] = {}  # problems that many clips share
        self._num_whole = 0
        self._outside = ""  # the folder of all absolute paths that lead out of that of the films
        self._homes = homes_of(films.root)

    def add(self, clip: ListedClip, prefix: str, *, is_kinetics: bool) -> None:
        at = clip.at
        subset = clip.facts.get("subset")
        named = subset_named(subset) if isinstance(subset, str) else None
        if subset is not None and named is None and not self._is_validation:
            self._share(f"of the subset {shown(subset)}, not of training, validation or test", at, clip.path)
            return
        if named == "test" and not self._is_validation:
            self._read.num_test += 1
            return
        label, file = self._label(clip, at), self._file(prefix + clip.path, at, clip.label)
        if label is None or file is None:
            return
        if is_kinetics and not file.rpartition(".")[0].endswith(clip.path):
            self._num_whole += 1
        if (row := self._row.setdefault(file, len(self._row))) < len(self._read.files):
            self._repeated(at, file, label, row)
            return
        read = self._read
        read.files.append(file)
        read.labels.append(label)
        read.validates.append(validates := self._is_validation or named == "validation")
        if source := clip.facts.get("source"):
            read.sources[validates].add(source)
        read.lines.append(at.line or 0)

    def _repeated(self, at: At, file: str, label: str, row: int) -> None:
        where = self._findings.where(At(line=self._read.lines[row] or None))
        before = self._read.labels[row]
        if label != before:
            self._twice.add(file)
        as_before = "" if label == before else f", as {shown(before)}, so neither counts"
        self._findings.problem(at, f"{shown(file)} is listed{where} already{as_before}")

    def _label(self, clip: ListedClip, at: At) -> str | None:
        given = clip.label
        if given not in self._labels:
            self._labels[given] = self._known(given.strip())
            if len(self._labels) > 2 * MAX_LABELS:
                self._findings.refuse(at, f"it has more than {MAX_LABELS} labels", "give a list of clips with labels")
        label = self._labels[given]
        if label is None:
            if given not in self._why_unknown:
                self._why_unknown[given] = self._unknown(given.strip())
            self._share(self._why_unknown[given], at, clip.path)
        return label

    def _known(self, label: str) -> str | None:
        if text_fault(label):
            return None
        if self._names is not None:
            return self._names.label_of(label)
        return self._spelled.setdefault(one_form(label), label)

    def _unknown(self, label: str) -> str:
        """What is said of the clips of a label that cannot be used."""
        if fault := text_fault(label):
            return f"whose label {shown(label)} {fault}" if label else "without a label"
        assert self._names is not None
        if label.isdecimal():
            from_0 = f" (its numbers go from 0 to {len(self._names.labels) - 1})" if "0" in self._names.classes else ""
            return f"of number {label}, which has no label in {self._names.name}{from_0}"
        near = nearest(label, self._names.labels) if len(self._why_unknown) < MAX_SUGGESTIONS else None
        return f"of {shown(label)}, which is not in {self._names.name}" + f" (did you mean {shown(near)}?)" * bool(near)

    def _file(self, path: str, at: At, label: str) -> str | None:
        """The path of a clip's file below the folder of the films."""
        films = self._films
        path = path_below(path, self._homes)
        if (fault := id_fault(path)) and fault != "leads out of the folder":
            self._findings.problem(at, f"the path {shown(path)} {fault}")
            return None
        root = films.root.name or str(films.root)
        if fault:
            if os.path.isabs(folder := os.path.dirname(path)):
                self._outside = os.path.commonpath([self._outside or folder, folder])
            self._share(f"outside of {root}", at, path)
            return None
        files = films.find(path, label)
        if len(files) == 1:
            return files[0]
        if files:
            self._share("in several places: write a path, or remove the others", at, f"{path} ({listed(files)})")
        elif films.outside and films.leads_out(path):
            self._share(f"behind a link out of {root}, which is not allowed", at, path)
        else:
            self._share(f"not in {root}", at, path)
        return None

    def _share(self, kind: str, at: At, path: str) -> None:
        first, paths, num = self._together.setdefault(kind, (at, [], 0))
        if len(paths) < MAX_NAMED:
            paths.append(path)
        self._together[kind] = first, paths, num + 1

    def finished(self) -> ClipFiles:
        read, findings = self._read, self._findings
        for kind, (first, paths, num) in self._together.items():
            text = f"{num} clips are {kind}" if num > 1 else f"1 clip is {kind}"
            named = listed([*paths, *[""] * (num - len(paths))], MAX_NAMED)
            findings.problem(first if num == 1 else At(), f"{text}: {named}{self._hint(kind)}")
        read.problems = list(findings.in_order(findings.problems))
        read.notes = [str(problem) for problem in findings.in_order(findings.warnings)]
        if self._num_whole:
            read.notes.append(kinetics.named_by_film(self._num_whole))
        read.leave_out([row for file, row in self._row.items() if file in self._twice])
        return read

    def _hint(self, kind: str) -> str:
        films = self._films
        if kind.startswith("outside of") and self._outside not in ("", os.sep):
            cure = "name it with --videos" if os.path.isdir(self._outside) else "there is no such folder: shorten them"
            return f" (absolute paths begin with {shown(self._outside)}: {cure})"
        if not kind.startswith("not in "):
            return ""
        if films.passed:
            return f" (not looked into, behind links or not readable: {listed(films.passed)})"
        return "" if self._read.files else f" (it holds {listed(films.files) or 'nothing'})"
