"""The parts of films that a network trains on, chosen again in every epoch.

B crops, L positions of a crop, D embedding width, T positions of a film, N segments, K labels
"""

import math
from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vtn_stream.heads import Batch
from vtn_stream.heads.labelled_film import known_at, labels_of
from vtn_stream.localize import positions
from vtn_stream.training.examples import Example
from vtn_stream.training.films import TrainingFilm

__all__ = ["Crops", "Place"]

# The share of a segment that a crop must hold to be asked about it; of one that is longer than the crop, what it must
# fill of the crop: else that would say of it, wherever it lay, that nothing happens there. Instants must be inside.
MIN_INSIDE = 0.5
MAX_TRIES = 20  # for a crop that holds an action: ActionFormer's recipe learns from no others


class Place(NamedTuple):
    """Where a crop lies: the number of its film, and the position with which it begins."""

    film: int
    start: int


class Crops:
    """The films as crops of one length; shorter films are padded. They are `Examples` of embeddings."""

    def __init__(
        self, films: Sequence[TrainingFilm], labels: Sequence[str], num_positions: int, batch_size: int, *, hold: bool
    ) -> None:
        """hold: a crop should hold a segment."""
        self._films = films
        self._num = num_positions
        self._batch_size = batch_size
        self._hold = hold
        self._labels = [labels_of(film, labels) for film in films]
        number = {label: k for k, label in enumerate(labels)}
        self._bounds = [positions(film.segments, film.index) for film in films]
        self._classes = [np.array([number[s.label] for s in film.segments], np.int64) for film in films]
        self._clips = [-1 if film.clip_label is None else number[film.clip_label] for film in films]
        some_known = any(film.known is not None for film in films)
        self._known = [known_at(film, labels) for film in films] if some_known else None
        self._pieces = [max(1, math.ceil(len(film.values) / num_positions)) for film in films]

    @property
    def num_batches(self) -> int:
        """Batches in an epoch: as many crops as would cover the films."""
        return math.ceil(sum(self._pieces) / self._batch_size)

    @property
    def num_positions(self) -> int:
        """Of a crop."""
        return self._num

    def epoch(self, number: int, *, seed: int, first: int = 0) -> Generator[Example, None, None]:
        """Each film as often as it has pieces, in random order, at random places."""
        for places in self.places(number, seed=seed, first=first):
            yield Example(batch=self.batch(places))

    def places(self, number: int, *, seed: int, first: int = 0) -> Iterator[tuple[Place, ...]]:
        """Where the crops of each batch of an epoch lie."""
        order = np.random.default_rng([seed, number]).permutation(np.repeat(np.arange(len(self._films)), self._pieces))
        order = np.resize(order, self.num_batches * self._batch_size)  # the last batch begins again from the front
        for batch in range(first, self.num_batches):
            rng = np.random.default_rng([seed, number, batch])
            films = order[batch * self._batch_size : (batch + 1) * self._batch_size].tolist()
            yield tuple(Place(film, self._start(film, rng)) for film in films)

    def learnt(self, example: Example, embeddings: Tensor) -> None:
        """There are no pixels."""

    def batch(self, places: Sequence[Place]) -> Batch:
        """The crops that begin there."""
        shape = (len(places), self._num)
        embeddings = np.zeros((*shape, self._films[0].values.shape[1]), np.float32)
        valid, labels = np.zeros(shape, np.bool_), np.full(shape, -1, np.int64)
        known = None if self._known is None else np.zeros((*shape, self._known[0].shape[1]), np.bool_)
        segments = []
        for row, (f, start) in enumerate(places):
            cut = slice(start, start + self._num)
            num = len(self._films[f].values[cut])
            embeddings[row, :num] = self._films[f].values[cut]
            valid[row, :num] = self._films[f].index.valid[cut]
            labels[row, :num] = self._labels[f][cut]
            if known is not None and self._known is not None:
                known[row, :num] = self._known[f][cut]
            inside = self._inside(f, start)
            bounds = np.clip(self._bounds[f][inside] - start, 0, num)
            segments.append((torch.from_numpy(bounds), torch.from_numpy(self._classes[f][inside])))
        return Batch(
            embeddings=torch.from_numpy(embeddings),
            valid=torch.from_numpy(valid),
            labels=torch.from_numpy(labels),
            segments=tuple(segments),
            clips=torch.tensor([self._clips[place.film] for place in places]),
            known=None if known is None else torch.from_numpy(known),
        )

    def _start(self, film: int, rng: np.random.Generator) -> int:
        start = self._any_start(film, rng)
        for _ in range(MAX_TRIES):
            if self._teaches(film, start):
                break
            start = self._any_start(film, rng)
        return start

    def _teaches(self, film: int, start: int) -> bool:
        """Whether a crop holds what it should: a segment, if the film has one; else anything that is known."""
        if self._hold and len(self._classes[film]):
            return bool(self._inside(film, start).any())
        return self._known is None or bool(self._known[film][start : start + self._num].any())

    def _any_start(self, film: int, rng: np.random.Generator) -> int:
        """A crop may hang over either end of the film by half, and is then pushed inside: were it only to begin inside,
        the film's first and last seconds would be in one crop of hundreds.
        """
        last = max(0, len(self._films[film].values) - self._num)
        over = self._num // 2 if last else 0
        return int(np.clip(rng.integers(-over, last + over + 1), 0, last))

    def _inside(self, film: int, start: int) -> NDArray[np.bool_]:
        bounds = self._bounds[film]
        shared = np.minimum(bounds[:, 1], start + self._num) - np.maximum(bounds[:, 0], start)
        lengths = bounds[:, 1] - bounds[:, 0]
        held: NDArray[np.bool_] = np.where(
            lengths > 0, (shared > 0) & (shared >= MIN_INSIDE * np.minimum(lengths, self._num)), shared >= 0
        )
        return held
