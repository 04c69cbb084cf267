"""Finds the annotated films in a folder and probes them; reports every problem at once. Decodes nothing."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from vtn_stream.embedding import probe
from vtn_stream.errors import AnnotationError, InputError, UnknownFormat, VideoError, listed
from vtn_stream.film import FILM_SUFFIXES, VideoInfo, bare_name, is_film_name
from vtn_stream.film_folder import FilmFolder
from vtn_stream.formats.annotations import Annotations, Problem, cholec80, kinetics, mstcn, read_annotations, salads
from vtn_stream.formats.annotations.annotated import in_files
from vtn_stream.formats.annotations.label_names import LabelNames
from vtn_stream.formats.reading import CodingOptions
from vtn_stream.store import EmbeddingStore
from vtn_stream.training.convertible import with_command
from vtn_stream.training.events import TrainingEvent, TrainingStage
from vtn_stream.video import DecodingProcess

__all__ = ["Footage", "find_films", "mean_rate"]

LONG_S = 1e9  # stands for the duration of a film whose true one nothing depends on
OF_FILMS = (
    "the annotations count frames and do not state a frame rate: each film's own rate was used; if the annotations "
    "have another rate, give it with --annotation-fps"
)
NOT_COUNTED = "--annotation-fps was not used: the annotations do not count frames, or state their own frame rate"
OTHER_FILM = (
    "{name} is another film than the one that was corrected, or another version of it: the corrected times would be "
    "wrong there; give the film that was corrected, or correct the timeline of this one"
)
UNKNOWN_RATE = 1.0  # of a film that is not there: what it counts is told as missing, not used
SAME_RATE = 1.0005  # rates that differ by less are one: 30 and 29.97 do not


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """The annotated films that were found, without those of the subset test.

    annotations  with the films' true durations; copies of one film have one source
    videos       every film of the annotations, by its id
    notes        what was doubtful or left out, a line each
    """

    annotations: Annotations
    videos: Mapping[str, VideoInfo] = field(hash=False)
    notes: tuple[str, ...] = ()


def mean_rate(video: VideoInfo) -> float:
    """Frames a second, by their timestamps; 1 if there is one frame."""
    shown_s = float(video.times_s[-1] - video.times_s[0])
    return (video.num_frames - 1) / shown_s if shown_s > 0 else 1.0


def find_films(
    annotations: Path,
    folder: Path,
    store: EmbeddingStore,
    process: DecodingProcess,
    *,
    annotation_fps: Fraction | None = None,
    coding: CodingOptions = CodingOptions(),
    label_names: LabelNames | None = None,
    skip_bad: bool = False,
    on_event: Callable[[TrainingEvent], None] | None = None,
) -> Footage:
    """Finds the annotated films in a folder and probes each, or takes its probe from the store.

    A film lies under the path that its id is, or anywhere below the folder under a name like its id, whatever its
    suffix (`FilmFolder.find`). Where the annotations count frames, annotation_fps is their rate; if neither it nor the
    format says the rate, it is the films'. label_names: what their labels are called. Films of the subset test need
    not be there. skip_bad: what is wrong, and films that cannot be read, are left out and reported.

    Raises AnnotationError with every problem of the annotations and of the films; InputError where no film is there.
    """
    tell = on_event or (lambda event: None)
    read = partial(
        read_annotations, annotations, fps=annotation_fps, coding=coding, folder=folder, label_names=label_names
    )
    try:  # their ids and subsets are sure before probing, but not the seconds of frames that they count
        draft = read(skip_bad=True, film_rate=lambda name: UNKNOWN_RATE)
    except UnknownFormat as error:
        raise with_command(error, annotations, folder) from error
    films = FilmFolder(folder)
    whole, (draft, told) = draft, in_files(draft, lambda name: bool(films.find(name)))
    wanted = {name: video.film_of(name) for name, video in draft.videos.items() if video.subset != "test"}
    if not wanted:
        raise InputError(
            f"all films of {annotations.name} have the subset test",
            "nothing was trained",
            "test films are not used for training",
        )
    paths, problems = _paths(wanted, films)
    if not paths and not problems:
        raise _none_there(annotations, list(wanted.values()), films)
    videos: dict[str, VideoInfo] = {}
    for name, path in paths.items():
        tell(TrainingStage(name="checking the films", message=path.name))
        try:
            videos[name] = probe(path, store, process)
        except VideoError as error:
            problems[name] = str(error)
            continue
        if draft.videos[name].identity not in (None, videos[name].identity):
            del videos[name]
            problems[name] = OTHER_FILM.format(name=wanted[name])
    if draft.format == mstcn.NAME and videos and annotation_fps is None:
        _check_one_rate(videos)
    rates = {name: mean_rate(video) for name, video in videos.items()}
    durations = {name: LONG_S for name in _others(films, [of.film_of(name) for name, of in draft.videos.items()])}
    for name, video in draft.videos.items():  # test films, and those with a problem that is reported already
        if video.subset == "test" or name in problems:
            durations[name] = LONG_S if video.duration_s is None else video.duration_s
    durations |= {name: video.duration_s for name, video in videos.items()}
    for name in whole.videos.keys() - draft.videos.keys():  # recordings of which the files are there
        durations[name] = whole.videos[name].duration_s or LONG_S
    for name in draft.videos.keys() - whole.videos.keys():  # their files: what is said of the recording is said of them
        durations.pop(name, None)
    read = partial(read, videos=durations, film_rate=lambda name: rates.get(name, UNKNOWN_RATE))
    found = _read(annotations, read, problems, skip_bad=skip_bad)
    found, _ = in_files(found, lambda name: name in draft.videos)

    used = {name: video for name, video in found.videos.items() if name in videos and video.subset != "test"}
    if not used:
        raise _problems(
            annotations, [*found.skipped, *_as_problems(problems)], "copy or download the films again, or use others"
        )
    found = replace(found, videos=used).of_one_kind()
    used = dict(found.videos)
    notes = [*told, *(_note(problem) for problem in found.warnings)]
    if annotation_fps is None and found.uses_fps and found.format not in (cholec80.NAME, salads.NAME):
        notes.append(OF_FILMS)
    if annotation_fps is not None and not found.uses_fps:
        notes.append(NOT_COUNTED)
    if found.format == kinetics.NAME and (num := sum(not videos[name].path.stem.endswith(name) for name in used)):
        notes.append(kinetics.named_by_film(num))
    notes += [f"left out: {_note(problem)}" for problem in (*found.skipped, *_as_problems(problems))]
    for names in _copies({name: videos[name] for name in used}):
        source = next((used[name].source for name in names if used[name].source is not None), names[0])
        used |= {name: replace(used[name], source=source) for name in names if used[name].source is None}
        one_film = len({used[name].film_of(name) for name in names}) == 1
        what = "regions of one film" if one_film else "copies of one film"
        notes.append(f"{listed(names)} are {what}: they are kept on one side")
    return Footage(
        annotations=replace(found, videos=used),
        videos={name: videos[name] for name in used},
        notes=tuple(notes),
    )


def _paths(wanted: Mapping[str, str], films: FilmFolder) -> tuple[dict[str, Path], dict[str, str]]:
    """The file of each film that has one, and for some of the others the reason why they have none. wanted: by what it
    is called, the film's name.
    """
    paths: dict[str, Path] = {}
    problems: dict[str, str] = {}
    owner: dict[str, str] = {}
    for name, film in wanted.items():
        files = films.find(film)
        if len(files) > 1:
            problems[name] = f"{name} may be {listed(files)}: write its path, or remove the others"
        elif not files and films.leads_out(film):
            problems[name] = f"{name} is a link that leads out of the folder, which is not allowed"
        elif files and owner.setdefault(files[0], film) != film:
            problems[name] = f"{name} is {files[0]}, and so is {owner[files[0]]}"
        elif files:
            paths[name] = films.root / files[0]
    return paths, problems


def _none_there(annotations: Path, wanted: Sequence[str], films: FilmFolder) -> InputError:
    there = [file for file in films.files if is_film_name(file)]
    suffixes = ", ".join(sorted(FILM_SUFFIXES))
    return InputError(
        f"no film of {annotations.name} is in {films.root.name or films.root}: it names {listed(wanted)}, "
        + (
            f"the folder holds {listed(there)}" if there else f"and no file there has the ending of a film ({suffixes})"
        ),
        "nothing was trained",
        "name the folder with --videos, and name the films as in the annotations",
    )


def _check_one_rate(videos: Mapping[str, VideoInfo]) -> None:
    """Raises InputError unless all films have the same rate: a data set of frames was made at one."""
    rates = sorted((mean_rate(video), video.path.name) for video in videos.values())
    (low, slow), (high, fast) = rates[0], rates[-1]
    if high > low * SAME_RATE:
        raise InputError(
            f"the annotations count frames, and {slow} has {low:.6g} a second, {fast} {high:.6g}",
            "their seconds are not known",
            "give the rate of the annotations with --annotation-fps",
        )


def _others(films: FilmFolder, names: Collection[str]) -> list[str]:
    """Film names of the folder that match no id, in the form of most ids: a misspelt id is like one of them."""
    claimed = {file for name in names for file in films.find(name)}
    with_suffix = sum(map(is_film_name, names)) * 2 > len(names)
    others = [file for file in films.files if is_film_name(file) and file not in claimed]
    return [file if with_suffix else bare_name(file) for file in others]


def _read(
    annotations: Path, read: Callable[..., Annotations], problems: Mapping[str, str], *, skip_bad: bool
) -> Annotations:
    """Raises AnnotationError with its own problems and these."""
    try:
        found = read(skip_bad=skip_bad)
    except AnnotationError as error:
        if not error.problems:
            raise
        raise _problems(
            annotations, [*map(Problem._make, error.problems), *_as_problems(problems)], error.cure
        ) from error
    if problems and not skip_bad:
        raise _problems(annotations, _as_problems(problems), "fix this, or leave those films out (--skip-bad)")
    return found


def _problems(annotations: Path, problems: Sequence[Problem], cure: str) -> AnnotationError:
    many = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return AnnotationError(f"{annotations.name} and its films have {many}", "nothing was trained", cure, problems)


def _as_problems(problems: Mapping[str, str]) -> list[Problem]:
    return [Problem(None, text) for text in problems.values()]


def _note(problem: Problem) -> str:
    return problem.text if problem.line is None else f"line {problem.line}: {problem.text}"


def _copies(videos: Mapping[str, VideoInfo]) -> list[list[str]]:
    same: dict[str, list[str]] = defaultdict(list)
    for name, video in videos.items():
        same[video.identity].append(name)
    return [names for names in same.values() if len(names) > 1]
