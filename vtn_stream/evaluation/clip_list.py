"""Lists of labelled clips: every problem told at once, before anything is computed. Knows no film and no model."""

import difflib
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vtn_stream.errors import InputError

__all__ = ["LabelledClip", "read_clips"]

MAX_LIST_BYTES = 64 * 1024 * 1024  # a million clips
MAX_PATH_BYTES = 4096  # a system's own limit
MAX_PROBLEMS_TOLD = 20
MAX_SHOWN = 100  # characters of a path or a label, in a problem

_SEPARATOR = re.compile(r"\s*,\s*|\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledClip:
    """A film of one class. name: its path as the list gives it; truth: 0 to K - 1."""

    path: Path
    name: str
    truth: int


class _Entry(NamedTuple):
    """What a list says in one place; truth: the class or None where the label is none; fault: why there is neither."""

    place: str
    path: str = ""
    label: str = ""
    truth: int | None = None
    fault: str = ""


def read_clips(path: Path, labels: Sequence[str], videos: Path | None = None) -> list[LabelledClip]:
    """Clips and their classes: of a text file, or of a folder with a folder of films for each label.

    A line is "path label" or "path,label": the longest end of it that is a label, or a number 0 to K - 1. Empty lines
    and those that begin with # are skipped. Paths lead from `videos`, else from the list's own folder, and not out of
    it. Raises InputError with every problem of the list.
    """
    if os.path.isdir(path):
        root, entries = path, _of_folders(path, labels)
    else:
        root, entries = path.parent if videos is None else videos, _of_lines(path, labels)
    clips: list[LabelledClip] = []
    problems: list[str] = []  # those that are told
    num_problems = 0
    seen: dict[str, str] = {}
    for entry in entries:
        name = os.path.normpath(entry.path) if entry.path else ""
        is_told = num_problems < MAX_PROBLEMS_TOLD
        if entry.fault:
            problem = entry.fault
        elif not name or (entry.truth is None and not entry.label):
            problem = "not a path and a label"
        elif entry.truth is None:
            problem = _unknown(entry.label, labels) if is_told else "unknown"  # looking for the nearest takes time
        elif os.path.isabs(name) or name.split(os.sep)[0] == os.pardir:
            problem = f"{_short(name)} leads out of the folder"
        elif name in seen:
            problem = f"{_short(name)} is on {seen[name]} already"
        else:
            problem = _unusable(root / name, name)
        if not problem and entry.truth is not None:
            clips.append(LabelledClip(path=root / name, name=name, truth=entry.truth))
        else:
            num_problems += 1
            if is_told:
                problems.append(f"{entry.place}: {problem}")
        seen.setdefault(name, entry.place)
    if num_problems:
        more = f", and {num_problems - len(problems)} more" if num_problems > len(problems) else ""
        raise InputError(
            f"{path.name} has {num_problems} problem{'s' * (num_problems > 1)}: {', '.join(problems)}{more}",
            "nothing was measured",
            "mend the list; --videos DIR says where its paths begin",
        )
    if not clips:
        raise InputError(f"{path.name} names no clips", "there is nothing to measure", 'give lines of "path label"')
    return clips


def _of_lines(path: Path, labels: Sequence[str]) -> Iterator[_Entry]:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_LIST_BYTES + 1)
        if len(data) > MAX_LIST_BYTES:
            raise ValueError
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text in UTF-8, or too long"
        raise _no_list(path, reason) from error
    number = {label: k for k, label in enumerate(labels)}
    max_chars = MAX_PATH_BYTES + max(map(len, labels), default=0) + 100
    max_words = 1 + max((len(_SEPARATOR.findall(label)) for label in labels), default=0)
    for i, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if len(line) > max_chars and not line.startswith("#"):
            yield _Entry(f"line {i}", fault=f"its {len(line)} characters are too many for a path and a label")
        elif line and not line.startswith("#"):
            truth, label, name = _split(line, number, max_words)
            yield _Entry(f"line {i}", path=name, label=label, truth=truth)


def _split(line: str, number: Mapping[str, int], max_words: int) -> tuple[int | None, str, str]:
    """The class, its label and the path; of a line that ends with no label, what stands last. max_words: of a label."""
    parts = list(_SEPARATOR.finditer(line))
    for part in parts[-max_words:]:  # the earliest first: a label may hold spaces
        label = line[part.end() :]
        if (truth := _class(label, number)) is not None:
            return truth, label, line[: part.start()]
    commas = [part for part in parts if "," in part.group()]
    if not parts:
        return None, "", ""
    last = (commas or parts)[-1]
    return None, line[last.end() :], line[: last.start()]


def _class(text: str, number: Mapping[str, int]) -> int | None:
    if text in number:
        return number[text]
    if re.fullmatch(r"\d{1,9}", text, re.ASCII) and int(text) < len(number):
        return int(text)
    return None


def _of_folders(path: Path, labels: Sequence[str]) -> Iterator[_Entry]:
    """Files of folders that are called like a label; what begins with a dot, or lies beside the folders, is skipped."""
    number = {label: k for k, label in enumerate(labels)}
    try:
        folders = [entry.name for entry in _listed(path) if entry.is_dir()]
    except OSError as error:
        raise _no_list(path, error.strerror) from error
    for folder in folders:
        place = f"folder {_short(folder)}"
        if folder not in number:
            yield _Entry(place, path=folder, label=folder)
            continue
        try:
            files = [entry.name for entry in _listed(path / folder) if entry.is_file()]
        except OSError as error:
            yield _Entry(place, fault=f"it cannot be read ({error.strerror})")
            continue
        for file in files:
            yield _Entry(place, path=os.path.join(folder, file), truth=number[folder])


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((e for e in entries if not e.name.startswith(".")), key=lambda entry: entry.name)


def _unusable(path: Path, name: str) -> str:
    """Why this is no file that can be read; empty where it is."""
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return ""
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a null character
        pass
    except OSError as error:
        return f"{_short(name)} cannot be read ({error.strerror})"
    return f"there is no file {_short(name)}"


def _unknown(label: str, labels: Sequence[str]) -> str:
    if re.fullmatch(r"-?\d+", label, re.ASCII):
        return f"there is no class {_short(label)}, only 0 to {len(labels) - 1}"
    near = difflib.get_close_matches(label[:MAX_SHOWN], labels, n=1)
    return f"there is no label {_short(label)}" + (f" (did you mean {_short(near[0])}?)" if near else "")


def _short(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _no_list(path: Path, reason: str | None) -> InputError:
    return InputError(
        f"{path.name or path} cannot be read as a list ({reason})", "nothing was measured", "check the path"
    )
