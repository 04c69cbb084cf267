"""The options for the results of an analysis: one value from the command line to the workers of a cluster."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from vtn_stream.results.files import ResultFiles
from vtn_stream.results.format_names import check_written
from vtn_stream.results.names import has_results, place_of, with_region

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
    anonymous      results have a random name (`vtn_stream.anonymous`), and no pictures: thumbnails is False then

    Raises InputError for a format that is not one.
    """

    output: Path
    formats: tuple[str, ...] = ("json",)
    overwrite: bool = False
    discard_edits: bool = False
    thumbnails: bool = True
    inside: Path | None = None
    anonymous: bool = False

    def __post_init__(self) -> None:
        check_written(self.formats, "nothing was analyzed")
        if self.anonymous:
            object.__setattr__(self, "thumbnails", False)

    def for_workers(self) -> Self:
        """Options that mean the same in other folders, on other machines. The driver of a run makes them, once."""
        inside = os.getcwd() if self.inside is None else self.inside
        return replace(self, output=Path(os.path.abspath(self.output)), inside=Path(os.path.abspath(inside)))

    def files(
        self,
        film: Path,
        identity: str,
        *,
        store: Path,
        results: str | None = None,
        parts: Sequence[Path] = (),
        region: str = "",
    ) -> ResultFiles:
        """The files of one film: where an earlier run put them, or where they belong (`names.place_of`).

        identity  of the film
        parts     the files of a recording, whose name `film` is then
        results   where a batch puts them, below the output and without suffixes; None: in it, called as the film is.
                  Of anonymous ones the film's random name: they lie straight in the output
        region    the name of the part of the picture that was looked at; it follows the film's
        """
        if self.anonymous:
            assert results is not None, "a name was given to the film"
            place = results
        else:
            place = self._place_of(film, identity, results)
        where = self.output / place
        return ResultFiles(
            where.parent,
            film,
            self.formats,
            stem=with_region(where.name, region),
            inside=self.inside,
            store=store,
            thumbnails=self.thumbnails,
            name=results if self.anonymous else None,
            parts=parts,
        )

    def named_beside(self, film: Path, identity: str) -> bool:
        """Whether results that have the film's own name lie in the output too."""
        return has_results(self.output / self._place_of(film, identity, None))

    def _place_of(self, film: Path, identity: str, in_batch: str | None) -> str:
        inside = Path.cwd() if self.inside is None else self.inside
        return place_of(self.output, film, identity, in_batch=in_batch, inside=inside)
