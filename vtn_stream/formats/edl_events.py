"""The events of an EDL, of cuts or of Resolve's markers: lines of a number, a reel, tracks, a kind and four times.

Times are timecodes, or plain numbers of frames, as some programs write them. A list that passes midnight goes on with
the next day: where an event stands more than 12 hours before the one above it, it is the day after.
Lines that begin as events and are none are refused, and other lines with a number first are told: no event vanishes.
Locators above the first event belong to it, as some programs write lists of markers.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain

from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, refuse, told
from vtn_stream.formats.timecode import TIMECODE_RATES, Clock, reading_clock

__all__ = ["MARKER_LINE", "EdlEvent", "events_in", "is_edl", "late_start_told", "start_told"]

_TIME = r"(\d{1,2}[:;.,]\d\d[:;.,]\d\d[:;.,]\d{2,3}|\d{1,9})"
_EVENT = re.compile(
    r"(\d{1,9})\s+(\S+(?: \S+)*?)\s+([ABV\d/]+|NONE)\s+([CDK]\w*|W\d*)(?:\s+\d+)?"  # number, reel, channels, kind
    rf"\s+{_TIME}\s+{_TIME}\s+{_TIME}\s+{_TIME}",  # source, record
    re.ASCII | re.IGNORECASE,
)
_MAX_LINE = 400  # characters; no event is longer
_BEGINS_AS_EVENT = re.compile(
    r"\d{3,}(?: {2,}|\t)\S"
    r"|\d+\s+\S+\s+(?:[ABV]+\d*|AA/V|NONE)\s+[CDKW]\w*\s"
    r"|[^*]*?\d\d[:;]\d\d[:;]\d\d[:;]\d\d\s+\d\d[:;]\d\d[:;]\d\d[:;]\d\d",
    re.ASCII,
)
_LOCATOR = re.compile(r"\s*\*\s*LOC:", re.IGNORECASE)
_NUM_TRIED = 1000  # lines, until one is an event
MARKER_LINE = re.compile(r"^(?![ \t]*\*|TITLE:)([^|\n]*)\|C:[ \t]*\w+[ \t]*\|M:", re.ASCII | re.MULTILINE)  # Resolve's


@dataclass(frozen=True, slots=True, kw_only=True)
class EdlEvent:
    """An event line and the lines below it. start, end: frames of the film, by the record times.

    source: its first source frame, counted in the same way; above: of the first event, the locators above it, with
    their lines
    """

    line: int
    number: int
    reel: str
    channels: str
    kind: str
    source: int
    start: int
    end: int
    remarks: list[str] = field(default_factory=list)
    above: list[tuple[int, str]] = field(default_factory=list)

    @property
    def is_transition(self) -> bool:
        """Whether it is a dissolve, wipe or key, into which the event before it may lead."""
        return not self.kind.startswith("C")

    def remarked(self, kind: str) -> Iterator[tuple[int, str]]:
        """The lines below it that begin so, as "FROM CLIP NAME:": (line, the rest)."""
        for line, remark in chain(self.above, enumerate(self.remarks, self.line + 1)):
            text = remark.lstrip("* \t")
            if text[: len(kind)].upper() == kind:
                yield line, text[len(kind) :].strip()


def is_edl(head: str) -> bool:
    """Whether a text begins as an EDL: with events below a title, or with such of timecodes without one."""
    lines = [stripped for line in head.split("\n", _NUM_TRIED)[:_NUM_TRIED] if (stripped := line.strip())]
    titled = any(line.upper().startswith("TITLE:") for line in lines[:3])
    return (titled and any(line.upper().startswith("FCM:") for line in lines[:5])) or any(
        (found := _event(line)) is not None and (titled or not found[5].isdecimal()) for line in lines
    )


def events_in(text: str, name: str, options: ReadingOptions) -> tuple[list[EdlEvent], Clock, tuple[str, ...]]:
    """The events of an EDL, its clock and what was read otherwise than stated. Raises TimelineError."""
    lines = text.split("\n")
    matches = [_event(line.strip()) for line in lines]
    clock, warnings = _clock(lines, matches, options)
    events: list[EdlEvent] = []
    passed: list[int] = []
    long: list[int] = []
    above: list[tuple[int, str]] = []
    titled = False
    for i, (line, match) in enumerate(zip(lines, matches, strict=True), 1):
        titled = titled or line.strip().upper().startswith("TITLE:")
        if match is not None:
            event = _read_event(match, clock, events[-1].end if events else None, name, i)
            if 2 * (event.end - event.start) > clock.day:
                long.append(i)
            if not events:
                event.above.extend(above)
            events.append(event)
            if len(events) > MAX_SEGMENTS:
                refuse(name, f"it has more than {MAX_SEGMENTS} events", line=i)
            continue
        if "|C:" not in line and _BEGINS_AS_EVENT.match(line.strip()[:_MAX_LINE]):
            refuse(name, "an event without reel, track, kind and four timecodes", line=i)
        if re.match(r"\s*\d", line, re.ASCII) and "|C:" not in line:
            passed.append(i)
        if events:
            events[-1].remarks.append(line)
        elif _LOCATOR.match(line):
            above.append((i, line))
    if not events and not titled:
        refuse(name, "it has neither a title nor events")
    warnings += told(
        {
            "line{} with a number and no event not read": passed,
            "locator{} in a list without events not read": [] if events else [i for i, _ in above],
            "event{} of more than 12 hours: check where it ends": long,
        }
    )
    warnings += late_start_told((event.start for event in events), "event", clock, options)
    return events, clock, warnings


def late_start_told(frames: Iterable[int], what: str, clock: Clock, options: ReadingOptions) -> tuple[str, ...]:
    """A warning where the first of these frames stands an hour in or later, and nobody said where the film starts."""
    first = min(frames, default=0)
    if options.start_timecode is not None or (hours := clock.seconds(first) / 3600) < 1:
        return ()
    return (
        f"the first {what} is at {clock.timecode(first)} and no start timecode is given: it is taken as {hours:.3g} "
        "h into the film (--start-timecode)",
    )


def start_told(clock: Clock, options: ReadingOptions) -> str | None:
    """The start timecode as the clock understood it, if one is given."""
    return None if options.start_timecode is None else clock.timecode(0)


def _event(line: str) -> re.Match[str] | None:
    match = _EVENT.fullmatch(line) if len(line) <= _MAX_LINE else None
    return match if match is not None and len({match[i].isdecimal() for i in (5, 6, 7, 8)}) == 1 else None


def _clock(
    lines: list[str], matches: list[re.Match[str] | None], options: ReadingOptions
) -> tuple[Clock, tuple[str, ...]]:
    modes = [line.split(":", 1)[1].strip().upper() for line in map(str.strip, lines) if line[:4].upper() == "FCM:"]
    drop = modes[0].startswith("DROP") if modes else any(m is not None and ";" in m[7][-4:] for m in matches)
    usual = Fraction(30000, 1001) if drop else None  # the file says its mode, not its rate
    return reading_clock(options, rate=options.rate or usual, drop=drop)


def _read_event(match: re.Match[str], clock: Clock, after: int | None, name: str, line: int) -> EdlEvent:
    """after: where the event above ends."""
    try:
        source, start, end = (_frame(clock, match[i]) for i in (5, 7, 8))
    except ValueError as error:
        refuse(name, f"timecode {match[7]} to {match[8]}: {error}", line=line, cure=_cure(match, clock))
    if after is not None and not match[7].isdecimal():
        start += clock.day * max(0, round(Fraction(after - start, clock.day)))
    if end < start:
        if match[8].isdecimal():
            refuse(name, f"the event ends at frame {match[8]}, before it begins", line=line)
        end += clock.day * -((end - start) // clock.day)
    return EdlEvent(
        line=line,
        number=int(match[1]),
        reel=match[2],
        channels=match[3].upper(),
        kind=match[4].upper(),
        source=source,
        start=start,
        end=end,
    )


def _cure(match: re.Match[str], clock: Clock) -> str:
    """What to do about an event with a timecode that does not exist: at another rate it may."""
    last = max(int(re.split("[:;.,]", match[i])[-1]) for i in (5, 6, 7, 8))
    rates = [rate for rate in TIMECODE_RATES if round(rate) > last >= clock.base]
    fitting = [f"{float(rate):.5g}" for rate in rates if round(rate) == round(rates[0])]
    return f"give the rate that it counts at: --rate {' or '.join(fitting)}" if fitting else "fix the file"


def _frame(clock: Clock, time: str) -> int:
    return int(time) - clock.start if time.isdecimal() else clock.frame_at(time)
