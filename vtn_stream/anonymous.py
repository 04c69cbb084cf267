"""Timelines without the name of their film: instead of it they have a random one, and a mark in their provenance.

What is made of such a timeline shows no pictures of the film and no way to it, whatever command makes it.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from vtn_stream.errors import printable
from vtn_stream.film import FILM_SUFFIXES, is_film_name, without_suffix
from vtn_stream.name_table import Names
from vtn_stream.timeline import Segment, Timeline

__all__ = ["ANONYMOUS", "anonymous", "is_anonymous", "labels_that_name", "name_in", "without_name"]

ANONYMOUS = "anonymous"  # in the provenance: true
# A name without suffix is looked for in a text unless it tells nothing: film.mp4 and 1.mp4 are no reason to cut words.
MIN_LENGTH = 3
# What programs call their projects and files stands in quotes, or is a film's: a converted timeline's notes have it.
_NAMES_SOMETHING = re.compile(rf"(?<!\w)['\"]|\.(?:{'|'.join(sorted(FILM_SUFFIXES))})\b", re.IGNORECASE)
OUR_WORDS = frozenset(("film", "movie", "timeline", "video"))


def name_in(names: Names, timeline: Timeline) -> str:
    """The name of a timeline's film in the table; that of an anonymous one stays. Raises InputError."""
    if is_anonymous(timeline) and names.is_name(timeline.video_path):
        return timeline.video_path
    return names.of(timeline.video_identity, timeline.video_path)


def anonymous(timeline: Timeline, name: str) -> Timeline:
    """The timeline of a film of this name. Labels stay, and so do the numbers; other words lose the film's own name.
    Files of a recording are called after it then, by their numbers.
    """
    film = timeline.video_path
    if film == name and is_anonymous(timeline):
        return timeline
    names = [f"{name} part {number}" for number in range(1, len(timeline.parts) + 1)]
    known = [*zip([part.video_path for part in timeline.parts], names, strict=True), (film, name)]
    provenance: dict[str, Any] = {key: value for key, value in timeline.provenance.items() if key != "source"}
    if isinstance(notes := provenance.get("notes"), list):
        told = [_without_names(note, known) for note in notes if isinstance(note, str)]
        provenance["notes"] = [n for n in told if "converted_from" not in provenance or not _NAMES_SOMETHING.search(n)]
    if "selections" in provenance:  # with labels that were renamed because they have the film's name
        provenance["selections"] = _in_json(provenance["selections"], known)

    def called(s: Segment) -> Segment:
        if not s.attributes and s.was is None:
            return s
        attributes = {key: _without_names(value, known, stem=True) for key, value in s.attributes.items()}
        return replace(s, attributes=attributes, was=None if s.was is None else called(s.was))

    return replace(
        timeline,
        video_path=name,
        parts=tuple(replace(part, video_path=own) for part, own in zip(timeline.parts, names, strict=True)),
        segments=tuple(map(called, timeline.segments)),
        rejected=tuple(map(called, timeline.rejected)),
        gaps=tuple(replace(gap, reason=_without_names(gap.reason, known)) for gap in timeline.gaps),
        provenance={**provenance, ANONYMOUS: True},
    )


def is_anonymous(timeline: Timeline) -> bool:
    """Whether its film has a random name; then nothing that is made of it shows pictures, or the way to the film."""
    return timeline.provenance.get(ANONYMOUS) is True


def labels_that_name(timeline: Timeline, film: str) -> list[str]:
    """Labels with the film's name in them, or that of a file of it: nobody but a person can say what they should be
    instead.
    """
    films = [film, *(part.video_path for part in timeline.parts)]
    segments = (*timeline.segments, *timeline.rejected)
    segments = (*segments, *(s.was for s in segments if s.was is not None))
    of_reviewed = (label for span in timeline.reviewed for label in span.labels or ())
    labels = dict.fromkeys((*(s.label for s in segments), *(label for label, _ in timeline.clip_labels), *of_reviewed))
    return [label for label in labels if any(without_name(label, each, "", stem=True) != label for each in films)]


def without_name(text: str, film: str | os.PathLike[str], name: str, *, stem: bool = False) -> str:
    """The text with this name for the film's path and for its file's name. stem: also for that without its suffix, as
    people write it; our own texts never do, and the film may be called film.mp4.
    """
    path = os.fspath(film)
    parts = re.split(r"[/\\]", path)
    words = [parts[-1], *([without_suffix(parts[-1])] if stem else [])]
    words = [
        word for word in words if is_film_name(word) or (len(word) >= MIN_LENGTH and word.lower() not in OUR_WORDS)
    ]
    # An error may have cut the path at a blank that is in it.
    ways = [*words, *("/".join(parts[at:]) for at in range(len(parts) - 1)), *([path] if len(parts) > 1 else [])]
    shown = sorted({*ways, *map(printable, ways)} - {""}, key=len, reverse=True)
    if not shown:
        return text
    return re.sub(rf"(?<!\w)(?:{'|'.join(map(re.escape, shown))})(?!\w)", lambda _: name, text, flags=re.IGNORECASE)


def _without_names(text: str, known: Iterable[tuple[str, str]], *, stem: bool = False) -> str:
    """The text with these names for those films, one after the other."""
    for film, name in known:
        text = without_name(text, film, name, stem=stem)
    return text


def _in_json(value: Any, known: Sequence[tuple[str, str]]) -> Any:
    """The same of every text in a JSON value."""
    if isinstance(value, str):
        return _without_names(value, known, stem=True)
    if isinstance(value, Mapping):
        return {_in_json(key, known): _in_json(of_key, known) for key, of_key in value.items()}
    if isinstance(value, list | tuple):
        return [_in_json(each, known) for each in value]
    return value
