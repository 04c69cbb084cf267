"""The regions of the picture that a model learnt from, where they were several, such as the cages of one film. Knows no
film.

In the JSON of a checkpoint's training:

    regions    [region, ...], sorted, each as a recipe names it; only where there are several
"""

from collections.abc import Mapping
from typing import Any

from vtn_stream.track import Recipe, check_region

__all__ = ["REGIONS", "regions_of"]

REGIONS = "regions"  # the key in a checkpoint's training


def regions_of(training: Mapping[str, Any], recipe: Recipe) -> frozenset[str]:
    """Those that the model learnt from: as its training tells them, else that of its recipe. What cannot be understood
    tells nothing: anybody may have written it.
    """
    given = training.get(REGIONS)
    if not isinstance(given, list) or not given or not all(isinstance(text, str) for text in given):
        return frozenset([recipe.region])
    try:
        for text in given:
            check_region(text)
    except ValueError:
        return frozenset([recipe.region])
    return frozenset(given)
