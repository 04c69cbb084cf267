"""Names for a film that has no end yet: by what was read of it so far, and by how it is looked at."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from vtn_stream.film import VideoInfo
from vtn_stream.track import Recipe

__all__ = ["running_identity", "settings_key"]


def running_identity(digest: str, video: VideoInfo) -> str:
    """32 hex digits for all that was read up to some packet: equal for every run over the same bytes. In the store, it
    stands where a finished film has its identity.

    digest  of the packets so far; what the header says of them counts as well
    """
    header = [
        video.codec,
        video.width,
        video.height,
        video.rotation,
        video.mirrored,
        *map(str, (video.time_base, video.start, video.sample_aspect_ratio)),
    ]
    return _digest("film so far", digest, header)


def settings_key(
    recipe: Recipe, region: str, inputs: Sequence[str], model: str | None, point: str | None, refine: bool
) -> str:
    """32 hex digits for how a film is looked at: what is final for one way says nothing for another. recipe: of the
    picture; model: the digest of the checkpoint.
    """
    return _digest("way to look", replace(recipe, region=region).to_json(), list(inputs), model, point, refine)


def _digest(*facts: object) -> str:
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()
