"""vtn-stream probe"""

import json
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from vtn_stream.errors import VtnStreamError, printable
from vtn_stream.film import VideoInfo
from vtn_stream.film_notices import warnings
from vtn_stream.video import DecodingProcess, film_file, find_damage
from vtn_stream.video import probe as probe_film

from .console import err, film_progress, out
from .times import clock

__all__ = ["probe"]


@click.command()
@click.argument("films", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--stream", type=click.IntRange(0), help="Index of the video stream. [default: the first]")
@click.option("--deep", is_flag=True, help="Decode every frame, and list where frames are lost.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a film, on a line of its own.")
def probe(films: tuple[Path, ...], stream: int | None, deep: bool, as_json: bool) -> int:
    """Show the clock and shape of FILMS: every packet is read, one frame decoded."""
    failed = False
    with DecodingProcess() as process:
        for film in films:
            try:
                if not as_json:
                    out.print(Text(printable(film_file(film).name), style="bold"))
                video = probe_film(film, process, stream=stream)
                facts = _facts(video)
                if deep:
                    facts["damage"] = _damage(video, process)
            except VtnStreamError as error:
                failed = True
                err.print(Text(f"vtn-stream: {error}"), soft_wrap=True)
                continue
            for warning in warnings(video):
                err.print(Text(f"{printable(film.name)}: {printable(warning)}"), soft_wrap=True)
            if as_json:
                click.echo(json.dumps({"name": film.name, **facts}))
                continue
            spans = facts.pop("damage", None)
            for name, value in facts.items():
                shown = clock(value) if name == "duration_s" and isinstance(value, float) else value
                out.print(Text(f"  {name.removesuffix('_s'):22}{printable(str(shown))}"))
            if isinstance(spans, list):
                _show_damage(spans, video.num_frames)
    return 1 if failed else 0


def _damage(video: VideoInfo, process: DecodingProcess) -> list[dict[str, float]]:
    with film_progress(video.path.name) as progress:
        progress.expect(video.num_frames, video.num_frames / video.duration_s)
        spans = find_damage(video, process, progress.frames_embedded)
    return [{"start_s": s.start_s, "end_s": s.end_s, "frames": s.num_frames} for s in spans]


def _show_damage(spans: list[dict[str, float]], num_frames: int) -> None:
    lost = sum(int(span["frames"]) for span in spans)
    out.print(f"  {'damage':22}{f'{lost} of {num_frames} frames lost' if spans else 'none: every frame decodes'}")
    for span in spans:
        when = f"{clock(span['start_s'])} to {clock(span['end_s'])}"
        out.print(f"  {'':22}{when}, {span['frames']:.0f} frames")


def _facts(video: VideoInfo) -> dict[str, Any]:
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
        "mirrored": video.mirrored,
        "sample_aspect_ratio": str(video.sample_aspect_ratio),
        "hdr": video.hdr,
        "interlaced": video.interlaced,
        "stream": video.stream,
        "video_streams": list(video.video_streams),
        "frames_without_time": video.num_untimed,
        "hidden_frames": video.num_hidden,
        "clock_begins_again_at_s": [video.seconds(pts) for pts in video.restarts],
        "cut_off": video.is_cut,
        "start_timecode": video.start_timecode,
        "created": video.created,
        "sound": video.sound,
        "identity": video.identity,
    }
