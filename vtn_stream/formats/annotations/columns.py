"""What the columns of a table of segments mean, by their names: whose, from when, until when, what. Knows no rows.

A name is its words: "Start Time (ms)", start_ms and startTimeMs are alike. Words of a unit say how a column counts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["MAX_COLUMNS", "WANTED", "Columns", "TimeColumn", "Unit", "columns_of", "seems_a_time"]

Unit = Literal["s", "ms", "min", "clock", "frames", ""]  # clock: H:MM:SS or timecode; "": the name does not say

WANTED = "video, start_s, end_s and label"
MAX_COLUMNS = 16_384  # of a table: as many as a spreadsheet has. What a longer line means is not worth the time

# Of several columns that say one time, the first of these units is read.
_ORDER: tuple[Unit, ...] = ("s", "ms", "clock", "", "min", "frames")
_UNITS: dict[str, Unit] = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "ss": "s",
    "ms": "ms", "msec": "ms", "msecs": "ms", "millisecond": "ms", "milliseconds": "ms", "millis": "ms",
    "min": "min", "mins": "min", "minutes": "min",
    "timecode": "clock", "tc": "clock", "hh": "clock",
    "frame": "frames", "frames": "frames",
}  # fmt: skip
_STARTS = frozenset(("start", "starts", "begin", "begins", "beginning", "onset", "from", "in"))
_ENDS = frozenset(("end", "ends", "ending", "stop", "stops", "offset", "to", "out", "until", "finish"))
_LENGTHS = frozenset(("duration", "length", "dur"))
_TIMES = frozenset(("time", "timestamp", "timecode", "position", "frame", "t", "tc"))
# Words beside these that change nothing: "Event Start Time", "Frame number", "In point", "mm:ss.ms".
_OTHERS = frozenset(
    ("mm", "ff", "pos", "point", "number", "marker", "clip", "segment", "event", "action", "annotation", "behavior")
)
_SQUASHED = re.compile(
    r"t?(start|begin|end|stop)(time|timestamp|timecode|frame|sec|seconds|ms|msec|point)|"
    r"(frame|time)(start|begin|end|stop|stamp)"
)
_FILMS = (
    "video", "video id", "video name", "video file", "video filename", "video path", "videoid", "videoname",
    "film", "film id", "film name", "movie", "media", "media file", "media file name", "media name", "media path",
    "media file path", "filename", "file name", "file", "filepath", "file path", "path", "recording", "observation",
    "observation id", "video file name", "source file", "youtube id", "yt id", "vid", "clip", "clip id",
)  # fmt: skip
# The first row that has one is read; of two in one row either may be meant.
_LABELS = (
    frozenset({"label"}),
    frozenset(
        {
            "labels",
            "label name",
            "action",
            "action name",
            "action label",
            "behavior",
            "behaviour",
            "class",
            "class name",
        }
        | {"event", "event name", "event label", "event type", "tag", "activity", "activity name", "category"}
        | {"code", "phase", "gesture", "concept", "trial type"}
    ),
    frozenset({"name", "marker name", "clip name", "segment name", "title"}),
    frozenset({"annotation", "text", "value", "transcription", "description", "comment", "comments", "note", "notes"}),
)
_SCENE = "scene number"  # names a segment, where nothing else does
_SCORES = ("score", "confidence", "conf", "probability", "prob")
_RATES = ("fps", "frame rate", "framerate", "frames per second")
_SUBSETS = ("subset", "split")
_WHOLE = frozenset({"video duration", "film duration", "media duration", "video length", "film length"})
# Two of these may do one thing at once.
_WHO = ("subject", "tier", "tier name", "track", "person", "player", "actor", "team")


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """A column that says a time. index: from 0; name: as the table has it; convention: seconds, unnamed."""

    index: int
    name: str
    unit: Unit
    convention: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns that are read, by what they mean; other ones by their index. twice: columns that mean the same."""

    start: TimeColumn | None = None
    end: TimeColumn | None = None
    length: TimeColumn | None = None
    instant: TimeColumn | None = None
    whole: TimeColumn | None = None
    film: int | None = None
    label: int | None = None
    scene: int | None = None
    score: int | None = None
    fps: int | None = None
    subset: int | None = None
    source: int | None = None
    who: tuple[int, ...] = ()
    twice: tuple[str, ...] = ()
    unread: tuple[str, ...] = field(default=())

    @property
    def holds_times(self) -> bool:
        return any((self.start, self.end, self.instant))

    @property
    def lacking(self) -> list[str]:
        """What a table of segments needs and this one has not, in words of the header that would do."""
        missing = []
        instants = self.instant is not None and self.instant.unit != "frames"  # those of labels a frame are none
        if self.start is None and not instants:
            missing.append("start_s")
        if self.end is None and self.length is None and not instants:
            missing.append("end_s")
        if self.label is None and self.scene is None:
            missing.append("label")
        return missing


