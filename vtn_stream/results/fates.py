"""What becomes of a film's files that are there: replaced, put aside first, or kept, as people changed them."""

import json
from pathlib import Path
from typing import Literal

from vtn_stream.formats import timeline_json
from vtn_stream.results.hand_work import Beside
from vtn_stream.results.writing import holds, is_kept_beside
from vtn_stream.timeline import Timeline

__all__ = ["Fate", "corrected_in", "fate_of", "fate_of_timeline", "kept_whole"]

Fate = Literal["replace", "aside", "keep"]  # of a file that is there: it is written anew, put aside first, or kept


def corrected_in(beside: Beside, *, discard_edits: bool) -> Timeline | None:
    """The timeline that is there, if it holds hand work around which an analysis draws."""
    if discard_edits or beside.timeline is None or not beside.timeline.is_corrected:
        return None
    return beside.timeline.timeline


def kept_whole(beside: Beside, *, discard_edits: bool) -> str | None:
    """The line that says so where the timeline is hand work, or may be."""
    if discard_edits or beside.timeline is None or not beside.timeline.is_kept:
        return None
    name = f"{beside.stem}.timeline.json"
    if beside.timeline.origin == "damaged":
        return (
            f"the digests in {name} are damaged, so any file may be hand work; everything was kept and nothing was "
            "written; --discard-edits puts it aside and draws it again"
        )
    how = "changed since it was written" if beside.timeline.origin == "edited" else "made by export or convert"
    return (
        f"{name} is hand work, {how}; it was kept and nothing was written beside it; "
        "report and export show it as it is, --discard-edits puts it aside and draws it again"
    )


def fate_of(file: Path, beside: Beside, content: bytes | None = None, *, discard_edits: bool) -> Fate:
    """What becomes of another file than the timeline. content: what would be written."""
    origin = beside.origin_of(file)
    if origin in ("missing", "ours") or (content is not None and holds(file, content)):
        return "replace"
    saved = origin == "edited" and beside.timeline is not None and beside.timeline.is_corrected
    if (saved or (origin == "foreign" and beside.timeline is not None)) and not is_kept_beside(file):
        return "replace"  # a page that saves a corrected timeline can save its table as well
    unknown = origin == "old" or (origin == "foreign" and beside.digests is None)
    return "aside" if unknown or discard_edits else "keep"


def fate_of_timeline(file: Path, timeline: Timeline, beside: Beside, *, discard_edits: bool) -> Fate:
    """What becomes of the timeline's file. timeline: what would be written."""
    if beside.timeline is None:
        return "aside" if beside.trouble else "replace"
    if beside.timeline.origin == "old":
        same = json.loads(file.read_bytes()) == timeline_json.to_dict(timeline)
        return "replace" if same else "aside"
    lost = beside.timeline.is_corrected and corrected_in(beside, discard_edits=discard_edits) is None
    return "aside" if beside.timeline.is_kept or lost else "replace"
