"""The part of a model card that says how good the model is, as Markdown."""

import math
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from vtn_stream.errors import listed
from vtn_stream.report.card_facts import CardFacts, ClassFacts, CurveFacts, FilmFacts, MeasuredFacts
from vtn_stream.report.markdown import bullets, percent, plain, table

__all__ = ["FEW", "in_short", "measured"]

FEW = 20  # examples of a label: with fewer, its figures are mostly luck
MAX_FILMS = 20
MAX_MISTAKES = 10
RECALL = "recall of the timelines, "  # how a figure begins, before how it was measured
CURVE, RELIABILITY = "learning curve", "reliability"  # pictures that have a section of their own


def in_short(facts: CardFacts) -> list[str]:
    """What a reader should know first: sentences as Markdown."""
    found = facts.measured
    if found is None or not found.figures:
        return ["Nobody knows how good it is: nothing could be measured. See below what to do."]
    sentences = [_headline(found)]
    if compared := _compared(found):
        sentences.append(compared)
    if spread := _spread(found):
        sentences.append(spread)
    if facts.curve is not None:
        sentences.append(_gain(facts.curve))
    if few := _few(found.classes):
        names = ", ".join(f"{plain(c.label)} ({_examples(c)})" for c in few)
        sentences.append(f"These labels have few examples, and more of them will help most: {names}.")
    return sentences


def measured(facts: CardFacts) -> list[str]:
    """Everything below "How good it is", in parts as Markdown."""
    pictures = {what: f"![{plain(what)}]({quote(file)})" for what, file in facts.plots.items()}
    of_sections = {name: pictures.pop(name, "") for name in (CURVE, RELIABILITY)}
    parts: list[str] = []
    if facts.measured is None or not facts.measured.figures:
        parts.append(_not_measured())
    else:
        parts += _out_of_fold(facts.measured, has_rules=facts.has_rules, names_clips=facts.names_clips)
    if facts.held_out is not None:
        parts += _held_out(facts.held_out, names_clips=facts.names_clips)
    if facts.measured is not None:
        parts += _films(facts.measured, names_clips=facts.names_clips)
        parts += _labels(facts.measured, names_clips=facts.names_clips)
    if facts.curve is not None:
        parts += _growth(facts.curve, facts.measured, of_sections[CURVE])
    if facts.measured is not None and facts.measured.calibration_errors is not None:
        parts += _sureness(facts.measured, of_sections[RELIABILITY])
    return [*parts, *pictures.values()]


# ---- all labels together


def _not_measured() -> str:
    return (
        "It was not measured: there was one film or source only, or nothing was annotated in the others, or the model "
        "from which it goes on had learnt them. So nothing "
        "was chosen or adjusted; the program's defaults were used. To know how good it is, annotate at least one more "
        "film, from another recording, and train again; or run `vtn-stream evaluate` on films that it did not learn."
    )


def _out_of_fold(found: MeasuredFacts, *, has_rules: bool, names_clips: bool) -> list[str]:
    what = "clip" if names_clips else "film"
    films = _many(found.num_films, what)
    together = "."
    if found.num_sources < found.num_films:
        films += f" from {_many(found.num_sources, 'source')}"
        together = f"; all {what}s of one source are in the same part."
    drawn = "rules" if has_rules else "thresholds"
    return [
        bullets(
            [
                f"The {films} were split into {found.num_folds} parts{together} A model that learnt the other parts "
                f"labelled the {what}s of each part, so every {what} was new to the model that labelled it.",
                f"The way to learn, the {drawn} and the adjustment of the scores were also chosen on the other parts: "
                f"no figure was measured on {what}s that chose anything. Labels, the kind of head and the rate follow "
                "from all annotations; the size of a network and its learning rate are the program's.",
                f"The finished model learnt all of these {what}s. It was not measured itself. It is usually a little "
                f"better, as it learnt more {what}s.",
            ]
        ),
        _figures(found),
        "All figures are in percent."
        + (
            f" AP is average precision, the mean over tIoU {min(found.tious):g} to {max(found.tious):g}."
            if found.tious
            else ""
        )
        + (
            " AP of events without a length is the mean over predictions within "
            f"{listed([f'{tolerance_s:g} s' for tolerance_s in found.tolerances_s])} of them."
            if found.tolerances_s
            else ""
        ),
        _promise(found, what),
    ]


def _figures(found: MeasuredFacts) -> str:
    others = [*found.baselines]
    rows = []
    for name, value in found.figures.items():
        interval = found.intervals.get(name)
        between = "-" if interval is None else " to ".join(map(percent, interval))
        rows.append((name, percent(value), between, *(percent(found.baselines[other].get(name)) for other in others)))
    return table(("all labels", "this model", "90 % interval", *others), rows)


