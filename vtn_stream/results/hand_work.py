"""What people changed of our results: found by digests, never written over, at most put aside as NAME.edited-N.

Timelines and pages carry their own digests, so that they are known wherever they lie. The other files of a film are
known by the digests that its timeline keeps of what was written with it; while they are being written, by those in its
partial timeline as well, so that a run which is killed leaves nothing that looks changed. Any other byte is hand work:
whether a change means something is not ours to say.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal, Self

from vtn_stream.corrections import is_corrected
from vtn_stream.errors import TimelineError
from vtn_stream.formats.timeline_json import Document, read_document
from vtn_stream.report.html import is_document, origin_of_document
from vtn_stream.report.picture_file import is_our_picture
from vtn_stream.results.timelines import load_document

__all__ = ["Beside", "Origin", "is_hand_work", "origin_of", "put_aside"]

# missing   there is no such file
# ours      as it was written
# corrected  a timeline as a page wrote it, or an analysis around what people had said in one: it holds hand work
# edited    changed since: hand work
# old       of version 0.1.0, which kept no digests: it may have been changed
# foreign   none of those that were written: hand work where it lies among them
Origin = Literal["missing", "ours", "corrected", "edited", "old", "foreign"]

_DATA = re.compile(rb'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)  # as pages have it


def is_hand_work(path: Path) -> bool:
    """Whether a person changed this file since it was written, or corrected it in a page: a timeline, a page, or a file
    beside its timeline.
    """
    return origin_of(path) in ("edited", "corrected")


def origin_of(path: Path) -> Origin:
    """Where what is in the file comes from."""
    return _own_origin(path) or Beside.file(path).origin_of(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What the timeline of a film, and the partial one, know of the files beside them.

    timeline  None if there is none, or if it cannot be read, and trouble says why
    digests   of the files that were written, by the ends of their names; None if nobody kept any
    written   of a run that was killed while it saved: of what it may have written; and those that the page beside a
              corrected timeline knows: who leaves a page open while others analyze the film saves the digests of before
    """

    stem: str
    timeline: Document | None = None
    trouble: TimelineError | None = None
    partial: Document | None = None
    digests: Mapping[str, tuple[str, ...]] | None = None
    written: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, stem: str) -> Self:
        """Reads both timelines."""
        (timeline, trouble), (partial, _) = (
            _loaded(folder / f"{stem}.timeline{kind}.json") for kind in ("", ".partial")
        )
        written = {} if partial is None else partial.files
        if timeline is not None and timeline.is_corrected:
            paged = _known_to_page(folder / f"{stem}.timeline.html", timeline.timeline.video_identity)
            written = {end: (*written.get(end, ()), *paged.get(end, ())) for end in (*written, *paged)}
        if trouble or timeline:
            digests = None if timeline and timeline.origin == "old" else {} if timeline is None else timeline.files
        else:
            digests = written or None  # a partial one without any was begun beside files of which nothing was known
        return cls(stem=stem, timeline=timeline, trouble=trouble, partial=partial, digests=digests, written=written)

    @classmethod
    def file(cls, path: Path) -> Self:
        """Reads the timelines beside a file that is called as results are."""
        stem = path.name.rpartition(".timeline.")[0] or path.name.removesuffix(".scores.arrow")
        return cls.of(path.parent, stem)

    def known(self, end: str) -> tuple[str, ...]:
        """The digests that a file of this end has if it is as it was written."""
        return tuple(dict.fromkeys((*(self.digests or {}).get(end, ()), *self.written.get(end, ()))))

    def end_of(self, path: Path) -> str:
        """The name of a file of this film without the film's: timeline.csv."""
        return path.name.removeprefix(f"{self.stem}.")

    def origin_of(self, path: Path) -> Origin:
        own = _own_origin(path)
        if own is not None:
            return own
        known = self.known(self.end_of(path))
        if known and _digest_of(path) in known:
            return "ours"
        if self.trouble or (self.timeline and self.timeline.origin == "damaged"):
            return "edited"  # nobody knows: that is safe
        if self.timeline is None and self.trouble is None and self.partial is None:
            return "foreign"
        if self.digests is None:
            return "old"
        return "edited" if known else "foreign"


def put_aside(path: Path) -> Path:
    """Gives the file another name, NAME.edited-N, which is returned; until it is replaced it has both.

    Raises TimelineError.
    """
    try:
        return next(aside for number in count(1) if (aside := _aside(path, number)))
    except OSError as error:
        raise TimelineError(
            f"{path.name} cannot be put aside ({error.strerror})", "it was kept", "name another place, or move it away"
        ) from error


def _aside(path: Path, number: int) -> Path | None:
    """The file under this number, unless another has it."""
    aside = path.with_name(f"{path.name}.edited-{number}")
    try:
        os.link(path, aside)
    except FileExistsError:
        return aside if aside.samefile(path) else None  # a run was killed right here
    except OSError:  # a folder, or a disk without links
        if os.path.lexists(aside):
            return None
        path.rename(aside)
    return aside


def _own_origin(path: Path) -> Origin | None:
    """What the file says of itself; None if it carries no digest of its own."""
    if not path.exists():  # a link to nowhere is replaced
        return "missing"
    name = path.name.lower()
    if name.endswith(".json"):
        document, _ = _loaded(path)
        if document is not None and document.origin == "ours" and is_corrected(document.timeline):
            return "corrected"
        if document is not None:
            return "edited" if document.origin == "damaged" else document.origin
    try:
        if name.endswith((".html", ".htm")):
            with open(path, "rb") as file:
                head = file.read(1000)
                return origin_of_document(head + file.read()) if is_document(head) else "foreign"
        if name.endswith((".svg", ".png")):  # programs that draw drop what they do not know, such as a digest
            return "ours" if is_our_picture(path.read_bytes()) else "old"
    except OSError:
        return "foreign"
    return None


def _loaded(path: Path) -> tuple[Document | None, TimelineError | None]:
    if not path.exists():
        return None, None
    try:
        return load_document(path), None
    except TimelineError as error:
        return None, error


def _known_to_page(path: Path, video_identity: str) -> Mapping[str, tuple[str, ...]]:
    """The digests of files that were written with a page of ours of this film, unless somebody changed it."""
    try:
        content = path.read_bytes()
        found = _DATA.search(content) if origin_of_document(content) == "ours" else None
        document = read_document(json.loads(found[1])["rest"].encode()) if found else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, TimelineError):
        return {}
    return document.files if document is not None and document.timeline.video_identity == video_identity else {}


def _digest_of(path: Path) -> str | None:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
