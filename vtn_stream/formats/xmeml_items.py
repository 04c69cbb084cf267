"""The markers and clips of a sequence of xmeml, each where the sequence shows it.

A sequence counts frames at its own rate, and a clip may have another: its in, its out and its markers are then counted
at that, as Final Cut Pro 7 did it and OpenTimelineIO reads it. Not all editors do so, which a warning says. The clips
of audio tracks belong to those with a picture: a marker that stands on both is read once. What is switched off or not
shown is left out, and `warnings` has it.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from vtn_stream.formats.reading import told

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["Placed", "SequenceItems", "number_of", "rate_of"]

_CLIPS = ("clipitem", "generatoritem")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A marker or clip, in seconds of its sequence."""

    element: "Element"
    start: Fraction
    end: Fraction

    @property
    def name(self) -> str:
        return self.element.findtext("name") or ""


class SequenceItems:
    """markers: of the sequence and of its clips; clips: those with a picture; heard: the names of those without."""

    def __init__(self, sequence: "Element", rate: Fraction) -> None:
        """rate: of the sequence. Raises ValueError for numbers that are none."""
        self.markers: list[Placed] = []
        self.clips: list[Placed] = []
        self.heard: list[str] = []
        self._rate = rate
        self._unread = defaultdict[str, list[str]](list)
        self._seen: set[tuple[str, Fraction, Fraction]] = set()
        for marker in sequence.iterfind("marker"):
            start, end = _bounds(marker, rate)
            self.markers.append(Placed(element=marker, start=start, end=end))
        for kind in ("video", "audio"):
            for track in sequence.iterfind(f"media/{kind}/track"):
                for clip in track:
                    if clip.tag in _CLIPS:
                        self._visit(clip, is_off=_is_off(track) or _is_off(clip), is_audio=kind == "audio")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was left out, and what is doubtful."""
        return told(self._unread)

    def _visit(self, clip: "Element", *, is_off: bool, is_audio: bool) -> None:
        own_rate = rate_of(clip, like=self._rate) or self._rate
        start, end = self._place(clip, own_rate)
        placed = Placed(element=clip, start=start, end=end)
        if is_audio:
            self.heard.append(placed.name)
        elif is_off:
            self._unread["clip{} switched off, not read"].append(placed.name)
        else:
            self.clips.append(placed)
        zero = start - (number_of(clip, "in") or 0) / own_rate
        for marker in clip.iterfind("marker"):
            first, last = (zero + bound for bound in _bounds(marker, own_rate))
            name = marker.findtext("name") or ""
            if is_audio and (name, first, last) in self._seen:
                continue
            self._seen.add((name, first, last))
            if is_off:
                self._unread["marker{} of a clip switched off, not read"].append(name)
            elif first >= end or last < start:
                self._unread["marker{} outside what its clip shows, not read"].append(name)
            else:
                self.markers.append(Placed(element=marker, start=max(first, start), end=min(last, end)))
                if own_rate != self._rate:
                    self._unread["marker{} counted at the rate of a clip, where editors disagree"].append(name)
                if _is_retimed(clip):
                    self._unread["marker{} where the speed is changed, read as if it were not"].append(name)
        if not is_audio and sum(1 for _ in clip.iter("marker")) > len(clip.findall("marker")):
            self._unread["clip{} with markers in a nested sequence or multiclip, which are not read"].append(
                placed.name
            )

    def _place(self, clip: "Element", own_rate: Fraction) -> tuple[Fraction, Fraction]:
        """The place of a clip in the sequence; -1 means that a transition overlaps that end."""
        start, end = (number_of(clip, tag) for tag in ("start", "end"))
        lasts = max(0, (number_of(clip, "out") or 0) - (number_of(clip, "in") or 0)) / own_rate
        until = None if end is None or end < 0 else end / self._rate
        begins = max(Fraction(0), (until or 0) - lasts) if start is None or start < 0 else start / self._rate
        return begins, begins + lasts if until is None or until < begins else until


def rate_of(element: "Element", *, like: Fraction | None = None) -> Fraction | None:
    """The rate that an element states. like: that of what it is in, whose 1000/1001 holds where it says nothing."""
    base = number_of(element, "rate/timebase")
    if base is None:
        return None
    if not 0 < base <= 1_000_000:
        raise ValueError(f"a timebase of {base} frames a second")
    ntsc = (element.findtext("rate/ntsc") or "").strip().upper()
    if not ntsc and like is not None and round(like) == base:
        return like
    return Fraction(base * 1000, 1001) if ntsc == "TRUE" else Fraction(base)


def number_of(element: "Element", path: str) -> int | None:
    text = element.findtext(path)
    if text is None:
        return None
    if not re.fullmatch(r"\s*-?\d{1,18}\s*", text, re.ASCII):
        raise ValueError(f"<{path}> is not a number")
    return int(text)


def _bounds(marker: "Element", rate: Fraction) -> tuple[Fraction, Fraction]:
    first, end = number_of(marker, "in"), number_of(marker, "out")
    if first is None:
        raise ValueError("a marker without <in>")
    return first / rate, (first if end is None else max(first, end)) / rate


def _is_off(element: "Element") -> bool:
    return (element.findtext("enabled") or "").strip().upper() == "FALSE"


def _is_retimed(clip: "Element") -> bool:
    for effect in clip.iterfind("filter/effect"):
        if (effect.findtext("effectid") or "").strip() == "timeremap":
            values = {
                parameter.findtext("parameterid"): (parameter.findtext("value") or "").strip().upper()
                for parameter in effect.iterfind("parameter")
            }
            is_even = values.get("reverse") not in ("TRUE", "1") and values.get("variablespeed") not in ("TRUE", "1")
            return not (is_even and re.fullmatch(r"100(\.0*)?", values.get("speed", "")))
    return False
