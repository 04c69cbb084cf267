"""teach(annotations, videos) -> a model: the table of contents of `vtn-stream train`.

annotations -> films -> embeddings -> a network for each way to read motion -> the best on the validation films
            -> operating points, rules of phases -> checkpoint, model card, plots
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vtn_stream.atomic import check_writable
from vtn_stream.backbone import FrameEncoder
from vtn_stream.embedding import DEFAULT_BACKBONE
from vtn_stream.errors import InputError, TrainingError
from vtn_stream.store import EmbeddingStore
from vtn_stream.training.events import Event, Head, Stage, Taught
from vtn_stream.training.learn import learn, state_files
from vtn_stream.training.prepare import prepare
from vtn_stream.training.write import card_file, plots_folder, write
from vtn_stream.video import DecodingProcess

__all__ = ["teach"]


def teach(
    annotations: Path,
    videos: Path,
    output: Path,
    *,
    head: Literal["auto"] | Head = "auto",
    fps: float | Fraction | str | None = None,
    backbone: str | None = None,
    weights: Path | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    store: Path | None = None,
    seed: int = 0,
    epochs: int | None = None,
    skip_bad: bool = False,
    anyway: bool = False,
    overwrite: bool = False,
    log: Path | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Taught:
    """Train a model on annotated films, and say what it is worth on those that were held back.

    annotations  a file or a folder of them; videos, the folder of the films
    output       the model's file; its card and plots are written beside it
    device       of the image network, and of the training
    store        folder of the embeddings; by default in the user's cache
    epochs       by default as the data asks for
    log          folder of TensorBoard's curves and of the state of a training that was killed: the same call goes on
                 after the last whole epoch, to the same bits on the same machine. By default MODEL.training

    Raises TrainingError, InputError for an output that is no .safetensors file, and what `prepare` raises.
    """
    work = output.with_suffix(".training") if log is None else log
    _claim(output, work, overwrite=overwrite)
    tell = on_event or (lambda event: None)
    encoders: list[FrameEncoder] = []

    def open_encoder() -> FrameEncoder:
        encoders.append(FrameEncoder(backbone or DEFAULT_BACKBONE, weights=weights, device=device))
        return encoders[0]

    with DecodingProcess() as process:
        material = prepare(
            annotations,
            videos,
            open_encoder,
            EmbeddingStore(store),
            process,
            head=head,
            fps=fps,
            seed=seed,
            skip_bad=skip_bad,
            anyway=anyway,
            on_event=tell,
        )
    encoder = encoders[0]
    learnt = learn(
        material, seed=seed, epochs=epochs, backbone=encoder.name, device=encoder.device, work=work, on_event=tell
    )
    tell(Stage(name="writing"))
    plots = write(material, learnt, encoder.recipe(material.plan.fps), output)
    for state in state_files(work):
        state.unlink(missing_ok=True)
    return Taught(
        model=output,
        card=card_file(output),
        plots=plots,
        log=work,
        figures={} if learnt.exam is None else learnt.exam.figures,
    )


def _claim(output: Path, work: Path, *, overwrite: bool) -> None:
    """Before hours of work: all that will be written can be, and nothing is in the way."""
    if output.suffix != ".safetensors":
        raise InputError(
            f"{output.name} is no name of a model", "nothing was trained", "let the name after -o end in .safetensors"
        )
    try:
        for file in (output, card_file(output)):
            if _is_there(file) and (file.is_dir() or not overwrite):
                raise TrainingError(
                    f"{file.name} is there already",
                    "it was kept, and nothing was trained",
                    "name another file with -o" + ", or replace it with --overwrite" * (not file.is_dir()),
                )
        for folder in (output.parent, plots_folder(output), work):
            nearest = next(path for path in (folder, *folder.absolute().parents) if _is_there(path))
            check_writable(nearest)
    except OSError as error:
        raise TrainingError(
            f"{output.name} and its log cannot be written ({error.strerror})",
            "nothing was trained",
            "name another file with -o, or another folder with --log",
        ) from error


def _is_there(path: Path) -> bool:
    """Whatever it is, a link to nothing also. Raises OSError for names that are too long."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
