"""annotate(films, output): pages in which people say what happens in films, also in films that nobody analyzed.

    probe each film ──> its page, without pictures     seconds for many films: work can begin
                    ──> index.html over all of them
    decode a few frames of each ──> the store ──> its page again, with pictures

No network is needed. What people saved beside a page is shown in it, and nothing of theirs is written over: neither a
timeline, which this never writes, nor a page that they changed. A run that was killed goes on: pictures are stored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vtn_stream.embedding import probe
from vtn_stream.errors import DecodingLost, InputError, TimelineError, VtnStreamError
from vtn_stream.film import VideoInfo
from vtn_stream.film_notices import warnings
from vtn_stream.results import check_results_folder, load_timeline, write_file
from vtn_stream.results.blank import asked_labels, blank_in_page, blank_timeline
from vtn_stream.results.corrected import copies_line
from vtn_stream.results.names import place_of
from vtn_stream.results.overview import write_index
from vtn_stream.results.pages import NO_FILM, check_replaceable, has_pictures, page_at, quiet_way_to
from vtn_stream.results.writing import holds
from vtn_stream.store import EmbeddingStore, write_pictures
from vtn_stream.timeline import Timeline
from vtn_stream.video import DecodingProcess, check_unchanged

__all__ = ["AnnotateEvent", "Failed", "FilmToAnnotate", "PageReady", "PicturesMade", "Told", "annotate", "picture_pts"]

# One in ten seconds, as an analysis stores them; as many as a page shows; of a short film still some.
MIN_PICTURES, MAX_PICTURES, PICTURE_EVERY_S = 10, 200, 10.0
DECODED_SIZE = (36, 64)  # H, W of the frames, which nobody looks at: pictures are made beside them


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmToAnnotate:
    """name: as messages call it; results: where its page belongs, below the output and without suffixes."""

    path: Path
    name: str
    results: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageReady:
    """A page is there. is_new: it was not, or said something else; has_film: it knows where the film lies."""

    film: FilmToAnnotate
    page: Path
    is_new: bool
    has_film: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturesMade:
    """How far the pictures are, those of all films together."""

    num_done: int
    num_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A line on a film that has its page, or (None) on the index."""

    film: FilmToAnnotate | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A film that has no page of its own, or an old one, and why."""

    film: FilmToAnnotate
    error: VtnStreamError


AnnotateEvent = PageReady | PicturesMade | Told | Failed


def annotate(
    films: Sequence[FilmToAnnotate],
    output: Path,
    *,
    labels: Sequence[str] = (),
    store: Path | None = None,
    thumbnails: bool = True,
    inside: Path | None = None,
    on_event: Callable[[AnnotateEvent], None] = lambda event: None,
) -> None:
    """Writes a page of each film below the output, and index.html over all pages and timelines there.

    labels  that people will use: they come first in every page
    store   of probes and pictures; None for the usual one
    inside  a page names the way to its film where both lie in this folder; None for the current one

    What is wrong with one film is an event, and the others have their pages. Raises TimelineError if the output cannot
    be written.
    """
    check_results_folder(output, "no page was written")
    work = _Work(output, tuple(labels), EmbeddingStore(store), Path.cwd() if inside is None else inside, on_event)
    with DecodingProcess() as process:
        waiting = work.write_pages(films, process, thumbnails=thumbnails)
        work.write_index(thumbnails=thumbnails)
        if waiting:
            work.add_pictures(waiting, process)
            work.write_index(thumbnails=thumbnails)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A film whose page has no pictures yet, and how many it will have."""

    film: FilmToAnnotate
    num_pictures: int


