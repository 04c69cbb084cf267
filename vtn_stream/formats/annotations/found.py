"""A film and a segment as a reader found them, each with its place in the file. Checks nothing."""

from dataclasses import dataclass, field
from typing import Any

from vtn_stream.formats.annotations.words import At
from vtn_stream.known import Known
from vtn_stream.timeline import Part

__all__ = ["FoundFilm", "FoundSegment"]


@dataclass(slots=True)
class FoundSegment:
    start_s: float
    end_s: float
    label: str
    attributes: tuple[tuple[str, str], ...]
    at: At
    score: float | None = None
    is_doubtful: bool = False  # a segment that ends when it starts: an instant if all of its label do, else a mistake


@dataclass(slots=True)
class FoundFilm:
    at: At
    segments: list[FoundSegment] = field(default_factory=list)
    clip_label: str | None = None
    has_two_labels: bool = False  # as a whole clip, so that neither counts
    lost: bool = False  # something of it was wrong, and left out
    facts: dict[str, Any] = field(default_factory=dict)  # duration_s, subset, source, rate
    num_labels: int | None = None  # where there is one for each frame
    unfindable: list[str] = field(default_factory=list)  # labels of true segments without a length (`published`)
    known: Known | None = None  # where people looked, if not everywhere
    identity: str | None = None
    parts: tuple[Part, ...] = ()  # the files of a recording
    film: str = ""  # where this is a region of it, with a name of its own
    region: str | None = None  # of the picture, as a recipe names it
    observation: str = ""  # of BORIS: what it was coded in