def _promise(found: MeasuredFacts, what: str) -> str:
    """What the intervals say, and what they do not."""
    if not found.intervals:
        return f"There are no intervals: the {what}s of one source do not say how much {what}s differ."
    name = next(iter(found.figures))
    words = (
        f"What an interval says: if the model could be measured on all {what}s of this kind, the figure would lie in "
        f"the interval in about nine of ten cases. It does not say where the figure of a few new {what}s will be"
    )
    of_sources = found.num_sources < found.num_films
    if found.new_films is not None and (of_sources or what == "film"):  # five clips alone say nothing
        low, high = found.new_films
        words += (
            f": that of five new {'sources' if of_sources else 'films'} together should be between {percent(low)} and "
            f"{percent(high)} % ({plain(name)}) in nine of ten cases"
        )
    return f"{words}. For {what}s of another kind it says nothing."


def _held_out(found: MeasuredFacts, *, names_clips: bool) -> list[str]:
    what = "clip" if names_clips else "film"
    return [
        f"### On {what}s that were held out",
        f"The finished model on {_many(found.num_films, what)} that it did not learn and that chose nothing, in "
        "percent:",
        _figures(found),
    ]


# ---- films, labels


def _films(found: MeasuredFacts, *, names_clips: bool) -> list[str]:
    shown = [film for film in found.films if not names_clips or not film.figure]
    if not shown:
        return []
    if names_clips:
        shown = sorted(shown, key=lambda film: -(film.confused[2] if film.confused else 0.0))
        clips = [(film.name, *_clip_words(film)) for film in shown[:MAX_FILMS]]
        lines = ["### Wrong clips, the highest score first", table(("clip", "what was", "it called", "score"), clips)]
    else:
        rows = [(film.name, percent(film.figure), _film_words(film)) for film in shown[:MAX_FILMS]]
        lines = [
            "### Films, the worst first",
            table(("film", f"{found.film_figure}, %", "confused for the longest time"), rows),
        ]
    if len(shown) > MAX_FILMS:
        lines.append(f"And {len(shown) - MAX_FILMS} more.")
    return lines


def _clip_words(film: FilmFacts) -> tuple[str, str, str]:
    true, said, score = film.confused or (None, None, math.nan)
    return _named(true), _named(said), f"{score:.2f}"


def _film_words(film: FilmFacts) -> str:
    if film.confused is None:
        return "-"
    true, said, seconds = film.confused
    if said is None:
        return f"{true} was not seen ({seconds:.1f} s)"
    if true is None:
        return f"{said}, where nothing was ({seconds:.1f} s)"
    return f"{true} was called {said} ({seconds:.1f} s)"


def _labels(found: MeasuredFacts, *, names_clips: bool) -> list[str]:
    if not found.classes:
        return []
    has_ap = any(c.ap is not None for c in found.classes)
    has_points = any(c.threshold is not None for c in found.classes)
    header = ["label", "examples", "in films", *(["AP"] if has_ap else []), "precision", "recall", "F1"]
    rows = []
    for c in found.classes:
        shares = [*([c.ap] if has_ap else []), c.precision, c.recall, c.f1]
        threshold = [] if not has_points else ["-" if c.threshold is None else f"{c.threshold:.2f}"]
        rows.append((c.label, str(c.num_examples), str(c.num_films), *map(percent, shares), *threshold))
    of = "clips" if names_clips else "what the timelines show, at tIoU 0.5"
    within = [name.removeprefix(RECALL) for name in found.figures if name.startswith(f"{RECALL}within ")]
    if within:
        of += f", of events without a length {within[0]}"
    words = f"Precision, recall and F1 are of {of}."
    if has_points:
        words += " Threshold: the score that a segment of the finished model needs."
    mistakes = [(_named(true), _named(said), percent(share)) for true, said, share in found.mistakes[:MAX_MISTAKES]]
    of_what = "percent of its clips" if names_clips else "percent of its time"
    return [
        "### Labels",
        words,
        table((*header, *(["threshold"] if has_points else [])), rows),
        _cost(found.classes),
        *(["### What it confuses", table(("what was", "it called", of_what), mistakes)] if mistakes else []),
    ]


def _few(classes: Sequence[ClassFacts]) -> list[ClassFacts]:
    """The labels with few examples, those with the fewest first."""
    return sorted((c for c in classes if c.num_examples < FEW), key=lambda c: (c.num_examples, c.label))


