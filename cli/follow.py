"""vtn-stream follow"""

from contextlib import ExitStack, closing
from pathlib import Path

import click

from vtn_stream.analysis import Analysis
from vtn_stream.errors import InputError, printable
from vtn_stream.following.events import Ended, Final, FollowEvent, Provisional, Told
from vtn_stream.following.feed import Feed
from vtn_stream.following.lock import alone
from vtn_stream.following.open_feed import open_feed
from vtn_stream.plan import check_recording_name
from vtn_stream.results import ResultOptions, check_results_folder
from vtn_stream.results.growing import GrowingResults
from vtn_stream.results.overview import update_index
from vtn_stream.settings import Settings
from vtn_stream_pipelines.record import why_films_failed

from . import options
from .console import err, quiet_option, tell_gaps
from .follow_display import FollowDisplay
from .follow_lines import FollowLines
from .interrupts import check_interrupted, watch_termination
from .times import LENGTH

__all__ = ["follow"]

# Options of `analyze` that cannot be served, and why.
REFUSED = {
    "--trim-borders": "black borders are measured over the whole film; name the part to look at with --region",
    "--decoder": "only pyav reads a film that is still written",
    "--start": "a film is followed from its beginning",
    "--end": "a film is followed until it ends; --until-idle ends it",
    "--ray": "a film is followed on one machine",
    "--join": "one source is followed; a recorder that begins again is part of it",
    "--anonymous": "the name that a film gets depends on all of it; export --anonymous makes a copy without names",
    "--dry-run": "how much will come is not known",
    "--json-log": "it always prints JSON lines",
}


