"""A format of timeline files: how it is called, what its files end with, and where its code is."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from vtn_stream.errors import listed
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
    names_file  a file names one media file, by which programs open it: of a recording in several that can be none
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
    names_file: bool = False
    says: frozenset[str] = frozenset()

    def write(self, timelines: Sequence[Timeline], options: Options) -> Written:
        """The content of a file; of several timelines only if it holds many."""
        written = self._written(timelines, options)
        in_parts = [timeline.video_path for timeline in timelines if timeline.parts] if self.names_file else []
        told = (
            f"{listed(in_parts)} {'is a recording' if len(in_parts) == 1 else 'are recordings'} in several files, and "
            "this format names one: it names the recording, which programs do not find; --per-file writes one for each",
        ) * bool(in_parts)
        return replace(written, warnings=(*written.warnings, *told, *unsaid(timelines, self.says)))

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
