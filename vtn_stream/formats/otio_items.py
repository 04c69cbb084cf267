"""The clips and markers of an OpenTimelineIO file, each in the time of its whole timeline.

Nested stacks and tracks stand where they are shown, cut to what is shown of them. What an editor switched off takes its
time and is not shown. Sound repeats the picture that it belongs to: where there are clips with a picture, those of
audio tracks are left out, and so are markers that stand on both.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any
from urllib.parse import unquote

from vtn_stream.formats.reading import MAX_SEGMENTS, told
from vtn_stream.formats.writing import exact_rate

__all__ = ["Item", "ItemsInTime", "number", "object_of", "own_metadata", "rate_of", "schema_of", "seconds_of"]

OWN = "vtn_stream"
_SOUND = 8000  # a second and more: samples, not frames
_TIME_EFFECTS = {"LinearTimeWarp", "FreezeFrame", "TimeEffect"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A clip or marker in the time of the whole timeline, seconds."""

    label: str
    start: Fraction
    end: Fraction
    own: dict[str, Any]
    is_marker: bool = False
    is_audio: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What holds for all that is inside an item. low, high: the part of the timeline in which it is shown."""

    low: Fraction = Fraction(0)
    high: Fraction | None = None
    track: str = ""
    is_audio: bool = False
    is_off: bool = False
    is_warped: bool = False

    def inside(self, item: dict[str, Any], start: Fraction, end: Fraction | None) -> "_Around":
        """What holds inside an item that is shown from start to end, None: as long as what is in it."""
        bounds = [bound for bound in (end, self.high) if bound is not None]
        effects = [object_of(effect) for effect in item.get("effects") or ()]
        warps = [e for e in effects if schema_of(e) in _TIME_EFFECTS and e.get("time_scalar") != 1 and not _is_off(e)]
        return _Around(
            low=self.low if end is None else max(self.low, start),
            high=min(bounds, default=None),
            track=str(item.get("name") or "") if schema_of(item) == "Track" else self.track,
            is_audio=self.is_audio or item.get("kind") == "Audio",
            is_off=self.is_off or _is_off(item),
            is_warped=self.is_warped or bool(warps),
        )


@dataclass(slots=True, kw_only=True)
class ItemsInTime:
    """The items of a timeline. rate: of its first source range in frames; film: of its first clip."""

    rate: Fraction | None = None
    film: str | None = None
    _found: list[Item] = field(default_factory=list)
    _untold: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, tracks: Any, start: Fraction) -> "ItemsInTime":
        """start: the start timecode, seconds, from which some programs count the markers of the whole.

        Raises LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError where damaged.
        """
        items = cls()
        length = items._visit(object_of(tracks), Fraction(0), _Around())
        for i, item in enumerate(items._found):
            if not item.is_marker or item.start <= length:
                continue
            if start > 0 and 0 <= item.start - start <= length:
                items._found[i] = replace(item, start=item.start - start, end=item.end - start)
                items._untold["marker{} counted from the start timecode, which was taken off"].append(item.label)
            else:
                items._untold["marker{} past the end of the timeline"].append(item.label)
        return items

    def found(self) -> list[Item]:
        """What is read."""
        if not self._has_picture:
            return self._found
        picture = [item for item in self._found if not item.is_audio]
        seen = {(item.label, item.start, item.end) for item in picture}
        heard = {(item.label, item.start, item.end): item for item in self._found if item.is_audio and item.is_marker}
        return picture + [marker for place, marker in heard.items() if place not in seen]

    def warnings(self) -> tuple[str, ...]:
        heard = [item.label for item in self._found if item.is_audio and not item.is_marker]
        return told({"clip{} of audio tracks not read": heard * self._has_picture, **self._untold})

    @property
    def _has_picture(self) -> bool:
        return any(not item.is_audio and not item.is_marker for item in self._found)

    def _visit(self, item: dict[str, Any], start: Fraction, around: _Around) -> Fraction:
        """Adds what `item`, shown from `start` on, holds of what is shown around it. Returns its length."""
        kind, name = schema_of(item), str(item.get("name") or "")
        if kind == "Transition":
            return Fraction(0)
        shown = item.get("source_range")
        if shown is None and kind == "Clip":
            shown = _media(item).get("available_range")
        begins = Fraction(0) if shown is None else seconds_of(shown["start_time"])
        length = Fraction(0) if shown is None else max(Fraction(0), seconds_of(shown["duration"]))
        inside = around.inside(item, start, None if shown is None else start + length)
        if shown is not None:
            rate = rate_of(shown["duration"])
            self.rate = self.rate or (rate if rate < _SOUND else None)
        if kind == "Clip":
            own = own_metadata(item)
            label = name or own.get("label")
            self._add(around.track if label is None else str(label), start, start + length, inside, own)
            self.film = self.film or unquote(str(_media(item).get("target_url") or ""))
        elif kind in ("Stack", "Track"):
            at = longest = Fraction(0)
            for child in item.get("children") or ():
                took = self._visit(object_of(child), start - begins + at, inside)
                at = at + took if kind == "Track" else at
                longest = max(longest, at, took)
            length = longest if shown is None else length
        elif kind != "Gap":
            raise ValueError(f"a {kind[:40]} among the clips")
        for marker in item.get("markers") or ():
            marked = marker["marked_range"]
            at = start - begins + seconds_of(marked["start_time"])
            end = at + max(Fraction(0), seconds_of(marked["duration"]))
            self._add(str(marker.get("name") or ""), at, end, inside)
        return length

    def _add(
        self, label: str, start: Fraction, end: Fraction, around: _Around, own: dict[str, Any] | None = None
    ) -> None:
        """own: a clip's metadata of ours; None for a marker."""
        thing = "marker" if own is None else "clip"
        left, right = max(start, around.low), end if around.high is None else min(end, around.high)
        if around.is_off:
            self._untold[thing + "{} switched off, not read"].append(label)
            return
        if left > right or (left == right and start < end):
            self._untold[thing + "{} outside what is shown, not read"].append(label)
            return
        if own is None and around.is_warped:
            self._untold["marker{} where the speed is changed, read as if it were not"].append(label)
        is_marker = own is None
        self._found.append(
            Item(label=label, start=left, end=right, own=own or {}, is_marker=is_marker, is_audio=around.is_audio)
        )
        if len(self._found) > MAX_SEGMENTS:
            raise ValueError(f"more than {MAX_SEGMENTS} clips and markers")


