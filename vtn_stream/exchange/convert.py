"""Files of other programs in other formats: any that can be read, any that can be written."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath

from vtn_stream.errors import InputError, listed
from vtn_stream.exchange.films import OF_FILM, notes_of, read_with_films
from vtn_stream.exchange.labels import label_with as labelled_with
from vtn_stream.exchange.labels import without_attribute
from vtn_stream.exchange.output import (
    Exported,
    Pages,
    check_free,
    content_of,
    format_of,
    holds_many,
    inside_film,
    outside_warnings,
    same_file,
)
from vtn_stream.exchange.per_file import per_file
from vtn_stream.film import shareable_name
from vtn_stream.formats import FORMATS, KEPT, Options
from vtn_stream.formats.reading import ENDS_WITH_LAST, ReadingOptions
from vtn_stream.results.format_names import FORMAT_NAMES, PAGE, check_written, suffix_of
from vtn_stream.results.names import MAX_STEM_BYTES
from vtn_stream.results.writing import write_file
from vtn_stream.timeline import Timeline

__all__ = ["convert"]


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    format: str | None = None,
    folder: bool = False,
    reading: ReadingOptions = ReadingOptions(),
    options: Options = Options(),
    pages: Pages = Pages(),
    film: str | os.PathLike[str] | None = None,
    label_with: str | None = None,
    files: bool = False,
    overwrite: bool = False,
) -> Exported:
    """Write what is in one file (or folder of annotations) in another format.

    target  a file; or a folder, which gets a file for each film: one that exists, or any if `folder`
    format  by default that of the target's suffix; a folder has none
    film    the one that the source tells of: its rate and length are taken where the source does not say them. By
            default one of its name beside the source
    files       of a recording a timeline for each of its files, in that file's time
    label_with  an attribute that is put before the labels: "hen 1: walk"

    A warning says what the format does not hold. Raises InputError, TimelineError, AnnotationError, VideoError.
    """
    source, target, film = Path(source), Path(target), None if film is None else Path(film)
    folder = folder or target.is_dir()
    if folder and format is None:
        raise InputError(
            "the name of a folder does not say the format",
            "nothing was written",
            f"name one with -f: {', '.join(FORMAT_NAMES)}",
        )
    name = format_of(target) if format is None else format
    check_written([name], "nothing was written")
    holds_clock = name == PAGE or not FORMATS[name].keeps.isdisjoint({"duration", "rate"})
    read = read_with_films(source, reading, film, all_films=holds_clock)
    timelines, outside = [], 0
    for timeline in read.timelines:
        inside, num_outside = inside_film(timeline)
        timelines.append(inside)
        outside += num_outside
    warnings = dict.fromkeys((*read.warnings, *outside_warnings(outside), *without_attribute(timelines, label_with)))
    if label_with is not None:
        timelines = [labelled_with(timeline, label_with) for timeline in timelines]
    if files:
        timelines, told_of_files = per_file(timelines)
        warnings |= dict.fromkeys(told_of_files)
    if folder:
        stems = _stems(timelines)
        parts = [([t], target / f"{stem}.timeline{suffix_of(name)}") for stem, t in zip(stems, timelines, strict=True)]
    elif len(timelines) > 1 and not holds_many(name):
        raise InputError(
            f"{source.name} is about {len(timelines)} films, and a {name} file holds one",
            "nothing was written",
            f"name a folder, such as {target.with_suffix('')}/ -f {name}",
        )
    else:
        parts = [(timelines, target)]
    for _, file in parts:
        if same_file(file, source):
            raise InputError("source and target are one file", "nothing was written", "name another target")
    warnings |= dict.fromkeys(_dropped(timelines, name, reading))
    for films, file in parts:
        written = content_of(file, films, name, options, pages)
        check_free(file, written.content, overwrite=overwrite)
        warnings |= dict.fromkeys((*written.warnings, *write_file(file, written.content)))
    return Exported(paths=tuple(file for _, file in parts), warnings=tuple(warnings))


def _dropped(timelines: Sequence[Timeline], format: str, reading: ReadingOptions) -> list[str]:
    """What the source says and files of this format do not hold."""
    if format == PAGE:
        return []
    its = FORMATS[format]
    notes = [notes_of(t) for t in timelines]
    filled = any(note.startswith(OF_FILM) for of_one in notes for note in of_one)  # the film is there to say it
    held = {
        "scores": any(s.score is not None for t in timelines for s in t.segments),
        "other attributes" if its.attributes else "attributes": any(
            s.attributes.keys() - its.attributes for t in timelines for s in t.segments
        ),
        "labels of whole films": any(t.clip_labels for t in timelines),
        "subsets": any(t.provenance.get("subset") for t in timelines),
        "sources": any(t.provenance.get("source") for t in timelines),
        "the film's length": not filled
        and reading.duration_s is None
        and any(ENDS_WITH_LAST not in of_one for of_one in notes),
        "the film's rate": not filled and reading.rate is None and any(t.nominal_rate is not None for t in timelines),
    }
    lost = [name for (name, there), kept in zip(held.items(), KEPT, strict=True) if there and kept not in its.keeps]
    whose = "attributes" in lost and any("subject" in s.attributes for t in timelines for s in t.segments)
    cure = "; --label-with subject keeps subjects, in the labels" if whose else ""
    return [f"{its.title} does not hold {listed(lost, len(lost))}: left out{cure}"] if lost else []


def _stems(timelines: Sequence[Timeline]) -> list[str]:
    """A different name for each film's file; the films' own names are untrusted."""
    given, stems = Counter[str](), list[str]()
    taken = set[str]()
    for timeline in timelines:
        name = re.sub("[\x00-\x1f\x7f/]", "_", shareable_name(timeline.video_path.rpartition("/")[2]))
        base = PurePath(name).stem.lstrip(".").encode()[:MAX_STEM_BYTES].decode("utf-8", "ignore") or "film"
        while (stem := base if not given[base] else f"{base} ({given[base] + 1})") in taken:
            given[base] += 1
        given[base] += 1
        taken.add(stem)
        stems.append(stem)
    return stems
