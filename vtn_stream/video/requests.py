"""Requests to the decoding process: the clock of a film, its frames, and whether the process is isolated.

It knows what a request says and how long its answer may take; what becomes of a process that does not answer is in
`process`, what it may answer in `answers`.
"""

import contextlib
import importlib.metadata
import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import InputError, VideoError
from vtn_stream.film import FilmPart, VideoInfo, file_stamp
from vtn_stream.region import Box
from vtn_stream.video import answers
from vtn_stream.video.delivery import Delivery, FrameBatch, Wanted, patience_for
from vtn_stream.video.process import DEADLINE_S, MEMORY_BYTES, NUM_THREADS, ChildProcess, Request
from vtn_stream.video.window import Window

__all__ = ["DecodingProcess", "FrameBatch", "check_unchanged", "probe_patience"]

# An answer may take so long, however busy the process looks: see `delivery`.
BYTE_S, PROBE_S = 1e-6, 600.0  # for every byte of the file, when all packets are read and none is decoded


class DecodingProcess:
    """A process that probes and decodes films, one after the other. It starts with the first request; a context
    manager.
    """

    def __init__(
        self,
        *,
        decoder: Literal["pyav", "decord"] = "pyav",
        deadline_s: float = DEADLINE_S,
        memory_bytes: int = MEMORY_BYTES,
        num_threads: int = NUM_THREADS,
        reserve_bytes: int = 0,
    ) -> None:
        """decoder: what decodes frames; PyAV probes the films in any case. Raises InputError if it is missing.
        reserve_bytes: of shared memory for three batches of frames; larger ones cost a new process.
        """
        if decoder not in ("pyav", "decord"):
            raise InputError(f"there is no decoder named {decoder}", "nothing was decoded", "use pyav or decord")
        self._decoder = decoder
        self._decord = _decord_version() if decoder == "decord" else ""
        self._deadline_s = deadline_s
        self._process = ChildProcess(
            deadline_s=deadline_s, memory_bytes=memory_bytes, num_threads=num_threads, reserve_bytes=reserve_bytes
        )
        self._delivery = Delivery(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the process, whatever it is doing, and give its memory back."""
        self._process.close()
        self._delivery.close()

    def kill(self) -> None:
        """End the process now, from another thread than the one that asks it, which then raises DecodingLost."""
        self._process.kill()

    @property
    def decoder(self) -> str:
        """The decoder and its version, as an Execution names it. Frames of decord are scaled by PyAV's FFmpeg."""
        from vtn_stream.video.pyav_reader import version

        return f"{self._decord}, scaled by {version()}" if self._decord else version()

    @property
    def packages(self) -> str:
        """The packages that decode, and their versions: what can be known without loading them."""
        return ", ".join(filter(None, [self._decord, f"pyav {importlib.metadata.version('av')}"]))

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def probe(self, path: Path, stream: int | None = None) -> VideoInfo:
        """The film's clock and shape: of its first video stream, or of the one with this index.

        Raises VideoError if it is not a film, DecodingLost on a hang or crash.
        """
        stamp = file_stamp(path)
        request = Request(film=path.name, patience_s=probe_patience(path))
        self._process.ask(request, {"do": "probe", "path": os.path.abspath(path), "stream": stream})
        header, payload = self._process.receive(request, {"info"})
        self._process.answered()
        with self._process.distrust(request):
            video = answers.video_info(path, stamp, header["info"], payload)
        check_unchanged(video)
        return video

    def check(self) -> dict[str, Any]:
        """Tries what a film that takes over the process could do: {"isolated": bool, "reasons": why not}."""
        request = Request(film="nothing", patience_s=self._deadline_s)
        self._process.ask(request, {"do": "check"})
        header, _ = self._process.receive(request, {"missing"})
        self._process.answered()
        with self._process.distrust(request):
            reasons = answers.texts(header["missing"])
        return {"isolated": not reasons, "reasons": reasons}

    def frames(
        self,
        video: VideoInfo,
        pts: NDArray[np.int64],
        size: tuple[int, int],
        wants_thumbnail: NDArray[np.bool_] | None = None,
        *,
        box: Box | None = None,
        is_fresh: bool = False,
    ) -> Iterator[FrameBatch]:
        """The frames with these ascending timestamps, squashed to size (H, W), in batches. box: of the upright picture,
        if not all of it is taken. is_fresh: the film is opened again even if it is the one that was read last.
        Frames of a recording come from its files, one after the other.

        Raises VideoError if the film cannot be opened, DecodingLost if the process fails. Leave the loop
        early and the process is stopped; the next call starts another.
        """
        window = Window((int(size[0]), int(size[1])), box, video.upright_size)  # JSON has no numbers of numpy
        windows = self.windows(video, pts, [window], wants_thumbnail, is_fresh=is_fresh)
        with contextlib.closing(windows) as batches:
            for (batch,) in batches:
                yield batch

    def windows(
        self,
        video: VideoInfo,
        pts: NDArray[np.int64],
        windows: Sequence[Window],
        wants_thumbnail: NDArray[np.bool_] | None = None,
        *,
        is_fresh: bool = False,
    ) -> Generator[tuple[FrameBatch, ...]]:
        """As `frames`, but of each frame what the windows take of it: a batch for each, of the same frames, which are
        decoded once.
        """
        if len(pts) == 0:
            return
        if wants_thumbnail is None:
            wants_thumbnail = np.zeros(len(pts), np.bool_)
        if video.parts:
            for part, asked, own_pts in _by_part(video, pts):
                of_part = self.windows(part.video, own_pts, windows, wants_thumbnail[asked], is_fresh=is_fresh)
                with contextlib.closing(of_part) as answers_of_part:
                    for batches_of_part in answers_of_part:
                        yield tuple(_later(batch, asked.start) for batch in batches_of_part)
            return
        header: dict[str, Any] = {
            "do": "decode",
            "path": os.path.abspath(video.path),
            "identity": video.identity,
            "stream": video.stream,
            "time_base": str(video.time_base),
            "rotation": video.rotation,
            "mirrored": video.mirrored,
            "temporal_layers": video.temporal_layers,
            "decoder": self._decoder,
            "is_fresh": is_fresh,
            "is_repaired": video.packet_pts is not None,
            "restarts": video.restarts,
            "field_pictures": video.field_pictures,
            "num_unseen": video.num_hidden + video.num_untimed,
            "sample_aspect_ratio": str(video.sample_aspect_ratio),
        }
        rest = b""
        if self._decoder == "decord":
            if video.packet_pts is not None:
                raise VideoError(
                    f"decord cannot order the timestamps of {video.path.name}, which do not ascend",
                    "it was not analyzed",
                    "use the default decoder: --decoder pyav",
                )
            rest = video.pts.tobytes()
        elif video.packet_pts is not None:
            rest = video.packet_pts.tobytes()
        patience_s = patience_for(video, len(windows), self._deadline_s)
        request = Request(film=video.path.name, patience_s=patience_s)
        wanted = Wanted(pts=pts, windows=windows, wants_thumbnail=wants_thumbnail, keyframes=video.keyframes, rest=rest)
        yield from self._delivery.batches(request, header, wanted)


def probe_patience(path: Path) -> float:
    """Seconds that reading all packets of a file may take."""
    return PROBE_S + BYTE_S * path.stat().st_size


def _decord_version() -> str:
    """decord's version, without importing it: it is a library for the decoding process."""
    try:
        return f"decord {importlib.metadata.version('decord')}"
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(
            "decord is not installed", "nothing was decoded", "install it, or use the default decoder: --decoder pyav"
        ) from error


def _by_part(video: VideoInfo, pts: NDArray[np.int64]) -> Iterator[tuple[FilmPart, slice, NDArray[np.int64]]]:
    """The files of a recording that have some of these ascending timestamps: which ones, and their own for them."""
    frames = np.searchsorted(video.pts, pts)
    for part in video.parts:
        bounds = (part.first_frame, part.first_frame + part.video.num_frames)
        start, stop = np.searchsorted(frames, bounds).tolist()
        if start < stop:
            yield part, slice(start, stop), part.video.pts[frames[start:stop] - part.first_frame]


def _later(batch: FrameBatch, by: int) -> FrameBatch:
    """The batch as an answer to a request for so many more timestamps before its own."""
    return replace(
        batch,
        items=[item + by for item in batch.items],
        lost=[item + by for item in batch.lost],
        thumbnails={item + by: jpeg for item, jpeg in batch.thumbnails.items()},
    )


def check_unchanged(video: VideoInfo) -> None:
    """Raises VideoError if the film's file, or one of a recording, is not the one that was probed."""
    for part in video.parts:
        check_unchanged(part.video)
    if video.parts:
        return
    try:
        unchanged = file_stamp(video.path) == video.stamp
    except OSError:
        unchanged = False  # it is gone
    if not unchanged:
        raise VideoError(
            f"{video.path.name} was replaced or written to while it was read",
            "the rest was not analyzed",
            "run again when the file is complete",
        )
