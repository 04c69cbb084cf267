"""train(annotations, videos, output): `teach` as Python users call it, with paths as they are typed."""

import os
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from vtn_stream.errors import InputError, listed
from vtn_stream.formats.reading import CodingOptions
from vtn_stream.sampling import parse_rate
from vtn_stream.settings import Device
from vtn_stream.training.events import HeadKind, Taught, TrainingEvent
from vtn_stream.training.options import LearnBackbone, RecipeName, TrainingOptions

__all__ = ["train"]


def train(
    annotations: str | os.PathLike[str],
    videos: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] | None = None,
    head: HeadKind = "auto",
    fps: float | Fraction | str | None = None,
    annotation_fps: float | Fraction | str | None = None,
    backbone: str | None = None,
    weights: str | os.PathLike[str] | None = None,
    size: int | None = None,
    device: Device = "auto",
    store: str | os.PathLike[str] | None = None,
    seed: int = 0,
    epochs: int | None = None,
    hold_out: bool = False,
    recipe: RecipeName = "natural",
    network: str | None = None,
    learn_backbone: LearnBackbone = "no",
    validation: str | os.PathLike[str] | None = None,
    names: str | os.PathLike[str] | None = None,
    overrides: Mapping[str, object] | None = None,
    skip_bad: bool = False,
    anyway: bool = False,
    overwrite: bool = False,
    log: str | os.PathLike[str] | None = None,
    observations: Sequence[str] = (),
    close_open: bool = False,
    on_event: Callable[[TrainingEvent], None] | None = None,
) -> Taught:
    """Trains a model of your own actions on annotated films, and measures it on films that it did not learn.

    annotations  a file or a folder of them, in any format that can be trained on
    videos       the folder of the films
    output       the model's file, .safetensors; its card and pictures are written beside it
    model        a model to go on from; then leave out head, fps, backbone and size
    overrides    of settings, such as {"encoder.layers": 6, "learning_rate": 0.01}
    observations, close_open  as `read_timelines` takes them, of BORIS
    on_event     gets every stage, chunk and epoch

    All others are the fields of `TrainingOptions`. Raises VtnStreamError: InputError, AnnotationError, TrainingError,
    and what the films and the image network raise.
    """
    options = TrainingOptions(
        annotations=Path(annotations),
        videos=Path(videos),
        output=Path(output),
        model=None if model is None else os.fspath(model),
        head=head,
        fps=fps,
        annotation_fps=None if annotation_fps is None else parse_rate(annotation_fps, "nothing was trained"),
        backbone=backbone,
        weights=None if weights is None else Path(weights),
        size=size,
        device=device,
        store=None if store is None else Path(store),
        seed=seed,
        epochs=epochs,
        hold_out=hold_out,
        recipe=recipe,
        network=network,
        learn_backbone=learn_backbone,
        validation=None if validation is None else Path(validation),
        names=None if names is None else Path(names),
        overrides=tuple((key, _typed(value)) for key, value in (overrides or {}).items()),
        skip_bad=skip_bad,
        anyway=anyway,
        overwrite=overwrite,
        log=None if log is None else Path(log),
        coding=CodingOptions(observations=tuple(observations), close_open=close_open),
    )
    if said := options.contradicted:
        names = listed(name.removeprefix("--") for name in said)
        raise InputError(f"the model says it, and so do {names}", "nothing was trained", f"leave out {names}")
    if unsuited := options.unsuited:
        names_of = listed(name.removeprefix("--").replace("-", "_") for name in unsuited)
        raise InputError(f"{names_of}: not for the recipe {recipe}", "nothing was trained", f"leave out {names_of}")
    options.check()
    from vtn_stream.training.teach import teach  # it brings torch

    return teach(options, on_event=on_event)


def _typed(value: object) -> str:
    """A value as it is typed on the command line."""
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
