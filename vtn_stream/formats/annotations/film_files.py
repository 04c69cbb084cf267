"""A folder with a file for each film: tables, as many programs export them, and timelines of ours, also corrected ones.

Read: tables with a header or without one, as `segments_csv`, `timed_lines` and `frame_columns` read them, of the latter
also FILM_labels.csv in a folder for each film (DeepEthogram); where no column names the film, it is called as the file:
match.csv is about match. FILM.timeline.json in the folder and the folders in it. Of a timeline and the table that was
written with it, the one that a person changed counts; timelines that nobody changed are left out, with a warning that
names them, since they say what was predicted. Films, pages and what `export` made of a timeline beside it are passed
over, and so are other files, with a warning that names them.
Loses what those formats lose; of timelines all but segments, the film's length, and the region of the picture that was
looked at. One with a name is called FILM, NAME.
"""

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from vtn_stream.corrections import is_corrected
from vtn_stream.errors import AnnotationError, TimelineError, listed
from vtn_stream.film import is_film_name
from vtn_stream.formats import FORMATS, timeline_json
from vtn_stream.formats.annotations import frame_columns, segments_csv, timed_lines
from vtn_stream.formats.annotations.exports import is_export
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.text import read_bytes
from vtn_stream.formats.annotations.words import At, in_s, shown
from vtn_stream.formats.annotations.workbooks import text_of
from vtn_stream.formats.reading import ENDS_WITH_LAST, encoding_of, named_by
from vtn_stream.formats.sheets import is_spreadsheet
from vtn_stream.formats.writing import Options
from vtn_stream.known import known_of
from vtn_stream.region import TRIMMED
from vtn_stream.timeline import TOLERANCE_S, Segment, Timeline

__all__ = [
    "NAME",
    "TIMELINE_NAME",
    "FilmFiles",
    "called",
    "files_in",
    "is_timeline",
    "join",
    "read",
    "read_timeline",
    "tables_of_frames",
]

NAME = "CSV folder"
TIMELINE_NAME = "timeline JSON"
_TABLES = {f".timeline{FORMATS[name].suffix}": FORMATS[name] for name in ("csv", "tsv", "xlsx")}
_XLSX = ".xlsx"
_SUFFIXES = (".csv", ".tsv", ".txt", _XLSX)
_HEAD = 64 * 1024  # bytes that show a table; some headers name hundreds of columns
_OF_FRAMES = "*/*_labels.csv"  # as DeepEthogram lays them out, beside each film in a folder of its own
_MAX_NAMES = 20  # of timelines that are left out
_OWN = re.compile(r"\.timeline( ?\(\d+\))?\.json$")  # as browsers name a second download, too
_READERS = (frame_columns, segments_csv, timed_lines)
_FOR_PEOPLE = "annotation"  # in the provenance of a timeline that `annotate` began, for people to fill
_BESIDE = re.compile(r"\.timeline\.\w+|\.scores\.arrow$|^(run\.json|failures\.jsonl)$|\.html?$", re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class FilmFiles:
    """What lies in a folder: tables, timelines of ours, and the names of other files that may have been meant."""

    tables: list[Path] = field(default_factory=list)
    timelines: list[Path] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.tables or self.timelines)


def is_timeline(data: bytes) -> bool:
    """Whether a file is a timeline of ours."""
    head = data[:_HEAD]
    return head.lstrip().startswith(b"{") and f'"{timeline_json.SCHEMA}"'.encode() in head


def files_in(folder: Path) -> FilmFiles:
    found = FilmFiles()
    for file in sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith(".")):
        if _OWN.search(file.name):
            continue
        if file.suffix.lower() in _SUFFIXES and _is_table(file):
            if any(file.name.endswith(end) for end in _TABLES) or not is_export(file):
                found.tables.append(file)
        else:
            found.others.append(file.name)
    found.tables += tables_of_frames(folder)
    found.timelines = sorted(
        file for file in folder.rglob("*.json") if _OWN.search(file.name) and not file.name.startswith(".")
    )
    if found.timelines:  # their films and pages, and what a batch writes, are nothing that anyone meant
        found.others = [name for name in found.others if not (_BESIDE.search(name) or is_film_name(name))]
    return found


def tables_of_frames(folder: Path) -> list[Path]:
    """The tables of frames that lie beside their films, each in a folder of its own, which is no folder of a class."""
    return sorted(file for file in folder.glob(_OF_FRAMES) if file.is_file() and _is_table(file))


