"""Annotations to train and to score on, one module a format; some are also written. Knows the timeline only.

Every module states its resolution, what it loses, how it escapes, its order of labels, and its traps. All times come
out as seconds from the start of the film.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path

from vtn_stream.errors import AnnotationError, InputError, UnknownFormat
from vtn_stream.film_folder import homes_of
from vtn_stream.formats.annotations import (
    activitynet,
    boris,
    boris_folder,
    cholec80,
    class_folders,
    clip_list,
    cvat,
    elan,
    epic,
    film_files,
    frame_columns,
    frame_labels,
    kinetics,
    label_studio,
    mstcn,
    salads,
    segments_csv,
    soccernet,
    spots,
    thumos14,
    thumos14_text,
    timed_lines,
    workbooks,
)
from vtn_stream.formats.annotations.annotated import AnnotatedVideo, Annotations, Problem
from vtn_stream.formats.annotations.checks import finish
from vtn_stream.formats.annotations.exports import is_export
from vtn_stream.formats.annotations.findings import MAX_ENTRIES, Findings, Unreadable
from vtn_stream.formats.annotations.label_names import LabelNames
from vtn_stream.formats.annotations.text import as_text, parsed_json, read_bytes, read_text, refuse_pickle, unpacked
from vtn_stream.formats.annotations.timelines import timelines_of
from vtn_stream.formats.annotations.words import At
from vtn_stream.formats.reading import CodingOptions, encoding_of

__all__ = ["FORMATS", "AnnotatedVideo", "Annotations", "Problem", "read_annotations", "timelines_of"]

# The formats that are read, as the message for a file of another format lists them.
FORMATS = {
    activitynet.NAME: "an object with a database, or with the films themselves",
    thumos14.NAME: "the same with segment(frames) or label_id; or a folder of LABEL_test.txt",
    segments_csv.NAME: "a table with the columns video,start_s,end_s,label, or others that say as much",
    mstcn.NAME: "a folder with groundTruth and mapping.txt",
    frame_columns.NAME: "a table with a column of 0 and 1 for each label, and a row for each frame or time",
    cholec80.NAME: "lines of a frame and a phase, or a folder of such files",
    salads.NAME: "the folder activityAnnotations with the folder timestamps beside it, or one file there",
    boris.NAME: ".boris or .boris.gz, or a folder of them",
    elan.NAME: ".eaf, or a folder of them",
    cvat.NAME: "annotations.xml of CVAT for video or images, or a folder of them",
    label_studio.NAME: "tasks with data and annotations",
    soccernet.NAME: "an object with UrlLocal and annotations, or a folder of games with such files",
    spots.NAME: "a list of films with events and their frames",
    epic.NAME: "with the columns video_id, start_timestamp, stop_timestamp, verb and noun",
    kinetics.NAME: "with the columns label, youtube_id, time_start, time_end and split",
    clip_list.NAME: "lines of a path and a label",
    class_folders.NAME: "a folder of films for each label",
    film_files.TIMELINE_NAME: "a .timeline.json file of this program, as a person corrected it",
    film_files.NAME: "a folder with a table, or a .timeline.json file, for each film",
}

_DOCUMENTS = (elan, cvat)  # XML
_HEAD = 4096  # bytes that tell a format in a folder
_KEYS = ('"database"', '"annotations"', '"predictions"', '"events"')  # one of them is in JSON of every format


def read_annotations(
    path: Path,
    *,
    videos: Mapping[str, float] | None = None,
    skip_bad: bool = False,
    fps: float | Fraction | None = None,
    film_rate: Callable[[str], float | Fraction | None] | None = None,
    start_timecode: str | None = None,
    predicted: bool = False,
    as_truth: bool = True,
    coding: CodingOptions = CodingOptions(),
    folder: Path | None = None,
    label_names: LabelNames | None = None,
) -> Annotations:
    """The films of a file or folder of annotations, in any format: the content tells which.

    videos     the durations in seconds of the films there are, by id: ids that are not among them, and segments that
               end more than 0.5 s past their film, are problems; those that end less past it are cut. 1e9 and more
               stands for one that is not known
    skip_bad   leave out what is wrong, and tell it in `skipped`, instead of reading nothing
    fps        frames a second, for formats that count frames; `uses_fps` says whether this one does
    film_rate  the same for one film, by its id: of films that are known
    start_timecode  of each film's first frame, for tables of timecodes
    predicted  they are predictions: files of a label a line are read too, which say nothing of what they are
    as_truth   of timelines of ours, only what people said counts; if not, or if predicted, all segments do
    coding     which observations of BORIS are read, and how
    folder     of the films: absolute paths that lead into it are read from there on
    label_names  what the labels of the file are called: others are problems

    Raises AnnotationError with every problem of the file; InputError for durations and rates that are not above 0.
    """
    if fps is not None and not (math.isfinite(fps) and 0 < fps <= 1e6):
        raise InputError(f"fps is {fps}", "frames have no time then", "give frames a second, above 0")
    for name, duration_s in (videos or {}).items():
        if not (math.isfinite(duration_s) and duration_s > 0):
            raise InputError(f"the duration of {name} is {duration_s}", "nothing can be in it", "give seconds above 0")
    findings = Findings(
        path.name or str(path),
        fps=fps,
        film_rate=film_rate,
        start_timecode=start_timecode,
        coding=coding,
        homes=() if folder is None else homes_of(folder),
        label_names=label_names,
    )
    try:
        read_path = _read_folder if path.is_dir() else _read_file
        format = read_path(findings, path, fps, predicted=predicted, as_truth=as_truth and not predicted)
    except Unreadable as error:
        findings.refuse(error.at, error.text, error.cure)
    except OSError as error:  # of a folder; of a file, read_bytes says what is wrong
        raise AnnotationError(
            f"{findings.name} cannot be read ({error.strerror})", "no annotations were read", "check the path"
        ) from error
    if label_names is not None:
        findings.labels = label_names.labels
    return finish(findings, format, videos, skip_bad=skip_bad)


def _read_file(findings: Findings, path: Path, fps: float | Fraction | None, *, predicted: bool, as_truth: bool) -> str:
    """Adds the content of the file to the findings, and returns its format."""
    data = unpacked(read_bytes(path), findings.name)
    refuse_pickle(data, findings.name)
    data = workbooks.content_of(findings, data, findings.name)
    if (document := next((of for of in _DOCUMENTS if of.claims(data[:_HEAD])), None)) is not None:
        document.read(findings, path, data)
        return document.NAME
    if encoding_of(data) == "utf-8-sig" and b"\0" in data[:_HEAD]:
        raise _of_no_format(findings.name, "no text in UTF-8 or UTF-16")
    if film_files.is_timeline(data):
        film_files.read_timeline(findings, data, as_truth=as_truth)
        return film_files.TIMELINE_NAME
    text = as_text(data, findings.name)
    if not text.strip():
        raise _of_no_format(findings.name, "it is empty")
    if text.lstrip().startswith(("{", "[")) and (format := _read_json(findings, path, text)) is not None:
        return format
    if epic.claims(text):
        epic.read(findings, text)
        return epic.NAME
    if kinetics.claims(text):
        kinetics.read(findings, text)
        return kinetics.NAME
    if cholec80.claims(text):
        cholec80.read(findings, path, text, fps)
        return cholec80.NAME
    if salads.claims(text):
        salads.read(findings, [path])
        return salads.NAME
    if frame_columns.claims(text):
        frame_columns.read(findings, path, text)
        return frame_columns.NAME
    if segments_csv.claims(text):
        segments_csv.read(findings, path, text, predicted=predicted)
        return segments_csv.NAME
    if mapping := mstcn.mapping_of_file(path, text):
        mstcn.read(findings, path, mapping)
        return mstcn.NAME
    if frame_labels.claims(text) or (predicted and frame_labels.claims_plain(text)):
        frame_labels.read(findings, path, [path])
        return frame_labels.NAME
    if timed_lines.claims(text):
        timed_lines.read(findings, path, text)
        return segments_csv.NAME
    if not text.lstrip().startswith(("{", "[", "<")) and clip_list.claims(text):
        clip_list.read(findings, text)
        return clip_list.NAME
    raise _of_no_format(findings.name)


def _read_json(findings: Findings, path: Path, text: str) -> str | None:
    """None for JSON in no known format, and for text that only begins like JSON."""
    try:
        data = parsed_json(text, MAX_ENTRIES)
    except ValueError as error:
        if not any(key in text for key in _KEYS):
            return None
        raise AnnotationError(
            f"{findings.name} is damaged JSON ({error})", "no annotations were read", "fix the file"
        ) from error
    if (database := activitynet.database_of(data)) is not None:
        if thumos14.claims(database):
            thumos14.read(findings, text, database)
            return thumos14.NAME
        activitynet.read(findings, text, database)
        return activitynet.NAME
    if boris.claims(data):
        boris.read(findings, text, data)
        return boris.NAME
    if spots.claims(data):
        spots.read(findings, text, data)
        return spots.NAME
    if soccernet.claims(data):
        soccernet.read(findings, path, text, data)
        return soccernet.NAME
    if label_studio.claims(data):
        label_studio.read(findings, text, data)
        return label_studio.NAME
    return None


def _read_folder(
    findings: Findings, path: Path, fps: float | Fraction | None, *, predicted: bool, as_truth: bool
) -> str:
    if mapping := mstcn.mapping_of_folder(path):
        mstcn.read(findings, path, mapping)
        return mstcn.NAME
    if found := salads.files_in(path):
        salads.read(findings, found)
        return salads.NAME
    if found := thumos14_text.files_in(path):
        thumos14_text.read(findings, found)
        return thumos14_text.NAME
    found_here: dict[str, list[Path]] = defaultdict(list)  # the files of each format
    others = 0
    for file in sorted(file for file in path.iterdir() if not file.name.startswith(".") and file.is_file()):
        head = read_bytes(file, _HEAD)
        if (document := next((of for of in _DOCUMENTS if of.claims(head)), None)) is not None and not is_export(file):
            found_here[document.NAME].append(file)
        elif cholec80.claims(head.decode(encoding_of(head), "replace").lstrip("\ufeff").replace("\r\n", "\n")):
            found_here[cholec80.NAME].append(file)
        else:
            others += 1
    if len(found_here) > 1:
        raise _of_no_format(findings.name, f"{' and '.join(found_here)} in one folder")
    if found_here and others:
        findings.warn(At(), f"{others} file{'s' * (others > 1)} of another format ignored")
    for document in _DOCUMENTS:
        for file in found_here[document.NAME]:
            data = findings.loaded(file.name, partial(read_bytes, file))
            try:
                if data is not None:
                    document.read(findings, file, data, file=file.name)
            except Unreadable as error:
                findings.problem(error.at, error.text)
    for file in found_here[cholec80.NAME]:
        text = findings.loaded(file.name, partial(read_text, file))
        if text is not None:
            cholec80.read(findings, file, text, fps, file=file.name)
    if format := next((name for name, files in found_here.items() if files), None):
        return format
    if files := soccernet.games(path):
        soccernet.read_games(findings, path, files)
        return soccernet.NAME
    if found := frame_labels.files_in(findings, path, plain=predicted):
        frame_labels.read(findings, path, found)
        return frame_labels.NAME
    if class_folders.claims(path) and not film_files.tables_of_frames(path):
        class_folders.read(findings, path)
        return class_folders.NAME
    if projects := boris_folder.files_in(path):
        boris_folder.read(findings, projects)
        return boris.NAME
    if files_of_films := film_files.files_in(path):
        film_files.read(findings, path, files_of_films, as_truth=as_truth)
        return film_files.NAME
    raise _of_no_format(findings.name)


def _of_no_format(name: str, reason: str = "") -> UnknownFormat:
    return UnknownFormat(
        f"{name} holds no annotations of a known format" + f" ({reason})" * bool(reason),
        "nothing was read",
        "give one of: " + "; ".join(f"{format} ({what})" for format, what in FORMATS.items()),
    )
