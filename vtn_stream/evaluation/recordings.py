"""Recordings in several files, where one side speaks of the files and the other of the whole: both by file then.
And a region of a picture, where the annotations name only its film.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from vtn_stream.errors import InputError, listed
from vtn_stream.evaluation.coding import CodedFilm, Coding
from vtn_stream.evaluation.prediction import Prediction
from vtn_stream.evaluation.predictions import assign
from vtn_stream.formats.annotations import Annotations
from vtn_stream.formats.annotations.annotated import END_TOLERANCE_S, AnnotatedVideo, per_file
from vtn_stream.formats.annotations.words import shown

__all__ = ["codings_in_files", "in_files"]


def in_files(
    predictions: Mapping[str, Prediction], truth: Annotations
) -> tuple[dict[str, Prediction], Annotations, list[str]]:
    """The same, but a recording of which the other side knows the files alone is there file by file; and lines on what
    was done.

    Raises InputError where a file is predicted twice, alone and in a recording.
    """
    predictions, told = _by_film(predictions, truth.videos)
    given = dict(predictions)
    for name, whole in predictions.items():
        if whole.parts and not assign({name}, truth.videos)[0]:
            told += _split(given, name, whole, truth.videos)
    videos = dict[str, AnnotatedVideo]()
    for name, video in truth.videos.items():
        files = per_file(name, video) if video.parts and not assign(given, {name})[0] else {}
        assigned, _ = assign(given, files)
        videos |= files if assigned else {name: video}
        if assigned:
            told.append(f"{shown(name)} is annotated as a whole and predicted by file: it was cut at the joins.")
    return given, replace(truth, videos=videos), told


def _by_film(
    predictions: Mapping[str, Prediction], films: Mapping[str, AnnotatedVideo]
) -> tuple[Mapping[str, Prediction], list[str]]:
    """The same, but the only region of which something is predicted is called like its film, if that is annotated and
    the region is not.
    """
    given, told = dict[str, Prediction](), list[str]()
    regions = Counter(of.film or name for name, of in predictions.items())
    for name, of in predictions.items():
        film = of.film
        alone = film is not None and regions[film] == 1 and not assign({name}, films)[0] and assign({film}, films)[0]
        if alone and film is not None:
            told.append(
                f"{shown(name)} is scored against the annotations of {shown(film)}, which name no region of it."
            )
        given[film if alone and film is not None else name] = of
    return given, told


def _split(
    given: dict[str, Prediction], name: str, whole: Prediction, films: Mapping[str, AnnotatedVideo]
) -> list[str]:
    """Puts the predictions of its files in the place of those of a recording, if they are what is annotated."""
    folder = PurePosixPath(name).parent
    files = {(folder / path).as_posix(): file for path, file in whole.per_file().items()}
    assigned, others = assign(files, films)
    if not assigned:
        return []
    del given[name]
    told = [f"{shown(name)} is predicted as a whole and annotated by file: it was cut at the joins."]
    for film, file in assigned.items():
        if assign(given, {film})[0]:
            raise InputError(
                f"{shown(film)} is predicted twice: alone, and as a file of {shown(name)}",
                "nothing was scored",
                "keep one of these predictions",
            )
        given[file] = files[file]
        lasts_s, said_s = files[file].duration_s, films[film].duration_s
        if said_s is not None and lasts_s is not None and said_s > lasts_s + END_TOLERANCE_S:
            told.append(
                f"The annotations say that {shown(film)} lasts {said_s:.6g} s, and the file of {shown(name)} lasts "
                f"{lasts_s:.6g} s: it may be another version, and times after it may be wrong."
            )
    if others:
        told.append(f"Nothing is annotated of {listed(others)}, of {shown(name)}: what is predicted there is left out.")
    return told


def codings_in_files(a: Coding, b: Coding) -> tuple[Coding, Coding, list[str]]:
    """The same, but a recording of which the other annotator coded the files alone is there file by file; and lines on
    what was done. Raises InputError where one coded a file alone and in its recording.
    """
    in_a, told = _coded_in_files("A", a, "B", b)
    in_b, more = _coded_in_files("B", b, "A", in_a)
    return in_a, in_b, told + more


def _coded_in_files(who: str, coding: Coding, other: str, others: Coding) -> tuple[Coding, list[str]]:
    films, told = dict[str, CodedFilm](coding.films), list[str]()
    for name, whole in coding.films.items():
        if not whole.parts or assign({name}, others.films)[0]:
            continue
        folder = PurePosixPath(name).parent
        files = {(folder / path).as_posix(): file for path, file in whole.per_file().items()}
        if not assign(files, others.films)[0]:
            continue
        del films[name]
        if twice := sorted(files.keys() & films.keys()):
            raise InputError(
                f"{coding.name} codes {shown(twice[0])} twice: alone, and as a file of {shown(name)}",
                "nothing was compared",
                "keep one of them",
            )
        films |= files
        told.append(f"{who} coded {shown(name)} as a whole and {other} by file: it was cut at the joins.")
    return replace(coding, films=films), told
