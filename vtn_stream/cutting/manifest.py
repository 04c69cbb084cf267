"""cut.json: which clips in a folder are finished, so that a cut goes on where it was stopped and knows its own files.

    {"schema": "vtn-stream cut", "version": 1, "begun": ["walk/002_....mp4"],
     "clips": [{"file": "walk/001_....mp4", ...}], "sheets": {"contact_sheet.jpg": "..."}}

begun   files that a run was about to write: if it was killed they may be there, and are written again
clips   finished files: what is in them, and the digest of what was asked for
sheets  contact sheets, and the digests of their content

It holds no path but names below the folder, no user, no host and no time of writing.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, cast, get_args

from vtn_stream.atomic import write_whole
from vtn_stream.cutting.names import MANIFEST
from vtn_stream.cutting.plan import Kind
from vtn_stream.errors import InputError, InUse
from vtn_stream.segments import finite

__all__ = ["Finished", "Manifest", "alone_in"]

SCHEMA, VERSION = "vtn-stream cut", 1
MAX_BYTES = 256 * 1024 * 1024  # 500,000 clips


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A file that is whole.

    film, start_s, end_s  whose it is, and from when to when on that timeline's clock
    early_s               by how much it begins early
    digest                of what was asked for
    notes                 what else is to be said of it, a line each
    """

    file: str
    film: str
    kind: Kind
    label: str
    score: float | None
    start_s: float
    end_s: float
    early_s: float
    duration_s: float
    num_frames: int
    num_pieces: int
    num_bytes: int
    has_sound: bool
    digest: str
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> "Finished":
        """Raises LookupError, TypeError or ValueError unless this is what `asdict` gave."""
        known = {name: value[name] for name in cls.__slots__}
        for name in ("file", "film", "label", "digest"):
            if not isinstance(known[name], str):
                raise TypeError(name)
        if known["kind"] not in get_args(Kind):
            raise ValueError("kind")
        for name in ("start_s", "end_s", "early_s", "duration_s"):
            known[name] = finite(known[name])
        for name in ("num_frames", "num_pieces", "num_bytes"):
            if type(known[name]) is not int or known[name] < 0:
                raise ValueError(name)
        return cls(
            **known
            | {
                "file": _inside(known["file"]),
                "score": None if known["score"] is None else finite(known["score"]),
                "has_sound": bool(known["has_sound"]),
                "notes": tuple(map(str, known["notes"])),
            }
        )


@dataclass(slots=True, kw_only=True)
class Manifest:
    """What a folder's cut.json says. clips: by their names; sheets: SHA-256 of contact sheets, by their names."""

    folder: Path
    begun: set[str] = field(default_factory=set)
    clips: dict[str, Finished] = field(default_factory=dict)
    sheets: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Raises InputError where it is not one of ours."""
        file = folder / MANIFEST
        try:
            with open(file, "rb") as opened:
                data = opened.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return cls(folder=folder)
        except OSError as error:
            raise _unusable(folder, f"cannot be read ({error.strerror})") from error
        try:
            says = json.loads(data if len(data) <= MAX_BYTES else b"")
            if (says["schema"], says["version"]) != (SCHEMA, VERSION):
                raise ValueError("another file, or another version")
            begun = {_inside(name) for name in cast("list[str]", says["begun"])}
            clips = {clip.file: clip for clip in map(Finished.of, says["clips"])}
            sheets = {_inside(name): str(digest) for name, digest in says["sheets"].items()}
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise _unusable(folder, "is not a list of clips") from error
        return cls(folder=folder, begun=begun, clips=clips, sheets=sheets)

    def write(self) -> None:
        """Raises OSError."""
        says = {
            "schema": SCHEMA,
            "version": VERSION,
            "begun": sorted(self.begun),
            "clips": [asdict(self.clips[file]) for file in sorted(self.clips)],
            "sheets": dict(sorted(self.sheets.items())),
        }
        text = json.dumps(says, ensure_ascii=False, indent=1)
        write_whole(self.folder / MANIFEST, [text.encode("utf-8", "backslashreplace") + b"\n"])

    def begin(self, files: Iterable[str]) -> None:
        """These files are about to be written."""
        self.begun |= set(files)

    def finish(self, clip: Finished) -> None:
        self.clips[clip.file] = clip
        self.begun.discard(clip.file)

    def is_there(self, file: str, digest: str) -> bool:
        """Whether a file is finished and holds just this."""
        return self.is_ours(file) and self.clips[file].digest == digest

    def is_foreign(self, file: str) -> bool:
        """Whether a file is there that no run wrote, or that was changed since."""
        return self._size(file) is not None and file not in self.begun and not self.is_ours(file)

    def is_ours(self, file: str) -> bool:
        """Whether a file is there as a run wrote it."""
        known = self.clips.get(file)
        return known is not None and self._size(file) == known.num_bytes

    def may_replace_sheet(self, file: str, digest: str) -> bool:
        """Whether there is no such file, or one that was written here; digest: of what is to be written."""
        try:
            there = hashlib.sha256((self.folder / file).read_bytes()).hexdigest()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return there in (digest, self.sheets.get(file))

    def forget_gone(self) -> None:
        """Files that are no longer there, or are others now, are no clips of ours."""
        self.clips = {file: clip for file, clip in self.clips.items() if self._size(file) == clip.num_bytes}

    def _size(self, file: str) -> int | None:
        """None where there is nothing; -1 for a folder."""
        try:
            status = os.lstat(self.folder / file)
        except OSError:
            return None
        return status.st_size if (status.st_mode & 0o170000) == 0o100000 else -1


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """For as long as one run writes to a folder. Raises InUse where another does."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InUse(
                f"another run writes clips to {folder.name or folder}",
                "nothing was written",
                "wait for it, or name another folder with -o",
            ) from error
        except OSError:
            pass  # a disk without locks: two runs there write the same clips twice
        yield
    finally:
        os.close(opened)


def _inside(name: str) -> str:
    """The name, if it leads nowhere but below the folder."""
    parts = PurePosixPath(name).parts
    if not parts or name != "/".join(parts) or ".." in parts or name.startswith("/") or "\0" in name:
        raise ValueError("it leads out of the folder")
    return name


def _unusable(folder: Path, what: str) -> InputError:
    return InputError(
        f"{MANIFEST} in {folder.name or folder} {what}",
        "nothing was written: it may be another program's folder",
        "name another folder with -o, or move that file away",
    )
