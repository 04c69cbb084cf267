"""The options for the results of an analysis: one value from the command line to the workers of a cluster."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from vtn_stream.results.files import ResultFiles
from vtn_stream.results.format_names import check_written
from vtn_stream.results.names import place_of

__all__ = ["ResultOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOptions:
    """Where results go, and in which formats.

    output         the folder in which they lie, or below which
    formats        of the timeline; JSON is always written
    overwrite      replace what is in the way of another film
    discard_edits  put aside what was changed by hand, and write it anew
    thumbnails     pages show pictures of the film
    inside         pages name the way to a film where both lie in this folder; None: the current one

    Raises InputError for a format that is not one.
    """

    output: Path
    formats: tuple[str, ...] = ("json",)
    overwrite: bool = False
    discard_edits: bool = False
    thumbnails: bool = True
    inside: Path | None = None

    def __post_init__(self) -> None:
        check_written(self.formats, "nothing was analyzed")

    def for_workers(self) -> Self:
        """Options that mean the same in other folders, on other machines. The driver of a run makes them, once."""
        inside = os.getcwd() if self.inside is None else self.inside
        return replace(self, output=Path(os.path.abspath(self.output)), inside=Path(os.path.abspath(inside)))

    def files(self, film: Path, identity: str, *, store: Path, results: str | None = None) -> ResultFiles:
        """The files of one film: where an earlier run put them, or where they belong (`names.place_of`).

        identity  of the film
        results   where a batch puts them, below the output and without suffixes; None: in it, called as the film is
        """
        inside = Path.cwd() if self.inside is None else self.inside
        where = self.output / place_of(self.output, film, identity, in_batch=results, inside=inside)
        return ResultFiles(
            where.parent,
            film,
            self.formats,
            stem=where.name,
            inside=self.inside,
            store=store,
            thumbnails=self.thumbnails,
        )
