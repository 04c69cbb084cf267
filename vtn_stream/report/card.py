"""The model card: what a trained model is, how good it is, and what it cannot do, as Markdown.

No date, path or host: equal facts give equal text. Labels and names are untrusted: they are shown as they are, and
nothing in them is read as Markdown or HTML.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from vtn_stream.errors import printable

__all__ = ["CardFacts", "ClassFacts", "SplitFacts", "model_card", "plain"]

FEW = 20  # training segments: with fewer, figures of a class are mostly luck
MAX_CHARACTERS = 100  # of a label or a name
MAX_MISTAKES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFacts:
    """One side of the split. num_segments: by label; of whole clips, how many."""

    name: str
    num_films: int
    hours: float
    num_segments: Mapping[str, int] = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFacts:
    """One label on the validation films, shares 0..1; None if it was not measured.

    ap         average precision, the mean over `CardFacts.tious`
    threshold  the score from which it holds, fitted on the same films; the other three are measured there
    """

    label: str
    ap: float | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """The content of a card; `dataclasses.asdict` gives JSON values throughout.

    name        the model's file name
    description what it does: "A model for vtn-stream that ..."; has_rules: of how its labels follow each other
    labels      in the order of the classes
    backbone    the image network; fps: how many frames a second it sees
    splits      what it was trained and measured on
    settings    of the training, seed among them, by name
    provenance  where the parts come from, by name: versions, digests, licences
    figures     of all classes together, by name, shares 0..1
    classes     a line for each label
    tious       over which average precision is the mean
    mistakes    (true, predicted, share of the true one's time or number), None for nothing; the worst first
    plots       paths of files, from the card, by what they show
    notes       what was odd about the data or the training, a sentence each
    """

    name: str
    description: str
    has_rules: bool = False
    labels: tuple[str, ...]
    backbone: str
    fps: float
    splits: tuple[SplitFacts, ...]
    settings: Mapping[str, str | float | int | bool | None] = field(default_factory=dict, hash=False)
    provenance: Mapping[str, str] = field(default_factory=dict, hash=False)
    figures: Mapping[str, float | None] = field(default_factory=dict, hash=False)
    classes: tuple[ClassFacts, ...] = ()
    tious: tuple[float, ...] = ()
    mistakes: tuple[tuple[str | None, str | None, float], ...] = ()
    plots: Mapping[str, str] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()


def model_card(facts: CardFacts) -> str:
    """The card as Markdown. Equal facts give equal text; untrusted texts are escaped."""
    parts = [
        f"# {plain(facts.name)}",
        f"A model for vtn-stream that {facts.description}. It knows {_num_labels(facts)}: "
        f"{', '.join(plain(label) for label in facts.labels)}.",
        "## How to use it",
        _commands(facts.name),
        "## What it was trained on",
        *_data(facts),
        "## How it was trained",
        f"The image network {plain(facts.backbone)} sees {facts.fps:g} frames a second; an encoder with attention over "
        "time reads its embeddings. The image network was not trained.",
        _table(("setting", "value"), [(name, _value(value)) for name, value in facts.settings.items()]),
        _table(("part", "where it comes from"), [(name, text) for name, text in facts.provenance.items()]),
        "## How good it is",
        *_measured(facts),
        *(f"![{plain(what)}]({quote(file)})" for what, file in facts.plots.items()),
        "## What it cannot do",
        _bullets(_limits(facts)),
        *(["## Notes", _bullets(plain(note, 1000) for note in facts.notes)] if facts.notes else []),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def plain(text: str, most: int = MAX_CHARACTERS) -> str:
    """Untrusted text as Markdown that shows just the text: on one line, cut in the middle if long."""
    text = printable(text)
    if len(text) > most:
        text = f"{text[: 2 * most // 3]}…{text[-most // 3 :]}"
    # HTML, and what some sites make of text: mentions, addresses, names of emoji, formulas.
    text = re.sub(r"[&<>@:$]|(?<=\bwww)\.", lambda c: f"&#{ord(c[0])};", text, flags=re.IGNORECASE)
    return re.sub(r"[\\`*_\[\]|~]|#(?!\d+;)", r"\\\g<0>", text)


def _commands(name: str) -> str:
    model = shlex.quote(printable(name))
    return (
        "```sh\n"
        f"vtn-stream analyze film.mp4 --model {model}\n"
        f"vtn-stream evaluate ANNOTATIONS --model {model} --videos DIR   # how good it is on your own films\n"
        "```"
    )


def _data(facts: CardFacts) -> list[str]:
    films = [(split.name, str(split.num_films), f"{split.hours:.2f}") for split in facts.splits]
    counts = [(label, *(str(split.num_segments.get(label, 0)) for split in facts.splits)) for label in facts.labels]
    return [
        _table(("films for", "films", "hours"), films),
        _table(("examples of", *(split.name for split in facts.splits)), counts if facts.splits else []),
    ]


def _measured(facts: CardFacts) -> list[str]:
    how = "On the validation films, in percent."
    if facts.tious:
        low, high = min(facts.tious), max(facts.tious)
        how += f" AP is average precision, the mean over tIoU {low:g} to {high:g}."
    fitted = "Rules" if facts.has_rules else "Thresholds"
    how += (
        f" Precision, recall and F1 are those of what a timeline shows. {fitted} and the epoch were chosen on these "
        "films, so the figures are higher than on other films. To know how good it is on those, annotate a few films "
        "that did not teach it, and run `vtn-stream evaluate`."
    )
    rows = []
    for c in facts.classes:
        threshold = "-" if c.threshold is None else f"{c.threshold:.2f}"
        rows.append((c.label, *map(_percent, (c.ap, c.precision, c.recall, c.f1)), threshold))
    mistakes = [
        (_named(true), _named(predicted), _percent(share)) for true, predicted, share in facts.mistakes[:MAX_MISTAKES]
    ]
    return [
        how if facts.figures or rows else "It was not measured.",
        _table(("all classes", "percent"), [(name, _percent(value)) for name, value in facts.figures.items()]),
        _table(("action", "AP", "precision", "recall", "F1", "threshold"), rows),
        _table(("what was", "it called", "percent of the time"), mistakes),
    ]


def _num_labels(facts: CardFacts) -> str:
    return "1 label" if len(facts.labels) == 1 else f"{len(facts.labels)} labels"


def _limits(facts: CardFacts) -> list[str]:
    """What the model cannot do: sentences as Markdown."""
    sentences = [
        "It knows only the labels above. It ignores anything else, or gives it one of these labels.",
        "It was measured on films of the same kind as its training films. Other cameras, places, people or frame rates "
        "may give very different results: measure it on a few of your own films before you rely on it.",
        f"It sees single pictures, {facts.fps:g} a second, and motion only as the change from one picture to the next. "
        "It often confuses actions that differ in how something moves, and can miss actions shorter than "
        f"{1000 / facts.fps:.0f} ms.",
    ]
    by_name = {split.name: split for split in facts.splits}
    if (training := by_name.get("training")) is not None:
        few = [label for label in facts.labels if training.num_segments.get(label, 0) < FEW]
        if few:
            sentences.append(f"These labels had fewer than {FEW} training examples: {_listed(few)}.")
    if (validation := by_name.get("validation")) is not None:
        unseen = [label for label in facts.labels if not validation.num_segments.get(label, 0)]
        if unseen:
            sentences.append(f"These labels had no example to measure them: {_listed(unseen)}.")
    return sentences


def _bullets(sentences: Iterable[str]) -> str:
    # "- 1. x" would be a list in the list
    return "\n".join("- " + re.sub(r"^(\d*)([-+.)=])", r"\1\\\2", sentence) for sentence in sentences)


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(plain(label) for label in labels)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as Markdown; empty without rows. Columns of numbers are aligned right."""
    if not rows:
        return ""
    sides = ["---:" if all(re.fullmatch(r"-|-?[\d.]+", cell) for cell in c) else "---" for c in zip(*rows, strict=True)]
    lines = [header, sides, *([plain(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _named(label: str | None) -> str:
    return "(nothing)" if label is None else label


def _value(value: str | float | int | bool | None) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
