"""Clips of which frames cannot be decoded: told once, left out from then on, and kept for a training that goes on."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from vtn_stream.embedding import Warned
from vtn_stream.errors import TrainingError
from vtn_stream.training.events import TrainingEvent

__all__ = ["LeftOut"]


class LeftOut(Mapping[str, str]):
    """Why each clip is left out, by its name; in a file of JSON lines if there is one."""

    def __init__(self, path: Path | None = None, tell: Callable[[TrainingEvent], None] | None = None) -> None:
        self._path = path
        self._tell = tell or (lambda event: None)
        self._why: dict[str, str] = dict(_read(path)) if path is not None else {}

    def __getitem__(self, name: str) -> str:
        return self._why[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._why)

    def __len__(self) -> int:
        return len(self._why)

    def forget(self, names: Iterable[str]) -> None:
        """For a training that goes on from before they were found: they will be found again."""
        for name in names:
            self._why.pop(name, None)

    def add(self, name: str, why: str) -> None:
        """Tells of a clip, unless it is known already. Raises TrainingError if the file cannot be written."""
        if name in self._why:
            return
        self._why[name] = why
        self._tell(Warned(message=f"{name} is left out from now on: {why}"))
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(json.dumps([name, why]) + "\n")
        except OSError as error:
            raise TrainingError(
                f"the list of clips that are left out cannot be written ({error.strerror})",
                "training stopped; what was done is kept",
                "free some space, or name another folder with --log, and run again",
            ) from error


def _read(path: Path) -> Iterator[tuple[str, str]]:
    """What an earlier run left out; a last line that a kill left in part is none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            name, why = json.loads(line)
        except (ValueError, TypeError):
            continue
        if isinstance(name, str) and isinstance(why, str):
            yield name, why
