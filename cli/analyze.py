"""vtn-stream analyze"""

import contextlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from vtn_stream.analysis import (
    AnalysisEvent,
    Analyzer,
    ChunkReady,
    CutsPlaced,
    FramesEmbedded,
    Plan,
    Provisional,
    SequenceRead,
    Warned,
    check_usable,
)
from vtn_stream.errors import VideoError, VtnStreamError, printable
from vtn_stream.plan import check_recording_name
from vtn_stream.results import ResultFiles, ResultOptions
from vtn_stream.results.overview import update_index
from vtn_stream.results.pictures import scene_pictures
from vtn_stream.settings import Settings
from vtn_stream.timeline import Timeline
from vtn_stream.video import film_file
from vtn_stream_pipelines.film_list import RecordingFiles
from vtn_stream_pipelines.record import why_films_failed

from . import options
from .console import err, film_progress, hush, out, quiet_option, show_timeline, tell_gaps
from .interrupts import check_interrupted
from .joining import JoinReport, check_join, join_option, joined_of
from .naming import Naming, names_from, tell_table
from .times import SECONDS, clock

__all__ = ["analyze"]

NAMED_BESIDE = (
    "results with the film's own name lie in the same folder: who gets both knows which film this is; name another "
    "folder with -o, or move them away"
)


@click.command()
@click.argument("films", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--as",
    "name",
    metavar="NAME",
    help="FILMS are the files of one recording, in this order: one timeline shows all of them, called NAME.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("."),
    show_default="the current one",
    help="Folder for the results.",
)
@options.formats
@options.model
@options.point
@options.fps
@click.option("--start", "start_s", type=SECONDS, default=0.0, help="Where to begin: seconds or HH:MM:SS.mmm.")
@click.option("--end", "end_s", type=SECONDS, default=math.inf, help="Where to end: seconds or HH:MM:SS.mmm.")
@click.option(
    "--stream", type=click.IntRange(0), help="Index of the video stream, as probe shows it. [default: the first]"
)
@options.decoder
@options.backbone
@options.weights
@options.size
@options.device
@options.store
@click.option(
    "--ray",
    "address",
    metavar="ADDRESS",
    help="Embed on this Ray cluster: HOST:PORT of its head node, ray://HOST:PORT, or auto. Film and store must be "
    "reachable under the same paths there.",
)
@options.regions
@options.trim_borders
@options.refine
@options.exact
@options.thumbnails
@options.anonymous
@options.overwrite
@options.discard_edits
@join_option
@click.option("--dry-run", is_flag=True, help="Show what would be done: chunks, what is stored, how long it may take.")
@quiet_option
@click.option("--json-log", is_flag=True, help="JSON lines on stdout: every chunk and segment as soon as it is known.")
@options.settings
@options.results
def analyze(
    films: tuple[Path, ...],
    name: str | None,
    settings: Settings,
    results: ResultOptions,
    start_s: float,
    end_s: float,
    address: str | None,
    table: Path | None,
    join: str | None,
    dry_run: bool,
    json_log: bool,
) -> int:
    """Draw the timeline of FILMS.

    With --model, it shows what that model finds; without, it shows scenes: parts of the film that look alike. If a run
    is killed, start it again and it continues; until then FILM.timeline.partial.json holds what was found. FILM is the
    film's whole name, such as movie.mp4.

    Cameras cut long recordings into files: with --as NAME, FILMS are drawn as one film, on one clock.

    With several --region, each has a timeline of its own, FILM.NAME.timeline.json; the film is decoded once.
    """
    check_join(join, anonymous=results.anonymous)
    settings.check()
    if name is not None:
        if join is not None:
            raise click.UsageError("--as joins all FILMS, --join those that agree: give one of them")
        check_recording_name(name, films)
    naming = Naming(names_from(results.anonymous, table, results.output))
    if dry_run:
        hush(False)  # the plan is what was asked for
    failed = saved = 0
    with contextlib.ExitStack() as stack:
        analyzer = stack.enter_context(Analyzer(settings))
        cluster = None
        if address is not None and not dry_run:
            from .on_cluster import connected, embed_on

            cluster = stack.enter_context(connected(address))
        recordings = dict[Path, RecordingFiles]()
        if join is not None:
            films, recordings = _joined(films, analyzer, json_log)
        elif name is not None:
            recordings = {films[0].parent / name: RecordingFiles(name=name, paths=tuple(map(str, films)), starts=None)}
            films = tuple(recordings)
        for film in films:
            recording = recordings.get(film)
            parts = () if recording is None else tuple(map(Path, recording.paths))
            shown = partial(naming.shown, film=film, parts=parts)
            try:
                if recording is None:
                    film_file(film)
                if not results.anonymous:  # before it is read through: what it is called then is not known yet
                    _begin(naming.of(film), json_log)
                if recording is None:
                    plan = analyzer.plan(film, start_s=start_s, end_s=end_s)
                else:
                    paths, starts = recording.paths, recording.starts
                    plan = analyzer.plan(paths, name=recording.name, starts=starts, start_s=start_s, end_s=end_s)
                identity = plan.video.identity
                if results.anonymous:
                    naming.know(film, identity)
                    _begin(naming.of(film), json_log)
                if dry_run:
                    _show_plan(plan, analyzer)
                    continue
                place = naming.of(film) if results.anonymous else None
                work: list[tuple[Plan, ResultFiles]] = []
                for one in plan.of_each:
                    region = one.cutouts[0].name
                    files = results.files(
                        film, identity, store=settings.store_root, results=place, parts=parts, region=region
                    )
                    kept = files.claim(
                        identity,
                        overwrite=results.overwrite,
                        discard_edits=results.discard_edits,
                        span_s=plan.span_s,
                    )
                    if kept is not None:
                        _tell(_named(naming.of(film), region), kept, json_log)
                        continue
                    work.append((one, files))
                plan = replace(plan, cutouts=tuple(one.cutouts[0] for one, _ in work))
                lost = frozenset[int]()
                if cluster is not None and work:
                    lost = embed_on(cluster, plan, settings, float(analyzer.sampling.fps), name=place)
                elif len(work) > 1:
                    lost = _embed(analyzer, plan, json_log, naming.of(film), shown)
                for one, files in work:
                    _analyze(analyzer, one, files, settings.store_root, json_log, lost, naming.of(film), shown)
                    saved += 1
                if work and results.anonymous and results.named_beside(film, identity):
                    _warn(naming.of(film), NAMED_BESIDE)
            except VtnStreamError as error:
                failed += 1
                message = shown(str(error))
                if json_log:
                    _log("failed", film=naming.of(film), message=message)
                err.print(Text(f"vtn-stream: {message}"), soft_wrap=True)
    if saved:
        _update_index(results, settings.store_root, is_silent=json_log)
    if not json_log:
        tell_table(naming.names)
    if failed and len(films) > 1:
        err.print(f"{failed} of {len(films)} films failed")
    return 1 if failed else 0


