"""An index over many films, as one HTML page: films as rows, labels as colours, totals, search. Knows timelines only.

It opens without a server or a network; each row leads to the film's own report and, from a piece of its strip, to that
moment in it. Equal input gives equal bytes.

Times are kept to 0.1 s. What is lost: a strip has at most 150 pieces; of a film with more, each 150th keeps only the
label that holds longest there, from where it first holds and as long as it does. Where segments overlap, the surer one
is drawn. Numbers and totals are of everything. Attributes, scores, curves and clip labels are left out.

20,000 films of 60 segments make 11.5 MB (benchmarks/page.py).

Labels look as on a film's own page: colour and hatch follow from the label's text (colours.py).

Scenes are shown by a picture of each where `Entry` has them and all together have at most MAX_PICTURES_TEXT characters.
They are each film's own: they have no totals by name, and are found, counted and chosen all together.

Names and labels are untrusted. They are in the page as data and become text, never markup; marks that reorder text are
written as escapes, and what is very long is cut in the middle. Links begin with "./" and every part of them is
percent-encoded, so that no name is read as a scheme, a query or a fragment.
"""

import base64
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from string import ascii_lowercase, ascii_uppercase, digits
from sys import intern
from typing import Any

from vtn_stream.report.colours import look_of
from vtn_stream.report.html import asset, document, is_document, joined_script, relative_url, shown_text
from vtn_stream.report.progress import Progress
from vtn_stream.timeline import Timeline

__all__ = ["Entry", "Failed", "LabelSum", "entry_of", "has_scenes", "index", "is_index"]

MAX_PIECES = 150  # of a strip: 4 pixels each on a usual screen
MAX_CHARACTERS = 300  # of a name, a label or a reason
MAX_PICTURES_TEXT = 2_000_000  # characters of the page
# In this order, one scope.
SCRIPTS = (
    "hatches.js",
    *(f"index.{part}.js" for part in ("data", "colours", "filters", "rows", "pieces", "labels", "start")),
)
_MAX_S = 1e9  # 31 years; a longer film is drawn as one of these
_UNITS = 10  # in a second
_SCENE = re.compile("scene [A-Z]+")  # as scorers name them

_Piece = tuple[float, float, int]  # start_s, end_s, number of the label in its film


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSum:
    """One label in one film. total_s: how long it holds; where its segments overlap, time counts once."""

    label: str
    num_segments: int
    total_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the index shows of one film; about a kilobyte, made by `entry_of`.

    name           as shown
    page           path of the film's own report, relative to the index; None if it has none
    timeline_file  path of its timeline, relative as well; None where nobody saved one yet
    complete       False if the analysis did not reach the film's end
    gaps_s         how much of it is unknown
    scenes         True if its labels are scenes, whose names mean nothing in another film
    labels         in order of first appearance
    pictures       a JPEG for each label, empty where there is none; or none at all
    progress       how far people are with it
    unknown, segments, instants   three layers of its strip, the last on top, as `_coded` writes them
    """

    name: str
    page: str | None
    timeline_file: str | None
    duration_s: float
    complete: bool
    gaps_s: float
    scenes: bool
    labels: tuple[LabelSum, ...]
    unknown: str
    segments: str
    instants: str
    progress: Progress
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A film without a timeline to show, and the reason."""

    name: str
    reason: str


