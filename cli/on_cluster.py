"""Embeds on a Ray cluster what an analysis of one film needs: `analyze --ray`."""

from vtn_stream.analysis import Plan
from vtn_stream.settings import Settings
from vtn_stream_pipelines import Cluster, connected, embed_film
from vtn_stream_pipelines.check import check_store
from vtn_stream_pipelines.messages import ChunkLost, ChunksDone, FilmFailed, FilmSurveyed

from .console import err, film_progress
from .dashboard import news_of
from .interrupts import check_interrupted

__all__ = ["connected", "embed_on"]


def embed_on(
    cluster: Cluster, plan: Plan, settings: Settings, fps: float, *, name: str | None = None
) -> frozenset[int]:
    """The numbers of the chunks that were given up, which become gaps. If the film fails, the analysis says why. name:
    of an anonymous film.
    """
    if cluster.num_nodes > 1:
        check_store(settings.store_root)
    lost: set[int] = set()

    def tell(event: object) -> None:
        check_interrupted()
        if isinstance(event, FilmSurveyed):
            progress.expect(event.survey.num_missing_positions, fps)
        elif isinstance(event, ChunksDone):
            progress.frames_embedded(sum(receipt.num_frames for receipt in event.receipts))
        elif isinstance(event, ChunkLost):
            lost.add(event.number)
        if not isinstance(event, FilmFailed | FilmSurveyed) and (news := news_of(event)) is not None:
            err.print(news, soft_wrap=True)

    film, parts = plan.video.path, plan.video.parts
    with film_progress(f"{name or film.name} on the cluster") as progress:
        embed_film(
            film,
            cluster=cluster,
            settings=settings,
            span_s=plan.span_s,
            name=name,
            parts=[part.video.path for part in parts],
            starts=[part.start for part in parts],
            on_event=tell,
        )
    return frozenset(lost)
