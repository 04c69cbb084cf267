"""What really happens, shown beside timelines: `report` and `plot` take it with --truth."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.text import Text

from vtn_stream.errors import listed, printable
from vtn_stream.exchange.truth import NamedFilm, Truth, read_truth
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import num

from . import options
from .console import err, tell_warning

__all__ = ["truth_from"]


def truth_from(path: Path, films: Sequence[NamedFilm], rate: str | None) -> Truth:
    """What the file says of these films; lines on stderr name the films that one side has and the other lacks."""
    frames = options.as_rate(rate)
    reading = ReadingOptions(rate=frames, annotation_fps=frames)
    truth = read_truth(path, films, reading, partial(tell_warning, path))
    if truth.lacking:
        _tell(path, f"{num(len(truth.lacking), 'film')} without truth, shown without: {listed(truth.lacking)}")
    if truth.unused and len(films) > 1:
        _tell(path, f"{num(len(truth.unused), 'film')} without a timeline, not shown: {listed(truth.unused)}")
    return truth


def _tell(path: Path, line: str) -> None:
    err.print(Text(f"{printable(path.name)}: {line}"), soft_wrap=True)
