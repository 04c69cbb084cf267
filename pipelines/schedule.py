"""Which worker does what next, so that any number of films is done by any number of workers. Pure: no Ray, no files,
no clock. It holds a window of films; of a film that is done only counts are left.

The rules, in this order: predict what is complete; survey the next films before the workers run out of chunks; embed
the chunks of the oldest film; and if there is nothing else to do, ask again for chunks that another batch works on.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from typing import Any

from vtn_stream.errors import ClusterError, DamagedFile, InUse, StoreError, VtnStreamError

from . import retries
from .film_list import FilmEntry
from .film_work import FilmWork, RetryUnit
from .messages import (
    ChunkLost,
    ChunksDone,
    Counts,
    FilmDone,
    FilmEvent,
    FilmFailed,
    FilmSurveyed,
    Outcome,
    Receipt,
    Step,
    StepResult,
    Survey,
)
from .work import Failure, Task

__all__ = ["Schedule"]

# A run costs one seek and one padded last batch of frames: of 8 chunks (some 1000 frames) that is a few percent. Its
# chunks are stored one by one, but heard of only at its end, and a stop waits for that: 8 minutes of film are seconds
# on a GPU.
MAX_RUN = 8
# Near the end each worker takes half of its share of what is left, so that all of them finish together.
SHARES = 2
# Films in work, for each worker: one that runs there, one queued behind it, one surveyed and one being surveyed, as
# short films are one task each. A film in work is some kilobytes.
FILMS_PER_WORKER = 4


@dataclass(slots=True, kw_only=True, eq=False)
class _Job:
    """A task in work. It holds the task, which is found by its id. is_poll: for a chunk another batch works on."""

    task: Task
    film: FilmWork
    step: Step
    worker: int
    chunk_numbers: list[int]
    is_poll: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class _LeasedChunk:
    """A chunk that another batch works on. due: how many chunks must be done before it is offered again."""

    film: FilmWork
    number: int
    due: int


class Schedule:
    """Takes films through the workers of a pool: a `TaskSource`.

    films: the largest first, so that no long film begins when the others are done. last: the step that ends a film.
    on_event: what it raises ends the run. known: gives the film as it is called from now on, as its identity is known.

    `done` and `failed` raise what is no single film's fault: StoreError, and ClusterError where films fail one after
    the other since workers die.
    """

    def __init__(
        self,
        films: Iterable[FilmEntry],
        *,
        last: Step = "predict",
        on_event: Callable[[FilmEvent], None] | None = None,
        known: Callable[[FilmEntry, str], FilmEntry] | None = None,
    ) -> None:
        self._known = known
        self._listing = iter(films)
        self._added: deque[FilmEntry] = deque()
        self._upcoming = next(self._listing, None)
        self._last = last
        self._on_event = on_event
        self._films: list[FilmWork] = []  # the window, oldest first
        self._jobs: dict[int, _Job] = {}  # by the id of their tasks
        self._leased: list[_LeasedChunk] = []
        self._at: dict[int, tuple[FilmWork, int]] = {}  # the chunk after the last one that a worker was given
        self._idle: tuple[set[int], set[int]] = (set(), set())  # in this round of questions and the one before
        self._num_listed = self._num_done = self._num_skipped = self._num_failed = 0
        self._num_chunks_done = self._num_frames = 0
        self._num_failed_in_a_row: Counter[Step] = Counter()
        self.num_duplicates = 0  # chunks that were embedded although they had been before

    @property
    def counts(self) -> Counts:
        return Counts(
            num_listed=self._num_listed,
            num_done=self._num_done,
            num_skipped=self._num_skipped,
            num_failed=self._num_failed,
            num_in_work=len(self._films),
            num_chunks_done=self._num_chunks_done,
            num_chunks_left=sum(film.num_unsettled for film in self._films),
            num_frames=self._num_frames,
        )

    def add(self, films: Iterable[FilmEntry]) -> None:
        """More films, which come before those of the listing that have not begun."""
        self._added.extend(films)
        if self._upcoming is None:
            self._upcoming = self._next_listed()

    def _next_listed(self) -> FilmEntry | None:
        return self._added.popleft() if self._added else next(self._listing, None)

    def finished(self) -> bool:
        return not self._films and self._upcoming is None

    # What to do next

    def next(self, worker: int) -> Task | None:
        others = self._workers() - {worker}
        num_workers = len(others) + 1
        self._offer_again()
        job = self._predict(worker, others)
        if not job and self._runs_low(num_workers):
            job = self._survey(worker, others)
        job = job or self._embed(worker, others) or self._survey(worker, others) or self._poll(worker)
        if not job:
            self._has_nothing(worker)
            return None
        self._jobs[id(job.task)] = job
        return job.task

    def _workers(self) -> set[int]:
        return {job.worker for job in self._jobs.values()}.union(*self._idle)

    def _has_nothing(self, worker: int) -> None:
        """Notes an idle worker. No message comes when one vanishes: the round ends when one asks again, as all had
        their turn.
        """
        this_round, before = self._idle
        self._idle = ({worker}, this_round) if worker in this_round else (this_round | {worker}, before)

    def _predict(self, worker: int, others: Set[int]) -> _Job | None:
        for film in self._films:
            if film.stage == "complete" and film.may_try("predict", worker, others):
                film.stage = "predicting"
                deadline_s = retries.PREDICT_S + retries.PREDICT_PER_FILM_S * _survey_of(film).duration_s
                identity, lost = _survey_of(film).identity, tuple(sorted(film.lost))
                return _job(film, "predict", worker, deadline_s, identity, lost, film.entry.results)
        return None

    def _runs_low(self, num_workers: int) -> bool:
        """Whether some worker may soon find no run of chunks. A survey that is made is taken for one run."""
        num_runs = sum(film.stage == "surveying" for film in self._films)
        return num_runs * MAX_RUN + self._num_unassigned() < num_workers * MAX_RUN

    def _num_unassigned(self) -> int:
        return sum(len(film.unassigned) for film in self._films)

    def _survey(self, worker: int, others: Set[int]) -> _Job | None:
        for film in self._films:
            if film.stage == "listed" and film.may_try("survey", worker, others):
                break
        else:
            if self._upcoming is None or len(self._films) >= FILMS_PER_WORKER * (len(others) + 1):
                return None
            film = FilmWork(entry=self._upcoming)
            self._films.append(film)
            self._num_listed += 1
            self._upcoming = self._next_listed()
        film.stage = "surveying"
        deadline_s = retries.SURVEY_S + retries.SURVEY_PER_BYTE_S * film.entry.num_bytes
        return _job(film, "survey", worker, deadline_s, film.entry.results)

    def _embed(self, worker: int, others: Set[int]) -> _Job | None:
        max_run = MAX_RUN
        if self._upcoming is None and not any(film.stage in ("listed", "surveying") for film in self._films):
            max_run = min(MAX_RUN, -(-self._num_unassigned() // (SHARES * (len(others) + 1))))
        # Short stretches are left to those who decode towards them, unless a worker would idle.
        for min_split in (2 * max_run, 1):
            for film in self._films:
                if film.unassigned and (chunk_numbers := self._take(film, worker, others, max_run, min_split)):
                    return self._job_for(film, worker, chunk_numbers)
        return None

    def _take(self, film: FilmWork, worker: int, others: Set[int], max_run: int, min_split: int) -> list[int]:
        at = {other: number for other, (where, number) in self._at.items() if where is film}
        own = at.pop(worker, None)
        return film.take(worker, others, at=own, others_at={*at.values()}, max_run=max_run, min_split=min_split)

    def _job_for(self, film: FilmWork, worker: int, chunk_numbers: list[int]) -> _Job:
        self._at[worker] = film, chunk_numbers[-1] + 1
        deadline_s = len(chunk_numbers) * retries.EMBED_PER_CHUNK_S
        return _job(
            film,
            "embed",
            worker,
            deadline_s,
            _survey_of(film).identity,
            tuple(chunk_numbers),
            chunk_numbers=chunk_numbers,
        )

    def _offer_again(self) -> None:
        due = [leased for leased in self._leased if leased.due <= self._num_chunks_done]
        for leased in due:
            leased.film.give_back([leased.number])
            self._leased.remove(leased)

    def _poll(self, worker: int) -> _Job | None:
        """Tries one leased chunk on one worker, which waits for it a little: another batch may take minutes for it."""
        if not self._leased or any(job.is_poll for job in self._jobs.values()):
            return None
        leased = self._leased.pop(0)
        job = self._job_for(leased.film, worker, [leased.number])
        job.is_poll = True
        return job

    # What became of it

    def done(self, task: Task, result: StepResult, worker: int, seconds: float) -> None:
        job = self._jobs.pop(id(task))
        self._num_failed_in_a_row[job.step] = 0
        if job.film.stage == "over":
            return
        if isinstance(result, Survey):
            self._surveyed(job.film, result)
        elif isinstance(result, Outcome):
            self._done(job.film, result)
        else:
            self._embedded(job, result, seconds)

    def _done(self, film: FilmWork, outcome: Outcome | None) -> None:
        self._num_done += 1
        self._end(film)
        hand_work = () if outcome is None else outcome.hand_work
        self._emit(FilmDone(film=film.entry, outcome=outcome, skipped=False, hand_work=hand_work))

    def _surveyed(self, film: FilmWork, survey: Survey) -> None:
        if self._known:
            film.entry = self._known(film.entry, survey.identity)
        self._emit(FilmSurveyed(film=film.entry, survey=survey))
        if survey.finished:
            self._num_skipped += 1
            self._end(film)
            self._emit(FilmDone(film=film.entry, outcome=None, skipped=True, hand_work=survey.hand_work))
            return
        if self._last == "survey":
            self._done(film, None)
            return
        twins = [other for other in self._films if other.survey and other.survey.identity == survey.identity]
        if any(twin.stage in ("embedding", "complete", "predicting") for twin in twins):
            film.survey, film.stage = survey, "waiting"
        else:
            film.begin(survey)
            self._done_if_embedded(film)

    def _done_if_embedded(self, film: FilmWork) -> None:
        if self._last == "embed" and film.stage == "complete":
            self._done(film, None)

    def _embedded(self, job: _Job, receipts: list[Receipt], seconds: float) -> None:
        film = job.film
        leased = [receipt.number for receipt in receipts if receipt.leased]
        answers = [receipt for receipt in receipts if not receipt.leased]
        settled = tuple(receipt for receipt in answers if film.settle(receipt))
        self.num_duplicates += sum(receipt.source == "film" for receipt in answers if receipt not in settled)
        self._num_chunks_done += len(settled)
        self._num_frames += sum(receipt.num_frames for receipt in settled if receipt.source == "film")
        if settled:
            self._emit(ChunksDone(film=film.entry, receipts=settled, worker=job.worker, seconds=seconds))
        for receipt in settled:
            if receipt.source == "lost":
                reason = receipt.warnings[-1] if receipt.warnings else "decoding died on it twice"
                self._emit(ChunkLost(film=film.entry, number=receipt.number, reason=film.entry.shown(reason)))
        due = self._num_chunks_done + retries.RUNS_BEFORE_POLL * MAX_RUN * len(self._workers() | {job.worker})
        self._leased += [_LeasedChunk(film=film, number=number, due=due) for number in leased]
        if job.is_poll and any(receipt.source == "film" for receipt in settled):
            for other in self._leased:  # the other batch let go of this one, and perhaps of all
                other.due = 0 if other.film is film else other.due
        unanswered = sorted(set(job.chunk_numbers) - {receipt.number for receipt in receipts})
        if unanswered:
            self._try_again(job, unanswered, Failure(kind="raised", reason="the worker left it out"))
        self._done_if_embedded(film)

    def failed(self, task: Task, failure: Failure, worker: int) -> None:
        job = self._jobs.pop(id(task))
        if failure.kind != "raised":
            self._at.pop(worker, None)
        if isinstance(failure.error, StoreError) and not isinstance(failure.error, DamagedFile | InUse):
            raise failure.error  # the disk is full, or nothing can be written: so it is for every film
        if job.film.stage == "over":
            return
        if isinstance(failure.error, VtnStreamError):
            units: list[RetryUnit] = [*job.chunk_numbers] or [job.step]
            attempts = 1 + max(job.film.num_failures(unit) for unit in units)
            self._fail(job, job.film.entry.shown(str(failure.error)), (), attempts)
        else:
            self._try_again(job, job.chunk_numbers, failure)

    def _try_again(self, job: _Job, chunk_numbers: list[int], failure: Failure) -> None:
        film = job.film
        given_up = film.blame([*chunk_numbers] or [job.step], failure.kind, job.worker)
        if given_up:
            chunks = tuple(unit for unit in given_up if isinstance(unit, int))
            attempts = max(film.num_failures(unit) for unit in given_up)
            reason = film.reason(given_up[0], film.entry.shown(failure.reason))
            self._fail(job, reason, chunks, attempts)
            self._check_workers(job, reason)
        else:
            self._put_back(job, chunk_numbers)

    def returned(self, task: Task) -> None:
        job = self._jobs.pop(id(task))
        self._at.pop(job.worker, None)
        if job.film.stage != "over":
            self._put_back(job, job.chunk_numbers)

    def _put_back(self, job: _Job, chunk_numbers: list[int]) -> None:
        if job.step == "embed":
            job.film.give_back(chunk_numbers)
        else:
            job.film.stage = "listed" if job.step == "survey" else "complete"

    def _fail(self, job: _Job, reason: str, chunks: tuple[int, ...], attempts: int) -> None:
        self._num_failed += 1
        self._end(job.film)
        self._emit(FilmFailed(film=job.film.entry, reason=reason, stage=job.step, chunks=chunks, attempts=attempts))

    def _check_workers(self, job: _Job, reason: str) -> None:
        self._num_failed_in_a_row[job.step] += 1
        if (num := self._num_failed_in_a_row[job.step]) >= retries.MAX_FAILED_FILMS_IN_A_ROW:
            raise ClusterError(
                f"{num} films in a row failed, at last {job.film.entry.name}: {reason}",
                "the workers seem to be the cause, so the run was stopped; what was done is kept",
                "look at what the nodes lack (memory, space in /tmp, a working GPU), then run the same command again",
            )

    def _end(self, film: FilmWork) -> None:
        """Forgets the film."""
        film.stage = "over"
        self._films.remove(film)
        self._at = {worker: at for worker, at in self._at.items() if at[0] is not film}
        self._leased = [leased for leased in self._leased if leased.film is not film]
        for other in self._films:
            if other.stage == "waiting" and film.survey and _survey_of(other).identity == film.survey.identity:
                other.stage = "listed"  # it finds the chunks stored now, or is the one to embed them
                break  # the next waits for that one: one film is not predicted twice at a time

    def _emit(self, event: FilmEvent) -> None:
        if self._on_event:
            self._on_event(event)


def _job(
    film: FilmWork, step: Step, worker: int, deadline_s: float, *args: Any, chunk_numbers: list[int] | None = None
) -> _Job:
    name = f"{step} {film.entry.name}"
    task = Task(name=name, method=step, args=(film.entry.source, *args), deadline_s=deadline_s)
    return _Job(task=task, film=film, step=step, worker=worker, chunk_numbers=chunk_numbers or [])


def _survey_of(film: FilmWork) -> Survey:
    assert film.survey is not None, "it was surveyed"
    return film.survey
