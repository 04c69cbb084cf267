"""SoccerNet: Labels-v2.json, {"UrlLocal", "annotations": [{"gameTime": "1 - 12:34", "label", "position": "754000"}]}.

Resolution: milliseconds, in "position", from the start of the half; without it, the seconds of gameTime.
results_spotting.json has "predictions" instead, with "half" and "confidence" as text.

Read: a file of either, or a folder of games, each a folder with Labels-v2.json, at most four deep; else with
Labels-ball.json (ball action spotting), Labels.json or results_spotting.json. Events are instants.
A match is two films, one a half: those that lie beside the file and are called 1_720p.mkv or the like (of several the
first), else 1_224p and 2_224p, as they are published. An id is such a name below the game's folder; of a single file
below UrlLocal, unless films lie beside it. Where UrlLocal is itself a film's path, that is the film, and of a name that
begins with its half (1_720p.mkv) the other half's. In ball action spotting a match is one film, 224p.mp4 or the like
in the game's folder, and "position" counts from its start. Team and visibility are attributes.

Written: one film, half 2 where its name is that of a second half (2.mkv, 2_224p.mkv), else half 1: where a whole match
is in one film, it is not known when its second half begins. Timelines with a score are written as predictions, others
as annotations. Segments that last are written at their start; scoreless ones among predictions are surely true. Loses
ends, attributes other than team and visibility, gaps, curves, provenance, the duration. Escapes: JSON's own. Domain:
instants in whole milliseconds, all with a score or none, labels as annotations have them (no control characters, no
space around them, at most 1000 characters), no attributes but those two; a film's path comes back where it ends as
films do.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from vtn_stream.film import is_film_name
from vtn_stream.formats.annotations.findings import MAX_ENTRIES, Findings
from vtn_stream.formats.annotations.text import json_bytes, line_finder, parsed_json, read_text, seconds
from vtn_stream.formats.annotations.words import At, shown
from vtn_stream.formats.writing import Options, Written, num
from vtn_stream.timeline import Segment, Timeline

__all__ = ["LABELS_V2", "NAME", "claims", "games", "read", "read_games", "write"]

NAME = "SoccerNet JSON"
BALL = "Labels-ball.json"
RESULTS = "results_spotting.json"
LABELS = ("Labels-v2.json", BALL, "Labels.json", RESULTS)  # of a game that has several, the first
LABELS_V2 = (  # of Labels-v2.json; whichever occur, all of them count in SoccerNet's own figures
    "Ball out of play",
    "Clearance",
    "Corner",
    "Direct free-kick",
    "Foul",
    "Goal",
    "Indirect free-kick",
    "Kick-off",
    "Offside",
    "Penalty",
    "Red card",
    "Shots off target",
    "Shots on target",
    "Substitution",
    "Throw-in",
    "Yellow card",
    "Yellow->red card",
)
DEPTH = 4  # league / season / game, and a folder around them
KEPT = ("team", "visibility")
_TIME = re.compile(r"([12]) ?- ?(\d{1,4}):(\d{1,2})", re.ASCII)
_HALF_FILM = re.compile(r"([12])((?:_\w{1,20})?)", re.ASCII)
_WHOLE_FILM = re.compile(r"\d{3,4}p", re.ASCII)
_WHOLE = "224p"  # as it is published


def claims(data: object) -> bool:
    if not isinstance(data, dict):
        return False
    events = data.get("annotations", data.get("predictions"))
    return isinstance(events, list) and (
        "UrlLocal" in data or any(isinstance(event, dict) and "gameTime" in event for event in events)
    )


def games(path: Path) -> list[Path]:
    """The label files of a folder of games, one a game."""
    found = {name: [p for n in range(DEPTH + 1) for p in path.glob("*/" * n + name) if p.is_file()] for name in LABELS}
    of_game = {file.parent: file for name in reversed(LABELS) for file in found[name]}
    return sorted(of_game.values(), key=lambda file: (len(file.parts), file))


def read_games(findings: Findings, path: Path, files: Sequence[Path]) -> None:
    for file in files:
        name = file.relative_to(path).as_posix()
        game = file.parent.relative_to(path).as_posix()
        text = findings.loaded(name, partial(read_text, file))
        if text is None:
            continue
        try:
            data = parsed_json(text, MAX_ENTRIES)
        except ValueError as error:
            findings.problem(At(file=name), f"damaged JSON ({error})")
            continue
        if claims(data):
            read(findings, file, text, data, file=name, game="" if game == "." else game)
        else:
            findings.problem(At(file=name), "it has no list of annotations")


def read(
    findings: Findings, path: Path, text: str, data: dict[str, Any], *, file: str = "", game: str | None = None
) -> None:
    """`file`: how messages call it, if there are several; game: the folder in which its films' ids lie."""
    findings.locate[file] = line_finder(text)
    findings.report_repeated(At(file=file), data)
    key = "annotations" if isinstance(data.get("annotations"), list) else "predictions"
    events = list(_events(findings, At(path=(key,), file=file), data[key]))
    films: dict[str, str] = {}
    halves = _films(path, data.get("UrlLocal"), sorted({half for _, half, _ in events}), game)
    for name in dict.fromkeys(halves.values()):
        if findings.knows(name):
            findings.problem(At(file=file), f"the film {shown(name)} is in another file already")
        elif (kept := findings.film(name, At(line=1, file=file))) is not None:
            films |= {half: kept for half, of_half in halves.items() if of_half == name}
    one_film = len(halves) > len(set(halves.values()))
    for at, half, event in events:
        if half in films and one_film and half != "1" and event.get("position") is None:
            findings.lost(
                films[half], at, "it has no position, and when the second half begins in the film is not known"
            )
        elif half in films:
            attributes = tuple((key, event[key]) for key in KEPT if isinstance(event.get(key), str))
            score = event.get("confidence")
            score = seconds(score) if isinstance(score, str) and ":" not in score else score
            findings.spot(films[half], at, _time_s(event), event.get("label"), attributes, score)


