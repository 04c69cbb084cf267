"""Lists of whole clips to learn from and to validate on: which films, their classes, and what is wrong. Opens no film.

Made for hundreds of thousands of lines: names are looked up in listings of folders, and clips are kept as columns.
"""

import hashlib
import json
import os
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import InputError, listed
from vtn_stream.film_folder import FilmFolder
from vtn_stream.formats.annotations import Problem
from vtn_stream.formats.annotations.label_files import read_label_names
from vtn_stream.formats.annotations.spelling import look_alikes
from vtn_stream.formats.annotations.words import label_order, shown
from vtn_stream.training.clip_files import MAX_NAMED, ClipFiles, clip_files, refuse
from vtn_stream.training.events import TrainingEvent, TrainingStage

__all__ = ["Clip", "ClipLists", "Clips", "read_clip_lists"]

ClipSubset = Literal["training", "validation"]

MAX_TOLD = 10  # problems that are left out, a line each


class Clip(NamedTuple):
    """A film of one class. path: its file; label: the number of its class, 0 to K - 1."""

    path: Path
    label: int
    subset: ClipSubset


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clips(Sequence[Clip]):
    """N clips, as columns: those to learn from first, then those for validation, each in the order of its list.

    root    the folder of the films; files [N]: their paths below it
    labels  int32 [N], the numbers of their classes; num_training: how many are to learn from
    """

    root: Path
    files: tuple[str, ...]
    labels: NDArray[np.int32]
    num_training: int

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Clip, ...]: ...
    def __getitem__(self, index: int | slice) -> Clip | tuple[Clip, ...]:
        if isinstance(index, slice):
            return tuple(self[n] for n in range(*index.indices(len(self))))
        index = range(len(self))[index]
        subset: ClipSubset = "training" if index < self.num_training else "validation"
        return Clip(self.root / self.files[index], int(self.labels[index]), subset)

    def of(self, subset: ClipSubset) -> "Clips":
        """Those of one subset."""
        at = slice(self.num_training) if subset == "training" else slice(self.num_training, None)
        num = self.num_training if subset == "training" else 0
        return Clips(root=self.root, files=self.files[at], labels=self.labels[at], num_training=num)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipLists:
    """What the lists say.

    clips    to learn from, and those that measure the model
    labels   of the classes, by their numbers: in the order of the names file, else sorted, numbers by their size
    notes    what was left out, guessed or is doubtful, a line each
    digest   of the clips, their labels and subsets: lists that say the same have the same one
    """

    clips: Clips
    labels: tuple[str, ...]
    notes: tuple[str, ...] = ()
    digest: str = field(repr=False)


def read_clip_lists(
    annotations: Path,
    videos: Path,
    *,
    validation: Path | None = None,
    names: Path | None = None,
    skip_bad: bool = False,
    on_event: Callable[[TrainingEvent], None] | None = None,
) -> ClipLists:
    """Reads the clips to learn from and, from a list of their own or by their subsets, those for validation.

    videos: the folder below which all films are, by their paths or their names (`FilmFolder.find`); absolute paths may
    lead into it. names: a file of the label of each number (`read_label_names`). skip_bad: what is wrong is left out,
    and is in the notes. Clips of the subset test are not used.

    Raises AnnotationError with every problem of the lists; InputError where there is too little to learn from, a label
    could only be wrong, or two options contradict each other.
    """
    tell = on_event or (lambda event: None)
    known = None if names is None else read_label_names(names)
    tell(TrainingStage(name="listing the films", message=videos.name))
    films = FilmFolder(videos)
    tell(TrainingStage(name="reading the list", message=annotations.name))
    training = clip_files(annotations, films, known)
    lists = [training]
    if validation is not None:
        if num := sum(training.validates):
            raise InputError(
                f"{annotations.name} names {'1 clip' if num == 1 else f'{num} clips'} of the subset validation, "
                f"and {validation.name} names others",
                "it is not clear which of them measure the model",
                "leave out --validation, or take those clips out of the list",
            )
        tell(TrainingStage(name="reading the list", message=validation.name))
        lists.append(clip_files(validation, films, known, is_validation=True))
        _check_apart(*lists)
    problems = [
        problem._replace(text=f"{each.name}: {problem.text}") if validation is not None else problem
        for each in lists
        for problem in each.problems
    ]
    if not skip_bad:
        refuse([each.name for each in lists], problems)
    notes = [note for each in lists for note in each.notes] + _left_out(problems)
    if num := sum(each.num_test for each in lists):
        notes.append(f"{num} clip{'s' * (num > 1)} of the subset test {'are' if num > 1 else 'is'} not used")
    taught = Counter(
        label for label, validates in zip(training.labels, training.validates, strict=True) if not validates
    )
    _check_enough(training, taught)
    _leave_unknown(lists, taught, notes, skip_bad=skip_bad)
    labels = tuple(sorted(taught, key=label_order)) if known is None else known.labels
    clips = _clips(videos, lists, labels)
    notes += _shared_sources(lists)
    notes += _doubts(taught, labels, is_named=known is not None)
    return ClipLists(clips=clips, labels=labels, notes=tuple(notes), digest=_digest(clips, labels))


