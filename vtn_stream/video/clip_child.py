"""Makes a clip of pieces of films, and sends its bytes to the parent. Runs in the decoding process.

Each piece is a row of runs. A run is copied packet by packet, or encoded again:

    asked for             [------------------------)
    keyframes     K             K        K         |    K
    copied        [============================...=)         early, and perhaps some frames late
    edges                 [~~~~~|========|~~~~~~~~~)         exact: H.264 only
    encoded               [~~~~~~~~~~~~~~~~~~~~~~~~)         exact

What is asked for is made in the first of these ways that its film allows; the notes say why it was another.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import av
import numpy as np

from vtn_stream.errors import VideoError
from vtn_stream.video.clip_film import ClipFilm, NotCopyable
from vtn_stream.video.clip_runs import PiecePlan, copied, encoded, with_edges
from vtn_stream.video.clip_sink import Sink
from vtn_stream.video.clip_writer import ClipWriter, Joint
from vtn_stream.video.container import open_video, reason
from vtn_stream.video.h264_joint import PROFILES, free_id, parameter_sets
from vtn_stream.video.holding import container_of, kind_of, left_out

__all__ = ["choose_container", "make_clip"]

Send = Callable[[dict[str, Any], bytes], None]


def choose_container(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to which container clips of these films can have."""
    suffix, why = "mp4", ""
    for told in request["films"]:
        container, stream = open_video(told["path"], told["stream"], with_sound=True)
        with container:
            suffix, why = container_of(container, stream, encodes=request["encodes"])
        if why:
            break
    return {"container": [suffix, why]}


def make_clip(
    request: dict[str, Any], payload: bytes, num_threads: int, send: Send, alive: Callable[[], None]
) -> dict[str, Any]:
    """Sends the clip, and returns what is to be told of it. Raises VideoError."""
    films = _films(request, payload)
    try:
        return _made(request, films, num_threads, send, alive)
    finally:
        for film in films:
            film.close()


def _made(
    request: dict[str, Any], films: Sequence[ClipFilm], num_threads: int, send: Send, alive: Callable[[], None]
) -> dict[str, Any]:
    codec, notes = _codec(films), _left_out(films)
    for how in _ways(request, codec):
        sink = Sink(send)
        writer: ClipWriter | None = None
        try:
            plans, joint = _planned(how, request["pieces"], films, codec, alive)
            writer = ClipWriter(plans, sink, request["container"], num_threads, alive, joint=joint)
            made, lasts_s = writer.write()
        except NotCopyable as error:
            if how == "encoded":
                raise VideoError(
                    f"{_name(films)}: {error}", "the clip was not written", "re-encode the film"
                ) from error
            if str(error):
                notes.append(f"all of it was encoded again: {error}")
            sink.begin_again()
            continue
        except (av.FFmpegError, ValueError) as error:
            if how == "encoded":
                raise VideoError(
                    f"a clip of {_name(films)} cannot be made ({reason(error)})",
                    "it was not written",
                    "re-encode the film to H.264 and AAC",
                ) from error
            notes.append(f"all of it was encoded again, as it could not be copied ({reason(error)})")
            sink.begin_again()
            continue
        finally:
            sink.closed = True
            if writer is not None:
                writer.close()
        if writer.missing:
            notes.append(f"no font here draws {''.join(dict.fromkeys(writer.missing))}: a box stands there")
        return {
            "duration_s": float(lasts_s),
            "num_sounds": writer.num_sounds,
            "notes": list(dict.fromkeys([*notes, *writer.notes])),
            "pieces": [
                {
                    "start_pts": plan.start_pts,
                    "end_pts": plan.end_pts,
                    "at_s": float(piece.at),
                    "num_frames": piece.num_frames,
                    "num_lost": piece.num_lost,
                    "method": "copied" if plan.is_copied else "edges" if plan.num_copied else "encoded",
                }
                for plan, piece in zip(plans, made, strict=True)
            ],
        }
    raise AssertionError("the last way is taken or fails")


def _ways(request: dict[str, Any], codec: str) -> list[str]:
    if not request["encodes"]:
        return ["copied", "encoded"]
    has_labels = any(piece["label"] is not None for piece in request["pieces"])
    return ["encoded"] if has_labels or codec != "h264" else ["edges", "encoded"]


def _planned(
    how: str, pieces: list[dict[str, Any]], films: Sequence[ClipFilm], codec: str, alive: Callable[[], None]
) -> tuple[list[PiecePlan], Joint | None]:
    """The runs of each piece. Raises NotCopyable."""
    joint = None
    if how != "encoded":
        extradata = _same_head(films)
    plans = []
    for piece in pieces:
        film = films[piece["film"]]
        span = (piece["first"], piece["stop"], piece["start_pts"], piece["end_pts"])
        if how == "copied":
            plans.append(copied(film, *span, codec, alive))
        elif how == "edges":
            plans.append(with_edges(film, *span, alive))
        else:
            plans.append(encoded(film, *span, piece["label"]))
    if how == "edges":
        if not any(plan.num_copied for plan in plans):
            raise NotCopyable  # there is nothing to keep; a short piece has no keyframe inside
        set_id = free_id(extradata, frozenset().union(*(plan.ids for plan in plans)))
        if set_id is None:
            raise NotCopyable("its kind of H.264 cannot be joined with what is encoded here")
        profile = PROFILES[max(sps[1] for sps in parameter_sets(extradata)[0])]
        joint = Joint(set_id=set_id, profile=profile, extradata=extradata)
    return plans, joint


def _films(request: dict[str, Any], payload: bytes) -> list[ClipFilm]:
    films, at = [], 0
    for told in request["films"]:
        arrays = []
        for length in told["lengths"]:
            arrays.append(np.frombuffer(payload, np.int64, length, offset=at))
            at += arrays[-1].nbytes
        films.append(ClipFilm.of(told, *arrays))
    return films


def _codec(films: Sequence[ClipFilm]) -> str:
    """The codec of the first film's pictures. Raises VideoError where they cannot all be in one file."""
    codecs = [film.open("facts")[1].codec_context for film in films]
    shapes = {
        (codec.width, codec.height, film.source.sample_aspect_ratio, film.source.rotation, film.source.mirrored)
        for codec, film in zip(codecs, films, strict=True)
    }
    if len(shapes) > 1:
        raise VideoError(
            f"{_name(films)} have pictures of different sizes or shapes",
            "they cannot be in one file; it was not written",
            "cut each film into files of its own",
        )
    return kind_of(films[0].open("facts")[1])


def _same_head(films: Sequence[ClipFilm]) -> bytes:
    """The head of the films' pictures. Raises NotCopyable where they have several."""
    streams = [film.open("facts")[1] for film in films]
    heads = {(kind_of(stream), bytes(stream.codec_context.extradata or b"")) for stream in streams}
    if len(heads) > 1:
        raise NotCopyable("the files are coded in different ways")
    return heads.pop()[1]


def _left_out(films: Sequence[ClipFilm]) -> list[str]:
    found = dict.fromkeys(text for film in films for text in left_out(*film.open("facts")))
    return [f"left out: {', '.join(found)}"] if found else []


def _name(films: Sequence[ClipFilm]) -> str:
    return " and ".join(dict.fromkeys(os.path.basename(film.source.path) for film in films))
