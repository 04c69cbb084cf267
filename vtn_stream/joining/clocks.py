"""What the clocks of two films say of each other: whether one goes on where the other ends. Pure.

Clocks of cameras are odd: the time of making is that of the start, or of the end, or the same in all chapters; local
time passes for UTC; some begin in 1904 or 1970 when the battery is empty. Only differences count here.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Literal

from vtn_stream.film import VideoInfo
from vtn_stream.formats.timecode import Clock, has_drop_frame, is_timecode
from vtn_stream.recording import duration

__all__ = ["MEANINGS", "Reading", "Traits", "readings", "tolerance_s", "traits_of"]

_DAY_S = 24 * 3600
# What is not a day on which anybody recorded: a clock that was never set, or has lost its time.
_YEARS = range(1990, 2101)
# Cameras write whole seconds, and lose up to a second or so between two files. In films of some seconds such a
# difference is chance: there a tenth of the film.
TOLERANCE_S = 2.0
TOLERANCE_SHARE = 0.1
# The container's own clock, where it goes on through the files, does so to the frame, or to a buffer of sound.
_CONTAINER_TOLERANCE_S = 0.5
_CONTAINER_LEAST_S = 2.0

# What a film's own time may be that of; the same in all files of a recording.
MEANINGS = frozenset(("start", "end"))

ClockName = Literal["start timecodes", "times in the names", "creation times", "clocks inside the files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What is compared of a film: little, and plain values."""

    identity: str
    duration: Fraction
    codec: str
    size: str
    rate: str
    sound: str
    rotation: int
    start_s: float
    timecode_s: float | None
    created_s: float | None
    num_bytes: int

    @property
    def duration_s(self) -> float:
        return float(self.duration)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a clock says of the time between the end of a film and the start of the next.

    gaps_s  seconds, below 0 where they overlap: several where it is not known what the clock means, by what it may mean
    """

    clock: ClockName
    gaps_s: dict[str, float]
    tolerance_s: float

    @property
    def goes_on(self) -> frozenset[str]:
        """By which meanings the next film begins where the one before ends."""
        return frozenset(meaning for meaning, gap_s in self.gaps_s.items() if abs(gap_s) <= self.tolerance_s)

    @property
    def overlap_s(self) -> float:
        """Seconds by which they overlap by every meaning; 0 if they may not."""
        return max(0.0, -max(self.gaps_s.values())) if max(self.gaps_s.values()) < -self.tolerance_s else 0.0

    @property
    def breaks_s(self) -> tuple[float, ...]:
        """The breaks between them, by the meanings by which there is one."""
        return tuple(gap_s for gap_s in self.gaps_s.values() if gap_s > self.tolerance_s)


def traits_of(video: VideoInfo) -> Traits:
    rate = "unknown" if video.nominal_rate is None else f"{float(video.nominal_rate):.4g}"
    shape = "" if video.sample_aspect_ratio == 1 else f", pixels {video.sample_aspect_ratio}"
    return Traits(
        identity=video.identity,
        duration=duration(video),
        codec=video.codec,
        size=f"{video.width} x {video.height}{shape}",
        rate=rate,
        sound=video.sound or "none",
        rotation=video.rotation + (360 if video.mirrored else 0),
        start_s=float(video.start),
        timecode_s=_timecode_s(video),
        created_s=_created_s(video.created),
        num_bytes=video.stamp[2] if len(video.stamp) > 2 else 0,
    )


def tolerance_s(before: Traits) -> float:
    return min(TOLERANCE_S, TOLERANCE_SHARE * before.duration_s)


def readings(
    before: Traits, after: Traits, time_before_s: float | None = None, time_after_s: float | None = None
) -> list[Reading]:
    """What each clock that both films have says; nothing of one that stands still. time_...: by their names."""
    allowed_s, found = tolerance_s(before), list[Reading]()

    def add(clock: ClockName, gaps_s: dict[str, float], tolerance_s: float = allowed_s) -> None:
        found.append(Reading(clock=clock, gaps_s=gaps_s, tolerance_s=tolerance_s))

    if before.timecode_s is not None and after.timecode_s is not None and before.timecode_s != after.timecode_s:
        gap_s = (after.timecode_s - before.timecode_s - before.duration_s + _DAY_S / 2) % _DAY_S - _DAY_S / 2
        add("start timecodes", {"start": gap_s})
    if time_before_s is not None and time_after_s is not None:
        add("times in the names", {"start": time_after_s - time_before_s - before.duration_s})
    if before.created_s is not None and after.created_s is not None and before.created_s != after.created_s:
        later_s = after.created_s - before.created_s
        add("creation times", {"start": later_s - before.duration_s, "end": later_s - after.duration_s})
    gap_s = after.start_s - before.start_s - before.duration_s
    if abs(gap_s) <= _CONTAINER_TOLERANCE_S and before.duration_s >= _CONTAINER_LEAST_S:
        add("clocks inside the files", {"start": gap_s}, _CONTAINER_TOLERANCE_S)  # elsewhere each begins at 0 or so
    return found


def _timecode_s(video: VideoInfo) -> float | None:
    text, rate = video.start_timecode, video.nominal_rate
    if text is None or rate is None or not is_timecode(text):
        return None
    clock = Clock(rate=rate, drop=any(mark in text for mark in ";.,") and has_drop_frame(rate))
    try:
        return float(clock.count(text) / rate)
    except ValueError:
        return None


def _created_s(text: str | None) -> float | None:
    """Seconds since 1970; a time without a zone is taken for UTC."""
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text[:26].rstrip("Z") if text.endswith("Z") else text)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return when.timestamp() if when.year in _YEARS else None
    except (ValueError, OverflowError):
        return None
