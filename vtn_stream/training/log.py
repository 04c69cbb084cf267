"""Curves for TensorBoard. The file is named by us: TensorBoard's own writers put the host's name into it."""

import os
import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from vtn_stream.errors import TrainingError

__all__ = ["Log"]

_FILE = "events.out.tfevents"  # TensorBoard reads files with that in their names


class Log:
    """Scalars of one training, a file in a folder of its own; a training that goes on adds to it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE

    def write(self, step: int, **scalars: float) -> None:
        """Raises TrainingError where the log cannot be written."""
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(self._path, "ab") as file:
                writer = RecordWriter(file)
                if not file.tell():
                    writer.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
                event = Event(wall_time=time.time(), step=step, summary=Summary(value=values))
                writer.write(event.SerializeToString())
                os.fsync(file.fileno())
        except OSError as error:
            raise TrainingError(
                f"the log of the training cannot be written ({error.strerror})",
                "training stopped; it can go on from the epoch before",
                "free some space, or name another folder with --log, and run again",
            ) from error
