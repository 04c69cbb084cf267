"""An observation of a BORIS project: its films, its clock and its events. Knows no ethogram but what codes mean."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from vtn_stream.errors import listed
from vtn_stream.formats.annotations.boris_events import Event, Kind, Observation, put
from vtn_stream.formats.annotations.boris_films import MAX_S, Film, chosen_film, last_part, rate_of
from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.text import seconds
from vtn_stream.formats.annotations.words import At, in_s, number, shown
from vtn_stream.formats.writing import num

__all__ = ["GivenObservation", "given_observation", "read_observation"]

_NO_FILM = {"LIVE": "it is a live observation", "IMAGES": "it is an observation of pictures"}


class GivenObservation(NamedTuple):
    """As the file has it. paths: of the first player's films; kind: MEDIA, LIVE, IMAGES or another word."""

    name: str
    at: At
    entry: Mapping[str, Any]
    kind: str
    paths: tuple[str, ...]
    events: Sequence[Any]


def given_observation(findings: Findings, name: str, entry: object) -> GivenObservation | None:
    """None, and a problem, for what is not an observation."""
    at = At(path=("observations", name))
    if not isinstance(entry, dict):
        findings.problem(at, f"the observation is {shown(entry)}, not an object")
        return None
    findings.report_repeated(at, entry)
    events = entry.get("events", [])
    if not isinstance(events, list):
        findings.problem(at, f"its events are {shown(events)}, not a list")
        return None
    kind = str(entry.get("type", "MEDIA")).upper()
    players = {} if kind in _NO_FILM else _players(entry.get("file"))
    (first, paths), *others = players.items() or [("1", [])]
    if others:
        names = listed(last_part(path) for _, more in others for path in more)
        text = f"player {first} counts; the films of other players show the same time, and get no segments: {names}"
        findings.warn(at, text)
    if twice := [path for path, times in Counter(paths).items() if times > 1]:
        text = f"{listed(last_part(path) for path in twice)} twice among its files: what was coded each time is joined"
        findings.warn(at, text)
    return GivenObservation(name, at, entry, kind, tuple(paths), events)


def _players(file: object) -> dict[str, list[str]]:
    """The films of each player that has some."""
    if isinstance(file, list):  # of the oldest files: a film for each player
        file = {str(i): [path] for i, path in enumerate(file, 1)}
    players = {}
    for player, paths in sorted(file.items()) if isinstance(file, dict) else ():
        kept = [path for path in paths if isinstance(path, str) and last_part(path)] if isinstance(paths, list) else []
        if kept:
            players[player] = kept
    return players


def read_observation(
    findings: Findings,
    given: GivenObservation,
    behaviors: Mapping[str, Kind | None],
    ids: Mapping[str, str],
    observations_of: Mapping[str, Sequence[str]],
) -> set[str]:
    """Puts down what was coded, and returns the codes that occur.

    ids              of the films, by their paths
    observations_of  each film: where there are several, the caller must have chosen them
    """
    used = {event[2] for event in given.events if isinstance(event, list) and len(event) > 2 and _is_text(event[2])}
    films = _films(findings, given, ids, observations_of)
    offset_s = _seconds(given.entry.get("time offset") or 0.0)
    if offset_s is None or abs(offset_s) > MAX_S:
        text = f"its time offset is {shown(given.entry['time offset'])}, not a number of seconds"
        findings.problem(given.at, text)
        return used
    if all(film.name is None for film in films):
        return used
    observation = Observation(
        name=given.name, at=given.at, films=tuple(films), offset_s=offset_s, end_s=_interval_end(findings, given)
    )
    if not given.events:
        findings.warn(given.at, "it has no events: it is read as a film in which nothing happens")
    put(findings, observation, list(_events(findings, given, behaviors, films)))
    return used


def _films(
    findings: Findings,
    given: GivenObservation,
    ids: Mapping[str, str],
    observations_of: Mapping[str, Sequence[str]],
) -> list[Film]:
    if not given.paths:
        why = _NO_FILM.get(given.kind, "it has no media file")
        findings.warn(given.at, f"{why}: its film is called by its id, {shown(given.name)}")
        return [Film(name=findings.film(given.name, given.at))]
    source = given.name if len(given.paths) > 1 else None
    films = []
    for path in given.paths:
        film = _film(findings, given, path, ids[path])
        name = chosen_film(findings, given.at, film, given.name, observations_of[ids[path]], source)
        films.append(replace(film, name=name))
    return films


