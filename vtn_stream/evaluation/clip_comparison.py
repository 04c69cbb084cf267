"""Clips for several models at once: of each clip one label, whatever number a model gives it. Knows no torch."""

from collections.abc import Sequence
from pathlib import Path

from vtn_stream.errors import AnnotationError, InputError
from vtn_stream.evaluation.clip_classes import LabelledClip, read_clips

__all__ = ["labelled_for"]


def labelled_for(
    models: Sequence[tuple[str, Sequence[str]]], path: Path, videos: Path | None, names: Path | None = None
) -> list[list[LabelledClip]]:
    """The clips as `read_clips` gives them for each model. models: their names and labels; names: a file that says
    which label a number of the list stands for.

    Raises AnnotationError, for several models with the name of that which does not know a label; InputError where a
    clip has another label for each of them.
    """
    labelled = []
    for name, labels in models:
        try:
            labelled.append(read_clips(path, labels, videos, names=names))
        except AnnotationError as error:
            if len(models) == 1:
                raise
            raise AnnotationError(f"{error.fact} for {name}", error.consequence, error.cure, error.problems) from error
    called = [[labels[clip.truth] for clip in clips] for (_, labels), clips in zip(models, labelled, strict=True)]
    for clip, *its in zip(labelled[0], *called, strict=True):
        if len({*its}) > 1:
            raise InputError(
                f"{clip.name} is given by a number, which is {its[0]} to one model and {its[1]} to the other",
                "they were not compared",
                "write labels instead of numbers, or say with --labels which label each number is",
            )
    return labelled
