"""A format of timeline files: how it is called, what its files end with, and where its code is."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from vtn_stream.formats.reading import ReadingOptions, ReadResult
from vtn_stream.formats.writing import Options, Written, unsaid
from vtn_stream.timeline import Timeline

__all__ = ["KEPT", "Format"]

# What a timeline may hold beside its segments' times and labels, and not every format.
KEPT = ("scores", "attributes", "clip labels", "subset", "source", "duration", "rate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format by its name on the command line.

    title       as people call it
    suffix      what its files end with
    module      below vtn_stream.formats, imported when it is needed; it has `write`, `read`, or both
    writes      whether it can be written
    reads       how it is read: by the module's own `read`, or as annotations (`read_annotations`); None: not at all
    holds_many  one file may hold the timelines of many films
    keeps       which of KEPT is written and comes back; the rate also where frames are counted at it without saying so
    attributes  the names of those that are kept, where "attributes" is not among what it keeps
    says        which of SAID is written and comes back; a warning tells of the others
    """

    title: str
    suffix: str
    module: str
    writes: bool = True
    reads: Literal["itself", "annotations"] | None = "itself"
    holds_many: bool = False
    keeps: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    says: frozenset[str] = frozenset()

    def write(self, timelines: Sequence[Timeline], options: Options) -> Written:
        """The content of a file; of several timelines only if it holds many."""
        written = self._written(timelines, options)
        return replace(written, warnings=(*written.warnings, *unsaid(timelines, self.says)))

    def read(self, data: bytes, name: str, options: ReadingOptions) -> ReadResult:
        """The timelines in a file; only of a format that reads itself. Raises TimelineError."""
        result: ReadResult = self._code.read(data, name, options)
        return result

    def claims(self, head: str, suffix: str) -> bool:
        """Whether a file has this format. head: its beginning, of most files all of it. Takes linear time."""
        return bool(self._code.claims(head, suffix))

    def _written(self, timelines: Sequence[Timeline], options: Options) -> Written:
        written: Written = self._code.write(timelines, options)
        return written

    @property
    def _code(self) -> Any:
        return importlib.import_module(f"vtn_stream.formats.{self.module}")
