"""Patterns of paths, matched during a walk: folders that cannot hold a match are not searched. Knows no disk.

*, ? and [] stand for parts of one name, ** for any number of folders. Names that begin with a dot match only a part
that begins with a dot too. A folder that matches the whole pattern is taken with everything in it, as if it had been
given itself.
"""

import fnmatch
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from vtn_stream.errors import InputError

__all__ = ["Pattern", "States", "is_pattern"]

States = frozenset[int]  # how far into the pattern a place may be: i parts of it are met, or _ALL of it farther up
_ALL = -1
_MAGIC = re.compile(r"[*?[]")


def is_pattern(text: str) -> bool:
    return _MAGIC.search(text) is not None


@dataclass(frozen=True, slots=True)
class Pattern:
    """The parts below a folder; without any, all that is in it."""

    parts: tuple[str, ...] = ()

    @classmethod
    def parsed(cls, text: str) -> tuple[str, Self]:
        """The folder where looking begins, and the pattern below it. Raises InputError."""
        parts = os.path.expanduser(text).split("/")  # in quotes, the shell leaves ~ alone
        num_fixed = next(i for i, part in enumerate(parts) if is_pattern(part))
        pattern = tuple(part for part in parts[num_fixed:] if part not in ("", "."))
        if ".." in pattern:
            raise InputError(
                f"the pattern {text} leads to folders above",
                "nothing was analyzed",
                "write .. only at its beginning, or leave it out",
            )
        return "".join(f"{part}/" for part in parts[:num_fixed]), cls(pattern)

    def begin(self) -> States:
        return self._opened({0}) if self.parts else frozenset({_ALL})

    def step(self, states: States, name: str) -> States:
        """The states of a file or folder with this name in a folder that is at `states`; empty if it does not match."""
        hidden = name.startswith(".")
        reached: set[int] = set()
        for state in states:
            part = "**" if state == _ALL else self.parts[state] if state < len(self.parts) else ""
            if hidden and not part.startswith("."):
                continue
            if part == "**":
                reached.add(state)
            elif fnmatch.fnmatchcase(name, part):
                reached.add(state + 1)
        return self._opened(reached)

    def met(self, states: States) -> bool:
        return bool(states & {len(self.parts), _ALL})

    def inside(self, states: States) -> States:
        """What `step` begins with in a folder that is at `states`."""
        return frozenset({_ALL}) if self.met(states) else states

    def any_suffix(self, states: States) -> bool:
        """Whether a match is a film whatever its suffix: '*.dat' says so; '*' takes only what looks like a film."""
        if not self.parts or len(self.parts) not in states:
            return False
        suffix = os.path.splitext(self.parts[-1])[1]
        return bool(suffix) and not is_pattern(suffix)

    def _opened(self, states: Iterable[int]) -> States:
        """Adds the states after each **, which may stand for no folder at all."""
        opened = set(states)
        for i, part in enumerate(self.parts):
            if part == "**" and i in opened:
                opened.add(i + 1)
        return frozenset(opened)
