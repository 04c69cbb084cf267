"""The options of a training: one value from the command line to the loop. Loads no torch."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vtn_stream.backbone import check_asked
from vtn_stream.errors import InputError
from vtn_stream.formats.reading import CodingOptions
from vtn_stream.region import TRIMMED, Region
from vtn_stream.sampling import SamplingPlan, parse_rate
from vtn_stream.settings import Device
from vtn_stream.track import WHOLE
from vtn_stream.training.events import HeadKind

__all__ = ["LearnBackbone", "RecipeName", "TrainingOptions"]

RecipeName = Literal["natural", "paper", "paper+"]
LearnBackbone = Literal["no", "last", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """The wanted model, and what it should learn from.

    annotations  a file or a folder of them; videos, the folder of the films
    output       the model's file; its card and plots are written beside it
    model        a model to go on from, by its name or its file: it says the head, the rate, the image network and what
                 is read of the films; its labels stay
    head         what it learns; "auto" goes by the annotations
    fps          grid positions per second, such as 2, 2.56 or "30000/1001"; None: by the shortest actions
    annotation_fps  labels or frames a second, of annotations that count them; None: the data set's, else the films'
    coding       which observations of BORIS are read, and how
    backbone     a timm image network; None: the default one. weights: a file for it
    size         height and width of the frames that it looks at; None: its own
    region       of the picture that the model learns from and then looks at, in percent; None: all of it
    trim_borders  without the black borders of each film
    device       of the image network, and of the training
    store        folder of the embeddings; None: in the user's cache
    seed         of all that is random
    epochs       how often all films are seen; None: as the data asks for
    hold_out     keep the films of the subset validation apart: they choose nothing and only measure the finished model
    recipe       natural: what suits the films, measured out of fold; paper, paper+: clips end to end, as in the paper
    network      of a recipe of the paper: one of the paper's models, or a timm image network; None: vtn-vit-b
    learn_backbone  of the natural recipe: whether the image network learns along, its last blocks or all of it; it is
                 kept if predictions out of fold say so
    streamable   the model can be followed: what it says of a moment depends on what is near in time alone
    validation   a list of clips that measure a recipe of the paper; None: those of the subset validation
    names        a file that says which label a number in a list stands for
    overrides    of settings, as they are typed: ("encoder.layers", "6")
    skip_bad     leave out annotations and films that are wrong, and tell which
    anyway       train where there is too little to learn from
    overwrite    replace the model in the way
    log          folder of TensorBoard's curves and of the state of a training that was killed; None: MODEL.training

    Raises InputError for an output that is no .safetensors file, an fps that is not a rate, and a region that is none.
    """

    annotations: Path
    videos: Path
    output: Path
    model: str | None = None
    head: HeadKind = "auto"
    fps: float | Fraction | str | None = None
    annotation_fps: Fraction | None = None
    coding: CodingOptions = CodingOptions()
    backbone: str | None = None
    weights: Path | None = None
    size: int | None = None
    region: str | None = None
    trim_borders: bool = False
    device: Device = "auto"
    store: Path | None = None
    seed: int = 0
    epochs: int | None = None
    hold_out: bool = False
    recipe: RecipeName = "natural"
    network: str | None = None
    learn_backbone: LearnBackbone = "no"
    streamable: bool = False
    validation: Path | None = None
    names: Path | None = None
    overrides: tuple[tuple[str, str], ...] = ()
    skip_bad: bool = False
    anyway: bool = False
    overwrite: bool = False
    log: Path | None = None

    def __post_init__(self) -> None:
        if self.output.suffix != ".safetensors":
            raise InputError(
                f"{self.output.name} cannot be the name of a model",
                "nothing was trained",
                "give a name after -o that ends in .safetensors",
            )
        if self.epochs is not None and dict(self.overrides).get("epochs", str(self.epochs)) != str(self.epochs):
            raise InputError(
                "epochs is set twice, to different values", "nothing was trained", "give --epochs, or --set epochs="
            )
        _ = self.sampling, self.seen

    @property
    def contradicted(self) -> tuple[str, ...]:
        """The options that are given although the model says it from which the training goes on."""
        if self.model is None:
            return ()
        given = {
            "head": self.head != "auto",
            "fps": self.fps,
            "backbone": self.backbone,
            "size": self.size,
            "network": self.network,
        }
        return tuple(f"--{name}" for name, value in given.items() if value)

    @property
    def unsuited(self) -> tuple[str, ...]:
        """The options that are given although the recipe has no use for them."""
        if self.recipe == "natural":
            given: dict[str, object] = {"network": self.network, "validation": self.validation}
        else:
            given = {
                "head": self.head not in ("auto", "classification"),
                "fps": self.fps,
                "annotation-fps": self.annotation_fps,
                "observation": self.coding.observations,
                "close-open": self.coding.close_open,
                "backbone": self.backbone,
                "region": self.region,
                "trim-borders": self.trim_borders,
                "hold-out": self.hold_out,
                "learn-backbone": self.learn_backbone != "no",
            }
        return tuple(f"--{name}" for name, value in given.items() if value)

    def check(self) -> None:
        """Raises BackboneError for a backbone or weights that cannot be right, before anything is loaded."""
        timm_name = self.network if self.network and not self.network.startswith("vtn") else self.backbone
        check_asked(timm_name, self.weights)

    @property
    def sampling(self) -> SamplingPlan | None:
        """The grid that is asked for, if any."""
        return None if self.fps is None else SamplingPlan(parse_rate(self.fps, "nothing was trained"))

    @property
    def seen(self) -> str | None:
        """The region that is asked for, as a recipe names it; None: that of the model from which it goes on, or all."""
        if self.region is None:
            return TRIMMED if self.trim_borders else None
        region = Region.parse(self.region)
        if self.trim_borders:
            raise InputError(
                "a region is asked for, and black borders are to be cut away",
                "nothing was trained",
                "leave out --trim-borders: a region can be drawn without the borders",
            )
        if region.unit == "px":
            raise InputError(
                f"the region {region.text} is in pixels, and a model's films may be of any size",
                "nothing was trained",
                "give the region in percent, such as 25%,0%,50%,100%",
            )
        return WHOLE if region.is_whole else region.text

    @property
    def work(self) -> Path:
        """The folder of the log, whether it was named or not."""
        return self.output.with_suffix(".training") if self.log is None else self.log
