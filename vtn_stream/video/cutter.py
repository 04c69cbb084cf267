"""Writes clips out of films, seen from this side: what is asked for, what came of it, and the file itself.

The decoding process reads the film and sends the bytes of the clip, which this module writes: the process that parses a
stranger's file still cannot open, change or fill any file. See `clip_child` for its side.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

import numpy as np

from vtn_stream.atomic import replacing
from vtn_stream.errors import DecodingLost, VideoError, listed
from vtn_stream.film import VideoInfo
from vtn_stream.video import answers
from vtn_stream.video.clip_plan import Span, copied_span, exact_span
from vtn_stream.video.delivery import FRAME_S, PIXEL_S
from vtn_stream.video.limits import MAX_PACKETS, MAX_STREAMS
from vtn_stream.video.process import DEADLINE_S, MEMORY_BYTES, NUM_THREADS, ChildProcess, Request
from vtn_stream.video.requests import BYTE_S, check_unchanged

__all__ = ["ClipReceipt", "Container", "CuttingProcess", "Piece", "PieceReceipt", "Span", "copied_span", "exact_span"]

SUFFIXES = ("mp4", "mkv")
_ENCODING = 10  # times as long as decoding, at most
_HEAD_BYTES = 64 * 1024**2  # a clip's index: some bytes for each frame
Method = Literal["copied", "edges", "encoded"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """A span [start_s, end_s) of a film, in seconds on the film's own clock. label: to be drawn into its picture; None:
    the picture stays as it is.
    """

    video: VideoInfo
    start_s: float
    end_s: float
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What a clip can be put into. suffix: "mp4" or "mkv"; why: a sentence, where MP4 cannot hold it, else ""."""

    suffix: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceReceipt:
    """What a clip holds of one piece.

    start_s, end_s  what of the film is there, in seconds on the film's clock: from the first frame to where the last
                    one stops being shown. Copied packets begin at a keyframe, exact pieces at the frame of start_s
    early_s, late_s how much of that lies before and behind what was asked for, 0 or more; of exact pieces less than
                    a frame
    at_s            where the piece begins in the clip
    num_frames      how many there are
    num_lost        frames that damage took: the one before is shown instead. Copied packets are not looked into
    gap_s           time left out in which the film shows nothing (see `VideoInfo.dark`): the clip is so much shorter
    method          "copied": packets as they are; "edges": a few frames at the borders were encoded again, the rest
                    copied; "encoded": all of it encoded again
    """

    start_s: float
    end_s: float
    early_s: float
    late_s: float
    at_s: float
    num_frames: int
    num_lost: int
    gap_s: float
    method: Method


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipReceipt:
    """A clip that was written.

    num_bytes   of the file
    duration_s  of its picture
    num_sounds  tracks of sound that came along
    notes       sentences for people: what was left out, and why it was made otherwise than asked for
    """

    num_bytes: int
    duration_s: float
    num_sounds: int
    pieces: tuple[PieceReceipt, ...]
    notes: tuple[str, ...]


