"""The annotations that `evaluate` scores against, and what people hear of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from vtn_stream.errors import UnknownFormat, printable
from vtn_stream.evaluation.options import EvaluationOptions

from .console import err

if TYPE_CHECKING:
    from vtn_stream.formats.annotations import Annotations

__all__ = ["read_truth", "skipped_note", "tell_left_out", "with_skipped"]

MAX_WARNINGS = 10


def read_truth(asked: EvaluationOptions) -> "Annotations":
    """The annotations, after what is odd or left out in them was printed."""
    from vtn_stream.formats.annotations import read_annotations

    path = asked.truth
    try:
        truth = read_annotations(path, fps=asked.annotation_fps, skip_bad=asked.skip_bad, coding=asked.coding)
    except UnknownFormat as error:
        from vtn_stream.training.convertible import with_command

        raise with_command(error, path, asked.films, consequence="nothing was scored", use="score against") from error
    for line, text in truth.warnings[:MAX_WARNINGS]:
        place = path.name if line is None else f"{path.name}, line {line}"
        err.print(Text(f"{printable(place)}: {text}", style="yellow"), soft_wrap=True)
    if len(truth.warnings) > MAX_WARNINGS:
        err.print(f"... and {len(truth.warnings) - MAX_WARNINGS} more warnings")
    if asked.annotation_fps is not None and not truth.uses_fps:
        err.print(f"{printable(path.name)} counts no frames: --annotation-fps changes nothing of it", style="yellow")
    tell_left_out(path, list(map(str, truth.skipped)))
    return truth


def tell_left_out(path: Path, texts: Sequence[str]) -> None:
    """Prints what --skip-bad left out."""
    for text in texts[:MAX_WARNINGS]:
        err.print(Text(f"{printable(path.name)}: left out: {printable(text)}", style="yellow"), soft_wrap=True)
    if len(texts) > MAX_WARNINGS:
        err.print(f"... and {len(texts) - MAX_WARNINGS} more left out")


def with_skipped(asked: EvaluationOptions, truth: "Annotations", extra: Mapping[str, Any]) -> dict[str, Any]:
    """What JSON says, with what was odd in the annotations, and what was left out as wrong."""
    if truth.warnings:
        extra = {**extra, "warnings": [str(problem) for problem in truth.warnings]}
    if not asked.skip_bad:
        return dict(extra)
    of_truth = {"annotations": [str(problem) for problem in truth.skipped]}
    return {**extra, "left_out": of_truth | extra.get("left_out", {})}


def skipped_note(extra: Mapping[str, Any]) -> str | None:
    """A sentence on what was left out as wrong; None if nothing was."""
    counts = [f"{len(texts)} of the {side}" for side, texts in extra.get("left_out", {}).items() if texts]
    return f"Left out as wrong (--skip-bad): {' and '.join(counts)}." if counts else None
