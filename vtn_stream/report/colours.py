"""The colours of labels: the same in terminal, plot and page. Standard library only.

Okabe & Ito's colours, which the colour-blind can tell apart as well. Where there are more labels than colours, hatches,
dashes and letters tell the rounds apart.
"""

from collections.abc import Iterable

__all__ = ["COLOURS", "colours_of"]

COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999")


def colours_of(labels: Iterable[str]) -> dict[str, str]:
    """Label -> colour, by its place among all: a timeline's labels come in order of first appearance."""
    return {label: COLOURS[i % len(COLOURS)] for i, label in enumerate(dict.fromkeys(labels))}
