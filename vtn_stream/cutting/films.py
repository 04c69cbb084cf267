"""The film of a timeline, or the files of a recording: where they lie, and whether they are what was analyzed."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from vtn_stream.anonymous import is_anonymous
from vtn_stream.cutting.pieces import PlacedFilm
from vtn_stream.embedding import probe
from vtn_stream.errors import InputError, printable
from vtn_stream.film import VideoInfo, as_stored
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Part, Timeline
from vtn_stream.video import DecodingProcess

__all__ = ["find_films"]


def find_films(
    timeline: Timeline,
    source: Path | None,
    given: Sequence[Path],
    store: EmbeddingStore,
    process: DecodingProcess,
    *,
    inside: Path,
) -> tuple[tuple[PlacedFilm, ...], tuple[str, ...]]:
    """The files of a timeline's film, in order, and lines on what is not sure.

    source  the timeline's file: films lie beside it, or in a folder above it and in `inside`, as for pages
    given   films, or folders in which they lie; then they are looked for nowhere else

    Raises InputError where one is not found or is another film, VideoError where it cannot be read.
    """
    parts = timeline.parts or (
        Part(
            video_path=timeline.video_path,
            video_identity=timeline.video_identity,
            start_s=0.0,
            duration_s=timeline.duration_s,
        ),
    )
    files = [path for path in given if not path.is_dir()]
    folders = [path for path in given if path.is_dir()]
    videos = [probe(path, store, process) for path in files]
    placed, told = [], list[str]()
    for part in parts:
        video = _of_these(part, videos, is_one=len(parts) == len(videos) == 1)
        if video is None:
            if files and not folders and len(parts) == 1:
                raise _other_film(timeline, part, videos[0])
            path = _beside(timeline, part, source, folders, inside)
            if path is None:
                raise _not_found(timeline, part, source, files, folders)
            video = probe(path, store, process)
        if part.video_identity and part.video_identity != video.identity:
            raise _other_film(timeline, part, video)
        if not part.video_identity:
            told.append(f"the timeline does not say which file it is about; {printable(video.path.name)} was taken")
        placed.append(PlacedFilm(video=video, start_s=part.start_s))
    return tuple(placed), tuple(told)


def _of_these(part: Part, videos: Sequence[VideoInfo], *, is_one: bool) -> VideoInfo | None:
    """The file among those given: whatever it is called, its content is known; by its name if the timeline knows that
    alone.
    """
    if part.video_identity:
        return next((video for video in videos if video.identity == part.video_identity), None)
    if is_one:
        return videos[0]
    return next((video for video in videos if video.path.name == PurePath(part.video_path).name), None)


def _beside(timeline: Timeline, part: Part, source: Path | None, folders: Sequence[Path], inside: Path) -> Path | None:
    if is_anonymous(timeline):  # a file that is called so is no film's
        return None
    if not folders:
        here = inside if source is None else source.parent
        above = Path(os.path.abspath(here)).parents
        folders = [here, *(folder for folder in above if folder.is_relative_to(os.path.abspath(inside)))]
    for folder in folders:
        for name in dict.fromkeys((part.video_path, PurePath(part.video_path).name)):
            path = as_stored(folder / name)
            if path.is_file():
                return path
    return None


def _not_found(
    timeline: Timeline, part: Part, source: Path | None, files: Sequence[Path], folders: Sequence[Path]
) -> InputError:
    name = printable(PurePath(part.video_path).name)
    if is_anonymous(timeline):
        return InputError(
            f"the film of {name} is anonymous, and nothing says where it lies", "nothing was cut", "name it with --film"
        )
    where = "beside its timeline" if source is not None else "in the current folder"
    if folders:
        where = f"in {printable(folders[0].name or str(folders[0]))}"
    elif files:
        where = "among the given films, nor beside the timeline"
    of = f", a file of {printable(timeline.video_path)}," if timeline.parts else ""
    return InputError(
        f"the film {name}{of} is not {where}",
        "nothing was cut",
        "name the film, or the folder that it lies in, with --film",
    )


def _other_film(timeline: Timeline, part: Part, video: VideoInfo) -> InputError:
    anonymous = is_anonymous(timeline)
    called = "the film" if anonymous else printable(video.path.name)
    return InputError(
        f"{called} is not the film of this timeline, or was changed since it was analyzed",
        "nothing was cut: times would not fit",
        "name the right film with --film, or analyze this one",
    )
