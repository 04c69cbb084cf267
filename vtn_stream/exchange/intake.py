"""Reads files of other programs as timelines; finds their format by their content. Touches no film and no model."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from vtn_stream.errors import AnnotationError, InputError, UnknownFormat, listed, printable
from vtn_stream.film import bare_name, is_film_name, one_form, with_or_without_v
from vtn_stream.formats import FORMATS, Format
from vtn_stream.formats.annotations import read_annotations, timelines_of
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.annotations.words import shown
from vtn_stream.formats.reading import ReadingOptions, ReadResult, content_of, encoding_of, named_by, xml_root
from vtn_stream.timeline import Segment, Timeline

__all__ = ["read_any", "truth_of"]

_HEAD = 8 * 1024 * 1024  # bytes that tell a format: sorted JSON may have its key behind everything else
_ANYONES = {".csv", ".json", ".tsv", ".xml"}  # suffixes that say too little
_SUFFIXES = (".edl", ".fcpxml", ".otio", ".srt", ".vtt", ".eaf")  # of what other programs write
_COLUMNS = "the columns video, start_s, end_s and label"
_JSON = "an object with database, results, labels or UrlLocal, a list of tasks (data) or of films (events), OTIO_SCHEMA"
_BUNDLES = {".fcpxmld": "Info.fcpxml", ".otiod": "content.otio"}  # folders around a file and its films
_PROJECTS = {
    ".llc": "let LosslessCut export its segments as CSV",
    ".aaf": "let the editor export an EDL or Final Cut Pro XML",
    ".drp": "let Resolve export a timeline: EDL, FCPXML or OTIO",
    ".drt": "let Resolve export a timeline: EDL, FCPXML or OTIO",
    ".otioz": "unzip it: the content.otio in it is what is read",
    ".prproj": "let Premiere export Final Cut Pro XML",
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
    if (inside := _BUNDLES.get(path.suffix.lower())) is not None and path.is_dir():
        path, name = path / inside, path.stem + PurePath(inside).suffix
    data = b"" if path.is_dir() else content_of(path, consequence="nothing was read", too_large="split it")
    if not path.is_dir() and (format := _format_of(name, _head(data))) is not None:
        return format.read(data, name, options)
    try:
        annotations = read_annotations(
            path, fps=options.annotation_fps, start_timecode=options.start_timecode, skip_bad=True
        )
    except UnknownFormat as error:
        raise _unknown(path.name, data) from error
    return timelines_of(annotations, path.name, options)


def truth_of(
    path: Path,
    timelines: Sequence[Timeline],
    options: ReadingOptions = ReadingOptions(),
    on_warning: Callable[[str], None] | None = None,
) -> list[tuple[Segment, ...]]:
    """What a file of any format says about the film of each timeline.

    One that tells of a single film without naming it, such as subtitles, is about a single timeline's. The label of a
    whole clip lasts as long as its film. on_warning gets what was read otherwise than it stands in the file.

    Raises InputError if it tells of no film, or of several, with a timeline's name, and what `read_any` raises.
    """
    read = read_any(path, options)
    if on_warning is not None:
        for warning in read.warnings:
            on_warning(warning)
    truths = read.timelines
    if len(truths) == len(timelines) == 1 and truths[0].video_path == named_by(path.name):
        return [_lasting(truths[0], timelines[0])]
    by_name: dict[str, list[Timeline]] = {}
    for each in truths:
        by_name.setdefault(bare_name(each.video_path), []).append(each)
    found = []
    for timeline in timelines:
        key = bare_name(timeline.video_path)
        same = by_name.get(key) or by_name.get(with_or_without_v(key), [])
        if len(same) != 1:
            near = nearest(timeline.video_path, [each.video_path for each in truths]) if not same else None
            hint = f" (did you mean {printable(near)}?)" if near else ""
            raise InputError(
                f"{path.name} tells of {'several films' if same else 'no film'} called {timeline.video_path}{hint}",
                "there is no truth to show",
                "let it call the film as the timeline does",
            )
        found.append(_lasting(same[0], timeline))
    return found


def _lasting(truth: Timeline, timeline: Timeline) -> tuple[Segment, ...]:
    """The truth about a timeline's film; a label that differs in the form of Unicode alone is the timeline's."""
    spelled = {one_form(label): label for label in timeline.labels}
    whole = (Segment(start_s=0.0, end_s=timeline.duration_s, label=label) for label, _ in truth.clip_labels)
    return tuple(replace(s, label=spelled.get(one_form(s.label), s.label)) for s in truth.segments or whole)


def _format_of(name: str, head: str) -> Format | None:
    """The format that its content shows, else its suffix, if that is of one format alone: its reader says what is
    wrong, with the line. A table, JSON or XML may be anyone's, if it holds anything at all.
    """
    formats = [format for format in FORMATS.values() if format.reads == "itself"]
    suffix = PurePath(name).suffix.lower()
    for format in formats if head.strip() else ():
        if format.claims(head, suffix):
            return format
    by_length = sorted(formats, key=lambda format: -len(format.suffix))
    named = next((format for format in by_length if name.lower().endswith(format.suffix)), None)
    return None if named is not None and named.suffix in _ANYONES and head.strip() else named


def _unknown(name: str, data: bytes) -> AnnotationError:
    """What is known of a file of no known format, and what would have been one."""
    text = _head(data).lstrip("\ufeff \n\t")
    reason, cure = "", f"give one of these: {', '.join(_SUFFIXES)}; or a table with {_COLUMNS}; docs/formats.md has all"
    if is_film_name(name):
        cure = "vtn-stream analyze is what reads a film"
    elif (program := _PROJECTS.get(PurePath(name).suffix.lower())) is not None:
        reason, cure = "a program's own project", program
    elif text.startswith("<"):
        reason = f"its root is <{printable(str(xml_root(data, name).tag)[:40])}>"
        cure = (
            "of XML these are read: <xmeml>, <fcpxml>, <Chapters>, <file> with <ALL_INSTANCES>, <ANNOTATION_DOCUMENT>; "
            f"or export a table with {_COLUMNS}"
        )
    elif text.startswith(("{", "[")):
        reason, cure = _of_json(text), f"of JSON there is read {_JSON}; or export a table with {_COLUMNS}"
    elif "\0" in text:
        reason = "it holds zero bytes, so that it is no text"
    elif text:
        reason = f"it begins with {shown(text.splitlines()[0].strip())}"
    return AnnotationError(
        f"{name} is of no format that can be read" + f" ({reason})" * bool(reason), "nothing was written", cure
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
    return f"{what} {listed(map(shown, item), 5)}" if item else "an object of nothing"


def _head(data: bytes) -> str:
    text = data[:_HEAD].decode(encoding_of(data), "replace").removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")
