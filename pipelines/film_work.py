"""What is left to do for one film, and which of its chunks a worker should do next. Pure: no Ray, no files.

A film is surveyed, its missing chunks are embedded in runs of consecutive ones, then its actions are predicted:

    listed -> surveying -> embedding -> complete -> predicting -> over
                        -> waiting (another film of the same content is at work) -> listed
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from . import retries
from .film_list import FilmEntry
from .messages import Receipt, Step, Survey
from .work import FailureKind

__all__ = ["FilmWork", "RetryUnit"]

RetryUnit = int | Step  # what is tried again after a failure: a chunk, by its number, or a whole step
FilmStage = Literal["listed", "surveying", "waiting", "embedding", "complete", "predicting", "over"]


@dataclass(slots=True, kw_only=True, eq=False)
class FilmWork:
    """A film in work. unassigned: chunks that no worker has, ascending. lost: those that are gaps."""

    entry: FilmEntry
    stage: FilmStage = "listed"
    survey: Survey | None = None
    unassigned: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    _unsettled: set[int] = field(default_factory=set)
    _suspects: set[int] = field(default_factory=set)  # one of them may have killed a worker: each is done alone
    _failures: dict[RetryUnit, list[FailureKind]] = field(default_factory=dict)
    _failed_on: dict[RetryUnit, set[int]] = field(default_factory=dict)  # workers that live on

    @property
    def num_unsettled(self) -> int:
        return len(self._unsettled)

    def begin(self, survey: Survey) -> None:
        self.survey = survey
        self.unassigned = list(survey.missing)
        self._unsettled = set(survey.missing)
        self.stage = "embedding" if survey.missing else "complete"

    def take(
        self, worker: int, others: Set[int], *, at: int | None, others_at: Set[int], max_run: int, min_split: int
    ) -> list[int]:
        """Chunks for this worker, which it has from now on; none if there are none for it.

        at: the chunk that follows the last one it was given here; others_at: those of the other workers, to whom
        stretches shorter than min_split are left.
        """
        run = self._suspect(worker, others) or self._run(at, others_at, max_run, min_split)
        if run:
            self.unassigned = [number for number in self.unassigned if number not in run]
        return run

    def _suspect(self, worker: int, others: Set[int]) -> list[int]:
        """A suspect chunk, alone; these come first: if one ends the film, the sooner the better."""
        suspects = (number for number in self.unassigned if number in self._suspects)
        return [number for number in suspects if self.may_try(number, worker, others)][:1]

    def _run(self, at: int | None, others_at: Set[int], max_run: int, min_split: int) -> list[int]:
        """A worker goes on decoding where it is, without a seek; one that comes in starts far from the others:

        |--------------------------|   no worker is at its start: there
        w0 at 3|-------------------|   else in its middle, and the one who is at its start goes on towards that
                         ^ w1
        """
        stretches = _stretches(number for number in self.unassigned if number not in self._suspects)
        free = []
        for stretch in stretches:
            if stretch.start == at:
                return list(stretch[:max_run])
            if stretch.start not in others_at:
                free.append(stretch)
            elif len(stretch) >= min_split:
                free.append(stretch[len(stretch) // 2 :])
        return list(max(free, key=len)[:max_run]) if free else []

    def give_back(self, chunk_numbers: Iterable[int]) -> None:
        """Takes back chunks, so that they are offered again."""
        self.unassigned = sorted(self._unsettled.intersection(chunk_numbers).union(self.unassigned))

    def settle(self, receipt: Receipt) -> bool:
        """The chunk needs no more work. False if that was known before, or it was never asked for."""
        if receipt.number not in self._unsettled:
            return False
        self._unsettled.remove(receipt.number)
        if receipt.source == "lost":
            self.lost.append(receipt.number)
        if not self._unsettled:
            self.stage = "complete"
        return True

    def may_try(self, unit: RetryUnit, worker: int, others: Set[int]) -> bool:
        """Whether the worker may try this: not if it failed there before, unless there is no other worker."""
        failed_on = self._failed_on.get(unit, set())
        return worker not in failed_on or others <= failed_on

    def blame(self, units: list[RetryUnit], kind: FailureKind, worker: int) -> list[RetryUnit]:
        """Notes that a try at these failed; returns those that have failed too often.

        Which chunk of several is to blame is unknown: none is, and each is tried alone. Nor is any to blame for its
        node, which counts for all.
        """
        for unit in units:
            if kind == "raised":
                self._failed_on.setdefault(unit, set()).add(worker)
            if kind == "node lost" or len(units) == 1:
                self._failures.setdefault(unit, []).append(kind)
            if kind != "node lost" and isinstance(unit, int):
                self._suspects.add(unit)
        return [
            unit
            for unit in units
            if len(self._own_failures(unit)) >= retries.MAX_ATTEMPTS
            or self._num_nodes_lost(unit) >= retries.MAX_NODES_LOST
        ]

    def num_failures(self, unit: RetryUnit) -> int:
        return len(self._failures.get(unit, ()))

    def _num_nodes_lost(self, unit: RetryUnit) -> int:
        return self._failures.get(unit, []).count("node lost")

    def _own_failures(self, unit: RetryUnit) -> list[FailureKind]:
        return [kind for kind in self._failures.get(unit, ()) if kind != "node lost"]

    def reason(self, unit: RetryUnit, last: str) -> str:
        """Why this unit was given up. last: its last failure."""
        step = "decoding" if isinstance(unit, int) else {"survey": "surveying it", "predict": "predicting"}[unit]
        if self._num_nodes_lost(unit) >= retries.MAX_NODES_LOST:
            return f"{step} lost its node {retries.MAX_NODES_LOST} times"
        kinds = self._own_failures(unit)
        did = {"worker died": "killed its worker", "out of memory": "ran out of memory", "deadline": "took too long"}
        if len(set(kinds)) == 1 and kinds[0] in did:
            return f"{step} {did[kinds[0]]} {len(kinds)} times"
        return f"{step} failed {len(kinds)} times, at last: {last}"


def _stretches(chunk_numbers: Iterable[int]) -> list[range]:
    """Groups consecutive numbers; the numbers ascend."""
    known = list(chunk_numbers)
    if not known:
        return []
    ends = [(a + 1, b) for a, b in pairwise(known) if b != a + 1]
    starts = [known[0], *(start for _, start in ends)]
    stops = [*(stop for stop, _ in ends), known[-1] + 1]
    return [range(start, stop) for start, stop in zip(starts, stops, strict=True)]
