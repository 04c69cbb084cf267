"""The page over all films of a batch: written at its end, and of a watched folder as films are done."""

import time
from collections.abc import Callable
from pathlib import Path

from rich.text import Text

from vtn_stream.errors import VtnStreamError, printable
from vtn_stream.results import ResultOptions
from vtn_stream.results.format_names import PAGE
from vtn_stream.results.overview import write_index
from vtn_stream_pipelines.messages import FilmDone, FilmFailed
from vtn_stream_pipelines.record import why_films_failed

from .console import err, out
from .interrupts import check_interrupted

__all__ = ["BatchIndex"]

EVERY_S = 5.0
MAX_SHARE = 0.02  # of the time, for writing it while films are analyzed: each time, all timelines are read


class BatchIndex:
    """Gets every event after the record. A failure here is only reported: the timelines are not affected.

    is_live: the page follows the films
    """

    def __init__(
        self,
        results: ResultOptions,
        store: Path,
        *,
        is_live: bool,
        is_silent: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._results = results
        self._store = store
        self._is_live = is_live
        self._is_silent = is_silent
        self._clock = clock
        self._due = clock()
        self._has_films = self._has_news = False
        self._trouble = ""

    def hear(self, event: object) -> None:
        if isinstance(event, FilmDone):
            self._has_films = self._has_news = True
        elif isinstance(event, FilmFailed):
            self._has_news = True
        if self._is_live and self._has_news and (began := self._clock()) >= self._due:
            self._write()
            spent_s = self._clock() - began
            self._due = self._clock() + max(EVERY_S, spent_s / MAX_SHARE)

    def finish(self) -> None:
        """At the end of the batch."""
        path = self._write()
        if path is not None and not self._is_silent:
            out.print(Text(f"wrote {printable(str(path))}, a page over all of them"), soft_wrap=True)

    def _write(self) -> Path | None:
        self._has_news = False
        if PAGE not in self._results.formats or not self._has_films:
            return None
        output = self._results.output
        try:
            index = write_index(
                output,
                failed=why_films_failed(output),
                discard_edits=self._results.discard_edits,
                store=self._store,
                thumbnails=self._results.thumbnails,
                on_progress=lambda done, total: check_interrupted(),
            )
        except VtnStreamError as error:
            if str(error) != self._trouble:  # else it was said after the film before
                err.print(Text(f"vtn-stream: {error}"), soft_wrap=True)
            self._trouble = str(error)
            return None
        self._trouble = ""
        for line in index.told:
            err.print(Text(f"{printable(index.path.name)}: {printable(line)}"), soft_wrap=True)
        return index.path
