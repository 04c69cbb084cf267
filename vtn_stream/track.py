"""What travels between the stages: what an embedding means, how it was computed, the values, the scores.

T positions, D embedding width, K classes, M spans. Knows numpy only.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import FrameIndex

__all__ = [
    "CENTRE_CROP",
    "EmbeddingTrack",
    "Execution",
    "GridScores",
    "OperatingPoint",
    "PhaseRules",
    "Recipe",
    "Spans",
]

# The published protocols' geometry: the short side resized to 256, the middle 224 x 224 cut out.
CENTRE_CROP: Final = "short side 256, centre crop"

LOWEST_SCORE = 1e-4  # of an operating point: scores are float16, and a lower one is nearly 0


def _canonical(fields: dict[str, Any]) -> str:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What an embedding MEANS. Tracks of equal recipes can be mixed; a model is matched on it.

    weights   digest of the network's tensors, however they were packaged
    geometry  "squash": the whole frame resized to size, aspect ratio given up, nothing cropped; or CENTRE_CROP
    mean, std per RGB channel, of values in 0..1
    """

    backbone: str
    weights: str
    fps: Fraction
    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    geometry: Literal["squash", "short side 256, centre crop"] = "squash"
    interpolation: Literal["bicubic"] = "bicubic"
    colour: Literal["RGB"] = "RGB"

    def __post_init__(self) -> None:
        put = object.__setattr__  # one form of each value: equal recipes give equal text
        put(self, "fps", Fraction(self.fps))
        put(self, "size", tuple(int(n) for n in self.size))
        put(self, "mean", tuple(float(x) for x in self.mean))
        put(self, "std", tuple(float(x) for x in self.std))

    def to_json(self) -> str:
        """Canonical: equal recipes give equal text."""
        return _canonical(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        fields = json.loads(text)
        fields["fps"] = Fraction(fields["fps"])
        for name in ("size", "mean", "std"):
            fields[name] = tuple(fields[name])
        return cls(**fields)

    @property
    def digest(self) -> str:
        return _digest(self.to_json())


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How embeddings were computed. Equal executions give equal bytes; others agree to cosine >= 0.999."""

    device: str
    dtype: str
    instruction_set: str
    batch_size: int
    engine: str
    decoder: str

    def to_json(self) -> str:
        """Canonical: equal executions give equal text."""
        return _canonical(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Execution":
        return cls(**json.loads(text))

    @property
    def digest(self) -> str:
        return _digest(self.to_json())


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """From which score a class is said to hold: a segment needs one position at `high`, and reaches as far as `low`."""

    high: float
    low: float

    def __post_init__(self) -> None:
        if not LOWEST_SCORE <= self.low <= self.high <= 1:
            raise ValueError(
                f"an operating point needs {LOWEST_SCORE} <= low <= high <= 1, got {self.low} and {self.high}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRules:
    """What is known of how labels follow each other: each lasts at least so long, and a change has its price.

    min_positions  [K], at least 1
    change_cost    [K][K], from, to: taken from the sum of log-probabilities at every change
    """

    min_positions: tuple[int, ...]
    change_cost: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "min_positions", tuple(self.min_positions))
        object.__setattr__(self, "change_cost", tuple(tuple(map(float, row)) for row in self.change_cost))
        num = len(self.min_positions)
        if any(type(n) is not int or n < 1 for n in self.min_positions):
            raise ValueError("a label lasts a whole number of positions, 1 or more")
        if len(self.change_cost) != num or any(len(row) != num for row in self.change_cost):
            raise ValueError(f"{num} labels, but costs of changes {[len(row) for row in self.change_cost[:9]]}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spans:
    """Stretches of the grid in which something may happen, by descending score. Positions, no seconds, no names.

    bounds   float64 [M, 2], start <= end, positions: 2.5 lies midway between grid times 2 and 3
    classes  int64 [M]; scores float64 [M], 0..1
    """

    bounds: NDArray[np.float64]
    classes: NDArray[np.int64]
    scores: NDArray[np.float64]

    def __post_init__(self) -> None:
        num = len(self.scores)
        if self.bounds.shape != (num, 2) or self.classes.shape != (num,) or self.scores.ndim != 1:
            raise ValueError(
                f"spans have bounds [M, 2], classes [M] and scores [M], got {list(self.bounds.shape)}, "
                f"{list(self.classes.shape)} and {list(self.scores.shape)}"
            )

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbeddingTrack:
    """A film as a model sees it: values float16 [T, D] with the clock of each row; invalid rows are zero."""

    values: NDArray[np.float16]
    index: FrameIndex
    recipe: Recipe

    def __post_init__(self) -> None:
        if self.values.dtype != np.float16 or self.values.ndim != 2 or len(self.values) != len(self.index):
            raise ValueError(
                f"values must be float16 [T, D] with T = {len(self.index)}, "
                f"got {self.values.dtype} {list(self.values.shape)}"
            )

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GridScores:
    """What a model or an analysis says of each grid position: positions, no seconds, no names.

    frame     float16 [T, K], 0..1: how strongly class k holds at a position
    saliency  float16 [T], 0..1: of scenes, how strongly something changes between positions t-1 and t; of a model, how
              much it looked at position t, the most being 1
    clip      float32 [K], 0..1: how strongly class k holds for the whole film
    spans     what a localization head proposes, many that no timeline shows among them
    """

    frame: NDArray[np.float16] | None = None
    saliency: NDArray[np.float16] | None = None
    clip: NDArray[np.float32] | None = None
    spans: Spans | None = None

    def __post_init__(self) -> None:
        if self.frame is not None and self.frame.ndim != 2:
            raise ValueError(f"frame must be [T, K], got {list(self.frame.shape)}")
        if self.saliency is not None and self.saliency.ndim != 1:
            raise ValueError(f"saliency must be [T], got {list(self.saliency.shape)}")
        if self.frame is not None and self.saliency is not None and len(self.frame) != len(self.saliency):
            raise ValueError(f"frame has {len(self.frame)} positions, saliency {len(self.saliency)}")
