"""Timelines from files and to files, of any format, as Python users ask for them. Of films it reads clocks alone."""

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from vtn_stream.errors import InputError, listed, warn
from vtn_stream.exchange.films import read_with_films
from vtn_stream.exchange.intake import timeline_format_of
from vtn_stream.exchange.output import Pages, check_free, content_of, format_of, inside_film, outside_warnings
from vtn_stream.formats import FORMATS, Options, ReadingOptions
from vtn_stream.formats.reading import CodingOptions
from vtn_stream.results import check_written, load_timeline, write_file
from vtn_stream.results.overview import timeline_files
from vtn_stream.sampling import parse_rate
from vtn_stream.timeline import Timeline

__all__ = ["read_timeline", "read_timelines", "save_timeline"]

OURS = "json"


def read_timelines(
    path: str | os.PathLike[str],
    *,
    film: str | os.PathLike[str] | None = None,
    rate: float | Fraction | str | None = None,
    annotation_fps: float | Fraction | str | None = None,
    start_timecode: str | None = None,
    duration_s: float | None = None,
    observations: Sequence[str] = (),
    close_open: bool = False,
) -> list[Timeline]:
    """The timelines in a file of any format that can be read, in a folder of annotations, or of results of `analyze`.

    The content tells the format. What the file does not say is read of the films beside it, or taken from here:

    film            the one film that the file is about
    rate            frames a second, of a timeline that counts frames
    annotation_fps  the same of annotations, such as a label a frame
    start_timecode  of the film's first frame, HH:MM:SS:FF
    duration_s      of the film
    observations    ids of those of a BORIS project that are read, with * and ?; (): all
    close_open      a state that starts there and does not stop lasts to the end

    What was read otherwise than it stands there is a VtnStreamWarning. Raises TimelineError, AnnotationError,
    InputError, VideoError.
    """
    source = Path(path)
    if source.is_dir() and (found := _results(source)):
        return [load_timeline(file) for file in found]
    if source.is_file() and timeline_format_of(source) == FORMATS[OURS].title:
        return [load_timeline(source)]
    options = ReadingOptions(
        rate=None if rate is None else parse_rate(rate, "nothing was read"),
        annotation_fps=None if annotation_fps is None else parse_rate(annotation_fps, "nothing was read"),
        start_timecode=start_timecode,
        duration_s=duration_s,
        coding=CodingOptions(observations=tuple(observations), close_open=close_open),
    )
    result = read_with_films(source, options, None if film is None else Path(film))
    warn(f"{source.name}: {warning}" for warning in result.warnings)
    return list(result.timelines)


def read_timeline(path: str | os.PathLike[str]) -> Timeline:
    """The one timeline in a file. Raises what `read_timelines` raises, and InputError if it holds another number."""
    timelines = read_timelines(path)
    if len(timelines) != 1:
        films = listed(timeline.video_path for timeline in timelines)
        raise InputError(
            f"{Path(path).name} is about {len(timelines)} films" + f": {films}" * bool(timelines),
            "no timeline was read",
            "read all of them with vtn_stream.read_timelines",
        )
    return timelines[0]


def save_timeline(
    timeline: Timeline, path: str | os.PathLike[str], format: str | None = None, *, overwrite: bool = False
) -> Path:
    """Writes a timeline as a file of the format, by default that of the suffix. A page shows no pictures of the film.

    Raises InputError for a format that cannot be written, TimelineError for a file in the way.
    """
    target = Path(path)
    name = format_of(target) if format is None else format
    check_written([name], "nothing was written")
    told: list[str] = []
    if name != OURS:
        timeline, num_outside = inside_film(timeline)
        told += outside_warnings(num_outside)
    written = content_of(target, [timeline], name, Options(), Pages(thumbnails=False))
    check_free(target, written.content, overwrite=overwrite)
    told += [*written.warnings, *write_file(target, written.content)]
    warn(f"{target.name}: {warning}" for warning in told)
    return target


def _results(folder: Path) -> list[Path]:
    try:
        return [folder / file for file in timeline_files(folder)]
    except InputError:  # it is not a folder of results
        return []
