"""Labels of whole films: those that are predicted, or what the predicted segments come to.

N films, K labels; number K is nothing: what the background's labels mean, and what a film without a segment shows
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import InputError, listed
from vtn_stream.evaluation.figures import ClipRule, Clips, Confusion
from vtn_stream.evaluation.scored_films import ScoredFilm, covered_s
from vtn_stream.evaluation.tallies import clip_tally
from vtn_stream.evaluation.tally import Tally
from vtn_stream.film import one_form
from vtn_stream.formats.annotations.words import shown
from vtn_stream.metrics import mean_per_class, top_k

__all__ = ["clips", "tally_of"]


def clips(films: Sequence[ScoredFilm], labels: Sequence[str], background: Collection[str], notes: list[str]) -> Clips:
    """The figures of films that have one label each. Where no label of a whole film is predicted, its segments decide:

    share of time  the label whose segments cover the most of the film
    highest score  the label of the segment that scores highest; segments without a score are sure

    Where the truth has background, nothing is an answer too: by share of time if more than any label covers is left, by
    highest score if there is no segment. Raises InputError where the truth has no labels of whole films.
    """
    scored, answers, truth = _answers(films, labels, background)
    drawn = [film for film in scored if film.prediction is not None and not film.clip_labels]
    _remark(scored, drawn, bool(background), notes)
    num_answers = len(labels) + bool(background)
    if num_answers == 1 and not drawn:
        notes.append("There is only one label, so that no film can get a wrong one: there is no accuracy.")
    by_share = _figures(answers["share of time"], truth, labels, "share of time" if drawn else "label", num_answers)
    if not drawn:
        return by_share
    by_score = _figures(answers["highest score"], truth, labels, "highest score", num_answers)
    return replace(by_share, by_highest_score=by_score)


def tally_of(films: Sequence[ScoredFilm], labels: Sequence[str], background: Collection[str]) -> Tally:
    """What each of these films adds to their figures."""
    scored, answers, truth = _answers(films, labels, background)
    drawn = any(film.prediction is not None and not film.clip_labels for film in scored)
    given = {str(rule): of for rule, of in answers.items()} if drawn else {"": answers["share of time"]}
    return clip_tally([film.name for film in scored], given, truth, len(labels) + bool(background))


def _answers(
    films: Sequence[ScoredFilm], labels: Sequence[str], background: Collection[str]
) -> tuple[list[ScoredFilm], dict[ClipRule, NDArray[np.float64]], NDArray[np.int32]]:
    """The films that have one label each, what speaks for each label [N, K + 1] by each rule, and the true ones [N]."""
    number = {one_form(label): k for k, label in enumerate(labels)}
    number |= {one_form(label): len(labels) for label in background}
    scored = [film for film in films if film.clip_label is not None and one_form(film.clip_label) in number]
    if not scored:
        raise InputError("the truth has no labels of whole films", "there is no accuracy", "ask for other metrics")
    truth = np.array([number[one_form(str(film.clip_label))] for film in scored], np.int32)
    answers: dict[ClipRule, NDArray[np.float64]] = {
        rule: np.full((len(scored), len(labels) + 1), -np.inf) for rule in get_args(ClipRule) if rule != "label"
    }
    for i, film in enumerate(scored):
        for rule, scores in answers.items():
            for label, value in film.clip_labels or _from_segments(film, rule, rest=bool(background)):
                k = number.get(one_form(label), len(labels))
                scores[i, k] = max(scores[i, k], value)
    return scored, answers, truth


def _from_segments(film: ScoredFilm, rule: ClipRule, *, rest: bool) -> list[tuple[str, float]]:
    """How much speaks for each label of a film, by its segments; with rest also for nothing, whose label is ""."""
    if film.prediction is None:
        return []
    lasting = [s for s in film.shown if s.start_s < s.end_s]
    of_label = {s.label: [t for t in lasting if t.label == s.label] for s in lasting}
    if rule == "highest score":
        best = {label: max(1.0 if s.score is None else s.score for s in found) for label, found in of_label.items()}
        return [*best.items()] or [("", 0.0)] * rest
    whole_s = film.duration_s or math.inf
    shares = [(label, covered_s(found) / whole_s) for label, found in of_label.items()]
    if rest:
        shares.append(("", max(0.0, 1 - covered_s(lasting) / whole_s)))
    return shares


def _figures(
    scores: NDArray[np.float64], truth: NDArray[np.int32], labels: Sequence[str], rule: ClipRule, num_answers: int
) -> Clips:
    """Of scores [N, K + 1] and the true numbers [N]."""
    known = num_answers > 1 or rule != "label"
    best = np.where(np.isfinite(scores).any(axis=1), scores.argmax(axis=1), len(labels)).astype(np.int32)
    return Clips(
        num_clips=len(truth),
        decided_by=rule,
        top_1=top_k(scores, truth, 1) if known else math.nan,
        top_5=top_k(scores, truth, 5) if num_answers > 5 else None,
        mean_per_class=mean_per_class(scores, truth) if known else math.nan,
        confusion=Confusion.of(truth, best, labels),
    )


def _remark(scored: Sequence[ScoredFilm], drawn: Sequence[ScoredFilm], rest: bool, notes: list[str]) -> None:
    if drawn:
        notes.append(
            f"Of {len(drawn)} of {len(scored)} films no label of the whole film is predicted: their segments decide. "
            "By share of time a film has the label whose segments cover the most of it"
            + " (nothing, if more time is without a segment)" * rest
            + "; by highest score, the label of the segment with the highest score"
            + " (nothing, if there is no segment)" * rest
            + "."
        )
    if empty := [film.name for film in drawn if not film.shown]:
        notes.append(
            f"{len(empty)} of these films show no segment ({listed(empty)}), which counts as "
            + ("nothing." if rest else "wrong. If a label means that nothing happens, name it with --background.")
        )
    if len({film.clip_label for film in scored}) == 1 and len(scored) > 1:
        notes.append(f"All films are {shown(scored[0].clip_label)}: a model that always says this is always right.")
