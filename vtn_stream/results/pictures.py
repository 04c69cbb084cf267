"""The pictures of a film's scenes, from the store: each scene is shown by a frame of its longest stretch."""

import json
import re
from pathlib import Path

from vtn_stream.anonymous import is_anonymous
from vtn_stream.report.index import has_scenes
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.track import Recipe

__all__ = ["recipe_of", "scene_pictures"]


def scene_pictures(timeline: Timeline, store: Path | None) -> dict[str, bytes]:
    """A thumbnail (JPEG) for each scene that has one: the nearest to the middle of its longest segment, inside it.

    Empty if the labels are not scenes, nothing of the film is stored, or the film is anonymous. store: None for the
    usual one.
    """
    recipe = recipe_of(timeline)
    if recipe is None or not has_scenes(timeline) or is_anonymous(timeline):
        return {}
    longest: dict[str, Segment] = {}
    for s in timeline.segments:
        if s.label not in longest or s.duration_s > longest[s.label].duration_s:
            longest[s.label] = s
    spans = [(s.start_s, s.end_s) for s in longest.values()]
    found = EmbeddingStore(store).thumbnails_in(timeline.video_identity, recipe, spans)
    return {label: jpeg for label, jpeg in zip(longest, found, strict=True) if jpeg is not None}


def recipe_of(timeline: Timeline) -> Recipe | None:
    """The recipe of the embeddings that a timeline was made of; None if it names no film or recipe of ours."""
    if not re.fullmatch("[0-9a-f]{1,128}", timeline.video_identity):  # it becomes a path
        return None
    try:
        return Recipe.from_json(json.dumps(timeline.provenance["recipe"]))
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError):  # not ours, or a stranger's
        return None
