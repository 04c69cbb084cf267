"""What the terminal shows of a training: what is learnt and from what, what goes on, and how far it is."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from vtn_stream.embedding import ChunkReady, FramesEmbedded, Warned
from vtn_stream.errors import listed, printable
from vtn_stream.training.events import (
    ClipsPrepared,
    EpochDone,
    FitsProgress,
    Prepared,
    StepDone,
    TrainingEvent,
    TrainingStage,
)

from .console import PositionCount, err, out, shows_progress
from .interrupts import check_interrupted

__all__ = ["TrainingDisplay", "lines_of", "percent", "training_progress", "warn"]

MAX_NOTES = 40  # lines of what is doubtful
MAX_LABELS = 8


class TrainingDisplay:
    """What the terminal shows of a training: what it does now, a bar of positions to embed, a bar of epochs."""

    def __init__(self, progress: Progress | None) -> None:
        self.prepared: Prepared | ClipsPrepared | None = None
        self._progress = progress
        self._task: TaskID | None = None
        self._name = ""  # of what goes on
        self._positions = PositionCount()

    def tell(self, event: TrainingEvent) -> None:
        check_interrupted()
        if isinstance(event, TrainingStage):
            self._stage(event)
        elif isinstance(event, Prepared):
            self._prepare(event)
        elif isinstance(event, ClipsPrepared):
            self._clips(event)
        elif isinstance(event, StepDone):
            self._step(event)
        elif isinstance(event, EpochDone):
            self._epoch(event)
        elif isinstance(event, Warned):
            warn(event.message)
        elif isinstance(event, FramesEmbedded):
            self._positions.add_frames(event.num_frames)
            self._update(completed=int(self._positions))
        elif isinstance(event, ChunkReady):
            if event.source != "store":
                self._positions.add_chunk(len(event.chunk))
                self._update(completed=int(self._positions))
        elif isinstance(event, FitsProgress):
            self._fits(event)

    def _stage(self, stage: TrainingStage) -> None:
        if stage.name != self._name:
            self._begin(stage.name, None)
        if stage.message:
            self._update(description=printable(f"{stage.name}: {stage.message}"))

    def _prepare(self, prepared: Prepared) -> None:
        self._announce(prepared)
        self._begin("embedding", prepared.num_missing or None)

    def _clips(self, prepared: ClipsPrepared) -> None:
        self._announce(prepared)
        out.print(Text(prepared.estimate), soft_wrap=True)

    def _announce(self, prepared: Prepared | ClipsPrepared) -> None:
        self.prepared = prepared
        for note in prepared.notes[:MAX_NOTES]:
            warn(note)
        if len(prepared.notes) > MAX_NOTES:
            warn(f"and {len(prepared.notes) - MAX_NOTES} more")
        if self._progress:
            for line in lines_of(prepared):
                err.print(Text(line), soft_wrap=True)

    def _step(self, event: StepDone) -> None:
        """Steps of all epochs are one bar, which says when the training ends; clips that are measured are another."""
        if event.what == "validation":
            self._update(words=f"measured {event.step} of {event.num_steps} clips")
            return
        done = (event.epoch - 1) * event.num_steps + event.step
        where = f"epoch {event.epoch} of {event.num_epochs}, step {event.step} of {event.num_steps}"
        self._update(completed=done, total=event.num_epochs * event.num_steps, words=where)

    def _epoch(self, event: EpochDone) -> None:
        """A line for each epoch of a training on clips. Of others there are dozens of models: a bar counts those."""
        if isinstance(self.prepared, ClipsPrepared):
            figures = "".join(f", {name} {percent(share)} %" for name, share in event.figures.items())
            line = f"epoch {event.epoch} of {event.num_epochs}: loss {event.loss:.4f}{figures}"
            out.print(Text(line), soft_wrap=True)

    def _fits(self, event: FitsProgress) -> None:
        number = min(event.num_done + 1, event.num_fits)
        self._update(completed=event.share, total=1.0, words=f"model {number} of {event.num_fits}")

    def _begin(self, name: str, total: int | None) -> None:
        self._name = name
        if self._progress:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(printable(name), total=total, words="")

    def _update(self, **fields: object) -> None:
        if self._progress and self._task is not None:
            self._progress.update(self._task, **fields)  # type: ignore[arg-type]


@contextmanager
def training_progress() -> Iterator[TrainingDisplay]:
    """The display on stderr; if that is not a terminal, or nothing is to be shown, it shows warnings only."""
    if not shows_progress():
        yield TrainingDisplay(None)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(20),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[words]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        yield TrainingDisplay(progress)


def warn(message: str) -> None:
    err.print(Text(printable(message), style="yellow"), soft_wrap=True)


def lines_of(prepared: Prepared | ClipsPrepared) -> list[str]:
    """Sentences that say what is learnt, and from what."""
    if isinstance(prepared, ClipsPrepared):
        num, others = prepared.num_clips, prepared.num_validation
        return [
            f"{prepared.network}, which starts from: {printable(prepared.source)}",
            f"{len(prepared.labels)} labels: {listed(prepared.labels, MAX_LABELS)}",
            f"from {num} clips, {others} more measure it: {prepared.num_epochs} epochs of {prepared.num_steps} steps",
        ]
    what = "clips" if prepared.head == "classification" else "segments"
    labels = listed(prepared.labels, MAX_LABELS)
    apart = f", {prepared.num_held_out} more are held out" if prepared.num_held_out else ""
    known = "" if prepared.known_hours is None else f" of which {prepared.known_hours:.2f} h are known"
    films = f"{prepared.num_films} film{'s' * (prepared.num_films != 1)}"
    lines = []
    if prepared.base is not None:
        new = prepared.labels[prepared.num_old_labels :]
        more = f"; new: {listed(new, MAX_LABELS)}" if new else ""
        lines = [f"goes on from {printable(prepared.base)}, whose {prepared.num_old_labels} labels stay{more}"]
    return [
        *lines,
        f"{prepared.head} of {len(prepared.labels)} label{'s' * (len(prepared.labels) != 1)}: {labels}",
        f"from {films}{apart}: {prepared.hours:.2f} h{known}, "
        f"{prepared.num_segments} {what}, {float(prepared.fps):g} positions per second",
    ]


def percent(share: float) -> str:
    return f"{100 * share:.1f}"
