"""A model that draws timelines on a film: it reads the film as one sequence, and says at every position what happens,
or proposes spans.

    T positions of the grid that were asked for, D width of a token, K classes, L levels of a pyramid: level l has
    ceil(T / 2^l) points, point k at position k 2^l
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.film import FrameIndex
from vtn_stream.localize import LOWEST_SCORE, candidates, joined, limits, located, phases, propose, strongest
from vtn_stream.model import VTN, DenseConfig, LocalizationConfig
from vtn_stream.model.heads.localization import reach
from vtn_stream.scorers.sequence import MAX_POSITIONS_IN_MEMORY, from_files, looked_at, numbers
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores, Spans

__all__ = ["FilmActions", "read_film"]

# Positions that a head looks at together, besides those to each side that it needs: 16 MB of tokens at D = 1024.
PIECE = 4096


class FilmActions:
    """Implements `Scorer`: one checkpoint with a localization or a dense head on one film.

    within       the positions that were asked for, [first, last) of those that come; others are never looked at
    film         names it
    scratch      a folder in which a very long film may have one of its own
    on_progress  hears how far the reading of such a film has come: positions done, and to do, over all layers
    """

    saliency_name = "attention"

    def __init__(
        self,
        checkpoint: Checkpoint,
        network: VTN,
        within: tuple[int, int],
        fps: Fraction,
        *,
        film: str,
        scratch: Path,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._checkpoint = checkpoint
        self._network = network
        self._within = slice(*within)
        self._fps = fps
        self._film = film
        self._scratch = scratch
        self._on_progress = on_progress

    def advance(self, values: NDArray[np.float16], index: FrameIndex, settled: NDArray[np.bool_]) -> None:
        """Nothing: what happens at a position depends on the whole film. `scores` reads what is there by then."""

    def scores(self, values: NDArray[np.float16], index: FrameIndex, *, complete: bool) -> GridScores:
        """As `read_film`: of a complete film; else of what is known so far, in memory and without saliency."""
        valid, offset = index.valid[self._within], self._within.start
        ids = self._checkpoint.window.position_ids(len(valid), self._fps)
        parts = [(0, len(valid))] if complete and valid.any() else _known(valid)
        frame = np.zeros((len(values), len(self._checkpoint.labels)), np.float16)
        saliency = np.zeros(len(values), np.float16)
        spans = []
        for start, stop in parts:
            rows = slice(offset + start, offset + stop)
            read = read_film(
                self._network,
                values[rows],
                valid[start:stop],
                self._fps,
                position_ids=ids[start:stop],
                scratch=self._scratch / self._film,
                on_progress=self._on_progress,
            )
            frame[rows], saliency[rows] = read.frame, read.saliency
            if read.spans is not None:
                spans.append(replace(read.spans, bounds=read.spans.bounds + rows.start))
        together = joined(spans)
        return GridScores(
            frame=frame,
            saliency=saliency if complete and parts else None,
            spans=None if self._is_dense else strongest(together, len(together)),
        )

    def labels(self, scores: GridScores) -> tuple[str, ...]:
        return self._checkpoint.labels

    def segments(self, scores: GridScores, index: FrameIndex, duration_s: float) -> list[Segment]:
        checkpoint = self._checkpoint
        point, points = checkpoint.operating_point, checkpoint.operating_points
        valid = np.zeros_like(index.valid)
        valid[self._within] = index.valid[self._within]
        index = replace(index, valid=valid)
        if scores.spans is None:
            return phases(scores, index, checkpoint.labels, duration_s, checkpoint.phase_rules, point, points)
        return located(scores.spans, index, checkpoint.labels, duration_s, point, points)

    def provenance(self) -> dict[str, Any]:
        return self.provenance_of(self._checkpoint)

    @staticmethod
    def provenance_of(checkpoint: Checkpoint) -> dict[str, Any]:
        """`provenance`, before there is a network or a film."""
        rules, is_dense = checkpoint.phase_rules, isinstance(checkpoint.config.head, DenseConfig)
        said: dict[str, Any] = {
            "kind": "dense labels" if is_dense else "action localization",
            "model": checkpoint.digest,
            "training": dict(checkpoint.training),
            "operating_point": asdict(checkpoint.operating_point),
            "operating_points": {label: asdict(own) for label, own in sorted(checkpoint.operating_points.items())},
        }
        if is_dense:
            said["phase_rules"] = None if rules is None else asdict(rules)
        return json.loads(json.dumps(said))

    def notes(self) -> list[str]:
        every = f"A model read the film as one sequence, a position every {float(1 / self._fps):.2f} s"
        if not self._is_dense:
            return [f"{every}, and proposed segments, which may overlap; those below their label's score are left out."]
        if self._checkpoint.phase_rules is None:
            return [f"{every}, and labelled each position by itself: the likeliest label holds, however briefly."]
        return [
            f"{every}, and labelled each; of all sequences of labels the segments are the likeliest, given how long a "
            "label lasts and which follow each other."
        ]

    @property
    def _is_dense(self) -> bool:
        return isinstance(self._checkpoint.config.head, DenseConfig)


def _known(valid: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[start, stop) of stretches that hold all that is valid: long ones in parts, each small enough for memory."""
    parts = []
    for start in range(0, len(valid), MAX_POSITIONS_IN_MEMORY):
        known = start + np.flatnonzero(valid[start : start + MAX_POSITIONS_IN_MEMORY])
        if len(known):
            parts.append((int(known[0]), int(known[-1]) + 1))
    return parts