def _events(findings: Findings, at: At, events: list[object]) -> Iterator[tuple[At, str, dict[str, Any]]]:
    """Each event with its place and its half."""
    for i, event in enumerate(events):
        here = at._replace(path=(*at.path, i))
        if not isinstance(event, dict):
            findings.problem(here, f"it is {shown(event)}, not an object")
            continue
        findings.report_repeated(here, event)
        game_time = str(event.get("gameTime", ""))[:100].strip()
        half = str(event["half"])[:10] if "half" in event else game_time[:1]
        if half not in ("1", "2"):
            findings.problem(here, f"its half is {shown(event.get('half', event.get('gameTime')))}, not 1 or 2")
        else:
            yield here, half, event


def _time_s(event: dict[str, Any]) -> object:
    """Seconds of the half, or what stands there in their place."""
    position = event.get("position")
    if position is None:
        game_time = _TIME.fullmatch(str(event.get("gameTime", ""))[:100].strip())
        return int(game_time[2]) * 60 + int(game_time[3]) if game_time else event.get("gameTime")
    ms = seconds(position) if isinstance(position, str) and ":" not in position else position
    return ms / 1000 if isinstance(ms, int | float) and not isinstance(ms, bool) and abs(ms) < 1e300 else ms


def _films(path: Path, url: object, halves: Sequence[str], game: str | None) -> dict[str, str]:
    """The id of the film of each half; where nothing happens in any, of the one that UrlLocal names, else the first."""
    place = url.replace("\\", "/").strip("/") if isinstance(url, str) else ""
    folder, _, last = place.rpartition("/")
    if game is None and is_film_name(last):
        stem, _, suffix = last.rpartition(".")
        match = _HALF_FILM.fullmatch(stem)
        halves = halves or [match[1] if match else "1"]
        names = {half: f"{half}{match[2]}.{suffix}" if match else last for half in halves}
        return {half: f"{folder}/{name}" if folder else name for half, name in names.items()}
    beside, whole = _beside(path.parent), _whole_beside(path.parent)
    if path.name == BALL or (whole and not beside):
        if game is None:
            game = path.absolute().parent.name if whole or not place else place
        return {half: f"{game}/{whole or _WHOLE}" if game else whole or _WHOLE for half in ("1", "2")}
    if game is None:
        game = "" if beside else place
    names = {half: beside.get(half, f"{half}_224p") for half in halves or ["1"]}
    return {half: f"{game}/{name}" if game else name for half, name in names.items()}


def _beside(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in sorted(folder.glob("[12]*.*")):
        if is_film_name(file.name) and (match := _HALF_FILM.fullmatch(file.stem)):
            found.setdefault(match[1], file.stem)
    return found


def _whole_beside(folder: Path) -> str:
    """The name of a whole match's film; empty if there is none."""
    films = (file for file in sorted(folder.glob("*p.*")) if is_film_name(file.name))
    return next((file.name for file in films if _WHOLE_FILM.fullmatch(file.stem)), "")


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    match = _HALF_FILM.fullmatch(Path(timeline.video_path).stem)
    half = match[1] if match else "1"
    scored = any(s.score is not None for s in timeline.segments)
    events = [_event(s, half, scored=scored) for s in timeline.segments]
    content = {"UrlLocal": timeline.video_path, "predictions" if scored else "annotations": events}
    lasting = sum(s.start_s < s.end_s for s in timeline.segments)
    scoreless = sum(s.score is None for s in timeline.segments) if scored else 0
    warnings = []
    if lasting:
        warnings.append(f"{num(lasting, 'segment')} with a length, which spots do not have: written at the start")
    if scoreless:
        warnings.append(f"{num(scoreless, 'segment')} without a score, which predictions need: written with 1")
    return Written(content=json_bytes(content), warnings=tuple(warnings))


def _event(segment: Segment, half: str, *, scored: bool) -> dict[str, str]:
    ms = max(round(segment.start_s * 1000), 0)
    minutes, rest = divmod(ms // 1000, 60)
    event = {"gameTime": f"{half} - {minutes:02d}:{rest:02d}", "label": segment.label, "position": str(ms)}
    event |= {key: segment.attributes[key] for key in KEPT if key in segment.attributes}
    if scored:
        event |= {"half": half, "confidence": repr(1.0 if segment.score is None else segment.score)}
    return event
