"""vtn-stream export"""

from pathlib import Path

import click
from rich.text import Text

from vtn_stream.errors import printable
from vtn_stream.formats import WRITERS
from vtn_stream.results import export as export_timeline

from .console import out

__all__ = ["export"]


@click.command()
@click.argument("timeline", type=click.Path(path_type=Path))
@click.option(
    "-f",
    "--format",
    "formats",
    multiple=True,
    required=True,
    type=click.Choice(list(WRITERS)),
    help="What to write; may be repeated.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder. [default: the timeline's own]")
@click.option("--overwrite", is_flag=True, help="Replace files in the way that say something else.")
def export(timeline: Path, formats: tuple[str, ...], output: Path | None, overwrite: bool) -> None:
    """Write TIMELINE (a .timeline.json file) in other formats. Touches neither film nor model."""
    for file in export_timeline(timeline, formats, output, overwrite=overwrite):
        out.print(Text(f"wrote {printable(str(file))}"), soft_wrap=True)
