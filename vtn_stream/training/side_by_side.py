"""Does fits: one after the other in this process, or side by side in processes of their own, to the same bits.

A fit takes one core, so as many run as there are cores. Processes take seconds to start and share the films by a file:
small fits are done here. Outcomes come back by their files, so a training that was killed finds what was done.
"""

import contextlib
import json
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vtn_stream.backbone.speed import num_cores
from vtn_stream.embedding import Warned
from vtn_stream.errors import TrainingError
from vtn_stream.training.events import EpochDone, FitsProgress, TrainingEvent
from vtn_stream.training.fits import Fit, Lesson, Outcome, do, kept
from vtn_stream.training.log import Log
from vtn_stream.training.worker import bare

__all__ = ["Progress", "do_all", "telling"]

MAX_WORKERS = 8  # each takes half a gigabyte
# Products, about half a minute of one core: below, a process is not worth its start.
SMALL = 2e11
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # glibc would give the memory of each large tensor back, and take new pages for the next: a quarter of the time
    # of a step on two inputs (143 instead of 186 ms). Other C libraries do not know these names.
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
    "MALLOC_TOP_PAD_": str(2**26),
}
VALUES = "films.values"  # a file in the folder of the training, while processes run
WORKER = "vtn_stream.training.worker"


class Progress:
    """How far all fits of a training are, also those that are not known yet; tells it, and writes the curves."""

    def __init__(self, num_fits: int, cost: float, log: Path | None, tell: Callable[[TrainingEvent], None]) -> None:
        self._num_fits, self._cost = num_fits, cost
        self._log = log
        self._tell = tell
        self._logs: dict[str, Log] = {}
        self._num_done, self._done, self._share = 0, 0.0, 0.0
        self._parts: dict[str, float] = {}  # of the cost of fits that are not finished

    def epoch(self, one: Fit, cost: float, event: EpochDone) -> None:
        self._parts[one.name] = cost * event.epoch / event.num_epochs
        if self._log is not None:
            log = self._logs.setdefault(one.name, Log(self._log / one.name.replace(" ", "-").replace("/", "-")))
            log.write(event.epoch, loss=event.loss, **event.figures)
        self._tell(event)
        self._say()

    def warn(self, message: str) -> None:
        self._tell(Warned(message=message))

    def finished(self, one: Fit, cost: float) -> None:
        self._parts.pop(one.name, None)
        self._num_done += 1
        self._done += cost
        self._say()

    def now_known(self, num_fits: int, cost: float) -> None:
        """The fits that are still to come, better than before. None is under way: one that was given up never ends."""
        self._parts.clear()
        self._num_fits, self._cost = self._num_done + num_fits, self._done + cost

    def _say(self) -> None:
        share = min(1.0, (self._done + sum(self._parts.values())) / max(self._cost, 1e-9))
        self._share = max(self._share, share)  # where more is to be done than was thought, it stands
        self._tell(FitsProgress(num_done=self._num_done, num_fits=self._num_fits, share=self._share))


def do_all(lesson: Lesson, fits: Sequence[Fit], progress: Progress, *, num_workers: int | None = None) -> list[Outcome]:
    """The outcome of each fit. num_workers: processes; None: as many as pay, 0: this process does all.

    Raises TrainingError: what a fit raises, and if a process was killed or the disk is full.
    """
    outcomes: list[Outcome | None] = []
    costs = [one.cost(lesson) for one in fits]
    for one, cost in zip(fits, costs, strict=True):
        outcome, complaint = kept(lesson, one)
        if complaint is not None:
            progress.warn(complaint)
        if outcome is not None:
            progress.finished(one, cost)
        outcomes.append(outcome)
    missing = sorted((n for n, outcome in enumerate(outcomes) if outcome is None), key=lambda n: -costs[n])
    if num_workers is None:
        pays = lesson.device == "cpu" and sum(costs[n] for n in missing) > SMALL
        num_workers = min(num_cores(), MAX_WORKERS, len(missing)) if pays else 0
    if num_workers < 2:
        for n in missing:
            outcomes[n] = do(lesson, fits[n], telling(progress, fits[n], costs[n]))
            progress.finished(fits[n], costs[n])
    else:
        with _folder(lesson) as there:
            _in_processes(there, [(fits[n], costs[n]) for n in missing], progress, num_workers)
            for n in missing:
                outcomes[n], complaint = kept(there, fits[n])
                if complaint is not None:
                    progress.warn(complaint)
    if not all(outcomes):
        raise TrainingError(
            "a part of the training was removed while others were done",
            "training stopped",
            "give the same command again",
        )
    return [outcome for outcome in outcomes if outcome is not None]


