"""Curves for TensorBoard. The file is named by us: TensorBoard's own writers put the host's name into it."""

import os
import time
from pathlib import Path
from typing import BinaryIO

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter, masked_crc32c

from vtn_stream.errors import TrainingError

__all__ = ["Log"]

_FILE = "events.out.tfevents"  # TensorBoard reads files with that in their names


class Log:
    """Scalars of one training, a file in a folder of its own. A training that goes on, or begins anew, adds to it: what
    the file says of the step that comes first and of later ones, TensorBoard then forgets.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._has_begun = False

    def write(self, step: int, **scalars: float) -> None:
        """Raises TrainingError if the log cannot be written."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch()
            with open(self._path, "r+b") as file:
                if self._has_begun:
                    file.seek(0, os.SEEK_END)
                else:
                    self._begin(file, step)
                values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
                _write(file, step=step, summary=Summary(value=values))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise TrainingError(
                f"the log of the training cannot be written ({error.strerror})",
                "training stopped; what was done is kept",
                "free some space, or name another folder with --log, and run again",
            ) from error
        self._has_begun = True

    def _begin(self, file: BinaryIO, step: int) -> None:
        """Writes over the rest of a record that a kill left: TensorBoard reads nothing behind it."""
        file.truncate(file.seek(_end_of_whole_records(file)))
        if file.tell():
            _write(file, step=step, session_log=SessionLog(status=SessionLog.START))
        else:
            _write(file, file_version="brain.Event:2")


def _write(file: BinaryIO, **what: object) -> None:
    RecordWriter(file).write(Event(wall_time=time.time(), **what).SerializeToString())


def _end_of_whole_records(file: BinaryIO) -> int:
    """Where the last whole record ends. A record: its length, uint64; checksum of that; the event; checksum of that."""
    end, content = 0, file.read()
    while end < len(content):
        head = content[end : end + 12]
        stop = end + 12 + int.from_bytes(head[:8], "little")
        event, check = content[end + 12 : stop], content[stop : stop + 4]
        if (head[8:], check) != tuple(masked_crc32c(part).to_bytes(4, "little") for part in (head[:8], event)):
            break
        end = stop + 4
    return end
