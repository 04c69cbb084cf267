"""vtn-stream probe"""

import json
from pathlib import Path

import click
from rich.text import Text

from vtn_stream.errors import VtnStreamError, printable
from vtn_stream.film import VideoInfo
from vtn_stream.video import DecodingProcess
from vtn_stream.video import probe as probe_film

from .console import err, out
from .times import clock

__all__ = ["probe"]


@click.command()
@click.argument("films", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a film, on a line of its own.")
def probe(films: tuple[Path, ...], as_json: bool) -> int:
    """Show the clock and shape of FILMS: every packet is read, one frame decoded."""
    failed = False
    with DecodingProcess() as process:
        for film in films:
            try:
                facts = _facts(probe_film(film, process))
            except VtnStreamError as error:
                failed = True
                err.print(Text(f"vtn-stream: {error}"), soft_wrap=True)
                continue
            if as_json:
                click.echo(json.dumps({"name": film.name, **facts}))
                continue
            out.print(Text(printable(film.name), style="bold"))
            for name, value in facts.items():
                shown = clock(value) if name == "duration_s" and isinstance(value, float) else value
                out.print(Text(f"  {name.removesuffix('_s'):20}{printable(str(shown))}"))
    return 1 if failed else 0


def _facts(video: VideoInfo) -> dict[str, object]:
    return {
        "duration_s": video.duration_s,
        "frames": video.num_frames,
        "nominal_rate": None if video.nominal_rate is None else str(video.nominal_rate),
        "variable_rate": video.variable_rate,
        "first_frame_at_s": float(video.times_s[0]),
        "keyframes": len(video.keyframes),
        "codec": video.codec,
        "size": f"{video.width}x{video.height}",
        "rotation": video.rotation,
        "sample_aspect_ratio": str(video.sample_aspect_ratio),
        "start_timecode": video.start_timecode,
        "identity": video.identity,
    }