def read(findings: Findings, folder: Path, files: FilmFiles, *, as_truth: bool = True) -> None:
    """as_truth: what is read is what happens; else timelines count as they stand, whoever says so."""
    if files.others:
        findings.warn(At(), f"{listed(files.others)} ignored: in no format that is read here")
    told: dict[str, list[str]] = defaultdict(list)  # the files of each warning
    unnamed: list[str] = []
    predicted: list[str] = []  # timelines that nobody corrected
    tables = {file: file.relative_to(folder).as_posix() for file in files.tables}
    for file in files.timelines:
        _read_own(findings, file, file.relative_to(folder).as_posix(), tables, told, predicted if as_truth else None)
    for file, name in tables.items():
        part = findings.part(file.name)
        text = findings.loaded(name, partial(text_of, part, file))
        if text is None:
            continue
        try:
            next(reader for reader in _READERS if reader is timed_lines or reader.claims(text)).read(part, file, text)
        except Unreadable as error:
            findings.problem(error.at._replace(file=name), error.text)
        if any(segments_csv.UNNAMED in text for _, text in part.warnings):
            unnamed.append(file.name)
        for _, warning in part.warnings:
            if segments_csv.UNNAMED not in warning:
                told[warning].append(name)
        join(findings, part, name)
    if unnamed:
        example = f"{unnamed[0]} is about {named_by(unnamed[0])}"
        findings.warn(
            At(), f"in {len(unnamed)} of {len(tables)} files no column names the film, so the file does: {example}"
        )
    for warning, names in told.items():
        findings.warn(
            At(file=names[0] if len(names) == 1 else ""), warning + f", in {listed(names)}" * (len(names) > 1)
        )
    if predicted and not findings.films and not findings.problems:
        raise _uncorrected(
            f"any of the {len(predicted)} timelines in {findings.name}" if len(predicted) > 1 else predicted[0]
        )
    if predicted:
        num = (
            f"{len(predicted)} timelines that nobody corrected"
            if len(predicted) > 1
            else "a timeline that nobody corrected"
        )
        findings.warn(At(), f"left out: {num}: {listed(predicted, _MAX_NAMES)}")


def read_timeline(findings: Findings, data: bytes, *, as_truth: bool = True) -> None:
    """Adds a timeline of ours; as_truth: raises AnnotationError where nobody corrected it."""
    document = _document(data)
    if as_truth and _is_predicted(document):
        raise _uncorrected(findings.name)
    for warning in _add(findings, document, At(), as_truth=as_truth):
        findings.warn(At(), warning)


def _uncorrected(what: str) -> AnnotationError:
    return AnnotationError(
        f"nobody corrected {what}",
        "it says what was predicted, not what is true, so nothing was read",
        "open the page of the film, correct what it shows, and save the timeline here",
    )


def _is_predicted(document: timeline_json.Document) -> bool:
    """Whether nobody said anything of it: it is as an analysis wrote it, as `export` wrote such a one, or as a page
    saved it before anything was said there. What was converted from annotations says who drew a segment nowhere.
    """
    timeline = document.timeline
    if document.origin != "ours" or is_corrected(timeline):
        return False
    return bool(document.files) or _FOR_PEOPLE in timeline.provenance or any(s.origin for s in timeline.segments)


def _read_own(
    findings: Findings,
    file: Path,
    name: str,
    tables: dict[Path, str],
    told: dict[str, list[str]],
    predicted: list[str] | None,
) -> None:
    """Adds a timeline, unless the table that was written with it was changed since. Takes that from the tables.

    predicted: gets the names of those that nobody corrected, which are not added then
    """
    data = findings.loaded(name, partial(read_bytes, file))
    if data is None:
        return
    try:
        document = _document(data)
    except Unreadable as error:
        findings.problem(error.at._replace(file=name), error.text)
        return
    changed = list[str]()
    for end in _TABLES:
        table = file.with_name(_OWN.sub(end, file.name))
        if table.is_file():
            tables.pop(table, None)
            if not _is_as_written(table, end, document):
                changed.append(end)
    others = [_OWN.sub(end, file.name) for end in changed]
    if changed and (region := document.timeline.region) is not None and region.name:
        findings.problem(
            At(file=name),
            f"{listed(others)} was changed, and a table does not say that it is about {shown(region.name)} alone: "
            "correct that on the page of the film, and move the table away",
        )
        return
    if changed and (document.origin == "edited" or is_corrected(document.timeline)):
        findings.problem(
            At(file=name), f"it was changed, and so was {listed(others)}: move away the one that should not count"
        )
    elif len(changed) > 1:
        findings.problem(At(file=name), f"{listed(others)} were both changed: move away the one that should not count")
    if changed:
        tables[file.with_name(others[0])] = _OWN.sub(changed[0], name)
        return
    if predicted is not None and _is_predicted(document):
        predicted.append(name)
        return
    for warning in _add(findings, document, At(file=name), as_truth=predicted is not None):
        told[warning].append(name)


def _is_as_written(table: Path, end: str, document: timeline_json.Document) -> bool:
    """Whether a table says what its timeline says: it is the one that was written with it."""
    content = read_bytes(table)
    if hashlib.sha256(content).hexdigest() in document.files.get(end[1:], ()):
        return True
    if not is_corrected(document.timeline):
        return False
    return content == _TABLES[end].write([document.timeline], Options()).content  # its page saves both


