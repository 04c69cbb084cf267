"""The films to score: truth and predictions of each, side by side, and what is odd about them."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vtn_stream.errors import InputError, listed
from vtn_stream.evaluation.predictions import Prediction, assign, folders_differ, suggestion
from vtn_stream.film import one_form
from vtn_stream.formats.annotations import AnnotatedVideo, Annotations
from vtn_stream.formats.annotations.annotated import Subset
from vtn_stream.formats.annotations.pace import Paced, wrong_pace
from vtn_stream.formats.annotations.words import shown
from vtn_stream.known import Known, seconds
from vtn_stream.timeline import Segment

__all__ = ["Part", "ScoredFilm", "chosen", "covered_s", "matched", "remark_shown_only"]

Part = Subset | Literal["all"]

END_TOLERANCE_S = 0.5  # as annotations are read: containers and annotators disagree by some frames


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredFilm:
    """One film of the truth. Segments are sorted.

    duration_s   as the annotations give it, else the predictions; else where the last segment ends
    true         what happens in it; clip_label: the one label of the whole film
    unfindable   true segments without a length, which detection counts and nothing finds: where published figures were
                 measured with such
    prediction   None: nothing is predicted of it, which counts as finding nothing
    known        in which of its time it is known what happens; None: in all of it. Nothing else counts
    """

    name: str
    duration_s: float
    true: tuple[Segment, ...]
    clip_label: str | None
    prediction: Prediction | None
    unfindable: tuple[Segment, ...] = ()
    known: Known | None = None

    @property
    def drawn(self) -> tuple[Segment, ...]:
        """What the timeline shows, whether it counts or not."""
        return () if self.prediction is None else self.prediction.segments

    @property
    def shown(self) -> tuple[Segment, ...]:
        return self.drawn if self.known is None else self.known.counting(self.drawn)

    @property
    def candidates(self) -> tuple[Segment, ...]:
        found = None if self.prediction is None else self.prediction.candidates
        if found is None:
            return self.shown
        return found if self.known is None else self.known.counting(found)

    @property
    def clip_labels(self) -> tuple[tuple[str, float], ...]:
        return () if self.prediction is None else self.prediction.clip_labels


def chosen(truth: Annotations, part: Part | None) -> list[str]:
    """The films of a part, by name. None: all that are not for training, if there are any; of those for testing none,
    if nothing is annotated in any of them: then their annotations are kept secret, as ActivityNet's are.

    Raises InputError if there is no such film.
    """
    subset = {name: video.subset for name, video in truth.videos.items()}
    if part is None:
        others = {name for name in subset if subset[name] != "training"}
        return sorted(others - _secret(truth)) or sorted(others) or sorted(subset)
    names = sorted(name for name in subset if part in ("all", subset[name]))
    if not names:
        there = sorted({value for value in subset.values() if value is not None})
        raise InputError(
            f"the annotations have no {part} film",
            "nothing was scored",
            f"choose another subset: there is {' and '.join(there) or 'all'}",
        )
    return names


def _secret(truth: Annotations) -> set[str]:
    """The films for testing, if nothing is annotated in any of them."""
    films = {name: video for name, video in truth.videos.items() if video.subset == "test"}
    known = any(v.segments or v.unfindable or v.clip_label is not None for v in films.values())
    return set() if known else set(films)


def matched(
    predictions: Mapping[str, Prediction],
    truth: Annotations,
    part: Part | None,
    background: Collection[str],
    *,
    ignore_other_videos: bool,
    skip_bad: bool = False,
) -> tuple[list[ScoredFilm], list[str]]:
    """The films of `part`, by name, and sentences that a reader of the figures must know.

    part      None: all that are not for training, where there are others
    skip_bad  leave out predictions of labels that no annotation has
    """
    notes: list[str] = []
    spelled = {one_form(label): label for label in truth.labels}
    background = {spelled.get(one_form(label), label) for label in background}
    if strangers := sorted(background - set(truth.labels)):
        raise _unknown(strangers, truth.labels, "the background is called")
    assigned, others = assign(predictions, truth.videos)
    names = chosen(truth, part)
    if part is None and len(names) < len(truth.videos):
        secret = _secret(truth) - set(names)
        left_out = [_counted(len(truth.videos) - len(names) - len(secret), "training film")]
        if secret:
            left_out.append(_counted(len(secret), "test film") + " in which nothing is annotated")
        left_out = [text for text in left_out if not text.startswith("0 ")]
        notes.append(f"Left out: {' and '.join(left_out)} (--subset all chooses them too).")
    outside = others + [assigned[film] for film in assigned if film not in names and part is not None]
    if outside and not ignore_other_videos:
        name = outside[0]
        if name in others:
            fact = f"there is a prediction of {shown(name)}, which is not in the annotations"
            fact += suggestion(name, truth.videos)
        else:
            fact = f"there is a prediction of {shown(name)}, which is not a {part} film"
        raise InputError(
            fact + f" ({len(outside)} such)" * (len(outside) > 1),
            "nothing was scored",
            "leave such predictions out, or ignore them with --ignore-other-videos",
        )
    if outside:
        notes.append(f"Predictions of {_counted(len(outside), 'other film')} were ignored: {listed(outside)}.")
    if loose := [
        f"{assigned[name]} as {name}" for name in names if name in assigned and folders_differ(assigned[name], name)
    ]:
        notes.append(f"Matched with the film of the same name in another folder: {listed(loose)}.")
    films = []
    strange: Counter[str] = Counter()
    for name in names:
        prediction = predictions.get(assigned.get(name, ""))
        if prediction is not None:
            if "" not in (prediction.identity, truth.videos[name].identity or ""):
                _check_same(name, prediction, truth.videos[name])
            prediction = _without(_respelled(prediction, spelled), background)
            unknown = _all_labels(prediction) - set(truth.labels)
            if unknown and not skip_bad:
                raise _unknown(sorted(unknown), truth.labels, f"in {shown(name)} the predictions say")
            found = prediction.segments if prediction.candidates is None else prediction.candidates
            strange.update(s.label for s in found if s.label in unknown)
            strange.update(label for label, _ in prediction.clip_labels if label in unknown)
            prediction = _without(prediction, unknown)
        films.append(_film(name, truth.videos[name], prediction, background))
    if strange:
        num = _counted(strange.total(), "prediction")
        notes.append(f"Left out: {num} of labels that no annotation has: {listed(sorted(strange))}.")
    _check_pace(films, truth)
    _remark(films, truth, notes)
    return films, notes


def _check_same(name: str, prediction: Prediction, video: AnnotatedVideo) -> None:
    """Raises InputError where the predictions are of another film than the one that was corrected."""
    if prediction.identity != video.identity:
        raise InputError(
            f"the predictions of {shown(name)} are of another film than the corrections, or of another version of it",
            "nothing was scored: the times would be wrong",
            "give predictions of the film that was corrected",
        )


def covered_s(segments: Iterable[Segment]) -> float:
    """Seconds covered by any of the segments, which are sorted by their start."""
    total_s, until_s = 0.0, -math.inf
    for s in segments:
        total_s += max(0.0, s.end_s - max(s.start_s, until_s))
        until_s = max(until_s, s.end_s)
    return total_s


def _check_pace(films: Sequence[ScoredFilm], truth: Annotations) -> None:
    """Raises InputError where labels a frame last much longer or shorter than the films, on either side."""
    of_truth, of_predictions, both = [], [], []
    for film in films:
        video, prediction = truth.videos[film.name], film.prediction
        if prediction is None or not video.duration_s or not prediction.duration_s:
            continue
        counts = (video.num_labels, prediction.num_labels)
        if counts[0] is not None and counts[1] is not None:
            both.append(Paced(film.name, counts[1], prediction.duration_s, video.duration_s))
        elif counts[0] is not None:
            of_truth.append(Paced(film.name, counts[0], video.duration_s, prediction.duration_s))
        elif counts[1] is not None:
            of_predictions.append(Paced(film.name, counts[1], prediction.duration_s, video.duration_s))
    for side in (of_truth, of_predictions):
        if (wrong := wrong_pace(side)) is not None:
            raise InputError(wrong[0], "nothing was scored: the times would be wrong", wrong[1])
    if wrong_pace(both) is not None:
        first = both[0]
        raise InputError(
            f"the predictions of {shown(first.name)} have {first.num_labels} labels, and the annotations "
            f"{truth.videos[first.name].num_labels}: they do not count at one rate",
            "nothing was scored",
            "write both at one rate, which --annotation-fps names",
        )


def remark_shown_only(films: Sequence[ScoredFilm], notes: list[str]) -> None:
    """Says so where average precision lacks what the timelines do not show."""
    if unknown := [film.name for film in films if film.prediction is not None and film.prediction.candidates is None]:
        notes.append(
            "Average precision counts what the timelines show: doubtful segments below the model's thresholds, which "
            f"it would count as well, are not known of {len(unknown)} of {len(films)} films ({listed(unknown)}). "
            "FILM.scores.arrow beside a timeline has them, unless one of both was changed; so has --model."
        )


def _counted(num: int, thing: str) -> str:
    return f"{num} {thing}{'s' * (num != 1)}"


def _film(name: str, video: AnnotatedVideo, prediction: Prediction | None, background: Collection[str]) -> ScoredFilm:
    duration_s = video.duration_s
    if duration_s is None and prediction is not None:
        duration_s = prediction.duration_s
    true = video.segments
    if video.clip_label is not None and not true and duration_s is not None:
        true = (Segment(start_s=0.0, end_s=duration_s, label=video.clip_label),)
    if duration_s is None:
        found = () if prediction is None else prediction.segments
        duration_s = max((s.end_s for s in (*true, *found)), default=0.0)
    return ScoredFilm(
        name=name,
        duration_s=max(duration_s, 0.0),
        true=tuple(s for s in true if s.label not in background),
        clip_label=video.clip_label,
        prediction=prediction,
        unfindable=tuple(Segment(start_s=0.0, end_s=0.0, label=x) for x in video.unfindable if x not in background),
        known=video.known,
    )


def _without(prediction: Prediction, background: Collection[str]) -> Prediction:
    """The prediction without the background's segments. As a label of a whole film, background is an answer."""
    if not background:
        return prediction

    def kept(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
        return tuple(s for s in segments if s.label not in background)

    candidates = prediction.candidates
    return replace(
        prediction,
        segments=kept(prediction.segments),
        candidates=None if candidates is None else kept(candidates),
    )


def _respelled(prediction: Prediction, spelled: Mapping[str, str]) -> Prediction:
    """The prediction with the truth's labels where they differ in the form of Unicode alone."""

    def as_truth(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
        return tuple(replace(s, label=spelled.get(one_form(s.label), s.label)) for s in segments)

    candidates = prediction.candidates
    return replace(
        prediction,
        segments=as_truth(prediction.segments),
        candidates=None if candidates is None else as_truth(candidates),
        clip_labels=tuple((spelled.get(one_form(label), label), score) for label, score in prediction.clip_labels),
    )


def _all_labels(prediction: Prediction) -> set[str]:
    given = {s.label for s in (*prediction.segments, *(prediction.candidates or ()))}
    return given | {label for label, _ in prediction.clip_labels}


def _unknown(strangers: Sequence[str], labels: Sequence[str], where: str) -> InputError:
    return InputError(
        f"{where} {listed(strangers)}, which the annotations do not have{suggestion(strangers[0], labels)}",
        "nothing was scored",
        f"rename these labels, or leave them out (--skip-bad); the annotations have {listed(labels)}",
    )


def _of_other_subset(films: Sequence[ScoredFilm], truth: Annotations) -> str:
    """What to do where the films without predictions are one subset, and those with predictions another."""
    without = {truth.videos[film.name].subset for film in films if film.prediction is None}
    known = {truth.videos[film.name].subset for film in films if film.prediction is not None}
    if len(without) == len(known) == 1 and without != known and None not in without | known:
        return f" They are the subset {without.pop()}: --subset {known.pop()} leaves them out."
    return ""


def _remark(films: Sequence[ScoredFilm], truth: Annotations, notes: list[str]) -> None:
    if partly := [film for film in films if film.known is not None]:
        spans = (film.known.of_one_label(truth.labels, film.true) for film in partly if film.known is not None)
        seen_s, total_s = sum(map(seconds, spans)), sum(film.duration_s for film in partly)
        notes.append(
            f"Of {_counted(len(partly), 'film')}, people looked at {seen_s:.1f} of {total_s:.1f} s: what is predicted "
            "in the rest is neither right nor wrong."
        )
    if missing := [film.name for film in films if film.prediction is None]:
        num = f"{len(missing)} of {_counted(len(films), 'film')}"
        hint = _of_other_subset(films, truth)
        notes.append(f"There is no prediction for {num}, which counts as finding nothing: {listed(missing)}.{hint}")
    if partial := [film.name for film in films if film.prediction is not None and not film.prediction.complete]:
        num = _counted(len(partial), "film")
        notes.append(f"Of {num} only a part was analyzed, and all of it is scored: {listed(partial)}.")
    if changed := [film.name for film in films if film.prediction is not None and film.prediction.changed]:
        num = f"{len(changed)} of {_counted(len(films), 'film')}"
        notes.append(
            f"The timelines of {num} were changed since they were written: their figures are not the model's alone "
            f"({listed(changed)})."
        )
    late = []
    for film in films:
        known_s = None if film.prediction is None else film.prediction.duration_s
        if known_s is not None and max((s.end_s for s in film.true), default=0.0) > known_s + END_TOLERANCE_S:
            late.append(film.name)
    if late:
        num = _counted(len(late), "film")
        notes.append(
            f"The truth continues after the end of {num}; are its times seconds of these films? {listed(late)}."
        )
    unknown = [
        film.name
        for film in films
        if truth.videos[film.name].duration_s is None
        and (film.prediction is None or film.prediction.duration_s is None)
    ]
    if unknown:
        num = _counted(len(unknown), "film")
        notes.append(f"The duration of {num} is not known: the last segment was taken as the end ({listed(unknown)}).")
