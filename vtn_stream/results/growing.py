"""The results of a film while it is written: what was reported as final, and the timeline and its page as they go.

While the film goes on its results belong to what it begins with (`begins`), and at its end to the finished film: both
are identities of one film, and so are those that it had when earlier runs reached its end and it went on.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Self

from vtn_stream.errors import TimelineError
from vtn_stream.film import FrameIndex
from vtn_stream.results.files import Saved
from vtn_stream.results.follow_file import FollowFile, identities_in
from vtn_stream.results.options import ResultOptions
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.track import GridScores

__all__ = ["GrowingResults"]

# A page of an hour is made in a fraction of a second: it takes at most a fiftieth of the time.
SHARE = 0.02
PAGE_EVERY_S, PARTIAL_EVERY_S = 30.0, 1.0


class GrowingResults:
    """A context manager, of a film that is begun.

    aside: the name that the lines of another film or of other settings have now; None where there were none

    Raises TimelineError where the files cannot be written or must not be, such as beside a timeline that was changed
    outside of a page; StoreError where the disk is full; InUse where another run writes them.
    """

    def __init__(
        self,
        film: Path,
        options: ResultOptions,
        *,
        begins: str,
        settings: str,
        store: Path,
        region: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """film: its path, of which the results have the name; settings: a digest of how it is analyzed; region: the
        name of the part of the picture that is looked at.
        """
        files = options.files(film, begins, store=store, region=region)
        self._files = files
        kept = files.claim(
            begins,
            overwrite=options.overwrite,
            discard_edits=options.discard_edits,
            also=(begins, *identities_in(files.follow, begins)),
        )
        if kept is not None:
            raise TimelineError(*kept.rsplit("; ", 2))
        self._record = FollowFile(files.follow, film=film.name, begins=begins, settings=settings)
        self.aside = self._record.aside
        self._partial, self._page = _Seldom(PARTIAL_EVERY_S, clock), _Seldom(PAGE_EVERY_S, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._record.close()

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All final ones that were told, by this run and by earlier ones."""
        return tuple(self._record.segments)

    @property
    def until_s(self) -> float:
        """All that ends before is among them."""
        return self._record.until_s

    def add(self, segments: Sequence[Segment], until_s: float) -> tuple[Segment, ...]:
        """Keeps final segments, and up to where all is final; gives those that were not told before."""
        return self._record.add(segments, until_s)

    def show(self, timeline: Timeline) -> None:
        """Writes the partial timeline, and now and then the page, unless they were written just now."""
        if self._partial.is_due:
            with_page = self._page.is_due
            with self._partial.done(), self._page.done() if with_page else nullcontext():
                self._files.save_partial(timeline, with_page=with_page)

    def save(self, timeline: Timeline, scores: GridScores, index: FrameIndex, labels: tuple[str, ...]) -> Saved:
        """Writes the results of the film that has ended, as `analyze` does."""
        saved = self._files.save(timeline, scores, index, labels)
        if timeline.complete:
            self._record.end(timeline.video_identity)
        return saved


class _Seldom:
    """Says when something may be done again: not sooner than every_s, and not more than SHARE of the time."""

    def __init__(self, every_s: float, clock: Callable[[], float]) -> None:
        self._every_s, self._clock = every_s, clock
        self._next_s = clock()

    @property
    def is_due(self) -> bool:
        return self._clock() >= self._next_s

    @contextmanager
    def done(self) -> Iterator[None]:
        """To be entered while it is done."""
        began_s = self._clock()
        yield
        now_s = self._clock()
        self._next_s = now_s + max(self._every_s, (now_s - began_s) / SHARE)