@torch.inference_mode()
def read_film(
    network: VTN,
    values: NDArray[np.float16],
    valid: NDArray[np.bool_],
    fps: Fraction,
    *,
    position_ids: NDArray[np.int64] | None = None,
    scratch: Path,
    on_progress: Callable[[int, int], None] | None = None,
) -> GridScores:
    """What a localization or a dense head says of a film's embeddings [T, D], T >= 1; the network in evaluation mode.

    frame     of a dense head: the probability of each label; what they lack of 1 is that of nothing. Of a localization
              head: the highest score of the class among the points that are nearest to the position, one a level
    spans     what a localization head proposes, after soft-NMS
    saliency  how much the last layer's global token looked at each position, the most being 1

    Whatever the length: in memory, or from files in `scratch`, the numbers are the same. Where nothing is valid, all is
    0. Raises CheckpointError where the network gives no numbers; StoreError as LongEncoding does.
    """
    head, num = network.config.head, len(values)
    reading = _Reading(network, values, valid, position_ids, scratch, on_progress)
    frame = np.zeros((num, head.num_classes), np.float16)
    spans: Spans | None = None
    if isinstance(head, LocalizationConfig):
        num_candidates, _ = limits(num, fps)
        levels = [_Strongest(num_candidates) for _ in range(head.num_levels)]
        for piece in _pieces(reading.tiles(), num, reach(head.num_levels)):
            _read_pyramid(network, piece, valid, frame, levels)
        spans = propose((level.spans() for level in levels), num, fps)
    elif isinstance(head, DenseConfig):
        for piece in _pieces(reading.tiles(), num, 0):
            probabilities = numbers(network.head(piece.frames).float().softmax(-1)[0])
            frame[piece.start : piece.stop] = probabilities[:, : head.num_classes]
        frame[~valid] = 0
    else:
        raise ValueError("this head says what the whole film shows, and not when")
    return GridScores(frame=frame, spans=spans, saliency=reading.saliency)


