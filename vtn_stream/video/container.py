"""Opens an untrusted file, and gives its packets. Runs in the decoding process."""

import os
import re
import resource
import shlex
from collections.abc import Callable, Iterator
from typing import Protocol

import av
import av.container
import av.video.stream
import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import DecodingLost, VideoError
from vtn_stream.film import NO_PTS
from vtn_stream.video.kinds import first_bytes, kind_of, says_encrypted
from vtn_stream.video.limits import MAX_PIXELS, MAX_SIDE, MAX_STREAMS

__all__ = ["Content", "check_memory", "check_size", "films_in", "open_content", "open_video", "packets_of", "reason"]

# Demuxers that read one self-contained file: of cameras, broadcasts and their receivers (wtv, ty, nsv, nuv),
# surveillance (dhav), studios (mxf, gxf, lxf), and streams of the codecs below without any container. Not listed, so
# refused: those that follow names to other files or hosts (concat, hls, dash, sdp, image2, imf, mlv ...), and those of
# games, sound and single pictures.
DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,live_flv,kux,mpegts,mpeg,ogg,asf,wtv,ty,nsv,nuv,dhav,mxf,gxf,lxf,"
    "dv,rm,nut,ivf,yuv4mpegpipe,gif,mpegvideo,m4v,h261,h263,h264,hevc,vvc,obu,av1,mjpeg,vc1,dirac,cavsvideo,dnxhd"
)

# Decoders of what films are made of. Not listed, so never run: those of games, screens and single pictures, which a
# stranger could choose for their bugs; sound, which opening a film would decode a little of.
DECODERS = (
    "h264,hevc,vvc,av1,libdav1d,vp3,vp6,vp6a,vp6f,vp7,vp8,vp9,libvpx,libvpx-vp9,theora,mpeg1video,mpeg2video,mpegvideo,"
    "mpeg4,msmpeg4v1,msmpeg4v2,msmpeg4,wmv1,wmv2,wmv3,vc1,h261,h263,h263i,h263p,flv,rv10,rv20,rv30,rv40,cavs,dirac,"
    "mjpeg,mjpegb,jpeg2000,png,gif,prores,dnxhd,cfhd,dvvideo,hap,ffv1,ffvhuff,huffyuv,utvideo,magicyuv,lagarith,"
    "rawvideo,v210,qtrle,svq1,svq3,cinepak,indeo3,indeo4,indeo5,msvideo1,rpza"
)

# Decoders of sound that say of a stream what its container does not, as in transport streams: needed where packets of
# sound are copied, and for nothing else.
SOUND_DECODERS = "aac,mp3float,mp3,mp2float,mp2,ac3,eac3"

_ATTACHED = av.stream.Disposition.attached_pic

# Codecs of pictures, in which films are made too.
_PICTURES = ("mjpeg", "mjpegb", "png", "jpeg2000", "gif")

# More than are accepted, to be able to say how many there are.
_MAX_OPENED = 1000

# What one more picture takes at most, with the decoder's tables.
_BYTES_PER_PIXEL = 8


class Content(Protocol):
    """The bytes of a film, in order. name: such as FFmpeg guesses a container by; nothing of that name is opened."""

    name: str

    def read(self, size: int, /) -> bytes:
        """At least one byte and at most so many; none where the film ends."""
        ...


def open_video(
    path: str, stream: int | None, *, with_sound: bool = False
) -> tuple[av.container.InputContainer, av.video.stream.VideoStream]:
    """The container and its video stream: the given one, or the first that is no picture beside the film. with_sound:
    what its sound is becomes known too.
    """
    name = os.path.basename(path)
    decoders = f"{DECODERS},{SOUND_DECODERS}" if with_sound else DECODERS
    # An absolute file: URL, so that no name can be taken for a protocol (`concat:...`).
    options = {"protocol_whitelist": "file", "codec_whitelist": decoders}
    return _opened(f"file:{os.path.abspath(path)}", name, stream, lambda: first_bytes(path), options)


def open_content(
    content: Content, name: str, stream: int | None, head: Callable[[], bytes], *, analyze_s: float | None = None
) -> tuple[av.container.InputContainer, av.video.stream.VideoStream]:
    """As `open_video`, of bytes that come. No file is opened.

    head       the first of them, to say what they are if they are no film
    analyze_s  so much of the film is read at most to learn what is in it; None: as much as of a file
    """
    options = {"protocol_whitelist": "none", "codec_whitelist": DECODERS}
    if analyze_s is not None:
        options["analyzeduration"] = str(round(analyze_s * av.time_base))
    return _opened(content, name, stream, head, options)


