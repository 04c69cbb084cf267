"""What an annotator says of films, read from a file or a folder of any kind."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path, PurePath, PurePosixPath

from vtn_stream.corrections import is_corrected, what_stands
from vtn_stream.errors import AnnotationError, InputError, TimelineError, UnknownFormat, listed, printable
from vtn_stream.evaluation.results_folder import find_timelines
from vtn_stream.exchange.intake import BUNDLES, read_any, timeline_format_of
from vtn_stream.film import is_film_name
from vtn_stream.formats import FORMATS
from vtn_stream.formats.annotations import AnnotatedVideo, read_annotations
from vtn_stream.formats.annotations.words import shown
from vtn_stream.formats.reading import ENDS_WITH_LAST, CodingOptions, ReadingOptions, named_by
from vtn_stream.formats.writing import num
from vtn_stream.known import Known, Spans, known_of, shared
from vtn_stream.results.timelines import load_timeline
from vtn_stream.segments import Part
from vtn_stream.timeline import Segment, Timeline

__all__ = ["CodedFilm", "Coding", "coding_of", "names_apart", "read_coding", "with_lengths"]

_FOR_PEOPLE = "annotation"  # in the provenance of a timeline that `annotate` began, for people to fill
_DOWNLOADED = re.compile(r"\.timeline ?\(\d+\)\.json$")  # as browsers call a second download
_TABLES = {FORMATS["csv"].title, FORMATS["tsv"].title}  # annotations too, which are read strictly
_LEFT_OUT = "left out: "


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedFilm:
    """What an annotator says of one film.

    duration_s  of the film; None where the file does not say it
    clip_label  what the film as a whole is
    known       in which of its time it is known what happens; None: in all of it
    identity    of the film's frames; "" where the file does not say it
    parts       the files of a recording
    """

    segments: tuple[Segment, ...] = ()
    duration_s: float | None = None
    clip_label: str | None = None
    known: Known | None = field(default=None, hash=False)
    identity: str = ""
    parts: tuple[Part, ...] = ()

    def per_file(self) -> dict[str, "CodedFilm"]:
        """What is said of each file of a recording, in its own time, by its path. What the recording as a whole is, is
        left out.
        """
        files = {}
        for part in self.parts:
            pieces = (s.cropped(part.start_s, part.end_s) for s in self.segments)
            files[part.video_path] = CodedFilm(
                segments=tuple(piece.shift(-part.start_s) for piece in pieces if piece is not None),
                duration_s=part.duration_s,
                known=None if self.known is None else self.known.cropped(part.start_s, part.end_s),
                identity=part.video_identity,
            )
        return files


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """What an annotator says of all films.

    name       of the file or folder, without the folders that it lies in
    films      by their names
    told       what was read otherwise than it stands there
    left_out   what is wrong and was left out, where that was asked for
    uncoded    films that nobody coded: they are there, and nobody said anything of them
    is_unnamed  whether it is about a single film that it does not name
    """

    name: str
    films: Mapping[str, CodedFilm] = field(hash=False)
    told: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    uncoded: tuple[str, ...] = ()
    is_unnamed: bool = False


def read_coding(
    path: Path,
    *,
    name: str | None = None,
    fps: Fraction | None = None,
    skip_bad: bool = False,
    coding: CodingOptions = CodingOptions(),
) -> Coding:
    """What one annotator says: annotations of any format, a timeline of ours or of another program; a folder of
    timelines of ours, also in folders in it; or a folder of other such files.

    Of a timeline that people corrected, what they say counts, where it is known; of another one, all of it.

    name      what it is called; None: as the file or folder
    fps       frames a second, for annotations that count frames
    skip_bad  leave out what is wrong in annotations, and tell it
    coding    which observations of BORIS are read, and how
    Raises AnnotationError, InputError, TimelineError.
    """
    name = name or path.name or path.resolve().name
    if path.is_dir() and (files := _timelines_in(path)):
        return _of_folder(path, name, files)
    title = timeline_format_of(path) if path.is_file() else None
    if title is None or title in _TABLES:
        try:
            annotations = read_annotations(path, fps=fps, skip_bad=skip_bad, coding=coding)
        except UnknownFormat:  # the next reader knows more formats, and says what is wrong
            if title is not None:
                raise
            if path.is_dir() and (inside := _files_in(path)):
                one = partial(read_coding, fps=fps, skip_bad=skip_bad, coding=coding)
                return _joined(name, {file.name: one(file) for file in inside})
        else:
            return Coding(
                name=name,
                films={film: _of_video(video) for film, video in annotations.videos.items()},
                is_unnamed=_is_unnamed([*annotations.videos], path, coding),
                told=tuple(map(str, annotations.warnings)),
                left_out=tuple(map(str, annotations.skipped)),
            )
    try:
        result = read_any(path, ReadingOptions(rate=fps, annotation_fps=fps, coding=coding))
    except (AnnotationError, TimelineError) as error:
        fact = error.fact if path.name in error.fact else f"{path.name}: {error.fact}"
        raise InputError(fact, "nothing was compared", error.cure) from error
    read = coding_of(result.timelines, name)
    return replace(read, told=result.warnings, is_unnamed=_is_unnamed([*read.films], path, coding))


def _files_in(folder: Path) -> list[Path]:
    """Files that may hold what people coded. None in a folder that is one file of a program, as Final Cut Pro's are."""
    if folder.suffix.lower() in BUNDLES:
        return []
    names = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    return [file for file in names if not is_film_name(file.name)]


