"""Which pixels of a film are looked at: those of a region, or what its black borders leave."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vtn_stream.borders import METHOD, inner_box
from vtn_stream.errors import DamagedFile, InputError, StoreError
from vtn_stream.film import VideoInfo
from vtn_stream.region import TRIMMED, Box, Region
from vtn_stream.store import EmbeddingStore
from vtn_stream.store.borders import borders_file, load_borders, write_borders
from vtn_stream.track import WHOLE
from vtn_stream.video import DecodingProcess, Window

__all__ = ["Cutout", "box_of", "cutout"]

NUM_LOOKED_AT = 40  # frames, over all of the film: many enough for any light, and an hour's take a second or two
NUM_CELLS = 64  # of a row or column


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutout:
    """What is looked at of a film.

    region  as the recipe of its embeddings names it
    shown   as its timeline names it; None: all of the picture, which has no name
    notes   for people, of which the results speak
    """

    region: str = WHOLE
    shown: Region | None = None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What its results are called by, beside the film's name; empty where it is the only one."""
        return "" if self.shown is None else self.shown.name


def cutout(asked: str | Region, video: VideoInfo, store: EmbeddingStore, process: DecodingProcess) -> Cutout:
    """What a region, or one as a recipe names it, is in this film. Black borders are measured, if they are not known.

    Raises InputError where the region is not inside the picture, VideoError if the film cannot be read.
    """
    if asked == WHOLE:
        return Cutout()
    if asked == TRIMMED:
        return _trimmed(video, store, process)
    region = Region.parse(asked) if isinstance(asked, str) else asked
    for film in _films(video):
        try:
            region = region.on(*film.upright_size)
        except InputError as error:
            raise InputError(f"{film.path.name}: {error.fact}", error.consequence, error.cure) from error
    if region.box(*video.upright_size) == Box(0, 0, *video.upright_size):
        return Cutout(shown=region if region.name else None)
    note = f"Only a part of the picture was looked at: {region.words}."
    return Cutout(region=region.text, shown=region, notes=(note,))


def box_of(region: str, video: VideoInfo, store: EmbeddingStore, process: DecodingProcess) -> Box | None:
    """The pixels of the film's upright picture that this region of a recipe stands for; None: all of them.

    Raises InputError where it is not inside the picture.
    """
    if region == WHOLE:
        return None
    if region == TRIMMED:
        return _inside_borders(_films(video)[0], store, process)
    return Region.parse(region).on(*video.upright_size).box(*video.upright_size)


def _films(video: VideoInfo) -> Sequence[VideoInfo]:
    """The film, or the films of a recording."""
    return [part.video for part in video.parts] or [video]


def _trimmed(video: VideoInfo, store: EmbeddingStore, process: DecodingProcess) -> Cutout:
    boxes = {_inside_borders(film, store, process) for film in _films(video)}
    if boxes == {None}:
        return Cutout(region=TRIMMED, notes=("No black borders were found: all of the picture was looked at.",))
    if len(boxes) > 1:
        note = "Black borders were cut away; they are not the same in all files of the recording."
        return Cutout(region=TRIMMED, notes=(note,))
    (box,) = boxes
    assert box is not None
    x, y, width, height = map(Fraction, (box.left, box.top, *box.size))
    region = Region(x=x, y=y, width=width, height=height, unit="px", of=video.upright_size)
    size = "{} x {} pixels".format(*video.upright_size)
    note = f"Black borders were cut away: of the picture of {size} {region.words} was looked at."
    return Cutout(region=TRIMMED, shown=region, notes=(note,))


def _inside_borders(video: VideoInfo, store: EmbeddingStore, process: DecodingProcess) -> Box | None:
    """What is inside the film's black borders, from the store, or measured now; None: it has none."""
    method = f"borders {METHOD}, {process.packages}"
    file = borders_file(store.root, video.identity, method)
    with contextlib.suppress(FileNotFoundError, DamagedFile):
        return load_borders(file, video.upright_size)
    width, height = video.upright_size
    windows = [Window((height, NUM_CELLS)), Window((NUM_CELLS, width))]
    rows, columns = list[NDArray[np.uint8]](), list[NDArray[np.uint8]]()
    for across, down in process.windows(video, _spread(video), windows):
        rows.append(across.frames.copy())
        columns.append(down.frames.copy())
    box = inner_box(np.concatenate(rows), np.concatenate(columns)) if rows else None
    if rows:
        with contextlib.suppress(StoreError):  # the next run measures again; storing embeddings tells what is wrong
            write_borders(file, box, method)
    return box


def _spread(video: VideoInfo) -> NDArray[np.int64]:
    """Frames over all of the film, ascending pts: keyframes, which are quick to reach, where there are enough."""
    evenly = video.pts[np.linspace(0, video.num_frames - 1, min(NUM_LOOKED_AT, video.num_frames) + 2).astype(np.int64)]
    evenly = np.unique(evenly[1:-1])
    keyframes = np.intersect1d(video.keyframes, video.pts)
    if len(keyframes):
        before = np.unique(keyframes[np.searchsorted(keyframes, evenly, side="right").clip(1) - 1])
        if 2 * len(before) >= len(evenly):
            return before
    return evenly