class _Reading:
    """The encoder's way over a film: the tokens [1, n, D] of all positions in order, then saliency [T]."""

    def __init__(
        self,
        network: VTN,
        values: NDArray[np.float16],
        valid: NDArray[np.bool_],
        position_ids: NDArray[np.int64] | None,
        scratch: Path,
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        self._encoder = network.encoder
        self._values = values
        self._valid = valid
        self._position_ids = position_ids
        self._scratch = scratch
        self._on_progress = on_progress
        self.saliency: NDArray[np.float16] | None = None

    def tiles(self) -> Iterator[Tensor]:
        arrays = (self._values, self._position_ids, self._valid)
        if len(self._values) <= MAX_POSITIONS_IN_MEMORY:
            device = self._encoder.cls_token.device
            encoded = self._encoder(*(a if a is None else torch.from_numpy(a)[None].to(device) for a in arrays))
            yield encoded.frames
        else:
            values, ids, valid = arrays
            files = from_files(self._encoder, values, valid, ids, scratch=self._scratch, on_progress=self._on_progress)
            for tile in files.tiles():
                yield tile.values[None]
            encoded = files.encoded
        self.saliency = looked_at(encoded)


class _Piece(NamedTuple):
    """frames [1, n, D] of positions [first, first + n): of [start, stop), and of those to each side that a head needs
    to say what happens there.
    """

    start: int
    stop: int
    first: int
    frames: Tensor


def _pieces(tiles: Iterator[Tensor], num: int, halo: int) -> Iterator[_Piece]:
    """The film's `num` positions, each in [start, stop) of one piece. Pieces begin at multiples of 4 halos: there a
    pyramid pools as it does in the whole film, and at least two thirds of what a head computes is used.
    """
    step = PIECE if halo == 0 else 4 * halo * max(1, PIECE // (4 * halo))
    held, first = next(tiles), 0
    for start in range(0, num, step):
        stop = min(start + step, num)
        low, high = max(0, start - halo), min(stop + halo, num)
        parts = [held[:, low - first :]]
        have = first + held.shape[1]
        while have < high:
            parts.append(next(tiles))
            have += parts[-1].shape[1]
        held, first = torch.cat(parts, 1) if len(parts) > 1 else parts[0], low
        yield _Piece(start, stop, low, held[:, : high - low])
    next(tiles, None)  # there is none: what follows the last one is to be done


def _read_pyramid(
    network: VTN, piece: _Piece, valid: NDArray[np.bool_], frame: NDArray[np.float16], levels: list["_Strongest"]
) -> None:
    """Put a piece's scores into frame [T, K], and what its points propose into the levels."""
    start, stop, first, frames = piece
    there = torch.from_numpy(valid[first : first + frames.shape[1]])[None].to(frames.device)
    best = np.zeros((stop - start, frame.shape[1]), np.float32)
    at = np.arange(start, stop)
    for number, (logits, offsets, told) in enumerate(zip(*network.head(frames, there), strict=True)):
        stride = 2**number
        scores = numbers((logits.float().sigmoid() * told[..., None])[0])  # [n / stride, K]
        nearest = np.minimum((at + stride // 2) // stride, (len(frame) - 1) // stride)
        np.maximum(best, scores[nearest - first // stride], out=best)
        own = slice((start - first) // stride, -(-(stop - first) // stride))
        levels[number].add(scores[own], numbers(offsets[0, own]), number, start // stride)
    frame[start:stop] = best * valid[start:stop, None]


class _Strongest:
    """The strongest candidates of one level so far: twice their number are held, and those of a piece."""

    def __init__(self, num: int) -> None:
        self._num = num
        self._held: list[Spans] = []
        self._least = LOWEST_SCORE

    def add(self, scores: NDArray[np.float32], offsets: NDArray[np.float32], level: int, first: int) -> None:
        self._held.append(candidates(scores, offsets, level, first, min_score=self._least))
        if sum(map(len, self._held)) > 2 * self._num:
            self._held = [self.spans()]
            self._least = float(self._held[0].scores[-1])  # weaker ones come too late

    def spans(self) -> Spans:
        return strongest(joined(self._held), self._num)
