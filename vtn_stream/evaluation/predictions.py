"""What is predicted for each film, from any source, and which annotated film it belongs to."""

import re
from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction
from pathlib import Path, PurePath

from vtn_stream.errors import InputError, UnknownFormat
from vtn_stream.evaluation.prediction import Prediction, of_analysis, of_timeline
from vtn_stream.evaluation.results_folder import find_timelines, is_timeline_name, predictions_of
from vtn_stream.film import bare_name, one_form, with_or_without_v, without_suffix
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.annotations.words import shown
from vtn_stream.formats.prediction_files import FilmResults, read_results
from vtn_stream.formats.timeline_json import SCHEMA

__all__ = [
    "Prediction",
    "assign",
    "failed_films",
    "folders_differ",
    "of_analysis",
    "of_timeline",
    "read_predictions",
]

_HALF = re.compile(r"(.*/|)([12])_(?:\d{3,4}p|HQ)", re.ASCII)


def read_predictions(
    path: Path,
    *,
    fps: float | Fraction | None = None,
    none_left: bool = False,
    left_out: list[str] | None = None,
) -> dict[str, Prediction]:
    """What is predicted for each film, by the name in the file.

    path  a timeline; a folder of timelines, also in the folders in it (FILM.timeline.json; of a film that has none, the
          partial one), with the candidates that lie beside them; ActivityNet results, a table with scores, or a folder
          of such files; MS-TCN's result files, files of a label a line, and folders of them (they have no scores); or
          annotations of any format (they have no scores)
    fps   frames a second, for annotations that count frames
    none_left  a folder without any is no error: all its films failed
    left_out  gets what is wrong with single entries, which are then left out; None: they are errors

    Raises InputError, TimelineError, AnnotationError.
    """
    if path.is_dir():
        if (files := find_timelines(path)) or none_left:
            return predictions_of(path, files)
        if found := _of_tables(path, fps, left_out):
            return found
    else:
        if is_timeline_name(path.name) or _says_timeline(path):
            return predictions_of(path.parent, [PurePath(path.name)])
        if (results := read_results(path, fps=fps, left_out=left_out)) is not None:
            return _of_results(results)
    return _of_annotations(path, fps, left_out)


def _of_results(results: Mapping[str, FilmResults]) -> dict[str, Prediction]:
    return {
        name: Prediction(
            segments=tuple(film.segments), candidates=tuple(film.segments), clip_labels=tuple(film.clip_labels)
        )
        for name, film in results.items()
    }


def _of_tables(folder: Path, fps: float | Fraction | None, left_out: list[str] | None) -> dict[str, Prediction]:
    """The predictions in a folder of such files, each of other films; none if any of its files is something else."""
    files = [file for file in sorted(folder.iterdir()) if not file.name.startswith(".") and file.is_file()]
    if not files or any(file.suffix.lower() not in (".csv", ".tsv", ".xlsx", ".json") for file in files):
        return {}
    found: dict[str, Prediction] = {}
    of: dict[str, str] = {}
    for file in files:
        wrong: list[str] | None = None if left_out is None else []
        if (results := read_results(file, fps=fps, left_out=wrong)) is None:
            return {}
        if twice := sorted(of.keys() & results.keys()):
            raise InputError(
                f"{of[twice[0]]} and {file.name} both hold predictions of {shown(twice[0])}",
                "nothing was scored",
                "keep one of them",
            )
        found |= _of_results(results)
        of |= dict.fromkeys(results, file.name)
        if left_out is not None and wrong:
            left_out += [f"{file.name}: {text}" for text in wrong]
    return found


def _says_timeline(path: Path) -> bool:
    """Whether it is a timeline under another name. A file that cannot be read is reported by the next reader."""
    try:
        if not path.is_file():
            return False
        with open(path, "rb") as file:
            return f'"{SCHEMA}"'.encode() in file.read(4096)
    except (OSError, ValueError):
        return False


def _of_annotations(path: Path, fps: float | Fraction | None, left_out: list[str] | None) -> dict[str, Prediction]:
    try:
        annotations = read_annotations(path, fps=fps, predicted=True, skip_bad=left_out is not None)
    except UnknownFormat as error:
        raise InputError(
            f"{path.name or path} holds no predictions",
            "nothing was scored",
            "give a folder of FILM.timeline.json files, one such file, ActivityNet results (an object with results), "
            "a table with the header video,start_s,end_s,label,score, or MS-TCN's result files",
        ) from error
    if left_out is not None:
        left_out += map(str, annotations.skipped)
    return {
        name: Prediction(
            segments=video.segments,
            candidates=video.segments if all(s.score is not None for s in video.segments) else None,
            clip_labels=() if video.clip_label is None else ((video.clip_label, 1.0),),
            duration_s=video.duration_s,
            num_labels=video.num_labels,
        )
        for name, video in annotations.videos.items()
    }


