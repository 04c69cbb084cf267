"""The options of an analysis: one value from the command line to the workers of a cluster. Loads no torch."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal, Self

from vtn_stream.backbone import check_asked
from vtn_stream.errors import InputError
from vtn_stream.region import Region
from vtn_stream.sampling import SamplingPlan, parse_rate

__all__ = ["Decoder", "Device", "Settings"]

Device = Literal["auto", "cpu", "cuda"]
Decoder = Literal["pyav", "decord"]
MAX_REGIONS = 64  # of one film at once: their pictures lie in memory together


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How films are analyzed. Values stay as they were given, so that a record of a run says what was asked for.

    model     a checkpoint's file, or the name of one in the models folder; None: no model, but scenes
    point     the name of one of the model's operating points; None: its default one
    fps       grid positions per second, such as 2, 2.56 or "30000/1001"; None: the model's, or 2
    backbone  a timm image network; None: the model's, or the default one
    weights   a file for the backbone, where its weights are not installed
    size      height and width of the frames that the backbone looks at; None: its own
    device    where networks run; "auto" takes a GPU when there is one
    store     folder of the embeddings; None: in the user's cache
    stream    index of the video stream in its container; None: the first that is no cover picture
    decoder   what decodes the frames; decord refuses films that it would miscount
    regions   parts of the picture, as x,y,width,height in pixels or percent, each looked at alone; if there are
              several, each with NAME= before it; none: all of the picture, or what the model learnt from
    trim_borders  without the black borders of each film; not together with regions
    refine    cuts between scenes are placed to the frame, by decoding the frames around them; a model's borders are not
    exact     take from the store only what this very execution computed, not what another device or version did

    Raises InputError for an fps that is not a rate, for a point without a model, and for regions that are none.
    """

    model: str | os.PathLike[str] | None = None
    point: str | None = None
    fps: float | Fraction | str | None = None
    backbone: str | None = None
    weights: str | os.PathLike[str] | None = None
    size: int | None = None
    device: Device = "auto"
    store: str | os.PathLike[str] | None = None
    stream: int | None = None
    decoder: Decoder = "pyav"
    regions: tuple[str, ...] = ()
    trim_borders: bool = False
    refine: bool = True
    exact: bool = False

    def __post_init__(self) -> None:
        _ = self.sampling
        object.__setattr__(self, "regions", tuple(self.regions))
        _check(self.asked_regions, self.trim_borders)
        if self.point is not None and self.model is None:
            raise InputError(
                f"the operating point {self.point} is one of a model, and there is no model",
                "nothing was analyzed",
                "name its model with --model, or leave out --point",
            )

    @property
    def sampling(self) -> SamplingPlan | None:
        """The grid that is asked for; None: the model's, or the default one."""
        return None if self.fps is None else SamplingPlan(parse_rate(self.fps, "nothing was analyzed"))

    @property
    def asked_regions(self) -> tuple[Region, ...]:
        return tuple(map(Region.parse, self.regions))

    def check(self) -> None:
        """Raises BackboneError for a backbone or weights that cannot be right, before anything is loaded."""
        check_asked(self.backbone, self.weights)

    @property
    def store_root(self) -> Path:
        """The folder of the embeddings, whether it was named or not."""
        if self.store is not None:
            return Path(self.store)
        from vtn_stream.store import default_root  # it brings pyarrow

        return default_root()

    def for_workers(self, *, has_gpu: bool) -> Self:
        """Settings that mean the same in other folders, on other machines: absolute paths, and a device.

        The driver of a run makes them, once; has_gpu: whether the cluster has a GPU for device "auto".
        """
        auto: Device = "cuda" if has_gpu else "cpu"
        return replace(
            self,
            model=_absolute(self.model),
            weights=_absolute(self.weights),
            store=os.path.abspath(self.store_root),
            device=auto if self.device == "auto" else self.device,
        )


def _check(regions: Sequence[Region], trim_borders: bool) -> None:
    if regions and trim_borders:
        raise InputError(
            "a region is asked for, and black borders are to be cut away",
            "nothing was analyzed",
            "leave out --trim-borders: a region can be drawn without the borders",
        )
    if len(regions) > MAX_REGIONS:
        raise InputError(
            f"{len(regions)} regions are asked for", "nothing was analyzed", f"give at most {MAX_REGIONS} at once"
        )
    names = [region.name for region in regions]
    if len(regions) > 1 and not all(names):
        raise InputError(
            f"{len(regions)} regions are asked for, and not all have names",
            "nothing was analyzed",
            "give each a name, such as left=0%,0%,50%,100%",
        )
    folded = [name.casefold() for name in names]  # files whose names differ in case are one on some disks
    if twice := [name for name, one in zip(names, folded, strict=True) if folded.count(one) > 1]:
        raise InputError(f"two regions are called {twice[0]}", "nothing was analyzed", "give each a name of its own")


def _absolute(file: str | os.PathLike[str] | None) -> str | os.PathLike[str] | None:
    """The absolute path of a file that exists; anything else is a model's name, or a file missing there as well."""
    return os.path.abspath(file) if file is not None and os.path.isfile(file) else file
