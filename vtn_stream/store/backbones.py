"""Facts about backbones, kept beside the probes of films, so that stored embeddings can be used without the network.

ROOT/probes/KEY.arrow    no rows; in the metadata the fields of a recipe, the width of embeddings, their origin
"""

import contextlib
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from vtn_stream.errors import DamagedFile, StoreError
from vtn_stream.store.arrow_file import read_batch, write_batch
from vtn_stream.track import BackboneFacts, Recipe

__all__ = ["BackboneMemory"]


class BackboneMemory:
    """Facts by key. What cannot be read or written is not remembered: it is found out anew."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "probes"

    def recall(self, key: str) -> BackboneFacts | None:
        """None: never remembered, or damaged since."""
        try:
            _, fields = read_batch(self._folder / f"{key}.arrow", "backbone")
            return BackboneFacts(
                recipe=Recipe.from_json(fields["recipe"]),
                num_features=int(fields["num_features"]),
                source=str(fields["source"]),
            )
        except (FileNotFoundError, DamagedFile, KeyError, TypeError, ValueError):
            return None

    def remember(self, key: str, facts: BackboneFacts) -> None:
        """Atomic. Nothing happens where the store cannot be written: the next run finds out anew."""
        fields = asdict(facts) | {"recipe": facts.recipe.to_json()}
        nothing = pa.record_batch({"nothing": pa.array([], pa.null())})
        with contextlib.suppress(StoreError):
            write_batch(self._folder / f"{key}.arrow", "backbone", nothing, fields)
