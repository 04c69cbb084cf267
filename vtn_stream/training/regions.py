"""Which region of each film's picture is learnt from: what its timeline says that people looked at, else what is asked
for.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.checkpoints.training_regions import REGIONS, regions_of
from vtn_stream.errors import InputError, listed
from vtn_stream.film import VideoInfo
from vtn_stream.region import TRIMMED, Region
from vtn_stream.track import WHOLE, Recipe
from vtn_stream.training.footage import Footage
from vtn_stream.training.options import TrainingOptions

__all__ = ["looked_at", "of_model", "recipe_of"]


def looked_at(footage: Footage, options: TrainingOptions, base: Checkpoint | None) -> tuple[Footage, dict[str, str]]:
    """The region of each film, as a recipe names it, and the films without those of which another was looked at than is
    asked for. Raises InputError where none is left, and for a region that is not inside a film.
    """
    usual = options.seen or (WHOLE if base is None else base.recipe.region)
    regions, others = dict[str, str](), list[str]()
    for name, annotated in footage.annotations.videos.items():
        said, video = annotated.region, footage.videos[name]
        if said is None or _same(said, usual, video):
            regions[name] = usual
        elif options.seen is not None:
            others.append(name)
        else:
            _check_inside(name, said, video)
            regions[name] = said
    if not others:
        return footage, regions
    fact = f"{listed(others)}: the timelines are about another region of the picture than is asked for"
    if not regions:
        raise InputError(
            fact,
            "nothing was trained",
            "leave out --region and --trim-borders: each film is learnt from what its timeline is about",
        )
    videos = {name: footage.annotations.videos[name] for name in regions}
    kept = replace(footage.annotations, videos=videos)
    return replace(footage, annotations=kept, notes=(*footage.notes, f"left out: {fact}")), regions


def recipe_of(recipe: Recipe, regions: Collection[str]) -> Recipe:
    """The recipe of a model that learnt from films of which these regions were looked at: of one that learnt from
    several it names none of them.
    """
    several = set(regions)
    return replace(recipe, region=several.pop() if len(several) == 1 else WHOLE)


def of_model(regions: Collection[str], base: Checkpoint | None) -> dict[str, Any]:
    """What the checkpoint's training says, where a model learnt from several regions, also in an earlier training."""
    several = {*regions, *(() if base is None else regions_of(base.training, base.recipe))}
    return {REGIONS: sorted(several)} if len(several) > 1 else {}


def _same(one: str, other: str, video: VideoInfo) -> bool:
    """Whether two regions are the same pixels of the film, in percent or not."""
    if one == other or TRIMMED in (one, other):
        return one == other
    width, height = video.upright_size
    first, second = (Region.parse("0%,0%,100%,100%" if of == WHOLE else of) for of in (one, other))
    try:
        return first.on(width, height).box(width, height) == second.on(width, height).box(width, height)
    except InputError:
        return False


def _check_inside(name: str, region: str, video: VideoInfo) -> None:
    if region == TRIMMED:
        return
    try:
        Region.parse(region).on(*video.upright_size)
    except InputError as error:
        raise InputError(
            f"{name}: {error.fact}", "nothing was trained", "give the film that its timeline is about"
        ) from error