def columns_of(header: Sequence[str]) -> Columns:
    """What each column of a header means."""
    names = [" ".join(_words(cell)) for cell in header]
    times: dict[str, list[TimeColumn]] = {role: [] for role in ("start", "end", "length", "instant", "whole")}
    for i, cell in enumerate(header):
        if (found := _time(i, cell)) is not None:
            times[found[0]].append(found[1])
    chosen: dict[str, TimeColumn] = {}
    twice: list[str] = []
    units = {column.unit for column in (times["end"] or times["length"])}
    for role, candidates in times.items():
        for column in sorted(candidates, key=lambda c: (role == "start" and c.unit not in units, _ORDER.index(c.unit))):
            first = chosen.setdefault(role, column)
            if first is not column and first.unit == column.unit:
                twice += [first.name, column.name]
    if "start" not in chosen and "instant" in chosen and chosen.keys() & {"end", "length"}:
        chosen["start"] = chosen["instant"]  # "Position,Duration"
    if "start" in chosen and "end" in chosen:  # both in one unit, where there is a choice
        of_unit = [c for c in times["end"] if c.unit == chosen["start"].unit]
        chosen["end"] = (of_unit or [chosen["end"]])[0]
    if "start" in chosen and ("end" in chosen or "length" in chosen):
        chosen.pop("instant", None)
    labels: list[int] = []
    for row in _LABELS:
        labels = labels or [i for i, name in enumerate(names) if name in row]
    if len(labels) > 1:
        twice += [header[i] for i in labels]
    film, score, subset = _first(names, _FILMS), _first(names, _SCORES), _first(names, _SUBSETS)
    fps = _first(names, _RATES)
    source, scene = _first(names, ("source",)), _first(names, (_SCENE,))
    who = tuple(i for i, name in enumerate(names) if name in _WHO)
    read = {c.index for candidates in times.values() for c in candidates} | {film, score, fps, subset, source, *who}
    read |= set(labels[:1]) | ({scene} if not labels else set())
    return Columns(
        **chosen,
        film=film,
        label=labels[0] if labels else None,
        scene=None if labels else scene,
        score=score,
        fps=fps,
        subset=subset,
        source=source,
        who=who,
        twice=tuple(dict.fromkeys(twice)),
        unread=tuple(cell for i, cell in enumerate(header) if i not in read and cell),
    )


def seems_a_time(cell: str) -> bool:
    """Whether the name of a column that is not understood may be that of a start or an end: start_idx."""
    return any(word in (_STARTS | _ENDS) - {"in", "to", "from", "out", "until"} for word in _words(cell))


def _words(cell: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cell)
    words = re.findall(r"[^\W_]+", spaced.lower())
    return [part for word in words for part in _parts(word)]


def _parts(word: str) -> list[str]:
    match = _SQUASHED.fullmatch(word)
    return [word] if match is None or word == "timestamp" else [part for part in match.groups() if part]


def _time(index: int, cell: str) -> tuple[str, TimeColumn] | None:
    """start, end, length, instant or whole, and the column; None for one that says no time."""
    words = _words(cell)
    units = [_UNITS[word] for word in words if word in _UNITS]
    unit: Unit = "clock" if "clock" in units else units[0] if units else ""
    if ("msec" in words and "ss" in words) or (unit == "s" and "ms" in words):
        unit = "clock" if "mm" in words else "s"  # ss.msec
    bases = [word for word in words if word in _STARTS | _ENDS | _LENGTHS]
    rest = [w for w in words if w not in _UNITS and w not in _TIMES and w not in _OTHERS and w not in bases]
    name = " ".join(w for w in words if w not in _UNITS)
    if name in _WHOLE:
        return "whole", TimeColumn(index, cell, unit)
    if rest or len(bases) > 1:
        return None
    if not bases:
        said = [word for word in words if word in _TIMES]
        return ("instant", TimeColumn(index, cell, unit)) if said and words[0] in _TIMES | {"event"} else None
    (base,) = bases
    if base in ("offset", "in", "to", "from") and set(words) - {base, *_UNITS, "point"}:
        return None  # "Time offset" is none
    role = "start" if base in _STARTS else "end" if base in _ENDS else "length"
    return role, TimeColumn(index, cell, unit, convention=base in ("onset", "offset") and not unit)


def _first(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)
