"""Reads files of other programs as timelines; finds their format by their content. Touches no film and no model."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from vtn_stream.errors import AnnotationError, UnknownFormat, VtnStreamError, listed, printable
from vtn_stream.film import is_film_name
from vtn_stream.formats import FORMATS, Format, PluggedFormat
from vtn_stream.formats.annotations import read_annotations, timelines_of
from vtn_stream.formats.annotations.words import shown
from vtn_stream.formats.reading import ReadingOptions, ReadResult, content_of, encoding_of, xml_root
from vtn_stream.formats.sheets import head_of, is_spreadsheet

__all__ = ["BUNDLES", "read_any", "timeline_format_of"]

_HEAD = 8 * 1024 * 1024  # bytes that tell a format: sorted JSON may have its key behind everything else
_XLSX = ".xlsx"
_ANYONES = {".csv", ".json", ".tsv", _XLSX, ".xml"}  # suffixes that say too little
_SUFFIXES = (".edl", ".fcpxml", ".otio", ".srt", ".vtt", ".llc", ".eaf", ".boris")  # of what other programs write
_COLUMNS = "the columns video, start_s, end_s and label"
_JSON = "an object with database, results, labels or UrlLocal, a list of tasks (data) or of films (events), OTIO_SCHEMA"
BUNDLES = {".fcpxmld": "Info.fcpxml", ".otiod": "content.otio"}  # folders around a file and its films
_PROJECTS = {
    ".zip": "unzip it, and give the file that is in it, of CVAT annotations.xml",
    ".aaf": "export an EDL or Final Cut Pro XML from the editor",
    ".drp": "export a timeline from Resolve: EDL, FCPXML or OTIO",
    ".drt": "export a timeline from Resolve: EDL, FCPXML or OTIO",
    ".otioz": "unzip it, and give the content.otio that is in it",
    ".prproj": "export Final Cut Pro XML from Premiere",
}


def read_any(path: Path, options: ReadingOptions = ReadingOptions()) -> ReadResult:
    """The timelines in a file of any format that can be read, or in annotations of many films. The content tells the
    format. A warning where there is nothing in it.

    Raises TimelineError, AnnotationError, InputError.
    """
    result = _read(path, options)
    if any(timeline.segments or timeline.clip_labels for timeline in result.timelines):
        return result
    return replace(result, warnings=(*result.warnings, "there is no segment in it"))


def _read(path: Path, options: ReadingOptions) -> ReadResult:
    name = path.name
    if (inside := BUNDLES.get(path.suffix.lower())) is not None and path.is_dir():
        path, name = path / inside, path.stem + PurePath(inside).suffix
    data = b"" if path.is_dir() else content_of(path, consequence="nothing was read", too_large="split it")
    faults: list[str] = []  # of plug-ins that could not be asked
    if not path.is_dir() and (format := _format_of(name, data, faults)) is not None:
        result = format.read(data, name, options)
        return replace(result, warnings=(*result.warnings, *faults))
    if path.suffix.lower() in _PROJECTS:
        raise _unknown(path.name, data)
    try:
        annotations = read_annotations(
            path,
            fps=options.annotation_fps,
            start_timecode=options.start_timecode,
            skip_bad=True,
            as_truth=False,
            coding=options.coding,
        )
    except UnknownFormat as error:
        raise _unknown(path.name, data, faults) from error
    result = timelines_of(annotations, path.name, options)
    return replace(result, warnings=(*result.warnings, *faults))


def timeline_format_of(path: Path) -> str | None:
    """The title of the timeline format that a file is of, by its content; None for any other file. Raises OSError."""
    with open(path, "rb") as file:
        data = file.read(_HEAD)
    format = _format_of(path.name, data, [])
    return None if format is None else format.title


def _format_of(name: str, data: bytes, faults: list[str]) -> Format | None:
    """The format that its content shows, ours before those of plug-ins; else its suffix, if that is of one format
    alone: its reader says what is wrong, with the line. A table, JSON or XML may be anyone's, if it holds anything at
    all. faults: gets a line for each plug-in that could not be asked.
    """
    is_workbook = is_spreadsheet(data)
    head = _head(data)
    name = f"{name}{_XLSX}" if is_workbook else name.lower().removesuffix(_XLSX)
    formats = [format for format in FORMATS.ours.values() if format.reads == "itself"]
    suffix = PurePath(name).suffix.lower()
    for format in formats if head.strip() else ():
        if format.claims(head, suffix):
            return format
    added = [of for of in FORMATS.usable(faults).values() if isinstance(of, PluggedFormat) and of.reads == "itself"]
    for format in added if head.strip() else ():
        try:
            if format.claims(head, suffix):
                return format
        except VtnStreamError as error:
            faults.append(str(error))
    formats += added
    by_length = sorted(formats, key=lambda format: -len(format.suffix))
    named = next((format for format in by_length if name.lower().endswith(format.suffix)), None)
    return None if named is not None and named.suffix in _ANYONES and head.strip() else named


def _is_own(text: str) -> bool:
    return FORMATS["xlsx"].claims(text, _XLSX)


def _unknown(name: str, data: bytes, faults: Sequence[str] = ()) -> AnnotationError:
    """What is known of a file of no known format, and what would have been one. faults: of plug-ins."""
    text = _head(data).lstrip("\ufeff \n\t")
    reason, cure = "", f"give one of these: {', '.join(_SUFFIXES)}; or a table with {_COLUMNS}; docs/formats.md has all"
    if is_film_name(name):
        cure = "to analyze a film, use vtn-stream analyze"
    elif (program := _PROJECTS.get(PurePath(name).suffix.lower())) is not None:
        reason, cure = "an archive" if program.startswith("unzip") else "a program's own project", program
    elif text.startswith("<"):
        reason = f"its root is <{printable(str(xml_root(data, name).tag)[:40])}>"
        cure = (
            "XML that can be read has one of the roots <xmeml>, <fcpxml>, <Chapters>, <file> with <ALL_INSTANCES>, "
            "<ANNOTATION_DOCUMENT>, <annotations> of CVAT; "
            f"or export a table with {_COLUMNS}"
        )
    elif text.startswith(("{", "[")):
        reason, cure = _of_json(text), f"JSON that can be read is {_JSON}; or export a table with {_COLUMNS}"
    elif "\0" in text:
        reason = "it contains zero bytes, so it is not text"
    elif text:
        reason = f"it begins with {shown(text.splitlines()[0].strip())}"
    return AnnotationError(
        f"{name} is in no format that can be read" + f" ({reason})" * bool(reason),
        "nothing was written",
        "; ".join((cure, *faults)),
    )


def _of_json(text: str) -> str:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"damaged JSON: {str(error)[:100]}"
    item, what = content, "its keys are"
    if isinstance(content, list):
        item, what = (content[0] if content else None), "a list, whose first item has the keys"
    if not isinstance(item, dict):
        return f"{'a list of' if isinstance(content, list) else 'it holds'} {shown(item)}"
    return f"{what} {listed(map(shown, item), 5)}" if item else "an empty object"


def _head(data: bytes) -> str:
    """The beginning of a text, or of the table in a workbook."""
    if is_spreadsheet(data):
        return head_of(data, _is_own)
    text = data[:_HEAD].decode(encoding_of(data), "replace").removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")
