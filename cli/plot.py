"""vtn-stream plot"""

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import click
from rich.text import Text

from vtn_stream.errors import InputError, printable
from vtn_stream.exchange.truth import NamedFilm
from vtn_stream.film import one_form
from vtn_stream.results import load_timeline, stem_of, write_file
from vtn_stream.results.overview import timeline_files
from vtn_stream.timeline import Segment, Timeline

from . import options
from .console import err, out, quiet_option
from .times import SECONDS
from .truth import truth_from

__all__ = ["plot"]

MAX_ATTENTION = 4  # curves of one picture
FORMATS: dict[str, Literal["png", "svg"]] = {".png": "png", ".svg": "svg"}


class _Attention(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    name = "LAYER[:HEAD]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        if (match := re.fullmatch(r"([1-9]\d{0,3})(?::([1-9]\d{0,3}))?", value, re.ASCII)) is None:
            self.fail(f"{value!r} is no layer; count from 1: 3 is a layer, 3:2 one of its heads", param, ctx)
        return int(match[1]), None if match[2] is None else int(match[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Film:
    """A timeline to draw.

    folder   where it lies: below the folder that was given, or only the last folder of the file that was given
    picture  its picture, below the folder for pictures
    true     what really happens, if it is known
    """

    timeline: Timeline
    folder: str
    picture: Path
    true: tuple[Segment, ...] | None = None


@click.command()
@click.argument("timelines", metavar="TIMELINE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(),
    help="File of the picture, .png or .svg; or a folder, for a picture of each film. A picture that is there is "
    "replaced, or put aside if `plot` did not draw it.",
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="File of what really happens, annotations or a timeline: drawn above what was predicted.",
)
@options.rate
@click.option("--start", "start_s", type=SECONDS, default=0.0, help="Begin here.")
@click.option("--end", "end_s", type=SECONDS, default=math.inf, help="End here.")
@click.option(
    "--width",
    "width_in",
    type=options.Number(3, 20),
    default=7.0,
    show_default=True,
    help="Width of the picture in inches.",
)
@click.option(
    "--attention",
    "layers",
    multiple=True,
    type=_Attention(),
    help="Draw what the global token of --model saw in this layer, the mean of its heads or one HEAD: a curve below "
    "the lanes; may be repeated. Embeddings are read from the store.",
)
@click.option("-m", "--model", metavar="NAME|FILE", help="The model of --attention, which analyzed the film.")
@options.store
@click.option("--label", "labels", multiple=True, help="Draw only this label; may be repeated. [default: all]")
@quiet_option
def plot(
    timelines: tuple[Path, ...],
    output: str,
    truth: Path | None,
    rate: str | None,
    start_s: float,
    end_s: float,
    width_in: float,
    layers: tuple[tuple[int, int | None], ...],
    model: str | None,
    store: Path | None,
    labels: tuple[str, ...],
) -> None:
    """Draw TIMELINE (a .timeline.json file, or a folder of them) as a picture for print: a lane for each label; of
    several, a strip each.

    A film is found in the truth by its name.
    """
    if bool(layers) != (model is not None) or (store is not None and not layers):
        raise click.UsageError("--model and --store go with --attention, and --attention needs --model")
    if len(layers) > MAX_ATTENTION:
        raise click.UsageError(f"give --attention {MAX_ATTENTION} times at most: a picture has so many curves")
    target = Path(output)
    is_folder = target.is_dir() or output.endswith(("/", os.sep))
    if not is_folder and target.suffix.lower() not in FORMATS:
        raise InputError(
            f"{target.name} is not the name of a picture",
            "nothing was drawn",
            "give a name that ends in .png or .svg; or in a slash, for a folder with a picture of each film",
        )
    films = _loaded(timelines)
    if not start_s < min(end_s, max(film.timeline.span_s[1] for film in films)):
        raise InputError(
            f"no timeline has anything after {start_s:g} s" + f" and before {end_s:g} s" * math.isfinite(end_s),
            "nothing was drawn",
            "check the times",
        )
    if truth is not None:
        found = truth_from(truth, [NamedFilm.of(film.timeline, film.folder) for film in films], rate)
        films = [replace(film, true=found.of(film.timeline, film.folder)) for film in films]
    if layers and model is not None:
        if len(films) > 1 and not is_folder:
            raise click.UsageError("--attention is drawn of one film; for a picture of each, give a folder with -o")
        films = _with_attention(films, layers, model, store)
    there = {s.label for film in films for s in (*(film.true or ()), *film.timeline.segments)}
    known = {one_form(label) for label in there}
    for label in labels:
        if one_form(label) not in known:
            raise InputError(f"no segment is called {label}", "nothing was drawn", "check the name")
    out.print(Text(f"drawing {printable(target.name)}"), soft_wrap=True)  # before matplotlib is loaded
    from vtn_stream.report import timeline_plot

    for file, drawn in _pictures(films, target) if is_folder else [(target, films)]:
        picture = timeline_plot.plot(
            [film.timeline for film in drawn],
            truth=None if all(film.true is None for film in drawn) else [film.true for film in drawn],
            labels=[label for label in there if one_form(label) in set(map(one_form, labels))] or None,
            span_s=None if (start_s, end_s) == (0.0, math.inf) else (start_s, end_s),
            width_in=width_in,
            format=FORMATS[file.suffix.lower()],
        )
        for line in write_file(file, picture):
            err.print(Text(f"{printable(file.name)}: {printable(line)}"), soft_wrap=True)
        out.print(Text(f"wrote {printable(str(file))}"), soft_wrap=True)


def _with_attention(
    films: Sequence[_Film], layers: Sequence[tuple[int, int | None]], model: str, store: Path | None
) -> list[_Film]:
    """The films with the curves of these layers and heads, and no other ones. Loads torch."""
    from vtn_stream.checkpoints import find_model

    path = find_model(model)
    with err.status(Text(f"loading {printable(path.name)}")):
        from vtn_stream.checkpoints import load_checkpoint
        from vtn_stream.scorers.attention import AttentionOf, attention_curve, check_attention
        from vtn_stream.store import EmbeddingStore

        checkpoint = load_checkpoint(path)
    wanted = [AttentionOf(layer=layer, head=head) for layer, head in dict.fromkeys(layers)]
    for which in wanted:
        check_attention(checkpoint, which)
    drawn = []
    for film in films:
        analysis = film.timeline.provenance.get("analysis")
        if not isinstance(analysis, dict) or analysis.get("model") != checkpoint.digest:
            said = f"{film.timeline.video_path}: {path.name} did not draw this timeline; the curves are of {path.name}"
            err.print(Text(printable(said)), soft_wrap=True)
        curves = {}
        for which in wanted:
            curve = attention_curve(checkpoint, film.timeline, EmbeddingStore(store), which)
            if curve is None:
                nothing = f"{printable(film.timeline.video_path)}: too few moments of it are known to draw a curve"
                err.print(Text(nothing), soft_wrap=True)
                break
            curves[str(which)] = curve
        drawn.append(replace(film, timeline=replace(film.timeline, curves=curves)))
    return drawn


def _loaded(given: Sequence[Path]) -> list[_Film]:
    """The given timelines, and those in the given folders."""
    films = []
    for path in given:
        for below in timeline_files(path) if path.is_dir() else [None]:
            file = path if below is None else path / below
            folder = path.parent.name if below is None else below.parent.as_posix()
            picture = Path("" if below is None else below.parent, f"{stem_of(file)}.svg")
            films.append(_Film(timeline=load_timeline(file), folder=folder, picture=picture))
    return films


def _pictures(films: Sequence[_Film], folder: Path) -> list[tuple[Path, list[_Film]]]:
    """The picture of each film in this folder. Raises UsageError if two films would have one picture."""
    pictures: dict[Path, _Film] = {}
    for film in films:
        file = folder / film.picture
        if file in pictures:
            raise click.UsageError(f"two timelines would both become {printable(str(file))}; draw them one by one")
        pictures[file] = film
    return [(file, [film]) for file, film in pictures.items()]
