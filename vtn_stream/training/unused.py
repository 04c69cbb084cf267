"""Settings that would change nothing in a training on clips: they are refused, not passed over in silence."""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from vtn_stream.errors import InputError

if TYPE_CHECKING:
    from vtn_stream.training.hyperparameters import BackboneLearning, Hyperparameters

__all__ = ["check_used"]


def _learning(settings: "Hyperparameters") -> "BackboneLearning":
    assert settings.backbone is not None
    return settings.backbone


# Of each setting: whether it is used; what it is for, where it is not.
_USED: Mapping[str, tuple[Callable[["Hyperparameters"], object], str]] = {
    "smoothing": (lambda s: False, "it is for dense labels; that of clips is augmentation.smoothing"),
    "backbone.share": (lambda s: False, "it is for crops of whole films"),
    "warm_up": (lambda s: s.schedule == "cosine", "it is for schedule=cosine"),
    "steps": (lambda s: s.schedule == "steps", "it is for schedule=steps"),
    "momentum": (lambda s: s.optimizer == "sgd", "it is for optimizer=sgd"),
    "augmentation.area": (
        lambda s: _learning(s).augmentation.short_side is None,
        "it is for augmentation.short_side=none",
    ),
    "augmentation.jitter": (
        lambda s: _learning(s).augmentation.jitter_share,
        "it is for clips of augmentation.jitter_share, which is 0",
    ),
}


def check_used(settings: "Hyperparameters", changed: Collection[str]) -> None:
    """settings: of a training on clips. changed: the names of those that are not as the recipe has them.

    Raises InputError for one that nothing reads.
    """
    for name in changed:
        is_used, what = _USED.get(name, (lambda s: True, ""))
        if not is_used(settings):
            too = "" if name in ("smoothing", "backbone.share") else ", or set that too"
            raise InputError(f"{name} would change nothing: {what}", "nothing was trained", f"leave it out{too}")