def entry_of(
    timeline: Timeline,
    *,
    name: str,
    page: str | None,
    timeline_file: str | None,
    pictures: Mapping[str, bytes] | None = None,
) -> Entry:
    """What the index needs from a timeline, so that the timeline itself need not be kept. pictures: JPEG, by label."""
    duration_s = min(timeline.duration_s, _MAX_S)

    def inside(time_s: float) -> float:
        return min(max(time_s, 0.0), duration_s)

    label_numbers = {label: number for number, label in enumerate(timeline.labels)}
    spans: dict[str, list[tuple[float, float]]] = {label: [] for label in label_numbers}
    for s in timeline.segments:
        spans[s.label].append((inside(s.start_s), inside(s.end_s)))
    gaps = _joined([(inside(g.start_s), inside(g.end_s)) for g in timeline.gaps])
    analyzed = (inside(timeline.span_s[0]), inside(timeline.span_s[1]))
    unknown = _joined(sorted([(0.0, analyzed[0]), *gaps, (analyzed[1], duration_s)]))
    instants = [
        (inside(s.start_s), inside(s.start_s), label_numbers[s.label]) for s in timeline.segments if s.duration_s == 0
    ]
    lasting = replace(timeline, segments=tuple(s for s in timeline.segments if s.duration_s > 0)).without_overlaps()
    pieces = [(inside(s.start_s), inside(s.end_s), label_numbers[s.label]) for s in lasting.segments]
    return Entry(
        name=name,
        page=page,
        timeline_file=timeline_file,
        duration_s=duration_s,
        complete=timeline.complete,
        gaps_s=_length(gaps),
        scenes=has_scenes(timeline),
        labels=tuple(
            LabelSum(label=intern(label), num_segments=len(of_label), total_s=_length(_joined(of_label)))
            for label, of_label in spans.items()
        ),
        unknown=_coded(_fewer([(start, end, 0) for start, end in unknown if start < end], duration_s)),
        segments=_coded(_fewer([piece for piece in pieces if piece[0] < piece[1]], duration_s)),
        instants=_coded(_fewer(instants, duration_s)),
        progress=Progress.of(timeline),
        pictures=tuple(pictures.get(label, b"") for label in label_numbers) if pictures else (),
    )


def is_index(page: bytes) -> bool:
    """Whether a page of ours is an index, and not the page of a film."""
    return is_document(page) and b'<dl id="totals">' in page


def index(entries: Iterable[Entry | Failed], *, title: str) -> bytes:
    """The page; films in the order in which they come, until its reader sorts them."""
    entries = list(entries)
    films = [entry for entry in entries if isinstance(entry, Entry)]
    labels = _Totals.of([total for total in film.labels if not _is_own(film, total)] for film in films)
    scenes = [own for film in films if (own := [total for total in film.labels if _is_own(film, total)])]
    names = list(dict.fromkeys(total.label for own in scenes for total in own))
    numbers = {label: number for number, label in enumerate(labels.total_s)}  # by first appearance
    scene_numbers = numbers | {label: len(numbers) + number for number, label in enumerate(names)}
    data = {
        "title": _shown(title),
        "unitsPerSecond": _UNITS,
        "labels": [
            [*_looks(label), labels.num_films[label], labels.num_segments[label], _units(labels.total_s[label])]
            for label in numbers
        ],
        # Of any film: one number for all of their segments; a name in two films means nothing.
        "scenes": {
            "names": [_looks(name) for name in names],
            "films": len(scenes),
            "segments": sum(total.num_segments for own in scenes for total in own),
            "total": _units(math.fsum(total.total_s for own in scenes for total in own)),
        },
        # By the films' places in the list below; of each film by the places of its labels.
        "pictures": _pictures(entries),
        "progress": _progress(entries),
        "films": [
            _row(entry, scene_numbers if entry.scenes else numbers)
            if isinstance(entry, Entry)
            else [_shown(entry.name), _shown(entry.reason)]
            for entry in entries
        ],
    }
    return document(
        title=_shown(title),
        style=asset("base.css") + asset("index.css"),
        script=joined_script(SCRIPTS),
        body=asset("index.html"),
        data=data,
    )


@dataclass(frozen=True, slots=True)
class _Totals:
    """Of each label over all films: in how many it is, its segments, how long it holds."""

    num_films: Counter[str]
    num_segments: Counter[str]
    total_s: dict[str, float]

    @classmethod
    def of(cls, films: Iterable[Iterable[LabelSum]]) -> "_Totals":
        totals = cls(Counter(), Counter(), {})
        for film in films:
            for total in film:
                totals.num_films[total.label] += 1
                totals.num_segments[total.label] += total.num_segments
                totals.total_s[total.label] = totals.total_s.get(total.label, 0.0) + total.total_s
        return totals


def _is_own(film: Entry, total: LabelSum) -> bool:
    """Whether it is a scene of this film: a person may have given some of them names, which are labels."""
    return film.scenes and _SCENE.fullmatch(total.label) is not None


def _pictures(entries: list[Entry | Failed]) -> dict[int, list[str]]:
    """Pictures as base64; none if all together they are too large."""
    coded = {
        i: [base64.b64encode(jpeg).decode() for jpeg in entry.pictures]
        for i, entry in enumerate(entries)
        if isinstance(entry, Entry) and entry.pictures
    }
    return coded if sum(len(text) for texts in coded.values() for text in texts) <= MAX_PICTURES_TEXT else {}


