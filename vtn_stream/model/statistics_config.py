"""What a linear model reads, as a checkpoint carries it. Standard library only: no tensor is made here."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["MAX_REACH", "Statistic", "StatisticsConfig"]

MAX_REACH = MAX_LAG = 1024  # positions
STATISTICS = ("mean", "deviation", "maximum")

Statistic = Literal["mean", "deviation", "maximum"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsConfig:
    """Statistics of frame embeddings, each standardized: what a head of one linear layer reads. Nothing is learnt.

    input_width  of the embeddings
    reach        positions to each side of a position that its statistics cover; None: all of the sequence, for a head
                 that names clips
    statistics   each of all the embedding's numbers, in this order: mean, deviation, maximum
    lags         positions: what changed is read too, as the difference of the mean to that so long ago, ascending
    """

    input_width: int
    reach: int | None
    statistics: tuple[Statistic, ...] = ("mean", "deviation")
    lags: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "statistics", tuple(self.statistics))
        object.__setattr__(self, "lags", tuple(self.lags))
        if type(self.input_width) is not int or self.input_width < 1:
            raise ValueError(f"embeddings have a width above 0, not {self.input_width!r}")
        if self.reach is not None and (type(self.reach) is not int or not 0 <= self.reach <= MAX_REACH):
            raise ValueError(f"a reach is a whole number in 0..{MAX_REACH}, not {self.reach!r}")
        if not self.statistics or list(self.statistics) != [name for name in STATISTICS if name in self.statistics]:
            raise ValueError(f"statistics are some of {', '.join(STATISTICS)}, in this order, not {self.statistics}")
        lags = list(self.lags)
        if any(type(lag) is not int or not 1 <= lag <= MAX_LAG for lag in lags) or sorted(set(lags)) != lags:
            raise ValueError(f"lags are ascending whole numbers in 1..{MAX_LAG}, not {self.lags}")
        if self.lags and self.reach is None:
            raise ValueError("a whole sequence has no earlier mean: without a reach there are no lags")

    @property
    def history(self) -> int:
        """How many earlier positions the features of a position depend on."""
        return (self.reach or 0) + max(self.lags, default=0)

    @property
    def num_features(self) -> int:
        return self.input_width * (len(self.statistics) + len(self.lags))

    @property
    def width(self) -> int:
        """What the head reads of a position, or of the whole sequence: its features."""
        return self.num_features

    def described(self) -> str:
        """In words: "mean and deviation of the positions up to 2 away, ..." """
        where = "the whole sequence" if self.reach is None else f"the positions up to {self.reach} away"
        text = f"{' and '.join(self.statistics)} of {where}"
        if self.lags:
            text += f", and how the mean differs from that {' and '.join(map(str, self.lags))} positions earlier"
        return text

    @property
    def num_layers(self) -> int:
        return 0

    @property
    def num_parameters(self) -> int:
        """Nothing is learnt: the head has all the weights."""
        return 0
