"""What readers of timeline files share: how to read untrusted text and XML, and make a timeline of them. Knows no
format.

Sizes are limited before anything is parsed; XML with entities or external references is refused.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NoReturn, TypeGuard

from vtn_stream.errors import InputError, TimelineError, VtnStreamError, listed
from vtn_stream.film import one_form, shareable_name
from vtn_stream.timeline import Segment, Timeline

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = [
    "ENDS_WITH_LAST",
    "MAX_BYTES",
    "MAX_SEGMENTS",
    "CodingOptions",
    "ReadResult",
    "ReadingOptions",
    "TimelineReader",
    "content_of",
    "decoded",
    "encoding_of",
    "named_by",
    "refuse",
    "timeline_of",
    "told",
    "xml_root",
]

MAX_BYTES = 256 * 1024 * 1024
MAX_SEGMENTS = 1_000_000
ENDS_WITH_LAST = "The file does not say how long the film is: it is taken to end with the last segment."
_TOLD_BY = 512  # bytes that tell UTF-16 without its mark
_SAYS_UTF_16 = re.compile(rb"[^>]{0,60}\bencoding\s*=\s*[\"']utf-16", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingOptions:
    """How observations that people coded in BORIS are read.

    observations  the ids of those that are read, with * and ? for any text and any character; (): all
    close_open    a state that starts and does not stop lasts to the end; otherwise it is left out
    """

    observations: tuple[str, ...] = ()
    close_open: bool = False

    def reads(self, observation: str) -> bool:
        chosen = any(observation == name or fnmatchcase(observation, name) for name in self.observations)
        return chosen or not self.observations


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions:
    """What a file may not say about itself; if it does, that holds.

    rate            frames a second, for timelines that count frames; None: 25, with a warning
    annotation_fps  the same for annotations, such as one label a frame; None: not known
    start_timecode  of the film's first frame, taken off all timecodes; None: 0
    duration_s      of the film; None: it ends with the last segment
    coding          which observations of a project are read, and how
    """

    rate: Fraction | None = None
    annotation_fps: Fraction | None = None
    start_timecode: str | None = None
    duration_s: float | None = None
    coding: CodingOptions = CodingOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResult:
    """The timelines in a file. warnings: what was read otherwise than it stands there, once for each kind."""

    timelines: tuple[Timeline, ...]
    warnings: tuple[str, ...] = ()


# (content, the file's name for messages, options) -> ReadResult; raises TimelineError
TimelineReader = Callable[[bytes, str, ReadingOptions], ReadResult]


def refuse(name: str, reason: str, *, line: int | None = None, cure: str = "fix the file") -> NoReturn:
    """Raises the TimelineError of a file that cannot be read."""
    place = "" if line is None else f"line {line}: "
    raise TimelineError(f"{name} cannot be read ({place}{reason})", "nothing was written", cure)


def told(things: Mapping[str, Sequence[int | str]]) -> tuple[str, ...]:
    """A warning for each kind of things, by their lines or names; none for a kind of which there is none.

    >>> told({"clip{} switched off, not read": ["a", "b"], "event{} of black not read": [7]})
    ('2 clips switched off, not read (a and b)', '1 event of black not read (line 7)')
    """
    return tuple(
        f"{len(of)} {what.format('s' if len(of) > 1 else '')} ("
        + (f"line{'s' * (len(of) > 1)} " if isinstance(of[0], int) else "")
        + listed(dict.fromkeys(str(each) or "unnamed" for each in of))
        + ")"
        for what, of in things.items()
        if of
    )


def content_of(
    path: Path,
    *,
    consequence: str,
    too_large: str,
    most: int = MAX_BYTES,
    head: int | None = None,
    error: type[VtnStreamError] = InputError,
) -> bytes:
    """A regular file's bytes, or the first `head` of them. too_large: the cure for a file of more than `most`.

    Raises `error`.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise error(f"{path.name} is not a regular file", consequence, "give a file")
        with open(path, "rb") as file:
            data = file.read(most + 1 if head is None else head)
    except (OSError, ValueError) as caught:
        reason = (isinstance(caught, OSError) and caught.strerror) or "no path"
        raise error(f"{path.name or path} cannot be read ({reason})", consequence, "check the path") from caught
    if len(data) > most:
        raise error(f"{path.name} is larger than {most // 2**20} MiB", consequence, too_large)
    return data


