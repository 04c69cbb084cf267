"""What workers report of films to the schedule, and the schedule to those who show or keep it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vtn_stream.errors import VtnStreamError
from vtn_stream.joining import JoinedFiles

from .film_list import FilmEntry

__all__ = [
    "ChunkLost",
    "ChunksDone",
    "Counts",
    "ExecutionFields",
    "FilmDone",
    "FilmEvent",
    "FilmFailed",
    "FilmSurveyed",
    "FilmTaken",
    "FilmsApart",
    "Outcome",
    "Receipt",
    "RecordingFound",
    "Step",
    "StepResult",
    "Survey",
    "Waiting",
]

Step = Literal["survey", "embed", "predict"]  # the methods of a worker
ExecutionFields = Mapping[str, str | int]  # an `Execution` as JSON values, by their names


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a worker found out about a film. missing: the chunks that are not stored, ascending. finished: its results
    are there already. estimate_s: about how long a worker will take for what is missing, if that was asked for.
    warnings: what is wrong with its clock or size.
    hand_work: of a finished film, lines on what was changed by hand in its results, and kept.
    """

    identity: str
    duration_s: float
    num_chunks: int
    missing: tuple[int, ...]
    finished: bool
    num_missing_positions: int = 0
    estimate_s: float = 0.0
    warnings: tuple[str, ...] = ()
    hand_work: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a chunk: "film": embedded now; "store": it was there meanwhile; "lost": decoding died on it
    twice, it is a gap. leased: nothing of that, another batch is working on it.
    """

    number: int
    source: Literal["film", "store", "lost"]
    num_frames: int
    warnings: tuple[str, ...]
    leased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was predicted; the worker has written it. hand_work: lines on what was kept, or put aside."""

    num_segments: int
    num_gaps: int
    hand_work: tuple[str, ...] = ()


StepResult = Survey | list[Receipt] | Outcome  # what a survey, an embedding and a prediction give


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmEvent:
    """Something is known of a film."""

    film: FilmEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFound(FilmEvent):
    """Files of the listing are one recording, which is one film from now on. files: their names, in order."""

    files: tuple[str, ...]
    found: JoinedFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmsApart:
    """Films whose names go together are not one recording: each is a film by itself. files: their names, in order."""

    files: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmTaken(FilmEvent):
    """A film of a watched folder is complete, and is analyzed as workers get free. is_again: it was before, and has
    changed since. has_failed: it failed before, which counts no longer.
    """

    is_again: bool
    has_failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """After each look at watched folders. is_news: it is not what the look before found.

    films      names of films that are not complete, num_films in all
    problems   what could not be looked into, num_problems in all
    skipped    names of files that are no films by their names, at most `listing.MAX_SHOWN` of num_skipped

    Where films are anonymous, nothing is named.
    """

    films: tuple[str, ...]
    num_films: int
    problems: tuple[VtnStreamError, ...]
    num_problems: int
    skipped: tuple[str, ...]
    num_skipped: int
    is_news: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmSurveyed(FilmEvent):
    """A film of the same content as one in work is surveyed again after that."""

    survey: Survey


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunksDone(FilmEvent):
    """A worker has done these in so many seconds."""

    receipts: tuple[Receipt, ...]
    worker: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkLost(FilmEvent):
    """A gap: the film is done without this chunk."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmDone(FilmEvent):
    """skipped: its results were there before. outcome: None then, and where nothing was to be predicted. hand_work:
    lines on results that were changed by hand, and kept or put aside.
    """

    outcome: Outcome | None
    skipped: bool
    hand_work: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmFailed(FilmEvent):
    """A film is given up. chunks: those to blame, empty if all of the film is. attempts: how many there were."""

    reason: str
    stage: Step
    chunks: tuple[int, ...]
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How far the batch is. Each film listed so far is done, skipped, failed or in work. num_chunks_left: of films that
    are surveyed. num_frames: embedded now, not found in the store.
    """

    num_listed: int
    num_done: int
    num_skipped: int
    num_failed: int
    num_in_work: int
    num_chunks_done: int
    num_chunks_left: int
    num_frames: int