def _cost(classes: Sequence[ClassFacts]) -> str:
    """What too few examples cost."""
    sentences = []
    if alone := [c for c in classes if c.num_sources == 1]:
        one = len(alone) == 1
        sentences.append(
            f"Only one film or source has {_names(alone)}: the models that labelled it had never learnt "
            f"{'this label' if one else 'these labels'}, so {'its' if one else 'their'} figures are 0. The finished "
            f"model has learnt {'it' if one else 'them'}, but nobody knows how well."
        )
    if few := _few(classes):
        words = f"Fewer than {FEW} examples: {_names(few)}. Such figures are mostly luck."
        poor, rich = (
            [c.f1 for c in classes if (c.num_examples < FEW) is is_few and c.f1 is not None] for is_few in (True, False)
        )
        if poor and rich:
            mean = [sum(values) / len(values) for values in (poor, rich)]
            words += f" The mean F1 of these labels is {percent(mean[0])} %, that of the others {percent(mean[1])} %."
        sentences.append(words)
    return " ".join(sentences)


def _names(classes: Sequence[ClassFacts]) -> str:
    return ", ".join(plain(c.label) for c in classes)


# ---- more films, probabilities


def _growth(curve: CurveFacts, found: MeasuredFacts | None, drawn: str) -> list[str]:
    name = "figure" if found is None else next(iter(found.figures), "figure")
    rows = [(str(num), percent(figure)) for num, figure in zip(curve.num_films, curve.figures, strict=True)]
    return [
        "### What more films would bring",
        f"The same films were labelled again by models that had learnt fewer others. {_gain(curve)}",
        table(("films learnt", f"{name}, %"), rows),
        drawn,
    ]


def _gain(curve: CurveFacts) -> str:
    if curve.gain is None or curve.gain_interval is None:
        return "What more films would bring cannot be said: there are too few of them, or they differ too much."
    low, high = (100 * bound for bound in curve.gain_interval)
    between = f"(90 % interval: {low:+.1f} to {high:+.1f})"
    if curve.gain <= 0:
        return f"Twice as many films of the same kind would hardly change it: {100 * curve.gain:+.1f} points {between}."
    return f"Twice as many films of the same kind would bring about {100 * curve.gain:.1f} points more {between}."


def _sureness(found: MeasuredFacts, drawn: str) -> list[str]:
    assert found.calibration_errors is not None
    before, after = (100 * error for error in found.calibration_errors)
    return [
        "### What the scores mean",
        "A score is a probability: of everything that gets a score of 0.7, about 70 % should be right. Here the scores "
        f"are wrong by {after:.1f} points on average ({plain(found.scored)}; {before:.1f} points before they were "
        "adjusted on other films).",
        drawn,
    ]


# ---- sentences


def _headline(found: MeasuredFacts) -> str:
    name, value = next(iter(found.figures.items()))
    sure = _sure(found.intervals, name)
    if name == "frame accuracy":
        return f"In films that it does not know, it labels {percent(value)} % of the time correctly{sure}."
    if name == "top-1":
        return f"Of clips that it does not know, it labels {percent(value)} % correctly{sure}."
    sentences: list[str] = []
    for recall in (figure for figure in found.figures if figure.startswith(RECALL)):
        how = recall.removeprefix(RECALL)
        what = f"events without a length ({how})" if how.startswith("within ") else "actions"
        right = ""
        if (precision := f"precision{recall.removeprefix('recall')}") in found.figures:
            share = f"{percent(found.figures[precision])} % of what it shows"
            right = f", and {share} is right{_sure(found.intervals, precision)}"
        finds = f"{percent(found.figures[recall])} % of the {what}{_sure(found.intervals, recall)}{right}."
        sentences.append(f"It finds {finds}" if sentences else f"In films that it does not know, it finds {finds}")
    if sentences:
        return f"{' '.join(sentences)} {plain(name)}: {percent(value)} %{sure}."
    return f"In films that it does not know: {plain(name)} {percent(value)} %{sure}."


def _sure(intervals: Mapping[str, tuple[float, float]], name: str) -> str:
    if name not in intervals:
        return ""
    low, high = intervals[name]
    return f" (90 % interval: {percent(low)} to {percent(high)} %)"


def _compared(found: MeasuredFacts) -> str:
    name = next(iter(found.figures))
    known = [(other, figures[name]) for other, figures in found.baselines.items() if name in figures]
    if not known:
        return ""
    return "To compare: " + ", ".join(f"{plain(other)} {percent(share)} %" for other, share in known) + "."


def _spread(found: MeasuredFacts) -> str:
    known = [(film.figure, film.name) for film in found.films if film.figure is not None]
    if len(known) < 2 or all(figure in (0.0, 1.0) for figure, _ in known):
        return ""
    (low, worst), (high, best) = min(known), max(known)
    name = plain(found.film_figure)
    return f"Films differ: {name} is {percent(low)} % in {plain(worst)}, and {percent(high)} % in {plain(best)}."


def _examples(of: ClassFacts) -> str:
    return f"{of.num_examples}" + f" in {_many(of.num_films, 'film')}" * (of.num_examples != of.num_films)


def _many(num: int, what: str) -> str:
    return f"{num} {what}{'s' * (num != 1)}"


def _named(label: str | None) -> str:
    return "(nothing)" if label is None else label
