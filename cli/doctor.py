"""vtn-stream doctor"""

from pathlib import Path

import click
from rich.text import Text

from vtn_stream.doctor import examine
from vtn_stream.errors import printable

from .console import out

__all__ = ["doctor"]

_MARKS = {"good": ("ok", "green"), "notable": ("note", "yellow"), "bad": ("BAD", "bold red")}


@click.command()
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="Folder of the embeddings. [default: VTN_STREAM_STORE, else ~/.cache/vtn-stream]",
)
def doctor(store: Path | None) -> int:
    """Check this installation: a film is decoded and a frame embedded.

    The report holds no path, user or host name: paste it into an issue as it is.
    """
    bad = 0
    for finding in examine(store):
        mark, style = _MARKS[finding.state]
        bad += finding.state == "bad"
        line = Text(f"{mark:5}", style=style)
        line.append(f"{finding.subject:12}", style="bold")
        line.append(printable(finding.text), style="default")
        out.print(line, soft_wrap=True)
    out.print("no film can be analyzed until what is BAD is fixed" if bad else "everything works")
    return 1 if bad else 0