def _joined(
    films: tuple[Path, ...], analyzer: Analyzer, json_log: bool
) -> tuple[tuple[Path, ...], dict[Path, RecordingFiles]]:
    """What to analyze, in the order of the films: a recording as the path of no file, and which files it has."""
    settled = joined_of(films, analyzer.probe)
    JoinReport(is_silent=json_log).settled(settled)
    recordings = {Path(found.paths[0]).with_name(found.name): found for found in settled.recordings}
    if json_log:
        for film, found in recordings.items():
            files = [Path(path).name for path in found.paths]
            _log("recording_found", film=film.name, files=files, reasons=list(found.reasons))
    first = {found.paths[0]: film for film, found in recordings.items()}
    alone = {path: Path(path) for path in settled.alone}
    whole = first | alone
    files_of = {film: RecordingFiles(name=r.name, paths=r.paths, starts=r.starts) for film, r in recordings.items()}
    return tuple(whole[path] for path in dict.fromkeys(map(str, films)) if path in whole), files_of


def _begin(film: str, json_log: bool) -> None:
    """Says what is looked at, before libraries are loaded."""
    if json_log:
        _log("begun", film=film)
    else:
        out.print(Text(f"\n{printable(film)}", style="bold"))


def _warn(film: str, warning: str) -> None:
    err.print(Text(f"{printable(film)}: {printable(warning)}"), soft_wrap=True)


def _named(film: str, region: str) -> str:
    """What messages call a film, or one region of it."""
    return f"{film}, {region}" if region else film


def _embed(analyzer: Analyzer, plan: Plan, json_log: bool, film: str, shown: Callable[[str], str]) -> frozenset[int]:
    """Embeds all regions of a film in one pass over it; gives the numbers of the chunks that are lost."""
    lost: set[int] = set()
    names = {cutout.region: cutout.name for cutout in plan.cutouts}
    analyzer.load()
    with film_progress(film) as progress:
        progress.expect(len(plan.regions) * sum(map(len, plan.chunks)), float(analyzer.sampling.fps))
        for event in analyzer.embed(plan.video, plan.chunks, regions=plan.regions):
            check_interrupted()
            if isinstance(event, Warned):
                event = Warned(message=shown(event.message))
                _warn(film, event.message)
            elif isinstance(event, FramesEmbedded):
                progress.frames_embedded(event.num_frames)
            else:
                progress.chunk_ready(len(event.chunk), embedded=event.source == "film")
                lost |= {event.chunk.number} if event.source == "lost" else set()
            if json_log:
                of = {"film": film} | ({"region": names[event.region]} if isinstance(event, ChunkReady) else {})
                _log_event(event, of, set())
    return frozenset(lost)


