"""batch --watch: its options, and what is shown of films that arrive."""

import time
from collections.abc import Callable, Sequence

import click
from rich.text import Text

from vtn_stream.errors import printable
from vtn_stream.formats.writing import num
from vtn_stream_pipelines.messages import FilmTaken, Waiting
from vtn_stream_pipelines.watched import AT_REST_S, Watched

from .console import err, out
from .times import LENGTH

__all__ = ["WatchReport", "at_rest_option", "until_idle_option", "watch_option", "watched_from"]

LINE_EVERY_S = 60.0  # of films that are waited for
MAX_NAMED = 3

watch_option = click.option(
    "--watch",
    is_flag=True,
    help="Take films as they arrive in SOURCES (folders, patterns), when they are complete. Ends with Ctrl-C.",
)
at_rest_option = click.option(
    "--at-rest",
    "at_rest_s",
    type=LENGTH,
    help="With --watch: a film is complete when its file has not changed for this long. "
    f"[default: {AT_REST_S:g} seconds]",
)
until_idle_option = click.option(
    "--until-idle",
    "until_idle_s",
    type=LENGTH,
    help="With --watch: end when all films are analyzed, and nothing has arrived or grown for this long.",
)


def watched_from(
    watch: bool, sources: Sequence[str], *, at_rest_s: float | None, until_idle_s: float | None, **others: object
) -> Watched | None:
    """What is to be watched; None without --watch. others: options that do not go with it, and whether given.

    Raises UsageError, InputError.
    """
    if not watch:
        for name, given in (("at-rest", at_rest_s), ("until-idle", until_idle_s)):
            if given is not None:
                raise click.UsageError(f"--{name} is for films that arrive: it needs --watch")
        return None
    reasons = {
        "join": "later files of a recording may still come; the same command without --watch joins them afterwards",
        "limit": "films are taken as they arrive",
        "retry_failed": "failed films are tried again when they change, and when the command is started again",
    }
    for name, reason in reasons.items():
        if others[name]:
            raise click.UsageError(f"--watch does not go with --{name.replace('_', '-')}: {reason}")
    return Watched(sources, at_rest_s=AT_REST_S if at_rest_s is None else at_rest_s, until_idle_s=until_idle_s)


class WatchReport:
    """Gets every event after the tally. Reports films that changed, folders that cannot be looked into, and now and
    then what is waited for.

    num_left: films that are not complete, and places that cannot be looked into, as the last look found
    """

    def __init__(self, *, is_silent: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.num_left = 0
        self._is_silent = is_silent
        self._clock = clock
        self._problems: frozenset[str] = frozenset()
        self._waiting = ""
        self._due = clock()
        self._has_looked = False

    def hear(self, event: object) -> None:
        if isinstance(event, FilmTaken) and event.is_again:
            err.print(Text(f"{printable(event.film.name)} has changed: it is analyzed again"), soft_wrap=True)
        elif isinstance(event, Waiting):
            self._tell_problems(event)
            if not self._has_looked and event.num_skipped:
                what = _named(event.skipped, event.num_skipped, "file")
                err.print(Text(f"ignored, because their names are not those of films: {what}"), soft_wrap=True)
            self._has_looked = True
            self.num_left = event.num_films + event.num_problems
            self._waiting = _named(event.films, event.num_films, "film") if event.num_films else ""
            if self._clock() >= self._due and self._waiting and not (self._is_silent or out.quiet):
                err.print(Text(f"not complete yet: {self._waiting}"), soft_wrap=True)
                self._due = self._clock() + LINE_EVERY_S

    def finish(self) -> None:
        """At the end: what was not taken."""
        if self._waiting:
            line = f"vtn-stream: not analyzed, as they are not complete: {self._waiting}; run the same command again"
            err.print(Text(line), soft_wrap=True)

    def _tell_problems(self, event: Waiting) -> None:
        problems = frozenset(map(str, event.problems))
        if event.num_problems and not problems:
            problems = frozenset([f"{num(event.num_problems, 'place')} in SOURCES cannot be read now"])
        for problem in sorted(problems - self._problems):
            err.print(Text(f"vtn-stream: {printable(problem)}"), soft_wrap=True)
        if self._problems and not problems:
            err.print("all of SOURCES can be read again")
        self._problems = problems


def _named(names: Sequence[str], count: int, thing: str) -> str:
    """The first names, or how many things there are where they are not named."""
    if not names:
        return num(count, thing)
    more = count - len(names[:MAX_NAMED])
    return ", ".join(map(printable, names[:MAX_NAMED])) + (f" and {more} more" if more else "")