def _add(findings: Findings, document: timeline_json.Document, at: At, *, as_truth: bool) -> list[str]:
    timeline, corrected = document.timeline, as_truth and is_corrected(document.timeline)
    name = called(timeline)
    if findings.knows(name):
        findings.problem(at, f"another file is about {name} too: keep one of them, or give the films different names")
        return []
    notes = timeline.provenance.get("notes")
    is_guessed = isinstance(notes, list) and ENDS_WITH_LAST in notes  # a conversion did not know the film
    film = findings.film(name, at, duration_s=None if is_guessed else timeline.duration_s)
    if film is None:
        return []
    found = findings.films[film]
    found.parts, found.region = timeline.parts, _region_of(timeline)
    if name != timeline.video_path:
        found.film = film.removesuffix(name.removeprefix(timeline.video_path))
    for s in timeline.segments:
        if corrected and not s.by_hand:
            continue
        if s.start_s == s.end_s:
            findings.spot(film, at, s.start_s, s.label)
        else:
            findings.segment(film, at, s.start_s, s.end_s, s.label)
    if corrected:
        timeline = _spelled(findings, at, timeline)
        findings.looked_at(film, known_of(timeline), timeline.video_identity)
        return []
    warnings = []
    if as_truth and document.origin == "edited":
        warnings.append("changed in a text editor: it counts as the annotation of its whole film")
    if not is_guessed and timeline.span_s != (0.0, timeline.duration_s):
        warnings.append("about a part of its film only; the rest counts as if nothing happened there")
    return warnings


def called(timeline: Timeline) -> str:
    """What the film is called, or the region of its picture that has a name."""
    name = "" if timeline.region is None else timeline.region.name
    return f"{timeline.video_path}, {name}" if name else timeline.video_path


def _region_of(timeline: Timeline) -> str | None:
    """The region that was looked at, as a recipe names it; None: all of the picture, as far as anybody says."""
    recipe = timeline.provenance.get("recipe")
    if isinstance(recipe, dict) and recipe.get("region") == TRIMMED:
        return TRIMMED
    region = timeline.region
    if region is None or region.in_percent == [0, 0, 100, 100]:
        return None
    return region.text


def _spelled(findings: Findings, at: At, timeline: Timeline) -> Timeline:
    """The timeline with its labels as they were spelled first. Reports marks that no person can have made."""

    def one(s: Segment) -> Segment:
        return replace(s, label=findings.label(at, s.label), was=None if s.was is None else one(s.was))

    for word, marks in (("reviewed", timeline.reviewed), ("rejected", timeline.rejected)):
        for mark in marks:
            if mark.start_s < 0 or mark.end_s > timeline.duration_s + TOLERANCE_S:
                span = f"from {in_s(mark.start_s)} to {in_s(mark.end_s)}"
                findings.problem(at, f"what is {word} {span} is outside of its film of {in_s(timeline.duration_s)}")
    return replace(
        timeline,
        segments=tuple(map(one, timeline.segments)),
        rejected=tuple(map(one, timeline.rejected)),
        reviewed=tuple(
            replace(r, labels=None if r.labels is None else tuple(findings.label(at, label) for label in r.labels))
            for r in timeline.reviewed
        ),
    )


def _document(data: bytes) -> timeline_json.Document:
    try:
        return timeline_json.read_document(data)
    except TimelineError as error:
        raise Unreadable(At(), error.fact) from error


def _is_table(file: Path) -> bool:
    head = read_bytes(file, _HEAD)
    if is_spreadsheet(head):
        return file.suffix.lower() == _XLSX
    text = head.decode(encoding_of(head), "replace").lstrip("\ufeff").replace("\r\n", "\n")
    return any(reader.claims(text) for reader in _READERS)


def join(findings: Findings, part: Findings, file: str) -> None:
    """Adds what was found in one file to what was found in all. Of observations of one film the caller must choose."""
    findings.labels = [*findings.labels, *(label for label in part.labels if label not in findings.labels)]
    findings.uses_fps |= part.uses_fps
    for at, text in part.problems:
        findings.problem(at._replace(file=file), text)
    for name, its in part.films.items():
        film = findings.film(name, its.at._replace(file=file), **its.facts)
        if film is None:
            continue
        there = findings.films[film]
        if its.observation and there.observation and not findings.coding.observations:
            where = f"observation {shown(its.observation)} here, and {shown(there.observation)} of {there.at.file}"
            findings.lost(film, its.at._replace(file=file), f"{shown(film)} has the {where}: choose with --observation")
            continue
        there.observation = there.observation or its.observation
        there.lost |= its.lost
        there.num_labels, there.known = its.num_labels or there.num_labels, its.known or there.known
        there.parts = its.parts or there.parts
        for s in its.segments:
            at = s.at._replace(file=file)
            if s.start_s == s.end_s and not s.is_doubtful:
                findings.spot(film, at, s.start_s, s.label, s.attributes, s.score)
            else:
                findings.segment(film, at, s.start_s, s.end_s, s.label, s.attributes, s.score)
