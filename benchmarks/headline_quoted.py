"""What the paper printed about VTN and SlowFast, and the ratios that follow from it: quoted, nothing is measured here.

Neimark et al., "Video Transformer Network" (2021): its abstract says 16.1 times faster training, 5.1 times faster
inference and 1.5 times fewer multiply-adds. Each is a ratio of products, and here its factors are apart.
"""

from dataclasses import dataclass

__all__ = ["SLOWFAST", "VTN_1_LAYER", "VTN_3_LAYERS", "Published", "inference", "multiply_adds", "training"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A row of the paper's tables. Minutes are those of its authors' GPUs; top1 in percent, of Kinetics-400.

    giga  multiply-adds of one view, in billions
    """

    epoch_minutes: int
    epochs: int
    validation_minutes: int
    giga: int
    views: int
    top1: float


SLOWFAST = Published(epoch_minutes=220, epochs=196, validation_minutes=244, giga=213, views=30, top1=78.9)
VTN_1_LAYER = Published(epoch_minutes=107, epochs=25, validation_minutes=48, giga=4214, views=1, top1=78.6)
VTN_3_LAYERS = Published(epoch_minutes=130, epochs=25, validation_minutes=52, giga=4218, views=1, top1=78.6)


def training(one: Published, other: Published) -> tuple[float, float]:
    """(time of an epoch, number of epochs), of one divided by those of the other. Their product is the ratio."""
    return one.epoch_minutes / other.epoch_minutes, one.epochs / other.epochs


def inference(one: Published, other: Published) -> float:
    """Time of the validation, with all views and with decoding."""
    return one.validation_minutes / other.validation_minutes


def multiply_adds(one: Published, other: Published) -> float:
    """Multiply-adds of all views of a clip."""
    return one.giga * one.views / (other.giga * other.views)
