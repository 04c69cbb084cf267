"""The operations of RandAugment (Cubuk et al., 2020), each drawn by its name and done alike to all frames of a clip.

n frames
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import Tensor

__all__ = ["MAX_MAGNITUDE", "OPERATIONS", "is_signed", "operated"]

MAX_MAGNITUDE = 30
# As in torchvision: what the largest magnitude means (of shears the tangent, of shifts the share of the side, of
# rotations degrees, of colours how far from 1 the factor is), and whether half of them go the other way.
_SHEAR, _SHIFT, _TURN, _COLOUR = 0.3, 150 / 331, 30.0, 0.9
OPERATIONS: Mapping[str, bool] = MappingProxyType(
    {
        "identity": False,
        "shear x": True,
        "shear y": True,
        "shift x": True,
        "shift y": True,
        "rotate": True,
        "brightness": True,
        "colour": True,
        "contrast": True,
        "sharpness": True,
        "posterize": False,
        "solarize": False,
        "autocontrast": False,
        "equalize": False,
    }
)


def is_signed(name: str) -> bool:
    """Whether the operation goes two ways."""
    return OPERATIONS[name]


def operated(frames: Tensor, name: str, magnitude: float) -> Tensor:
    """Frames uint8 [n, 3, H, W] after one of OPERATIONS. magnitude: -1..1, the share of the largest one.

    What comes in from outside the picture is black, as in torchvision's RandAugment, whose operations these are.
    """
    from torchvision.transforms.v2 import functional as ops  # a second to load, which only this recipe needs

    height, width = frames.shape[-2:]

    def moved(*, shift: tuple[int, int] = (0, 0), shear: tuple[float, float] = (0, 0)) -> Tensor:
        degrees = [math.degrees(math.atan(part)) for part in shear]
        centre = [0.0, 0.0] if any(shear) else None
        return ops.affine(frames, angle=0.0, translate=list(shift), scale=1.0, shear=degrees, center=centre)

    done: dict[str, Callable[[], Tensor]] = {
        "identity": lambda: frames,
        "shear x": lambda: moved(shear=(_SHEAR * magnitude, 0)),
        "shear y": lambda: moved(shear=(0, _SHEAR * magnitude)),
        "shift x": lambda: moved(shift=(int(_SHIFT * width * magnitude), 0)),
        "shift y": lambda: moved(shift=(0, int(_SHIFT * height * magnitude))),
        "rotate": lambda: ops.rotate(frames, angle=_TURN * magnitude),
        "brightness": lambda: ops.adjust_brightness(frames, 1 + _COLOUR * magnitude),
        "colour": lambda: ops.adjust_saturation(frames, 1 + _COLOUR * magnitude),
        "contrast": lambda: ops.adjust_contrast(frames, 1 + _COLOUR * magnitude),
        "sharpness": lambda: ops.adjust_sharpness(frames, 1 + _COLOUR * magnitude),
        "posterize": lambda: ops.posterize(frames, 8 - round(4 * magnitude)),
        "solarize": lambda: ops.solarize(frames, 255 * (1 - magnitude)),
        "autocontrast": lambda: ops.autocontrast(frames),
        "equalize": lambda: ops.equalize(frames),
    }
    return done[name]()