def _joined(name: str, files: Mapping[str, Coding]) -> Coding:
    """What several files say. Raises InputError where two say something of one film."""
    films: dict[str, CodedFilm] = {}
    of: dict[str, str] = {}
    for file, coding in files.items():
        for film, coded in coding.films.items():
            if film in films:
                raise InputError(
                    f"{of[film]} and {file} are both about {shown(film)}", "nothing was compared", "keep one of them"
                )
            films[film], of[film] = coded, file
    return Coding(
        name=name,
        films=films,
        told=tuple(f"{file}: {text}" for file, coding in files.items() for text in coding.told),
        left_out=tuple(f"{file}: {text}" for file, coding in files.items() for text in coding.left_out),
        uncoded=tuple(film for coding in files.values() for film in coding.uncoded),
    )


def coding_of(timelines: Iterable[Timeline], name: str) -> Coding:
    """What timelines say, by their films. Raises InputError where two are of one film."""
    by_film: dict[str, Timeline] = {}
    for timeline in timelines:
        if timeline.video_path in by_film:
            raise InputError(
                f"{name} has two timelines of {printable(timeline.video_path)}",
                "nothing was compared",
                "give one of them",
            )
        by_film[timeline.video_path] = timeline
    films, uncoded = _of_timelines(by_film)
    return Coding(name=name, films=films, uncoded=uncoded)


def _is_unnamed(films: Sequence[str], path: Path, coding: CodingOptions) -> bool:
    """Whether a single film is called by its file, or by the one observation that was asked for."""
    if len(films) != 1:
        return False
    return films[0] in (path.stem, named_by(path.name)) or bool(coding.observations and coding.reads(films[0]))


def names_apart(a: Path, b: Path) -> tuple[str, str]:
    """The names of two files or folders; where they are the same, with the folders that tell them apart, as far as
    these were given from the current folder: others may say whose computer it is.
    """
    if a.is_absolute() or b.is_absolute():
        return a.name, b.name
    for num_parts in range(1, max(len(a.parts), len(b.parts)) + 1):
        one, other = ("/".join(path.parts[-num_parts:]) for path in (a, b))
        if one != other:
            return one, other
    return a.name, b.name


def _timelines_in(folder: Path) -> list[PurePath]:
    again = [file.relative_to(folder) for file in folder.rglob("*.json") if _DOWNLOADED.search(file.name)]
    return sorted({*find_timelines(folder), *(file for file in again if not file.name.startswith("."))})