def encoding_of(data: bytes) -> str:
    """UTF-16 by its mark, or without one by the zeros that it has beside every ASCII character; else UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    even, odd = data[:_TOLD_BY:2], data[1:_TOLD_BY:2]
    for encoding, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if 0 not in others and 2 * zeros.count(0) > len(zeros):
            return encoding
    return "utf-8-sig"


def decoded(data: bytes, name: str) -> str:
    """UTF-8 or UTF-16, with or without its mark, every line break a \\n. Raises TimelineError."""
    if len(data) > MAX_BYTES:
        refuse(name, f"it is larger than {MAX_BYTES // 2**20} MiB")
    encoding = encoding_of(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8-sig":
            refuse(name, "it begins as text in UTF-16 and goes on as something else")
        line = data.count(b"\n", 0, error.start) + 1
        refuse(name, "it is not text in UTF-8 or UTF-16", line=line, cure="save it as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def xml_in_utf8(data: bytes, name: str) -> bytes:
    """The bytes of an XML document; in UTF-8 and without its declaration where it is UTF-16, or says so.

    Its declaration holds but for that: UTF-16 is seen, and a file that says so may have been saved as UTF-8 since.
    Lines stay where they are. Raises TimelineError.
    """
    if encoding_of(data) == "utf-8-sig" and not _SAYS_UTF_16.match(data):
        return data
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", decoded(data, name).removeprefix("\ufeff")).encode("utf-8", "replace")


def xml_root(data: bytes, name: str) -> "Element":
    """The root of an XML document. Raises TimelineError, also for a DTD with entities or external references.

    A DOCTYPE without any of these (`<!DOCTYPE xmeml>`) is read, and so is what editors of text make of a file: UTF-16
    that is declared as UTF-8 and the other way round, empty lines before the declaration.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException, ElementTree

    if len(data) > MAX_BYTES:
        refuse(name, f"it is larger than {MAX_BYTES // 2**20} MiB")
    try:
        return ElementTree.fromstring(
            xml_in_utf8(data, name).lstrip(), forbid_dtd=False, forbid_entities=True, forbid_external=True
        )
    except ParseError as error:
        refuse(name, f"damaged XML: {error}")
    except DefusedXmlException:
        refuse(name, "XML with entities or external references is not read")
    except (ValueError, LookupError, RecursionError) as error:
        refuse(name, f"damaged XML: {error}")


def timeline_of(
    segments: Iterable[Segment],
    name: str,
    options: ReadingOptions,
    *,
    format: str,
    video: str | None = None,
    duration_s: float | None = None,
    rate: Fraction | None = None,
    start_timecode: str | None = None,
    notes: Iterable[str] = (),
    at_least_s: float = 0.0,
) -> Timeline:
    """The timeline of a film, from a foreign file.

    name    the file's, without its folder; video: the film's name or path, where the file says it (of one that leads
            out of the folder only the last part is kept). Of what file and options both say, the file's holds
    format  the format's title, for the provenance; notes: in words, for the provenance too
    at_least_s  that a film of unknown length lasts
    """
    spelled: dict[str, str] = {}  # one label in two forms of Unicode is one label, as it came first
    kept = tuple(segments)
    for s in kept:
        spelled.setdefault(one_form(s.label), s.label)
    if any(spelled[one_form(s.label)] != s.label for s in kept):
        kept = tuple(replace(s, label=spelled[one_form(s.label)]) for s in kept)
    notes = list(notes)
    last_s = max((s.end_s for s in kept), default=0.0)
    known_s = duration_s if _is_duration(duration_s) else options.duration_s
    if not _is_duration(known_s):
        known_s = max(last_s, at_least_s, 0.0)
        notes.append(ENDS_WITH_LAST)
    film = _film_path(video or "")
    return Timeline(
        video_identity="",
        video_path=film or named_by(name),
        duration_s=known_s,
        span_s=(0.0, known_s),
        nominal_rate=options.rate if rate is None else rate,
        start_timecode=options.start_timecode if start_timecode is None else start_timecode,
        segments=kept,
        provenance={"converted_from": format, "notes": notes},
    )


def _is_duration(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value) and value >= 0


def _film_path(given: str) -> str:
    """The path to a film as a timeline may hold it; "" if there is none."""
    given = given.replace("\\", "/").strip("\0")
    parts = [shareable_name(part) for part in given.split("/")]
    if {"", ".."} & set(parts) or given.partition("/")[0].endswith(":"):
        parts = parts[-1:]
    return "" if parts[-1] in ("", ".", "..") else "/".join(parts)


def named_by(name: str) -> str:
    """movie.timeline.activitynet.json -> movie; match.vtt -> match"""
    name = PurePath(name).name
    stem = name.partition(".timeline.")[0] or PurePath(name).stem
    return shareable_name(PurePath(stem).stem if stem == name else stem) or "film"
