"""The card of a model that was trained on clips end to end: what it is, how good it is, what it cannot do.

As of all cards: no date, path or host; labels are untrusted, and shown as they are.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from vtn_stream.errors import printable
from vtn_stream.report.markdown import bullets, listed_plainly, percent, plain, table

__all__ = ["ClipCardFacts", "LabelFacts", "clip_model_card"]

FEW = 20  # clips of a label: with fewer, its figure is mostly luck


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFacts:
    """num_clips that were learnt; num_measured, and the share of those that is right, None without any."""

    label: str
    num_clips: int
    num_measured: int = 0
    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipCardFacts:
    """The content of the card. Shares are 0..1.

    name            the model's file name; recipe, network: as they were asked for
    source          where the first weights of the image network came from
    num_frames      of a clip, in so many seconds; fps: how many a second it then sees of films; size: of the crop
    num_clips       to learn from; num_left_out, of those, since they cannot be decoded, and num_missed, in some epochs
    num_measured    clips that were not learnt, on which the figures are; num_failed could not be measured
    settings, provenance, notes  as in other cards
    """

    name: str
    recipe: str
    network: str
    backbone: str
    source: str
    num_frames: int
    seconds: float
    fps: float
    size: int
    labels: tuple[LabelFacts, ...]
    num_clips: int
    num_left_out: int = 0
    num_missed: int = 0
    num_measured: int = 0
    num_failed: int = 0
    figures: Mapping[str, float] = field(default_factory=dict, hash=False)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict, hash=False)
    settings: Mapping[str, str | float | int | bool] = field(default_factory=dict, hash=False)
    provenance: Mapping[str, str] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()


def clip_model_card(facts: ClipCardFacts) -> str:
    """The card as Markdown. Equal facts give equal text; untrusted texts are escaped."""
    names = [of.label for of in facts.labels]
    parts = [
        f"# {plain(facts.name)}",
        f"A model for vtn-stream that labels short stretches of a film. It knows {len(names)} labels: "
        f"{listed_plainly(names)}.",
        "## In short",
        bullets(_in_short(facts)),
        "## How to use it",
        _commands(facts.name),
        "## How good it is",
        *_measured(facts),
        "## What it cannot do",
        bullets(_limits(facts)),
        "## What it was trained on",
        _data(facts),
        table(("label", "clips learnt", "clips measured", "right, %"), [_row(of) for of in facts.labels]),
        "## How it was trained",
        f"By the recipe {plain(facts.recipe)} (Neimark et al., Video Transformer Network, 2021): {_parts(facts)} "
        f"The first weights of the image network came from: {plain(facts.source)}. The model holds the weights that it "
        "has now: it needs no others.",
        table(("setting", "value"), [(name, _value(of)) for name, of in facts.settings.items()]),
        table(("part", "where it comes from"), [*facts.provenance.items()]),
        *(["## Notes", bullets(plain(note, 1000) for note in facts.notes)] if facts.notes else []),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _in_short(facts: ClipCardFacts) -> list[str]:
    if not facts.figures:
        return ["Nobody knows how good it is: there were no clips for validation. See below what to do."]
    sentences = [f"Of clips that it does not know, it labels {_figure(facts, 'top-1')} correctly."]
    if "top-5" in facts.figures:
        sentences.append(f"The right label is among its first five in {_figure(facts, 'top-5')} of them.")
    if few := [of for of in facts.labels if of.num_clips < FEW]:
        named = ", ".join(f"{plain(of.label)} ({of.num_clips})" for of in few)
        sentences.append(f"These labels have few clips, and more of them will help most: {named}.")
    return sentences


def _figure(facts: ClipCardFacts, name: str) -> str:
    low_high = facts.intervals.get(name)
    between = "" if low_high is None else f" (90 % interval: {' to '.join(map(percent, low_high))} %)"
    return f"{percent(facts.figures[name])} %{between}"


def _commands(name: str) -> str:
    model = shlex.quote(printable(name))
    return (
        "```sh\n"
        f"vtn-stream analyze film.mp4 --model {model}\n"
        f"vtn-stream evaluate LIST --model {model} --videos DIR   # how good it is on your own clips\n"
        "```"
    )


def _measured(facts: ClipCardFacts) -> list[str]:
    if not facts.figures:
        return [
            "It was not measured: there were no clips for validation. Run `vtn-stream evaluate` on clips that it did "
            "not learn, or train again with some (`--validation LIST`)."
        ]
    rows = [
        (name, percent(share), " to ".join(map(percent, facts.intervals[name])) if name in facts.intervals else "-")
        for name, share in facts.figures.items()
    ]
    failed = f" {facts.num_failed} more could not be decoded." if facts.num_failed else ""
    return [
        f"The finished model on {facts.num_measured} clips that it did not learn and that chose nothing, by the "
        f"paper's protocol: the frames of the first ten seconds of each, once, the middle of the picture.{failed}",
        table(("all labels", "this model, %", "90 % interval"), rows),
        "An interval takes clips as independent: several from one recording make it too narrow. For clips of another "
        "kind it says nothing.",
    ]


def _limits(facts: ClipCardFacts) -> list[str]:
    return [
        "It knows only the labels above. It ignores anything else, or gives it one of these labels.",
        "Other cameras, places, people or frame rates may give very different results: measure it on a few of your own "
        "clips before you rely on it (`vtn-stream evaluate`).",
        f"It learnt from {facts.num_frames} frames in {facts.seconds:g} s. On a film it slides over windows of that "
        "length, and finds borders no finer than that.",
        "It reads the middle of the picture: what happens at the edges is not seen.",
        "No threshold was fitted, and its scores were not calibrated: 0.7 does not mean that 70 % are right.",
    ]


def _data(facts: ClipCardFacts) -> str:
    left_out = facts.num_left_out
    lost = f" {left_out} clips could not be decoded, and were left out." if left_out > 1 else ""
    lost = " 1 clip could not be decoded, and was left out." if left_out == 1 else lost
    if facts.num_missed:
        lost += f" {facts.num_missed} clip{'s' * (facts.num_missed > 1)} could be decoded in some epochs only."
    return f"{facts.num_clips} clips to learn from, each seen once an epoch at another place.{lost}"


def _parts(facts: ClipCardFacts) -> str:
    """Which parts learnt, as a sentence."""
    network, rest = f"the image network {plain(facts.backbone)}", "the encoder with attention over time and the head"
    blocks = facts.settings.get("backbone.blocks", "all")
    if blocks == 0:
        return f"{rest} learnt, from pixels; {network} stayed as it was."
    which = {"all": "", "norms": ", of which only the norms learnt"}.get(str(blocks), f", its last {blocks} blocks")
    return f"{network}{which}, {rest} learnt together, from pixels."


def _row(of: LabelFacts) -> tuple[str, str, str, str]:
    return of.label, str(of.num_clips), str(of.num_measured), percent(of.share)


def _value(value: str | float | int | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
