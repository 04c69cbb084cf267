"""The sizes of a network, as a checkpoint carries them. Standard library only: no tensor is made here."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from vtn_stream.model.statistics_config import StatisticsConfig

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "HEAD_CONFIGS",
    "ClassificationConfig",
    "DenseConfig",
    "EncoderConfig",
    "HeadConfig",
    "LocalizationConfig",
    "StatisticsConfig",
    "VTNConfig",
]

MAX_LAG = 1024  # frames
_STATISTICS = "statistics"  # the kind of an encoder in a file; one with attention has no kind there


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig:
    """A Longformer over frame embeddings, with one global token, or none.

    input_width         of the embeddings; where it is not width, they are projected first
    width               D, of the tokens
    attention_windows   one a layer, even: a frame sees window / 2 frames to each side, and the global token
    positions           native: a learned table read by the frames' indices in the film, which the caller gives;
                        learned: the same, by 0, 1, 2 ... where none are given; sinusoidal; or none
    num_positions       rows of that table; indices beyond it start again from 0
    difference_lags     in frames: what changed since so long ago is read beside each embedding. An image network sees
                        no motion, and a projection of single embeddings cannot bring it back
    magnitude_lags      the same, but the root of how much changed, whichever way: the hasty and the calm differ in that
    reads_embeddings    False: only what changed is read. What a scene looks like then cannot be learnt by heart
    standardized        what is read is first brought to mean 0 and deviation 1, by numbers kept with the weights
    dropout             of tokens and of attention, in training; input_dropout, of what is read
    global_token        there is one, which sees all frames and is seen by all. False: a frame's token depends on the
                        frames near it alone, and can be known while a film is written; nothing stands for the whole
    uniform_attention   every token that may be seen is seen alike, whatever is in it: the paper's question whether
                        attention matters. Queries and keys are there, and neither used nor learnt
    """

    input_width: int
    width: int
    num_heads: int
    feedforward_width: int
    attention_windows: tuple[int, ...]
    positions: Literal["native", "learned", "sinusoidal", "none"] = "native"
    num_positions: int = 286
    difference_lags: tuple[int, ...] = ()
    magnitude_lags: tuple[int, ...] = ()
    reads_embeddings: bool = True
    standardized: bool = False
    input_dropout: float = 0.0
    dropout: float = 0.1
    norm_eps: float = 1e-12
    uniform_attention: bool = False
    global_token: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "attention_windows", tuple(self.attention_windows))
        object.__setattr__(self, "difference_lags", tuple(self.difference_lags))
        object.__setattr__(self, "magnitude_lags", tuple(self.magnitude_lags))
        sizes = (self.input_width, self.width, self.num_heads, self.feedforward_width, *self.attention_windows)
        if not self.attention_windows or any(type(n) is not int or n < 1 for n in (*sizes, self.num_positions)):
            raise ValueError("an encoder needs a layer, and sizes that are whole numbers above 0")
        if self.width % self.num_heads:
            raise ValueError(f"width {self.width} cannot be divided into {self.num_heads} heads")
        if any(window % 2 for window in self.attention_windows):
            raise ValueError(f"attention windows reach equally far to both sides: even, not {self.attention_windows}")
        if self.positions not in ("native", "learned", "sinusoidal", "none"):
            raise ValueError(f"there are no {self.positions!r} positions")
        for lags in (self.difference_lags, self.magnitude_lags):
            if any(type(lag) is not int or not 1 <= lag <= MAX_LAG for lag in lags) or sorted(set(lags)) != list(lags):
                raise ValueError(f"lags are ascending whole numbers in 1..{MAX_LAG}, not {lags}")
        for name in ("standardized", "reads_embeddings", "uniform_attention", "global_token"):
            if type(getattr(self, name)) is not bool:
                raise ValueError(f"{name} is true or false, not {getattr(self, name)!r}")
        if not self.num_features:
            raise ValueError("an encoder that reads neither embeddings nor changes reads nothing")
        if not 0 <= self.dropout < 1 or not 0 <= self.input_dropout < 1 or not 0 < self.norm_eps < 1:
            raise ValueError("dropout, input_dropout or norm_eps is not in 0..1")

    @property
    def num_layers(self) -> int:
        return len(self.attention_windows)

    @property
    def history(self) -> int:
        """How many earlier embeddings the encoder needs to read a frame."""
        return max((*self.difference_lags, *self.magnitude_lags), default=0)

    @property
    def reach(self) -> int | None:
        """How many positions to each side a frame's token depends on; None: on all, by the global token."""
        return None if self.global_token else sum(window // 2 for window in self.attention_windows) + self.history

    @property
    def num_features(self) -> int:
        """The width of the encoder's input: an embedding, and its differences to earlier ones."""
        return self.input_width * (self.reads_embeddings + len(self.difference_lags) + len(self.magnitude_lags))

    @property
    def is_projected(self) -> bool:
        """Whether the input is projected to tokens, or has their width already."""
        return self.num_features != self.width or self.standardized

    @property
    def num_parameters(self) -> int:
        """The number of the encoder's weights."""
        width, feedforward = self.width, self.feedforward_width
        projections = 7 if self.global_token else 4
        layer = projections * (width + 1) * width + (width + 1) * feedforward + (feedforward + 1) * width + 4 * width
        tokens = 1 + self.global_token + self.global_token  # the types of both, and the global one
        projection = (self.num_features + 1) * width if self.is_projected else 0
        return projection + (tokens + self.num_position_rows + 2) * width + self.num_layers * layer

    @property
    def num_position_rows(self) -> int:
        """Of the learned table: a row a frame index, then the global token's, and one that padding had once."""
        if self.positions not in ("native", "learned"):
            return 0
        return self.num_positions + 2 * self.global_token


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadConfig:
    """The sizes of a head. Each kind is a subclass, and makes its network; importing that imports torch.

    reads  what of a sequence; None: a head that can not be one linear layer on statistics, as that of a linear model
    """

    kind: ClassVar[str]
    reads: ClassVar[Literal["positions", "whole"] | None] = None
    num_classes: int

    @property
    def num_outputs(self) -> int:
        return self.num_classes

    def network(self, width: int) -> "nn.Module":
        """The head's network on tokens of that width, with random weights."""
        raise NotImplementedError

    def linear(self, width: int) -> "nn.Module":
        """The network of a linear model with this head: logits of that many statistics."""
        from vtn_stream.model.heads import LinearHead

        return LinearHead(width, num_outputs=self.num_outputs)

    def num_parameters(self, width: int) -> int:
        """The number of its weights."""
        return sum(parameter.numel() for parameter in self.network(width).parameters())


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationConfig(HeadConfig):
    """The paper's head: an MLP on the global token."""

    kind = "classification"
    reads = "whole"
    dropout: float = 0.5

    def network(self, width: int) -> "nn.Module":
        from vtn_stream.model.heads import ClassificationHead

        return ClassificationHead(width, num_classes=self.num_classes, dropout=self.dropout)

    def num_parameters(self, width: int) -> int:
        return 2 * width + (width + 1) * width + (width + 1) * self.num_classes

    def __post_init__(self) -> None:
        _check_above_0(num_classes=self.num_classes)
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout {self.dropout} is not in 0..1")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalizationConfig(HeadConfig):
    """Segments, on a pyramid of num_levels levels with strides 1, 2, 4 ... frames; tower_width of its convolutions. A
    linear model has no pyramid: it scores positions, and both sizes say nothing.

    in_blocks  which segments are proposed is chosen block by block, so that it depends on what is near, and not on the
               whole film
    """

    kind = "localization"
    reads = "positions"
    num_levels: int
    tower_width: int
    in_blocks: bool = False

    def network(self, width: int) -> "nn.Module":
        from vtn_stream.model.heads import LocalizationHead

        return LocalizationHead(
            width, num_classes=self.num_classes, num_levels=self.num_levels, tower_width=self.tower_width
        )

    def linear(self, width: int) -> "nn.Module":
        from vtn_stream.model.heads import LinearSpanHead

        return LinearSpanHead(width, num_outputs=self.num_outputs)

    def num_parameters(self, width: int) -> int:
        hidden = self.tower_width
        tower = (3 * width + 1) * hidden + (3 * hidden + 1) * hidden + 4 * hidden
        return 2 * tower + (3 * hidden + 1) * (self.num_classes + 2) + self.num_levels

    def __post_init__(self) -> None:
        _check_above_0(num_classes=self.num_classes, num_levels=self.num_levels, tower_width=self.tower_width)
        if self.num_levels > 16:
            raise ValueError(f"{self.num_levels} levels reach over more frames than a film has")
        if type(self.in_blocks) is not bool:
            raise ValueError(f"in_blocks is true or false, not {self.in_blocks!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseConfig(HeadConfig):
    """One label at every frame. nothing: one more output, the last, means no label. max_lag: the most frames after one
    that may decide which label it has; None: all may.
    """

    kind = "dense"
    reads = "positions"
    nothing: bool = False
    max_lag: int | None = None

    def network(self, width: int) -> "nn.Module":
        from vtn_stream.model.heads import DenseHead

        return DenseHead(width, num_outputs=self.num_outputs)

    def num_parameters(self, width: int) -> int:
        return 2 * width + (width + 1) * self.num_outputs

    def __post_init__(self) -> None:
        _check_above_0(num_classes=self.num_classes)
        if type(self.nothing) is not bool:
            raise ValueError(f"nothing is true or false, not {self.nothing!r}")
        if self.max_lag is not None:
            _check_above_0(max_lag=self.max_lag)

    @property
    def num_outputs(self) -> int:
        """The number of classes, and one more if the head has an output for no label."""
        return self.num_classes + self.nothing


# What was not named once: the part, its kind, the field and what it was then.
_EARLIER = (
    ("encoder", EncoderConfig, "uniform_attention", False),
    ("encoder", EncoderConfig, "global_token", True),
    ("head", LocalizationConfig, "in_blocks", False),
    ("head", DenseConfig, "max_lag", None),
)

# by kind, as a file names them
HEAD_CONFIGS: dict[str, type[HeadConfig]] = {
    config.kind: config for config in (ClassificationConfig, DenseConfig, LocalizationConfig)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VTNConfig:
    """A whole network. backbone is a timm name.

    encoder  attention over time; or statistics: then the head is one linear layer, and the model a linear one

    Raises ValueError for a head that cannot read these statistics, or needs a global token that there is not.
    """

    backbone: str
    encoder: EncoderConfig | StatisticsConfig
    head: HeadConfig

    def __post_init__(self) -> None:
        if isinstance(self.encoder, StatisticsConfig):
            reads = "whole" if self.encoder.reach is None else "positions"
            if self.head.reads != reads:
                of = "a whole sequence" if reads == "whole" else "single positions"
                raise ValueError(f"a {self.head.kind} head cannot read the statistics of {of}")
        elif self.head.reads == "whole" and not self.encoder.global_token:
            raise ValueError(f"a {self.head.kind} head reads the global token, and this encoder has none")

    @property
    def is_linear(self) -> bool:
        return isinstance(self.encoder, StatisticsConfig)

    @property
    def is_local(self) -> bool:
        """Whether what the head reads of a position depends on the positions near it alone."""
        return self.encoder.reach is not None

    @property
    def num_head_parameters(self) -> int:
        width = self.encoder.width
        return (width + 1) * self.head.num_outputs if self.is_linear else self.head.num_parameters(width)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        fields = asdict(self)
        encoder = fields["encoder"].items()
        fields["encoder"] = {name: list(value) if isinstance(value, tuple) else value for name, value in encoder}
        for part, own, name, once in _EARLIER:  # as in files of earlier releases: they read these
            if isinstance(getattr(self, part), own) and fields[part][name] is once:
                del fields[part][name]
        if self.is_linear:
            fields["encoder"]["kind"] = _STATISTICS
        fields["head"]["kind"] = self.head.kind
        return fields

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], heads: Mapping[str, type[HeadConfig]]) -> "VTNConfig":
        """The inverse of `to_dict`, with heads by their kinds. KeyError, TypeError or ValueError for anything else."""
        head = dict(fields["head"])
        if (kind := head.pop("kind")) not in heads:
            raise ValueError(f"this installation has no {kind!r} head")
        if not isinstance(fields["backbone"], str):
            raise TypeError("backbone must be a name")
        encoder = dict(fields["encoder"])
        if (reader := encoder.pop("kind", None)) not in (None, _STATISTICS):
            raise ValueError(f"this release has no {reader!r} encoder")
        return cls(
            backbone=fields["backbone"],
            encoder=EncoderConfig(**encoder) if reader is None else StatisticsConfig(**encoder),
            head=heads[kind](**head),
        )


def _check_above_0(**sizes: int) -> None:
    for name, size in sizes.items():
        if type(size) is not int or size < 1:
            raise ValueError(f"a head needs {name} above 0, got {size!r}")
