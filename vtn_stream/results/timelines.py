"""Timelines on disk: how they are read, and what their files are called."""

from pathlib import Path

from vtn_stream.errors import TimelineError
from vtn_stream.formats import timeline_json
from vtn_stream.timeline import Timeline

__all__ = ["load_document", "load_timeline", "stem_of"]

MAX_TIMELINE_BYTES = 256 * 1024 * 1024  # 1,000,000 segments; a larger file is not a timeline


def load_timeline(path: Path) -> Timeline:
    """Loads a timeline of ours. Raises TimelineError if the file is missing or something else."""
    return load_document(path).timeline


def load_document(path: Path) -> timeline_json.Document:
    """As `load_timeline`, with what the file says of itself and of the files that were written with it."""
    try:
        if not path.is_file() and path.exists():
            what = "a folder" if path.is_dir() else "not a regular file"
            raise TimelineError(f"{path.name} is {what}", "nothing was read", "give a .timeline.json file")
        with open(path, "rb") as file:
            data = file.read(MAX_TIMELINE_BYTES + 1)
    except OSError as error:
        raise TimelineError(
            f"{path.name} cannot be read ({error.strerror})", "nothing was read", "check the path"
        ) from error
    if len(data) > MAX_TIMELINE_BYTES:
        raise TimelineError(f"{path.name} is too large for a timeline", "nothing was read", "check the path")
    try:
        return timeline_json.read_document(data)
    except TimelineError as error:
        raise TimelineError(f"{path.name}: {error.fact}", error.consequence, error.cure) from error


def stem_of(timeline: Path) -> str:
    """How the files made from a timeline begin: film.mp4.timeline.json -> film.mp4."""
    return timeline.name.removesuffix(".json").removesuffix(".timeline")
