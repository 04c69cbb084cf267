"""vtn-stream batch"""

from dataclasses import replace
from pathlib import Path

import click
from rich.text import Text

from vtn_stream.errors import InputError, VtnStreamError, listed, printable
from vtn_stream.formats.writing import num
from vtn_stream.name_table import Names
from vtn_stream.results import ResultOptions
from vtn_stream.results.overview import check_anonymous
from vtn_stream.settings import Settings
from vtn_stream_pipelines import batch as library
from vtn_stream_pipelines.check import check_store
from vtn_stream_pipelines.connection import Cluster, connected
from vtn_stream_pipelines.film_list import FilmEntry
from vtn_stream_pipelines.listing import Listing, list_films
from vtn_stream_pipelines.record import Record, failed_films
from vtn_stream_pipelines.tally import Tally
from vtn_stream_pipelines.watched import Watched

from . import options
from .batch_index import BatchIndex
from .batch_log import log_event, log_summary
from .console import err, hush, out, quiet_option
from .dashboard import Dashboard, show_summary
from .interrupts import check_interrupted
from .joining import JoinReport, check_join, join_option
from .naming import names_from, tell_table
from .times import about
from .watching import WatchReport, at_rest_option, until_idle_option, watch_option, watched_from

__all__ = ["batch"]

MAX_SKIPPED = 3  # names of files that are no films


@click.command()
@click.argument("sources", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the results; it gets the same folders inside as SOURCES.",
)
@options.address
@options.formats
@options.model
@options.point
@options.fps
@options.decoder
@options.backbone
@options.weights
@options.size
@options.device
@options.store
@options.regions
@options.trim_borders
@options.refine
@options.exact
@options.thumbnails
@options.anonymous
@click.option(
    "--overwrite",
    is_flag=True,
    help="Draw every timeline again, and replace results of another film; never files that you changed by hand.",
)
@options.discard_edits
@join_option
@watch_option
@at_rest_option
@until_idle_option
@click.option(
    "--workers", "num_workers", type=click.IntRange(1), help="The largest number of workers. [default: as many as fit]"
)
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Only films that failed, or have gaps because decoding failed: those in OUTPUT/failures.jsonl.",
)
@click.option("--limit", type=click.IntRange(1), help="Only this many films, the largest ones.")
@click.option("--dry-run", is_flag=True, help="Show what would be done: films, what is stored, how long it may take.")
@quiet_option
@click.option("--json-log", is_flag=True, help="JSON lines on stdout: what happens to every film and worker.")
@options.settings
@options.results
def batch(
    sources: tuple[str, ...],
    address: str | None,
    settings: Settings,
    results: ResultOptions,
    join: str | None,
    watch: bool,
    at_rest_s: float | None,
    until_idle_s: float | None,
    num_workers: int | None,
    retry_failed: bool,
    limit: int | None,
    table: Path | None,
    dry_run: bool,
    json_log: bool,
) -> int:
    """Draw the timelines of all films in SOURCES.

    SOURCES are folders, patterns like 'films/**/*.mp4', lists (.txt files with one path on each line) and films. Films
    that have results already are skipped: run the same command again after it was stopped, or when there are new films;
    or let --watch take new films as they arrive.

    Workers run on this machine, or on a Ray cluster; both need Ray (pip install 'ray>=2.52'). Films, OUTPUT and the
    store must have the same paths on all machines of the cluster.

    OUTPUT/run.json says how the run went, OUTPUT/failures.jsonl what failed and why.
    """
    check_join(join, anonymous=results.anonymous, limit=limit, retry_failed=retry_failed)
    watched = watched_from(
        watch,
        sources,
        at_rest_s=at_rest_s,
        until_idle_s=until_idle_s,
        join=join,
        limit=limit,
        retry_failed=retry_failed,
    )
    settings.check()
    names = names_from(results.anonymous, table, results.output)
    if names is not None:
        check_anonymous(results.output, names, also=failed_films(results.output))
    if dry_run:
        hush(False)  # the plan is what was asked for
    if watched is not None and not dry_run:
        if not json_log:
            out.print("watches for films; the workers start; Ctrl-C ends this, and nothing is lost")
        with connected(address) as cluster:
            num_left = _run(watched, cluster, settings, results, num_workers, names, join=False, json_log=json_log)
        if not json_log:
            tell_table(names)
        return 1 if num_left else 0
    try:
        listing = list_films(sources) if watched is None else _complete_now(watched, names)
    except VtnStreamError as error:
        raise error if names is None else _unnamed(1) from None
    _tell_of(listing, names)
    chosen = _chosen(listing, results.output, names, retry_failed=retry_failed, limit=limit)
    num_failed = 0
    if not len(chosen):
        if not out.quiet:
            err.print(f"none of these films {'has failed' if retry_failed else 'is complete'}", soft_wrap=True)
    else:
        if not json_log:
            out.print(f"{len(chosen)} films; the workers start")
        with connected(address) as cluster:
            if dry_run:
                num_failed = _plan(chosen, cluster, settings, results, num_workers, names, join=join is not None)
            else:
                num_failed = _run(
                    chosen,
                    cluster,
                    settings,
                    results,
                    num_workers,
                    names,
                    join=join is not None,
                    json_log=json_log,
                )
        if not json_log:
            tell_table(names)
    return 1 if num_failed or listing.problems else 0


