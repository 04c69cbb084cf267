"""The locators of an EDL: lines "* LOC: TIME COLOUR TEXT" below an event. Instants, with a colour; Avid's markers.

They count as the record side does, or as the source where they fit that alone. A colour fills eight columns.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from vtn_stream.formats.edl_events import EdlEvent
from vtn_stream.formats.timecode import Clock
from vtn_stream.timeline import Segment, Timeline

__all__ = ["COLOURS", "Locator", "colours_of", "count_as_source", "holds_film_alone", "locators_of", "mark", "placed"]

# Avid's; the first eight are in all its versions.
COLOURS = (
    "RED", "GREEN", "BLUE", "CYAN", "MAGENTA", "YELLOW", "BLACK", "WHITE",
    "PINK", "FOREST", "DENIM", "VIOLET", "PURPLE", "ORANGE", "GREY", "GOLD",
)  # fmt: skip
NUM_OLD = 8
COLOUR = "colour"  # the attribute

_TITLE = re.compile(r"^[ \t]*TITLE:(.*)$", re.MULTILINE | re.IGNORECASE)
_CLIP = re.compile(r"^[ \t]*\*[ \t]*FROM CLIP NAME:(.*)$", re.MULTILINE | re.IGNORECASE)
_LOCATOR = re.compile(r"^[ \t]*\*[ \t]*LOC:", re.MULTILINE | re.IGNORECASE)
_COMMENT = re.compile(r"^[ \t]*\*[ \t]*COMMENT:", re.MULTILINE | re.IGNORECASE)
_NUMBERED = re.compile(r"^[ \t]*\d", re.MULTILINE)


class Locator(NamedTuple):
    """frame: by its timecode, of the record side or of the source, until it is placed; None: it has none."""

    frame: int | None
    text: str
    colour: str


def colours_of(timeline: Timeline) -> list[str]:
    """A colour for each segment: its own, if it has one of Avid's, else its label's, by their order."""
    by_label = {label: COLOURS[i % NUM_OLD] for i, label in enumerate(timeline.labels)}
    own = [s.attributes.get(COLOUR, "").upper() for s in timeline.segments]
    return [
        colour if colour in COLOURS else by_label[s.label] for colour, s in zip(own, timeline.segments, strict=True)
    ]


def holds_film_alone(head: str) -> bool:
    """Whether the one event of a list is called as the list itself, and has locators: then it is the film."""
    titles, clips = _TITLE.findall(head), _CLIP.findall(head)
    return (
        len(titles) == len(clips) == 1
        and titles[0].strip() == clips[0].strip() != ""
        and len(_NUMBERED.findall(head)) == 1
        and _LOCATOR.search(head) is not None
        and _COMMENT.search(head) is None
    )


def locators_of(event: EdlEvent, clock: Clock, doubtful: list[int]) -> list[Locator]:
    """The locators below an event; the lines of those without a place are added to `doubtful`."""
    found = []
    for line, text in event.remarked("LOC:"):
        time, _, rest = text.replace("\t", "  ").partition(" ")
        if not re.match(r"\d.*[:;]", time, re.ASCII):
            time, rest = "", text
        try:
            at = clock.frame_at(time) if time else None
        except ValueError:
            doubtful.append(line)
            continue
        colour, gap, named = rest.strip().partition(" ")
        # A colour fills eight columns: RED CARD is a text.
        if colour.upper() in COLOURS and (not named or named.startswith(" ") or len(colour) == 7):
            found.append(Locator(at, named.strip(), colour.upper()))
        else:
            found.append(Locator(at, colour + gap + named, ""))
    return found


def count_as_source(events: Sequence[EdlEvent], written: Sequence[Sequence[Locator]], clock: Clock) -> bool:
    """Whether the locators of a list count as the source does: those of OpenTimelineIO do, those of Avid do not."""
    sides = [
        (
            _into(at, event.start, clock) <= event.end - event.start,
            _into(at, event.source, clock) <= event.end - event.start,
        )
        for event, locators in zip(events, written, strict=True)
        for at, _, _ in locators
        if at is not None
    ]
    return not all(by_record for by_record, _ in sides) and all(by_source for _, by_source in sides)


def placed(locator: Locator, event: EdlEvent, clock: Clock, *, by_source: bool) -> Locator:
    if locator.frame is None:
        return locator._replace(frame=event.start)
    if by_source:
        return locator._replace(frame=event.start + _into(locator.frame, event.source, clock))
    days = round(Fraction(event.start - locator.frame, clock.day))  # a list may have passed midnight
    return locator._replace(frame=locator.frame + clock.day * days)


def _into(frame: int, start: int, clock: Clock) -> int:
    return (frame - start) % clock.day


def mark(locator: Locator, clock: Clock) -> Segment:
    """An instant. One without a text is called by its colour."""
    at_s = clock.seconds(locator.frame or 0)
    attributes = {COLOUR: locator.colour} if locator.colour else {}
    return Segment(start_s=at_s, end_s=at_s, label=locator.text or locator.colour, attributes=attributes)
