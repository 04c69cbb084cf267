"""BORIS's coded events as segments of films: states are paired, and an observation's time is cut into that of its
films.

    observation   0 s |---- a.mp4, 10 s ----|---- b.mp4 ----|      its own time, "time offset" taken off
    walk                         |---------------|
    segments             a.mp4: 6 to 10 s, b.mp4: 0 to 4 s

Knows neither projects nor tables.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from vtn_stream.errors import listed
from vtn_stream.formats.annotations.boris_films import MAX_S, Film
from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.text import seconds
from vtn_stream.formats.annotations.words import At, in_s, number, shown, text_fault
from vtn_stream.formats.writing import num

__all__ = ["Event", "Kind", "Observation", "put"]

TOUCH_S = 5e-4  # half of the millisecond that BORIS writes: what is shorter beyond a border is none
# STATE: each is the start or the stop of a state, in turn. SPAN: one event from its start to its stop.
Kind = Literal["POINT", "START", "STOP", "STATE", "SPAN"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was coded in one go, over the films of its first player, one after the other.

    end_s  of one that is limited to an interval: states that did not stop end there
    """

    name: str
    at: At
    films: tuple[Film, ...]
    offset_s: float = 0.0
    end_s: float | None = None


class Event(NamedTuple):
    """One row. time, stop: as the file has them; stop only of a SPAN."""

    at: At
    kind: Kind
    time: object
    code: str
    subject: str = ""
    modifier: str = ""
    comment: str = ""
    comment_stop: str = ""
    stop: object = None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.subject, self.code, self.modifier

    @property
    def words(self) -> str:
        """For messages: peck (fast) of hen 1."""
        modifier = f" ({shown(self.modifier)})" if self.modifier.strip("|") else ""
        return shown(self.code) + modifier + (f" of {shown(self.subject)}" if self.subject else "")


class _Span(NamedTuple):
    start_s: float
    end_s: float
    event: Event
    comment_stop: str


def put(findings: Findings, observation: Observation, events: Iterable[Event]) -> None:
    """Puts down the events as segments and instants of the observation's films.

    Where the findings' options say so, a state that does not stop lasts to the end; otherwise it is a problem.
    """
    clock = _Clock(observation)
    timed = list[tuple[float, Event]]()
    spans = list[_Span]()
    broken: dict[tuple[str, str, str], Event] = {}  # states of which one time is not known
    for event in events:
        time_s = clock.time_of(findings, event, event.time)
        if time_s is None:
            if event.kind == "STATE":
                broken[event.key] = event
            continue
        if event.kind != "SPAN":
            timed.append((time_s, event))
        elif (stop_s := clock.time_of(findings, event, event.stop)) is not None:
            if stop_s < time_s:
                text = f"{event.words} stops at {in_s(stop_s)}, before it starts at {in_s(time_s)}"
                findings.lost(clock.film_at(time_s), event.at, text)
                continue
            spans.append(_Span(time_s, stop_s, event, event.comment_stop))
    for key, event in broken.items():  # what follows it would be paired the wrong way round
        if others := sum(other.key == key for _, other in timed):
            text = f"{event.words}: without this time {num(others, 'other event')} cannot be paired"
            findings.lost(clock.first, event.at, text)
    timed = [(time_s, event) for time_s, event in timed if event.key not in broken]
    timed.sort(key=lambda pair: pair[0])  # stable: of one time, in the order of the file
    spans += _paired(findings, clock, timed)
    _place(findings, clock, spans)


class _Clock:
    """The time of an observation, and where in it each film lies."""

    def __init__(self, observation: Observation) -> None:
        self.observation = observation
        self.are_dated = any(film.created_s for film in observation.films)
        self.borders_s = [0.0]  # where each film begins, as far as lengths are known
        for film in observation.films[:-1]:
            if film.duration_s is None:
                break
            self.borders_s.append(round(self.borders_s[-1] + film.duration_s, 6))
        self.all_known = len(self.borders_s) == len(observation.films)
        last = observation.films[-1].duration_s
        self.end_s = round(self.borders_s[-1] + last, 6) if self.all_known and last is not None else None

    @property
    def first(self) -> str:
        """The film that stands for the observation in messages."""
        return next((film.name for film in self.observation.films if film.name is not None), self.observation.name)

    def film_at(self, time_s: float) -> str:
        return self.observation.films[self._at(time_s)].name or self.first

    def pieces(self, start_s: float, end_s: float) -> list[tuple[Film, float, float]]:
        """The films in which the time lies, and when in each. What is shorter than a millisecond beyond a border is
        rounding.
        """
        first, last = self._at(start_s), self._at(end_s)
        while last > first and end_s - self.borders_s[last] <= TOUCH_S:
            last -= 1
        if first < last and self.borders_s[first + 1] - start_s <= TOUCH_S:
            first += 1
        pieces = []
        for at in range(first, last + 1):
            begin_s = self.borders_s[at]
            low_s = max(start_s, begin_s)
            high_s = end_s if at == last else self.borders_s[at + 1]
            pieces.append((self.observation.films[at], round(low_s - begin_s, 6), round(high_s - begin_s, 6)))
        return pieces

    def _at(self, time_s: float) -> int:
        return max(bisect_right(self.borders_s, time_s) - 1, 0)

    def time_of(self, findings: Findings, event: Event, given: object) -> float | None:
        """Seconds of the observation; None, and a problem, for what is not a time."""
        time_s = number(seconds(given) if isinstance(given, str) else given)
        if time_s is None or not abs(time_s) <= MAX_S:
            findings.lost(self.first, event.at, f"{event.words}: its time is {shown(given)}, not a number of seconds")
            return None
        time_s = round(time_s - self.observation.offset_s, 6)
        if not self.are_dated:
            return time_s
        for film, begin_s in zip(self.observation.films, self.borders_s, strict=False):
            end_s = math.inf if film.duration_s is None else begin_s + film.duration_s
            if begin_s - TOUCH_S <= time_s - film.created_s <= end_s + TOUCH_S:
                return round(time_s - film.created_s, 6)
        findings.lost(
            self.first, event.at, f"{event.words}: its time {shown(given)} is in none of the films, by their dates"
        )
        return None


