"""Embeds one film on a cluster: the chunks that the store lacks are computed there, on all its nodes.

As in a batch, but nothing is predicted: afterwards `analyze` finds everything stored.
"""

import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vtn_stream.results.names import plain_name
from vtn_stream.settings import Settings

from .batch import BatchEvent, Summary, run
from .film_list import FilmEntry
from .film_names import shown_path

if TYPE_CHECKING:
    from .connection import Cluster

__all__ = ["embed_film"]


def embed_film(
    path: Path,
    *,
    cluster: "Cluster",
    settings: Settings,
    span_s: tuple[float, float] = (0.0, float("inf")),
    num_workers: int | None = None,
    name: str | None = None,
    parts: Sequence[Path] = (),
    starts: Sequence[Fraction] = (),
    on_event: Callable[[BatchEvent], None] | None = None,
) -> Summary:
    """Embed what the store lacks of a film, or of the part of it that span_s names.

    Arguments and errors are those of `batch`. A bad film is an event, and `counts.num_failed` of the summary is 1: the
    analysis then reports what is wrong with it. name: what events call the film, where it is anonymous. parts, starts:
    the files of a recording, and when each begins on its clock; path is its name then.
    """
    num_bytes = sum(file.stat().st_size for file in parts or [path] if file.is_file())
    film = FilmEntry(
        number=0,
        path=os.path.abspath(path),
        name=shown_path(path.name) if name is None else name,
        num_bytes=num_bytes,
        results=plain_name(path.name) if name is None else name,
        anonymous=name is not None,
        parts=tuple(map(os.path.abspath, parts)),
        starts=tuple(starts) or None,
    )
    return run(
        [film],
        cluster=cluster,
        settings=settings,
        num_workers=num_workers,
        on_event=on_event,
        last="embed",
        span_s=span_s,
    )
