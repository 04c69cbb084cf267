"""The key of a training: what an earlier run left is used only by a training with the same key."""

import hashlib
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import torch

from vtn_stream.training.films import TrainingFilm
from vtn_stream.version import __version__

__all__ = ["key_of"]


def key_of(
    films: Sequence[TrainingFilm],
    inputs: Sequence[str],
    labels: Sequence[str],
    fps: Fraction,
    *,
    backbone: str,
    device: str,
    base: str = "",
    plugins: Mapping[str, str] | None = None,
) -> str:
    """The digest of everything that the numbers of all fits depend on; each also depends on its own settings. base: the
    digest of the model from which they go on. plugins: the versions of packages that the head comes from.

    Not the number of threads: all fits use one.
    """
    digest = hashlib.blake2b(digest_size=32)
    for film in films:
        facts = (film.name, film.values.shape, film.duration_s, film.segments, film.clip_label, film.known, film.is_new)
        digest.update(repr(facts).encode("utf-8", "surrogatepass"))
        for array in (film.index.grid_s, film.index.valid, film.values):
            digest.update(np.ascontiguousarray(array).data)
    software = (__version__, str(torch.__version__), *sorted((plugins or {}).items()))
    return repr((digest.hexdigest(), tuple(inputs), tuple(labels), fps, backbone, device, base, *software))
