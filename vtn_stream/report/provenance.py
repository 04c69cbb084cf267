"""How a timeline was made: first in sentences, then every value of its provenance. A stranger's provenance may hold
anything: of what has another form than ours, nothing is said in sentences.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from vtn_stream.timeline import Timeline
from vtn_stream.track import shown_words

__all__ = ["facts", "how_made", "is_of_scenes", "rate_of"]

MAX_FACTS = 1_000
MAX_INPUTS = 12
MAX_OWN_THRESHOLDS = 12
MAX_PLUGINS = 12
NEARLY_NOTHING = 1e-4  # a threshold that leaves nothing out

KINDS = {
    "action localization": "finds when each action begins and ends",
    "dense labels": "gives one label to every moment",
    "clip classifier": "names what short clips show, one after the other",
}
NO_CURVES = (
    "The curves of the labels are missing. The file FILM.scores.arrow, which holds them, was not beside the timeline, "
    "or labels were renamed."
)
IN_TRAINING = {
    "learnt": "The model learnt from this film, so this timeline does not show how good the model is on new films.",
    "validated": "Settings of the model were chosen on this film, so on new films it may be less good than here.",
    "new": "The model was trained without this film.",
    "unknown": "Whether the model was trained with this film is not known: it does not say.",
}


def how_made(timeline: Timeline, *, has_curves: bool) -> Iterator[tuple[str, str]]:
    """(what, sentences): for people. has_curves: curves of its labels are drawn."""
    provenance = timeline.provenance
    analysis = _mapping(provenance, "analysis")
    if is_of_scenes(timeline):
        shortest_s = _number(analysis, "min_scene_s")
        yield (
            "Analysis",
            "Scenes, found without training"
            + ("." if shortest_s is None else f"; each stretch lasts at least {shortest_s:g} s."),
        )
    elif _text(analysis, "model") is not None:
        yield from _model(analysis)
        if (word := IN_TRAINING.get(str(provenance.get("film_in_training")))) is not None:
            yield "This film", word
        if not has_curves:
            yield "Curves", NO_CURVES
    yield from _frames(provenance)
    yield from _cuts(provenance)
    recipe, weights = _mapping(provenance, "recipe"), _text(provenance, "weights")
    if (network := _text(recipe, "backbone")) is not None:
        yield "Image network", network + ("." if weights is None else f", with weights of {weights}.")
    if (shown := _shown(provenance)) is not None:
        yield "It is shown", f"{shown}."
    if (version := _text(provenance, "vtn_stream")) is not None:
        yield "Program", f"vtn-stream {version}{_computed(provenance)}."
    if plugins := (*_plugins(provenance), *_plugins(analysis)):
        yield "Plug-ins", f"{', '.join(dict.fromkeys(plugins))}."
    if (corrected := _corrected(_mapping(provenance, "corrections"))) is not None:
        yield "Corrections", corrected
    selections = provenance.get("selections")
    for selection in selections if isinstance(selections, list) else ():
        if isinstance(selection, Mapping):
            done = "; ".join(f"{str(name).replace('_', ' ')}: {_plain(value)}" for name, value in selection.items())
            yield "Selected since", f"{done}."
    notes = provenance.get("notes")
    for note in notes if isinstance(notes, list) else ():
        if isinstance(note, str):
            yield "Note", note


def _plugins(of: Mapping[str, Any]) -> Iterator[str]:
    """The packages of others that took part, with their versions."""
    for package, version in list(_mapping(of, "plugins").items())[:MAX_PLUGINS]:
        yield f"{package} {_plain(version)}"


def is_of_scenes(timeline: Timeline) -> bool:
    return _mapping(timeline.provenance, "analysis").get("kind") == "scenes"


def _corrected(counts: Mapping[str, Any]) -> str | None:
    """What an analysis did around the hand work that was there."""
    numbers = [_number(counts, name) for name in ("by_hand", "rejected", "reviewed", "left_out", "cut")]
    known = [int(number) for number in numbers if number is not None]
    if len(known) < len(numbers):
        return None
    by_hand, rejected, reviewed, left_out, cut = known
    return (
        f"The rest was drawn around what people had said: {by_hand} segment{'' if by_hand == 1 else 's'} by hand, "
        f"{rejected} rejected, {reviewed} reviewed span{'' if reviewed == 1 else 's'}. Of what was drawn, {left_out} "
        f"{'was' if left_out == 1 else 'were'} left out and {cut} cut."
    )


def _model(analysis: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    name, kind = _text(analysis, "model_name"), str(analysis.get("kind"))
    num_labels = _number(analysis, "num_labels")
    known = "" if num_labels is None else f" It knows {num_labels:g} label{'' if num_labels == 1 else 's'}."
    called = f"A model without a name (digest {analysis['model'][:12]})" if name is None else name
    yield "Model", f"{called}{': it ' + KINDS[kind] if kind in KINDS else ''}.{known}"
    training = _mapping(analysis, "training")
    films = _mapping(training, "training")
    num_films, hours = _number(films, "num_films"), _number(films, "hours")
    if num_films is not None and hours is not None:
        yield "Trained on", f"{num_films:g} film{'' if num_films == 1 else 's'}, {hours:.1f} hours in all."
    if (point := _text(analysis, "point")) is not None:
        yield "Operating point", f"{point}, which was asked for by its name, not the model's default one."
    common, own = _mapping(analysis, "operating_point"), _mapping(analysis, "operating_points")
    high, low = _number(common, "high"), _number(common, "low")
    if high is None or low is None:
        return
    drawing = _text(analysis, "drawing") or {"clip classifier": "peaks", "dense labels": "phases"}.get(kind, "spans")
    if high <= NEARLY_NOTHING:
        yield "Threshold", "None: no segment was left out for its score."
        return
    reach = f" and reaches as far as the score stays at {low:.2f} or above" if drawing == "peaks" else ""
    text = f"A segment needs a score of {high:.2f}{reach}."
    highs = {str(label): found for label, point in own.items() if (found := _number(point, "high")) is not None}
    if highs:
        some = [f"{label} {found:.2f}" for label, found in list(highs.items())[:MAX_OWN_THRESHOLDS]]
        more = f" and {len(highs) - len(some)} more" if len(highs) > len(some) else ""
        text += f" Labels with a threshold of their own: {', '.join(some)}{more}."
    yield "Threshold", text


def rate_of(timeline: Timeline) -> float | None:
    """Positions a second, if the analysis says it."""
    return _rate(_mapping(timeline.provenance, "recipe").get("fps"))


def _frames(provenance: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    positions, rate = _mapping(provenance, "positions"), _rate(_mapping(provenance, "recipe").get("fps"))
    total, embedded = _number(positions, "total"), _number(positions, "embedded")
    if rate is None or total is None or embedded is None:
        return
    text = f"{rate:.4g} a second were looked at: {embedded:,.0f} of {total:,.0f} could be used."
    damaged, lost = (_number(positions, key) or 0 for key in ("damaged", "lost"))
    why = [f"{num:,.0f} {what}" for num, what in ((damaged, "are damaged"), (lost, "could not be decoded")) if num]
    yield "Frames", text + (f" Of the others {' and '.join(why)}." if why else "")


def _cuts(provenance: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    cuts = _mapping(provenance, "cuts")
    counts = [_number(cuts, key) for key in ("total", "unclear", "lost")]
    if all(count is not None for count in counts):
        total, unclear, lost = (int(count or 0) for count in counts)
        yield "Cuts", f"{total - unclear - lost:,} of {total:,} changes were placed to the frame."


def _shown(provenance: Mapping[str, Any]) -> str | None:
    """What the image network is shown, where that is not just the picture."""
    inputs = provenance.get("inputs")
    if isinstance(inputs, list) and inputs and all(isinstance(name, str) for name in inputs):
        with contextlib.suppress(ValueError):
            return shown_words(inputs[:MAX_INPUTS])
    return None


def _computed(provenance: Mapping[str, Any]) -> str:
    executions = provenance.get("executions")
    first = executions[0] if isinstance(executions, list) and len(executions) == 1 else None
    device, decoder = (_text(first, key) for key in ("device", "decoder"))
    if device is None or decoder is None:
        return ""
    return f", on a {'GPU' if device.startswith('cuda') else device.upper()}; frames decoded by {decoder}"


def facts(timeline: Timeline) -> Iterator[tuple[str, str]]:
    """(name, value) pairs: what is known about the film, and every value of the provenance."""
    if timeline.nominal_rate is not None:
        rate = f"{float(timeline.nominal_rate):.3f}".rstrip("0").rstrip(".")
        yield "frame rate", f"{rate} a second" + (", variable" if timeline.variable_rate else "")
    elif timeline.variable_rate:
        yield "frame rate", "variable"
    if timeline.start_timecode is not None:
        yield "start timecode", timeline.start_timecode
    yield "identity of the film", timeline.video_identity
    for part in timeline.parts[:MAX_FACTS]:
        lasts = f"from {part.start_s:g} s, {part.duration_s:g} s long, identity {part.video_identity}"
        yield "file of the recording", f"{part.video_path}: {lasts}"
    waiting: list[tuple[str, Any]] = [(key, value) for key, value in reversed(list(timeline.provenance.items()))]
    num = 0
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping) and value:
            waiting += [(f"{name} · {key}", inner) for key, inner in reversed(list(value.items()))]
        elif isinstance(value, list | tuple) and any(isinstance(inner, Mapping | list | tuple) for inner in value):
            waiting += [(f"{name} · {i + 1}", inner) for i, inner in reversed(list(enumerate(value)))]
        elif num == MAX_FACTS:
            yield "…", "and more, which the timeline's JSON file holds"
            return
        else:
            num += 1
            yield name, _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return "none" if value == {} else str(value)


def _mapping(of: Any, key: str) -> Mapping[str, Any]:
    found = of.get(key) if isinstance(of, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _text(of: Any, key: str) -> str | None:
    found = of.get(key) if isinstance(of, Mapping) else None
    return found if isinstance(found, str) and found else None


def _number(of: Any, key: str) -> float | None:
    found = of.get(key) if isinstance(of, Mapping) else None
    return float(found) if isinstance(found, int | float) and abs(found) < 1e15 else None


def _rate(given: Any) -> float | None:
    """Of a recipe: "2", "25/8"."""
    try:
        above, _, below = str(given).partition("/")
        rate = float(above) / float(below or 1)
    except (ValueError, ArithmeticError):
        return None
    return rate if 0 < rate < 1e6 else None
