"""Which container holds which codecs, by what players play and not by what a standard allows. Runs in the decoding
process.
"""

import io
from typing import Any

import av
import av.container
import av.video.stream

__all__ = ["container_of", "kind_of", "left_out", "sounds_in"]

_MP4_VIDEO = frozenset(("h264", "hevc", "av1", "vp9", "mpeg4"))
_MP4_SOUND = frozenset(("aac", "mp3", "ac3", "eac3", "opus", "flac", "alac", "mp2"))
_ATTACHED = av.stream.Disposition.attached_pic


def kind_of(stream: Any) -> str:
    """The codec of a stream, by the name that does not depend on what decodes it."""
    return "unknown" if stream.codec_context is None else str(stream.codec_context.codec.canonical_name)


def sounds_in(container: av.container.InputContainer) -> list[Any]:
    """The tracks of sound that a copy of their packets can carry."""
    return [s for s in container.streams.audio if s.codec_context is not None and s.codec_context.sample_rate]


def container_of(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, *, encodes: bool
) -> tuple[str, str]:
    """The suffix of what a clip of this film can be put into, and why it is not MP4. encodes: its pictures may be
    encoded again, in a codec that MP4 holds.
    """
    video = kind_of(stream)
    if video not in _MP4_VIDEO and not encodes and _matroska_holds(stream):
        return "mkv", f"MP4 does not hold {video} video"
    for sound in sounds_in(container):
        if (kind := kind_of(sound)) not in _MP4_SOUND:
            return "mkv", f"MP4 does not hold {kind} sound"
    return "mp4", ""


def _matroska_holds(stream: Any) -> bool:
    """Where it does not, its pictures are encoded again, and MP4 holds that."""
    with av.open(io.BytesIO(), "w", format="matroska") as out:
        try:
            out.add_stream_from_template(stream, opaque=True)
        except ValueError:
            return False
    return True


def left_out(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> list[str]:
    """What of a film no clip of it has, such as "2 subtitle tracks"."""
    taken = {stream.index, *(sound.index for sound in sounds_in(container))}
    counts: dict[str, int] = {}
    for other in container.streams:
        if other.index not in taken and other.type != "attachment" and not other.disposition & _ATTACHED:
            counts[other.type] = counts.get(other.type, 0) + 1
    return [f"{count} {kind} {'track' if count == 1 else 'tracks'}" for kind, count in sorted(counts.items())]
