"""Where the clips and markers of an FCPXML stand in their sequence.

A clip has a time of its own, which begins with its `start` where the clip stands, at its `offset` in the time of what
is around it. What it contains and its markers are shown while it is; what is connected to it, on a lane, on its own. Of
an audition the first is picked. What is switched off, not picked or not shown is left out, and `warnings` has it.

A sequence begins with its first clip. Some programs write the camera's timecode for the place in the sequence, or count
from 0 in a sequence that begins at 01:00:00:00: their first clip stands before the sequence, or is so far in that what
follows does not fit (if the length is not stated, an hour). It is then taken as the beginning, with a warning.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from vtn_stream.formats.reading import MAX_SEGMENTS, told

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["Placed", "Story", "marks_outside", "seconds_of"]

_TIME = re.compile(r"(-?\d{1,20}(?:\.\d{1,20})?)(?:/(\d{1,20}))?s", re.ASCII)
_CLIPS = {"asset-clip", "clip", "ref-clip", "sync-clip", "mc-clip", "video", "audio", "title", "gap", "caption"}
_CONTAINERS = {"library", "event", "project", "sequence"}
_MARKS = {"marker", "chapter-marker", "keyword"}
_UNREAD = {"rating", "analysis-marker"}
_FAR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A clip or marker, in seconds of its sequence."""

    element: "Element"
    label: str
    start: Fraction
    end: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where in the sequence an element's own time 0 is, and in which part of the sequence it is shown.

    around: the place of what the element is in, where things that are connected to the element are shown
    """

    zero: Fraction
    low: Fraction = Fraction(0)
    high: Fraction | None = None
    is_off: bool = False
    is_warped: bool = False
    around: "_Place | None" = None

    @property
    def connected(self) -> "_Place":
        return self if self.around is None else replace(self.around, zero=self.zero)


class Story:
    """The markers and clips below an element: a sequence, or a file without one.

    markers  markers, chapter markers and keywords of all clips
    clips    those with a picture in the storylines, and what is connected to these
    """

    def __init__(self, root: "Element", below: "Element") -> None:
        """root: the file's, for its resources. Raises ValueError for a time that is none, and for too many clips."""
        self.markers: list[Placed] = []
        self.clips: list[Placed] = []
        self._unread = defaultdict[str, list[str]](list)
        self._shifts: list[str] = []
        self._assets = {asset.get("id"): asset for asset in root.iterfind("resources/asset")}
        media = root.iterfind("resources/media")
        self._marked_media = {each.get("id") for each in media if any(part.tag in _MARKS for part in each.iter())}
        # A list of what to visit: files nest as deep as they like.
        waiting = [(below, _Place(zero=Fraction(0)))]
        while waiting:
            waiting += self._visit(*waiting.pop())
            if len(self.markers) + len(self.clips) > MAX_SEGMENTS:
                raise ValueError(f"it has more than {MAX_SEGMENTS} markers and clips")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was left out, and what is doubtful."""
        return (*self._shifts, *told(self._unread))

    def _visit(self, parent: "Element", place: _Place) -> Iterator[tuple["Element", _Place]]:
        """Adds what stands in an element. What is to be visited below it, each with its place."""
        if parent.tag == "sequence":
            place = replace(place, zero=self._beginning(parent))
        next_start = max(place.zero, Fraction(0))
        for outer in parent:
            child = outer if outer.tag != "audition" else self._picked(outer)
            if child.tag in _CLIPS:
                is_connected = parent.tag in _CLIPS and (child.get("lane") or outer.get("lane") or "0") != "0"
                around = place.connected if is_connected else place
                says = child if child.get("offset") is not None else outer
                is_next = parent.tag == "spine" and says.get("offset") is None
                start = next_start if is_next else place.zero + seconds_of(says, "offset")
                lasts = self._length(child)
                end = None if lasts is None else start + lasts
                inside = self._inside(child, start, end, around)
                if is_connected or parent.tag == "spine":
                    self._add_clip(child, start, end, inside)
                yield child, inside
                next_start = start if end is None else end
            elif child.tag == "spine":
                around = place.connected if child.get("lane") else place
                yield child, replace(around, zero=place.zero + seconds_of(child, "offset"))
            elif child.tag in _CONTAINERS:
                yield child, place
            elif child.tag in _MARKS:
                self._add_marker(child, place)
            elif child.tag in _UNREAD:
                self._unread[child.tag + "{} not read"].append(child.get("value") or "")
            elif child.tag == "transition":
                marks = [mark.get("value") or "" for mark in child if mark.tag in _MARKS]
                self._unread["marker{} of a transition not read"] += marks

    def _beginning(self, sequence: "Element") -> Fraction:
        """Where the time 0 of a sequence is, seen from its first frame."""
        zero = -seconds_of(sequence, "tcStart")
        clips = [at for at in sequence.iterfind("spine/*") if at.tag in _CLIPS or at.tag == "audition"]
        first = next((at for at in clips if at.tag in _CLIPS or len(at)), None)
        if first is not None and first.get("offset") is None and first.tag == "audition":
            first = first[0]
        if first is None or first.get("offset") is None:
            return zero
        stands = zero + seconds_of(first, "offset")
        length = seconds_of(sequence, "duration")
        content = sum((self._length(at) or Fraction(0) for at in clips), Fraction(0))
        is_late = stands + content > length + 1 if length else stands >= _FAR_S
        if stands < 0 or (stands > 0 and is_late):
            self._shifts.append(
                f"the first clip is {float(stands):.6g} s from the beginning of its sequence, where it cannot be: "
                "it is taken as the beginning"
            )
            return zero - stands
        return zero

    def _picked(self, audition: "Element") -> "Element":
        for other in audition[1:]:
            self._unread["alternative{} of an audition not picked, not read"].append(other.get("name") or "")
        return audition[0] if len(audition) else audition

    def _length(self, clip: "Element") -> Fraction | None:
        """How long a clip lasts: else its asset, or of an audition the first."""
        if clip.tag == "audition" and len(clip):
            clip = clip[0]
        for says in (clip, self._assets.get(clip.get("ref"))):
            if says is not None and says.get("duration") is not None:
                return seconds_of(says, "duration")
        return None

    def _inside(self, clip: "Element", start: Fraction, end: Fraction | None, around: _Place) -> _Place:
        begins = seconds_of(clip, "start")
        asset = self._assets.get(clip.get("ref"))
        if clip.get("start") is None and asset is not None:
            # Its time is said to begin with 0 then; but some mean the asset's.
            marked = [seconds_of(mark, "start") for mark in clip if mark.tag in _MARKS and mark.get("start")]
            asset_begins = seconds_of(asset, "start")
            begins = asset_begins if marked and min(marked) >= asset_begins else begins
        bounds = [bound for bound in (end, around.high) if bound is not None]
        if clip.get("ref") in self._marked_media:
            self._unread["compound or multicam clip{} with markers inside, which are not read"].append(_name(clip))
        return _Place(
            zero=start - begins,
            low=max(around.low, start),
            high=min(bounds, default=None),
            is_off=around.is_off or clip.get("enabled") == "0",
            is_warped=around.is_warped or clip.find("timeMap") is not None,
            around=around,
        )

    def _add_clip(self, clip: "Element", start: Fraction, end: Fraction | None, inside: _Place) -> None:
        asset = self._assets.get(clip.get("ref"))
        is_sound = asset is not None and asset.get("hasAudio") == "1" and asset.get("hasVideo") != "1"
        if clip.tag in ("gap", "audio"):  # nothing, and what belongs to a picture
            return
        if inside.is_off:
            self._unread["clip{} switched off, not read"].append(_name(clip))
        elif is_sound or clip.get("srcEnable") == "audio":
            self._unread["clip{} of sound not read"].append(_name(clip))
        elif end is None:
            self._unread["clip{} without a duration not read"].append(_name(clip))
        else:
            self.clips.append(Placed(element=clip, label=_name(clip), start=start, end=max(start, end)))

    def _add_marker(self, mark: "Element", place: _Place) -> None:
        start = place.low if mark.get("start") is None else place.zero + seconds_of(mark, "start")
        end = start + max(Fraction(0), seconds_of(mark, "duration"))
        if mark.tag == "keyword" and mark.get("duration") is None and place.high is not None:
            end = place.high
        start, end = max(start, place.low), end if place.high is None else min(end, place.high)
        value = mark.get("value") or ""
        labels = [label.strip() for label in value.split(",")] if mark.tag == "keyword" else [value]
        if place.is_off:
            self._unread[mark.tag + "{} of a clip switched off, not read"] += labels
        elif start > end:
            self._unread[mark.tag + "{} outside what its clip shows, not read"] += labels
        else:
            self.markers += [Placed(element=mark, label=label, start=start, end=end) for label in labels]
            if place.is_warped:
                self._unread[mark.tag + "{} where the speed is changed, read as if it were not"] += labels


def marks_outside(root: "Element", tag: str) -> list[str]:
    """The markers and keywords of clips that are not below any element of this kind, by their values."""
    waiting, found = [root], list[str]()
    while waiting:
        element = waiting.pop()
        if element.tag in _MARKS:
            found.append(element.get("value") or "")
        elif element.tag not in (tag, "resources"):
            waiting += reversed(element)
    return found


def seconds_of(element: "Element", name: str) -> Fraction:
    """A time in seconds; 0 if it is not stated."""
    text = element.get(name)
    if text is None:
        return Fraction(0)
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{element.tag} {name} is not a time")
    return Fraction(match[1]) / int(match[2] or 1)


def _name(clip: "Element") -> str:
    return clip.get("name") or ""
