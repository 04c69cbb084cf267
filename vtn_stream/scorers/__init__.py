"""What makes scores of a film's embeddings: a module a kind. Positions in, positions out; no seconds, no files.

scenes    stretches that look alike, without a model (how they are found is `structure`)
clips     a clip classifier that slides over the film
actions   a model that says at every position what happens, or proposes segments
sequence  what both kinds of models share: a film read as one sequence
"""

from vtn_stream.scorers.scorer import Scorer

__all__ = ["Scorer"]
