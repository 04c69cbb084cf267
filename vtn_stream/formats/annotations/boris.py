"""BORIS's tables of single events: rows of START, STOP and POINT, each with a behavior and a time.

Columns Behavior, Time (seconds of the observation) and "Behavior type", or Status in older versions; above the header
may stand lines about the observation. A START and the next STOP of the same behavior, subject and observation are one
segment; a POINT is an instant. The film is the observation's media file, by its name; where it has several, whose
times count on from the first, the observation itself is taken as the film, with a warning. The subject is an attribute.
Loses modifiers, comments and the other columns. Aggregated events are plain tables, of which `is_point` tells the
instants.
"""

from collections.abc import Sequence

from vtn_stream.formats.annotations.columns import Columns
from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.table import cells_below
from vtn_stream.formats.annotations.text import seconds
from vtn_stream.formats.annotations.words import At, shown

__all__ = ["claims", "is_point", "read"]

_KINDS = ("behavior type", "behaviour type", "status")
_OBSERVATION = "observation id"


def claims(header: Sequence[str], found: Columns) -> bool:
    names = [name.lower() for name in header]
    return found.instant is not None and found.label is not None and any(kind in names for kind in _KINDS)


def is_point(header: Sequence[str], cells: Sequence[str]) -> bool:
    """Whether a row of aggregated events is an instant."""
    return any(name.lower() == _KINDS[0] and cell.upper() == "POINT" for name, cell in zip(header, cells, strict=True))


def read(
    findings: Findings, text: str, above: int, header: Sequence[str], found: Columns, own_name: str, *, comma: bool
) -> None:
    """own_name: of the file, for events of no film and no observation"""
    names = [name.lower() for name in header]
    kind = next(names.index(name) for name in _KINDS if name in names)
    observation = names.index(_OBSERVATION) if _OBSERVATION in names else None
    assert found.instant is not None
    assert found.label is not None
    subject = names.index("subject") if "subject" in names else None
    films = _films(findings, text, above, found, observation)
    begun: dict[tuple[str, str, str, str], tuple[At, object]] = {}
    for at, cells in cells_below(findings, text, above):
        given = _film_cell(cells, found.film, observation, own_name)
        which = cells[observation] if observation is not None else ""
        name = findings.film(films.get(which, given), at)
        if name is None:
            continue
        time, label = seconds(cells[found.instant.index], comma=comma), cells[found.label]
        who = cells[subject] if subject is not None else ""
        attributes = (("subject", who),) if who else ()
        key, word = (name, which, who, label), cells[kind].upper().rpartition(" ")[2]
        if word == "POINT":
            findings.spot(name, at, time, label, attributes)
        elif word == "START":
            if key in begun:
                findings.lost(name, begun[key][0], f"{shown(label)} starts twice without a STOP in between")
            begun[key] = (at, time)
        elif word == "STOP" and key in begun:
            started_at, start = begun.pop(key)
            findings.segment(name, started_at, start, time, label, attributes)
        elif word == "STOP":
            findings.lost(name, at, f"{shown(label)} stops without a START before it")
        else:
            findings.lost(name, at, f"it is {shown(cells[kind])}, not START, STOP or POINT")
    for (name, _, _, label), (at, _) in begun.items():
        findings.lost(name, at, f"{shown(label)} starts, and no STOP follows")


def _films(findings: Findings, text: str, above: int, found: Columns, observation: int | None) -> dict[str, str]:
    """The film of each observation, where its rows name one."""
    media: dict[str, dict[str, At]] = {}
    for at, cells in cells_below(Findings(""), text, above):
        if observation is not None and found.film not in (None, observation):
            media.setdefault(cells[observation], {}).setdefault(_last(cells[found.film or 0]), at)
    films = {}
    for which, names in media.items():
        if len(names) == 1:
            (films[which],) = names
        else:
            findings.warn(
                next(iter(names.values())),
                f"the observation {shown(which)} has {len(names)} media files, and its times count on from the first: "
                "the observation is taken as the film",
            )
            films[which] = which
    return films


def _film_cell(cells: Sequence[str], film: int | None, observation: int | None, default: str) -> str:
    index = film if film is not None else observation
    return default if index is None else _last(cells[index])


def _last(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]
