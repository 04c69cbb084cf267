"""Time budgets of anonymous films: random names in all tables, and messages that count what they would name."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from vtn_stream.anonymous import anonymous, is_anonymous, name_in
from vtn_stream.budget.films import Film
from vtn_stream.errors import InputError, VtnStreamError
from vtn_stream.formats.writing import num
from vtn_stream.name_table import Names

__all__ = ["counted", "counted_errors", "unnamed"]

_CURE = "run the same command without --anonymous, which names them"


def unnamed(films: Iterable[Film], names: Names) -> list[Film]:
    """The films by their names in the table, in the order of these: that of their own would tell something of them."""
    return sorted((_called(film, names) for film in films), key=lambda film: film.name)


def counted(lines: Sequence[str]) -> list[str]:
    """One line for all that is said of files by their names."""
    if not lines:
        return []
    return [f"{num(len(lines), 'message')} about films or files: not shown, as they have names; {_CURE}"]


def counted_errors(errors: Sequence[VtnStreamError]) -> list[VtnStreamError]:
    """One error for all of them."""
    if not errors:
        return []
    what = "a file or film does" if len(errors) == 1 else f"{len(errors)} files or films do"
    return [InputError(f"{what} not count", "the figures are without", _CURE)]


def _called(film: Film, names: Names) -> Film:
    timeline = film.timeline
    known = timeline.video_identity or is_anonymous(timeline)
    name = name_in(names, timeline) if known else names.of("", film.name)  # which is of this film alone
    return replace(film, name=name, timeline=anonymous(timeline, name))
