"""Which pixels of a film are looked at: those of a region."""

from vtn_stream.film import VideoInfo
from vtn_stream.region import Box, Region
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import WHOLE
from vtn_stream.video import DecodingProcess

__all__ = ["box_of"]


def box_of(region: str, video: VideoInfo, store: EmbeddingStore, process: DecodingProcess) -> Box | None:
    """The pixels of the film's upright picture that this region of a recipe stands for; None: all of them.

    Raises InputError where it is not inside the picture.
    """
    if region == WHOLE:
        return None
    return Region.parse(region).on(*video.upright_size).box(*video.upright_size)
