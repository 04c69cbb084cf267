"""Scores of a film's embeddings, one module for each way to make them. Positions in, positions out; no seconds, no
files.

scenes    stretches that look alike, without a model (how they are found is `structure`)
clips     a model that names clips slides over the film
actions   a model that says at every position what happens, or proposes segments
model     what both share: a model on a film, what is drawn of its scores
sequence  and how it reads a film as one sequence
"""

from vtn_stream.scorers.scorer import Scorer

__all__ = ["Scorer"]