def _of_folder(folder: Path, name: str, files: Sequence[PurePath]) -> Coding:
    timelines: dict[str, Timeline] = {}
    of: dict[str, PurePath] = {}
    partial = []
    for file in files:
        timeline = load_timeline(folder / file)
        film = (PurePosixPath(file.parent.as_posix()) / timeline.video_path).as_posix()
        if film in timelines:
            raise InputError(
                f"{of[film].as_posix()} and {file.as_posix()} are both timelines of {printable(timeline.video_path)}",
                "nothing was compared",
                "keep one of them in this folder",
            )
        timelines[film], of[film] = timeline, file
        partial += [film] if not timeline.complete else []
    films, uncoded = _of_timelines(timelines)
    told = (f"of {num(len(partial), 'film')} only a part was analyzed: {listed(partial)}",) if partial else ()
    return Coding(name=name, films=films, told=told, uncoded=uncoded)


def _of_timelines(timelines: Mapping[str, Timeline]) -> tuple[dict[str, CodedFilm], tuple[str, ...]]:
    uncoded = tuple(film for film, timeline in timelines.items() if _is_blank(timeline))
    return {film: _of_timeline(t) for film, t in timelines.items() if film not in uncoded}, uncoded


def _is_blank(timeline: Timeline) -> bool:
    """Whether it is as `annotate` made it, for people to fill: an empty one says nothing, not that nothing happens."""
    return _FOR_PEOPLE in timeline.provenance and not is_corrected(timeline) and not timeline.segments


def _of_timeline(timeline: Timeline) -> CodedFilm:
    notes = timeline.provenance.get("notes")
    is_guessed = isinstance(notes, list) and ENDS_WITH_LAST in notes
    corrected = is_corrected(timeline)
    label = timeline.clip_labels[0][0] if len(timeline.clip_labels) == 1 else None
    return CodedFilm(
        segments=what_stands(timeline) if corrected else timeline.segments,
        duration_s=None if is_guessed else timeline.duration_s,
        clip_label=None if timeline.segments else label,
        known=_known(timeline, corrected=corrected, is_guessed=is_guessed),
        identity=timeline.video_identity,
        parts=timeline.parts,
    )


def _known(timeline: Timeline, *, corrected: bool, is_guessed: bool) -> Known | None:
    """Where a timeline says what happens: not outside of what was analyzed, nor in gaps."""
    if not corrected and (is_guessed or (timeline.span_s == (0.0, timeline.duration_s) and not timeline.gaps)):
        return None
    start_s, end_s = timeline.span_s
    span: Spans = ((start_s, end_s),) if start_s < end_s else ()
    if corrected:
        known = known_of(timeline)
        return Known(own={label: shared(of, span) for label, of in known.own.items()}, rest=shared(known.rest, span))
    gaps = sorted((gap.start_s, gap.end_s) for gap in timeline.gaps)
    rest, at_s = [], start_s
    for gap_start_s, gap_end_s in [*gaps, (end_s, end_s)]:
        if at_s < min(gap_start_s, end_s):
            rest.append((at_s, min(gap_start_s, end_s)))
        at_s = max(at_s, gap_end_s)
    return Known(rest=tuple(rest))


def _of_video(video: AnnotatedVideo) -> CodedFilm:
    return CodedFilm(
        segments=video.segments,
        duration_s=video.duration_s,
        clip_label=video.clip_label,
        known=video.known,
        identity=video.identity or "",
        parts=video.parts,
    )


def with_lengths(coding: Coding, lengths_s: Mapping[str, float]) -> Coding:
    """The same with lengths of films that it does not say."""
    films = {
        name: replace(film, duration_s=lengths_s[name]) if film.duration_s is None and name in lengths_s else film
        for name, film in coding.films.items()
    }
    return replace(coding, films=films)
