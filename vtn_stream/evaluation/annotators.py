"""agreement(a, b): two annotators as Python users compare them, with files or timelines in memory."""

import os
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

from vtn_stream.errors import warn
from vtn_stream.evaluation import agreement as compared
from vtn_stream.evaluation.agreement import TOLERANCES_S
from vtn_stream.evaluation.agreement_figures import Agreement
from vtn_stream.evaluation.coding import Coding, coding_of, names_apart, read_coding
from vtn_stream.formats.annotations.words import shown
from vtn_stream.formats.reading import CodingOptions
from vtn_stream.sampling import parse_rate
from vtn_stream.timeline import Timeline

__all__ = ["agreement"]

Annotations = str | os.PathLike[str] | Timeline | Iterable[Timeline]


def agreement(
    a: Annotations,
    b: Annotations,
    *,
    tolerances_s: Sequence[float] = TOLERANCES_S,
    background: Sequence[str] = (),
    annotation_fps: float | Fraction | str | None = None,
    observations: tuple[str, str] | None = None,
    skip_bad: bool = False,
) -> Agreement:
    """How far two annotators agree: `kappa` over time, `labels`, `films`, and `counts(label)` for the ICC over films.

    a, b            what each says: timelines; or a file of any format, or a folder of timelines
    tolerances_s    how far both ends of one event may lie apart
    background      labels that say that nothing happens
    annotation_fps  labels or frames a second, of annotations that count them
    observations    of BORIS projects, the observation of A and that of B, with * for any text
    skip_bad        leave out what is wrong in annotations, with a VtnStreamWarning

    What was read otherwise than it stands in a file, and films that are not compared, are VtnStreamWarnings. Raises
    InputError, AnnotationError, TimelineError.
    """
    rate = None if annotation_fps is None else parse_rate(annotation_fps, "nothing was compared")
    paths = [Path(each) if isinstance(each, str | os.PathLike) else None for each in (a, b)]
    names: Sequence[str] = ("A", "B")
    if paths[0] is not None and paths[1] is not None:
        names = names_apart(paths[0], paths[1])
    sides = []
    for given, path, name, chosen in zip((a, b), paths, names, observations or ("", ""), strict=True):
        if isinstance(given, str | os.PathLike):
            assert path is not None
            coding = CodingOptions(observations=(chosen,) if chosen else ())
            sides.append(read_coding(path, name=name, fps=rate, skip_bad=skip_bad, coding=coding))
        else:
            sides.append(coding_of([given] if isinstance(given, Timeline) else given, name))
    found = compared.agreement(sides[0], sides[1], tolerances_s=tolerances_s, background=background)
    warn((*_read(sides[0]), *_read(sides[1]), *_left(found)))
    return found


def _read(side: Coding) -> Iterable[str]:
    yield from (f"{side.name}: {text}" for text in side.told)
    yield from (f"{side.name}: left out: {text}" for text in side.left_out)
    yield from (f"{side.name}: nobody coded {shown(film)} yet: not compared" for film in side.uncoded)


def _left(found: Agreement) -> Iterable[str]:
    for who, films in (("A", found.shared.only_a), ("B", found.shared.only_b)):
        yield from (f"only {who} has {shown(film)}: not compared" for film in films)
    yield from (
        f"{shown(film)} is another film in B, or another version: not compared" for film in found.shared.differing
    )
