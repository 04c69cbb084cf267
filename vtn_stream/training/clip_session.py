"""What a training on clips keeps in its folder, so that it goes on where it was killed, and on no other's state.

training.json    what it learns, and how: names and values, for people and for comparison
clips.state      the state of the loop
validation.jsonl the clips that were measured so far
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vtn_stream.atomic import write_whole
from vtn_stream.errors import TrainingError, printable

__all__ = ["ClipSession"]

MAX_TOLD = 3  # differences
STATE = "clips.state"


class ClipSession:
    """A training's folder. facts: of all that the numbers depend on, JSON values by their names.

    goes_on  whether an earlier run of the same training left its state there
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """Raises TrainingError if another training's state is there, or nothing can be written."""
        self._folder = folder
        self._facts = json.loads(json.dumps(facts))
        self.state, self.journal = folder / STATE, folder / "validation.jsonl"
        self._file = folder / "training.json"
        self.goes_on = self.state.exists() and self._is_same()
        if not self.goes_on:
            self._begin()

    @property
    def key(self) -> str:
        """Names all that the numbers depend on."""
        text = json.dumps(self._facts, sort_keys=True)
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def end(self) -> None:
        """The model is written: what was kept for going on is not needed any more. Curves stay."""
        for path in (self.state, self.journal, self._file):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _is_same(self) -> bool:
        """Whether the state is of this training. Raises TrainingError if it is of another."""
        try:
            earlier = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            earlier = None
        if earlier == self._facts:
            return True
        if not isinstance(earlier, dict):
            what = "it does not say of which"
        else:
            names = [name for name in {**earlier, **self._facts} if earlier.get(name) != self._facts.get(name)]
            told = [f"{name} {_words(earlier.get(name), self._facts.get(name))}" for name in names[:MAX_TOLD]]
            what = ", ".join([*told, *([f"{len(names) - MAX_TOLD} more"] if len(names) > MAX_TOLD else [])])
        raise TrainingError(
            f"{self._folder.name} holds the state of another training: {what}",
            "it was kept, and nothing was trained",
            "to go on, give what was given then, in the same versions; to begin again, remove that folder, or name "
            "another with --log",
        )

    def _begin(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self.journal.unlink(missing_ok=True)
            write_whole(self._file, [json.dumps(self._facts, indent=1).encode()])
        except OSError as error:
            raise TrainingError(
                f"{self._folder.name} cannot be written ({error.strerror})",
                "nothing was trained",
                "free some space, or name another folder with --log",
            ) from error


def _words(before: Any, now: Any) -> str:
    """How a fact differs, in short."""
    texts = [printable(str(value)) for value in (before, now)]
    if any(len(text) > 32 for text in texts):
        return "differs"
    return f"was {texts[0]} and is {texts[1]}"
