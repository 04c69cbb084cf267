"""vtn-stream convert"""

import os
from fractions import Fraction
from pathlib import Path

import click

from vtn_stream.exchange import Pages
from vtn_stream.exchange import convert as convert_file
from vtn_stream.formats import Options
from vtn_stream.formats.reading import CodingOptions, ReadingOptions

from . import options
from .console import quiet_option
from .export import tell_exported
from .times import SECONDS

__all__ = ["convert"]


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path())
@click.option("-f", "--format", type=options.FormatName(), help="What to write. [default: by TARGET's suffix]")
@options.rate
@options.annotation_fps
@options.start_timecode
@click.option("--duration", "duration_s", type=SECONDS, help="Length of the film, if SOURCE does not say it.")
@click.option(
    "--film",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The film that SOURCE is about, for its rate and length. [default: a film of its name beside SOURCE]",
)
@options.observations
@options.close_open
@options.label_with
@options.per_file
@options.bom
@click.option("--overwrite", is_flag=True, help="Replace a file that has the same name and other content.")
@quiet_option
@options.coding
def convert(
    source: Path,
    target: str,
    format: str | None,
    rate: str | None,
    annotation_fps: Fraction | None,
    start_timecode: str | None,
    duration_s: float | None,
    film: Path | None,
    coding: CodingOptions,
    label_with: str | None,
    files: bool,
    bom: bool,
    overwrite: bool,
) -> None:
    """Write SOURCE, a file or a folder of annotations, as TARGET in another format.

    The format of SOURCE is found by its content. If SOURCE is about many films and the format holds only one, TARGET is
    a folder: one that exists, or a name that ends in a slash. A frame rate or length that SOURCE does not say is read
    from the film.
    """
    frames = options.as_rate(rate)
    done = convert_file(
        source,
        Path(target),
        format=format,
        folder=target.endswith(("/", os.sep)),
        reading=ReadingOptions(
            rate=frames,
            annotation_fps=annotation_fps,
            start_timecode=start_timecode,
            duration_s=duration_s,
            coding=coding,
        ),
        options=Options(rate=frames, start_timecode=start_timecode, bom=bom),
        pages=Pages(thumbnails=False),
        film=film,
        label_with=label_with,
        files=files,
        overwrite=overwrite,
    )
    tell_exported(done, source)
