"""How far a batch has come, by its events: counts, speed, the time left. Pure: no Ray, no files.

No data is kept of a film that is over, so that there may be any number of films.
"""

import time
from collections import deque
from collections.abc import Callable

from .messages import ChunksDone, FilmDone, FilmFailed, FilmSurveyed, FilmTaken, RecordingFound, Waiting
from .work import WorkerEvent

__all__ = ["Tally"]

# Speed is that of the last minutes: workers come and go, and a film of 4K is decoded ten times slower than one of 360p.
WINDOW_S = 600.0
MARK_EVERY_S = 1.0  # so that the window is 600 marks at most
# After a silence so many times longer than any before, and not before a minute, the speed is that of the past.
MAX_SILENCE, MIN_SILENCE_S = 3.0, 60.0


class Tally:
    """Gets every event of a batch.

    num_films          of a watched folder those that were taken; one that changed and is analyzed again counts again
    num_waiting        films of a watched folder that are not complete yet
    num_over           films that are done, skipped or failed
    num_gappy          films that are done with gaps
    num_edited         films with results that were changed by hand, and kept or put aside
    num_embedded       chunks embedded now; num_found: stored by others meanwhile; num_lost: gaps
    num_frames         of the chunks embedded now
    embed_s            seconds that workers took for all of these, added up
    """

    def __init__(self, num_films: int, num_bytes: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.num_films, self.num_waiting = num_films, 0
        self.num_done = self.num_skipped = self.num_failed = self.num_gappy = self.num_edited = 0
        self.num_embedded = self.num_found = self.num_lost = self.num_frames = 0
        self.embed_s = 0.0
        self.num_workers = self.most_workers = self.num_workers_lost = self.num_workers_replaced = 0
        self._clock = clock
        self._began = clock()
        self._num_bytes = num_bytes
        self._bytes_known = self._bytes_over = 0  # of films that are surveyed, or failed before; of films that are over
        self._bytes_done = 0
        # Of films that had no results: those of an earlier run were the largest of all, and say nothing of the others.
        self._bytes_surveyed = self._num_missing = 0
        self._left: dict[int, int] = {}  # chunks to embed of the films in work, by the films' numbers
        self._num_left = 0  # all of these; a board may ask at any moment, from a thread of its own
        self._marks: deque[tuple[float, int, int, float]] = deque()  # when, and until then: chunks, frames, embed_s
        self._first_mark_s = self._last_mark_s = 0.0
        self._longest_silence_s = 0.0

    @property
    def num_over(self) -> int:
        return self.num_done + self.num_skipped + self.num_failed

    @property
    def wall_s(self) -> float:
        return self._clock() - self._began

    @property
    def share_over(self) -> float:
        """The share of the films that are over, by their bytes."""
        return self._bytes_over / self._num_bytes if self._num_bytes else self.num_over / max(1, self.num_films)

    @property
    def num_settled(self) -> int:
        """Chunks that need no more work."""
        return self.num_embedded + self.num_found + self.num_lost

    @property
    def chunks_left(self) -> float | None:
        """Chunks left to embed. For films not surveyed yet it is estimated by bytes, from those surveyed without
        results; None before there is one.
        """
        unknown = self._num_bytes - self._bytes_known
        if unknown and not self._bytes_surveyed:
            return None
        return self._num_left + (unknown * self._num_missing / self._bytes_surveyed if unknown else 0)

    @property
    def embedding_s(self) -> float:
        """Seconds from the first work on chunks until the last chunk was done."""
        return self._last_mark_s - self._first_mark_s

    @property
    def frames_per_s(self) -> float | None:
        """Frames embedded a second in the last minutes; None before there are any."""
        first, last = self._window()
        return (last[2] - first[2]) / (last[0] - first[0]) if last[0] > first[0] and last[2] > first[2] else None

    @property
    def share_embedding(self) -> float | None:
        """The share of the workers' time in the last minutes that went into embedding; None before there is any."""
        first, last = self._window()
        time_s = (last[0] - first[0]) * self.num_workers
        return min(1.0, (last[3] - first[3]) / time_s) if time_s else None

    @property
    def left_s(self) -> float | None:
        """Seconds until all films are over. None: not known, not yet or no longer."""
        chunks_left = self.chunks_left
        if chunks_left is None:
            return None
        if not chunks_left:
            return self._wall_s_left_by_bytes()
        first, last = self._window()
        num_chunks, silence_s = last[1] - first[1], self._clock() - last[0]
        if not num_chunks or last[0] <= first[0]:
            return None
        if silence_s > max(MIN_SILENCE_S, MAX_SILENCE * self._longest_silence_s):
            return None
        return max(0.0, chunks_left * (last[0] - first[0]) / num_chunks - silence_s)

    def _wall_s_left_by_bytes(self) -> float | None:
        """Used when nothing has to be embedded: films are surveyed and predicted."""
        if not self._bytes_done:
            return None
        return (self._num_bytes - self._bytes_over) / self._bytes_done * (self._clock() - self._first_mark_s)

    def _window(self) -> tuple[tuple[float, int, int, float], tuple[float, int, int, float]]:
        if not self._marks:
            return (0.0, 0, 0, 0.0), (0.0, 0, 0, 0.0)
        return self._marks[0], self._marks[-1]

    def hear(self, event: object) -> None:
        if isinstance(event, FilmSurveyed):
            self._surveyed(event)
        elif isinstance(event, FilmTaken):
            self._taken(event)
        elif isinstance(event, Waiting):
            self.num_waiting = event.num_films
        elif isinstance(event, RecordingFound):
            self.num_films -= len(event.files) - 1
        elif isinstance(event, ChunksDone):
            self._chunks_done(event)
        elif isinstance(event, FilmDone):
            self.num_edited += bool(event.hand_work)
            if event.skipped:
                self.num_skipped += 1
            else:
                self.num_done += 1
                self._bytes_done += event.film.num_bytes
                self.num_gappy += event.outcome is not None and event.outcome.num_gaps > 0
            self._over(event)
        elif isinstance(event, FilmFailed):
            self.num_failed += 1
            self._over(event)
        elif isinstance(event, WorkerEvent):
            self.num_workers = event.counts.num_ready
            self.most_workers = max(self.most_workers, self.num_workers)
            self.num_workers_lost = event.counts.num_lost
            self.num_workers_replaced = event.counts.num_replaced

    def _taken(self, event: FilmTaken) -> None:
        self._num_bytes += event.film.num_bytes
        if event.has_failed:
            self.num_failed -= 1
        else:
            self.num_films += 1

    def _surveyed(self, event: FilmSurveyed) -> None:
        film, num_missing = event.film, len(event.survey.missing)
        is_known = film.number in self._left
        self._bytes_known += 0 if is_known else film.num_bytes
        # A film that waited for another of the same content is surveyed again: the first survey does not count.
        more = num_missing - self._left.get(film.number, 0)
        self._num_missing += more
        self._num_left += more
        if not event.survey.finished:
            self._bytes_surveyed += 0 if is_known else film.num_bytes
            if not self._marks:
                self._mark()
        self._left[film.number] = num_missing

    def _chunks_done(self, event: ChunksDone) -> None:
        for receipt in event.receipts:
            self.num_embedded += receipt.source == "film"
            self.num_found += receipt.source == "store"
            self.num_lost += receipt.source == "lost"
            self.num_frames += receipt.num_frames if receipt.source == "film" else 0
        self.embed_s += event.seconds
        self._left[event.film.number] = self._left.get(event.film.number, 0) - len(event.receipts)
        self._num_left -= len(event.receipts)
        self._mark()

    def _over(self, event: FilmDone | FilmFailed) -> None:
        self._bytes_over += event.film.num_bytes
        if event.film.number not in self._left:
            self._bytes_known += event.film.num_bytes
        self._num_left -= self._left.pop(event.film.number, 0)

    def _mark(self) -> None:
        now = self._last_mark_s = self._clock()
        if not self._marks:
            self._first_mark_s = now
        else:
            self._longest_silence_s = max(self._longest_silence_s, now - self._marks[-1][0])
        mark = (now, self.num_settled, self.num_frames, self.embed_s)
        if len(self._marks) > 1 and now - self._marks[-2][0] < MARK_EVERY_S:
            self._marks[-1] = mark
        else:
            self._marks.append(mark)
        while len(self._marks) > 2 and self._marks[1][0] <= now - WINDOW_S:
            self._marks.popleft()
