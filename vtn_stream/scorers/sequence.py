"""A film as one sequence for the temporal encoder (Neimark et al. 2021, section 3.2): the code that all heads share.

T positions, D embedding width or width of a token
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vtn_stream.heads import HEADS, head_of
from vtn_stream.model import VTN, Encoded, StatisticsEncoder, TemporalEncoder
from vtn_stream.model.encoder import ReadFrames
from vtn_stream.model.long import LongEncoding
from vtn_stream.scorers.tiles import TileReader
from vtn_stream.track import GridScores

__all__ = ["MAX_POSITIONS_IN_MEMORY", "SequenceEncoding", "read_film", "relative_attention"]

# Longer sequences are encoded from scratch files: in memory this one takes 400 MB at D = 768.
MAX_POSITIONS_IN_MEMORY = 65_536


class SequenceEncoding:
    """The encoder's way over a film's embeddings [T, D], in memory or, where it is very long, by files in `scratch`.
    Statistics need neither: they are made a tile at a time, whatever the length.

    on_progress  hears how far the reading from files has come: positions done, and to do, over all layers
    """

    def __init__(
        self,
        encoder: TemporalEncoder | StatisticsEncoder,
        values: NDArray[np.float16],
        valid: NDArray[np.bool_],
        position_ids: NDArray[np.int64] | None = None,
        *,
        scratch: Path,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._encoder = encoder
        self._arrays = (values, position_ids, valid)
        self._scratch = scratch
        self._on_progress = on_progress
        self._encoded: Encoded | None = None

    def tiles(self) -> Iterator[Tensor]:
        """The tokens [1, n, D] of all positions in order."""
        if isinstance(self._encoder, StatisticsEncoder):
            yield from self._encoder.tiles(*self._read())
            self._encoded = Encoded(None, None, None)
        elif self._is_short:
            encoded: Encoded = self._encoder(*self._tensors())
            assert encoded.frames is not None
            self._encoded = encoded
            yield encoded.frames
        else:
            files = self._files()
            for tile in files.tiles():
                yield tile.values[None]
            self._encoded = files.encoded

    def cls(self) -> Encoded:
        """The global token alone, and its attention."""
        if isinstance(self._encoder, StatisticsEncoder):
            return Encoded(self._encoder.whole(*self._read()), None, None)
        return self._encoder(*self._tensors(), read="cls") if self._is_short else self._files().cls()

    @property
    def encoded(self) -> Encoded:
        """The global token and its attention, once all tiles were taken. Raises ValueError before."""
        if self._encoded is None:
            raise ValueError("some tiles were not taken")
        return self._encoded

    @property
    def _is_short(self) -> bool:
        without = isinstance(self._encoder, TemporalEncoder) and not self._encoder.config.global_token
        return without or len(self._arrays[0]) <= MAX_POSITIONS_IN_MEMORY

    def _tensors(self) -> list[Tensor | None]:
        assert isinstance(self._encoder, TemporalEncoder)
        device = self._encoder.norm.weight.device
        return [None if array is None else torch.from_numpy(array)[None].to(device) for array in self._arrays]

    def _read(self) -> tuple[ReadFrames, int, Tensor]:
        """What statistics are made of: reads embeddings [1, n, D], their number, and which are valid."""
        values, _, valid = self._arrays
        embeddings = torch.from_numpy(values)[None]
        return lambda start, stop: embeddings[:, start:stop], len(values), torch.from_numpy(valid)[None]

    def _files(self) -> LongEncoding:
        """Encodes by files; the embeddings are known by their content, whatever their names."""
        assert isinstance(self._encoder, TemporalEncoder)
        values, position_ids, valid = self._arrays
        embeddings = torch.from_numpy(values)
        return LongEncoding(
            self._encoder,
            lambda start, stop: embeddings[start:stop],
            len(values),
            scratch=self._scratch,
            sequence=hashlib.blake2b(np.ascontiguousarray(values).data, digest_size=16).hexdigest(),
            position_ids=None if position_ids is None else torch.from_numpy(position_ids),
            valid=torch.from_numpy(valid),
            on_progress=self._on_progress,
        )


@torch.inference_mode()
def read_film(
    network: VTN,
    values: NDArray[np.float16],
    valid: NDArray[np.bool_],
    fps: Fraction,
    *,
    position_ids: NDArray[np.int64] | None = None,
    scratch: Path,
    on_progress: Callable[[int, int], None] | None = None,
) -> GridScores:
    """The head's scores for a film's embeddings [T, D], T >= 1, as `Head.read`; the network in evaluation mode.

    saliency  how much the last layer's global token looked at each position, the most being 1; None without one

    Whatever the length: in memory, or from files in `scratch`, the numbers are the same; of a network whose tokens
    depend on what is near alone, from fixed tiles (`TileReader`), and what comes later changes none. Where nothing is
    valid, all is 0. Raises CheckpointError if the network gives no numbers; StoreError as LongEncoding does; ValueError
    for a head that names clips.
    """
    config, head = network.config.head, head_of(network.config.head)
    if network.config.is_local and head.reads_pieces:
        reader = TileReader(network)
        tiles = reader.pieces(values, valid, position_ids, on_progress=on_progress)
        with HEADS.blamed(config.kind, "the film was not analyzed"):
            return head.read_pieces(config, network, tiles, valid, fps)
    sequence = SequenceEncoding(network.encoder, values, valid, position_ids, scratch=scratch, on_progress=on_progress)
    with HEADS.blamed(config.kind, "the film was not analyzed"):
        scores = head.read(config, network, sequence.tiles(), valid, fps)
    return replace(scores, saliency=relative_attention(sequence.encoded))


def relative_attention(encoded: Encoded) -> NDArray[np.float16] | None:
    """[T]: how much of the global token's attention each position of the one film got, the most being 1; None without
    attention.
    """
    if encoded.attention is None:
        return None
    attention = encoded.attention[0].float().cpu().numpy()
    return (attention / max(float(attention.max()), 1e-30)).astype(np.float16)
