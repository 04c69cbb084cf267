"""The timelines that `analyze` and `batch` left in a folder and in the folders in it: of which film each is, what it
predicts, and whether one model drew them all.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath, PurePosixPath

from vtn_stream.corrections import is_corrected
from vtn_stream.errors import DamagedFile, InputError, listed
from vtn_stream.evaluation.prediction import Prediction, analysis_of, of_timeline
from vtn_stream.exchange.selection import Scored
from vtn_stream.film import is_film_name
from vtn_stream.formats.annotations.film_files import called
from vtn_stream.formats.timeline_json import Document
from vtn_stream.results import stem_of
from vtn_stream.results.timelines import load_document
from vtn_stream.store import read_scores
from vtn_stream.timeline import Timeline

__all__ = ["find_timelines", "is_timeline_name", "predictions_of"]

_FULL, _PARTIAL = ".timeline.json", ".timeline.partial.json"
_SCORES = "scores.arrow"


def is_timeline_name(name: str) -> bool:
    """Whether a file is called as timelines are, whole or partial."""
    return name.endswith((_FULL, _PARTIAL))


def find_timelines(folder: Path) -> list[PurePath]:
    """The timelines in a folder and in the folders in it, relative to it; of a film that has none, the partial one.

    Hidden files and folders are skipped. Raises InputError if the folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        name = Path(error.filename or folder).name or str(folder)
        raise InputError(
            f"{name} cannot be read ({error.strerror})", "nothing was scored", "check the path and its permissions"
        ) from error

    found: list[PurePath] = []
    for path, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = PurePath(os.path.relpath(path, folder))
        names = {name for name in files if is_timeline_name(name) and not name.startswith(".")}
        full = {name.removesuffix(_FULL) for name in names if name.endswith(_FULL)}
        found += [below / n for n in sorted(names) if n.endswith(_FULL) or n.removesuffix(_PARTIAL) not in full]
    return found


def predictions_of(folder: Path, files: Iterable[PurePath]) -> dict[str, Prediction]:
    """What the timelines predict, by film. Films are called as in `batch`: by the folder, below the given one, in which
    their results lie, and their own name.

    Raises InputError where two are of one film, and where two models drew them; TimelineError.
    """
    found: dict[str, Prediction] = {}
    of: dict[str, PurePath] = {}
    drawn: dict[str, list[PurePath]] = {}
    for file in sorted(files, key=lambda file: file.name.endswith(_PARTIAL)):
        document = load_document(folder / file)
        timeline = document.timeline
        name = (PurePosixPath(file.parent.as_posix()) / _film_name(timeline.video_path)).as_posix()
        film, name = name, name + called(timeline).removeprefix(timeline.video_path)
        if name in found and file.name.endswith(_PARTIAL):
            continue  # of a run that began under another file name
        if name in found:
            raise InputError(
                f"{of[name].as_posix()} and {file.as_posix()} are both timelines of {called(timeline)}",
                "nothing was scored",
                "keep one of them",
            )
        prediction = of_timeline(timeline, _scored(folder / file, document))
        changed = document.origin in ("edited", "damaged") or is_corrected(timeline)
        found[name] = replace(prediction, changed=changed, film=None if name == film else film)
        of[name] = file
        if (model := _model_of(timeline)) is not None:
            drawn.setdefault(model, []).append(file)
    if len(drawn) > 1:
        raise _of_two_models(folder, drawn)
    return found


def _model_of(timeline: Timeline) -> str | None:
    """What drew the timeline, for people; None where it does not say."""
    analysis = analysis_of(timeline)
    if isinstance(model := analysis.get("model"), str) and model:
        return f"model {model[:12]}"
    kind = analysis.get("kind")
    return kind if isinstance(kind, str) and kind else None


def _of_two_models(folder: Path, drawn: Mapping[str, Sequence[PurePath]]) -> InputError:
    name = folder.name or str(folder)
    counted = [
        f"{model} ({len(files)} timeline{'s' * (len(files) != 1)}, such as {files[0].as_posix()})"
        for model, files in sorted(drawn.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    own = [{file.parts[0] for file in files} for files in drawn.values()]
    apart = all(len(file.parts) > 1 for files in drawn.values() for file in files) and not set.intersection(*own)
    if apart and all(len(folders) == 1 for folders in own):
        cure = f"give the folder of one of them: {listed(sorted(f'{name}/{f}' for folders in own for f in folders))}"
    else:
        cure = "keep in it the timelines of one of them, or draw them all with one model, into a new folder"
    return InputError(f"{name} holds timelines of {listed(counted)}", "nothing was scored", cure)


def _scored(file: Path, document: Document) -> Scored | None:
    """The scores beside a timeline; None unless they are those that were written with it, and it is as it was
    written.
    """
    known = document.files.get(_SCORES, ())
    if document.origin != "ours" or not known or not document.timeline.complete or is_corrected(document.timeline):
        return None
    path = file.with_name(f"{stem_of(file)}.{_SCORES}")
    try:
        with open(path, "rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() not in known:
                return None
        return read_scores(path)
    except (OSError, DamagedFile):
        return None


def _film_name(video_path: str) -> str:
    """The film's name as a timeline gives it; without a suffix that is not known to be a film's."""
    return video_path if is_film_name(video_path) else PurePosixPath(video_path).with_suffix("").as_posix()
