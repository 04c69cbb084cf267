"""--join auto: what is shown of files that are one recording, and of files that are not."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.text import Text

from vtn_stream.errors import VtnStreamError, printable
from vtn_stream.film import VideoInfo
from vtn_stream.joining import Apart, JoinedFiles, Joining, Settled, told, told_apart, traits_of
from vtn_stream.results.names import tagged
from vtn_stream_pipelines.messages import FilmsApart, RecordingFound

from .console import err, out

__all__ = ["JoinReport", "check_join", "join_option", "joined_of"]

MAX_APART = 10  # rows of films that are not joined: a data set has thousands

join_option = click.option(
    "--join",
    type=click.Choice(["auto"]),
    help="Analyze files of one recording as one film, where their names, clocks and pictures agree that they are.",
)


def check_join(join: str | None, **others: object) -> None:
    """Raises UsageError for options that do not go with --join. others: their names, with _, and whether given."""
    for name, given in others.items():
        if join is not None and given:
            reasons = {
                "anonymous": "it shows the names of the files; analyze --as joins files without them",
                "limit": "it would cut recordings apart",
                "retry_failed": "the same command without it tries failed recordings again, and skips finished ones",
            }
            raise click.UsageError(f"--join does not go with --{name.replace('_', '-')}: {reasons[name]}")


class JoinReport:
    """Tells of each recording as it is found, and of films that were left apart at the end."""

    def __init__(self, *, is_silent: bool = False) -> None:
        self._is_silent = is_silent
        self._apart: list[Apart] = []

    def hear(self, event: object) -> None:
        if isinstance(event, RecordingFound):
            self.found(event.found, event.film.name)
        elif isinstance(event, FilmsApart):
            self._apart.append(Apart(paths=event.files, why=event.why))

    def found(self, recording: JoinedFiles, name: str | None = None) -> None:
        if not self._is_silent:
            for line in told(recording, name):
                out.print(Text(printable(line)), soft_wrap=True)

    def finish(self, shown: Callable[[str], str] = str) -> None:
        rows = told_apart(self._apart, shown=shown)
        self._apart.clear()
        if self._is_silent or out.quiet:
            return
        for row in rows[:MAX_APART]:
            err.print(Text(printable(row)), soft_wrap=True)
        if len(rows) > MAX_APART:
            err.print(f"not joined: {len(rows) - MAX_APART} more rows of films")

    def settled(self, settled: Settled) -> None:
        """All of some films at once, by their paths."""
        for recording in settled.recordings:
            self.found(recording)
        self._apart += settled.apart
        self.finish(os.path.basename)


def joined_of(films: tuple[Path, ...], probe: Callable[[Path], VideoInfo]) -> Settled:
    """Which of the films are recordings. Only films that may be files of one are probed; what cannot be is alone."""
    by_path = {str(film): film for film in films}
    joining = Joining(by_path)
    settled = Settled(alone=list(joining.alone))
    for path in joining.waiting:
        try:
            traits = traits_of(probe(by_path[path]))
        except VtnStreamError:
            traits = None  # its analysis will tell
        now = joining.know(path, traits)
        settled.recordings += now.recordings
        settled.alone += now.alone
        settled.apart += now.apart
    settled.recordings = _named_apart(settled.recordings, films)
    return settled


def _named_apart(recordings: Sequence[JoinedFiles], films: Sequence[Path]) -> list[JoinedFiles]:
    """The recordings, of which no two in one folder have one name, and none that of a film: parts in MP4 and in MKV
    may be called alike.
    """
    taken, named = set(films), list[JoinedFiles]()
    for found in recordings:
        first = Path(found.paths[0])
        name = found.name if first.with_name(found.name) not in taken else tagged(found.name, first.name)
        taken.add(first.with_name(name))
        named.append(replace(found, name=name))
    return named
