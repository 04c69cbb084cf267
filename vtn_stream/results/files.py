"""Where a finished analysis goes: files side by side, never over another film's, and never over hand work.

FILM is the film's whole name, its suffix included (vtn_stream/results/names.py):

FILM.timeline.json          the timeline, always; with the digests of the others
FILM.timeline.csv           and every other format asked for, the page (.html) among them
FILM.scores.arrow           what the model said of each position, so that thresholds can change later
FILM.timeline.partial.json  while the analysis runs, or after one was killed: readable at any moment
FILM.follow.jsonl           of a film that was followed: see follow_file.py
NAME.edited-1               a file that was put aside, as it was changed by hand, or may have been
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vtn_stream.anonymous import anonymous
from vtn_stream.corrections import Kept
from vtn_stream.errors import TimelineError
from vtn_stream.film import FrameIndex
from vtn_stream.formats import FORMATS, Options, timeline_json
from vtn_stream.results.blank import blank_in_page
from vtn_stream.results.corrected import check_within, copies_line, drawn_over, kept_lines, recordings_line
from vtn_stream.results.fates import Fate, corrected_in, fate_of, fate_of_timeline, kept_whole
from vtn_stream.results.format_names import PAGE, suffix_of
from vtn_stream.results.hand_work import Beside, put_aside
from vtn_stream.results.names import plain_name
from vtn_stream.results.pages import Scored, page_of, quiet_way_to
from vtn_stream.results.writing import aside_line, check_results_folder, kept_line, write
from vtn_stream.seal import digest
from vtn_stream.store import scores_content, scores_identity
from vtn_stream.timeline import Timeline
from vtn_stream.track import GridScores

__all__ = ["ResultFiles", "Saved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What became of results.

    timeline  what was written: what was drawn, around hand work; what was drawn where nothing was written
    written   the files that are new
    warnings  what their formats could not hold
    told      lines on hand work: what was kept, what was put aside
    """

    timeline: Timeline

    written: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


