"""About how long embedding will take on this machine: the network is timed once, decoding is guessed."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vtn_stream.film import VideoInfo
from vtn_stream.sampling import Chunk, SamplingPlan

if TYPE_CHECKING:
    from vtn_stream.backbone import FrameEncoder

__all__ = ["Estimate"]

# One core decodes about 500 frames of 1280 x 720 H.264 a second (docs/performance.md); for estimates only.
DECODED_PIXELS_PER_S = 500 * 1280 * 720


class Estimate:
    """Of one network; it is timed when it is first asked for."""

    def __init__(self, encoder: "FrameEncoder") -> None:
        self._encoder = encoder
        frames = np.zeros((32, *encoder.size, 3), np.uint8)
        encoder(frames[:4])
        began = time.monotonic()
        encoder(frames)
        self._frame_s = (time.monotonic() - began) / len(frames)

    def seconds(self, video: VideoInfo, sampling: SamplingPlan, chunks: Sequence[Chunk], num_views: int) -> float:
        """For the chunks of a film that are decoded, and so many pictures that the network is shown of them."""
        embedding_s = self._frame_s * num_views
        share = sum(map(len, chunks)) / sampling.num_positions(video)
        decoding_s = video.num_frames * share * video.width * video.height / DECODED_PIXELS_PER_S
        if self._encoder.device == "cuda":
            return max(embedding_s, decoding_s)
        return embedding_s + decoding_s / self._encoder.num_threads  # the two share the cores
