"""Lists of labelled clips: every problem told at once, before anything is computed. Knows no film and no model."""

import difflib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vtn_stream.errors import InputError

__all__ = ["LabelledClip", "read_clips"]

MAX_LIST_BYTES = 64 * 1024 * 1024  # a million clips
MAX_PROBLEMS_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledClip:
    """A film of one class. name: its path as the list gives it; truth: 0 to K - 1."""

    path: Path
    name: str
    truth: int


def read_clips(path: Path, labels: Sequence[str], videos: Path | None = None) -> list[LabelledClip]:
    """Clips and their classes: of a text file, or of a folder with a folder of films for each label.

    A line is "path label" or "path,label": the longest end of it that is a label, or a number 0 to K - 1. Empty lines
    and those that begin with # are skipped. Paths lead from `videos`, else from the list's own folder, and not out of
    it. Raises InputError with every problem of the list.
    """
    entries: Iterator[tuple[str, str | int | None, str]]  # where it stands, its class or what is none, and its path
    if path.is_dir():
        root, entries = path, _of_folders(path, labels)
    else:
        root, entries = path.parent if videos is None else videos, _of_lines(path, labels)
    clips: list[LabelledClip] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    for place, label, given in entries:
        name = os.path.normpath(given) if given else ""
        if not name or label is None or label == "":
            problems.append(f"{place}: not a path and a label")
        elif isinstance(label, str):
            problems.append(f"{place}: {_unknown(label, labels)}")
        elif os.path.isabs(name) or name.split(os.sep)[0] == os.pardir:
            problems.append(f"{place}: {name} leads out of the folder")
        elif name in seen:
            problems.append(f"{place}: {name} is on {seen[name]} already")
        elif not (root / name).is_file():
            problems.append(f"{place}: there is no file {name}")
        else:
            clips.append(LabelledClip(path=root / name, name=name, truth=label))
        seen.setdefault(name, place)
    if problems:
        told = ", ".join(problems[:MAX_PROBLEMS_TOLD])
        more = f", and {len(problems) - MAX_PROBLEMS_TOLD} more" if len(problems) > MAX_PROBLEMS_TOLD else ""
        raise InputError(
            f"{path.name} has {len(problems)} problem{'s' * (len(problems) > 1)}: {told}{more}",
            "nothing was measured",
            "mend the list; --videos DIR says where its paths begin",
        )
    if not clips:
        raise InputError(f"{path.name} names no clips", "there is nothing to measure", 'give lines of "path label"')
    return clips


def _of_lines(path: Path, labels: Sequence[str]) -> Iterator[tuple[str, str | int | None, str]]:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_LIST_BYTES + 1)
        if len(data) > MAX_LIST_BYTES:
            raise ValueError
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text in UTF-8, or too long"
        raise InputError(
            f"{path.name or path} cannot be read as a list ({reason})", "nothing was measured", "check the path"
        ) from error
    number = {label: k for k, label in enumerate(labels)}
    for i, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            yield (f"line {i}", *_split(line, number))


def _split(line: str, number: Mapping[str, int]) -> tuple[str | int | None, str]:
    """The class and the path; of a line that ends with no label, what stands last."""
    parts = list(re.finditer(r"\s*,\s*|\s+", line))
    for part in parts:  # the earliest first: a label may hold spaces
        if (label := _class(line[part.end() :], number)) is not None:
            return label, line[: part.start()]
    commas = [part for part in parts if "," in part.group()]
    if not parts:
        return None, ""
    last = (commas or parts)[-1]
    return line[last.end() :], line[: last.start()]


def _class(text: str, number: Mapping[str, int]) -> int | None:
    if text in number:
        return number[text]
    if re.fullmatch(r"\d{1,9}", text, re.ASCII) and int(text) < len(number):
        return int(text)
    return None


def _of_folders(path: Path, labels: Sequence[str]) -> Iterator[tuple[str, str | int | None, str]]:
    """Files of folders that are called like a label; what begins with a dot, or lies beside the folders, is skipped."""
    number = {label: k for k, label in enumerate(labels)}
    for folder in sorted(path.iterdir()):
        if folder.is_dir() and not folder.name.startswith("."):
            label = number.get(folder.name, folder.name)
            files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
            if isinstance(label, str):
                yield f"folder {folder.name}", label, folder.name
            else:
                for file in files:
                    yield f"folder {folder.name}", label, str(file.relative_to(path))


def _unknown(label: str, labels: Sequence[str]) -> str:
    if re.fullmatch(r"-?\d+", label, re.ASCII):
        return f"there is no class {label}, only 0 to {len(labels) - 1}"
    near = difflib.get_close_matches(label, labels, n=1)
    return f"there is no label {label}" + (f" (did you mean {near[0]}?)" if near else "")
