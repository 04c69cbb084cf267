"""Options that several commands have."""

import functools
import math
import re
from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from vtn_stream.analysis import DEFAULT_BACKBONE, DEFAULT_FPS
from vtn_stream.exchange.selection import Selection
from vtn_stream.formats import FORMATS
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.reading import CodingOptions
from vtn_stream.formats.timecode import is_timecode
from vtn_stream.formats.writing import exact_rate
from vtn_stream.results import FORMAT_NAMES, ResultOptions
from vtn_stream.settings import Settings

__all__ = [
    "FormatName",
    "Number",
    "address",
    "annotation_fps",
    "anonymous",
    "as_rate",
    "backbone",
    "bom",
    "close_open",
    "coding",
    "decoder",
    "device",
    "discard_edits",
    "exact",
    "formats",
    "fps",
    "gathered",
    "label_with",
    "model",
    "observations",
    "overwrite",
    "point",
    "rate",
    "refine",
    "regions",
    "results",
    "selection",
    "settings",
    "size",
    "start_timecode",
    "store",
    "thumbnails",
    "trim_borders",
    "weights",
]


class Number(click.FloatRange):
    """A finite number, in a range if one is given: click takes nan for every range, and inf for half of them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number

    def _describe_range(self) -> str:
        """For the help: click's own words if there is a bound."""
        return "" if self.min is None and self.max is None else super()._describe_range()


