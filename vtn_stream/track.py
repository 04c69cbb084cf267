"""What the stages pass on: the meaning of an embedding, how it was computed, scores, and the thresholds for them.

T positions, K classes, M spans. Knows numpy only.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import InputError
from vtn_stream.region import TRIMMED, Region

__all__ = [
    "CENTRE_CROP",
    "LOWEST_THRESHOLD",
    "MAX_CHANGE_S",
    "NO_THRESHOLD",
    "PICTURE",
    "WHOLE",
    "BackboneFacts",
    "Execution",
    "GridScores",
    "OperatingPoint",
    "OperatingPoints",
    "PhaseRules",
    "Pooling",
    "Recipe",
    "Spans",
    "change_s",
    "check_inputs",
    "check_region",
    "region_words",
    "shown_words",
]

# The published protocols' geometry: the short side resized to 256, the middle 224 x 224 cut out.
CENTRE_CROP: Final = "short side 256, centre crop"

LOWEST_THRESHOLD: Final = 1e-4  # of an operating point: scores are float16, and a lower one is nearly 0


# The input of an image network that shows a frame as it is; "change-1/8" shows what changed in 1/8 second.
PICTURE: Final = "picture"
Pooling = Literal["network", "maximum"]
WHOLE: Final = ""  # the region that is all of the picture
MAX_CHANGE_S: Final = 10  # so far back a change may look
MAX_DECISION_LAG: Final = 100_000  # positions; with more, nobody follows a film: an hour at 25 a second has 90,000

_CHANGE = re.compile(r"change-([1-9]\d{0,8}(?:/[1-9]\d{0,8})?)", re.ASCII)


def change_s(name: str) -> Fraction | None:
    """How many seconds an input looks back: D of "change-D"; None: it is the picture. Raises ValueError for others.

    >>> change_s("change-1/8")
    Fraction(1, 8)
    """
    if name == PICTURE:
        return None
    back_s = Fraction(found[1]) if (found := _CHANGE.fullmatch(name)) else None
    if back_s is None or back_s > MAX_CHANGE_S or str(back_s) != name.removeprefix("change-"):
        raise ValueError(
            f"this release does not know the input {name[:24]!r}; it knows {PICTURE} and change-D, such as change-1/8"
        )
    return back_s


def check_inputs(inputs: Sequence[str]) -> None:
    """Raises ValueError unless these are one or more different inputs that this release knows."""
    if not inputs:
        raise ValueError("there is no input")
    for name in inputs:
        change_s(name)
    if len(set(inputs)) < len(inputs):
        raise ValueError("two inputs are the same")


def check_region(text: str) -> None:
    """Raises ValueError unless this is WHOLE, TRIMMED, or a region as `Region.text` writes it, whose size is known."""
    if text in (WHOLE, TRIMMED):
        return
    try:
        region = Region.parse(text)
    except InputError as error:
        raise ValueError(error.fact) from error
    if region.text != text or region.name or (region.unit == "px" and region.of is None):
        raise ValueError(f"{text[:60]!r} is not written as a region is")


def region_words(text: str) -> str:
    """For people, what a recipe's region is.

    >>> region_words("0%,0%,50%,100%")
    'a part of the picture: 50% of its width and 100% of its height, 0% from the left and 0% from the top'
    """
    if text in (WHOLE, TRIMMED):
        return "the whole picture" if text == WHOLE else "the picture without black borders"
    return f"a part of the picture: {Region.parse(text).words}"


def shown_words(inputs: Sequence[str]) -> str:
    """What the image network is shown of each frame, for people. Raises ValueError for an unknown input.

    >>> shown_words(["picture", "change-1/8"])
    'the picture of each frame, and its change in 1/8 s'
    """
    back_s = [change_s(name) for name in inputs]
    changes = " and in ".join(f"{seconds} s" for seconds in back_s if seconds is not None)
    if not changes:
        return "the picture of each frame"
    if None not in back_s:
        return f"the change of each frame in {changes}, and not the picture"
    return f"the picture of each frame, and its change in {changes}"


def _canonical(fields: dict[str, Any]) -> str:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What an embedding MEANS. Tracks of equal recipes can be mixed; a model needs its own recipe.

    weights   digest of the network's tensors, however they were packaged
    geometry  "squash": the whole frame resized to size, aspect ratio given up, nothing cropped; or CENTRE_CROP
    mean, std per RGB channel, of values in 0..1
    input     what the network is shown of a frame: PICTURE, or "change-D": its change in D seconds
    pooling   how the network's last map of features becomes one vector. "network": as the network does it, often by
              the mean; "maximum": the largest value of each feature, which also small things in a picture can give
    region    of the picture, as `Region.text` writes it; WHOLE, or TRIMMED: without black borders
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
    input: str = PICTURE
    pooling: Pooling = "network"
    region: str = WHOLE

    def __post_init__(self) -> None:
        put = object.__setattr__  # one form of each value: equal recipes give equal text
        put(self, "fps", Fraction(self.fps))
        put(self, "size", tuple(int(n) for n in self.size))
        put(self, "mean", tuple(float(x) for x in self.mean))
        put(self, "std", tuple(float(x) for x in self.std))
        change_s(self.input)
        check_region(self.region)

    def to_json(self) -> str:
        """Canonical: equal recipes give equal text. What was the only input, pooling and region once is not named."""
        fields = asdict(self)
        for name, once in (("input", PICTURE), ("pooling", "network"), ("region", WHOLE)):
            if fields[name] == once:
                del fields[name]
        return _canonical(fields)

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
class BackboneFacts:
    """What is known of an image network with its weights, so that its stored embeddings can be used without it.

    recipe        what its embeddings mean as timm would have it, at 1 frame a second
    num_features  their width D
    source        where the weights come from, for the provenance
    """

    recipe: Recipe
    num_features: int
    source: str


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
    """The thresholds of a class: a segment needs one position at `high` or above, and extends while scores stay at
    `low` or above.
    """

    high: float
    low: float

    def __post_init__(self) -> None:
        if not LOWEST_THRESHOLD <= self.low <= self.high <= 1:
            raise ValueError(
                f"an operating point needs {LOWEST_THRESHOLD} <= low <= high <= 1, got {self.low} and {self.high}"
            )

    def lowered(self, threshold: float) -> "OperatingPoint":
        """The point with `high` at most the threshold; `low` keeps its share of `high`."""
        if threshold >= self.high:
            return self
        high = max(threshold, LOWEST_THRESHOLD)
        return OperatingPoint(high=high, low=float(np.clip(high * self.low / self.high, LOWEST_THRESHOLD, high)))


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoints:
    """The operating points of a model's labels: own, of the labels that have one, and common, of all others."""

    common: OperatingPoint
    own: Mapping[str, OperatingPoint] = field(default_factory=dict, hash=False)

    def of(self, label: str) -> OperatingPoint:
        return self.own.get(label, self.common)

    def lowered(self, threshold: float) -> "OperatingPoints":
        """Each point as `OperatingPoint.lowered` gives it: one that is low enough stays."""
        own = {label: point.lowered(threshold) for label, point in self.own.items()}
        return OperatingPoints(common=self.common.lowered(threshold), own=own)

    def to_dict(self) -> dict[str, Any]:
        """The two entries of a checkpoint and of a timeline's provenance: JSON values."""
        return {
            "operating_point": asdict(self.common),
            "operating_points": {label: asdict(point) for label, point in sorted(self.own.items())},
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "OperatingPoints":
        """The inverse, of a dictionary that may hold more. Raises KeyError, TypeError, ValueError or AttributeError."""
        own = fields.get("operating_points", {}).items()
        return cls(
            common=OperatingPoint(**fields["operating_point"]),
            own={label: OperatingPoint(**point) for label, point in own},
        )


# Leaves nothing out.
NO_THRESHOLD: Final = OperatingPoints(common=OperatingPoint(high=LOWEST_THRESHOLD, low=LOWEST_THRESHOLD))


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRules:
    """How labels follow each other: how long each lasts at least, and the cost of each change.

    min_positions  [K], at least 1
    change_cost    [K][K], from, to: taken from the sum of log-probabilities at every change
    lag            positions after a position that decide its label, and some more (`localize.LaggedDecoder`); None: all
                   of the film
    """

    min_positions: tuple[int, ...]
    change_cost: tuple[tuple[float, ...], ...]
    lag: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "min_positions", tuple(self.min_positions))
        object.__setattr__(self, "change_cost", tuple(tuple(map(float, row)) for row in self.change_cost))
        num = len(self.min_positions)
        if any(type(n) is not int or n < 1 for n in self.min_positions):
            raise ValueError("a label lasts a whole number of positions, 1 or more")
        if len(self.change_cost) != num or any(len(row) != num for row in self.change_cost):
            raise ValueError(f"{num} labels, but costs of changes {[len(row) for row in self.change_cost[:9]]}")
        if self.lag is not None and (type(self.lag) is not int or not 0 <= self.lag <= MAX_DECISION_LAG):
            raise ValueError(f"a lag is a whole number of positions, 0 to {MAX_DECISION_LAG}")

    def to_dict(self) -> dict[str, Any]:
        """JSON values. Without a lag, as files of earlier releases have them."""
        fields: dict[str, Any] = {
            "min_positions": list(self.min_positions),
            "change_cost": [list(row) for row in self.change_cost],
        }
        return fields if self.lag is None else {**fields, "lag": self.lag}


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
class GridScores:
    """The scores of a model or an analysis at each grid position: positions, no seconds, no names.

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
