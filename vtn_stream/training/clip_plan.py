"""What a recipe of the paper will do with these lists: network, settings, frames. Opens no film and makes no tensor."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from vtn_stream.backbone import embedding_width, skeleton
from vtn_stream.checkpoints import Checkpoint, find_model, load_checkpoint
from vtn_stream.errors import InputError, TrainingError
from vtn_stream.model import VARIANTS, ClassificationConfig, EncoderConfig, VTNConfig, vtn_of
from vtn_stream.sampling import MAX_FPS, ClipWindow
from vtn_stream.track import CENTRE_CROP, PICTURE, Recipe
from vtn_stream.training.clip_lists import ClipLists, read_clip_lists
from vtn_stream.training.clip_sampling import ClipSampling
from vtn_stream.training.events import TrainingEvent
from vtn_stream.training.hyperparameters import Hyperparameters
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.overrides import shown
from vtn_stream.training.recipes import MEAN, SIZE, STD, settings_for

__all__ = ["DEFAULT_NETWORK", "ClipPlan", "plan_for", "printed"]

DEFAULT_NETWORK = "vtn-vit-b"
NATIVE_RATE = Fraction(25)  # of position ids where a model slides over films: that of the paper's clips
# The weights from which the paper's networks start, where timm's plain name now means others.
TAGS = {"vit_base_patch16_224": "orig_in21k_ft_in1k"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipPlan:
    """What will be trained, how, and on what.

    network   its name as it was asked for; config, what it is; start: the timm name of its first weights
    recipe    what its embeddings will mean; the digest of its weights is not known yet
    base      the model from which it goes on
    """

    lists: ClipLists
    network: str
    config: VTNConfig
    start: str
    settings: Hyperparameters
    sampling: ClipSampling
    recipe: Recipe
    base: Checkpoint | None = None
    notes: tuple[str, ...] = ()

    @property
    def native_ids(self) -> bool:
        """Whether position ids count frames of the file, as in the paper."""
        encoder = self.settings.encoder
        return isinstance(encoder, EncoderConfig) and encoder.positions == "native"

    @property
    def window(self) -> ClipWindow:
        """How the model will slide over films."""
        num = self.sampling.frames
        rate = NATIVE_RATE if self.native_ids else None
        return ClipWindow(num_positions=num, stride=max(1, num // 2), position_rate=rate)


def plan_for(options: TrainingOptions, on_event: Callable[[TrainingEvent], None] | None = None) -> ClipPlan:
    """Reads the lists and resolves the settings. Raises AnnotationError, InputError, BackboneError, CheckpointError."""
    base = None if options.model is None else _base(options.model)
    lists = read_clip_lists(
        options.annotations,
        options.videos,
        validation=options.validation,
        names=options.names,
        skip_bad=options.skip_bad,
        on_event=on_event,
    )
    if len(lists.labels) < 2:
        raise TrainingError(
            f"all clips have one label, {lists.labels[0]}",
            "there is nothing to learn",
            "give clips of other labels too",
        )
    name, config, recipe, sampling = _network(options, base, len(lists.labels))
    settings, sampling = settings_for(
        options.recipe,
        config,
        size=max(recipe.size),
        sampling=sampling,
        seed=options.seed,
        num_epochs=options.epochs,
        overrides=options.overrides,
    )
    fps = sampling.frames / sampling.seconds
    if fps > MAX_FPS:
        raise InputError(
            f"{sampling.frames} frames in {sampling.seconds} s are {float(fps):g} a second",
            "nothing was trained",
            f"set fewer frames, or more seconds: at most {MAX_FPS} a second",
        )
    return ClipPlan(
        lists=lists,
        network=name,
        config=replace(config, encoder=settings.encoder, head=settings.head),
        start=".".join([config.backbone, *([TAGS[config.backbone]] if config.backbone in TAGS else [])]),
        settings=settings,
        sampling=sampling,
        recipe=replace(recipe, fps=fps),
        base=base,
    )


def printed(plan: ClipPlan, options: TrainingOptions) -> dict[str, Any]:
    """The settings as JSON values; each of `settings` can be given back as --set KEY=VALUE."""
    return {
        "recipe": options.recipe,
        "network": plan.network,
        "backbone": plan.config.backbone,
        "size": max(plan.recipe.size),
        "seed": options.seed,
        "labels": len(plan.lists.labels),
        "clips": len(plan.lists.clips.of("training")),
        "validation_clips": len(plan.lists.clips.of("validation")),
        "settings": shown(plan.settings, plan.sampling),
    }


def _network(
    options: TrainingOptions, base: Checkpoint | None, num_labels: int
) -> tuple[str, VTNConfig, Recipe, ClipSampling]:
    """Its name, what it is and sees, and of which frames, before anything is set."""
    head = ClassificationConfig(num_classes=num_labels)
    if base is not None:
        num = base.window.num_positions
        sampling = ClipSampling(frames=num, seconds=num / base.recipe.fps)
        return base.name, replace(base.config, head=head), base.recipe, sampling
    name = options.network or DEFAULT_NETWORK
    if name in VARIANTS:
        config = replace(VARIANTS[name](), head=head)
        size = options.size or SIZE
    else:
        if name.startswith("vtn"):
            near = difflib.get_close_matches(name, VARIANTS, n=1, cutoff=0.0)
            raise InputError(f"there is no network {name}", "nothing was trained", f"did you mean {near[0]}?")
        bare: Any = skeleton(name, None if options.size is None else (options.size, options.size))
        config = vtn_of(name, embedding_width(bare, "network"), num_classes=num_labels)
        size = options.size or max(bare.pretrained_cfg["input_size"][1:])
    recipe = Recipe(
        backbone=config.backbone,
        weights="",
        fps=Fraction(1),
        size=(size, size),
        mean=MEAN,
        std=STD,
        geometry=CENTRE_CROP,
    )
    return name, config, recipe, ClipSampling()


def _base(model: str) -> Checkpoint:
    """The model from which a training goes on. Raises CheckpointError, and InputError for one of another kind."""
    base = load_checkpoint(find_model(model))
    other = None
    if base.config.is_linear or not isinstance(base.config.head, ClassificationConfig):
        other = "it does not name whole clips by a network"
    elif base.inputs != (PICTURE,) or base.recipe.geometry != CENTRE_CROP:
        other = "it does not read the middle of pictures, as the paper does"
    elif base.recipe.pooling != "network":
        other = "its image network is pooled in another way"
    if other is not None:
        raise InputError(
            f"{base.name} cannot be trained by a recipe of the paper: {other}",
            "nothing was trained",
            "give a published model or one that such a recipe trained, or leave out --recipe",
        )
    return base