class _Work:
    """One run over all films."""

    def __init__(
        self,
        output: Path,
        labels: tuple[str, ...],
        store: EmbeddingStore,
        inside: Path,
        tell: Callable[[AnnotateEvent], None],
    ) -> None:
        self.output, self.labels, self.store, self.inside, self.tell = output, labels, store, inside, tell
        self.failed: dict[str, str] = {}  # why, by where the results of films belong
        self.num_ready = 0

    def write_pages(
        self, films: Sequence[FilmToAnnotate], process: DecodingProcess, *, thumbnails: bool
    ) -> list[_Waiting]:
        waiting = []
        for film in films:
            try:
                video = probe(film.path, self.store, process)
                timeline = self._write_page(film, video)
                for line in warnings(video):
                    self.tell(Told(film=film, message=line))
                if thumbnails and not has_pictures(timeline, self.store):
                    waiting.append(_Waiting(film, len(picture_pts(video))))
            except VtnStreamError as error:
                self.failed[film.results] = error.fact
                self.tell(Failed(film=film, error=error))
        return waiting

    def add_pictures(self, waiting: Sequence[_Waiting], process: DecodingProcess) -> None:
        num_total, num_before = sum(each.num_pictures for each in waiting), 0
        for each in waiting:

            def tell_progress(num: int, before: int = num_before) -> None:
                self.tell(PicturesMade(num_done=before + num, num_total=num_total))

            try:
                video = probe(each.film.path, self.store, process)
                if not has_pictures(blank_timeline(video), self.store):  # a copy of it was among the films before
                    self._make_pictures(each.film, video, process, tell_progress)
                self._write_page(each.film, video)
            except VtnStreamError as error:  # its page is there, without pictures
                self.tell(Told(film=each.film, message=str(error)))
            num_before += each.num_pictures
            self.tell(PicturesMade(num_done=num_before, num_total=num_total))

    def write_index(self, *, thumbnails: bool) -> None:
        if not self.num_ready:
            return
        try:
            written = write_index(self.output, failed=self.failed, store=self.store.root, thumbnails=thumbnails)
        except VtnStreamError as error:
            self.tell(Told(film=None, message=str(error)))
        else:
            for line in written.told:
                self.tell(Told(film=None, message=line))

    def _write_page(self, film: FilmToAnnotate, video: VideoInfo) -> Timeline:
        """Writes the page if it says something else, and gives the timeline in it."""
        place = self.output / place_of(
            self.output, film.path, video.identity, in_batch=film.results, inside=self.inside
        )
        page, file = (place.with_name(f"{place.name}.timeline.{end}") for end in ("html", "json"))
        check_replaceable(page)
        source = file if file.exists() else None
        timeline = self._blank(page, file, video) if source is None else load_timeline(source)
        if timeline.video_identity != video.identity:
            raise TimelineError(
                f"{file.name} is of another film of this name, or of another version of it",
                "it was kept and no page was written",
                "name another folder with -o, or move it away",
            )
        for line in copies_line(place.parent, place.name, video.identity):
            self.tell(Told(film=film, message=line))
        way = quiet_way_to(film.path, page.parent, self.inside)
        written = page_at(page, timeline, film=way, store=self.store.root, source=source, labels=self.labels)
        is_new = not holds(page, written.content)
        if is_new:
            for line in write_file(page, written.content):
                self.tell(Told(film=film, message=line))
        self.num_ready += 1
        self.tell(PageReady(film=film, page=page, is_new=is_new, has_film=NO_FILM not in written.warnings))
        return timeline

    def _blank(self, page: Path, file: Path, video: VideoInfo) -> Timeline:
        """With the labels of now, then those that the page had before. Raises InputError for a page that says more."""
        before = blank_in_page(page)
        if before is None and page.exists():
            raise InputError(
                f"{page.name} shows what was in {file.name}, which is not there any more",
                "the page was kept",
                "put that file back beside it, or move the page away to begin again",
            )
        earlier = () if before is None or before.video_identity != video.identity else asked_labels(before)
        return blank_timeline(video, tuple(dict.fromkeys((*self.labels, *earlier))))

    def _make_pictures(
        self, film: FilmToAnnotate, video: VideoInfo, process: DecodingProcess, tell_progress: Callable[[int], None]
    ) -> None:
        """Stores pictures of the film. Where decoding dies it is tried once more from there; what came is stored."""
        pts = picture_pts(video)
        found: dict[int, bytes] = {}
        num_done = 0
        for is_last in (False, True):
            begun = num_done
            try:
                wanted = pts[begun:]
                for batch in process.frames(video, wanted, DECODED_SIZE, np.ones(len(wanted), np.bool_)):
                    found |= {int(wanted[i]): jpeg for i, jpeg in batch.thumbnails.items()}
                    num_done += len(batch.items) + len(batch.lost)
                    tell_progress(num_done)
                break
            except DecodingLost as error:
                if is_last and not found:
                    raise
                if is_last:
                    self.tell(Told(film=film, message=f"{error.fact}: it has {len(found)} of {len(pts)} pictures"))
        check_unchanged(video)
        write_pictures(
            self.store.root, video.identity, [(video.seconds(at), jpeg) for at, jpeg in sorted(found.items())]
        )


def picture_pts(video: VideoInfo) -> NDArray[np.int64]:
    """int64 [n]: timestamps of frames for pictures, one from each of n equal parts of the film: the keyframe nearest to
    the part's middle, which costs one frame to decode; where there is none, the frame that is shown there.
    """
    num = int(min(MAX_PICTURES, max(MIN_PICTURES, video.duration_s // PICTURE_EVERY_S)))
    times_s = video.times_s
    at_keys = np.flatnonzero(np.isin(video.pts, video.keyframes))
    chosen = []
    for i in range(num):
        start_s, middle_s, end_s = ((i + share) * video.duration_s / num for share in (0.0, 0.5, 1.0))
        inside = at_keys[slice(*np.searchsorted(times_s[at_keys], (start_s, end_s)))]
        if len(inside):
            chosen.append(int(inside[np.abs(times_s[inside] - middle_s).argmin()]))
        else:
            chosen.append(max(0, int(np.searchsorted(times_s, middle_s, side="right")) - 1))
    return video.pts[np.unique(chosen)]
