"""A process that does fits for its parent: `python -m vtn_stream.training.worker`.

From stdin come, as pickles of the parent alone: a lesson whose films have no values, the file of these values, and
then one fit after the other. On stdout go lines of JSON:

    {"epoch": [epoch, num_epochs, loss, figures]}, {"warned": message}    while a fit is done
    {"done": true}                                               its outcome is in its file
    {"error": [fact, consequence, cure]}, {"crash": traceback}   instead, and the process ends

It ends when its stdin does, whatever it is doing: no process is left of a parent that was killed.
"""

import json
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vtn_stream.embedding import Warned
from vtn_stream.errors import VtnStreamError
from vtn_stream.training.events import EpochDone, TrainingEvent
from vtn_stream.training.fits import Fit, Lesson, do

__all__ = ["bare", "main", "with_values"]


def bare(lesson: Lesson, file: Path) -> Lesson:
    """The lesson without values and frames, small enough to be sent; values are written to the file. Raises OSError."""
    width = lesson.films[0].values.shape[1]
    total = sum(len(film.values) for film in lesson.films)
    written = np.memmap(file, np.float16, "w+", shape=(total, width))
    start = 0
    for film in lesson.films:
        written[start : start + len(film.values)] = film.values
        start += len(film.values)
    written.flush()
    films = (replace(film, values=film.values[:, :0]) for film in lesson.films)
    return replace(lesson, films=tuple(films), source=None)


def with_values(lesson: Lesson, file: Path) -> Lesson:
    """The inverse: the file is mapped into memory, which several processes share."""
    total = sum(len(film.values) for film in lesson.films)
    mapped = np.memmap(file, np.float16, "c").reshape(total, -1)  # as torch wants: writable, though nobody does
    films, start = [], 0
    for film in lesson.films:
        films.append(replace(film, values=mapped[start : start + len(film.values)]))
        start += len(film.values)
    return replace(lesson, films=tuple(films))


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing else may write between the lines
    asked: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_read, args=(asked,), daemon=True).start()

    def say(**what: object) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    def tell(event: TrainingEvent) -> None:
        if isinstance(event, EpochDone):
            say(epoch=[event.epoch, event.num_epochs, event.loss, dict(event.figures)])
        elif isinstance(event, Warned):
            say(warned=event.message)

    try:
        lesson: Lesson = with_values(asked.get(), asked.get())
        while True:
            one: Fit = asked.get()
            do(lesson, one, tell)
            say(done=True)
    except BrokenPipeError:
        os._exit(1)
    except VtnStreamError as error:
        say(error=[error.fact, error.consequence, error.cure])
    except Exception:
        say(crash=traceback.format_exc())


def _read(asked: "queue.Queue[Any]") -> None:
    try:
        while True:
            asked.put(pickle.load(sys.stdin.buffer))
    except Exception:  # the parent closed it, or was killed while it wrote
        os._exit(0)


if __name__ == "__main__":
    main()