def _is_off(item: dict[str, Any]) -> bool:
    return item.get("enabled") is False


def _media(clip: dict[str, Any]) -> dict[str, Any]:
    """The clip's media: one in old files, one of several in newer ones."""
    several = clip.get("media_references") or {}
    return object_of(several.get(clip.get("active_media_reference_key")) or clip.get("media_reference") or {})


def schema_of(item: Any) -> str:
    """Clip.2 -> Clip"""
    return str(object_of(item)["OTIO_SCHEMA"]).partition(".")[0]


def object_of(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise TypeError(f"expected an object, got {type(item).__name__}")
    return item


def own_metadata(item: dict[str, Any]) -> dict[str, Any]:
    metadata = item.get("metadata")
    own = metadata.get(OWN) if isinstance(metadata, dict) else None
    return own if isinstance(own, dict) else {}


def number(value: Any) -> float | None:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_one and abs(value) < 1e308 else None


def rate_of(time: Any) -> Fraction:
    rate = number(time["rate"])
    if rate is None or not 0.01 <= rate <= 1e6:
        raise ValueError("a rate that is not a number of frames a second")
    return exact_rate(rate)


def seconds_of(time: Any) -> Fraction:
    """Seconds of a RationalTime."""
    value = number(time["value"])
    if value is None or abs(value) > 2**53:
        raise ValueError("a time that is not a number of frames")
    return Fraction(value) / rate_of(time)
