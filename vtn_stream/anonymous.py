"""Timelines without the name of their film: instead of it they have a random one, and a mark in their provenance.

What is made of such a timeline shows no pictures of the film and no way to it, whatever command makes it.
"""

import os
import re
from dataclasses import replace
from typing import Any

from vtn_stream.errors import printable
from vtn_stream.film import is_film_name, without_suffix
from vtn_stream.name_table import Names
from vtn_stream.timeline import Segment, Timeline

__all__ = ["ANONYMOUS", "anonymous", "is_anonymous", "labels_that_name", "name_in", "without_name"]

ANONYMOUS = "anonymous"  # in the provenance: true
# A name without suffix is looked for in a text unless it tells nothing: film.mp4 and 1.mp4 are no reason to cut words.
MIN_LENGTH = 3
OUR_WORDS = frozenset(("film", "movie", "timeline", "video"))


def name_in(names: Names, timeline: Timeline) -> str:
    """The name of a timeline's film in the table; that of an anonymous one stays. Raises InputError."""
    if is_anonymous(timeline) and names.is_name(timeline.video_path):
        return timeline.video_path
    return names.of(timeline.video_identity, timeline.video_path)


def anonymous(timeline: Timeline, name: str) -> Timeline:
    """The timeline of a film of this name. Labels stay, and so do the numbers; other words lose the film's own name."""
    film = timeline.video_path
    if film == name and is_anonymous(timeline):
        return timeline
    provenance: dict[str, Any] = {key: value for key, value in timeline.provenance.items() if key != "source"}
    if isinstance(notes := provenance.get("notes"), list):
        provenance["notes"] = [without_name(n, film, name) if isinstance(n, str) else n for n in notes]

    def told(s: Segment) -> Segment:
        if not s.attributes and s.was is None:
            return s
        attributes = {key: without_name(value, film, name, stem=True) for key, value in s.attributes.items()}
        return replace(s, attributes=attributes, was=None if s.was is None else told(s.was))

    return replace(
        timeline,
        video_path=name,
        segments=tuple(map(told, timeline.segments)),
        rejected=tuple(map(told, timeline.rejected)),
        gaps=tuple(replace(gap, reason=without_name(gap.reason, film, name)) for gap in timeline.gaps),
        provenance={**provenance, ANONYMOUS: True},
    )


def is_anonymous(timeline: Timeline) -> bool:
    """Whether its film has a random name; then nothing that is made of it shows pictures, or the way to the film."""
    return timeline.provenance.get(ANONYMOUS) is True


def labels_that_name(timeline: Timeline, film: str) -> list[str]:
    """Labels with the film's name in them: nobody but a person can say what they should be instead."""
    labels = dict.fromkeys((*timeline.labels, *(label for label, _ in timeline.clip_labels)))
    return [label for label in labels if without_name(label, film, "", stem=True) != label]


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
