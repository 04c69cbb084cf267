"""Names the command that makes annotations of files which `convert` reads and training does not. Runs nothing."""

import shlex
from collections import Counter
from pathlib import Path

from vtn_stream.errors import UnknownFormat, VtnStreamError
from vtn_stream.exchange.intake import read_any, timeline_format_of
from vtn_stream.film import is_film_name
from vtn_stream.film_folder import FilmFolder
from vtn_stream.formats.reading import named_by

__all__ = ["with_command"]

MAX_FILES = 200  # of a folder are looked at


def with_command(
    error: UnknownFormat,
    annotations: Path,
    videos: Path,
    *,
    consequence: str = "nothing was trained",
    use: str = "train with",
) -> VtnStreamError:
    """The error about annotations of no format that is read, with the command as its cure where there is one.

    use: what to do with the result of the command
    """
    try:
        found = _of_folder(annotations) if annotations.is_dir() else _of_file(annotations, videos)
    except (VtnStreamError, OSError):  # what cannot be converted either
        found = None
    if found is None:
        return error
    fact, command = found
    return UnknownFormat(fact, consequence, f"convert it, and {use} the result: {command}")


def _of_file(file: Path, videos: Path) -> tuple[str, str] | None:
    format = timeline_format_of(file)
    if format is None:
        return None
    read_any(file)
    stem = file.name.partition(".timeline.")[0].removesuffix(file.suffix)
    target = file.with_name(f"{stem}.timeline.json")
    if target.exists():  # of an analysis
        target = file.with_name(f"{stem}.annotations.timeline.json")
    command = ["vtn-stream", "convert", str(file), str(target)]
    films = [name for name in FilmFolder(videos).find(named_by(file.name)) if is_film_name(name)]
    if len(films) == 1:
        command += ["--film", str(videos / films[0])]
    return f"{file.name} is {format}, which is not read as annotations", shlex.join(command)


def _of_folder(folder: Path) -> tuple[str, str] | None:
    """A loop of the shell over the files of the suffix that most of them have."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))[:MAX_FILES]
    of = {file: format for file in files if (format := timeline_format_of(file)) is not None}
    if not of:
        return None
    suffix, num = Counter(file.suffix for file in of).most_common(1)[0]
    file = next(file for file in of if file.suffix == suffix)
    read_any(file)
    where, end = shlex.quote(f"{folder}/"), shlex.quote(suffix)
    command = f'for f in {where}*{end}; do vtn-stream convert "$f" "${{f%{end}}}.timeline.json"; done'
    such = f"{num} files such as {file.name}" if num > 1 else file.name
    fact = f"{folder.name} holds {of[file]} ({such}), which is not read as annotations"
    return fact, command