class _Follow(click.Command):
    """Says of options of `analyze` why they are missing here."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if (why := REFUSED.get(error.option_name)) is None:
                raise
            raise click.UsageError(f"follow has no {error.option_name}: {why}", ctx) from error


@click.command(cls=_Follow)
@click.argument("source")
@click.option(
    "--until-idle",
    "until_idle_s",
    type=LENGTH,
    help="The film has ended when nothing has come for so long: 60, 5m. [default: wait for ever]",
)
@click.option("--as", "name", metavar="NAME", help="What results call the film. [default: as its file; pipe]")
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
@click.option(
    "--stream", type=click.IntRange(0), help="Index of the video stream, as probe shows it. [default: the first]"
)
@options.backbone
@options.weights
@options.size
@options.device
@options.store
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="[NAME=]X,Y,W,H",
    help="Look only at this part of the picture: from the left, from the top, width and height, in pixels or percent, "
    "such as 25%,0%,50%,100%; one part. [default: all of it, or what the model learnt from]",
)
@options.refine
@options.thumbnails
@options.overwrite
@options.discard_edits
@quiet_option
@options.settings
@options.results
def follow(
    source: str, until_idle_s: float | None, name: str | None, settings: Settings, results: ResultOptions
) -> int:
    """Draw the timeline of a film while it is written.

    SOURCE is a file that a recorder writes (MPEG-TS, MKV, fragmented MP4, OBS's hybrid MP4), - for a pipe, or a folder
    or .m3u8 playlist of HLS segments on disk.

    \b
    vtn-stream follow recording.mkv --model mine -o results --until-idle 60
    ffmpeg -i rtsp://camera -c copy -f mpegts - | vtn-stream follow - --as camera -o results

    On stdout are JSON lines: segments as soon as they are final, which never change, and what may still change.
    FOLDER/FILM.follow.jsonl keeps the final ones, and FOLDER/FILM.timeline.partial.json the timeline so far. At the end
    results are written as `analyze` writes them. If a run is killed, start it again and it continues.
    """
    region = _region(settings)
    settings.check()
    if name is not None:
        check_recording_name(name, [source])
    check_results_folder(results.output, "the film was not followed")
    watch_termination()
    with ExitStack() as stack:
        stack.enter_context(alone(settings.store_root / "following", source))
        feed = stack.enter_context(closing(open_feed(source, until_idle_s=until_idle_s)))
        display = FollowDisplay(name or feed.name)
        run = _Run(_path(source, feed, name), settings, results, region, display, stack)
        with display:
            from vtn_stream.following import follow as follow_film  # it brings what decodes and embeds

            analysis = follow_film(feed, settings, name=name, told=run.told, on_event=run.hear)
        return run.end(analysis)


class _Run:
    """One film while it is followed: what is told of it, and its results.

    film: the path of which results have the name; stack: closes the results
    """

    def __init__(
        self,
        film: Path,
        settings: Settings,
        results: ResultOptions,
        region: str,
        display: FollowDisplay,
        stack: ExitStack,
    ) -> None:
        self._film, self._settings, self._results, self._region = film, settings, results, region
        self._lines, self._display, self._stack = FollowLines(film.name), display, stack
        self._growing: GrowingResults | None = None
        self._why = "end"

    @property
    def _on_disk(self) -> GrowingResults:
        assert self._growing is not None, "the film has begun"
        return self._growing

    def told(self, begins: str, settings: str) -> Told:
        """The film has begun: what an earlier run told of it. Raises what GrowingResults raises."""
        growing = GrowingResults(
            self._film,
            self._results,
            begins=begins,
            settings=settings,
            store=self._settings.store_root,
            region=self._region,
        )
        self._growing = self._stack.enter_context(growing)
        if growing.aside is not None:
            line = "the lines of an earlier run are of another film or of other settings: they are now in "
            self._tell(f"{line}{growing.aside}")
        return Told(segments=growing.segments, until_s=growing.until_s)

    def hear(self, event: FollowEvent) -> None:
        check_interrupted()
        self._display.hear(event)
        if isinstance(event, Final):
            new = self._on_disk.add(event.segments, event.until_s)
            self._lines.final(new, event.until_s)
        elif isinstance(event, Provisional):
            self._on_disk.show(event.timeline)
        elif isinstance(event, Ended):
            self._why = event.why
        self._lines.hear(event)

    def end(self, analysis: Analysis) -> int:
        """Writes the results. Gives the exit code."""
        saved = self._on_disk.save(analysis.timeline, analysis.scores, analysis.index, analysis.labels)
        for warning in saved.warnings:
            self._tell(warning)
        for line in saved.told:
            self._display.say(line)
            self._lines.hand_work(line)
        tell_gaps(saved.timeline, err, f"{printable(self._film.name)}: ")
        index, problem = update_index(
            self._results.output,
            failed=why_films_failed(self._results.output),
            store=self._settings.store_root,
            thumbnails=self._results.thumbnails,
        )
        if problem:
            self._tell(problem)
        written = [*saved.written, *(() if index is None else (index,))]
        self._lines.named(self._on_disk.segments, analysis.timeline)
        self._lines.done(self._why, saved.timeline, [file.name for file in written])
        what = {"end": "it has ended", "idle": "nothing more came: it has ended", "failed": "it has broken off"}
        names = f"; wrote {', '.join(map(str, written))}" if written else ""
        self._display.say(f"{what[self._why]}{names}", is_warning=False)
        return 1 if self._why == "failed" else 0

    def _tell(self, warning: str) -> None:
        self._display.say(warning)
        self._lines.warn(warning)


def _path(source: str, feed: Feed, name: str | None) -> Path:
    """The path of which results have the name: the film's own, where it is a file."""
    if name is None and feed.path is not None:
        return feed.path
    return Path("" if source == "-" else source).parent / (name or feed.name)


def _region(settings: Settings) -> str:
    """The name of the part of the picture that is looked at. Raises InputError where there are several."""
    regions = settings.asked_regions
    if len(regions) > 1:
        raise InputError(
            f"{len(regions)} regions are asked for",
            "the film was not followed",
            "follow it with one of them; analyze the finished film with all",
        )
    return regions[0].name if regions else ""
