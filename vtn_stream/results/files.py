"""Where a finished analysis goes: files side by side, and never over another film's.

FILM.timeline.json          the timeline, always
FILM.timeline.csv           and every other format asked for, the page (.html) among them
FILM.scores.arrow           what the model said of each position, so that thresholds can change later
FILM.timeline.partial.json  while the analysis runs, or after one was killed: readable at any moment
"""

import os
from collections.abc import Iterable
from pathlib import Path

from vtn_stream.atomic import check_writable, write_whole
from vtn_stream.errors import TimelineError
from vtn_stream.film import FrameIndex, shareable_name
from vtn_stream.formats import FORMATS, Options, timeline_json
from vtn_stream.results.pages import page_of, quiet_way_to
from vtn_stream.store import scores_identity, write_scores
from vtn_stream.timeline import Timeline
from vtn_stream.track import GridScores

__all__ = ["FORMAT_NAMES", "ResultFiles", "load_timeline", "stem_of", "suffix_of", "write_file"]

PAGE = "html"  # a page needs the store and the film's place: it is no format that knows the timeline only
FORMAT_NAMES = (*FORMATS, PAGE)

MAX_TIMELINE_BYTES = 256 * 1024 * 1024  # 1,000,000 segments; a larger file is not a timeline
MAX_STEM_BYTES = 200  # a file name holds 255 bytes, our suffixes included


class ResultFiles:
    """The files of one film in one folder. Raises TimelineError if they cannot or must not be written.

    stem        what their names begin with, by default the film's name without its suffix
    inside      a page names the way to the film where both lie in this folder, by default the current one
    store       of the thumbnails that a page shows, if it shows any
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
    ) -> None:
        stem = Path(shareable_name(film.name)).stem if stem is None else stem
        stem = stem.encode()[:MAX_STEM_BYTES].decode("utf-8", "ignore") or "film"
        self.timelines = {
            name: folder / f"{stem}.timeline{suffix_of(name)}" for name in dict.fromkeys(["json", *formats])
        }
        self.scores = folder / f"{stem}.scores.arrow"
        self.partial = folder / f"{stem}.timeline.partial.json"
        self._folder = folder
        self._film = film
        self._inside = Path.cwd() if inside is None else inside
        self._store = store
        self._thumbnails = thumbnails
        self._overwrite = False

    def claim(self, video_identity: str, *, overwrite: bool = False) -> None:
        """Makes sure that the folder can be written and that no file of another film is in the way."""
        check_results_folder(self._folder, "the film was not analyzed")
        self._overwrite = overwrite
        self._check_owner(video_identity)

    def save_partial(self, timeline: Timeline) -> None:
        self._check_owner(timeline.video_identity)
        write_file(self.partial, timeline_json.dumps(timeline))

    def save(self, timeline: Timeline, scores: GridScores, index: FrameIndex, labels: tuple[str, ...]) -> list[str]:
        """Writes every file, the timeline last: if it is there, so are the others. Returns warnings of what formats
        could not hold.
        """
        self._check_owner(timeline.video_identity)
        write_scores(self.scores, scores, index, labels, timeline.video_identity)
        warnings: list[str] = []
        for name in reversed(self.timelines):
            if name == PAGE:
                film = quiet_way_to(self._film, self._folder, self._inside)
                written = page_of(timeline, film=film, store=self._store, thumbnails=self._thumbnails)
                # Nothing is said of a film that lies elsewhere, or has no pictures: the page itself does.
            else:
                written = FORMATS[name].write([timeline], Options())
                warnings += [f"{FORMATS[name].title}: {warning}" for warning in written.warnings]
            write_file(self.timelines[name], written.content)
        if PAGE in self.timelines:
            os.utime(self.timelines[PAGE])  # it is of this timeline, so no older
        self.drop_partial()
        return warnings

    def drop_partial(self) -> None:
        self.partial.unlink(missing_ok=True)

    def _check_owner(self, video_identity: str) -> None:
        """Checks again before every write: another run may have been first."""
        existing = [file for file in (*self.timelines.values(), self.scores, self.partial) if file.exists()]
        if not existing or self._overwrite:
            return
        # A run that was killed while it saved has left some of them; a CSV alone does not say whose it is.
        owners = {_identity_of(self.timelines["json"]), _identity_of(self.partial), scores_identity(self.scores)}
        if owners - {None} != {video_identity}:
            raise TimelineError(
                f"{existing[0].name} is there already and is not this film's",
                "it was kept and the film was not analyzed",
                "name another folder with -o, or replace it with --overwrite",
            )


def check_results_folder(folder: Path, consequence: str) -> None:
    """Makes sure now, not after an hour, that results can be written. Raises TimelineError."""
    try:
        check_writable(folder)
    except OSError as error:
        raise TimelineError(
            f"nothing can be written to {folder.name or folder} ({error.strerror})",
            consequence,
            "name another folder with -o",
        ) from error


def stem_of(timeline: Path) -> str:
    """How the files made from a timeline begin: film.timeline.json -> film."""
    return timeline.name.removesuffix(".json").removesuffix(".timeline")


def suffix_of(format: str) -> str:
    """How files of this format end."""
    return ".html" if format == PAGE else FORMATS[format].suffix


def write_file(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all. Raises TimelineError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, [content])
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "no path"
        raise TimelineError(
            f"{path.name} cannot be written ({reason})",
            "nothing that was computed is lost",
            "name another place, or make room there",
        ) from error


def load_timeline(path: Path) -> Timeline:
    """Loads a timeline of ours. Raises TimelineError if the file is missing or something else."""
    try:
        if not path.is_file() and path.exists():
            what = "a folder" if path.is_dir() else "not a regular file"
            raise TimelineError(f"{path.name} is {what}", "nothing was read", "give a .timeline.json file")
        with open(path, "rb") as file:
            data = file.read(MAX_TIMELINE_BYTES + 1)
    except OSError as error:
        raise TimelineError(
            f"{path.name} cannot be read ({error.strerror})", "nothing was read", "check the path"
        ) from error
    if len(data) > MAX_TIMELINE_BYTES:
        raise TimelineError(f"{path.name} is too large for a timeline", "nothing was read", "check the path")
    try:
        return timeline_json.loads(data)
    except TimelineError as error:
        raise TimelineError(f"{path.name}: {error.fact}", error.consequence, error.cure) from error


def _identity_of(path: Path) -> str | None:
    try:
        return load_timeline(path).video_identity
    except TimelineError:
        return None
