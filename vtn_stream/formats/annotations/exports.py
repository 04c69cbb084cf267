"""Whether a file beside a timeline of ours is what `export` made of it: it says nothing that the timeline does not."""

import re
from pathlib import Path

from vtn_stream.errors import VtnStreamError
from vtn_stream.formats import FORMATS, timeline_json
from vtn_stream.formats.annotations.text import read_bytes
from vtn_stream.formats.writing import Options

__all__ = ["is_export"]

_NAME = re.compile(r"(.+\.timeline)(\.[^/]+)", re.IGNORECASE)


def is_export(file: Path) -> bool:
    """False also where people changed it since, or another rate or selection made it."""
    match = _NAME.fullmatch(file.name)
    if match is None or not (own := file.with_name(f"{match[1]}.json")).is_file() or own == file:
        return False
    try:
        format = next((of for of in FORMATS.usable().values() if of.writes and of.suffix == match[2]), None)
        timeline = timeline_json.read_document(read_bytes(own)).timeline
        return format is not None and format.write([timeline], Options()).content == read_bytes(file)
    except VtnStreamError:
        return False
