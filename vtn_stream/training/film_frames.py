"""Crops of films of which the image network sees a part while it learns; embeddings of the rest come from a bank.

The bank has an embedding for every position: at first the one that the network gave before it learnt, then the one of
the last time that the position was seen (Cheng and Bertasius, "TALLFormer", 2022, section 3.2). It belongs to one
training and never goes to the store.

B crops, L positions of a crop, T positions of a film, D width of the embeddings of all inputs together
"""

import math
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vtn_stream.embedding import Warned
from vtn_stream.errors import TrainingError, VideoError
from vtn_stream.training.crops import Crops, Place
from vtn_stream.training.events import TrainingEvent
from vtn_stream.training.examples import Example, Pixels, Shot
from vtn_stream.training.film_shots import FilmShots, Stretch
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.hyperparameters import BackboneLearning
from vtn_stream.video import DecodingProcess

__all__ = ["REFRESHED_EVERY", "FilmFrames", "bank_of"]

AHEAD = 2  # batches that are decoded while one is learnt
REFRESHED_EVERY = 5  # epochs: then what the network gave for other positions is too old (TALLFormer, table 7)


class _Seen(NamedTuple):
    """What was decoded of a stretch of a film, and what went wrong."""

    film: int
    shots: tuple[Shot, ...]
    problem: str


Refresh = Callable[[], Sequence[TrainingFilm]]  # the same films, with embeddings that the network gives now


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cut(Example):
    """An example that knows where its crops lie."""

    places: tuple[Place, ...]


def bank_of(films: Sequence[TrainingFilm]) -> tuple[TrainingFilm, ...]:
    """The films with values of their own, which may change."""
    return tuple(replace(film, values=film.values.copy()) for film in films)


