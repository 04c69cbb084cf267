"""vtn-stream suggest"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from rich.text import Text

from vtn_stream.analysis import AnalysisEvent, Analyzer, ChunkReady, FramesEmbedded, SequenceRead, Warned, check_usable
from vtn_stream.errors import VtnStreamError, printable
from vtn_stream.formats.writing import num as counted
from vtn_stream.results import ResultFiles, load_timeline, stem_of, write_file
from vtn_stream.results.names import place_of, plain_path
from vtn_stream.results.pages import check_replaceable
from vtn_stream.settings import Settings
from vtn_stream_pipelines.film_list import FilmEntry
from vtn_stream_pipelines.film_names import shown_path
from vtn_stream_pipelines.listing import list_films

from . import options
from .console import err, film_progress, out, quiet_option
from .interrupts import check_interrupted

if TYPE_CHECKING:
    from vtn_stream.review.pages import LookedAt
    from vtn_stream.review.sources import HandWork

__all__ = ["suggest"]


@click.command()
@click.argument("sources", nargs=-1, required=True)
@click.option(
    "-m",
    "--model",
    metavar="NAME|FILE",
    required=True,
    help="The model that is to learn more: a checkpoint, or a model that `vtn-stream models ls` shows.",
)
@click.option("-n", "--num", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many moments.")
@click.option(
    "-o",
    "--output",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("suggestions.html"),
    show_default=True,
    help="Page of all moments. The timelines and pages of films that nobody corrected yet are written beside it.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="For the moments that are drawn by chance.")
@options.thumbnails
@options.overwrite
@quiet_option
@options.weights
@options.device
@options.store
@options.settings
def suggest(
    sources: tuple[str, ...],
    settings: Settings,
    num: int,
    page: Path,
    seed: int,
    thumbnails: bool,
    overwrite: bool,
) -> int:
    """Choose the moments of films whose annotation would teach a model most.

    SOURCES are folders, patterns, lists and films, as for `batch`. Each film gets a page in which its moments follow
    one after the other. Timelines that you corrected in their pages tell what is known already: they are looked for in
    the folders among SOURCES, and in that of the page. Hand work is kept.
    """
    settings.check()
    check_replaceable(page, overwrite=overwrite, discard_edits=True)
    listing = list_films(sources)
    for problem in listing.problems:
        err.print(Text(f"vtn-stream: {problem}"), soft_wrap=True)
    num_failed = len(listing.problems)
    with Analyzer(settings) as analyzer:
        checkpoint = analyzer.checkpoint
        assert checkpoint is not None
        from vtn_stream.review.moments import known_seconds
        from vtn_stream.review.pages import page_of_moments, write_film_pages
        from vtn_stream.review.sources import hand_work_in
        from vtn_stream.review.suggest import suggest as choose

        folders = [Path(source) for source in sources if Path(source).is_dir()]
        places = dict.fromkeys((page.parent / entry.results).parent for entry in listing.films)
        hand_work = hand_work_in(folders, [page.parent, *places])
        for line in hand_work.lines:
            err.print(Text(line), soft_wrap=True)
        films: dict[str, LookedAt] = {}  # by identity
        for entry in sorted(listing.films, key=lambda entry: entry.path):
            try:
                _look_at(entry, analyzer, hand_work, films, page.parent, settings.store_root, overwrite=overwrite)
            except VtnStreamError as error:
                num_failed += 1
                err.print(Text(f"vtn-stream: {error}"), soft_wrap=True)
        if not films:
            return 1
        recipe = analyzer.recipe
    looked_at = list(films.values())
    for line in hand_work.others(films):
        err.print(Text(printable(line)), soft_wrap=True)
    known_s = np.zeros(len(checkpoint.labels) + 1)
    for _, corrected in (each for of_film in hand_work.of.values() for each in of_film):
        known_s += known_seconds(corrected, checkpoint.labels)
    found = choose([film.moments for film in looked_at], checkpoint.labels, known_s, num, seed=seed)
    if len(found) < num:
        err.print(f"{counted(len(found), 'moment')}, not {num}: the others are known, or show nothing", soft_wrap=True)
    store = settings.store_root
    for made in write_film_pages(looked_at, found, page, store, thumbnails=thumbnails):
        if isinstance(made, VtnStreamError):
            num_failed += 1
            err.print(Text(f"vtn-stream: {made}"), soft_wrap=True)
            continue
        film_page, lines = made
        _tell(film_page.name, lines)
        out.print(Text(f"wrote {printable(str(film_page))}"), soft_wrap=True)
    name = checkpoint.name
    content = page_of_moments(looked_at, found, page, store, recipe, model=name, thumbnails=thumbnails)
    _tell(page.name, write_file(page, content))
    of = f"{counted(len(found), 'moment')} in {counted(len({s.film for s in found}), 'film')}"
    out.print(Text(f"wrote {printable(str(page))}: {of} of {len(films)}"), soft_wrap=True)
    return 1 if num_failed else 0


def _look_at(
    entry: FilmEntry,
    analyzer: Analyzer,
    hand_work: "HandWork",
    films: "dict[str, LookedAt]",
    output: Path,
    store: Path,
    *,
    overwrite: bool,
) -> None:
    """Scores a film, writes its timeline and adds it to `films`. Raises VtnStreamError."""
    from vtn_stream.review.moments import moments_by
    from vtn_stream.review.pages import LookedAt

    plan = analyzer.plan(entry.path)
    identity = plan.video.identity
    if identity in films:
        err.print(Text(f"{entry.name} is a copy of {films[identity].name}, and left out"), soft_wrap=True)
        return
    files = _files_of(entry, identity, hand_work, output, store)
    kept = files.claim(identity, overwrite=overwrite, span_s=plan.span_s)

    def tell(event: AnalysisEvent) -> None:
        check_interrupted()
        if isinstance(event, Warned):
            _tell(entry.name, (event.message,))
        elif isinstance(event, FramesEmbedded):
            progress.frames_embedded(event.num_frames)
        elif isinstance(event, SequenceRead):
            progress.afterwards("the whole film", event.num_done, event.num_total)
        elif isinstance(event, ChunkReady):
            progress.chunk_ready(len(event.chunk), embedded=event.source == "film")

    analyzer.load()
    with film_progress(entry.name) as progress:
        progress.expect(sum(map(len, plan.chunks)), float(analyzer.sampling.fps))
        analysis = analyzer.analyze(plan, on_event=tell)
    check_usable(plan, analysis)
    saved = files.save(analysis.timeline, analysis.scores, analysis.index, analysis.labels)
    _tell(entry.name, (*saved.told, *hand_work.told(identity)))
    file = files.timelines["json"]
    timeline = saved.timeline if kept is None else load_timeline(file)
    chunks = (
        event
        for event in analyzer.embed(plan.video, plan.chunks, regions=plan.regions)
        if isinstance(event, ChunkReady)
    )
    values = np.concatenate([ready.values for ready in sorted(chunks, key=lambda ready: ready.chunk.number)])
    known = (*(corrected for _, corrected in hand_work.of.get(identity, ())), *hand_work.files.get(identity, ()))
    checkpoint = analyzer.checkpoint
    assert checkpoint is not None
    moments = moments_by(checkpoint, values, analysis.index, analysis.scores, timeline.duration_s, (*known, timeline))
    below = os.path.relpath(entry.path, os.path.abspath(output))
    name = entry.name if below.startswith("..") else shown_path(below)  # as seen from the page
    films[identity] = LookedAt(name=name, path=Path(entry.path), file=file, timeline=timeline, moments=moments)


def _files_of(entry: FilmEntry, identity: str, hand_work: "HandWork", output: Path, store: Path) -> ResultFiles:
    """Where the film was corrected; else beside the page, as the films lie below its folder, or as `batch` would."""
    film, corrected = Path(entry.path), hand_work.place(identity)
    if corrected is not None:
        return ResultFiles(corrected.parent, film, stem=stem_of(corrected), store=store)
    below = os.path.relpath(film, os.path.abspath(output))
    own = entry.results if below.startswith("..") else plain_path(below)
    where = output / place_of(output, film, identity, in_batch=own, inside=Path.cwd())
    return ResultFiles(where.parent, film, stem=where.name, store=store)


def _tell(name: str, lines: Sequence[str]) -> None:
    for line in lines:
        err.print(Text(f"{printable(name)}: {printable(line)}"), soft_wrap=True)
