"""One film embedded by many workers: the chunks that the store lacks are dealt to Ray actors.

The actors run the same loop as `vtn_stream.analyze`, write the shared store themselves and return receipts: no pixel
and no embedding passes through the driver. Afterwards `analyze` finds everything stored.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vtn_stream.analysis import Analyzer, ChunkReady, Warned
from vtn_stream.sampling import Chunk

__all__ = ["ChunkReceipt", "embed_film"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkReceipt:
    """What an actor says of a chunk: that it is stored ("film"), was there already ("store"), or was given up, and
    what did not go as asked before it was.
    """

    number: int
    num_valid: int
    source: Literal["store", "film", "lost"]
    warnings: tuple[str, ...]


class _Worker:
    """An Analyzer on some node; `settings` are its arguments."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._analyzer = Analyzer(**settings)

    def embed(self, path: str, chunks: list[Chunk]) -> list[ChunkReceipt]:
        receipts, warnings = [], []
        for event in self._analyzer.embed(self._analyzer.probe(path), chunks):
            if isinstance(event, Warned):
                warnings.append(event.message)
            elif isinstance(event, ChunkReady):
                num_valid = int(event.index.valid.sum())
                receipts.append(
                    ChunkReceipt(
                        number=event.chunk.number,
                        num_valid=num_valid,
                        source=event.source,
                        warnings=tuple(warnings),
                    )
                )
                warnings.clear()
        return receipts


def embed_film(path: str | os.PathLike[str], *, store: Path, num_workers: int, **settings: Any) -> list[ChunkReceipt]:
    """Embed what the store lacks of a film on the connected Ray cluster; one receipt a missing chunk, in order.

    The film and the store must be reachable under the same paths on every node. settings are those of `Analyzer`;
    with device="cuda" each worker takes one GPU. Raises VtnStreamError as `Analyzer.analyze` does, and
    ray.exceptions.RayError where a worker is lost: what was stored is kept, so ask again.
    """
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # Ray would rebuild the environment on every node
    import ray

    settings |= {"store": store}
    with Analyzer(**settings) as analyzer:
        missing = analyzer.plan(path).missing
    if not missing:
        return []
    # Consecutive chunks to one worker: it goes on decoding where it is, without a seek.
    per_worker = -(-len(missing) // num_workers)
    shares = [missing[i : i + per_worker] for i in range(0, len(missing), per_worker)]
    # One core: the decoding process takes about as much as embedding leaves free.
    resources: dict[str, Any] = {"num_cpus": 1, "num_gpus": 1 if settings.get("device") == "cuda" else 0}
    workers = [ray.remote(**resources)(_Worker).remote(settings) for _ in shares]
    try:
        futures = [w.embed.remote(os.path.abspath(path), s) for w, s in zip(workers, shares, strict=True)]
        return [receipt for receipts in ray.get(futures) for receipt in receipts]
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    finally:
        for worker in workers:
            ray.kill(worker)
