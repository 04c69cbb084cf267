"""What an annotator says of films, read from a file or a folder of any kind; and the films that two of them share."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path, PurePath, PurePosixPath

from vtn_stream.corrections import is_corrected, what_stands
from vtn_stream.errors import AnnotationError, InputError, TimelineError, UnknownFormat, listed, printable
from vtn_stream.evaluation.predictions import assign, folders_differ
from vtn_stream.evaluation.results_folder import find_timelines
from vtn_stream.exchange.intake import read_any, timeline_format_of
from vtn_stream.film import bare_name
from vtn_stream.formats import FORMATS
from vtn_stream.formats.annotations import AnnotatedVideo, read_annotations
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.annotations.words import shown
from vtn_stream.formats.reading import ENDS_WITH_LAST, CodingOptions, ReadingOptions, named_by
from vtn_stream.formats.writing import num
from vtn_stream.known import Known, Spans, known_of, shared
from vtn_stream.results.timelines import load_timeline
from vtn_stream.timeline import Segment, Timeline

__all__ = ["CodedFilm", "Coding", "SharedFilms", "names_apart", "read_coding", "shared_films", "with_lengths"]

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
    """

    segments: tuple[Segment, ...] = ()
    duration_s: float | None = None
    clip_label: str | None = None
    known: Known | None = field(default=None, hash=False)
    identity: str = ""


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
    """What one annotator says: annotations of any format, timelines of other programs, a timeline of ours, or a folder
    of those, also in folders in it.

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
            read = read_annotations(path, fps=fps, skip_bad=skip_bad, coding=coding)
        except UnknownFormat:  # the next reader knows more formats, and says what is wrong
            if title is not None:
                raise
        else:
            return Coding(
                name=name,
                films={film: _of_video(video) for film, video in read.videos.items()},
                is_unnamed=_is_unnamed([*read.videos], path, coding),
                told=tuple(map(str, read.warnings)),
                left_out=tuple(map(str, read.skipped)),
            )
    try:
        result = read_any(path, ReadingOptions(rate=fps, annotation_fps=fps, coding=coding))
    except (AnnotationError, TimelineError) as error:
        fact = error.fact if path.name in error.fact else f"{path.name}: {error.fact}"
        raise InputError(fact, "nothing was compared", error.cure) from error
    films, uncoded = _of_timelines({t.video_path: t for t in result.timelines})
    if len({t.video_path for t in result.timelines}) < len(result.timelines):
        raise InputError(f"{name} has one film twice", "nothing was compared", "keep one of them")
    unnamed = _is_unnamed([*films], path, coding)
    return Coding(name=name, films=films, told=result.warnings, uncoded=uncoded, is_unnamed=unnamed)


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
    )


def with_lengths(coding: Coding, lengths_s: Mapping[str, float]) -> Coding:
    """The same with lengths of films that it does not say."""
    films = {
        name: replace(film, duration_s=lengths_s[name]) if film.duration_s is None and name in lengths_s else film
        for name, film in coding.films.items()
    }
    return replace(coding, films=films)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFilms:
    """The films of two annotators, by the names that the first gives them.

    only_a, only_b  films that only one of them has; differing: those of which each has another film, or another version
    told            sentences that a reader of the figures must know
    """

    pairs: Mapping[str, tuple[CodedFilm, CodedFilm]] = field(hash=False)
    only_a: tuple[str, ...] = ()
    only_b: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


def shared_films(a: Coding, b: Coding) -> SharedFilms:
    """The films that both coded, by their names: without suffix, and without folders that only one of them names.

    Two files about a single film each are about one film where one of them does not name it. Raises InputError where
    there is no such film, or where a film may be one of several.
    """
    told = []
    assigned, only_b = assign(b.films, a.films, of="codings")
    if not assigned and len(a.films) == len(b.films) == 1 and (a.is_unnamed or b.is_unnamed):
        (ours,), (theirs,) = a.films, b.films
        assigned, only_b = {ours: theirs}, []
        told.append(f"A is about {shown(ours)} and B about {shown(theirs)}: these were taken for one film.")
    if not assigned:
        raise _none_shared(a, b)
    if loose := [f"{theirs} as {ours}" for ours, theirs in assigned.items() if folders_differ(theirs, ours)]:
        told.append(f"Matched with the film of the same name in another folder: {listed(loose)}.")
    pairs = {ours: (a.films[ours], b.films[theirs]) for ours, theirs in assigned.items()}
    differing = {
        film
        for film, (one, other) in pairs.items()
        if one.identity != other.identity and one.identity and other.identity
    }
    if differing == {*pairs}:
        raise InputError(
            f"A and B are of different films called {listed(sorted(differing))}, or of different versions of them",
            "nothing was compared: the times would be wrong",
            "code one and the same file",
        )
    return SharedFilms(
        pairs={film: pairs[film] for film in sorted(pairs, key=bare_name) if film not in differing},
        only_a=tuple(sorted(a.films.keys() - assigned.keys())),
        only_b=tuple(only_b),
        differing=tuple(sorted(differing)),
        told=tuple(told),
    )


def _none_shared(a: Coding, b: Coding) -> InputError:
    for coding in (a, b):
        if not coding.films:
            why = f": nobody coded {listed(coding.uncoded)} yet" if coding.uncoded else ""
            return InputError(
                f"{coding.name} has no film{why}", "nothing was compared", "check that it is the right file"
            )
    near = next((near for film in b.films if (near := nearest(bare_name(film), [*map(bare_name, a.films)]))), None)
    hint = f" (is one of them {shown(near)}?)" if near else ""
    return InputError(
        f"A and B have no film in common: A has {listed(sorted(a.films))}, B has {listed(sorted(b.films))}{hint}",
        "nothing was compared",
        "give the films the same names in both",
    )
