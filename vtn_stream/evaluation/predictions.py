"""What is predicted for each film, from any source, and which annotated film it belongs to."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from vtn_stream.errors import InputError, UnknownFormat
from vtn_stream.film import bare_name, is_film_name, one_form, with_or_without_v
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.annotations.words import shown
from vtn_stream.formats.prediction_files import read_results
from vtn_stream.formats.timeline_json import SCHEMA
from vtn_stream.localize import located
from vtn_stream.results import load_timeline
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.track import NO_THRESHOLD

if TYPE_CHECKING:
    from vtn_stream.draft import Analysis

__all__ = ["Prediction", "assign", "of_analysis", "of_timeline", "read_predictions"]

_FULL, _PARTIAL = ".timeline.json", ".timeline.partial.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What is predicted for one film. Segments are kept sorted: the order in which they came changes no figure.

    segments     what its timeline shows
    candidates   all that was found, also what is too doubtful to be shown; None if only `segments` are known
    clip_labels  of the whole film, with their scores
    duration_s   of the film; None if the predictions do not tell
    complete     whether the whole film was looked at
    num_labels   how many labels it has, where there is one for each frame
    """

    segments: tuple[Segment, ...] = ()
    candidates: tuple[Segment, ...] | None = None
    clip_labels: tuple[tuple[str, float], ...] = ()
    duration_s: float | None = None
    complete: bool = True
    num_labels: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "segments", _sorted(self.segments))
        if self.candidates is not None:
            object.__setattr__(self, "candidates", _sorted(self.candidates))


def of_timeline(timeline: Timeline) -> Prediction:
    whole = timeline.span_s[0] <= 0 and timeline.span_s[1] >= timeline.duration_s
    return Prediction(
        segments=timeline.segments,
        clip_labels=timeline.clip_labels,
        duration_s=timeline.duration_s,
        complete=timeline.complete and whole,
    )


def of_analysis(analysis: "Analysis") -> Prediction:
    """The prediction of an analysis: its timeline, and all spans of a localization head, as average precision needs
    those too.
    """
    timeline, spans = analysis.timeline, analysis.scores.spans
    candidates: Iterable[Segment] = timeline.segments
    if spans is not None:
        candidates = located(spans, analysis.index, analysis.labels, timeline.duration_s, NO_THRESHOLD)
    return replace(of_timeline(timeline), candidates=tuple(candidates))


def read_predictions(path: Path, *, fps: float | Fraction | None = None) -> dict[str, Prediction]:
    """What is predicted for each film, by the name in the file.

    path  a timeline, a folder of timelines (FILM.timeline.json; of a film that has none, the partial one), ActivityNet
          results, a table with scores, or annotations of any format (they have no scores)
    fps   frames a second, for annotations that count frames

    Raises InputError, TimelineError, AnnotationError.
    """
    if path.is_dir():
        try:
            names = sorted(file.name for file in path.iterdir())
        except OSError as error:
            raise InputError(
                f"{path.name or path} cannot be read ({error.strerror})", "nothing was scored", "check the path"
            ) from error
        full = [name for name in names if name.endswith(_FULL)]
        finished = {name.removesuffix(_FULL) for name in full}
        partial = [n for n in names if n.endswith(_PARTIAL) and n.removesuffix(_PARTIAL) not in finished]
        if full or partial:
            return _of_timelines(path / name for name in sorted(full + partial))
    else:
        if path.name.endswith((_FULL, _PARTIAL)) or _says_timeline(path):
            return _of_timelines([path])
        if (results := read_results(path, fps=fps)) is not None:
            return {
                name: Prediction(
                    segments=tuple(film.segments),
                    candidates=tuple(film.segments),
                    clip_labels=tuple(film.clip_labels),
                )
                for name, film in results.items()
            }
    return _of_annotations(path, fps)


def _says_timeline(path: Path) -> bool:
    """Whether it is a timeline under another name. A file that cannot be read is reported by the next reader."""
    try:
        if not path.is_file():
            return False
        with open(path, "rb") as file:
            return f'"{SCHEMA}"'.encode() in file.read(4096)
    except (OSError, ValueError):
        return False


def _of_timelines(files: Iterable[Path]) -> dict[str, Prediction]:
    found: dict[str, Prediction] = {}
    of: dict[str, Path] = {}
    for file in files:
        timeline = load_timeline(file)
        name = _film_name(timeline.video_path)
        if name in found:
            raise InputError(
                f"{of[name].name} and {file.name} are both timelines of {timeline.video_path}",
                "nothing was scored",
                "keep one of them",
            )
        found[name], of[name] = of_timeline(timeline), file
    return found


def _of_annotations(path: Path, fps: float | Fraction | None) -> dict[str, Prediction]:
    try:
        annotations = read_annotations(path, fps=fps).with_lengths()
    except UnknownFormat as error:
        raise InputError(
            f"{path.name or path} holds no predictions",
            "nothing was scored",
            "give a folder of FILM.timeline.json files, one such file, ActivityNet results (an object with results), "
            "or a table with the header video,start_s,end_s,label,score",
        ) from error
    return {
        name: Prediction(
            segments=video.segments,
            clip_labels=() if video.clip_label is None else ((video.clip_label, 1.0),),
            duration_s=video.duration_s,
            num_labels=video.num_labels,
        )
        for name, video in annotations.videos.items()
    }


def assign(predictions: Collection[str], films: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Which film each prediction belongs to, and the names that match no film: {film: name}, [name].

    A name is a film's when both are the same, else when they are without folders and the suffix of a film: x.mp4 is
    videos/x.avi; else when one has a "v_" before it and the other has not, unless the film's own name is predicted too.
    The form of Unicode makes no difference. Raises InputError if that leaves a choice.
    """
    same = {one_form(film): [film] for film in films}
    by_key: dict[str, list[str]] = {}
    for film in sorted(films):
        by_key.setdefault(bare_name(film), []).append(film)
    assigned: dict[str, str] = {}
    others = []
    given = {bare_name(name) for name in predictions}
    for name in sorted(predictions):
        key = bare_name(name)
        near = same[one_form(name)] if one_form(name) in same else by_key.get(key, [])
        if not near and with_or_without_v(key) not in given:
            near = by_key.get(with_or_without_v(key), [])
        if not near:
            others.append(name)
            continue
        if len(near) > 1:
            raise InputError(
                f"{shown(name)} can be {shown(near[0])} or {shown(near[1])}",
                "nothing was scored",
                "give the predictions under the names that the annotations use",
            )
        (film,) = near
        if film in assigned:
            raise InputError(
                f"{shown(assigned[film])} and {shown(name)} are both predictions of {shown(film)}",
                "nothing was scored",
                "keep one of them",
            )
        assigned[film] = name
    return assigned, others


def suggestion(name: str, films: Collection[str]) -> str:
    near = nearest(name, films)
    return f" (did you mean {shown(near)}?)" if near else ""


def _film_name(video_path: str) -> str:
    """The film's name as a timeline gives it; without a suffix that is not known to be a film's."""
    return video_path if is_film_name(video_path) else PurePosixPath(video_path).with_suffix("").as_posix()


def _sorted(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    return tuple(sorted(segments, key=lambda s: s.sort_key))
