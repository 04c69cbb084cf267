"""What a model can learn from annotations: the head that suits them, and whether there are enough examples."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from vtn_stream.corrections import joined
from vtn_stream.errors import InputError, listed
from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.formats.annotations.spelling import look_alikes
from vtn_stream.heads import HEADS
from vtn_stream.known import seconds, shared
from vtn_stream.model import DenseConfig, LocalizationConfig
from vtn_stream.training.events import HeadKind
from vtn_stream.training.split import Parts, examples

__all__ = ["check_enough", "check_head", "check_streamable", "natural_head"]

COVERED = 0.9  # of the films' time, from which one label at every moment is what the annotations say
OVERLAPPING = 0.01  # of it, up to which that is a slip of the hand
FEW = 3  # segments in all teach nothing
FEWEST = 2  # of a label: one alone is its only example


def natural_head(videos: Mapping[str, AnnotatedVideo]) -> HeadKind:
    """The head that suits the films: classification if every film has a label as a whole; dense if segments cover 90 %
    of the films' time and do not overlap (phases, periods), and nothing is an instant; else localization.
    """
    if all(video.clip_label is not None for video in videos.values()):
        return "classification"
    if _instants(videos):
        return "localization"
    total_s, covered_s, overlapping_s = _time(videos)
    return "dense" if covered_s >= COVERED * total_s > 0 and overlapping_s <= OVERLAPPING * total_s else "localization"


def check_head(videos: Mapping[str, AnnotatedVideo], head: HeadKind) -> None:
    """Raises InputError if there is no such head, or it cannot express what the annotations say."""
    if head not in HEADS:
        raise InputError(f"there is no {head} head", "nothing was trained", f"use {', '.join(HEADS)}, or leave it out")
    if HEADS[head].names_clips:
        if any(video.known is not None for video in videos.values()):
            raise InputError(
                f"a {head} head learns the label of whole clips, and corrected timelines say when something happens",
                "nothing was trained",
                "leave out --head, or use localization or dense",
            )
        if cut := [name for name, video in videos.items() if video.clip_label is None]:
            raise InputError(
                f"a {head} head gives a whole clip one label, but there are segments in {listed(cut)}",
                "nothing was trained",
                "leave out --head, or use localization or dense",
            )
    elif any(video.clip_label is not None for video in videos.values()):
        whole = [name for name, video in videos.items() if video.clip_label is not None]
        raise InputError(
            f"a {head} head learns when something happens, but {listed(whole)} has only one label for the whole film",
            "nothing was trained",
            "leave out --head, or annotate segments",
        )
    elif HEADS[head].drawing == "phases":
        if instants := _instants(videos):
            raise InputError(
                f"a {head} head gives every moment one label, but events labelled {listed(instants)} have no length",
                "nothing was trained",
                "use --head localization, or give those events a length",
            )
        total_s, _, overlapping_s = _time(videos)
        if overlapping_s > OVERLAPPING * total_s:
            raise InputError(
                f"a {head} head gives every moment one label, but segments overlap for {overlapping_s:.0f} s "
                f"of {total_s:.0f} s",
                "nothing was trained",
                "use --head localization",
            )


def check_streamable(head: HeadKind) -> None:
    """Raises InputError for a head that cannot be part of a model that can be followed: one of a plug-in that does not
    name clips.
    """
    if not (HEADS[head].names_clips or HEADS[head].config in (DenseConfig, LocalizationConfig)):
        raise InputError(
            f"a {head} head may need the whole film, so its model cannot be followed",
            "nothing was trained",
            "leave out --streamable, or use another --head",
        )


def check_enough(
    videos: Mapping[str, AnnotatedVideo],
    labels: Sequence[str],
    split: Parts,
    head: HeadKind,
    *,
    anyway: bool = False,
    old: Collection[str] = (),
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels of these that can be learnt, in this order, and a line for each thing that is not as it should be.

    old: labels that the model knows from which the training goes on; of these, few examples are enough, or none where
    people say that nothing happens.
    A label without an example in a film to learn from is not learnt. Raises InputError if there is nothing to learn,
    and, unless anyway, where there is too little: 3 segments in all, a label with one, films of one source.
    """
    of_folds = [sum((examples(videos[name]) for name in fold), Counter[str]()) for fold in split.folds]
    counts = sum((*of_folds, *(examples(videos[name]) for name in split.always)), Counter[str]())
    held_out = sum((examples(videos[name]) for name in split.held_out), Counter[str]())
    of_clips = HEADS[head].names_clips
    what = "clip" if of_clips else "segment"
    learnt = tuple(label for label in labels if counts[label])
    if not learnt and not (old and split.learnt):
        raise InputError(
            f"no film to learn from has a {what}" if split.learnt else "there is no film to learn from",
            "nothing was trained",
            "annotate films for training, keep or add segments in their pages, or change their subset",
        )
    if of_clips and len(learnt) == 1:
        raise InputError(
            f"every clip is labelled {learnt[0]}",
            "a model needs at least two labels, so nothing was trained",
            "add clips with another label",
        )
    little = _too_little(counts, split, what, old)
    if little and not anyway:
        raise InputError(
            f"there is too little data to learn from: {', '.join(little)}",
            "nothing was trained",
            _cure_by_spelling(counts, split, what) + "annotate more, or train nevertheless with --anyway",
        )
    notes = [f"too little data to learn from: {text}" for text in little]
    in_folds = {label: sum(bool(fold[label]) for fold in of_folds) for label in learnt}
    if len(of_folds) > 1 and (alone := [label for label in learnt if in_folds[label] == 1]):
        notes.append(
            f"{listed(alone)}: in films of one fold only (one film, one source, or the validation films), so no model "
            "that learnt without those films can find it: its figures are those of a label that was never seen"
        )
    if split.held_out and not held_out.total():
        notes.append(f"no film that is held out has a {what}, so these films measure nothing")
    if unseen := [label for label in held_out if not counts[label]]:
        notes.append(f"{listed(unseen)}: only in films that are held out, so not trained and not in the figures")
    if never := [label for label in labels if not counts[label] and not held_out[label]]:
        notes.append(f"{listed(never)}: without a {what} in these films, so not trained")
    if len(learnt) == 1:
        notes.append(f"there is one label: {learnt[0]} is trained against everything else in the films")
    return learnt, tuple(notes)