def _opened(
    source: str | Content, name: str, stream: int | None, head: Callable[[], bytes], options: dict[str, str]
) -> tuple[av.container.InputContainer, av.video.stream.VideoStream]:
    try:
        container = av.open(
            source,
            metadata_errors="replace",
            container_options={"format_whitelist": DEMUXERS, "max_streams": str(_MAX_OPENED)} | options,
        )
    except MemoryError as error:  # FFmpeg says so of too many streams as well
        raise DecodingLost(
            f"opening {name} needs more memory than its limit, or it has more than {_MAX_OPENED} streams",
            "it was not read",
            "remux it with only its video",
        ) from error
    except (av.FFmpegError, ValueError) as error:
        fact, cure = reason(error), "check that it plays; if the download or copy was interrupted, repeat it"
        if isinstance(error, av.error.ArgumentError):  # so FFmpeg says of a format that it knows and we do not list
            fact, cure = "its container is not on this program's list", f"if it is a film, remux it: {_remux(name)}"
        start = head()
        if says_encrypted(start):
            fact, cure = "it is an encrypted film", "decrypt it first"
        elif (kind := kind_of(start)) is not None:
            fact, cure = f"it is {kind[0]}", kind[1]
        raise VideoError(f"{name} cannot be read as a film ({fact})", "it was not analyzed", cure) from error
    if container.format.name == "asf" and says_encrypted(head()):  # all of it; others may begin unencrypted
        container.close()
        raise VideoError(f"{name} is an encrypted film (DRM)", "it was not analyzed", "decrypt it first")
    if len(container.streams) > MAX_STREAMS:
        container.close()
        raise VideoError(
            f"{name} has more than {MAX_STREAMS} streams", "it was not analyzed", "remux it with only its video"
        )
    found = films_in(container)
    videos = found if stream is None else [s for s in found if s.index == stream]
    if found and not videos:
        indices = ", ".join(str(s.index) for s in found)
        container.close()
        raise VideoError(f"{name} has no video stream {stream}", "it was not analyzed", f"choose one of {indices}")
    if not videos:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "none"
        picture = " (a cover picture only)" if container.streams.video else ""
        container.close()
        raise VideoError(
            f"{name} has no video stream{picture}; its streams: {kinds}",
            "there is nothing to analyze",
            "give a file with video",
        )
    chosen = next((s for s in videos if not _is_still(s)), videos[0])
    try:
        _check_decodable(chosen, name)
    except VideoError:
        container.close()
        raise
    chosen.codec_context.options = {"max_pixels": str(MAX_PIXELS)}  # pictures may change their size on the way
    for other in container.streams:
        if other.index != chosen.index:
            other.discard = av.stream.Discard.all
    return container, chosen


def _is_still(stream: av.video.stream.VideoStream) -> bool:
    """Whether it is one picture, by the container's word: some cameras put a preview before the film."""
    if stream.disposition & av.stream.Disposition.still_image:
        return True
    codec = stream.codec_context
    return stream.frames == 1 or (codec is not None and codec.name in _PICTURES and not stream.average_rate)


def _remux(name: str) -> str:
    """The command for a copy of the film in a container that is read. The folder is left out: messages are shared."""
    source, target = (text if re.fullmatch(r"\w[\w. -]*", text) else f"./{text}" for text in (name, f"{name}.mkv"))
    return f"ffmpeg -i {shlex.quote(source)} -c copy {shlex.quote(target)}"


def _check_decodable(stream: av.video.stream.VideoStream, name: str) -> None:
    """Raises VideoError before a decoder is started on what it must not be given."""
    codec = stream.codec_context
    if codec is None or codec.codec.name not in DECODERS.split(","):
        raise VideoError(
            f"{name} holds {'an unknown kind of' if codec is None else codec.codec.name} video, which is not supported",
            "there is nothing to analyze",
            "re-encode it to H.264",
        )
    check_size(codec.width, codec.height, name)


def check_size(width: int, height: int, name: str) -> None:
    """Raises VideoError for a picture too large for a film; to be called before memory is taken for it."""
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise VideoError(
            f"{name} states a picture size of {width} x {height}",
            f"more than {MAX_SIDE} on a side or {MAX_PIXELS} pixels are refused",
            "check that it is a film, or re-encode it at a smaller size",
        )


def films_in(container: av.container.InputContainer) -> list[av.video.stream.VideoStream]:
    """The video streams that are no cover pictures."""
    return [s for s in container.streams.video if not s.disposition & _ATTACHED]


def packets_of(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    *,
    times: NDArray[np.int64] | None = None,
    problems: list[str] | None = None,
) -> Iterator[av.Packet | None]:
    """The stream's packets from here on, then None. If reading fails the film ends there: what came before counts.

    times     when the frame of each packet of the file is shown, if that is not what the file says (NO_PTS: never);
              to be given at the start of the file
    problems  gets the reason why reading failed
    """
    number = 0
    try:
        for packet in _demuxed(container, stream):
            # One without bytes marks the end, or (AVI) a dropped frame, which a decoder would take for the end.
            if not packet.size:
                continue
            if times is not None:
                time = int(times[number]) if number < len(times) else NO_PTS
                packet.pts = packet.dts = None if time == NO_PTS else time
                number += 1
            yield packet
    except MemoryError:
        raise
    except av.FFmpegError as error:
        if problems is not None:
            problems.append(reason(error))
    yield None


def _demuxed(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> Iterator[av.Packet]:
    while True:
        try:
            yield from container.demux(stream)
            return
        except IndexError:  # of a stream that begins later in the file, which PyAV does not know: go on behind it
            continue


def check_memory(stream: av.video.stream.VideoStream) -> None:
    """Raises MemoryError if there is no room for one more picture: to be called when data are said to be invalid.

    H.264's decoder says so of good data when it runs out of memory, and good frames must not pass for damaged.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    try:
        with open("/proc/self/status", "rb") as status:
            peak = next(1024 * int(line.split()[1]) for line in status if line.startswith(b"VmPeak:"))
    except OSError:
        return  # no such file system, and there the limit does not hold either
    picture = stream.codec_context.width * stream.codec_context.height * _BYTES_PER_PIXEL
    if limit != resource.RLIM_INFINITY and peak + picture > limit:
        raise MemoryError


def reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
