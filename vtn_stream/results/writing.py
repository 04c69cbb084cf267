"""How results are written: whole or not at all, and never over hand work; and what is said of it."""

from collections.abc import Sequence
from pathlib import Path

from vtn_stream.atomic import check_writable, is_full, write_whole
from vtn_stream.errors import StoreError, TimelineError, listed
from vtn_stream.formats import FORMATS, Options
from vtn_stream.results.hand_work import Beside, origin_of, put_aside

__all__ = ["aside_line", "check_results_folder", "holds", "is_kept_beside", "kept_line", "write", "write_file"]


def check_results_folder(folder: Path, consequence: str) -> None:
    """Makes sure now, not after an hour, that results can be written. Raises TimelineError."""
    try:
        check_writable(folder)
    except OSError as error:
        raise TimelineError(
            f"nothing can be written to {folder.name or folder} ({error.strerror})",
            consequence,
            "name another folder with -o",
        ) from error


def write_file(path: Path, content: bytes) -> tuple[str, ...]:
    """Writes a file whole or not at all. Hand work is put aside first, and told in the line that is given; so is what
    lies beside a timeline and is not what `export` makes of it without options.

    Raises TimelineError; StoreError where the disk is full.
    """
    origin = origin_of(path)
    aside = origin in ("edited", "corrected", "old") or (origin == "foreign" and is_kept_beside(path))
    asides = [put_aside(path)] if aside and not holds(path, content) else []
    write(path, content)
    return aside_line(asides)


def is_kept_beside(path: Path) -> bool:
    """Whether a file that is none of those written with a timeline lies beside one, and cannot be made of it again."""
    beside = Beside.file(path)
    if beside.timeline is None:
        return False
    end = beside.end_of(path)
    formats = (format for format in FORMATS.usable().values() if format.writes)
    format = next((format for format in formats if end == f"timeline{format.suffix}"), None)
    return format is None or not holds(path, format.write([beside.timeline.timeline], Options()).content)


def write(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, whatever is there. Raises TimelineError; StoreError where the disk is full."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, [content])
    except (OSError, ValueError) as error:
        full = isinstance(error, OSError) and is_full(error)
        reason = (isinstance(error, OSError) and error.strerror) or "no path"
        raise (StoreError if full else TimelineError)(
            f"{path.name} cannot be written ({reason})",
            "nothing that was computed is lost",
            "name another place, or make room there",
        ) from error


def holds(path: Path, content: bytes) -> bool:
    """Whether this is what the file holds."""
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def kept_line(files: Sequence[Path], *, is_corrected: bool = False) -> tuple[str, ...]:
    """The line on files that were kept; none if there are none. is_corrected: so is the timeline, in a page."""
    if not files:
        return ()
    names = listed(file.name for file in files)
    are, they, them = ("is", "it was", "it") if len(files) == 1 else ("are", "they were", "them")
    cure = f"--discard-edits puts {them} aside and writes {them} again"
    if is_corrected:  # which --discard-edits would put aside as well
        cure = f"move {them} away, and the next analysis writes {them} again"
    return (f"{names} {are} hand work, not as written with the timeline; {they} kept; {cure}",)


def aside_line(asides: Sequence[Path]) -> tuple[str, ...]:
    """The line on files that were put aside, by their new names; none if there are none."""
    if not asides:
        return ()
    names, one = listed((file.name for file in asides), most=len(asides)), len(asides) == 1
    return (f"{'a file' if one else 'files'} that may be hand work {'was' if one else 'were'} put aside: {names}",)