def _instants(videos: Mapping[str, AnnotatedVideo]) -> list[str]:
    """The labels of events without a length."""
    return sorted({s.label for video in videos.values() for s in video.segments if s.start_s == s.end_s})


def _too_little(counts: Counter[str], split: Parts, what: str, old: Collection[str] = ()) -> list[str]:
    """What there is too little of, in words; counts: how often each label occurs in the films to learn from."""
    little = []
    num = counts.total()
    if num <= FEW and not old:
        little.append(f"there {'is' if num == 1 else 'are'} {num} {what}{'s' * (num > 1)} in total")
    if rare := sorted(label for label, times in counts.items() if 0 < times < FEWEST and label not in old):
        little.append(f"{listed(rare)} {'has' if len(rare) == 1 else 'have'} one {what}" + " each" * (len(rare) > 1))
    if len(split.folds) < 2 and not split.always:
        one = "there is one film" if len(split.learnt) == 1 else "all films have one source"
        little.append(f"{one}, so nothing can be chosen or measured on another")
    return little


def _cure_by_spelling(counts: Counter[str], split: Parts, what: str) -> str:
    """What to correct, if labels that look misspelt are the reason for all that is too little; else nothing."""
    meant = dict(look_alikes(counts))

    right = Counter[str]()
    for label, times in counts.items():
        right[meant.get(label, label)] += times
    if not meant or _too_little(right, split, what):
        return ""
    pairs = listed(f"{label} to {right}" for label, right in meant.items())
    return f"correct the spelling ({pairs}), then there is enough; or "


def _time(videos: Mapping[str, AnnotatedVideo]) -> tuple[float, float, float]:
    """Seconds of the films: all, those with a segment, and those with more than one at a time. Of a corrected timeline
    those in which all is known; if there is no such time, what is unknown counts as time without a segment.
    """
    labels = sorted({s.label for video in videos.values() for s in video.segments})
    total_s = covered_s = overlapping_s = 0.0
    for video in videos.values():
        end_s = 0.0
        if video.known is not None and (every := video.known.every(labels)):
            total_s += seconds(every)
            covered_s += seconds(shared(tuple(joined((s.start_s, s.end_s) for s in video.segments)), every))
            overlapping_s += sum(s.duration_s for s in video.segments)
            overlapping_s -= seconds(joined((s.start_s, s.end_s) for s in video.segments))
            continue
        for segment in video.segments:  # sorted by start
            begin_s = max(segment.start_s, end_s)
            covered_s += max(0.0, segment.end_s - begin_s)
            overlapping_s += max(0.0, min(segment.end_s, end_s) - segment.start_s)
            end_s = max(end_s, segment.end_s)
        total_s += max(end_s, video.duration_s or 0.0)
    return total_s, covered_s, overlapping_s
