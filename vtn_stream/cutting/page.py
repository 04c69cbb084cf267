"""index.html over a folder of clips: what `report.clips_page` shows, of what cut.json says."""

from collections.abc import Sequence
from pathlib import Path

from vtn_stream.cutting.manifest import Finished
from vtn_stream.cutting.names import PAGE
from vtn_stream.errors import InputError
from vtn_stream.report.clips_page import ListedClip, clips_page, is_clips_page
from vtn_stream.results.writing import holds, write

__all__ = ["check_page", "write_page"]

_ABOUT = {"clip": "", "reel": "all segments of the label, one after the other", "without": "the film without this"}


def check_page(page: Path) -> None:
    """Raises InputError where another file is in the way."""
    try:
        with open(page, "rb") as file:
            ours = is_clips_page(file.read(4000))
    except FileNotFoundError:
        return
    except OSError:
        ours = False
    if not ours:
        raise InputError(
            f"{PAGE} in {page.parent.name or page.parent} is not a page of clips",
            "it was kept and nothing was cut",
            "name another folder with -o",
        )


def write_page(folder: Path, clips: Sequence[Finished]) -> Path:
    """The page of all clips in a folder. Raises TimelineError, StoreError."""
    listed = [
        ListedClip(
            path=clip.file,
            film=clip.film,
            label=clip.label,
            about=_ABOUT[clip.kind],
            start_s=clip.start_s,
            end_s=clip.end_s,
            early_s=clip.early_s,
            duration_s=clip.duration_s,
            score=clip.score,
            num_bytes=clip.num_bytes,
            notes=clip.notes,
        )
        for clip in sorted(
            clips, key=lambda clip: (clip.kind == "clip", clip.label, clip.film, clip.start_s, clip.file)
        )
    ]
    page, content = folder / PAGE, clips_page(listed)
    if not holds(page, content):
        write(page, content)
    return page
