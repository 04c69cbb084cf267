"""What an image network is shown of films while it learns: frames that are decoded for it, and their changes.

T positions of a film's grid, n positions of a stretch, m frames that are decoded for it, H x W the network's size
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from vtn_stream.backbone.change import change_pictures, grey
from vtn_stream.errors import VideoError
from vtn_stream.sampling import earlier_frames
from vtn_stream.track import change_s
from vtn_stream.training.augment import Look
from vtn_stream.training.examples import Shot
from vtn_stream.training.film_source import FilmSource
from vtn_stream.training.films import TrainingFilm
from vtn_stream.video import DecodingProcess, check_unchanged

__all__ = ["FilmShots", "Stretch"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stretch:
    """Neighbouring positions of a film, all shown alike.

    film       its number
    crop       the row of the batch, and start, the position of the film with which this crop begins
    positions  int64 [n], ascending, in the crop
    looks      how pictures, and how changes are shown
    """

    film: int
    crop: int
    start: int
    positions: NDArray[np.int64]
    looks: tuple[Look, Look] = field(default_factory=lambda: (Look(), Look()))


class FilmShots:
    """Decodes stretches of these films. inputs: what is made of every frame. Frames are decoded as for embedding: what
    is shown of the whole one is what the network would be shown then.

    size  (H, W)
    """

    def __init__(self, films: Sequence[TrainingFilm], source: FilmSource, inputs: Sequence[str]) -> None:
        self.size = source.encoder.size
        self._clocks = [film.index for film in films]
        self._videos = [source.videos[film.name] for film in films]
        self._back = [change_s(name) for name in inputs]
        self._boxes = [source.boxes.get(film.name) for film in films]
        self._reading = [
            source.encoder.frame_size(video, box) for video, box in zip(self._videos, self._boxes, strict=True)
        ]

    @property
    def num_inputs(self) -> int:
        return len(self._back)

    def of(self, process: DecodingProcess, stretch: Stretch, *, is_fresh: bool = False) -> tuple[Shot, ...]:
        """A shot for each input, of the positions whose frames can be decoded. is_fresh: the film is opened again, even
        if it is the one that was read last. Raises VideoError if the film cannot be read at all, DecodingLost if the
        process fails.
        """
        video, clock = self._videos[stretch.film], self._clocks[stretch.film]
        own = clock.frame[stretch.start + stretch.positions]
        before = [own if back_s is None else earlier_frames(video, own, back_s) for back_s in self._back]
        wanted = np.unique(np.concatenate([own, *before]))
        frames, there = self._decoded(process, stretch.film, wanted, is_fresh)
        now = np.searchsorted(wanted, own)
        greys: NDArray[np.uint16] | None = None
        shots = []
        for number, (back_s, earlier) in enumerate(zip(self._back, before, strict=True)):
            then = np.searchsorted(wanted, earlier)
            seen = there[now] & there[then]
            if not seen.any():
                continue
            if back_s is None:
                pictures = frames[now[seen]]
            else:
                greys = np.stack([grey(frame) for frame in frames]) if greys is None else greys
                pictures = change_pictures(greys[now[seen]], greys[then[seen]])
            shots.append(
                Shot(
                    frames=torch.from_numpy(pictures).permute(0, 3, 1, 2),
                    crop=stretch.crop,
                    positions=torch.from_numpy(stretch.positions[seen]),
                    input=number,
                    look=stretch.looks[back_s is not None],
                )
            )
        return tuple(shots)

    def _decoded(
        self, process: DecodingProcess, film: int, wanted: NDArray[np.int64], is_fresh: bool
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """uint8 [m, H, W, 3], and bool [m], which of them there are."""
        video, (height, width) = self._videos[film], self.size
        check_unchanged(video)  # what would be decoded of another file are not these frames
        frames, there = np.zeros((len(wanted), height, width, 3), np.uint8), np.zeros(len(wanted), np.bool_)
        reading = self._reading[film]
        top, left = -((height - reading[0]) // 2), -((width - reading[1]) // 2)  # as FrameEncoder takes the middle
        for batch in process.frames(video, video.pts[wanted], reading, box=self._boxes[film], is_fresh=is_fresh):
            frames[batch.items] = batch.frames[:, top : top + height, left : left + width]
            there[batch.items] = True
        if not there.any():
            raise VideoError(
                f"no frame of a part of {video.path.name} can be decoded",
                "the image network does not learn from it",
                "copy or download the film again",
            )
        return frames, there
