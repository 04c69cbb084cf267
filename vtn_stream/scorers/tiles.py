"""A film in fixed tiles, for networks whose tokens depend on what is near alone: without a global token, or linear.

T positions, D embedding width, W width of a token

    film        |-------- tile --------|-------- tile --------|-------- tile --------|---
    one tile's            |- reach ----|======================|---- reach -|
    input                              ^ start                ^ stop

Every tile is computed from its own embeddings and those within reach, in tensors of one shape: what is before the film
or after it is there too, and is not valid. So its bits depend on these embeddings alone, not on how much of the film is
known, nor on what else was computed.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import pad

from vtn_stream.heads import head_of
from vtn_stream.heads.pieces import Piece
from vtn_stream.model import VTN, StatisticsConfig, StatisticsEncoder

__all__ = ["TILE", "TileReader"]

# Positions of a tile. Measured on one core, of two layers of width 128 that see 4 s to each side, at 4 positions a
# second: tiles of 16, 32, 64 and 128 take 18, 10, 6 and 5 s for an hour of film. A tile of 32 is complete after 8 s.
TILE = 32


class TileReader:
    """Reads a film tile by tile.

    tile   positions of a tile; tile n begins at position n * tile
    reach  positions to each side of a tile that its tokens and its head need
    halo   how many of them have tokens, for the head

    Raises ValueError for a network that reads the whole film at once.
    """

    def __init__(self, network: VTN) -> None:
        config, head = network.config, head_of(network.config.head)
        if not config.is_local or not head.reads_pieces:
            raise ValueError("this network reads the whole film at once")
        self._network = network
        self.halo = head.halo(network)
        # A halo is 4 strides of a pyramid's highest points: cut at a multiple of one, a film pools as it does whole. Of
        # two, a fifth of what is computed is used; and twice as much is waited for anyway.
        self.tile = max(TILE, self.halo // 2)
        encoder = config.encoder
        assert encoder.reach is not None
        sides = max(encoder.reach, encoder.history) if isinstance(encoder, StatisticsConfig) else encoder.reach
        self.reach = self.halo + sides

    @torch.inference_mode()
    def piece(
        self,
        number: int,
        values: NDArray[np.float16],
        valid: NDArray[np.bool_],
        position_ids: NDArray[np.int64] | None = None,
        *,
        first: int = 0,
    ) -> Piece:
        """Tile `number` of a film, with its halo: frames [1, tile + 2 halo, W].

        values [n, D], valid [n] and position_ids [n] are those of the film's positions first, first + 1 ...; what the
        tile needs before or after them counts as not there, as before a film or after its end. Without ids, positions
        are counted from the film's first. The piece stops where the arrays do.

        Raises ValueError for a tile of which nothing is there, and where positions before it are left out.
        """
        start, stop = number * self.tile, min((number + 1) * self.tile, first + len(values))
        if stop <= start or first > max(0, start - self.reach):
            raise ValueError(f"tile {number} needs more than the positions {first} to {first + len(values)}")
        encoder = self._network.encoder
        if isinstance(encoder, StatisticsEncoder):
            return self._statistics(encoder, start, stop, values, valid, first)
        low, num = start - self.reach, self.tile + 2 * self.reach
        here = slice(max(low, first) - low, min(low + num, first + len(values)) - low)
        there = slice(here.start + low - first, here.stop + low - first)
        embeddings = torch.zeros(1, num, values.shape[1])  # of torch's memory: bits may depend on how it is aligned
        known = np.zeros((1, num), np.bool_)
        ids = np.maximum(np.arange(low, low + num), 0)[None]
        embeddings.numpy()[0, here], known[0, here] = values[there], valid[there]
        if position_ids is not None:
            ids[0, here] = position_ids[there]
        tensors = (embeddings, torch.from_numpy(ids), torch.from_numpy(known))
        frames = encoder(*(tensor.to(self._network.device) for tensor in tensors)).frames
        assert frames is not None
        sides = slice(self.reach - self.halo, num - self.reach + self.halo)
        return Piece(start, stop, start - self.halo, frames[:, sides], known[0, sides])

    def _statistics(
        self,
        encoder: StatisticsEncoder,
        start: int,
        stop: int,
        values: NDArray[np.float16],
        valid: NDArray[np.bool_],
        first: int,
    ) -> Piece:
        """The bits of statistics depend on no shape, those of the head that reads them do."""
        rows = slice(max(0, start - self.reach) - first, stop + self.reach - first)
        embeddings, there = torch.from_numpy(values[rows])[None], torch.from_numpy(valid[rows])[None]
        features = encoder.around(embeddings, there, first=start - first - rows.start, num=stop - start)
        frames = pad(encoder.standardized(features), (0, 0, 0, self.tile - (stop - start)))
        known = np.zeros(self.tile, np.bool_)
        known[: stop - start] = valid[start - first : stop - first]
        return Piece(start, stop, start, frames, known)

    def pieces(
        self,
        values: NDArray[np.float16],
        valid: NDArray[np.bool_],
        position_ids: NDArray[np.int64] | None = None,
        *,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Iterator[Piece]:
        """All tiles of a whole film in order. on_progress: hears the positions done, and to do."""
        for number in range(-(-len(values) // self.tile)):
            if on_progress is not None:
                on_progress(number * self.tile, len(values))
            yield self.piece(number, values, valid, position_ids)