class FilmFrames:
    """Examples of films with pixels. crops: of the films of the bank, whose values this changes; shots: of the same
    films; learning says how much of each crop is seen, and how.

    refresh  computes the whole bank again, every 5 epochs, unless all of each crop is seen; None: never
    lost     names of the films of which something could not be decoded; its embeddings stay as they were

    Where all of each crop is seen, nothing is remembered: what cannot be decoded has the embeddings of the beginning.
    """

    def __init__(
        self,
        films: Sequence[TrainingFilm],
        crops: Crops,
        shots: FilmShots,
        learning: BackboneLearning,
        process: DecodingProcess,
        *,
        refresh: Refresh | None = None,
        on_event: Callable[[TrainingEvent], None] | None = None,
    ) -> None:
        self.lost: set[str] = set()
        self._films, self._crops, self._shots = films, crops, shots
        self._learning, self._size, self._num_inputs = learning, shots.size, shots.num_inputs
        self._seen: set[str] = set()  # names of the films of which something was decoded
        self._process = process
        self._remembers = learning.share < 1
        self._refresh = refresh if self._remembers else None
        self._tell = on_event or (lambda event: None)

    @property
    def num_batches(self) -> int:
        return self._crops.num_batches

    @property
    def num_frames(self) -> int:
        """How many positions are seen in about an epoch, once for each input."""
        places = (place for batch in self._crops.places(0, seed=0) for place in batch)
        return sum(len(self._positions(place, 0)) for place in places) * self._num_inputs

    def epoch(self, number: int, *, seed: int, first: int = 0) -> Generator[Example, None, None]:
        """As `Examples` has it. The next batches are decoded while one is learnt."""
        if first == 0 and number and number % REFRESHED_EVERY == 0 and self._refresh is not None:
            for film, now in zip(self._films, self._refresh(), strict=True):
                film.values[now.index.valid] = now.values[now.index.valid]
        waiting: deque[tuple[tuple[Place, ...], Future[list[_Seen]]]] = deque()
        pool = ThreadPoolExecutor(1)
        try:
            for batch, places in enumerate(self._crops.places(number, seed=seed, first=first), first):
                waiting.append((places, pool.submit(self._decoded, self._stretches(places, number, batch, seed))))
                if len(waiting) > AHEAD:
                    yield self._example(*waiting.popleft())
            while waiting:
                yield self._example(*waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)

    def learnt(self, example: Example, embeddings: Tensor) -> None:
        """Writes what the network gave into the bank; all else there stays."""
        if example.pixels is None or not self._remembers:
            return
        assert isinstance(example, _Cut)
        values = embeddings.cpu().half().numpy()
        width = values.shape[2] // self._num_inputs
        for shot in example.pixels.shots:
            (film, start), at = example.places[shot.crop], shot.positions.numpy()
            columns = slice(shot.input * width, (shot.input + 1) * width)
            self._films[film].values[start + at, columns] = values[shot.crop, at, columns]

    # ---- what a training that was killed goes on with

    @property
    def state(self) -> Mapping[str, Tensor]:
        """The bank, if later examples depend on it, and of which films something was lost."""
        lost = torch.tensor([film.name in self.lost for film in self._films])
        bank = {str(number): torch.from_numpy(film.values) for number, film in enumerate(self._films)}
        return {"lost": lost, **(bank if self._remembers else {})}

    def go_on(self, state: Mapping[str, Tensor]) -> None:
        """Continues from the state of other examples of the same films."""
        for number, film in enumerate(self._films):
            if self._remembers:
                film.values[:] = state[str(number)].numpy()
            if state["lost"][number]:
                self.lost.add(film.name)

    # ---- one batch

    def _stretches(self, places: Sequence[Place], epoch: int, batch: int, seed: int) -> list[Stretch]:
        """What is seen of each crop; drawn apart from where the crops lie."""
        rng = np.random.default_rng([seed, epoch, batch, 1])
        stretches = []
        for crop, place in enumerate(places):
            share, look = rng.random(), self._learning.augmentation.draw(rng, self._size, self._size)
            positions = self._positions(place, share)
            if len(positions):
                stretches.append(
                    Stretch(
                        film=place.film,
                        crop=crop,
                        start=place.start,
                        positions=positions,
                        looks=(look, look.without_colours()),
                    )
                )
        return stretches

    def _positions(self, place: Place, drawn: float) -> NDArray[np.int64]:
        """The positions of a crop that are seen: neighbouring pieces, from one on that a number in 0..1 says."""
        valid = self._films[place.film].index.valid[place.start : place.start + self._crops.num_positions]
        piece = self._learning.piece or 1
        num_pieces = math.ceil(len(valid) / piece)
        num_seen = math.ceil(self._learning.share * num_pieces)
        first = int(drawn * (num_pieces - num_seen + 1)) * piece
        return first + np.flatnonzero(valid[first : first + num_seen * piece])

    def _decoded(self, stretches: Sequence[Stretch]) -> list[_Seen]:
        """What can be seen of each stretch, in a thread beside the training."""
        found = []
        for number, stretch in enumerate(stretches):
            problem = ""
            shots: tuple[Shot, ...] = ()
            try:
                # What a damaged film gives depends on what was read of it before: a batch must not depend on others.
                shots = self._shots.of(self._process, stretch, is_fresh=number == 0)
            except VideoError as error:
                problem = error.fact
            if not problem and sum(len(shot.positions) for shot in shots) < len(stretch.positions) * self._num_inputs:
                problem = "some of its frames cannot be decoded"
            found.append(_Seen(stretch.film, shots, problem))
        return found

    def _example(self, places: tuple[Place, ...], decoded: Future[list[_Seen]]) -> Example:
        shots: list[Shot] = []
        for film, own, problem in decoded.result():
            shots += own
            name = self._films[film].name
            if problem and name not in self.lost:
                self.lost.add(name)
                self._tell(Warned(message=f"{name}: {problem}; there its embeddings stay as they were"))
            self._seen |= {name} if own else set()
        if not shots and not self._seen and len(self.lost) == len(self._films):
            raise TrainingError(
                "no frame of the films can be decoded any more",
                "the image network cannot learn; what was done is kept",
                "put the films back, and give the same command again",
            )
        return _Cut(
            batch=self._crops.batch(places),
            pixels=Pixels(shots=tuple(shots), size=self._size) if shots else None,
            places=places,
        )
