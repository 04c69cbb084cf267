"""How lists of names are told in a line."""

from collections.abc import Sequence

from vtn_stream.formats.annotations.words import shown

__all__ = ["MAX_NAMED", "named"]

MAX_NAMED = 3


def named(names: Sequence[str]) -> str:
    """a, b and c; a, b, c and 5 more."""
    told = [shown(name) for name in names[:MAX_NAMED]]
    if len(names) > MAX_NAMED:
        told.append(f"{len(names) - MAX_NAMED} more")
    *first, last = told
    return f"{', '.join(first)} and {last}" if first else last
