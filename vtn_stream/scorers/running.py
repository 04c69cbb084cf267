"""A film's tokens while it comes, in pieces for a head: each position is encoded once, as soon as it can be.

T positions so far, D width of a token

A network without a global token gives the tokens that it gives of the whole film, by `scorers.tiles`. With one, a layer
needs what the layer below saw of all frames. Here its global token sees those that came, the last PAST of them:

    layer 2                    |==|. .            . inputs that wait for those within the layer's reach
    layer 1             |======|==|. . .          = one step: the last PAST inputs -> global token for the layer above
    embeddings   |======|======|==|. . . .
"""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from vtn_stream.heads import head_of
from vtn_stream.heads.pieces import Piece
from vtn_stream.model import VTN, TemporalEncoder
from vtn_stream.model.encoder import LongformerLayer
from vtn_stream.scorers.tiles import TILE, TileReader

__all__ = ["PAST", "PiecesSoFar", "RunningTokens", "TilesSoFar", "pieces_so_far"]

# Positions that a global token sees: 17 minutes at 4 a second. Crops in training are shorter. Looking at them again in
# every step costs a sixth of a layer at D = 768.
PAST = 4096


class PiecesSoFar(Protocol):
    """behind: a position's piece is there once so many more positions came."""

    behind: int

    def add(
        self, values: NDArray[np.float16], valid: NDArray[np.bool_], position_ids: NDArray[np.int64]
    ) -> list[Piece]:
        """The pieces that are there now and were not before; of positions [n, width of an embedding] that follow."""
        ...

    def finish(self) -> list[Piece]:
        """The rest: no more positions come."""
        ...


def pieces_so_far(network: VTN) -> PiecesSoFar:
    """As fits the network. Raises ValueError for a head that reads a film as a whole."""
    return TilesSoFar(network) if network.config.is_local else RunningTokens(network)


class TilesSoFar:
    """Implements `PiecesSoFar`: those of a TileReader, to the bit."""

    def __init__(self, network: VTN) -> None:
        self._reader = reader = TileReader(network)
        self.behind = reader.tile - 1 + reader.reach
        self._number = 0
        self._first = 0  # the position of the first row that is held
        width = network.config.encoder.input_width
        self._values, self._valid = np.zeros((0, width), np.float16), np.zeros(0, np.bool_)
        self._ids = np.zeros(0, np.int64)

    def add(
        self, values: NDArray[np.float16], valid: NDArray[np.bool_], position_ids: NDArray[np.int64]
    ) -> list[Piece]:
        self._values, self._valid = np.concatenate([self._values, values]), np.concatenate([self._valid, valid])
        self._ids = np.concatenate([self._ids, position_ids])
        reader, pieces = self._reader, []
        while (self._number + 1) * reader.tile + reader.reach <= self._first + len(self._values):
            pieces.append(self._next())
        gone = max(0, self._number * reader.tile - reader.reach - self._first)
        if pieces and gone:
            self._values, self._valid = self._values[gone:].copy(), self._valid[gone:].copy()
            self._ids = self._ids[gone:].copy()
            self._first += gone
        return pieces

    def finish(self) -> list[Piece]:
        pieces = []
        while self._number * self._reader.tile < self._first + len(self._values):
            pieces.append(self._next())
        return pieces

    def _next(self) -> Piece:
        given = self._values, self._valid, self._ids
        self._number += 1
        return self._reader.piece(self._number - 1, *given, first=self._first)