def _film(findings: Findings, given: GivenObservation, path: str, name: str) -> Film:
    """With its length, rate and date, as far as the project has them."""
    info = given.entry.get("media_info")
    info = info if isinstance(info, dict) else {}
    length, fps = (_number(_of(info, key, path)) for key in ("length", "fps"))
    old = given.entry.get("media_file_info")  # by a digest of the film, not by its path
    if length is None and isinstance(old, dict) and len(old) == len(given.paths) == 1:
        (entry,) = old.values()
        milliseconds = _number(entry.get("video_length")) if isinstance(entry, dict) else None
        length = None if milliseconds is None else milliseconds / 1000
    created_s = 0.0
    if given.entry.get("media_creation_date_as_offset") is True:
        created_s = _seconds(_of(info, "media_creation_time", path)) or 0.0
        if not created_s:
            text = f"its times count from the date of {shown(last_part(path))}, which is not in it: they may be wrong"
            findings.warn(given.at, text)
    duration_s = length if length is not None and 0 < length <= MAX_S else None
    return Film(name=name, duration_s=duration_s, rate=rate_of(fps), created_s=created_s)


def _of(info: Mapping[str, Any], key: str, path: str) -> object:
    """What is said of a film, by its path, else by its name alone."""
    facts = info.get(key)
    if not isinstance(facts, dict):
        return None
    same = [value for name, value in facts.items() if last_part(name) == last_part(path)]
    return facts.get(path, same[0] if len(same) == 1 else None)


def _interval_end(findings: Findings, given: GivenObservation) -> float | None:
    """Where the interval ends to which the observation is limited; a warning says which it is."""
    interval = given.entry.get("observation time interval")
    if not isinstance(interval, list) or len(interval) != 2:
        return None
    start_s, end_s = (_number(bound) or 0.0 for bound in interval)
    if start_s or end_s:
        until = f" to {in_s(end_s)}" if end_s else " on"
        text = f"only the time from {in_s(start_s)}{until} was observed: the rest counts as time without events"
        findings.warn(given.at, text)
    return end_s or None


def _events(
    findings: Findings, given: GivenObservation, behaviors: Mapping[str, Kind | None], films: Sequence[Film]
) -> Iterator[Event]:
    name = next(film.name for film in films if film.name is not None)
    unknown, timeless = dict[str, list[At]](), list[At]()
    for i, row in enumerate(given.events):
        at = At(path=(*given.at.path, "events", i))
        if not isinstance(row, list) or len(row) < 3 or not _is_text(row[2]):
            findings.lost(name, at, "it is not an event: a list of time, subject, code, modifier and comment")
            continue
        subject, modifier, comment = ("" if part is None else part for part in [row[1], *row[3:5], "", ""][:3])
        if not all(map(_is_text, (subject, modifier, comment))):
            findings.lost(name, at, "its subject, modifier or comment is not text")
        elif (kind := behaviors.get(row[2])) is None:
            unknown.setdefault(row[2], []).append(at)
        elif given.kind == "IMAGES" and _number(row[0]) is None:
            timeless.append(at)
        else:
            yield Event(at, kind, row[0], row[2], subject, modifier, comment)
    for code, places in unknown.items():
        why = "its type is not known" if code in behaviors else "it is not in the ethogram"
        text = f"{shown(code)}: {why}, so nothing says whether it lasts, and {num(len(places), 'event')} cannot be read"
        findings.lost(name, places[0], f"{text}; add it to the ethogram in BORIS")
    if timeless:
        text = f"{num(len(timeless), 'event')} with a picture and without a time"
        findings.lost(name, timeless[0], f"{text}: give the pictures a time in BORIS, by their dates or as time lapse")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _number(value: object) -> float | None:
    """A finite number; None for anything else."""
    found = number(value)
    return found if found is not None and math.isfinite(found) else None


def _seconds(value: object) -> float | None:
    return _number(seconds(value) if isinstance(value, str) else value)
