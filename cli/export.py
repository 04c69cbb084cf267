"""vtn-stream export"""

from pathlib import Path

import click
from rich.text import Text

from vtn_stream.errors import VtnStreamError, printable
from vtn_stream.exchange import Exported, Pages, export_together
from vtn_stream.exchange import export as export_timeline
from vtn_stream.formats import Options
from vtn_stream.results import FORMAT_NAMES
from vtn_stream.selection import Selection

from . import options
from .console import err, out
from .interrupts import check_interrupted

__all__ = ["export", "tell_exported"]


@click.command()
@click.argument("timelines", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-f",
    "--format",
    "formats",
    multiple=True,
    type=click.Choice([*FORMAT_NAMES, "all"]),
    help="What to write; may be repeated.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder. [default: each timeline's own]")
@click.option(
    "--together",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="All timelines in this one file: CSV, TSV, Parquet, ActivityNet or Label Studio, by its suffix.",
)
@click.option("--threshold", type=click.FloatRange(0, 1), help="Only segments with at least this score; see below.")
@click.option("--label", "labels", multiple=True, help="Only this label; may be repeated.")
@click.option("--rename", "renames", multiple=True, metavar="OLD=NEW", help="Another name; may be repeated.")
@click.option(
    "--merge-gap", "merge_gap_s", type=click.FloatRange(0), metavar="S", help="Join segments of a label so far apart."
)
@click.option(
    "--min-duration",
    "min_duration_s",
    type=click.FloatRange(0),
    default=0.0,
    metavar="S",
    help="Drop shorter segments.",
)
@click.option("--top", type=click.IntRange(1), metavar="N", help="Only so many segments, the surest.")
@click.option("--lead", "lead_s", type=float, default=0.0, metavar="S", help="Begin each segment so much earlier.")
@click.option("--lag", "lag_s", type=float, default=0.0, metavar="S", help="End each segment so much later.")
@click.option("--no-overlaps", is_flag=True, help="One track: at each moment only the surest segment.")
@options.rate
@options.start_timecode
@options.bom
@options.store
@options.thumbnails
@click.option("--overwrite", is_flag=True, help="Replace files in the way that say something else.")
def export(
    timelines: tuple[Path, ...],
    formats: tuple[str, ...],
    output: Path | None,
    together: Path | None,
    renames: tuple[str, ...],
    rate: str | None,
    start_timecode: str | None,
    bom: bool,
    store: Path | None,
    thumbnails: bool,
    overwrite: bool,
    **selected: object,
) -> int:
    """Write TIMELINES (.timeline.json files) in other formats. Touches neither film nor model.

    What is selected is done in the order of the options above. A threshold below the one that a model's timeline was
    drawn with draws it anew from FILM.scores.arrow beside it.
    """
    if not formats and together is None:
        raise click.UsageError("nothing to write: name a format with -f, or a file with --together")
    selection = Selection(names=_names(renames), **selected)  # type: ignore[arg-type]
    how = Options(rate=options.as_rate(rate), start_timecode=start_timecode, bom=bom)
    names = FORMAT_NAMES if "all" in formats else formats
    failed = 0

    def tell_failed(error: VtnStreamError) -> None:
        nonlocal failed
        failed += 1
        err.print(Text(f"vtn-stream: {error}"), soft_wrap=True)

    for path in timelines if names else ():
        check_interrupted()
        try:
            pages = Pages(store=store, thumbnails=thumbnails)
            tell_exported(
                export_timeline(path, names, output, selection=selection, options=how, pages=pages, overwrite=overwrite)
            )
        except VtnStreamError as error:
            tell_failed(error)
    if together is not None:
        try:
            tell_exported(
                [
                    export_together(
                        timelines,
                        together,
                        selection=selection,
                        options=how,
                        overwrite=overwrite,
                        on_error=None if names else tell_failed,
                    )
                ]
            )
        except VtnStreamError as error:
            tell_failed(error)
    return 1 if failed else 0


def tell_exported(exported: list[Exported]) -> None:
    for file in exported:
        for warning in file.warnings:
            err.print(Text(f"{printable(file.path.name)}: {printable(warning)}"), soft_wrap=True)
        out.print(Text(f"wrote {printable(str(file.path))}"), soft_wrap=True)


def _names(renames: tuple[str, ...]) -> dict[str, str]:
    names = {}
    for given in renames:
        old, equals, new = given.partition("=")
        if not (old and equals and new):
            raise click.BadParameter(f"{given!r} is not OLD=NEW", param_hint="--rename")
        names[old] = new
    return names
