"""What file names say of films that may be one recording: chapters, parts, times and numbers. Opens no file.

    GH010001.MP4 GH020001.MP4      chapters, as GoPro (GH GX GL GS; GOPR GP) and DVDs (VTS_01_1.VOB) write them
    match_part1.mp4 match 2of3.mp4   parts, by a word of people
    cam_20260101_100000.mp4          a day and a time
    IMG_0005.MOV, film (2).mp4, b    a number or a letter, which alone says nothing

A name is of the first kind that fits. Films of two folders are never of one recording: two cameras number alike.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Literal

from vtn_stream.film import one_form, without_suffix

__all__ = ["Link", "Named", "candidates"]

Kind = Literal["chapter", "part", "time", "number"]

_GOPRO = re.compile(r"(G[HXLS])(\d\d)(\d{4})", re.ASCII | re.IGNORECASE)
_OLD_GOPRO = re.compile(r"G(?:OPR|P(\d\d))(\d{4})", re.ASCII | re.IGNORECASE)
_DVD = re.compile(r"(VTS_\d\d)_(\d)", re.ASCII | re.IGNORECASE)
_GAP = r"[\s._-]*"
_LETTER_BEFORE = r"(?<![^\W\d_])"
_WORDS = r"(?P<unit>part|pt|half|disc|disk|cd|teil|parte|partie)"
_PART = tuple(
    re.compile(pattern, re.ASCII | re.IGNORECASE)
    for pattern in (
        rf"{_LETTER_BEFORE}{_WORDS}{_GAP}\(?(?P<number>\d{{1,2}})(?:{_GAP}(?:of|/){_GAP}(?P<of>\d{{1,2}}))?(?!\d)\)?",
        rf"(?<!\d)\(?(?P<number>\d{{1,2}}){_GAP}of{_GAP}(?P<of>\d{{1,2}})(?![\da-z])\)?",
        rf"(?<!\d)(?P<number>[12])(?:st|nd){_GAP}half(?![a-z])",
        rf"{_LETTER_BEFORE}(?P<word>first|second){_GAP}half(?![a-z])",
    )
)
_DAY_AND_TIME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)[-_T. ]{0,3}(\d\d)[-_.:h]?(\d\d)[-_.:m]?(\d\d)(?!\d)", re.ASCII
)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_LETTER = re.compile(r"(?<=[\s._-])[A-H]$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a name says. group: equal for films that may be one recording.

    number   of a chapter or part; 0 for others
    of       how many parts there are, where the name says so; else 0
    numbers  all others in the name, in order
    time_s   when it begins by its name, seconds since 1970
    base     the name without the number of the part; empty where nothing is left
    """

    path: str
    kind: Kind
    group: tuple[str, ...]
    number: int = 0
    of: int = 0
    numbers: tuple[int, ...] = ()
    time_s: float | None = None
    base: str = ""

    @property
    def file(self) -> str:
        return os.path.basename(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Two films, of which one may go on in the other, by their names."""

    before: Named
    after: Named


@dataclass(slots=True, kw_only=True)
class Candidates:
    """Who may be one recording, by names.

    links    of times and numbers: each film and those that may follow it
    groups   of chapters and parts, in order: all of them are one recording, or none is
    alone    films that go with no other
    """

    links: list[Link] = field(default_factory=list)
    groups: list[list[Named]] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)


def candidates(paths: Iterable[str]) -> Candidates:
    """Which of these films to compare. In the order in which they were given, each once."""
    names = [_named(path) for path in dict.fromkeys(paths)]
    by_group: dict[tuple[str, ...], list[Named]] = defaultdict(list)
    for name in names:
        by_group[name.group].append(name)
    found = Candidates()
    for group in by_group.values():
        if len(group) == 1:
            continue
        if group[0].kind in ("chapter", "part"):
            found.groups.append(sorted(group, key=lambda name: (name.number, name.path)))
        else:
            found.links += _in_time(group) if group[0].kind == "time" else _counted(group)
    linked = {name.path for link in found.links for name in (link.before, link.after)}
    linked |= {name.path for group in found.groups for name in group}
    found.alone = [name.path for name in names if name.path not in linked]
    return found


def _named(path: str) -> Named:
    folder, file = os.path.split(path)
    stem = without_suffix(one_form(file))
    suffix = one_form(file)[len(stem) :].lower()
    return (
        _chapter(path, folder, stem, suffix)
        or _part(path, folder, stem, suffix)
        or _numbered(path, folder, stem, suffix)
    )


def _chapter(path: str, folder: str, stem: str, suffix: str) -> Named | None:
    if match := _GOPRO.fullmatch(stem):
        letters, number, film = match.groups()
        group: tuple[str, ...] = (folder, suffix, "GoPro", letters.upper(), film)
        return Named(path=path, kind="chapter", group=group, number=int(number), base=stem) if int(number) else None
    if match := _OLD_GOPRO.fullmatch(stem):
        number, film = match[1] or "0", match[2]
        group = (folder, suffix, "GoPro", "", film)
        return Named(path=path, kind="chapter", group=group, number=1 + int(number), base=stem)
    if suffix == ".vob" and (match := _DVD.fullmatch(stem)) and match[2] != "0":  # 0 is the menu
        group = (folder, suffix, "DVD", match[1].upper())
        return Named(path=path, kind="chapter", group=group, number=int(match[2]), base=match[1])
    return None


def _part(path: str, folder: str, stem: str, suffix: str) -> Named | None:
    for pattern in _PART:
        match = pattern.search(stem)
        if match is None:
            continue
        said = match.groupdict()
        number = int(said["number"]) if said.get("number") else 1 + (said["word"].lower() == "second")
        of = int(said.get("of") or 0)
        before, after = stem[: match.start()].rstrip(" ._-("), stem[match.end() :].lstrip(" ._-)")
        if not (before or of) and _may_be_somebody(said.get("unit"), after):
            continue
        base = " ".join(part for part in (before, after) if part) if after else before
        group = (folder, suffix, "part", before.casefold(), after.casefold(), str(of))
        return Named(path=path, kind="part", group=group, number=number, of=of, base=base) if number else None
    return None


def _may_be_somebody(unit: str | None, after: str) -> bool:
    """Whether a name that begins with a part's word may be that of a patient (pt01), a participant (part01_cam1), or of
    anything else that is numbered, instead of a part of something.
    """
    return unit is not None and unit.lower() != "half" and (unit.lower() == "pt" or bool(after))


def _numbered(path: str, folder: str, stem: str, suffix: str) -> Named:
    time_s, rest = _time_in(stem)
    letter = _LETTER.search(rest)
    numbers = [int(number) for number in _NUMBER.findall(rest)]
    plain = _NUMBER.sub("#", rest)
    if letter:
        numbers.append(ord(letter[0].upper()))
        plain = plain[:-1] + "@"
    kind: Kind = "number" if time_s is None else "time"
    return Named(
        path=path,
        kind=kind,
        group=(folder, suffix, kind, plain.casefold()),
        numbers=tuple(numbers),
        time_s=time_s,
        base=stem,
    )


def _time_in(stem: str) -> tuple[float | None, str]:
    """The day and time in a name, and the name without them."""
    for match in _DAY_AND_TIME.finditer(stem):
        try:
            when = datetime(*map(int, match.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
        except ValueError:
            continue
        return when.timestamp(), f"{stem[: match.start()]}*{stem[match.end() :]}"
    return None, stem


def _in_time(group: Sequence[Named]) -> list[Link]:
    """Links from each film to the next one by its time: of one camera, where a number in the name tells cameras apart;
    else with the next number, where every film has one of its own.
    """
    in_order = sorted(group, key=lambda name: (name.time_s or 0.0, name.path))
    by_numbers: dict[tuple[int, ...], list[Named]] = defaultdict(list)
    for name in in_order:
        by_numbers[name.numbers].append(name)
    if all(len(names) == 1 for names in by_numbers.values()):
        return [Link(before=a, after=b) for a, b in pairwise(in_order) if _differ_by_one(a.numbers, b.numbers)]
    return [Link(before=a, after=b) for names in by_numbers.values() for a, b in pairwise(names)]


def _differ_by_one(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    steps = [j - i for i, j in zip(a, b, strict=True) if i != j]
    return steps == [1]


def _counted(group: Sequence[Named]) -> list[Link]:
    """Links from each film to those of which one number is the next, and all others are the same."""
    by_numbers: dict[tuple[int, ...], list[Named]] = defaultdict(list)
    for name in group:
        by_numbers[name.numbers].append(name)
    links = []
    for numbers, names in by_numbers.items():
        for i in range(len(numbers)):
            after = by_numbers.get((*numbers[:i], numbers[i] + 1, *numbers[i + 1 :]), ())
            if len(names) == len(after) == 1:  # film_1 and film_01: which one is it?
                links.append(Link(before=names[0], after=after[0]))
    return links
