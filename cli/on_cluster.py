"""Embedding on a Ray cluster what an analysis of one film needs: `analyze --ray`."""

from pathlib import Path
from typing import Any

from vtn_stream_pipelines import Cluster, connected, embed_film
from vtn_stream_pipelines.check import check_store
from vtn_stream_pipelines.messages import ChunkLost, ChunksDone, FilmFailed, FilmSurveyed

from .console import err, film_progress
from .dashboard import news_of
from .interrupts import check_interrupted

__all__ = ["connected", "embed_on"]


def embed_on(
    cluster: Cluster, film: Path, settings: dict[str, Any], span_s: tuple[float, float], fps: float
) -> frozenset[int]:
    """Numbers of the chunks that were given up: they are gaps. Of a film that fails there the analysis says why."""
    if cluster.num_nodes > 1:
        check_store(settings["store"])
    lost: set[int] = set()

    def tell(event: object) -> None:
        check_interrupted()
        if isinstance(event, FilmSurveyed):
            progress.expect(event.survey.num_missing_positions, fps)
        elif isinstance(event, ChunksDone):
            progress.frames_embedded(sum(receipt.num_frames for receipt in event.receipts))
        elif isinstance(event, ChunkLost):
            lost.add(event.number)
        if not isinstance(event, FilmFailed) and (news := news_of(event)) is not None:
            err.print(news, soft_wrap=True)

    with film_progress(f"{film.name} on the cluster") as progress:
        embed_film(film, cluster=cluster, settings=settings, span_s=span_s, on_event=tell)
    return frozenset(lost)
