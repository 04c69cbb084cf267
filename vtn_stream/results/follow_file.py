"""FILM.follow.jsonl: what was reported as final of a film while it was written. Lines are added and never changed.

A line is a JSON object in ASCII, with its kind as "event":

film     the first line: "version", the film's name ("film"), what the film "begins" with and the "settings" of the
         analysis, both as digests; "identities" that earlier files of this name knew
segment  a final segment: "start_s", "end_s", "label", "score" (or null), "attributes"
final    every segment that ends before "until_s" stands above this line
done     the film ended: its "identity", as its timeline has it. It may go on: more lines follow then

The lines of one step are written together and through to the disk; "final" is the last of them. A run that is killed
while it writes leaves a part of a line, or segments without their "final" line: the next run takes away the first, and
tells none of the second again. One run at a time holds the file.
"""

import fcntl
import json
import math
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Self

from vtn_stream.atomic import is_full
from vtn_stream.errors import InUse, StoreError, TimelineError
from vtn_stream.segments import Segment

__all__ = ["FollowFile", "identities_in", "segment_fields"]

VERSION = 1
MAX_BYTES = 64 << 20  # of the whole file: some 300,000 segments, which are read at once
MAX_LINE_BYTES = 1 << 20


def segment_fields(segment: Segment) -> dict[str, Any]:
    """What a line says of a segment."""
    return {
        "start_s": segment.start_s,
        "end_s": segment.end_s,
        "label": segment.label,
        "score": segment.score,
        "attributes": dict(segment.attributes),
    }


class FollowFile:
    """A context manager.

    segments    final ones that stand in the file, in the order in which they were told
    until_s     all that ends before is among them
    aside       the name that a file of another film or of other settings has now; None where there was none

    Raises TimelineError where the file cannot be written, StoreError where the disk is full, InUse where another run
    writes it.
    """

    def __init__(self, path: Path, *, film: str, begins: str, settings: str) -> None:
        self._path = path
        self.segments: list[Segment] = []
        self.until_s = 0.0
        self.aside: str | None = None
        self._known: set[str] = set()
        head = {"event": "film", "version": VERSION, "film": film, "begins": begins, "settings": settings}
        head["identities"] = list(identities_in(path, begins))
        self._file = self._opened()
        try:
            content = self._whole_lines()
            if content and not self._take(content, head):
                self._put_aside()
                content = b""
            if not content:
                self._add([head])
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._file)

    def add(self, segments: Iterable[Segment], until_s: float) -> tuple[Segment, ...]:
        """Writes final segments that are not in the file yet, and up to where all is final; gives those that are new.

        When it returns they are on the disk.
        """
        new = {key: segment for segment in segments if (key := _line(segment)) not in self._known}
        if new or until_s > self.until_s:
            self._add([*({"event": "segment", **segment_fields(s)} for s in new.values()), _final(until_s)])
        self._known |= new.keys()
        self.segments += new.values()
        self.until_s = max(self.until_s, until_s)
        return tuple(new.values())

    def end(self, identity: str) -> None:
        """The film has ended, and this is its identity."""
        self._add([{"event": "done", "identity": identity}])

    # What is there

    def _opened(self) -> int:
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            file = os.open(self._path, flags, 0o666)
        except OSError as error:
            raise self._trouble(error) from error
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise TimelineError(
                f"{self._path.name} exists already and is no file", "the film was not followed", "move it away"
            )
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(file)
            raise InUse(
                f"another run follows a film of this name, and writes {self._path.name}",
                "this one was not begun",
                "wait for it, or name another folder with -o or another name with --as",
            ) from error
        except OSError:  # a disk that knows no locks
            pass
        return file

    def _whole_lines(self) -> bytes:
        """The file's content; a part of a line at its end, as a run that was killed leaves it, is taken away."""
        try:
            if os.fstat(self._file).st_size > MAX_BYTES:
                raise TimelineError(
                    f"{self._path.name} is larger than {MAX_BYTES >> 20} MiB",
                    "the film was not followed",
                    "move it away: its segments are reported again then",
                )
            with open(os.dup(self._file), "rb") as file:
                file.seek(0)
                content = file.read(MAX_BYTES)
            end = content.rfind(b"\n") + 1
            if end < len(content):
                os.ftruncate(self._file, end)
                os.fsync(self._file)
        except OSError as error:
            raise self._trouble(error) from error
        return content[:end]

    def _take(self, content: bytes, head: Mapping[str, Any]) -> bool:
        """Takes up what the lines say. False if they are of another film, of other settings, or not ours."""
        first, *lines = content.splitlines()
        try:
            fields = _parsed(first)
            if any(fields.get(name) != head[name] for name in ("event", "version", "begins", "settings")):
                return False
            for line in lines:
                self._take_line(_parsed(line))
        except (ValueError, KeyError, TypeError, RecursionError):
            self.segments, self.until_s, self._known = [], 0.0, set()
            return False
        return True

    def _take_line(self, fields: Mapping[str, Any]) -> None:
        if fields["event"] == "segment":
            segment = _segment(fields)
            if (key := _line(segment)) not in self._known:
                self._known.add(key)
                self.segments.append(segment)
        elif fields["event"] == "final":
            self.until_s = max(self.until_s, _number(fields["until_s"]))
        elif fields["event"] != "done":
            raise ValueError("an unknown kind of line")

    def _put_aside(self) -> None:
        """Gives the file another name, and begins an empty one."""
        try:
            for number in count(1):
                aside = self._path.with_name(f"{self._path.name}.earlier-{number}")
                if not os.path.lexists(aside):
                    break
            os.rename(self._path, aside)
        except OSError as error:
            raise self._trouble(error) from error
        self.aside = aside.name
        os.close(self._file)
        self._file = self._opened()

    def _add(self, lines: Iterable[Mapping[str, Any]]) -> None:
        content = "".join(f"{json.dumps(line, ensure_ascii=True, allow_nan=False)}\n" for line in lines).encode()
        before = os.fstat(self._file).st_size
        try:
            written = memoryview(content)
            while written:
                written = written[os.write(self._file, written) :]
            os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):  # no part of a line stays; if it does, the next run takes it away
                os.ftruncate(self._file, before)
            raise self._trouble(error) from error

    def _trouble(self, error: OSError) -> TimelineError | StoreError:
        return (StoreError if is_full(error) else TimelineError)(
            f"{self._path.name} cannot be written ({error.strerror})",
            "what was reported as final stays, and nothing that was computed is lost",
            "make room there, or name another folder with -o, and run the same command again",
        )


