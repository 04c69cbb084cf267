"""The timeline of a film that nobody analyzed: empty, for people to fill in a page, with the labels that they will use.

No file holds it: it is in the page alone, until somebody saves what they say there.
"""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from vtn_stream.errors import InputError, TimelineError, listed
from vtn_stream.film import VideoInfo, one_form, shareable_name
from vtn_stream.film_notices import notices
from vtn_stream.formats import timeline_json
from vtn_stream.formats.timeline_json import ANNOTATION
from vtn_stream.report.html import is_document
from vtn_stream.timeline import Timeline
from vtn_stream.version import __version__

__all__ = ["asked_labels", "blank_in_page", "blank_timeline", "checked_labels", "is_blank"]

NOTE = "Nobody analyzed this film: what is in this timeline was said by people."
MAX_LABELS = 1_000
MAX_CHARACTERS = 200  # of a label, as in the page
HEAD_BYTES = 2 * 1024 * 1024  # of a page, in which its timeline begins: a blank one is short, pictures come after it
# As `report.page` writes a page in which nothing is said; within a text of it " is \".
_NO_SEGMENT = b'"segments":{"labels":[],'
_REST = re.compile(rb'"reviewed":\[\],"rejected":\[\],"rest":("(?:[^"\\]|\\.)*+")')
_NO_LINE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def blank_timeline(video: VideoInfo, labels: Sequence[str] = ()) -> Timeline:
    """Nothing is said of the film yet. labels: those that people will use, in this order."""
    return Timeline(
        video_identity=video.identity,
        video_path=shareable_name(video.path.name),
        duration_s=video.duration_s,
        span_s=(0.0, video.duration_s),
        nominal_rate=video.nominal_rate,
        variable_rate=video.variable_rate,
        start_timecode=video.start_timecode,
        provenance={
            "vtn_stream": __version__,
            ANNOTATION: {"labels": list(labels)},
            "notes": [NOTE, *notices(video)],
        },
    )


def is_blank(timeline: Timeline) -> bool:
    """Whether it began as a blank one, whatever people said in it since."""
    return isinstance(timeline.provenance.get(ANNOTATION), dict)


def asked_labels(timeline: Timeline) -> tuple[str, ...]:
    """The labels that people want to use in it, whether or not there is a segment of them. A stranger's may be any."""
    annotation = timeline.provenance.get(ANNOTATION)
    labels = annotation.get("labels") if isinstance(annotation, dict) else None
    return tuple(label for label in labels if isinstance(label, str))[:MAX_LABELS] if isinstance(labels, list) else ()


def blank_in_page(page: Path) -> Timeline | None:
    """The blank timeline that a page of ours was made of; None if it is another file, or something is said in it."""
    try:
        with open(page, "rb") as file:
            head = file.read(HEAD_BYTES)
        found = _REST.search(head) if is_document(head) and _NO_SEGMENT in head else None
        timeline = timeline_json.loads(json.loads(found[1]).encode()) if found else None
    except (OSError, ValueError, TimelineError):
        return None
    return timeline if timeline is not None and is_blank(timeline) else None


def checked_labels(labels: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels as they are used, each once, and those that were given twice. Raises InputError for what is none."""
    kept: dict[str, str] = {}  # as they are told apart -> as they are used
    twice = []
    for given in labels:
        label = one_form(given).strip()
        if not label or _NO_LINE.search(label) or len(label) > MAX_CHARACTERS:
            raise InputError(
                f"{listed([given])} is not a label" if given.strip() else "a label has no text",
                "no page was written",
                f"a label is one line of 1 to {MAX_CHARACTERS} characters",
            )
        if label.casefold() in kept:
            twice.append(label)
        else:
            kept[label.casefold()] = label
    if len(kept) > MAX_LABELS:
        raise InputError(f"{len(kept)} labels are too many", "no page was written", f"give at most {MAX_LABELS}")
    return tuple(kept.values()), tuple(twice)