class ResultFiles:
    """The files of one film in one folder. Raises TimelineError if they cannot or must not be written.

    stem        what their names begin with, by default the film's whole name
    inside      a page names the way to the film where both lie in this folder, by default the current one
    store       of the thumbnails that a page shows, if it shows any
    name        what results call the film, where that is not to be known: `vtn_stream.anonymous`; the stem then
    parts       the files of a recording, whose name `film` is then
    """

    def __init__(
        self,
        folder: Path,
        film: Path,
        formats: Iterable[str] = ("json",),
        *,
        stem: str | None = None,
        inside: Path | None = None,
        store: Path | None = None,
        thumbnails: bool = True,
        name: str | None = None,
        parts: Sequence[Path] = (),
    ) -> None:
        stem = plain_name(film.name) if stem is None else stem
        self.timelines = {
            name: folder / f"{stem}.timeline{suffix_of(name)}" for name in dict.fromkeys(["json", *formats])
        }
        self.scores = folder / f"{stem}.scores.arrow"
        self.partial = folder / f"{stem}.timeline.partial.json"
        self.follow = folder / f"{stem}.follow.jsonl"
        self._folder, self._stem = folder, stem
        self._film, self._name, self._parts = film, name, tuple(parts)
        self._inside = Path.cwd() if inside is None else inside
        self._store = store
        self._thumbnails = thumbnails
        self._overwrite = self._discard_edits = False
        self._also: frozenset[str] = frozenset()

    def claim(
        self,
        video_identity: str,
        *,
        overwrite: bool = False,
        discard_edits: bool = False,
        span_s: tuple[float, float] | None = None,
        also: Iterable[str] = (),
    ) -> str | None:
        """Makes sure that the folder can be written and that no file of another film is in the way.

        overwrite      another film's files may be replaced, as far as they are no hand work
        discard_edits  hand work may be put aside
        span_s         the part of the film that will be drawn; None: all of it
        also           other identities of this film: those that it had while it was written

        The line that is given says that the timeline was changed outside of a page. Nothing of the film is to be
        written then: what is drawn of it would say something else.
        """
        check_results_folder(self._folder, "the film was not analyzed")
        self._overwrite, self._discard_edits, self._also = overwrite, discard_edits, frozenset(also)
        beside = self._look(video_identity)
        corrected = self._corrected(beside)
        if corrected is not None and span_s is not None:
            check_within(self._timeline.name, corrected, span_s)
        return self._kept_whole(beside)

    def hand_work(self) -> tuple[str, ...]:
        """Lines on what an analysis would keep, as it was changed by hand; none if nothing was. A timeline that was
        corrected in a page is no such thing: an analysis says what it does around the hand work.
        """
        beside = self._beside()
        if (line := self._kept_whole(beside)) is not None:
            return (line,)
        kept = kept_line([file for file in self._others() if self._fate(file, beside) == "keep"])
        return (*kept, *(() if beside.timeline is None else self._copies(beside.timeline.timeline)))

    def is_corrected(self) -> bool:
        """Whether people corrected the timeline that is there in a page."""
        return self._corrected(self._beside()) is not None

    def save_partial(self, timeline: Timeline, *, with_page: bool = False) -> None:
        """with_page: the page, where it was asked for, shows what is there by now; without pictures and curves."""
        timeline, beside = self._called(timeline), self._look(timeline.video_identity, is_running=True)
        timeline = self._around_hand_work(timeline, beside).timeline
        self._write_partial(timeline, beside, {})
        page = self.timelines.get(PAGE)
        if with_page and page is not None and self._fate(page, beside) == "replace":
            write(page, self._page(timeline, None, self._earlier(timeline, beside)))

    def save(self, timeline: Timeline, scores: GridScores, index: FrameIndex, labels: tuple[str, ...]) -> Saved:
        """Writes every file, the timeline last: if it is there, so are the others. Hand work is kept, or put aside.

        Until then the partial timeline has the digests of all that is written, so that nothing looks like hand work
        where a run is killed meanwhile.
        """
        timeline = drawn = self._called(timeline)
        beside = self._look(timeline.video_identity)
        if (line := self._kept_whole(beside)) is not None:
            self.drop_partial()
            return Saved(timeline=timeline, told=(line,))
        around = self._around_hand_work(drawn, beside)
        timeline = around.timeline
        contents = {self.scores: scores_content(scores, index, labels, timeline.video_identity)}
        warnings: list[str] = []
        for name in reversed([name for name in self.timelines if name not in ("json", PAGE)]):
            contents[self.timelines[name]], lost = self._content(name, timeline)
            warnings += lost
        fates = {file: self._fate(file, beside, content) for file, content in contents.items()}
        digests = {beside.end_of(f): (digest(c),) for f, c in contents.items() if fates[f] != "keep"}
        files = self._earlier(timeline, beside) | digests
        if (page := self.timelines.get(PAGE)) is not None:
            contents[page] = self._page(timeline, (scores, index, labels), files)
            fates[page] = self._fate(page, beside, contents[page])
        contents = {file: content for file, content in contents.items() if fates[file] != "keep"}
        self._write_partial(timeline, beside, digests)
        contents[self._timeline] = timeline_json.dumps(timeline, files)
        fates[self._timeline] = fate_of_timeline(self._timeline, timeline, beside, discard_edits=self._discard_edits)
        asides = []
        for file, content in contents.items():
            if file == self._timeline and self._beside().timeline != beside.timeline:  # a page saved it just now
                return self.save(drawn, scores, index, labels)
            if fates[file] == "aside":
                asides.append(put_aside(file))
            write(file, content)
        if page in contents:
            os.utime(page)  # it is of this timeline, so no older
        self.drop_partial()
        kept = [file for file in self._others() if fates[file] == "keep"]
        return Saved(
            timeline=timeline,
            written=tuple(file for file in (self._timeline, *self._others()) if file in contents),
            warnings=tuple(warnings),
            told=(
                *kept_lines(around),
                *kept_line(kept, is_corrected=around.timeline is not drawn),
                *aside_line(asides),
                *self._copies(timeline),
            ),
        )

    def drop_partial(self) -> None:
        self.partial.unlink(missing_ok=True)

    def _called(self, timeline: Timeline) -> Timeline:
        return timeline if self._name is None else anonymous(timeline, self._name)

    def _content(self, name: str, timeline: Timeline) -> tuple[bytes, list[str]]:
        written = FORMATS[name].write([timeline], Options())
        return written.content, [f"{FORMATS[name].title}: {warning}" for warning in written.warnings]

    def _page(self, timeline: Timeline, scored: Scored | None, files: Mapping[str, tuple[str, ...]]) -> bytes:
        """files: digests that the timeline's file has, and so the one that the page saves."""
        film = None if self._name else quiet_way_to(self._film, self._folder, self._inside)
        ways = list[str]()
        if timeline.parts and not self._name and len(self._parts) == len(timeline.parts):
            for file, part in zip(self._parts, timeline.parts, strict=True):
                ways.append(quiet_way_to(file, self._folder, self._inside) or part.video_path)
        # Nothing is said of a film that lies elsewhere, or has no pictures: the page itself does.
        pictures = self._thumbnails and scored is not None
        return page_of(
            timeline, film=film, parts=ways, store=self._store, thumbnails=pictures, scored=scored, files=files
        ).content

    def _write_partial(self, timeline: Timeline, beside: Beside, digests: Mapping[str, tuple[str, ...]]) -> None:
        """digests: of what will be written now, beside those of what may be there."""
        ends = (*(beside.digests or ()), *beside.written, *digests)
        known = {end: tuple(dict.fromkeys((*beside.known(end), *digests.get(end, ())))) for end in ends}
        write(self.partial, timeline_json.dumps(timeline, known))

    def _earlier(self, timeline: Timeline, beside: Beside) -> dict[str, tuple[str, ...]]:
        """The digests of the film's files that are there, other formats among them."""
        if not self._are_of(timeline.video_identity, self._owners(beside)):
            return {}
        ends = (*(beside.digests or ()), *beside.written)
        return {end: beside.known(end) for end in ends if (self._folder / f"{self._stem}.{end}").exists()}

    # What is there

    @property
    def _timeline(self) -> Path:
        return self.timelines["json"]

    def _others(self) -> tuple[Path, ...]:
        return (*(file for name, file in self.timelines.items() if name != "json"), self.scores)

    def _beside(self) -> Beside:
        return Beside.of(self._folder, self._stem)

    def _look(self, video_identity: str, *, is_running: bool = False) -> Beside:
        """Checks whose the files are; again before every write, as another run may have been first.

        is_running: it is no time to look at the timeline, which a person may be writing just now
        """
        beside = self._beside()
        if beside.trouble and not self._discard_edits and not is_running:
            raise TimelineError(
                f"{self._timeline.name} exists already, and is damaged: "
                + beside.trouble.fact.removeprefix(f"{self._timeline.name}: "),
                "it was kept and the film was not analyzed",
                "fix it there, name another folder with -o, or put it aside with --discard-edits",
            )
        existing = [file for file in (*self.timelines.values(), self.scores, self.partial) if file.exists()]
        owners = self._owners(beside)
        if not existing or self._are_of(video_identity, owners) or (self._discard_edits and not owners):
            return beside
        corrected = self._corrected(beside)
        if corrected is not None and not self._are_of(video_identity, {corrected.video_identity}):
            raise TimelineError(
                f"{self._timeline.name} holds hand work over another film of this name, or over another version of it",
                "it was kept and the film was not analyzed",
                "name another folder with -o, or put it aside with --overwrite and --discard-edits together",
            )
        if not self._overwrite:
            raise TimelineError(
                f"{existing[0].name} exists already and is not this film's",
                "it was kept and the film was not analyzed",
                "name another folder with -o, or replace it with --overwrite",
            )
        if self._kept_whole(beside) or any(self._fate(file, beside) == "keep" for file in self._others()):
            raise TimelineError(
                f"{existing[0].name} exists already, is not this film's, and it or a file beside it is hand work",
                "it was kept and the film was not analyzed",
                "name another folder with -o, or put it aside with --overwrite and --discard-edits together",
            )
        return beside

    def _are_of(self, video_identity: str, owners: set[str | None]) -> bool:
        """Whether it is known whose files these are, and they are this film's."""
        return bool(owners) and owners <= {video_identity, *self._also}

    def _owners(self, beside: Beside) -> set[str | None]:
        """Whose files are there, by the films' identities. A run that was killed while it saved has left some of them.

        A CSV alone does not say, nor a timeline that was changed where another file does.
        """
        owners = {scores_identity(self.scores)} - {None}
        if beside.partial is not None:
            owners.add(beside.partial.timeline.video_identity)
        if beside.timeline is not None and (beside.timeline.origin in ("ours", "old") or not owners):
            owners.add(beside.timeline.timeline.video_identity)
        page = self._folder / f"{self._stem}.timeline{suffix_of(PAGE)}"
        if not owners and (blank := blank_in_page(page)) is not None:  # nobody saved anything in it yet
            owners.add(blank.video_identity)
        return owners

    # What may become of it

    def _corrected(self, beside: Beside) -> Timeline | None:
        """The timeline that is there, if it holds hand work around which an analysis draws."""
        return corrected_in(beside, discard_edits=self._discard_edits)

    def _around_hand_work(self, timeline: Timeline, beside: Beside) -> Kept:
        corrected = self._corrected(beside)
        if corrected is None or not self._are_of(timeline.video_identity, {corrected.video_identity}):
            return Kept(timeline=timeline)
        return drawn_over(corrected, timeline)

    def _copies(self, timeline: Timeline) -> tuple[str, ...]:
        files = [part.video_identity for part in timeline.parts]
        return (
            *copies_line(self._folder, self._stem, timeline.video_identity),
            *recordings_line(self._folder, self._stem, timeline.video_identity, files),
        )

    def _kept_whole(self, beside: Beside) -> str | None:
        """The line that says so where the timeline is hand work, or may be."""
        return kept_whole(beside, discard_edits=self._discard_edits)

    def _fate(self, file: Path, beside: Beside, content: bytes | None = None) -> Fate:
        return fate_of(file, beside, content, discard_edits=self._discard_edits)
