"""What is known of films before any is looked at: the hand work in folders of timelines, and where results belong."""

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vtn_stream.corrections import corrections_digest, is_corrected
from vtn_stream.errors import TimelineError, listed, printable
from vtn_stream.results import load_timeline
from vtn_stream.timeline import Timeline

__all__ = ["HandWork", "hand_work_in"]

_END = ".timeline.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandWork:
    """What people said of films in their pages.

    of     by the films' identities: each file that holds other hand work than the ones before, and its timeline
    files  by the identities of files of recordings: what hand work over a recording says of the file, in its own time
    lines  what could not be read
    """

    of: dict[str, list[tuple[Path, Timeline]]] = field(default_factory=dict)
    files: dict[str, list[Timeline]] = field(default_factory=dict)
    lines: tuple[str, ...] = ()

    def place(self, identity: str) -> Path | None:
        """The timeline of this film that was corrected; the first, where several were."""
        return self.of[identity][0][0] if identity in self.of else None

    def others(self, identities: Collection[str]) -> tuple[str, ...]:
        """The line on hand work over other films than these; none if there is none."""
        files = [
            files[0][0].name
            for identity, files in self.of.items()
            if identity not in identities
            and not any(part.video_identity in identities for _, timeline in files for part in timeline.parts)
        ]
        if not files:
            return ()
        are, their = ("are", "their films are") if len(files) > 1 else ("is", "its film is")
        return (f"{listed(files)} {are} corrected, but {their} not here or cannot be read: only labels count",)

    def told(self, identity: str) -> tuple[str, ...]:
        """The line on several files with different hand work over one film; none if there is at most one."""
        paths = [file for file, _ in self.of.get(identity, ())]
        if len(paths) < 2:
            return ()
        files = [path.name for path in paths]
        if len(set(files)) < len(files):  # in several folders
            above = os.path.commonpath([path.parent for path in paths])
            files = [os.path.relpath(path, above) for path in paths]
        return (
            f"{listed(files, len(files))} hold different hand work over one film: what any of them knows is not asked "
            f"again, and the page shows that of {files[0]}; keep one of them",
        )


def hand_work_in(folders: Iterable[Path], flat: Iterable[Path] = ()) -> HandWork:
    """Reads the timelines in these folders and the folders in them, and in the flat ones alone, and keeps those that
    people corrected.
    """
    found: dict[str, list[tuple[Path, Timeline]]] = {}
    said: set[tuple[str, str | None]] = set()
    lines: list[str] = []
    files: dict[str, list[Timeline]] = {}
    for file in _timelines(folders, flat):
        try:
            timeline = load_timeline(file)
        except TimelineError as error:
            lines.append(f"{error.fact}: what it may know was not used")
            continue
        key = (timeline.video_identity, corrections_digest(timeline))
        if is_corrected(timeline) and key not in said:
            said.add(key)
            found.setdefault(timeline.video_identity, []).append((file, timeline))
            for own in timeline.per_file() if timeline.parts else ():
                if is_corrected(own):
                    files.setdefault(own.video_identity, []).append(own)
    return HandWork(of=found, files=files, lines=tuple(map(printable, lines)))


def _timelines(folders: Iterable[Path], flat: Iterable[Path]) -> Iterator[Path]:
    seen: set[str] = set()
    for root, is_flat in (*((folder, False) for folder in folders), *((folder, True) for folder in flat)):
        for path, below, names in os.walk(root):
            below[:] = [] if is_flat else sorted(name for name in below if not name.startswith("."))
            for name in sorted(names):
                if name.endswith(_END) and not name.startswith("."):
                    file = os.path.realpath(os.path.join(path, name))
                    if file not in seen:
                        seen.add(file)
                        yield Path(path, name)
