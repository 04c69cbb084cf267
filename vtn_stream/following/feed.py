"""The bytes of a film while it is written, in their order, each once. Standard library only: nothing is parsed here
but playlists.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, Self

__all__ = ["PIECE_BYTES", "Feed", "NewStretch", "Nothing", "Piece"]

PIECE_BYTES = 1 << 20  # at most so many at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """No byte has come for waited_s seconds. It is told about twice a second, so that who waits stays awake."""

    waited_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStretch:
    """The bytes that follow are a film of their own, with its own header: the recorder began again. why: in words."""

    why: str


Piece = bytes | Nothing | NewStretch


class Feed(Protocol):
    """Where a film comes from.

    name       of the film, as results call it: of the file, of the playlist, or "pipe"
    replays    whether another run can read all of it from the beginning: a file and a playlist, not a pipe
    path       the file that will hold all of it in the end; None where there is no such file: of a pipe, of segments
    backlog_bytes  how many bytes lie there that were not given yet; 0 where that cannot be known
    """

    name: str
    path: Path | None

    @property
    def replays(self) -> bool: ...

    @property
    def backlog_bytes(self) -> int: ...

    def pieces(self) -> Iterator[Piece]:
        """The bytes as they come; from the first one again, if it is called again and `replays` is true. It ends where
        the source does, or was idle for as long as was asked; `ended` says which. Raises VideoError for a source that
        is replaced, truncated or is no film: what came before counts.
        """
        ...

    @property
    def ended(self) -> Literal["end", "idle"]:
        """Why `pieces` ended."""
        ...

    def close(self) -> None:
        """Ends `pieces` soon; another thread may call it."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None:
        """Closes it."""
        ...
