"""The model card: what a trained model is, how good it is, and what it cannot do, as Markdown.

No date, path or host: equal facts give equal text. Labels and names are untrusted: they are shown as they are, and
nothing in them is read as Markdown or HTML.
"""

import math
import shlex

from vtn_stream.errors import printable
from vtn_stream.report.card_facts import CardFacts, SplitFacts
from vtn_stream.report.card_measured import FEW, in_short, measured
from vtn_stream.report.markdown import bullets, listed_plainly, percent, plain, table
from vtn_stream.track import shown_words

__all__ = ["model_card"]


def model_card(facts: CardFacts) -> str:
    """The card as Markdown. Equal facts give equal text; untrusted texts are escaped."""
    parts = [
        f"# {plain(facts.name)}",
        f"A model for vtn-stream that {facts.description}. It knows {_num_labels(facts)}: "
        f"{listed_plainly(facts.labels)}.",
        "## In short",
        bullets(in_short(facts)),
        "## How to use it",
        _commands(facts),
        *_followed(facts),
        "## How good it is",
        *measured(facts),
        "## What it cannot do",
        bullets(_limits(facts)),
        "## What it was trained on",
        *_data(facts),
        *_unknown(facts),
        "## How it was trained",
        f"The image network {plain(facts.backbone)} sees {_rate(facts.fps)}: {shown_words(facts.inputs)}. "
        f"{facts.temporal} reads its embeddings. {_of_backbone(facts)}",
        *_tried(facts),
        table(("setting", "value"), [(name, _value(value)) for name, value in facts.settings.items()]),
        table(("part", "where it comes from"), [(name, text) for name, text in facts.provenance.items()]),
        *(["## Notes", bullets(plain(note, 1000) for note in facts.notes)] if facts.notes else []),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _commands(facts: CardFacts) -> str:
    model = shlex.quote(printable(facts.name))
    follow = f"vtn-stream follow film.ts --model {model}   # while it is written\n"
    return (
        "```sh\n"
        f"vtn-stream analyze film.mp4 --model {model}\n"
        f"{follow if facts.followed_s is not None else ''}"
        f"vtn-stream evaluate ANNOTATIONS --model {model} --videos DIR   # how good it is on your own films\n"
        "```"
    )


def _followed(facts: CardFacts) -> list[str]:
    if facts.followed_s is None:
        return []
    return [
        "It can be followed: what it says of a film while this is written is what it says of the finished film. A "
        f"segment is final at most {math.ceil(facts.followed_s)} s of film after its end; to that, `follow` adds the "
        "steps in which it embeds a film, and reports the sum when it begins. For this, the model knows of each moment "
        "only what is near in time."
    ]


def _data(facts: CardFacts) -> list[str]:
    films = [(split.name, str(split.num_films), _hours(split)) for split in facts.splits]
    counts = [(label, *(str(split.num_segments.get(label, 0)) for split in facts.splits)) for label in facts.labels]
    counted = len(facts.splits) < 2 and facts.measured is not None  # "Labels" has the same numbers
    return [
        table(("films for", "films", "hours"), films),
        table(("examples of", *(split.name for split in facts.splits)), [] if counted or not facts.splits else counts),
    ]


def _unknown(facts: CardFacts) -> list[str]:
    if all(split.known_hours is None for split in facts.splits):
        return []
    return [
        "People corrected timelines of these films. What they looked at is known. The rest was neither learnt nor "
        "measured: there, a prediction is neither right nor wrong. Hours are known on average over the labels."
    ]


def _hours(split: SplitFacts) -> str:
    known = "" if split.known_hours is None else f", of which {split.known_hours:.2f} are known"
    return f"{split.hours:.2f}{known}"


def _of_backbone(facts: CardFacts) -> str:
    if facts.backbone_learned:
        return "The image network was trained too, after what reads its embeddings; it is in the model's file."
    return "The image network was not trained."


def _tried(facts: CardFacts) -> list[str]:
    if len(facts.tried) < 2:
        return []
    rows = [(name, percent(share), "kept" if name == facts.kept else "") for name, share in facts.tried.items()]
    return [
        f"Several ways to learn were tried. The one with the best {plain(facts.metric)} on films that were not learnt "
        "was kept. (These figures choose; the figures above were measured on films that did not choose.)",
        table(("way to learn", f"{facts.metric}, %", ""), rows),
    ]


def _num_labels(facts: CardFacts) -> str:
    return "1 label" if len(facts.labels) == 1 else f"{len(facts.labels)} labels"


def _limits(facts: CardFacts) -> list[str]:
    """What the model cannot do: sentences as Markdown."""
    sentences = [
        "It knows only the labels above. It ignores anything else, or gives it one of these labels.",
        "Other cameras, places, people or frame rates may give very different results: measure it on a few of your own "
        "films before you rely on it (`vtn-stream evaluate`).",
        f"It looks at {_rate(facts.fps)}. It can miss actions shorter than {1000 / facts.fps:.0f} ms"
        + ("." if any(name.startswith("change-") for name in facts.inputs) else _pictures_only()),
    ]
    if facts.splits and facts.measured is None:
        few = [label for label in facts.labels if facts.splits[0].num_segments.get(label, 0) < FEW]
        if few:
            sentences.append(f"These labels had fewer than {FEW} training examples: {listed_plainly(few)}.")
    if facts.measured is not None:
        unseen = [c.label for c in facts.measured.classes if not c.num_examples]
        if unseen:
            sentences.append(f"These labels had no example to measure them: {listed_plainly(unseen)}.")
    return sentences


def _rate(fps: float) -> str:
    return "1 frame a second" if fps == 1 else f"{fps:g} frames a second"


def _pictures_only() -> str:
    return (
        ", and it sees motion only as the change from one picture to the next: it often confuses actions that differ "
        "in how something moves."
    )


def _value(value: str | float | int | bool | None) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    return f"{value:.6g}" if isinstance(value, float) else str(value)
