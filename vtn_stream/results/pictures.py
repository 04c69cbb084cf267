"""The pictures of a film, or of the files of a recording, from the store. Each scene is shown by a frame of its longest
stretch.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from vtn_stream.anonymous import is_anonymous
from vtn_stream.report.index import has_scenes
from vtn_stream.segments import part_at
from vtn_stream.store import EmbeddingStore, load_pictures
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.track import Recipe

__all__ = ["pictures_in", "pictures_of", "recipe_of", "scene_pictures"]


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
    found = pictures_in(timeline, EmbeddingStore(store), recipe, spans)
    return {label: jpeg for label, jpeg in zip(longest, found, strict=True) if jpeg is not None}


def pictures_of(timeline: Timeline, store: EmbeddingStore, most: int) -> list[tuple[float, bytes]]:
    """At most so many thumbnails of the analyzed time: (time in seconds, JPEG), by time."""
    recipe = recipe_of(timeline)
    parts = [(part.video_identity, part.start_s) for part in timeline.parts] or [(timeline.video_identity, 0.0)]
    pictures = list[tuple[float, bytes]]()
    for identity, begins_s in parts:
        of_file = max(1, most // len(parts))
        found = [] if recipe is None else store.thumbnails(identity, recipe.digest, of_file)
        pictures += [(begins_s + at_s, jpeg) for at_s, jpeg in found or load_pictures(store.root, identity) or []]
    start_s, end_s = timeline.span_s
    return [(at_s, jpeg) for at_s, jpeg in pictures if start_s <= at_s < end_s]


def pictures_in(
    timeline: Timeline, store: EmbeddingStore, recipe: Recipe, spans: Sequence[tuple[float, float]]
) -> list[bytes | None]:
    """For each span of seconds the thumbnail nearest to its middle and in it; None where there is none."""
    if not timeline.parts:
        return store.thumbnails_in(timeline.video_identity, recipe, spans)
    found = list[bytes | None]()
    for start_s, end_s in spans:
        part = part_at(timeline.parts, (start_s + end_s) / 2)
        if part is None:
            found.append(None)
        else:
            begins_s = part.start_s
            found += store.thumbnails_in(part.video_identity, recipe, [(start_s - begins_s, end_s - begins_s)])
    return found


def recipe_of(timeline: Timeline) -> Recipe | None:
    """The recipe of the embeddings that a timeline was made of; None if it names no film or recipe of ours."""
    identities = (timeline.video_identity, *(part.video_identity for part in timeline.parts))
    if not all(re.fullmatch("[0-9a-f]{1,128}", identity) for identity in identities):  # they become paths
        return None
    try:
        return Recipe.from_json(json.dumps(timeline.provenance["recipe"]))
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError):  # not ours, or a stranger's
        return None
