"""Whether a film goes on in the next one: what speaks for it, and what against it. Pure.

A wrong join is worse than a missed one, so that everything that is known must agree:

- The picture and the sound are alike: codec, size, rate, rotation.
- No clock that both have says that they overlap, or that hours are between them.
- Something says that the one goes on in the other: the names of chapters and of parts do; a number alone does not, as
  clips of a data set and takes of an afternoon are numbered too. Then a clock must go on to within two seconds, or the
  file before must be full, as cards end files at 4 GB.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vtn_stream.joining.clocks import Reading, Traits, readings
from vtn_stream.joining.names import Link

__all__ = ["FULL_FILES", "ONLY_NAMES", "Verdict", "judge", "length", "listed_files"]

ONLY_NAMES = "only their names go on, and a number alone does not say that the recording does"
FULL_FILES = "full files"
# Between the halves of a match there is a quarter of an hour; after more, it is another recording.
MAX_BREAK_S = 30 * 60.0
# What clocks of chapters may be off: such files leave no time between them.
CHAPTER_TOLERANCE_S = 10.0
# FAT32 holds files of less than 2^32 bytes, older systems of 2^31; GoPros end theirs at 4 * 10^9. All stop a little
# early, since they write whole groups of pictures.
_FULL_BYTES = (2**32, 4 * 10**9, 2**31)
_FULL_SHARE = 0.985
# A camera fills a chapter before it begins the next.
_LEAST_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be thought of a link.

    against    why the two are not joined; empty if they are
    by         what says that the recording goes on
    meanings   what the creation times may mean, if they go on; None where they say nothing
    gap_s      time between the two that no file has, seconds
    is_vague   whether their clocks leave time between the two, and do not agree on how much: then gap_s is 0
    """

    link: Link
    against: str = ""
    by: tuple[str, ...] = ()
    meanings: frozenset[str] | None = None
    gap_s: float = 0.0
    is_vague: bool = False


def judge(link: Link, before: Traits, after: Traits) -> Verdict:
    """Whether the film before goes on in the one after."""
    a, b = link.before.file, link.after.file
    kind = link.after.kind
    if before.identity == after.identity:
        return Verdict(link=link, against=f"{a} and {b} are the same film")
    if unlike := _unlike(before, after):
        return Verdict(link=link, against=f"{a} and {b} are not alike: {unlike}")
    said = readings(before, after, link.before.time_s, link.after.time_s)
    allowed_s = {"part": MAX_BREAK_S, "chapter": CHAPTER_TOLERANCE_S}.get(kind, 0.0)
    for reading in said:
        if not reading.goes_on and (doubt := _contradiction(reading, a, b, allowed_s, kind == "chapter")):
            return Verdict(link=link, against=doubt)
    going = [reading for reading in said if reading.goes_on]
    pausing = [reading for reading in said if not reading.goes_on and kind == "part"]
    if going and pausing:
        against = f"the {going[0].clock} of {a} and {b} go on, and their {pausing[0].clock} do not"
        return Verdict(link=link, against=against)
    if kind == "chapter" and not going and _is_short(before, after):
        against = f"{a} is much shorter than {b}, and a camera fills a file before it begins the next"
        return Verdict(link=link, against=against)
    by: list[str] = [reading.clock for reading in going]
    if is_full(before.num_bytes):
        by.append(FULL_FILES)
    if not by and kind in ("time", "number"):
        return Verdict(link=link, against=ONLY_NAMES)
    created = next((reading.goes_on for reading in going if reading.clock == "creation times"), None)
    gap_s = _gap_s(pausing)
    return Verdict(link=link, by=tuple(by), meanings=created, gap_s=gap_s or 0.0, is_vague=gap_s is None)


def is_full(num_bytes: int) -> bool:
    """Whether a file ends where cards and cameras end files."""
    return any(_FULL_SHARE * full <= num_bytes <= full for full in _FULL_BYTES)


def length(seconds: float) -> str:
    """A length as people say it."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def listed_files(files: Sequence[str]) -> str:
    """A few by their names, many by the first and the last."""
    return " + ".join(files) if len(files) <= 4 else f"{files[0]} ... {files[-1]} ({len(files)} files)"


def _contradiction(reading: Reading, a: str, b: str, allowed_s: float, is_chapter: bool) -> str:
    """Why this clock, which does not go on, forbids the join; empty if it does not."""
    overlap_s = reading.overlap_s
    if overlap_s > (allowed_s if is_chapter else 0.0):
        return f"{b} begins {length(overlap_s)} before the end of {a} by their {reading.clock}"
    if reading.breaks_s and min(reading.breaks_s) > allowed_s:
        return f"{b} begins {length(min(reading.breaks_s))} after the end of {a} by their {reading.clock}"
    return ""


def _unlike(before: Traits, after: Traits) -> str:
    if before.rotation != after.rotation:
        return f"turned by {before.rotation % 360} and {after.rotation % 360} degrees"
    names = {"codec": "codec", "size": "size", "rate": "frames a second", "sound": "sound"}
    for name, word in names.items():
        one, other = getattr(before, name), getattr(after, name)
        if one != other and not (name == "rate" and _same_rate(one, other)):
            return f"{word} {one} and {other}"
    return ""


def _same_rate(one: str, other: str) -> bool:
    """A last file of a few frames has another mean rate."""
    try:
        return abs(float(one) - float(other)) <= 0.02 * float(one)
    except ValueError:
        return False


def _is_short(before: Traits, after: Traits) -> bool:
    return before.duration_s < _LEAST_SHARE * after.duration_s and before.num_bytes <= _LEAST_SHARE * after.num_bytes


def _gap_s(pausing: list[Reading]) -> float | None:
    """The time between two parts, if their clocks say so clearly: all of them the same, whatever they may mean. None if
    they say that there is some, and not how much.
    """
    gaps_s = [gap_s for reading in pausing for gap_s in reading.gaps_s.values()]
    if not gaps_s:
        return 0.0
    if max(gaps_s) - min(gaps_s) > max(reading.tolerance_s for reading in pausing):
        return None
    return round(gaps_s[0], 3)