def _check_apart(training: ClipFiles, validation: ClipFiles) -> None:
    """Puts down the clips that are in both lists as a problem; they are not learnt from."""
    validating = set(validation.files)
    if shared := [row for row, file in enumerate(training.files) if file in validating]:
        files = [training.files[row] for row in shared]
        text = f"{len(shared)} clips are" if len(shared) > 1 else "1 clip is"
        line = training.lines[shared[0]] or None if len(shared) == 1 else None
        text = f"{text} in {validation.name} too, and would measure what was learnt: {listed(files, MAX_NAMED)}"
        training.problems.append(Problem(line, text))
        training.leave_out(shared)


def _left_out(problems: Sequence[Problem]) -> list[str]:
    more = len(problems) - MAX_TOLD
    return [f"left out: {problem}" for problem in problems[:MAX_TOLD]] + [f"left out: {more} more faults"] * (more > 0)


def _leave_unknown(lists: Sequence[ClipFiles], taught: Mapping[str, int], notes: list[str], *, skip_bad: bool) -> None:
    """Takes out the clips for validation of labels that no clip teaches. Raises InputError unless they are skipped."""
    others = Counter(label for each in lists for label in each.labels if label not in taught)
    if not others:
        return
    clips = f"{total} clips" if (total := others.total()) > 1 else "1 clip"
    fact = f"{clips} for validation of labels that no clip to learn from has: {listed(others)}"
    if not skip_bad:
        raise InputError(
            fact,
            "what no clip teaches is never predicted",
            "add clips of these labels to learn from, or leave out those for validation (--skip-bad)",
        )
    notes.append(f"left out: {fact}")
    for each in lists:
        each.leave_out(row for row, label in enumerate(each.labels) if label in others)


def _clips(videos: Path, lists: Sequence[ClipFiles], labels: Sequence[str]) -> Clips:
    """The clips of all lists, those to learn from first."""
    number = {label: k for k, label in enumerate(labels)}
    files, numbers = list[str](), array("i")
    num_training = 0
    for wanted in (False, True):
        for each in lists:
            rows = [row for row, validates in enumerate(each.validates) if validates == wanted]
            files += (each.files[row] for row in rows)
            numbers.extend(number[each.labels[row]] for row in rows)
        num_training = num_training if wanted else len(files)
    return Clips(root=videos, files=tuple(files), labels=np.array(numbers, np.int32), num_training=num_training)


def _check_enough(read: ClipFiles, taught: Mapping[str, int]) -> None:
    if len(taught) > 1:
        return
    if taught:
        fact = f"all clips to learn from in {read.name} are of one label, {listed(taught)}"
    elif read.num_test and not read.files:
        fact = f"all clips of {read.name} have the subset test, which is not used for training"
    else:
        fact = f"{read.name} names no clip to learn from"
    raise InputError(fact, "nothing was trained", "give a list with clips to learn from, of two labels or more")


def _shared_sources(lists: Sequence[ClipFiles]) -> list[str]:
    """Clips of one source are alike: what measures them has seen them."""
    learnt, others = (set[str]().union(*(each.sources[n] for each in lists)) for n in (0, 1))
    if not (shared := sorted(learnt & others)):
        return []
    num = "1 source has" if len(shared) == 1 else f"{len(shared)} sources have"
    return [f"{num} clips to learn from and for validation, so figures are too good: {listed(shared)}"]


def _doubts(taught: Mapping[str, int], labels: Sequence[str], *, is_named: bool) -> list[str]:
    """What looks wrong with the labels, a line each."""
    if is_named:
        without = [label for label in labels if label not in taught]
        few = "1 label has" if len(without) == 1 else f"{len(without)} labels have"
        return [f"{few} no clip to learn from: {listed(without, MAX_NAMED)}"] if without else []
    notes = [
        f"the label {shown(label)} looks like {shown(meant)}, misspelt ({taught[label]} against {taught[meant]})"
        for label, meant in look_alikes(taught)
    ]
    if all(label.isdecimal() for label in labels):
        notes.append("the labels are numbers; a file that names them goes after --labels")
    return notes


def _digest(clips: Clips, labels: Sequence[str]) -> str:
    digest = hashlib.sha256(json.dumps([labels, clips.num_training]).encode())
    digest.update(np.ascontiguousarray(clips.labels, "<i4").tobytes())
    for file in clips.files:
        digest.update(os.fsencode(file) + b"\0")
    return digest.hexdigest()