class RunningTokens:
    """Implements `PiecesSoFar` for a network with a global token. It depends on the positions alone, not on how they
    come.
    """

    def __init__(self, network: VTN) -> None:
        encoder, head = network.encoder, head_of(network.config.head)
        assert isinstance(encoder, TemporalEncoder)
        if not head.reads_pieces:
            raise ValueError("this head reads a film as a whole")
        self._encoder = encoder
        self._halo = head.halo(network)
        self._tile = max(TILE, self._halo // 4)  # as of a TileReader
        layers = list(encoder.layers)
        self._layers = [_Running(layer, is_last=layer is layers[-1]) for layer in layers]
        self.behind = TILE - 1 + sum(layer.reach for layer in layers) + self._tile - 1 + self._halo
        self._num = 0  # positions that were embedded
        self._values = np.zeros((0, encoder.config.input_width), np.float16)  # with those looked back at
        self._valid, self._ids = np.zeros(0, np.bool_), np.zeros(0, np.int64)
        self._waiting = 0  # of the positions in these arrays, those that are not embedded: the last ones
        self._start = 0  # of the next piece
        self._held = encoder.norm.weight.new_zeros(1, self._halo, encoder.config.width)  # tokens from start - halo on
        self._held_valid = np.zeros(self._halo, np.bool_)

    @torch.inference_mode()
    def add(
        self, values: NDArray[np.float16], valid: NDArray[np.bool_], position_ids: NDArray[np.int64]
    ) -> list[Piece]:
        self._values, self._valid = np.concatenate([self._values, values]), np.concatenate([self._valid, valid])
        self._ids = np.concatenate([self._ids, position_ids])
        self._waiting += len(values)
        while self._waiting >= TILE:
            self._embed(TILE)
        return self._pieces()

    @torch.inference_mode()
    def finish(self) -> list[Piece]:
        if self._num + self._waiting == 0:
            return []
        self._embed(self._waiting, ended=True)
        num = self._num
        after = self._tile + self._halo  # of which nothing is there
        self._held = pad(self._held, (0, 0, 0, after))
        self._held_valid = np.concatenate([self._held_valid, np.zeros(after, np.bool_)])
        return [piece._replace(stop=min(piece.stop, num)) for piece in self._pieces() if piece.start < num]

    def _embed(self, num: int, *, ended: bool = False) -> None:
        """Shows the layers the next `num` positions."""
        encoder, first = self._encoder, len(self._values) - self._waiting
        low, stop = max(0, first - encoder.config.history), first + num
        device = encoder.norm.weight.device
        embeddings, valid, ids = (
            torch.from_numpy(array)[None].to(device)
            for array in (self._values[low:stop], self._valid[low:stop], self._ids[first:stop])
        )
        tokens = encoder.embed(embeddings, ids, valid, first=self._num, history=first - low)
        there, cls = valid[:, first - low :], encoder.embed_cls(1)
        for layer in self._layers:
            tokens, there, cls = layer.step(tokens, there, cls, ended=ended)
        self._held = torch.cat([self._held, tokens], 1)
        self._held_valid = np.concatenate([self._held_valid, there[0].cpu().numpy()])
        self._num += num
        self._waiting -= num
        gone = max(0, stop - encoder.config.history)
        self._values, self._valid, self._ids = self._values[gone:], self._valid[gone:], self._ids[gone:]

    def _pieces(self) -> list[Piece]:
        pieces, num = [], self._tile + 2 * self._halo
        while self._held.shape[1] >= num:
            start, halo = self._start, self._halo
            pieces.append(
                Piece(start, start + self._tile, start - halo, self._held[:, :num], self._held_valid[:num].copy())
            )
            self._start += self._tile
            self._held, self._held_valid = self._held[:, self._tile :].clone(), self._held_valid[self._tile :]
        return pieces


class _Running:
    """One layer: the inputs that it holds, of those that came."""

    def __init__(self, layer: LongformerLayer, *, is_last: bool) -> None:
        self._layer = layer
        self._is_last = is_last
        self._inputs: Tensor | None = None  # [1, n, D], the last PAST, or as many as wait
        self._there: Tensor | None = None  # [1, n]
        self._waiting = 0  # of these, those that have no output: the last ones

    def step(self, tokens: Tensor, there: Tensor, cls: Tensor, *, ended: bool) -> tuple[Tensor, Tensor, Tensor]:
        """The outputs [1, m, D] that are there now, which of them are valid [1, m], and the global token [1, D] for the
        next layer; of inputs that follow.
        """
        layer, reach = self._layer, self._layer.reach
        inputs = tokens if self._inputs is None else torch.cat([self._inputs, tokens], 1)
        valid = there if self._there is None else torch.cat([self._there, there], 1)
        self._waiting += tokens.shape[1]
        first = inputs.shape[1] - self._waiting
        num = max(0, self._waiting - (0 if ended else reach))
        low, high = max(0, first - reach), min(inputs.shape[1], first + num + reach)
        outputs = tokens[:, :0]
        if num:
            outputs = layer.frames(inputs[:, low:high], cls, valid[:, low:high], first - low, num)
        seen, self._waiting = valid[:, first : first + num], self._waiting - num
        past = slice(max(0, inputs.shape[1] - PAST), None)
        above = (
            cls
            if self._is_last
            else layer.global_token(cls, layer.global_row(cls).add(inputs[:, past], valid[:, past]))
        )
        kept = self._waiting + reach if self._is_last else max(PAST, self._waiting + reach)
        self._inputs, self._there = inputs[:, -kept:].clone(), valid[:, -kept:].clone()
        return outputs, seen, above
