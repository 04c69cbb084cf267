"""The long parts of `evaluate`, with their progress: films are analyzed, clips are measured."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from vtn_stream.errors import VideoError, printable
from vtn_stream.settings import Device

from .console import err, film_progress
from .interrupts import check_interrupted
from .scores import show_evaluation

if TYPE_CHECKING:
    from vtn_stream.analysis import AnalysisEvent, Analyzer, Plan
    from vtn_stream.checkpoints import Checkpoint
    from vtn_stream.evaluation import Prediction
    from vtn_stream.evaluation.labelled_clips import ClipFailed, ClipScored, Protocol
    from vtn_stream.formats.annotations import Annotations

__all__ = ["look_at", "measure_clips", "read_truth"]

MAX_WARNINGS = 10


def read_truth(path: Path, fps: float | None) -> "Annotations":
    from vtn_stream.formats.annotations import read_annotations

    truth = read_annotations(path, fps=fps).with_lengths()
    for line, text in truth.warnings[:MAX_WARNINGS]:
        place = path.name if line is None else f"{path.name}, line {line}"
        err.print(Text(f"{printable(place)}: {text}", style="yellow"), soft_wrap=True)
    if len(truth.warnings) > MAX_WARNINGS:
        err.print(f"... and {len(truth.warnings) - MAX_WARNINGS} more warnings")
    return truth


def look_at(analyzer: "Analyzer", names: Sequence[str], folder: Path) -> "tuple[dict[str, Prediction], dict[str, str]]":
    """What the model finds in each film; for films that cannot be read, what is wrong with them."""
    from vtn_stream.analysis import ChunkReady, FramesEmbedded, SequenceRead, Warned
    from vtn_stream.evaluation import of_analysis
    from vtn_stream.training.folder import FilmFolder

    plans: dict[str, Plan] = {}
    failed: dict[str, str] = {}
    inside = FilmFolder(folder)
    for name in names:
        check_interrupted()
        files = inside.find(name)
        if len(files) != 1:
            there = f"it may be {files[0]} or {files[1]}" if files else "there is no such film"
            failed[name] = f"{there} in {folder.name or folder}"
            continue
        try:
            plans[name] = analyzer.plan(folder / files[0])
        except VideoError as error:
            failed[name] = str(error)
    predictions = {}
    if plans:
        analyzer.load()
    with film_progress(f"{len(plans)} films") as progress:
        num_positions = sum(len(chunk) for plan in plans.values() for chunk in plan.chunks)
        progress.expect(num_positions, float(analyzer.sampling.fps))
        for name, plan in plans.items():

            def tell(event: "AnalysisEvent", name: str = name) -> None:
                check_interrupted()
                if isinstance(event, Warned):
                    err.print(Text(f"{printable(name)}: {printable(event.message)}"), soft_wrap=True)
                elif isinstance(event, FramesEmbedded):
                    progress.frames_embedded(event.num_frames)
                elif isinstance(event, SequenceRead):
                    progress.afterwards("the whole film", event.num_done, event.num_total)
                elif isinstance(event, ChunkReady):
                    progress.chunk_ready(len(event.chunk), embedded=event.source == "film")

            try:
                predictions[name] = of_analysis(analyzer.analyze(plan, on_event=tell))
            except VideoError as error:
                failed[name] = str(error)
    return predictions, failed


def measure_clips(
    checkpoint: "Checkpoint",
    clips: Path,
    videos: Path | None,
    protocol: "Protocol",
    weights: Path | None,
    device: Device,
    output: Path | None,
    *,
    as_json: bool,
) -> int:
    from vtn_stream.evaluation.labelled_clips import ClipFailed, read_clips
    from vtn_stream.evaluation.labelled_clips import evaluate as measure

    labelled = read_clips(clips, checkpoint.labels, videos)
    with _progress(len(labelled)) as progress:

        def tell(event: "ClipScored | ClipFailed") -> None:
            check_interrupted()
            if isinstance(event, ClipFailed):
                line = f"{printable(event.clip.name)}: {printable(event.message)}"
                progress.console.print(Text(line, style="yellow"), soft_wrap=True)
            progress.advance(progress.task_ids[0])

        evaluation = measure(
            checkpoint, labelled, protocol, weights=weights, device=device, results=output, on_event=tell
        )
    if as_json:
        click.echo(json.dumps(evaluation.to_dict(), indent=2))
    else:
        show_evaluation(evaluation)
    return 1 if evaluation.failed else 0


@contextmanager
def _progress(num_clips: int) -> Iterator[Progress]:
    """A bar with the time left, on stderr; nothing if that is not a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        progress.add_task("clips", total=num_clips)
        yield progress
