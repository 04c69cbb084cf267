"""Pieces of films: which frames of which file belong to a span of time, and where a copy of them begins. Opens no file.

Packets can be copied from a keyframe on only, so that a copy begins early: at the last keyframe before its first frame.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vtn_stream.errors import VideoError
from vtn_stream.film import CLOCK_TOLERANCE_S, VideoInfo
from vtn_stream.video.clip_plan import Span as Frames
from vtn_stream.video.clip_plan import copied_span, exact_span

__all__ = ["Piece", "PlacedFilm", "Span", "complement", "joined_copies", "pieces_in", "union"]

Span = tuple[float, float]  # start_s, end_s


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlacedFilm:
    """A file, and when it begins on the timeline's clock: 0 where the film is one file."""

    video: VideoInfo
    start_s: float = 0.0

    @property
    def end_s(self) -> float:
        return self.start_s + self.video.duration_s


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """Frames of a file. start_s, end_s: what is asked for, on the file's clock; exact: the frames shown then; copied:
    those that a copy has at least.
    """

    film: PlacedFilm
    start_s: float
    end_s: float
    exact: Frames
    copied: Frames

    @property
    def early_s(self) -> float:
        """How much too early a copy begins."""
        return self.exact.start_s - self.copied.start_s

    @property
    def unseen_s(self) -> float:
        """How much of the time shows nothing."""
        spans = [
            (self.film.video.seconds(span.start), self.film.video.seconds(span.end)) for span in self.film.video.dark
        ]
        return sum(max(0.0, min(high, self.end_s) - max(low, self.start_s)) for low, high in spans)


def pieces_in(films: Sequence[PlacedFilm], span: Span) -> tuple[Piece, ...]:
    """What the files show in this span of the timeline's clock, in their order; nothing where no frame is shown."""
    pieces = []
    for film in films:
        low, high = max(span[0], film.start_s) - film.start_s, min(span[1], film.end_s) - film.start_s
        if low + CLOCK_TOLERANCE_S < high and (piece := _piece(film, low, high)) is not None:
            pieces.append(piece)
    return tuple(pieces)


def _piece(film: PlacedFilm, start_s: float, end_s: float) -> Piece | None:
    try:
        exact, copied = exact_span(film.video, start_s, end_s), copied_span(film.video, start_s, end_s)
    except VideoError:  # nothing is shown then
        return None
    return Piece(film=film, start_s=start_s, end_s=end_s, exact=exact, copied=copied)


def joined_copies(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The pieces without those whose copy would show frames of the piece before once more: the two become one."""
    joined: list[Piece] = []
    for piece in pieces:
        before = joined[-1] if joined else None
        if before is not None and before.film is piece.film and piece.copied.first < before.exact.stop:
            both = _piece(piece.film, before.start_s, max(before.end_s, piece.end_s))
            assert both is not None
            joined[-1] = both
        else:
            joined.append(piece)
    return tuple(joined)


def union(spans: Iterable[Span]) -> list[Span]:
    """The time of all spans, in disjoint ones, in order; spans that touch become one."""
    joined: list[Span] = []
    for start_s, end_s in sorted(spans):
        if joined and start_s <= joined[-1][1] + CLOCK_TOLERANCE_S:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end_s))
        else:
            joined.append((start_s, end_s))
    return joined


def complement(spans: Iterable[Span], whole: Span) -> list[Span]:
    """The time in `whole` that is in none of the spans."""
    left, at_s = [], whole[0]
    for start_s, end_s in union(spans):
        if start_s > at_s + CLOCK_TOLERANCE_S:
            left.append((at_s, min(start_s, whole[1])))
        at_s = max(at_s, end_s)
    if at_s + CLOCK_TOLERANCE_S < whole[1]:
        left.append((at_s, whole[1]))
    return [(start_s, end_s) for start_s, end_s in left if start_s < end_s]
