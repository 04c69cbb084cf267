"""Which label follows which: transitions at lag 1, as in sequential analysis of observed behaviour.

R. Bakeman, J. M. Gottman: Observing Interaction, 2nd edition, Cambridge 1997, chapters 6 and 7: the events of a
session in the order in which they start; each with the next one is a pair; the transitional probability of a pair is
its count divided by all pairs with the same first event.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from vtn_stream.budget.films import Film
from vtn_stream.budget.rows import TransitionRow

__all__ = ["Pairs", "pairs_in", "transition_rows"]

Pairs = Counter[tuple[str, str]]


def pairs_in(film: Film) -> Pairs:
    """How often each label comes next after each, by start; of equal starts the one that ends first is first.

    A label that follows itself counts. Two between which something may have happened, since the film has a gap there,
    are no pair.
    """
    stretches = np.searchsorted(film.observed[1:, 0], [s.start_s for s in film.segments], side="right").tolist()
    pairs = pairwise(zip(film.segments, stretches, strict=True))
    return Counter((a.label, b.label) for (a, before), (b, behind) in pairs if before == behind)


def transition_rows(films: Sequence[Film], groups: Mapping[str, Sequence[int]]) -> list[TransitionRow]:
    """The pairs of each film, then those of the films of each group together."""
    of_films = [pairs_in(film) for film in films]
    rows = [
        TransitionRow(
            film=film.name,
            group=film.group,
            subject=film.subject,
            label=a,
            next_label=b,
            count=count,
            probability=share,
        )
        for film, pairs in zip(films, of_films, strict=True)
        for (a, b), count, share in _probabilities(pairs)
    ]
    for group, members in groups.items():
        together = sum((of_films[i] for i in members), Pairs())
        rows += [
            TransitionRow(film="", group=group, subject="", label=a, next_label=b, count=count, probability=share)
            for (a, b), count, share in _probabilities(together)
        ]
    return rows


def _probabilities(pairs: Pairs) -> Iterable[tuple[tuple[str, str], int, float]]:
    """Each pair, sorted, with its count and its probability given the first label."""
    of_first: Counter[str] = Counter()
    for (label, _), count in pairs.items():
        of_first[label] += count
    return [(pair, count, count / of_first[pair[0]]) for pair, count in sorted(pairs.items())]
