"""The files that a training writes: their names, and whether they can be written. Asked before hours of work."""

from pathlib import Path

from vtn_stream.atomic import check_writable
from vtn_stream.errors import TrainingError

__all__ = ["card_file", "claim", "plots_folder"]


def card_file(output: Path) -> Path:
    """The path of the model card for the model in that file."""
    return output.with_suffix(".md")


def plots_folder(output: Path) -> Path:
    return output.with_suffix(".plots")


def claim(output: Path, work: Path, *, overwrite: bool) -> None:
    """Checks before hours of work that every file can be written, and that nothing is in the way."""
    try:
        for file in (output, card_file(output)):
            if _is_there(file) and (file.is_dir() or not overwrite):
                raise TrainingError(
                    f"{file.name} exists already",
                    "it was kept, and nothing was trained",
                    "name another file with -o" + ", or replace it with --overwrite" * (not file.is_dir()),
                )
        for folder in (output.parent, plots_folder(output), work):
            nearest = next(path for path in (folder, *folder.absolute().parents) if _is_there(path))
            check_writable(nearest)
    except OSError as error:
        raise TrainingError(
            f"{output.name} and its log cannot be written ({error.strerror})",
            "nothing was trained",
            "name another file with -o, or another folder with --log",
        ) from error


def _is_there(path: Path) -> bool:
    """Whether anything is there, also a link to nothing. Raises OSError for names that are too long."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
