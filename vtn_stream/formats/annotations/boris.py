"""BORIS projects (.boris, .boris.gz): JSON with an ethogram, subjects, and observations of films with their events.

    {"project_format_version": "7.0", "behaviors_conf": {"0": {"type": "State event", "code": "walk", ...}},
     "observations": {"first": {"type": "MEDIA", "file": {"1": ["hen.mp4"]}, "time offset": 0.0,
                                "media_info": {"length": {"hen.mp4": 60.0}, "fps": {"hen.mp4": 25.0}},
                                "events": [[12.5, "hen 1", "walk", "fast", "", 312]]}}}

An event is [time, subject, code, modifier, comment, frame or image, image path], in old versions without the last ones.
A point event is an instant; the events of a state are its start and its stop in turn, for each subject, code and
modifier. Two of one time, which BORIS itself does not write, are an instant. Times count over the films of the first
player; the observation's "time offset" was added to them, and so was the date of a film where the observation says so:
both are taken off. Offsets of players move the other players only. A film is called by its file's name. Of several in
different folders with one name the relative path counts, where all are relative. Subject, modifier (several joined by
|), comment and comment_stop are attributes.

Versions 1 to 7, and files older than the first version number (media as a list, subjects as [key, name]). Resolution:
milliseconds. Loses frames and images of events, independent variables, categories, colours, keys and descriptions, and
behaviors and subjects without events; a warning says so. Labels in the order of the ethogram. Traps: an observation of
another person on the same film is not more of the same: where a film has several, one must be chosen; live observations
have no film, and are called by their ids. It is written by `boris_writer`.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from vtn_stream.errors import listed
from vtn_stream.formats.annotations.boris_events import Kind
from vtn_stream.formats.annotations.boris_films import last_part
from vtn_stream.formats.annotations.boris_observations import given_observation, read_observation
from vtn_stream.formats.annotations.boris_writer import write
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.text import line_finder
from vtn_stream.formats.annotations.words import At, id_fault, shown
from vtn_stream.formats.writing import num

__all__ = ["NAME", "chosen", "claims", "read", "write"]

NAME = "BORIS project"
LAST_VERSION = 7
# Parts of a project that are not read, by their keys.
_UNREAD = {
    "independent_variables": "independent variables",
    "behavioral_categories": "behavioral categories",
    "coding_map": "coding maps",
    "behaviors_coding_map": "behaviors coding maps",
    "converters": "converters",
}


def claims(data: object) -> bool:
    return isinstance(data, dict) and "observations" in data and ("behaviors_conf" in data or "subjects_conf" in data)


def chosen(findings: Findings, data: Mapping[str, Any]) -> dict[str, Any]:
    """The observations that the caller asked for."""
    entries = data["observations"]
    given = entries.items() if isinstance(entries, dict) else ()
    return {name: entry for name, entry in given if findings.coding.reads(name)}


def read(findings: Findings, text: str, data: Mapping[str, Any]) -> None:
    if "\n" in text:  # BORIS writes one line, which would say nothing
        findings.locate[""] = line_finder(text)
    at = At(path=("observations",))
    findings.report_repeated(At(), data)
    _check_version(findings, data.get("project_format_version"))
    entries = data["observations"]
    if not isinstance(entries, dict):
        raise Unreadable(at, f"its observations are {shown(entries)}, not an object")
    findings.report_repeated(at, entries)
    if not entries:
        raise Unreadable(at, "the project holds no observation", "code a film in BORIS, and save the project")
    asked_for = chosen(findings, data)
    if not asked_for:
        asked = listed(map(shown, findings.coding.observations))
        raise Unreadable(at, f"no observation is called {asked}", f"name one of these: {listed(entries, 10)}")
    behaviors = _behaviors(findings, data.get("behaviors_conf"))
    given = [
        found for name, entry in asked_for.items() if (found := given_observation(findings, name, entry)) is not None
    ]
    ids = _film_ids(path for observation in given for path in observation.paths)
    observations_of = defaultdict[str, list[str]](list)
    for observation in given:
        for film in dict.fromkeys(ids[path] for path in observation.paths):
            observations_of[film].append(observation.name)
    used = set[str]()
    for observation in given:
        used |= read_observation(findings, observation, behaviors, ids, observations_of)
    findings.labels = [code.strip() for code in behaviors if code in used]
    _tell_unread(findings, data, behaviors.keys() - used)


def _check_version(findings: Findings, version: object) -> None:
    major = re.match(r"\d{1,4}", version) if isinstance(version, str) else None
    if major and int(major[0]) > LAST_VERSION:
        text = f"its version is {shown(version)}, newer than {LAST_VERSION}.0: what is new in it is not read"
        findings.warn(At(path=("project_format_version",)), text)


def _behaviors(findings: Findings, given: object) -> dict[str, Kind | None]:
    """How the events of each code of the ethogram are meant; None where its type is not known."""
    behaviors: dict[str, Kind | None] = {}
    entries = given.items() if isinstance(given, dict) else enumerate(given) if isinstance(given, list) else ()
    for i, entry in entries:
        at = At(path=("behaviors_conf", i))
        if not isinstance(entry, dict) or not isinstance(entry.get("code"), str):
            findings.problem(at, "it is not a behavior: it has no code")
            continue
        findings.report_repeated(at, entry)
        kind = str(entry.get("type", "")).lower()
        meant: Kind | None = "STATE" if "state" in kind else "POINT" if "point" in kind else None
        if behaviors.setdefault(entry["code"], meant) != meant:
            findings.problem(at, f"{shown(entry['code'])} stands in the ethogram already, with another type")
    return behaviors


def _film_ids(paths: Iterable[str]) -> dict[str, str]:
    """The id of the film that each path leads to: its name; where several have one, relative paths stay whole."""
    by_name = defaultdict[str, dict[str, None]](dict)
    for path in paths:
        by_name[last_part(path)][path] = None
    ids = dict[str, str]()
    for name, same in by_name.items():
        whole = {path: str(PurePosixPath(path.replace("\\", "/"))) for path in same}
        are_relative = not any(id_fault(path) for path in whole.values())
        ids |= whole if len(same) > 1 and are_relative else dict.fromkeys(same, name)
    return ids


def _tell_unread(findings: Findings, data: Mapping[str, Any], idle: Collection[str]) -> None:
    """One warning on what the project holds beside coded events."""
    unread = [num(len(idle), "behavior") + " without events"] if idle else []
    unread += [name for key, name in _UNREAD.items() if data.get(key)]
    if unread:
        findings.warn(At(), f"not read: {listed(unread, len(unread))}")
