"""Lines of times without a header: "match.mp4 0.5 4.25 goal", "0.5,4.25,goal", "match.mp4,goal,1:30,2:00".

A film's path with a film's suffix, if any, a start, an end and a label; or the label before the times. Commas,
semicolons, tabs or spaces between them. Seconds, M:SS or H:MM:SS.mmm, with a warning that it was read so; where every
time is a whole number it may be a frame, and where they follow a label it may be a vote: both are refused. Without a
film it is called as the file. What has times is never a list of whole clips. Loses nothing; no escapes but quotes
around a label. Empty lines and those that begin with # are passed over.
"""

import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from vtn_stream.film import FILM_SUFFIXES
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.text import seconds
from vtn_stream.formats.annotations.words import At, shown
from vtn_stream.formats.reading import named_by

__all__ = ["claims", "read"]

NUM_TRIED = 20  # lines, until one has times
MAX_LINE = 8192  # characters

_GAP = r"(?:\s*[,;\t]\s*|\s+)"
_TIME = r"(?:\d{1,4}:)?\d{1,4}:[0-5]\d(?:[.,]\d+)?|\d{1,9}(?:\.\d+)?"
_FILM = rf'"?(?P<film>[^\n]*?\.(?i:{"|".join(sorted(FILM_SUFFIXES))}))"?{_GAP}'
_TIMES = rf'"?(?P<start>{_TIME})"?{_GAP}"?(?P<end>{_TIME})"?'
_LABEL = r'"?(?P<label>[^\s,;"\d:.][^\n]*?)"?'
_LINES = (
    re.compile(rf"(?:{_FILM})?{_TIMES}{_GAP}{_LABEL}", re.ASCII),
    re.compile(rf"{_FILM}{_LABEL}{_GAP}{_TIMES}", re.ASCII),
)
_CLOCK_ALONE = re.compile(rf"{_FILM}(?:\d{{1,4}}:)?\d{{1,4}}:[0-5]\d(?:\.\d+)?(?:{_GAP}.*)?", re.ASCII)


def claims(text: str) -> bool:
    """Whether most of the first lines have times. Whole numbers that do not rise, behind a label, are votes."""
    lines = [line for _, line in itertools.islice(_lines(text), NUM_TRIED)]
    found = [match for line in lines if (match := _matched(line) or _clock_alone(line))]
    votes = [match for match in found if _may_be_votes(match) and int(match["start"]) >= int(match["end"])]
    return 2 * len(found) > len(lines) and not votes


def read(findings: Findings, path: Path, text: str) -> None:
    found = [(at, line, _matched(line)) for at, line in _lines(text)]
    matches = [match for _, _, match in found if match is not None]
    times = [match[word] for match in matches for word in ("start", "end")]
    first = next(at for at, _, match in found if match is not None or not matches)
    if all(time.isdecimal() for time in times):
        raise Unreadable(
            first,
            "there is no header, and its numbers may be seconds, frames or none of these",
            "put the line video,start_s,end_s,label above, and such cells below",
        )
    findings.warn(first, "there is no header: each line is read as start and end in seconds, and a label")
    own_name = named_by(path.name)
    for at, line, match in found:
        if match is None:
            findings.problem(at, f"not a start, an end and a label: {shown(line)}")
            continue
        film = match["film"]
        name = findings.film(own_name if film is None else re.sub(r"^(\./)+", "", film), at)
        if name is not None:
            findings.segment(name, at, seconds(match["start"]), seconds(match["end"]), match["label"])


def _matched(line: str) -> re.Match[str] | None:
    if len(line) > MAX_LINE:
        return None
    return next((match for pattern in _LINES if (match := pattern.fullmatch(line))), None)


def _clock_alone(line: str) -> re.Match[str] | None:
    return _CLOCK_ALONE.fullmatch(line) if len(line) <= MAX_LINE else None


def _may_be_votes(match: re.Match[str]) -> bool:
    if match.re is not _LINES[1]:
        return False
    return match["start"].isdecimal() and match["end"].isdecimal()


def _lines(text: str) -> Iterator[tuple[At, str]]:
    for number, line in enumerate(io.StringIO(text), 1):
        if (line := line.strip()) and not line.startswith("#"):
            yield At(line=number), line