def _progress(entries: list[Entry | Failed]) -> dict[int, list[Any]]:
    """How far people are with each film, by its place; none if they have begun no film and none waits for them."""
    films = {i: entry for i, entry in enumerate(entries) if isinstance(entry, Entry)}
    if not any(film.progress.is_begun or film.timeline_file is None for film in films.values()):
        return {}
    return {
        i: [
            (of := film.progress).state,
            math.floor(1000 * of.share),
            of.num_by_hand,
            of.num_reviewed,
            of.num_to_review,
        ]
        for i, film in films.items()
    }


def _looks(label: str) -> list[Any]:
    look = look_of(label)
    return [_shown(label), look.colour, look.hatch]


def _row(entry: Entry, label_numbers: dict[str, int]) -> list[Any]:
    """One film as the script reads it. The layers of the strip number the labels by their place in this list."""
    totals = [
        value
        for total in entry.labels
        for value in (label_numbers[total.label], total.num_segments, _units(total.total_s))
    ]
    return [
        _shown(entry.name),
        "" if entry.page is None else relative_url(entry.page),
        "" if entry.timeline_file is None else relative_url(entry.timeline_file),
        _units(entry.duration_s),
        int(entry.complete),
        _units(entry.gaps_s),
        totals,
        entry.unknown,
        entry.segments,
        entry.instants,
    ]


def _fewer(pieces: list[_Piece], duration_s: float) -> list[_Piece]:
    """At most MAX_PIECES pieces, of sorted ones that do not overlap. A film is cut evenly; each part keeps one label.

    |AA-B-AAA|C------D|        |AAAAA---|C-------|
    """
    if len(pieces) <= MAX_PIECES:
        return pieces
    width_s = duration_s / MAX_PIECES or 1.0
    parts: list[dict[int, _Piece]] = [{} for _ in range(MAX_PIECES)]
    for start_s, end_s, number in pieces:
        first = min(int(start_s / width_s), MAX_PIECES - 1)
        for i in range(first, MAX_PIECES):
            low_s, high_s = max(start_s, i * width_s), min(end_s, (i + 1) * width_s)
            if i > first and low_s >= high_s:
                break
            since_s, until_s, _ = parts[i].get(number, (low_s, low_s, number))
            parts[i][number] = (since_s, until_s + max(0.0, high_s - low_s), number)
    kept: list[_Piece] = []
    for part in parts:
        if not part:
            continue
        start_s, end_s, number = max(part.values(), key=lambda piece: (piece[1] - piece[0], -piece[0]))
        if kept and kept[-1][2] == number and start_s - kept[-1][1] < 1e-6 and start_s < end_s:
            kept[-1] = (kept[-1][0], end_s, number)
        else:
            kept.append((start_s, end_s, number))
    return kept


_DIGITS = ascii_uppercase + ascii_lowercase + digits + "-_"


def _coded(pieces: list[_Piece]) -> str:
    """Pieces as text, a quarter of what JSON would need: how long after the last one's end, how long, which label.

    Numbers are in base 32, lowest digit first; the upper half of the 64 digits says that another one follows.
    """
    text, last = [], 0
    for start_s, end_s, number in pieces:
        start = max(_units(start_s), last)
        end = max(_units(end_s), start)
        for value in (start - last, end - start, number):
            while value >= 32:
                text.append(_DIGITS[32 + value % 32])
                value //= 32
            text.append(_DIGITS[value])
        last = end
    return "".join(text)


def _units(time_s: float) -> int:
    """Rounded up: a link leads into a segment, not to the frame before it. What floats add is not counted."""
    return math.ceil(time_s * _UNITS - 1e-6)


def _joined(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The sorted spans; those that touch or overlap are joined."""
    joined: list[tuple[float, float]] = []
    for start_s, end_s in spans:
        if joined and start_s <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end_s))
        else:
            joined.append((start_s, end_s))
    return joined


def _length(spans: list[tuple[float, float]]) -> float:
    return math.fsum(end_s - start_s for start_s, end_s in spans)


def has_scenes(timeline: Timeline) -> bool:
    """Whether its labels are scenes, whose names mean nothing in another film."""
    analysis = timeline.provenance.get("analysis")  # a stranger may have put anything there
    return isinstance(analysis, Mapping) and analysis.get("kind") == "scenes"


def _shown(text: str) -> str:
    return shown_text(text, max_characters=MAX_CHARACTERS)