def _plan(
    films: Listing,
    cluster: Cluster,
    settings: Settings,
    results: ResultOptions,
    num_workers: int | None,
    names: Names | None,
    *,
    join: bool,
) -> int:
    """Prints the plan; returns the number of films that cannot be surveyed."""
    tally, joins = Tally(len(films), films.num_bytes), JoinReport()
    with Dashboard(tally) as board:

        def tell(event: library.BatchEvent) -> None:
            check_interrupted()
            tally.hear(event)
            board.hear(event)
            joins.hear(event)

        plan = library.plan(
            films,
            cluster=cluster,
            settings=settings,
            results=results,
            num_workers=num_workers,
            names=names,
            join=join,
            on_event=tell,
        )
    joins.finish()
    time = "nothing to compute" if not plan.num_missing else about(plan.estimate_s)
    failed = f", {plan.num_failed} cannot be read" if plan.num_failed else ""
    out.print(f"  films      {plan.num_films}, {plan.num_finished} of them with results{failed}")
    out.print(f"  chunks     {plan.num_chunks}, {plan.num_stored} of them in the store")
    out.print(f"  positions  {plan.num_missing} to embed")
    out.print(f"  estimate   {time}")
    return plan.num_failed


def _run(
    films: Listing | Watched,
    cluster: Cluster,
    settings: Settings,
    results: ResultOptions,
    num_workers: int | None,
    names: Names | None,
    *,
    join: bool,
    json_log: bool,
) -> int:
    """Runs the batch; returns the number of films that failed, or are not complete."""
    output = results.output
    if cluster.num_nodes > 1:  # else every film would fail where a node does not see what another wrote
        check_store(settings.store_root)
        output.mkdir(parents=True, exist_ok=True)
        check_store(output, "-o")
    watched = films if isinstance(films, Watched) else None
    tally = Tally(0, 0) if isinstance(films, Watched) else Tally(len(films), films.num_bytes)
    board, summary = Dashboard(tally, is_plain=json_log), None  # a board would be drawn over JSON lines
    joins = JoinReport(is_silent=json_log)
    arrivals = WatchReport(is_silent=json_log)
    index = BatchIndex(results, settings.store_root, is_live=watched is not None, is_silent=json_log)
    with Record(tally, cluster=cluster, settings=settings, results=results, num_workers=num_workers) as record:

        def tell(event: library.BatchEvent) -> None:
            check_interrupted()
            for one in (tally, record, board, joins, arrivals, index):
                one.hear(event)
            if json_log:
                log_event(event)

        try:
            with board:
                summary = library.batch(
                    films,
                    cluster=cluster,
                    settings=settings,
                    results=results,
                    num_workers=num_workers,
                    names=names,
                    join=join,
                    on_event=tell,
                )
            record.summarize(summary)
        finally:  # what was done is shown also where the rest was interrupted
            joins.finish()
            arrivals.finish()
            if json_log:
                log_summary(tally, summary)
            elif summary is not None or tally.num_over or tally.num_settled:
                show_summary(board, summary, output)
    index.finish()
    return tally.num_failed + arrivals.num_left


def _complete_now(watched: Watched, names: Names | None) -> Listing:
    """The films that a watch would take first."""
    if not out.quiet:
        err.print(f"looks for {watched.at_rest_s:g} s at which films are complete", soft_wrap=True)
    listing, waiting = watched.complete_now()
    if waiting:
        named = num(len(waiting), "film") if names is not None else listed(waiting)
        err.print(Text(f"not complete yet: {named}"), soft_wrap=True)
    return listing


def _tell_of(listing: Listing, names: Names | None) -> None:
    """Reports what was left out of the films. names: their paths are not shown then."""
    if names is not None:
        if listing.problems:
            err.print(Text(f"vtn-stream: {_unnamed(len(listing.problems))}"), soft_wrap=True)
        if listing.num_skipped:
            err.print(f"ignored, because their names are not those of films: {num(listing.num_skipped, 'file')}")
        return
    for problem in listing.problems:
        err.print(Text(f"vtn-stream: {problem}"), soft_wrap=True)
    if listing.num_skipped:
        skipped = [printable(name) for name in listing.skipped[:MAX_SKIPPED]]
        if more := listing.num_skipped - len(skipped):
            skipped.append(f"{more} more")
        err.print(Text(f"ignored, because their names are not those of films: {', '.join(skipped)}"), soft_wrap=True)


def _unnamed(num_problems: int) -> InputError:
    """What the listing of films tells by their paths."""
    return InputError(
        f"{num(num_problems, 'place')} in SOURCES cannot be read, or {'has' if num_problems == 1 else 'have'} no films",
        "what may be there is left out",
        "run the same command with --dry-run and without --anonymous, which names them",
    )


def _chosen(listing: Listing, output: Path, names: Names | None, *, retry_failed: bool, limit: int | None) -> Listing:
    films = listing.films
    if retry_failed:
        failed = failed_films(output)

        def results_of(film: FilmEntry) -> str | None:
            return film.results if names is None else names.at(film.path)

        films = films.only(film.number for film in films if results_of(film) in failed)
    if limit is not None:
        films = films.only(range(min(limit, len(films))))
    return replace(listing, films=films)
