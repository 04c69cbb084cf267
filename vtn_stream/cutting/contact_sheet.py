"""One picture with a picture of each segment: from the store where it has one, else decoded."""

from collections.abc import Sequence

import numpy as np

from vtn_stream.cutting.names import CONTACT_SHEET
from vtn_stream.cutting.pieces import Piece, PlacedFilm, pieces_in
from vtn_stream.errors import DecodingLost, printable
from vtn_stream.report.colours import look_of
from vtn_stream.results.pictures import recipe_of
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.video import DecodingProcess

__all__ = ["contact_sheets"]

MAX_PICTURES = 300  # of a sheet: 50 rows; more segments make more sheets
MAX_TIME_S = 1e9  # a timeline may say anything
DECODED_SIZE = (36, 64)  # H, W of the frames, which nobody looks at: pictures are made beside them


def contact_sheets(
    timeline: Timeline, films: Sequence[PlacedFilm], store: EmbeddingStore
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Name and content of each sheet, JPEG; and a line where pictures are missing. Raises VideoError."""
    from vtn_stream.video.contact_sheet import LabelledPicture, contact_sheet  # with Pillow, for this alone

    segments = timeline.segments
    found = _pictures(timeline, films, store)
    pictures = [
        LabelledPicture(
            jpeg=jpeg,
            colour=look_of(segment.label).colour,
            lines=(printable(segment.label), f"{_clock(segment.start_s)}, {segment.duration_s:.1f} s"),
        )
        for segment, jpeg in zip(segments, found, strict=True)
    ]
    sheets = [pictures[i : i + MAX_PICTURES] for i in range(0, len(pictures), MAX_PICTURES)]
    names = [
        f"{CONTACT_SHEET}_{i}.jpg" if len(sheets) > 1 else f"{CONTACT_SHEET}.jpg" for i in range(1, len(sheets) + 1)
    ]
    missing = found.count(None)
    told = (f"the contact sheet has no picture of {missing} of {len(found)} segments",) if missing else ()
    return dict(zip(names, map(contact_sheet, sheets), strict=True)), told


def _pictures(timeline: Timeline, films: Sequence[PlacedFilm], store: EmbeddingStore) -> list[bytes | None]:
    """A JPEG for each segment: of the frame in the middle of what it shows, or the stored one that is nearest to it."""
    pieces = [_longest(segment, films) for segment in timeline.segments]
    pictures: list[bytes | None] = [None] * len(pieces)
    recipe = recipe_of(timeline)
    with DecodingProcess() as process:
        for film in films:
            own = [i for i, piece in enumerate(pieces) if piece is not None and piece.film is film]
            if recipe is not None and timeline.region is None:
                spans = [(pieces[i].start_s, pieces[i].end_s) for i in own]  # type: ignore[union-attr]  # own has none
                for i, jpeg in zip(own, store.thumbnails_in(film.video.identity, recipe, spans), strict=True):
                    pictures[i] = jpeg
            middle = {
                i: (p.exact.first + p.exact.stop - 1) // 2 for i in own if (p := pieces[i]) and pictures[i] is None
            }
            frames = np.unique(np.array([*middle.values()], np.int64))
            decoded = _decoded(film, frames, process)
            for i, frame in middle.items():
                pictures[i] = decoded.get(frame)
    return pictures


def _decoded(
    film: PlacedFilm, frames: "np.ndarray[tuple[int], np.dtype[np.int64]]", process: DecodingProcess
) -> dict[int, bytes]:
    """JPEGs of these frames; those that were decoded, where the process is lost."""
    jpegs: dict[int, bytes] = {}
    try:
        for batch in process.frames(film.video, film.video.pts[frames], DECODED_SIZE, np.ones(len(frames), np.bool_)):
            jpegs |= {int(frames[i]): jpeg for i, jpeg in batch.thumbnails.items()}
    except DecodingLost:
        pass  # a line says how many are missing
    return jpegs


def _longest(segment: Segment, films: Sequence[PlacedFilm]) -> Piece | None:
    at_s = segment.start_s
    span = (at_s, max(segment.end_s, at_s + 0.001))  # of an instant: the frame that is shown then
    pieces = pieces_in(films, span)
    return max(pieces, key=lambda piece: piece.end_s - piece.start_s, default=None)


def _clock(time_s: float) -> str:
    tenths = round(10 * min(max(0.0, time_s), MAX_TIME_S))
    return f"{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"
