"""Splits films into folds, of which each is predicted by what the others taught. Knows annotations only.

G groups: films that share a scene, by their source, or one film alone. L labels. A group is never in two folds, and
films of the subset test are in none.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import InputError
from vtn_stream.formats.annotations import AnnotatedVideo

__all__ = ["NO_FOLD", "Parts", "examples", "folds", "group", "parts"]

NUM_FOLDS = 5
NO_FOLD = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The sorted ids of the films in each fold, of which all are learnt from, and of those that are held out.

    A model of a fold learns from the other folds. Where there is one fold, nothing can be predicted by such a model.
    always: films of no fold, which each model learns, and none predicts. notes: what was not done as the annotations
    say.
    """

    folds: tuple[tuple[str, ...], ...]
    held_out: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def learnt(self) -> tuple[str, ...]:
        """The films that are learnt from, sorted."""
        return tuple(sorted((*self.always, *(name for fold in self.folds for name in fold))))

    @property
    def fold_of(self) -> dict[str, int]:
        """The number of each film's fold; NO_FOLD of one in none."""
        of = {name: number for number, fold in enumerate(self.folds) for name in fold}
        return of | dict.fromkeys(self.always, NO_FOLD)


def examples(video: AnnotatedVideo) -> Counter[str]:
    """How often a film shows each label: a whole clip once, else the number of its segments."""
    if video.clip_label is not None:
        return Counter([video.clip_label])
    return Counter(segment.label for segment in video.segments)


def group(name: str, video: AnnotatedVideo) -> str:
    """What the films of one scene share, and no others: a source may be called like a film."""
    return f"film {name}" if video.source is None else f"source {video.source}"


def parts(videos: Mapping[str, AnnotatedVideo], seed: int = 0, *, hold_out: bool = False) -> Parts:
    """Folds of whole groups, similar in duration and in the examples of each label; 5, or as many as there are groups.

    If the annotations name training and validation films, the validation films are one fold; hold_out: they are held
    out instead. Equal films and seed, whatever their order, give equal folds. Raises InputError if films should be held
    out and none can be.
    """
    used = {name: video for name, video in sorted(videos.items()) if video.subset != "test"}
    validating, notes = _validating(used, hold_out)
    if hold_out and not validating:
        raise InputError(
            "no film can be held out: the annotations do not name both training and validation films",
            "nothing was trained",
            "give films the subset validation, and others training, or leave out --hold-out",
        )
    left_out = (
        {name for name, video in used.items() if video.subset == "validation"} - validating if hold_out else set()
    )
    rest = {name: video for name, video in used.items() if name not in validating | left_out}
    own = (tuple(sorted(validating)),) if validating and not hold_out else ()
    num_groups = len({group(name, video) for name, video in rest.items()})
    num = min(NUM_FOLDS - len(own), num_groups)
    others = folds(rest, num, seed) if num > 1 else (tuple(rest),) if rest else ()
    return Parts(folds=(*own, *others), held_out=tuple(sorted(validating)) if hold_out else (), notes=notes)


def _validating(used: Mapping[str, AnnotatedVideo], hold_out: bool) -> tuple[set[str], tuple[str, ...]]:
    """The films of the subset validation, with the films of no subset in their groups, and notes. No film of a group
    that has a training film; none at all if there are no training films.
    """
    subsets: dict[str, set[str | None]] = defaultdict(set)
    for name, video in used.items():
        subsets[group(name, video)].add(video.subset)
    named = {name for name, video in used.items() if video.subset == "validation"}
    if not any("training" in there for there in subsets.values()):
        anew = "the annotations name validation films but no training films: all films are learnt from"
        return set(), (anew,) if named else ()
    of_group = {name: subsets[group(name, video)] for name, video in used.items()}
    chosen = {name for name, there in of_group.items() if "validation" in there and "training" not in there}
    notes = []
    if shared := named - chosen:
        many = f"{len(shared)} validation films share their source with training films"
        one = f"the validation film {min(shared)} shares its source with a training film"
        end = "left out: the figures would be too good" if hold_out else "learnt with it"
        notes.append(f"{one} and is {end}" if len(shared) == 1 else f"{many} and are {end.replace('it', 'them')}")
    return chosen, tuple(notes)


def folds(videos: Mapping[str, AnnotatedVideo], num: int, seed: int = 0) -> tuple[tuple[str, ...], ...]:
    """The films in `num` parts for cross-validation, similar in duration and in the examples of each label.

    Greedy: groups with the rarest labels first, the longest first, each to the part that has the least of what it
    holds. Raises InputError if there are fewer groups than parts.
    """
    groups = _Groups({name: video for name, video in sorted(videos.items()) if video.subset != "test"})
    if not 2 <= num <= len(groups.names):
        raise InputError(
            f"{len(groups.names)} groups of films cannot be split into {num} parts",
            "no part was made",
            "ask for at least 2 parts, and at most as many as there are films or sources",
        )
    share = groups.counts / np.maximum(groups.counts.sum(0), 1)  # [G, L]
    share = np.column_stack([share, groups.amounts / groups.amounts.sum()])
    rarest = np.where(groups.counts > 0, (groups.counts > 0).sum(0), len(groups.names)).min(1, initial=len(share))
    shuffled = np.random.default_rng(seed).permutation(len(share))
    order = shuffled[np.lexsort((-groups.amounts[shuffled], rarest[shuffled]))]
    filled = np.zeros((num, share.shape[1]))
    part = np.zeros(len(share), np.intp)
    for g in order:
        part[g] = filled[:, share[g] > 0].sum(1).argmin()
        filled[part[g]] += share[g]
    return tuple(groups.of(part == k) for k in range(num))


class _Groups:
    """names [G] of the films; counts int [G, L], examples of each label; amounts [G], seconds, or films."""

    def __init__(self, used: Mapping[str, AnnotatedVideo]) -> None:
        members: dict[str, list[str]] = defaultdict(list)
        for name, video in used.items():
            members[group(name, video)].append(name)
        self.names = list(members.values())
        labels = sorted({label for video in used.values() for label in examples(video)})
        number = {label: k for k, label in enumerate(labels)}
        by_number = any(video.clip_label is not None or video.duration_s is None for video in used.values())
        self.counts = np.zeros((len(self.names), len(labels)), np.int64)
        self.amounts = np.zeros(len(self.names))
        for g, names in enumerate(self.names):
            for video in (used[name] for name in names):
                self.amounts[g] += 1.0 if by_number else (video.duration_s or 1.0)
                for label, num in examples(video).items():
                    self.counts[g, number[label]] += num

    def of(self, chosen: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(sorted(name for g in np.flatnonzero(chosen) for name in self.names[g]))
