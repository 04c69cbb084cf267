"""Where the pixels come from that an image network learns from: files of films, and the network as it begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vtn_stream.backbone.speed import num_cores
from vtn_stream.errors import VideoError, listed
from vtn_stream.film import VideoInfo
from vtn_stream.region import Box
from vtn_stream.training.films import TrainingFilm
from vtn_stream.video import check_unchanged

if TYPE_CHECKING:
    from torch import Tensor

    from vtn_stream.backbone import FrameEncoder

__all__ = ["FilmSource"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FilmSource:
    """videos: the file of each film, by the film's name; encoder: the image network whose embeddings the films have.

    weights  of that network, as FrameEncoder takes them
    blocks   which of its blocks learn
    boxes    what is looked at of each film's picture, by the film's name; without one, all of it
    """

    videos: Mapping[str, VideoInfo]
    encoder: "FrameEncoder"
    weights: "Path | Mapping[str, Tensor] | None"
    blocks: Literal["last", "all"]
    boxes: Mapping[str, Box | None] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """All that an image network which learns depends on besides its settings: frames, the weights with which it
        begins, and the number of threads, as sums of gradients depend on that.
        """
        films = sorted((name, video.identity) for name, video in self.videos.items())
        return repr((films, self.encoder.recipe(Fraction(1)), num_cores()))

    def check_there(self, films: Sequence[TrainingFilm]) -> None:
        """Raises VideoError with the films that are no longer what was embedded."""
        gone = []
        for film in films:
            try:
                check_unchanged(self.videos[film.name])
            except VideoError:
                gone.append(film.name)
        if gone:
            there = "is not there any more, or was" if len(gone) == 1 else "are not there any more, or were"
            raise VideoError(
                f"{listed(gone)} {there} replaced",
                "the image network cannot learn; what was done is kept",
                "put the film back and give the same command again, or train without --learn-backbone",
            )
