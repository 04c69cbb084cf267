"""What a run tells while it follows a film. All times are seconds of the film, unless they say otherwise."""

from dataclasses import dataclass
from typing import Literal

from vtn_stream.embedding import Warned
from vtn_stream.timeline import Gap, Segment, Timeline

__all__ = [
    "Begun",
    "Ended",
    "Final",
    "FollowEvent",
    "LeftOut",
    "Load",
    "Provisional",
    "Restarted",
    "Told",
    "Waiting",
    "Warned",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The film's first frames are known. delay_s: a segment is final at most so long after it has ended; is_exact: what
    is final is what `analyze` says of the finished film; resumed_s: up to here an earlier run had come.
    """

    delay_s: float
    is_exact: bool
    resumed_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an earlier run over the same film, with the same settings, told as final: it is not told again, and stays.

    All that ends before until_s is among the segments.
    """

    segments: tuple[Segment, ...] = ()
    until_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Nothing comes, for waited_s seconds of the clock on the wall. begun: whether the film has begun."""

    waited_s: float
    begun: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """Segments that will never change, each told once; and all others that end before until_s were told before."""

    segments: tuple[Segment, ...]
    until_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisional:
    """The timeline if no more came: the final segments, and what is seen after them, which may change."""

    timeline: Timeline
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How far a run has come.

    written_s  of the film that is there; done_s: of it that is embedded; final_s: up to which all is final
    backlog_s  film that is there and not embedded: written_s - done_s, and an estimate of bytes that were not read
    speed      seconds of film embedded in a second, lately
    """

    written_s: float
    done_s: float
    final_s: float
    backlog_s: float
    speed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """The machine is too slow: of the positions in this stretch of film, only one of every `every` is looked at."""

    gap: Gap
    every: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """What comes now is a new stretch: the recorder stopped, began again, or changed its clock or its picture."""

    at_s: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The film has ended. why: the source ended; it was idle for as long as was asked; it failed."""

    why: Literal["end", "idle", "failed"]
    timeline: Timeline


FollowEvent = Begun | Waiting | Final | Provisional | Load | LeftOut | Restarted | Ended | Warned