class CuttingProcess:
    """A process that writes clips, one after the other. It starts with the first request; a context manager.

        with CuttingProcess() as process:
            container = process.container([video])
            process.cut([Piece(video=video, start_s=12, end_s=15.5)], folder / f"clip.{container.suffix}")

    A span that reaches past the film's ends is cut to it; one in which no frame is shown raises VideoError.
    """

    def __init__(
        self, *, deadline_s: float = DEADLINE_S, memory_bytes: int = MEMORY_BYTES, num_threads: int = NUM_THREADS
    ) -> None:
        self._deadline_s = deadline_s
        self._process = ChildProcess(
            deadline_s=deadline_s, memory_bytes=memory_bytes, num_threads=num_threads, reserve_bytes=0
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops the process, whatever it is doing."""
        self._process.close()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def container(self, videos: Sequence[VideoInfo], *, accurate: bool = False, burn_in: bool = False) -> Container:
        """What clips of these films, or one reel of all of them, can be put into: MP4 where it holds their picture and
        their sound, else Matroska. To be asked before files are named; it opens each film for a moment.

        Raises VideoError where a film cannot be read.
        """
        with _named_clip():
            request = Request(film=_names(videos), patience_s=10 * self._deadline_s)
            films = [{"path": os.path.abspath(video.path), "stream": video.stream} for video in _distinct(videos)]
            self._process.ask(request, {"do": "hold", "films": films, "encodes": accurate or burn_in})
            header, _ = self._process.receive(request, {"container"})
            self._process.answered()
            with self._process.distrust(request):
                suffix, why = answers.texts(header["container"])
                if suffix not in SUFFIXES:
                    raise ValueError("a container that was not offered")
        return Container(suffix=suffix, why=why)

    def cut(
        self,
        pieces: Sequence[Piece],
        output: Path,
        *,
        accurate: bool = False,
        on_progress: Callable[[float], None] | None = None,
    ) -> ClipReceipt:
        """Writes the pieces one after the other into one file, whole or not at all; what was there is replaced.

        output       its suffix, .mp4 or .mkv, says what it becomes (see `container`)
        accurate     exact to the frame; else packets are copied, and each piece begins at a keyframe. A clip with a
                     label on any of its pieces is exact in any case
        on_progress  is told how many seconds of the clip are written

        Raises VideoError where a film cannot be read, changed since it was probed, or the pieces cannot be in one file;
        DecodingLost (a VideoError) where the process dies or hangs; OSError where the file cannot be written, as on a
        full disk (`atomic.is_full`).
        """
        if output.suffix[1:] not in SUFFIXES or not pieces:
            raise ValueError(f"{output.name} with {len(pieces)} pieces is no clip")
        encodes = accurate or any(piece.label is not None for piece in pieces)
        spans = [(exact_span if encodes else copied_span)(piece.video, piece.start_s, piece.end_s) for piece in pieces]
        videos = _distinct([piece.video for piece in pieces])
        for video in videos:
            check_unchanged(video)
            if video.num_encrypted:  # packets that are copied into another file lose what they are decrypted with
                raise VideoError(
                    f"frames of {video.path.name} are encrypted", "nothing was cut from it", "decrypt it first"
                )
        header, payload = _question(videos, pieces, spans)
        header |= {"do": "cut", "container": output.suffix[1:], "encodes": encodes}
        request = Request(film=_names(videos), patience_s=self._patience_s(videos, spans, pieces))
        with _named_clip(), replacing(output) as temporary, open(temporary, "xb") as file:
            try:
                self._process.ask(request, header, payload)
                answer = self._write(request, file, _most_bytes(pieces, spans), on_progress)
            finally:
                if self._process.is_answering(request):  # the file could not be written, or nobody waits for it
                    self._process.stop()
            with self._process.distrust(request):
                receipt = _receipt(answer, file.seek(0, os.SEEK_END), pieces)
            for video in videos:
                check_unchanged(video)
        return receipt

    def _write(
        self,
        request: Request,
        file: BinaryIO,
        most_bytes: int,
        on_progress: Callable[[float], None] | None,
    ) -> Any:
        """Writes what the process sends until it says what it has made."""
        while True:
            header, payload = self._process.receive(request, {"bytes", "clip"})
            with self._process.distrust(request):
                if "clip" in header:
                    self._process.answered()
                    return header["clip"]
                at, done_s = answers.number(header["bytes"], 0, most_bytes), answers.seconds(header["done_s"])
                if at + len(payload) > most_bytes:
                    raise ValueError("more bytes than a clip of these films can have")
            if header.get("again"):
                file.truncate(0)
            self._put(file, at, payload)
            if on_progress is not None:
                on_progress(done_s)

    def _put(self, file: BinaryIO, at: int, payload: bytes) -> None:
        file.seek(at)
        file.write(payload)

    def _patience_s(self, videos: Sequence[VideoInfo], spans: Sequence[Span], pieces: Sequence[Piece]) -> float:
        """How long it may take in all, however busy the process looks: as decoding may, and encoding so again."""
        reading_s = sum(BYTE_S * video.stamp[2] for video in videos) * len(pieces)
        frames_s = sum(
            span.num_frames * (FRAME_S + PIXEL_S * piece.video.width * piece.video.height)
            for span, piece in zip(spans, pieces, strict=True)
        )
        return 10 * self._deadline_s + reading_s + _ENCODING * frames_s


def _question(
    videos: Sequence[VideoInfo], pieces: Sequence[Piece], spans: Sequence[Span]
) -> tuple[dict[str, Any], bytes]:
    """What the process is told of the films and the pieces, and the arrays beside it."""
    arrays, films = [], []
    for video in videos:
        packet_pts = np.zeros(0, np.int64) if video.packet_pts is None else video.packet_pts
        arrays += [video.keyframes, video.pts, packet_pts]
        films.append(
            {
                "path": os.path.abspath(video.path),
                "stream": video.stream,
                "time_base": str(video.time_base),
                "rotation": video.rotation,
                "mirrored": video.mirrored,
                "sample_aspect_ratio": str(video.sample_aspect_ratio),
                "temporal_layers": video.temporal_layers,
                "restarts": video.restarts,
                "field_pictures": video.field_pictures,
                "num_unseen": video.num_hidden + video.num_untimed,
                "is_repaired": video.packet_pts is not None,
                "rate": None if video.nominal_rate is None else str(video.nominal_rate),
                "start": str(video.start),
                "interlaced": video.interlaced,
                "end_pts": video.end_pts,
                "dark": [[dark.start, dark.end] for dark in video.dark],
                "lengths": [len(array) for array in arrays[-3:]],
            }
        )
    asked = [
        {
            "film": next(k for k, video in enumerate(videos) if video is piece.video),
            "first": span.first,
            "stop": span.stop,
            "start_pts": span.start_pts,
            "end_pts": span.end_pts,
            "label": piece.label,
        }
        for piece, span in zip(pieces, spans, strict=True)
    ]
    return {"films": films, "pieces": asked}, b"".join(array.tobytes() for array in arrays)


def _receipt(answer: Any, num_bytes: int, pieces: Sequence[Piece]) -> ClipReceipt:
    """The process's word on the clip, checked. Raises ValueError for what no honest process says."""
    if not isinstance(answer, dict) or not isinstance(answer.get("pieces"), list):
        raise ValueError("a clip is an object")
    if len(answer["pieces"]) != len(pieces):
        raise ValueError("other pieces than were asked for")
    try:
        receipts = [_piece_receipt(made, piece) for made, piece in zip(answer["pieces"], pieces, strict=True)]
        return ClipReceipt(
            num_bytes=num_bytes,
            duration_s=answers.seconds(answer["duration_s"]),
            num_sounds=answers.number(answer["num_sounds"], 0, MAX_STREAMS),
            pieces=tuple(receipts),
            notes=tuple(answers.texts(answer["notes"])),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _piece_receipt(made: dict[str, Any], piece: Piece) -> PieceReceipt:
    video = piece.video
    start_pts, end_pts = (answers.number(made[name], -(2**62), 2**62) for name in ("start_pts", "end_pts"))
    if made["method"] not in ("copied", "edges", "encoded") or start_pts >= end_pts:
        raise ValueError("a piece that cannot be")
    start_s, end_s = video.seconds(start_pts), video.seconds(end_pts)
    gap = sum(max(0, min(dark.end, end_pts) - max(dark.start, start_pts)) for dark in video.dark)
    return PieceReceipt(
        start_s=start_s,
        end_s=end_s,
        early_s=max(0.0, piece.start_s - start_s),
        late_s=max(0.0, end_s - piece.end_s),
        at_s=answers.seconds(made["at_s"]),
        num_frames=answers.number(made["num_frames"], 1, MAX_PACKETS),
        num_lost=answers.number(made["num_lost"], 0, MAX_PACKETS),
        gap_s=float(gap * video.time_base),
        method=made["method"],
    )


def _most_bytes(pieces: Sequence[Piece], spans: Sequence[Span]) -> int:
    """More than any honest clip has: copied, no more than the film; encoded, no more than its pixels."""
    return _HEAD_BYTES + sum(
        piece.video.stamp[2] + 8 * piece.video.width * piece.video.height * span.num_frames
        for piece, span in zip(pieces, spans, strict=True)
    )


def _distinct(videos: Sequence[VideoInfo]) -> list[VideoInfo]:
    return list({id(video): video for video in videos}.values())


def _names(videos: Sequence[VideoInfo]) -> str:
    return listed(dict.fromkeys(video.path.name for video in videos))


@contextmanager
def _named_clip() -> Iterator[None]:
    """A lost process says what became of the clip."""
    try:
        yield
    except DecodingLost as error:
        raise DecodingLost(error.fact, "the clip was not written", error.cure) from error