def telling(progress: Progress, one: Fit, cost: float) -> Callable[[TrainingEvent], None]:
    """What a fit of this cost reports, for the progress of all."""

    def tell(event: TrainingEvent) -> None:
        if isinstance(event, EpochDone):
            progress.epoch(one, cost, event)
        elif isinstance(event, Warned):
            progress.warn(event.message)

    return tell


@contextlib.contextmanager
def _folder(lesson: Lesson) -> Iterator[Lesson]:
    """The lesson with a folder for outcomes, where it has none."""
    if lesson.work is not None:
        yield lesson
        return
    with tempfile.TemporaryDirectory() as folder:
        yield replace(lesson, work=Path(folder))


def _in_processes(lesson: Lesson, fits: Sequence[tuple[Fit, float]], progress: Progress, num_workers: int) -> None:
    """The most expensive fits first, each to the next process that is free."""
    assert lesson.work is not None
    values = lesson.work / VALUES
    workers: list[_Worker] = []
    said: queue.Queue[tuple[_Worker, dict[str, Any] | None]] = queue.Queue()
    try:
        try:
            lesson.work.mkdir(parents=True, exist_ok=True)
            values.unlink(missing_ok=True)  # of a training that was killed
            sent = bare(lesson, values)
        except OSError as error:
            raise TrainingError(
                f"the films cannot be written for the processes that train ({error.strerror})",
                "training stopped; what was done is kept",
                "free some space, or name another folder with --log, and run again",
            ) from error
        left = deque(fits)
        for _ in range(num_workers):
            worker = _Worker(said)
            workers.append(worker)
            worker.send(sent)
            worker.send(values)
            worker.begin(left.popleft())
        num_left = len(fits)
        while num_left:
            worker, what = said.get()
            _check(worker, what)
            assert what is not None
            one, cost = worker.doing
            if "epoch" in what:
                epoch, num_epochs, loss, figures = what["epoch"]
                done = EpochDone(epoch=epoch, num_epochs=num_epochs, loss=loss, figures=figures)
                progress.epoch(one, cost, done)
            elif "warned" in what:
                progress.warn(what["warned"])
            else:
                num_left -= 1
                progress.finished(one, cost)
                if left:
                    worker.begin(left.popleft())
    finally:
        for worker in workers:
            worker.end()
        values.unlink(missing_ok=True)


def _check(worker: "_Worker", what: dict[str, Any] | None) -> None:
    """Raises TrainingError if a process ended, or what it reports to have failed."""
    if what is None:
        code = worker.code()
        raise TrainingError(
            f"a process that trains was killed by the system (signal {-code})"
            if code < 0
            else f"a process that trains ended by itself (exit {code})",
            "training stopped; what was done is kept",
            "if memory was short, close other programs; then give the same command again",
        )
    if "error" in what:
        raise TrainingError(*what["error"])
    if "crash" in what:
        raise RuntimeError(what["crash"])


class _Worker:
    """A process that does one fit after the other. said: where its lines are put, and None if it ends."""

    def __init__(self, said: "queue.Queue[tuple[_Worker, dict[str, Any] | None]]") -> None:
        root = Path(__file__).resolve().parents[2]
        search = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", WORKER],  # -P: a module in the working folder is not taken for one of ours
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(search), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is for us; we stop it
        )
        self.doing: tuple[Fit, float]
        self._said = said
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def send(self, what: object) -> None:
        """A pickle: it comes from this process and goes to our own."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it ended: the thread that listens reports that
            pickle.dump(what, self._process.stdin)
            self._process.stdin.flush()

    def begin(self, doing: tuple[Fit, float]) -> None:
        self.doing = doing
        self.send(doing[0])

    def code(self) -> int:
        """How it ended."""
        return self._process.wait()

    def end(self) -> None:
        """Stops it, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # of what was not sent yet
                    pipe.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):  # of a line that was cut off
            for line in self._process.stdout:
                self._said.put((self, json.loads(line)))
        self._said.put((self, None))