def _paired(findings: Findings, clock: _Clock, timed: Sequence[tuple[float, Event]]) -> list[_Span]:
    begun: dict[tuple[str, str, str], tuple[float, Event]] = {}
    spans = list[_Span]()
    for time_s, event in timed:
        before = begun.get(event.key)
        if event.kind == "POINT":
            spans.append(_Span(time_s, time_s, event, ""))
        elif event.kind == "START" or (event.kind == "STATE" and before is None):
            if before is not None:
                text = f"{before[1].words} starts twice without a STOP in between"
                findings.lost(clock.film_at(before[0]), before[1].at, text)
            begun[event.key] = (time_s, event)
        elif before is not None:
            del begun[event.key]
            spans.append(_Span(before[0], time_s, before[1], event.comment))
        else:
            text = f"{event.words} stops without a START before it"
            findings.lost(clock.film_at(time_s), event.at, text)
    if not findings.coding.close_open:
        for time_s, event in begun.values():
            text = f"{event.words} starts, and no STOP follows; --close-open lets it last to the end"
            findings.lost(clock.film_at(time_s), event.at, text)
        return spans
    last_s = timed[-1][0] if timed else 0.0
    end_s, where = clock.observation.end_s, "the end of the observation"
    if end_s is None or (clock.end_s is not None and clock.end_s < end_s):
        end_s, where = clock.end_s, f"the end of the film{'s' * (len(clock.observation.films) > 1)}"
    if end_s is None:
        end_s, where = last_s, "the last event, as no length is known"
    for time_s, event in begun.values():
        spans.append(_Span(time_s, max(end_s, time_s), event, ""))
    if begun:
        which = listed(event.words for _, event in begun.values())
        findings.warn(
            clock.observation.at,
            f"{num(len(begun), 'state')} without a stop: read until {in_s(end_s)}, {where} ({which})",
        )
    return spans


def _place(findings: Findings, clock: _Clock, spans: Sequence[_Span]) -> None:
    """Cuts the spans into those of the films, each in its own time."""
    where = clock.observation.at
    cut, without, unplaced = list[_Span](), list[_Span](), list[_Span]()
    for span in spans:
        if span.start_s < -TOUCH_S:
            text = f"{span.event.words} is before the start of the film, at {in_s(span.start_s)}"
            findings.lost(clock.first, span.event.at, text)
            continue
        if not clock.all_known and span.end_s > clock.borders_s[-1]:
            unplaced.append(span)
            continue
        pieces = clock.pieces(max(span.start_s, 0.0), max(span.end_s, 0.0))
        if len(pieces) > 1:
            cut.append(span)
        if span.start_s == span.end_s and span.event.kind != "POINT":
            without.append(span)
        for film, start_s, end_s in pieces:
            if film.name is not None:
                _put(findings, film.name, span, start_s, end_s)
    if cut:
        text = f"{num(len(cut), 'event')} over the border of two films, cut there; the first is {_words(cut[0])}"
        findings.warn(where, text)
    if without:
        text = f"states without a length, read as instants: {len(without)}; the first is {_words(without[0])}"
        findings.warn(without[0].event.at, text)
    if unplaced:
        film = clock.observation.films[len(clock.borders_s) - 1]
        findings.lost(
            film.name or clock.first,
            unplaced[0].event.at,
            f"the length of {shown(film.name or 'a film')} is not in the file, so {num(len(unplaced), 'event')} from "
            f"{in_s(clock.borders_s[-1])} on may be of it or of the next film: add the film to the observation again "
            "in BORIS, which then measures it",
        )


def _words(span: _Span) -> str:
    until = f" to {in_s(span.end_s)}" if span.end_s > span.start_s else ""
    return f"{span.event.words} at {in_s(span.start_s)}{until}"


def _put(findings: Findings, name: str, span: _Span, start_s: float, end_s: float) -> None:
    event = span.event
    attributes = _attributes(event.subject, event.modifier, event.comment, span.comment_stop)
    for key, value in attributes:
        fault = text_fault(value) if key in ("subject", "modifier") else ""
        if fault:
            findings.lost(name, event.at, f"its {key} {shown(value)} {fault}")
            return
    if start_s == end_s:
        findings.spot(name, event.at, max(start_s, 0.0), event.code, attributes)
    else:
        findings.segment(name, event.at, max(start_s, 0.0), end_s, event.code, attributes)


def _attributes(subject: str, modifier: str, comment: str, comment_stop: str) -> tuple[tuple[str, str], ...]:
    """What of these there is; `modifier` as BORIS writes it, several joined by |."""
    given = {"subject": subject, "modifier": modifier, "comment": comment, "comment_stop": comment_stop}
    return tuple((key, value) for key, value in given.items() if value)