def _analyze(
    analyzer: Analyzer,
    plan: Plan,
    files: ResultFiles,
    store: Path,
    json_log: bool,
    lost: frozenset[int],
    film: str,
    shown: Callable[[str], str],
) -> None:
    known: set[tuple[Any, ...]] = set()
    region = plan.cutouts[0].name
    of = {"film": film} | ({"region": region} if region else {})
    film = _named(film, region)

    def tell(event: AnalysisEvent) -> None:
        check_interrupted()
        if isinstance(event, Warned):
            event = Warned(message=shown(event.message))
            _warn(film, event.message)
        elif isinstance(event, FramesEmbedded):
            progress.frames_embedded(event.num_frames)
        elif isinstance(event, SequenceRead):
            progress.afterwards("the whole film", event.num_done, event.num_total)
        elif isinstance(event, CutsPlaced):
            progress.afterwards("cuts", event.num_done, event.num_total)
        elif isinstance(event, Provisional):
            files.save_partial(event.timeline)
        else:
            progress.chunk_ready(len(event.chunk), embedded=event.source == "film")
        if json_log:
            _log_event(event, of, known)

    analyzer.load()
    with film_progress(film) as progress:
        progress.expect(sum(map(len, plan.chunks)), float(analyzer.sampling.fps))
        analysis = analyzer.analyze(plan, lost=lost, on_event=tell)
    try:
        check_usable(plan, analysis)
    except VideoError:
        files.drop_partial()
        raise
    saved = files.save(analysis.timeline, analysis.scores, analysis.index, analysis.labels)
    for warning in saved.warnings:
        _warn(film, warning)
    for line in saved.told:
        _tell(film, line, json_log)
    timeline = saved.timeline
    if json_log:
        _log_segments(timeline, of, final=True, known=set())
        _log("done", **of, complete=timeline.complete)
        return
    if out.quiet:  # a gap is a warning
        tell_gaps(timeline, err, f"{printable(film)}: ")
    if region:
        out.print(Text(f"\n{printable(region)}", style="bold"))
    show_timeline(timeline, partial(scene_pictures, timeline, store))
    for note in timeline.provenance["notes"]:
        out.print(Text(printable(note), style="italic"))
    for file in saved.written:
        out.print(Text(f"wrote {printable(str(file))}"), soft_wrap=True)


def _update_index(results: ResultOptions, store: Path, *, is_silent: bool) -> None:
    """An index over the results, where there is one, shows the new ones."""
    failed = why_films_failed(results.output)
    index, problem = update_index(results.output, failed=failed, store=store, thumbnails=results.thumbnails)
    if problem:
        err.print(Text(printable(problem)), soft_wrap=True)
    elif index is not None and not is_silent:
        out.print(Text(f"wrote {printable(str(index))}, which shows this as well"), soft_wrap=True)


def _tell(film: str, line: str, json_log: bool) -> None:
    """Of hand work."""
    _warn(film, line)
    if json_log:
        _log("hand_work", film=film, message=line)


def _show_plan(plan: Plan, analyzer: Analyzer) -> None:
    chunks = analyzer.missing(plan)
    total, missing = sum(map(len, plan.chunks)), sum(map(len, chunks))
    seconds = analyzer.estimate_s(plan.video, chunks, plan.regions)
    out.print(f"  film       {clock(plan.video.duration_s)}")
    for cutout in plan.cutouts:
        for note in cutout.notes:
            out.print(
                Text(f"  region     {printable(cutout.name + ': ' if cutout.name else '')}{note}"), soft_wrap=True
            )
    out.print(f"  chunks     {len(plan.chunks)}, {len(plan.chunks) - len(chunks)} of them in the store")
    out.print(f"  positions  {total}, {missing} of them to embed")
    out.print(f"  estimate   {'nothing to compute' if not missing else f'about {clock(seconds)} here'}")


def _log(event: str, **fields: Any) -> None:
    click.echo(json.dumps({"event": event, **fields}, ensure_ascii=True))


def _log_event(event: AnalysisEvent, of: Mapping[str, str], known: set[tuple[Any, ...]]) -> None:
    """of: the film, and its region where it has a name."""
    if isinstance(event, Warned):
        _log("warning", **of, message=event.message)
    elif isinstance(event, Provisional):
        _log_segments(event.timeline, of, final=False, known=known)
    elif isinstance(event, ChunkReady):
        _log(
            "chunk",
            **of,
            number=event.chunk.number,
            positions=len(event.chunk),
            valid=int(event.index.valid.sum()),
            source=event.source,
        )


def _log_segments(timeline: Timeline, of: Mapping[str, str], *, final: bool, known: set[tuple[Any, ...]]) -> None:
    """Prints the segments that were not printed before."""
    for s in timeline.segments:
        key = (s.start_s, s.end_s, s.label)
        if key not in known:
            known.add(key)
            _log(
                "segment",
                **of,
                final=final,
                start_s=s.start_s,
                end_s=s.end_s,
                label=s.label,
                score=s.score,
            )
