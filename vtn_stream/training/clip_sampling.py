"""Which frames of a clip a network learns from: how many, and of how long a time."""

from dataclasses import dataclass
from fractions import Fraction

__all__ = ["ClipSampling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSampling:
    """Frames at equal distances in a part of a clip. By default those of the paper: 16, 8 frames apart at 25/s.

    frames   their number
    seconds  the length of the part, the paper's temporal footprint: [start, start + seconds)

    Raises ValueError for a clip without frames or length.
    """

    frames: int = 16
    seconds: Fraction = Fraction(128, 25)

    def __post_init__(self) -> None:
        if self.frames < 1 or self.seconds <= 0:
            raise ValueError("a clip has at least a frame, and a length above 0 seconds")
