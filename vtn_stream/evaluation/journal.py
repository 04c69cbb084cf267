"""The results of an evaluation so far, in a file of JSON lines: a run that was killed goes on where it stopped."""

import json
from pathlib import Path
from typing import Any

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.errors import InputError
from vtn_stream.evaluation.clip_classes import LabelledClip

__all__ = ["Journal", "Top"]

Top = tuple[tuple[str, float], ...]  # label and logit of the highest classes of a clip

FORMAT_VERSION = 2  # of a line; 1 had other frames of clips under 10 s, and of views
MAX_BYTES = 1 << 30  # two million clips


class Journal:
    """A file of JSON lines; each says all that makes it valid. Lines of other models and protocols are left alone, and
    so is what a killed run wrote in part.

    known  identity of a clip -> its top
    """

    def __init__(self, path: Path | None, checkpoint: Checkpoint, protocol: str) -> None:
        self.known: dict[str, Top] = {}
        self._path = path
        self._key = {"format": FORMAT_VERSION, "model": checkpoint.digest, "protocol": protocol}
        self._labels = checkpoint.labels
        if path is None:
            return
        if not checkpoint.digest:
            raise ValueError("a checkpoint without a digest has no name to keep results under: save it first")
        try:
            with open(path, "ab+") as file:  # now, not after an hour, if it cannot be written
                file.seek(0)
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise self._unwritable(error) from error
        lines = content.split(b"\n")
        parsed = [_json_object(line) for line in lines]
        is_ours = not any(lines) or any("format" in fields and "identity" in fields for fields in parsed)
        if len(content) > MAX_BYTES or not is_ours:
            raise InputError(
                f"{path.name} exists already and does not hold results of an evaluation",
                "it was kept and nothing was measured",
                "name another file with -o",
            )
        if lines[-1]:  # a killed run's last line is not whole
            self._append(b"")
        for fields in parsed:
            if self._key.items() <= fields.items() and (top := self._read_top(fields.get("top"))):
                self.known[str(fields.get("identity"))] = top

    def add(self, clip: LabelledClip, identity: str, top: Top) -> None:
        self.known[identity] = top
        if self._path is None:
            return
        fields = {**self._key, "clip": clip.name, "identity": identity, "truth": self._labels[clip.truth], "top": top}
        self._append(json.dumps(fields, ensure_ascii=True).encode())

    def _append(self, line: bytes) -> None:
        assert self._path is not None
        try:
            with open(self._path, "ab") as file:
                file.write(line + b"\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def _read_top(self, entries: Any) -> Top | None:
        if not isinstance(entries, list) or not all(isinstance(e, list) and len(e) == 2 for e in entries):
            return None
        top = tuple((label, logit) for label, logit in entries if label in self._labels and type(logit) is float)
        return top if len(top) == len(entries) >= min(5, len(self._labels)) else None

    def _unwritable(self, error: OSError) -> InputError:
        assert self._path is not None
        return InputError(
            f"{self._path.name} cannot be written ({error.strerror})",
            "results would be lost",
            "free some space or name another file with -o, and run again",
        )


def _json_object(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}
