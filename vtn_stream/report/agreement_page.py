"""Where two annotators differ, as one HTML page: their lanes above each other, and a list of the stretches that differ.

Each stretch leads to its moment. A film plays where it lies beside the page, or its reader chooses it.
It opens without a server or a network. Names, labels and notes are untrusted: they are in the page as data and become
text, never markup. Times are whole milliseconds; what is shorter is not shown, but instants are. Equal input gives
equal bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vtn_stream.report.colours import look_of
from vtn_stream.report.html import asset, document, is_document, joined_script, relative_url, shown_text
from vtn_stream.timeline import Segment

__all__ = ["ComparedFilm", "Difference", "agreement_page", "is_agreement_page"]

TITLE = "Where two annotators differ"

MAX_CHARACTERS = 300  # of a name or a label
MAX_LISTED = 2000  # differences of a film: the longest
MAX_LANES = 200  # labels of a film: those that differ the longest
MAX_TIME_S = 1e9
STYLES = ("base.css", "agreement.css")
SCRIPTS = ("hatches.js", *(f"agreement.{part}.js" for part in ("data", "lanes", "list", "player", "start")))

# From, until (seconds), the labels that A alone says there, and those that B alone says.
Difference = tuple[float, float, Sequence[str], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedFilm:
    """One film of two annotators.

    film       its path as seen from the page, plain; "" where it is not known
    a, b       what each says
    differing  in any order
    compared   spans, in seconds, in which both know what happens
    kappas     of each label; None where it is not defined
    figures    names and values, as they are shown
    """

    name: str
    film: str
    duration_s: float
    a: Sequence[Segment]
    b: Sequence[Segment]
    differing: Sequence[Difference]
    compared: Sequence[tuple[float, float]]
    kappas: Mapping[str, float | None]
    figures: Sequence[tuple[str, str]]


def agreement_page(
    films: Sequence[ComparedFilm], *, a: str, b: str, figures: Sequence[tuple[str, str]], notes: Sequence[str]
) -> bytes:
    """The page: films in this order. a, b: the annotators' names; figures: of all films; notes: sentences."""
    labels = sorted({s.label for film in films for side in (film.a, film.b) for s in side})
    number = {label: i for i, label in enumerate(labels)}
    data = {
        "a": _shown(a),
        "b": _shown(b),
        "figures": _pairs(figures),
        "notes": [shown_text(note, max_characters=10 * MAX_CHARACTERS) for note in notes],
        "labels": [[_shown(label), look_of(label).colour, look_of(label).hatch] for label in labels],
        "films": [_of_film(film, number) for film in films],
    }
    return document(
        title=TITLE,
        style="".join(map(asset, STYLES)),
        script=joined_script(SCRIPTS),
        body=asset("agreement.html"),
        data=data,
    )


def is_agreement_page(data: bytes) -> bool:
    """Whether a file with this beginning is such a page."""
    return is_document(data) and f"<title>{TITLE}</title>".encode() in data


def _of_film(film: ComparedFilm, number: dict[str, int]) -> dict[str, object]:
    listed, differs_s = [], dict.fromkeys([s.label for side in (film.a, film.b) for s in side], 0.0)
    for start_s, end_s, a, b in film.differing:
        start, end = _ms(start_s), _ms(end_s)
        for label in (*a, *b):
            differs_s[label] += end_s - start_s
        if start < end or start_s == end_s:
            listed.append([start, end, [number[label] for label in a], [number[label] for label in b]])
    listed.sort(key=lambda each: (each[0] - each[1], each))  # type: ignore[operator]
    lanes = sorted(differs_s, key=lambda label: (-differs_s[label], label))[:MAX_LANES]
    return {
        "name": _shown(film.name),
        "url": relative_url(film.film) if film.film else "",
        "duration": _ms(film.duration_s),
        "lanes": sorted([number[label], _kappa(film.kappas.get(label))] for label in lanes),
        "moreLanes": len(differs_s) - len(lanes),
        "a": _columns(film.a, number),
        "b": _columns(film.b, number),
        "differing": listed[:MAX_LISTED],
        "all": len(listed),
        "compared": [[_ms(start_s), _ms(end_s)] for start_s, end_s in film.compared],
        "figures": _pairs(film.figures),
    }


def _kappa(value: float | None) -> str:
    return "–" if value is None else f"{round(value, 2) + 0.0:.2f}"


def _columns(segments: Iterable[Segment], number: dict[str, int]) -> list[list[int]]:
    return [[number[s.label], _ms(s.start_s), _ms(s.end_s)] for s in segments]


def _pairs(pairs: Sequence[tuple[str, str]]) -> list[list[str]]:
    return [[_shown(name), _shown(value)] for name, value in pairs]


def _shown(text: str) -> str:
    return shown_text(text, max_characters=MAX_CHARACTERS)


def _ms(time_s: float) -> int:
    return round(1000 * min(max(time_s, -MAX_TIME_S), MAX_TIME_S))