def identities_in(path: Path, begins: str) -> tuple[str, ...]:
    """What timelines of the film that begins so were called in earlier runs, by the file that is there. None of another
    film's.
    """
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return ()
            first = _parsed(file.readline(MAX_LINE_BYTES))
            if first.get("event") != "film" or first.get("begins") != begins:
                return ()
            known = [_text(identity) for identity in first["identities"]]
            for line in iter(partial(file.readline, MAX_LINE_BYTES), b""):
                if b'"done"' in line:
                    known.append(_text(_parsed(line).get("identity")))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ()
    return tuple(dict.fromkeys(known))


def _final(until_s: float) -> dict[str, Any]:
    return {"event": "final", "until_s": until_s}


def _line(segment: Segment) -> str:
    """Equal for what is one segment to a reader of the lines."""
    return json.dumps(segment_fields(segment), sort_keys=True)


def _parsed(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE_BYTES:
        raise ValueError("a line is too long")
    fields = json.loads(line)
    if not isinstance(fields, dict):
        raise ValueError("no object")
    return fields


def _segment(fields: Mapping[str, Any]) -> Segment:
    attributes, score = fields["attributes"], fields["score"]
    if not isinstance(attributes, dict):
        raise ValueError("no attributes")
    return Segment(
        start_s=_number(fields["start_s"]),
        end_s=_number(fields["end_s"]),
        label=_text(fields["label"]),
        score=None if score is None else _number(score),
        attributes={_text(name): _text(value) for name, value in attributes.items()},
        origin="model",
    )


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError("no finite number")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value
