"""Splits films into those to train on and those to validate on. Knows annotations only.

G groups: films that share a scene, by their source, or one film alone. L labels. A group is never on both sides, and
films of the subset test are on neither.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import InputError
from vtn_stream.formats.annotations import AnnotatedVideo

__all__ = ["Sides", "examples", "folds", "group", "split"]

SHARE = 0.2  # of the films, which validate
MAX_SHARE = 0.3  # where it takes more of them to have every label
MAX_TRIALS, MAX_WORK = 64, 100_000  # of a search: with many groups few trials are as good


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The sorted ids of the films on both sides; notes: what was not done as the annotations say."""

    training: tuple[str, ...]
    validation: tuple[str, ...]
    notes: tuple[str, ...] = ()


def examples(video: AnnotatedVideo) -> Counter[str]:
    """How often a film shows each label: a whole clip once, else the number of its segments."""
    if video.clip_label is not None:
        return Counter([video.clip_label])
    return Counter(segment.label for segment in video.segments)


def group(name: str, video: AnnotatedVideo) -> str:
    """What the films of one scene share, and no others: a source may be called like a film."""
    return f"film {name}" if video.source is None else f"source {video.source}"


def split(videos: Mapping[str, AnnotatedVideo], seed: int = 0) -> Sides:
    """Training and validation films: by the subsets of the annotations, if there are films of both.

    Else about a fifth of the films validates, by duration, or by number where they are clips: of `MAX_TRIALS` seeded
    draws the one with the most labels in validation, then the one that is nearest to a fifth of all and of each label.
    Every label keeps two of its examples in training; where no film can be spared then, one. Where none can be spared
    at all, nothing validates. Equal films and seed, whatever their order, give equal sides.
    """
    used = {name: video for name, video in sorted(videos.items()) if video.subset != "test"}
    if {"training", "validation"} <= {video.subset for video in used.values()}:
        return _as_told(used)
    groups = _Groups(used)
    held = np.zeros(len(groups.names), np.bool_)
    for num_kept in (2, 1):
        if not held.any():
            held = _held_back(groups, num_kept, seed)
    anew = "the annotations name validation films but no training films: the films were split again"
    notes = (anew,) if "validation" in {video.subset for video in used.values()} else ()
    return Sides(training=groups.of(~held), validation=groups.of(held), notes=notes)


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


def _as_told(used: Mapping[str, AnnotatedVideo]) -> Sides:
    """Splits by subset; a film without one goes with its group, else into training."""
    sides: dict[str, set[str | None]] = defaultdict(set)
    for name, video in used.items():
        sides[group(name, video)].add(video.subset)
    training, validation, left_out = [], [], []
    for name, video in used.items():
        subsets = sides[group(name, video)]
        if video.subset == "validation" and "training" in subsets:
            left_out.append(name)
        elif "validation" in subsets and "training" not in subsets:
            validation.append(name)
        else:
            training.append(name)
    notes = []
    if left_out:
        many = f"{len(left_out)} validation films share their source with training films and are"
        one = f"the validation film {left_out[0]} shares its source with a training film and is"
        notes.append((one if len(left_out) == 1 else many) + " left out: the figures would be too good")
    return Sides(training=tuple(training), validation=tuple(validation), notes=tuple(notes))


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


def _held_back(groups: _Groups, num_kept: int, seed: int) -> NDArray[np.bool_]:
    """[G]: which groups validate; no group if each has a label of which training would keep fewer than num_kept."""
    counts, amounts, total = groups.counts, groups.amounts, groups.amounts.sum()
    num_trials = min(MAX_TRIALS, -(-MAX_WORK // len(amounts))) if len(amounts) else 0
    best, best_merit = np.zeros(len(amounts), np.bool_), (0, 0.0)  # (labels that validate, nearness to a fifth)
    random = np.random.default_rng(seed)
    for _ in range(num_trials):
        held = _drawn(counts, amounts, num_kept, random.permutation(len(amounts)))
        seen = counts[held].sum(0)
        shares = np.append(seen / np.maximum(counts.sum(0), 1), amounts[held].sum() / total)
        merit = (int((seen > 0).sum()), -float(np.abs(shares - SHARE).mean()))
        if merit[0] and (merit > best_merit or not best.any()):
            best, best_merit = held, merit
    return best


def _drawn(
    counts: NDArray[np.int64], amounts: NDArray[np.float64], num_kept: int, order: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """[G]: tries the groups in this order: for each label, the rarest first, one that has it; then others, up to a
    fifth.
    """
    held = np.zeros(len(amounts), np.bool_)
    left, total = counts.sum(0), float(amounts.sum())
    now = 0.0

    def spared(g: int) -> bool:
        return not held[g] and bool((left - counts[g] >= num_kept)[counts[g] > 0].all())

    def hold(g: int) -> None:
        nonlocal now
        held[g] = True
        left[:] -= counts[g]
        now += float(amounts[g])

    for label in np.argsort((counts > 0).sum(0), kind="stable"):
        if not counts[held, label].any():
            having = order[counts[order, label] > 0]
            chosen = next((g for g in having if now + amounts[g] <= MAX_SHARE * total and spared(g)), None)
            if chosen is not None:
                hold(chosen)
    if not held.any():  # few films: the smallest that can be spared, where that leaves half of them
        for g in order[np.argsort(amounts[order], kind="stable")]:
            if counts[g].any() and amounts[g] <= total / 2 and spared(g):
                hold(g)
                break
        return held
    for g in order:
        if abs(now + amounts[g] - SHARE * total) < abs(now - SHARE * total) and spared(g):
            hold(g)
    return held
