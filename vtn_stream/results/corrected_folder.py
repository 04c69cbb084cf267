"""A folder of timelines, and which of them people corrected: one of each film, never two people's work as one.

A film is known by its content. Where a file of its name is there, browsers call a new one FILM.timeline (1).json, and
people copy files: all of such a name are looked at, also in folders below.
"""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from vtn_stream.corrections import corrections_digest, is_corrected
from vtn_stream.errors import InputError, TimelineError, listed
from vtn_stream.formats import FORMATS
from vtn_stream.results.blank import is_blank
from vtn_stream.results.timelines import load_document
from vtn_stream.timeline import Timeline

__all__ = ["CorrectedFilm", "CorrectedFolder", "is_timeline_name", "read_corrected", "timelines_below"]

# FILM.timeline.labelstudio.json is what we wrote for another program; browsers call a copy ....labelstudio (1).json.
_OF_OTHERS = "|".join(
    re.escape(of.suffix.removesuffix(".json"))
    for of in FORMATS.ours.values()
    if of.suffix.endswith(".json") and of.suffix != ".json"
)
_TIMELINE = re.compile(rf"\.timeline\b(?!\.partial|(?:{_OF_OTHERS})\b)[^/]*\.json$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedFilm:
    """A film with a timeline. name: below the folder, as its results lie there; file: the timeline's, as well."""

    name: str
    file: PurePath
    timeline: Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedFolder:
    """The films of a folder, by name. Each is in one of these only.

    films     that people corrected, one file each
    open      that nobody corrected yet
    twice     that several files hold different hand work over: which of them counts is not ours to say
    coded     in which people said what happens before any model did
    edited    whose timelines were changed in an editor, not in a page, so that what the model had said is not known
    failed    files that cannot be read, and why
    """

    films: tuple[CorrectedFilm, ...]
    open: tuple[CorrectedFilm, ...]
    twice: tuple[tuple[CorrectedFilm, ...], ...]
    coded: tuple[CorrectedFilm, ...]
    edited: tuple[CorrectedFilm, ...]
    failed: dict[PurePath, str]

    def warnings(self) -> list[str]:
        """What is wrong in the folder, a line for each film or kind of it."""
        lines = [
            f"{listed((f.file.as_posix() for f in files), len(files))} hold different hand work over one film, "
            f"{files[0].timeline.video_path}; none of them counts; keep one, and move the others away"
            for files in self.twice
        ]
        if self.coded:
            names = listed(film.name for film in self.coded)
            lines.append(f"people said what happens before any model did: {names}; this says nothing of a model")
        if self.edited:
            names = listed(film.file.as_posix() for film in self.edited)
            lines.append(
                f"changed in an editor, not in a page: {names}; what a model had said there is not known, so they do "
                "not count; correct films in their pages"
            )
        lines += [f"{file.as_posix()}: {reason}; it does not count" for file, reason in self.failed.items()]
        return lines


def read_corrected(folder: Path, *, on_file: Callable[[int, int], None] | None = None) -> CorrectedFolder:
    """Reads all timelines in a folder and the folders in it. Raises InputError if there are none."""
    files = timelines_below(folder, "nothing was reviewed")
    if not files:
        raise InputError(
            f"there is no FILM.timeline.json in {folder.name or folder}",
            "nothing was reviewed",
            "name the folder of a batch",
        )
    films: list[CorrectedFilm] = []
    edited: list[CorrectedFilm] = []
    failed: dict[PurePath, str] = {}
    for done, file in enumerate(files):
        if on_file:
            on_file(done, len(files))
        try:
            document = load_document(folder / file)
        except TimelineError as error:
            failed[file] = error.fact.removeprefix(f"{file.name}: ")
            continue
        timeline = document.timeline
        film = CorrectedFilm(name=(file.parent / timeline.video_path).as_posix(), file=file, timeline=timeline)
        by_editor = document.origin in ("edited", "damaged") and not is_corrected(timeline)
        (edited if by_editor else films).append(film)
    by_film: dict[str, list[CorrectedFilm]] = {}
    for film in films:  # a conversion may not know the film: each file is one then
        region = "" if film.timeline.region is None else film.timeline.region.text  # one film for each region
        by_film.setdefault(f"{film.timeline.video_identity or film.file.as_posix()} {region}", []).append(film)
    one, still_open, coded, twice = [], [], [], []
    for of_film in by_film.values():
        corrected = _different(of_film)
        if len(corrected) > 1:
            twice.append(tuple(corrected))
        elif corrected and is_blank(corrected[0].timeline):
            coded.append(corrected[0])
        elif corrected:
            one.append(corrected[0])
        else:
            still_open.append(of_film[0])
    return CorrectedFolder(
        films=tuple(_by_name(one)),
        open=tuple(_by_name(still_open)),
        twice=tuple(twice),
        coded=tuple(_by_name(coded)),
        edited=tuple(_by_name(edited)),
        failed=failed,
    )


def _different(films: Sequence[CorrectedFilm]) -> list[CorrectedFilm]:
    """The first film of each that people said of them; a copy of the same hand work is no other."""
    said: dict[str, CorrectedFilm] = {}
    for film in sorted(films, key=lambda film: (len(film.file.name), film.file.as_posix())):
        digest = corrections_digest(film.timeline)
        if digest is not None:
            said.setdefault(digest, film)
    return list(said.values())


def _by_name(films: Iterable[CorrectedFilm]) -> list[CorrectedFilm]:
    return sorted(films, key=lambda film: (film.name, film.file.as_posix()))


def is_timeline_name(name: str) -> bool:
    """Whether a file is called as a timeline of ours, or as a browser or a person calls a copy of one."""
    return _TIMELINE.search(name) is not None


def timelines_below(folder: Path, consequence: str) -> list[PurePath]:
    """The timelines in a folder and the folders in it, also copies, relative to it. Raises InputError with this
    consequence if the folder cannot be read.
    """

    def tell(error: OSError) -> None:
        if error.filename == os.fspath(folder):
            raise InputError(
                f"{folder.name or folder} cannot be read ({error.strerror})", consequence, "check the path"
            ) from error

    found = []
    for path, folders, files in os.walk(folder, onerror=tell):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = PurePath(os.path.relpath(path, folder))
        found += [below / name for name in sorted(files) if is_timeline_name(name) and not name.startswith(".")]
    return found