class FormatName(click.Choice[str]):
    """The name of a format, in letters of any size and with or without the dot of a suffix; `more` are names beside.

    A wrong one gets the names of formats of which it is a part, or which sound like it: excel is xlsx.
    """

    def __init__(self, *more: str) -> None:
        super().__init__([*FORMAT_NAMES, *more], case_sensitive=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return super().convert(str(value).removeprefix("."), param, ctx)
        except click.BadParameter as error:
            said = error.message
            sought = str(value).casefold().strip(".")
            titles = {name: f"{name} {of.title}".casefold().replace(" ", "") for name, of in FORMATS.ours.items()}
            near = [name for name in self.choices if len(sought) > 1 and sought in titles.get(name, name)]
            if not near and (other := nearest(sought, list(self.choices))) is not None:
                near = [other]
            self.fail(f"did you mean {' or '.join(near)}? {said}" if near else said, param, ctx)


def gathered(kind: type, argument: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives a command those of its options that are fields of `kind` as one value, under the name of this argument.

    Stands below the options, so that it is the first to have the command.
    """
    names = {field.name for field in fields(kind)}

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def gathering(**options: Any) -> Any:
            own = {name: options.pop(name) for name in names & options.keys()}
            return command(**options, **{argument: kind(**own)})

        return gathering

    return decorate


settings = gathered(Settings, "settings")
coding = gathered(CodingOptions, "coding")
results = gathered(ResultOptions, "results")


def _timecode(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not is_timecode(value):
        raise click.BadParameter(f"{value!r} is not HH:MM:SS:FF, or HH:MM:SS;FF for drop-frame")
    return value


address = click.option(
    "--address",
    default="local",
    show_default=True,
    help="The Ray cluster: local, a private one on this machine; auto, the one that runs on it; HOST:PORT of its head "
    "node; or ray://HOST:PORT.",
)
formats = click.option(
    "-f",
    "--format",
    "formats",
    multiple=True,
    default=["json", "csv", "html"],
    show_default="json, csv and html",
    type=FormatName(),
    help="Timeline format; may be repeated. JSON is always written.",
)
model = click.option(
    "-m",
    "--model",
    metavar="NAME|FILE",
    help="What draws the timeline: a checkpoint, or a model that `vtn-stream models ls` shows. [default: scenes]",
)
point = click.option(
    "--point",
    metavar="NAME",
    help="Which of the model's operating points decides what is shown; `vtn-stream models info` lists them. "
    "[default: its default one]",
)
fps = click.option(
    "--fps",
    metavar="RATE",
    help=f"Frames looked at per second of film: 2, 2.56, 30000/1001. [default: {DEFAULT_FPS}, or the model's]",
)
decoder = click.option(
    "--decoder",
    type=click.Choice(["pyav", "decord"]),
    default="pyav",
    show_default=True,
    help="What decodes the frames. decord refuses films that it would miscount.",
)
backbone = click.option(
    "--backbone",
    metavar="NAME[.TAG]",
    help=f"timm image network, such as vit_small_patch14_dinov2.lvd142m. [default: {DEFAULT_BACKBONE}, or the model's]",
)
overwrite = click.option(
    "--overwrite",
    is_flag=True,
    help="Replace results of another film that have the same names; never files that you changed by hand.",
)
refine = click.option(
    "--refine/--no-refine",
    default=True,
    show_default=True,
    help="Look at all frames where scenes may change: to find short shots, fades and dissolves, and the exact frame of "
    "each cut. The borders of a model's segments stay.",
)
regions = click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="[NAME=]X,Y,W,H",
    help="Look only at this part of the picture: from the left, from the top, width and height, in pixels or percent, "
    "such as 25%,0%,50%,100%. May be repeated: each part, which needs a name then, gets a timeline of its own. "
    "[default: all of it, or what the model learnt from]",
)
trim_borders = click.option(
    "--trim-borders",
    is_flag=True,
    help="Cut away black borders, which are measured over each film: of endoscopes, of wide and of narrow films.",
)
discard_edits = click.option(
    "--discard-edits",
    is_flag=True,
    help="Rename results that you changed by hand to NAME.edited-1, and write new ones.",
)
exact = click.option("--exact", is_flag=True, help="Do not reuse embeddings that another device or version computed.")
device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where networks run; auto takes a GPU when there is one.",
)
store = click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="Folder of the embeddings. [default: VTN_STREAM_STORE, else ~/.cache/vtn-stream]",
)
size = click.option(
    "--size",
    type=click.IntRange(16, 4096),
    help="Height and width in pixels of the frames that the image network sees, if it can take other sizes. "
    "[default: its own]",
)
weights = click.option("--weights", type=click.Path(path_type=Path), help="File of weights for the image network.")
rate = click.option(
    "--rate",
    metavar="RATE",
    help="Frames a second, for timelines that count frames: 25, 29.97, 30000/1001. [default: the film's]",
)


def _renames(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    names = {}
    for rename in given:
        old, equals, new = rename.partition("=")
        if not (old and equals and new):
            raise click.BadParameter(f"{rename!r} is not OLD=NEW")
        names[old] = new
    return names


label_with = click.option(
    "--label-with",
    metavar="ATTRIBUTE",
    help="Put this attribute before each label, such as subject: hen 1: walk.",
)


def selection(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that select and change segments, in the order in which they work, as the argument selection."""
    command = gathered(Selection, "selection")(command)
    for option in reversed(_SELECTION):
        command = option(command)
    return command


_SELECTION = (
    click.option("--threshold", type=Number(0, 1), help="Only segments with at least this score; see above."),
    click.option("--label", "labels", multiple=True, help="Only this label; may be repeated."),
    click.option(
        "--rename",
        "names",
        multiple=True,
        metavar="OLD=NEW",
        callback=_renames,
        help="Give a label another name; may be repeated.",
    ),
    label_with,
    click.option(
        "--merge-gap",
        "merge_gap_s",
        type=Number(0),
        metavar="S",
        help="Join segments of one label that are at most this far apart.",
    ),
    click.option(
        "--min-duration",
        "min_duration_s",
        type=Number(0),
        default=0.0,
        metavar="S",
        help="Leave out shorter segments.",
    ),
    click.option(
        "--top", type=click.IntRange(1), metavar="N", help="Only this many segments, those with the highest scores."
    ),
    click.option(
        "--lead", "lead_s", type=Number(), default=0.0, metavar="S", help="Begin each segment this much earlier."
    ),
    click.option("--lag", "lag_s", type=Number(), default=0.0, metavar="S", help="End each segment this much later."),
    click.option(
        "--no-overlaps", is_flag=True, help="At each moment only one segment, the one with the highest score."
    ),
)
observations = click.option(
    "--observation",
    "observations",
    multiple=True,
    metavar="ID",
    help="Of BORIS's observations only this one; * stands for any text; may be repeated. Needed where a film has "
    "several. With evaluate --agreement, twice: for A, then for B.",
)
close_open = click.option(
    "--close-open",
    is_flag=True,
    help="A state of BORIS that does not stop lasts to the end of the film. [default: it is left out]",
)
annotation_fps = click.option(
    "--annotation-fps",
    metavar="RATE",
    callback=lambda ctx, param, value: as_rate(value, "--annotation-fps"),
    help="Labels or frames a second, of annotations that count them: 25, 29.97, 30000/1001. [default: that of the data "
    "set (Cholec80 25, 50Salads 30); else of the film, where it is looked at]",
)
start_timecode = click.option(
    "--start-timecode",
    metavar="HH:MM:SS:FF",
    callback=_timecode,
    help="Timecode of the film's first frame; with ; before FF drop-frame. [default: the film's, else 0]",
)
per_file = click.option(
    "--per-file",
    "files",
    is_flag=True,
    help="Of a recording in several files a timeline for each file, in that file's own time; a file each, in formats "
    "that hold one film.",
)
bom = click.option(
    "--bom", is_flag=True, help="Begin tables with a byte order mark, so that Excel reads them as UTF-8."
)
thumbnails = click.option(
    "--thumbnails/--no-thumbnails",
    default=True,
    show_default=True,
    help="Show small pictures of the film in its page and in the index.",
)

_anonymous = click.option(
    "--anonymous",
    is_flag=True,
    help="Call films by random names, in all that is written and shown; no pictures of them, and no way to them.",
)
_names = click.option(
    "--names",
    "table",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="With --anonymous: the table that says which film is which, apart from the results. "
    "[default: VTN_STREAM_NAMES, else ~/.local/share/vtn-stream/names.csv]",
)


def anonymous(command: Callable[..., Any]) -> Callable[..., Any]:
    """--anonymous and --names, as the arguments anonymous and table."""
    return _anonymous(_names(command))


_RATE = re.compile(r"\d{1,6}(\.\d{1,6})?|\d{1,9}/[1-9]\d{0,8}", re.ASCII)


def as_rate(text: str | None, option: str = "--rate") -> Fraction | None:
    """29.97 as people write 30000/1001, and so 23.976, 59.94 and 119.88. Raises BadParameter."""
    if text is None:
        return None
    if not _RATE.fullmatch(text) or not 0 < Fraction(text) <= 1000:
        raise click.BadParameter(f"{text!r} is not a rate such as 25, 29.97 or 30000/1001", param_hint=option)
    return Fraction(text) if "/" in text else exact_rate(float(text))
