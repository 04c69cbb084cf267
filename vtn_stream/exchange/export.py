"""Timelines, or what is selected of them, in other formats. Touches no film and no model."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from vtn_stream.anonymous import anonymous, labels_that_name, name_in
from vtn_stream.corrections import is_corrected
from vtn_stream.errors import DamagedFile, InputError, TimelineError, VtnStreamError, printable
from vtn_stream.exchange.labels import without_attribute
from vtn_stream.exchange.output import (
    Exported,
    Pages,
    attributes_lost,
    check_free,
    content_of,
    holding_many,
    holds_many,
    inside_film,
    outside_warnings,
    same_file,
)
from vtn_stream.exchange.per_file import file_stems, per_file
from vtn_stream.exchange.selection import Scored, Selection
from vtn_stream.formats import FORMATS, Options
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.writing import num
from vtn_stream.name_table import Names
from vtn_stream.results.format_names import PAGE, check_written, suffix_of
from vtn_stream.results.hand_work import is_hand_work, origin_of
from vtn_stream.results.timelines import load_timeline, stem_of
from vtn_stream.results.writing import write_file
from vtn_stream.store import read_scores, scores_identity
from vtn_stream.timeline import Timeline

__all__ = ["check_labels", "export", "export_together", "selected"]


def export(
    path: Path,
    formats: Iterable[str],
    folder: Path | None = None,
    *,
    selection: Selection = Selection(),
    options: Options = Options(),
    pages: Pages = Pages(),
    files: bool = False,
    overwrite: bool = False,
    names: Names | None = None,
) -> Exported:
    """Write the timeline in `path` in other formats, named after that file, beside it or in `folder`.

    files: of a recording a timeline for each of its files, in that file's time: in a format that holds many films in
    one, else each in one of its own, named after the film's file.
    names: the film gets its random name from this table, and so do the files; they must not lie beside one that has the
    film's own name.

    Nothing is written where a file is there already that says something else, unless overwrite; the timeline itself is
    always kept. Raises TimelineError, DamagedFile, InputError.
    """
    formats = tuple(formats)
    check_written(formats, "nothing was written")
    timeline, warnings = selected(path, selection, names)
    folder, stem = path.parent if folder is None else folder, stem_of(path)
    if names is not None:
        if stem != timeline.video_path and same_file(folder, path.parent):
            raise InputError(
                f"{path.name}, which has the film's own name, lies in the folder for the results",
                "nothing was written: who gets that folder would know which film this is",
                "name another folder with -o",
            )
        stem = timeline.video_path
    wanted, notes, made = list(dict.fromkeys(formats)), dict.fromkeys(warnings), list[tuple[Path, bytes | None]]()
    of_files, told_of_files = per_file([timeline]) if files and timeline.parts else ([timeline], ())
    notes |= dict.fromkeys(told_of_files)
    if files and not timeline.parts:
        notes["the film is one file, as it is without --per-file"] = None
    for name, own_stem, timelines in _targets(wanted, stem, of_files, in_files=files and bool(timeline.parts)):
        target = folder / f"{own_stem}.timeline{suffix_of(name)}"
        written = content_of(target, timelines, name, options, pages, path if timelines == [timeline] else None)
        if same_file(target, path):
            if timelines == [load_timeline(path)]:  # it says so already
                made.append((target, None))
                continue
            if len(wanted) == 1:
                raise TimelineError(
                    f"{target.name} is the timeline itself",
                    "it was kept",
                    "name another folder with -o",
                )
            notes[
                "the JSON would replace the timeline itself, so it was not written; name another folder with -o for it"
            ] = None
            continue
        made.append((target, written.content))
        title = "" if name == PAGE else f"{FORMATS[name].title}: "
        # What several formats say alike is said by the first of them.
        told = (*attributes_lost(timelines, name), *written.warnings)
        notes |= {f"{title}{w}": None for w in told if not any(known.endswith(w) for known in notes)}
    for target, content in made:
        if content is not None:
            check_free(target, content, overwrite=overwrite)
    for target, content in made:
        if content is not None:
            notes |= dict.fromkeys(write_file(target, content))
    return Exported(paths=tuple(target for target, _ in made), warnings=tuple(notes))


def _targets(
    formats: Sequence[str], stem: str, timelines: list[Timeline], *, in_files: bool
) -> Iterator[tuple[str, str, list[Timeline]]]:
    """(format, what the file begins with, what is in it)"""
    for name in formats:
        if in_files and not holds_many(name):
            for own_stem, timeline in zip(file_stems(timelines), timelines, strict=True):
                yield name, own_stem, [timeline]
        else:
            yield name, stem, timelines


def export_together(
    paths: Iterable[Path],
    target: Path,
    *,
    selection: Selection = Selection(),
    options: Options = Options(),
    files: bool = False,
    overwrite: bool = False,
    names: Names | None = None,
    on_error: Callable[[Path, VtnStreamError], None] | None = None,
) -> Exported:
    """Writes the timelines of many films in one file. Its suffix names the format, which must hold many films.

    files: of recordings a timeline for each file. names: films get their random names from this table. on_error gets
    each timeline that cannot be read, and the others are written; without it the error is raised.
    """
    format = holding_many(target)
    timelines, warnings = [], []
    for path in paths:
        try:
            timeline, of_selection = selected(path, selection, names)
        except VtnStreamError as error:
            if on_error is None:
                raise
            on_error(path, error)
            continue
        timelines.append(timeline)
        shown = path if names is None else timeline.video_path
        warnings += [f"{shown}: {warning}" for warning in of_selection]
    if not timelines:
        raise TimelineError("none of the timelines could be read", f"{target.name} was not written", "see above")
    if files:
        timelines, told_of_files = per_file(timelines)
        warnings += told_of_files
    written = FORMATS[format].write(timelines, options)
    check_free(target, written.content, overwrite=overwrite)
    told = write_file(target, written.content)
    lost = attributes_lost(timelines, format)
    return Exported(paths=(target,), warnings=(*warnings, *lost, *written.warnings, *told))


def check_labels(paths: Iterable[Path], selection: Selection) -> None:
    """Raises InputError for a label of the selection that no timeline has, and for which none was searched."""
    wanted = {*selection.labels, *selection.names}
    there: dict[str, None] = {}
    for path in paths if wanted else ():
        try:
            timeline = load_timeline(path)
            wanted &= set(selection.unknown_labels(timeline))
            if wanted and selection.needs_scores(timeline):  # a label may be there that the timeline does not show
                wanted -= set(_scores(path, timeline)[2])
        except VtnStreamError:  # the export reports it
            continue
        there |= dict.fromkeys(timeline.labels)
        if not wanted:
            return
    if wanted:
        missing = min(wanted)
        near = nearest(missing, list(there))
        has = ", ".join(map(printable, list(there)[:5])) + ", ..." * (len(there) > 5)
        raise InputError(
            f"no segment is called {printable(missing)}",
            "nothing was written",
            (f"did you mean {printable(near)}? " if near else "") + f"There are: {has or 'no segments at all'}",
        )


def selected(path: Path, selection: Selection, names: Names | None = None) -> tuple[Timeline, tuple[str, ...]]:
    """What is selected of a timeline's file, inside its film, and lines on what users should know of it."""
    whole, num_outside = inside_film(load_timeline(path))
    try:
        chosen = selection.apply(whole, lambda: _scores(path, whole))
    except TimelineError as error:
        raise TimelineError(f"{path.name}: {error.fact}", error.consequence, error.cure) from error
    warnings = list(outside_warnings(num_outside))
    if not whole.complete:
        warnings.append("the analysis did not finish: what it had not reached is missing")
    if selection.needs_scores(whole):
        if is_corrected(whole):
            warnings.append("it is drawn again from the scores, around what people corrected in its page")
        if origin_of(path) == "edited":
            more = "else " if is_corrected(whole) else ""
            warnings.append(
                f"it is drawn again from the scores: what {more}was changed by hand in the timeline is not in it"
            )
    missing = selection.unknown_labels(whole)
    if missing and not selection.needs_scores(whole):
        warnings.append(f"no segment is called {' or '.join(map(printable, missing))}")
    warnings += without_attribute([whole], selection.label_with)
    if whole.segments and not chosen.segments:
        surest = max((s.score for s in whole.segments if s.score is not None), default=None)
        scores = "" if surest is None else f"; the highest score is {surest:.2f}"
        warnings.append(f"of {num(len(whole.segments), 'segment')} none is left{scores}")
    if names is not None:
        name = name_in(names, chosen)
        if name != chosen.video_path and (telling := labels_that_name(chosen, chosen.video_path)):
            warnings.append(
                f"the film's own name is in {num(len(telling), 'label')}, and labels stay as they are: --rename gives "
                "those of segments other names"
            )
        chosen = anonymous(chosen, name)
    return chosen, tuple(warnings)


def _scores(path: Path, timeline: Timeline) -> Scored:
    """The scores stored beside a timeline. Raises TimelineError."""
    file = path.with_name(f"{stem_of(path)}.scores.arrow")
    try:
        if is_hand_work(file):
            reason = "it is not the one that was written with the timeline"
        elif scores_identity(file) == timeline.video_identity:
            return read_scores(file)
        else:
            reason = "it is another film's" if file.exists() else "it is not there"
    except (FileNotFoundError, DamagedFile) as error:
        reason = error.fact if isinstance(error, DamagedFile) else "it is not there"
    raise TimelineError(
        f"a threshold below the timeline's own needs {file.name}, and {reason}",
        "nothing was written",
        "keep it beside the timeline, raise the threshold, or analyze the film again",
    )