def assign(
    predictions: Collection[str], films: Collection[str], *, of: str = "predictions"
) -> tuple[dict[str, str], list[str]]:
    """Which film each prediction belongs to, and the names that match no film: {film: name}, [name].

    A name is a film's when both are the same without a film's suffix and without folders that only one of them has:
    x.mp4 is videos/x.avi, and results/a/x.mp4 is a/x.mp4 and not b/x.mp4. A name in other folders is the film's only
    where no other name and no other film comes as close. Where no film has the name, it is that of the film which has
    a "v_" before it, or lacks it, unless that one's own name is predicted too. The form of Unicode makes no difference.
    The halves of a SoccerNet match are the same film in every resolution: game/1_224p is game/1_720p.
    Raises InputError if that leaves a choice. of: what the message calls them.
    """
    by_key: dict[str, list[str]] = {}
    by_half: dict[tuple[str, str] | None, list[str]] = {}
    for film in sorted(films):
        by_key.setdefault(bare_name(film), []).append(film)
        if half := _half(film):
            by_half.setdefault(half, []).append(film)
    claims: dict[str, list[str]] = {}
    others = []
    given = {bare_name(name) for name in predictions}
    for name in sorted(predictions):
        key = bare_name(name)
        near = by_key.get(key, [])
        if not near and with_or_without_v(key) not in given:
            near = by_key.get(with_or_without_v(key), [])
        if (half := _half(name)) in by_half and one_form(name) not in map(one_form, near):
            near = by_half[half]
        if not near:
            others.append(name)
            continue
        closest = max(_closeness(name, film) for film in near)
        near = [film for film in near if _closeness(name, film) == closest]
        if len(near) > 1 and all(folders_differ(name, film) for film in near):
            others.append(name)
            continue
        if len(near) > 1:
            raise InputError(
                f"{shown(name)} can be {shown(near[0])} or {shown(near[1])}",
                "nothing was scored",
                f"give the {of} under the names that the annotations use",
            )
        claims.setdefault(near[0], []).append(name)
    assigned: dict[str, str] = {}
    for film, names in claims.items():
        same = [name for name in names if not folders_differ(name, film)]
        others += [name for name in names if same and name not in same]
        if len(claiming := same or names) > 1:
            raise InputError(
                f"{shown(claiming[0])} and {shown(claiming[1])} are both {of} of {shown(film)}",
                "nothing was scored",
                "keep one of them",
            )
        assigned[film] = claiming[0]
    return assigned, sorted(others)


def failed_films(failed: Mapping[str, str], predictions: Iterable[str], films: Collection[str]) -> dict[str, str]:
    """The films of the truth of which nothing is predicted because their analysis failed, and why: {film: reason}.

    failed  names of films, as those of predictions, and what went wrong
    """
    assigned, _ = assign({*predictions, *failed}, films)
    given = {one_form(name) for name in predictions}
    return {film: failed[name] for film, name in assigned.items() if name in failed and one_form(name) not in given}


def folders_differ(name: str, film: str) -> bool:
    """Whether both say in which folder they lie, and that is another one: a/x.mp4 and b/x.mp4."""
    pairs = zip(_folders(name), _folders(film), strict=False)
    return any(one != other for one, other in pairs)


def _closeness(name: str, film: str) -> tuple[bool, bool, bool, int]:
    """The higher, the more likely this is the film's name."""
    ours, theirs = _folders(name), _folders(film)
    num_same = 0
    while num_same < min(len(ours), len(theirs)) and ours[num_same] == theirs[num_same]:
        num_same += 1
    return one_form(name) == one_form(film), ours == theirs, num_same == min(len(ours), len(theirs)), num_same


def _folders(name: str) -> list[str]:
    """The folders in a name, the innermost first."""
    return [part for part in one_form(name).replace("\\", "/").split("/")[-2::-1] if part not in ("", ".")]


def suggestion(name: str, films: Collection[str]) -> str:
    near = nearest(name, films)
    return f" (did you mean {shown(near)}?)" if near else ""


def _half(name: str) -> tuple[str, str] | None:
    """The folder and the half of a SoccerNet film, 1_720p or the like; None for any other."""
    match = _HALF.fullmatch(without_suffix(one_form(name.replace("\\", "/"))))
    return None if match is None else (match[1], match[2])
