"""What a linear model reads: statistics of frame embeddings, around each position or of the whole sequence.

    B sequences, T positions, D width of an embedding, F features: as many statistics and differences of width D

Nothing is learnt here, and no position needs what is farther away than its reach and its longest lag. Knows tensors
only.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from vtn_stream.model.encoder import Encoded, ReadFrames
from vtn_stream.model.features import root
from vtn_stream.model.statistics_config import StatisticsConfig

__all__ = ["StatisticsEncoder"]

# Numbers of a tile's features: 16 MB, and a few times as much while they are computed.
TILE_NUMBERS = 2**22
WHOLE_TILE = 1024  # positions that are added to a sequence's statistics at once


class StatisticsEncoder(nn.Module):
    """Embeddings -> standardized statistics. Where nothing is valid within reach, a feature is 0 before that."""

    input_mean: Tensor  # [F]
    input_deviation: Tensor

    def __init__(self, config: StatisticsConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("input_mean", torch.zeros(config.num_features))
        self.register_buffer("input_deviation", torch.ones(config.num_features))

    def forward(
        self,
        embeddings: Tensor,
        position_ids: Tensor | None = None,
        valid: Tensor | None = None,
        read: Literal["cls", "frames"] = "frames",
    ) -> Encoded:
        """embeddings [B, T, D], valid [B, T]; position_ids are not looked at.

        Gives features of the whole sequence as cls [B, F], or of positions as frames [B, T, F], as the config says;
        never both, and no attention. Raises ValueError for shapes that do not agree, and for what the config does not
        give.
        """
        num = self._check(embeddings, valid)
        if read != ("cls" if self.config.reach is None else "frames"):
            raise ValueError(f"these statistics do not give {read}")

        def given(start: int, stop: int) -> Tensor:
            return embeddings[:, start:stop]

        if self.config.reach is None:
            return Encoded(self.whole(given, num, valid), None, None)
        return Encoded(None, torch.cat(list(self.tiles(given, num, valid)), 1), None)

    def tiles(self, read: ReadFrames, num: int, valid: Tensor | None = None) -> Iterator[Tensor]:
        """The features [B, n, F] of all positions in order, standardized. read(start, stop) gives embeddings [B, n, D];
        valid [B, num]. The numbers do not depend on where tiles begin.
        """
        step = max(1, TILE_NUMBERS // self.config.num_features)
        for start in range(0, num, step):
            stop = min(start + step, num)
            low, high = max(0, start - self.config.history), min(num, stop + (self.config.reach or 0))
            there = None if valid is None else valid[:, low:high]
            yield self.standardized(self.around(read(low, high), there, first=start - low, num=stop - start))

    def around(self, embeddings: Tensor, valid: Tensor | None = None, *, first: int, num: int) -> Tensor:
        """Features [B, num, F], not standardized, of positions [first, first + num) of the embeddings [B, L, D]. These
        hold config.history more before and config.reach more after, where the sequence does.
        """
        config, reach = self.config, self.config.reach or 0
        x, there = self._prepared(embeddings, valid)
        begin = max(0, first - max(config.lags, default=0))  # where means are needed from
        window = _Window(pad(x * there, (0, 0, reach, reach)), pad(there, (0, 0, reach, reach)), reach)
        means, known = window.mean(begin, first + num)
        mean = means[:, first - begin :]
        parts = []
        for name in config.statistics:
            if name == "mean":
                parts.append(mean)
            elif name == "deviation":
                parts.append(window.deviation(first, mean))
            else:
                parts.append(window.maximum(first, num))
        for lag in config.lags:
            lacking = min(max(0, lag - first), num)  # positions whose earlier one was before the sequence
            now, before = (
                slice(first + lacking - begin, None),
                slice(first + lacking - lag - begin, first + num - lag - begin),
            )
            change = (means[:, now] - means[:, before]) * known[:, now] * known[:, before]
            parts.append(pad(change, (0, 0, lacking, 0)))
        return torch.cat(parts, -1)

    def whole(self, read: ReadFrames, num: int, valid: Tensor | None = None) -> Tensor:
        """Features [B, F], standardized, of all `num` positions together; read as in `tiles`."""
        return self.standardized(self.of_whole(read, num, valid))

    def of_whole(self, read: ReadFrames, num: int, valid: Tensor | None = None) -> Tensor:
        """The same, not standardized. Reads the sequence twice, a tile at a time."""

        def tiles() -> Iterator[tuple[Tensor, Tensor]]:
            for start in range(0, num, WHOLE_TILE):
                stop = min(start + WHOLE_TILE, num)
                x, there = self._prepared(read(start, stop), None if valid is None else valid[:, start:stop])
                yield x.double(), there.double()

        total = count = squares = torch.zeros((), dtype=torch.float64, device=self.input_mean.device)
        most = total - torch.inf
        for x, there in tiles():
            total = total + (x * there).sum(1)
            count = count + there.sum(1)
            most = torch.maximum(most, x.masked_fill(there == 0, -torch.inf).amax(1))
        mean = total / count.clamp(min=1)
        if "deviation" in self.config.statistics:
            for x, there in tiles():
                squares = squares + ((x - mean[:, None]).square() * there).sum(1)
        made = {
            "mean": mean,
            "deviation": root(squares / count.clamp(min=1)),
            "maximum": most.masked_fill(count == 0, 0.0),
        }
        return torch.cat([made[name] for name in self.config.statistics], -1).to(self.input_mean.dtype)

    def standardized(self, features: Tensor) -> Tensor:
        return (features - self.input_mean) / self.input_deviation

    def _prepared(self, embeddings: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
        """Embeddings [B, n, D] as numbers of our type, and 1 or 0 [B, n, 1] where they are valid."""
        x = embeddings.to(self.input_mean.device, self.input_mean.dtype)
        there = torch.ones_like(x[..., 0], dtype=torch.bool) if valid is None else valid.to(x.device)
        return x, there[..., None].to(x.dtype)

    def _check(self, embeddings: Tensor, valid: Tensor | None) -> int:
        if embeddings.ndim != 3 or embeddings.shape[2] != self.config.input_width:
            raise ValueError(f"embeddings must be [B, T, {self.config.input_width}], got {list(embeddings.shape)}")
        if valid is not None and valid.shape != embeddings.shape[:2]:
            raise ValueError(f"valid must be {list(embeddings.shape[:2])}, got {list(valid.shape)}")
        return embeddings.shape[1]


class _Window(NamedTuple):
    """Sums over the positions within reach, each in the same order, one by one: a running sum would be faster, and its
    last bits would depend on where it began. x [B, reach + L + reach, D], 0 where not valid; there, 1 or 0.
    """

    x: Tensor
    there: Tensor
    reach: int

    def mean(self, first: int, stop: int) -> tuple[Tensor, Tensor]:
        """Of positions [first, stop): [B, n, D], and 1 where one within reach is valid, else 0."""
        num, begin = stop - first, first
        total, count = torch.zeros_like(self.x[:, :num]), self._count(first, num)
        for shift in range(2 * self.reach + 1):
            total += self.x[:, begin + shift : begin + shift + num]
        return total / count.clamp(min=1), (count > 0).to(total.dtype)

    def deviation(self, first: int, mean: Tensor) -> Tensor:
        """From these means, of positions from `first` on."""
        num = mean.shape[1]
        total = torch.zeros_like(mean)
        for shift in range(2 * self.reach + 1):
            at = slice(first + shift, first + shift + num)
            total += (self.x[:, at] - mean).square_() * self.there[:, at]
        return root(total / self._count(first, num).clamp(min=1))

    def maximum(self, first: int, num: int) -> Tensor:
        most = torch.full_like(self.x[:, :num], -torch.inf)
        for shift in range(2 * self.reach + 1):
            at = slice(first + shift, first + shift + num)
            most = torch.maximum(most, self.x[:, at].masked_fill(self.there[:, at] == 0, -torch.inf))
        return most.masked_fill(self._count(first, num) == 0, 0.0)

    def _count(self, first: int, num: int) -> Tensor:
        """[B, n, 1]: how many positions within reach are valid."""
        count = torch.zeros_like(self.there[:, :num])
        for shift in range(2 * self.reach + 1):
            count += self.there[:, first + shift : first + shift + num]
        return count
