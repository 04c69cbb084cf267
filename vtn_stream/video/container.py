"""Opens an untrusted file and reads its clock. Runs in the decoding process."""

import hashlib
import json
import os
import resource
from array import array
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import av
import av.container
import av.video.stream
import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import DecodingLost, VideoError
from vtn_stream.video.kinds import not_a_film
from vtn_stream.video.limits import MAX_DAYS, MAX_PACKETS, MAX_PIXELS, MAX_SIDE, MAX_STREAMS
from vtn_stream.video.references import TemporalLayers

__all__ = ["check_memory", "open_video", "packets_of", "read_info"]

# Demuxers that read one self-contained file. Not listed, so refused: those that follow names in a text to
# other files or hosts (concat, hls, dash, sdp, image2 ...).
DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,live_flv,mpegts,mpeg,mpegvideo,m4v,h264,hevc,obu,av1,ivf,"
    "ogg,asf,wtv,mxf,gxf,dv,rm,nut,yuv4mpegpipe,gif"
)

# Decoders of what films are made of. Not listed, so never run: those of games, screens and single pictures, which a
# stranger could choose for their bugs; sound, which opening a film would decode a little of.
DECODERS = (
    "h264,hevc,vvc,av1,libdav1d,vp3,vp6,vp6a,vp6f,vp7,vp8,vp9,libvpx,libvpx-vp9,theora,mpeg1video,mpeg2video,mpegvideo,"
    "mpeg4,msmpeg4v1,msmpeg4v2,msmpeg4,wmv1,wmv2,wmv3,vc1,h261,h263,h263i,h263p,flv,rv10,rv20,rv30,rv40,cavs,dirac,"
    "mjpeg,mjpegb,jpeg2000,png,gif,prores,dnxhd,cfhd,dvvideo,hap,ffv1,ffvhuff,huffyuv,utvideo,magicyuv,lagarith,"
    "rawvideo,v210,qtrle,svq1,svq3,cinepak,indeo3,indeo4,indeo5,msvideo1,rpza"
)

# More than are accepted, to be able to say how many there are.
_MAX_OPENED = 1000

# What one more picture takes at most, with the decoder's tables.
_BYTES_PER_PIXEL = 8


def open_video(path: str, stream: int | None) -> tuple[av.container.InputContainer, av.video.stream.VideoStream]:
    """The container and its video stream: the given one, or the first that is not an attached picture."""
    name = os.path.basename(path)
    try:
        # An absolute file: URL, so that no name can be taken for a protocol (`concat:...`).
        container = av.open(
            f"file:{os.path.abspath(path)}",
            metadata_errors="replace",
            container_options={
                "protocol_whitelist": "file",
                "format_whitelist": DEMUXERS,
                "codec_whitelist": DECODERS,
                "max_streams": str(_MAX_OPENED),
            },
        )
    except MemoryError as error:  # FFmpeg says so of too many streams as well
        raise DecodingLost(
            f"opening {name} needs more memory than its limit, or it has more than {_MAX_OPENED} streams",
            "it was not read",
            "remux it with its video only",
        ) from error
    except (av.FFmpegError, ValueError) as error:
        fact, cure = _reason(error), "check that it plays, or fetch it again if it was cut short"
        if (kind := not_a_film(path)) is not None:
            fact, cure = f"it is {kind[0]}", kind[1]
        raise VideoError(f"{name} cannot be read as a film ({fact})", "it was not analyzed", cure) from error
    if len(container.streams) > MAX_STREAMS:
        container.close()
        raise VideoError(
            f"{name} has more than {MAX_STREAMS} streams", "it was not analyzed", "remux it with its video only"
        )
    found = _films_in(container)
    videos = found if stream is None else [s for s in found if s.index == stream]
    if found and not videos:
        indices = ", ".join(str(s.index) for s in found)
        container.close()
        raise VideoError(f"{name} has no video stream {stream}", "it was not analyzed", f"choose among {indices}")
    if not videos:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "none"
        picture = " (a cover picture only)" if container.streams.video else ""
        container.close()
        raise VideoError(
            f"{name} has no video stream{picture}; its streams: {kinds}",
            "there is nothing to analyze",
            "give a file with video",
        )
    try:
        _check_decodable(videos[0], name)
    except VideoError:
        container.close()
        raise
    videos[0].codec_context.options = {"max_pixels": str(MAX_PIXELS)}  # pictures may change their size on the way
    for other in container.streams:
        if other.index != videos[0].index:
            other.discard = av.stream.Discard.all
    return container, videos[0]


def _check_decodable(stream: av.video.stream.VideoStream, name: str) -> None:
    """Raises VideoError before a decoder is started on what it must not be given."""
    codec = stream.codec_context
    if codec is None or codec.codec.name not in DECODERS.split(","):
        raise VideoError(
            f"{name} holds {'an unknown kind of' if codec is None else codec.codec.name} video, which is not decoded",
            "there is nothing to analyze",
            "re-encode it to H.264",
        )
    check_size(codec.width, codec.height, name)


def check_size(width: int, height: int, name: str) -> None:
    """Raises VideoError for a picture too large for a film; to be called before memory is taken for it."""
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise VideoError(
            f"{name} claims pictures of {width} x {height}",
            f"more than {MAX_SIDE} on a side or {MAX_PIXELS} pixels are refused",
            "check that it is a film, or re-encode it smaller",
        )


def _films_in(container: av.container.InputContainer) -> list[av.video.stream.VideoStream]:
    """The video streams that are no cover pictures."""
    return [s for s in container.streams.video if not s.disposition & _ATTACHED]


def packets_of(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream
) -> Iterator[av.Packet | None]:
    """The stream's packets from here on, then None. If reading fails the film ends there: what came before counts."""
    try:
        for packet in container.demux(stream):
            # One without bytes marks the end, or (AVI) a dropped frame, which a decoder would take for the end.
            if packet.size:
                yield packet
    except MemoryError:
        raise
    except av.FFmpegError:
        pass
    yield None


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


def _orientation(frame: av.VideoFrame) -> tuple[int, bool]:
    """Degrees clockwise, and whether left and right are swapped first: of these eight the nearest to the display
    matrix.

    The matrix [[a, b], [c, d]] takes (x, y) to (a x + c y, b x + d y), y pointing down: ISO/IEC 14496-12, 6.2.2.
    """
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # it carries something that PyAV has no name for, as films for two eyes do
        return -frame.rotation % 360, False
    if matrix is None:
        return 0, False
    a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), np.int32).astype(float)
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    # Turned clockwise by t, (1, 0) comes to (cos t, sin t).
    return round(float(np.degrees(np.arctan2(b, a))) / 90) * 90 % 360, bool(mirrored)


_HDR = {16: "PQ", 18: "HLG"}  # transfer characteristics in ITU-T H.273, table 3
_ATTACHED = av.stream.Disposition.attached_pic


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def read_info(
    path: str, stream_index: int | None, alive: Callable[[], None]
) -> tuple[dict[str, Any], NDArray[np.int64], NDArray[np.int64]]:
    """VideoInfo.facts, pts [N] and keyframes [M]: every packet read, one frame decoded.

    alive() is called for every packet, as proof of progress. Raises VideoError.
    """
    name = os.path.basename(path)
    # The film's identity: every byte of its video and when it is shown. Not a sample of the file: a copy with a hole
    # in it must not pass for the whole film, nor the whole film for the copy.
    digest = hashlib.blake2b(digest_size=16)
    container, stream = open_video(path, stream_index)
    with container:
        codec, extradata = stream.codec_context.name, bytes(stream.codec_context.extradata or b"")
        pts, durations, keyframes = array("q"), array("q"), array("q")
        num_untimed = num_hidden = 0
        layers = TemporalLayers(codec, extradata)
        for number, packet in enumerate(packets_of(container, stream)):
            alive()
            if packet is None:
                break
            if number == MAX_PACKETS:
                raise VideoError(
                    f"{name} has more than {MAX_PACKETS} frames",
                    "it was not analyzed",
                    "cut it into parts, or check that it is a film",
                )
            content = bytes(packet)
            digest.update(f"{packet.pts} {packet.dts} {packet.duration} {packet.size} ".encode())
            digest.update(content)
            layers.watch(content, has_new_extradata=packet.has_sidedata("new_extradata"))
            time = packet.dts if packet.pts is None else packet.pts
            if time is None:
                num_untimed += 1
                continue
            if packet.is_keyframe:
                keyframes.append(time)
            if packet.is_discard or not _is_shown(codec, content):  # an edit list or the codec can hide it
                num_hidden += 1
                continue
            pts.append(time)
            durations.append(packet.duration or 0)
        if not pts:
            fact = f"{name} has {num_untimed} frames without timestamps" if num_untimed else f"{name} has no frames"
            raise VideoError(fact, "no timeline can be drawn", "remux or re-encode it into an MP4 or MKV file")

        values = np.frombuffer(pts, np.int64)
        order = np.argsort(values, kind="stable")
        last_duration = int(np.frombuffer(durations, np.int64)[order[-1]])
        values = np.unique(values)
        timecode = stream.metadata.get("timecode") or container.metadata.get("timecode")
        facts = {
            "stream": stream.index,
            "codec": codec,
            "time_base": str(stream.time_base),
            "start": str(_start(container, stream, int(values[0]))),
            "end_pts": int(values[-1]) + _last_duration(values, last_duration, stream),
            "nominal_rate": str(rate) if (rate := stream.average_rate or stream.guessed_rate) and rate > 0 else None,
            "start_timecode": timecode if timecode and len(timecode) <= 100 else None,
            "num_untimed": num_untimed,
            "num_hidden": num_hidden,
            "temporal_layers": layers.count,
        }
        _check_clock(facts, int(values[0]), name)
        facts |= _first_frame(path, stream.index, name)
        digest.update(json.dumps(facts, sort_keys=True).encode() + extradata)
        facts["identity"] = digest.hexdigest()
        facts["video_streams"] = [s.index for s in _films_in(container)]
        return facts, values, np.unique(np.frombuffer(keyframes, np.int64))


def _check_clock(facts: dict[str, Any], first: int, name: str) -> None:
    """Raises VideoError if the timestamps cannot be those of a film."""
    time_base, start, end = Fraction(facts["time_base"]), Fraction(facts["start"]), facts["end_pts"]
    lasts_s, starts_s = end * time_base - start, start - first * time_base
    if max(abs(first), abs(end)) > 2**62 or max(lasts_s, starts_s) > MAX_DAYS * 86400 or lasts_s <= 0:
        raise VideoError(
            f"{name} lasts {float(lasts_s):.0f} s by its timestamps",
            f"they are not believed: a film lasts up to {MAX_DAYS} days",
            "remux it, so that they are made anew",
        )


def _is_shown(codec: str, data: bytes) -> bool:
    """False for a VP8 or VP9 frame that others refer to but that is not shown; some files give it a packet of its own.

    RFC 6386, 9.1: show_frame. VP9 bitstream specification, 6.2: show_frame; annex B: a superframe holds a shown one.
    """
    if codec == "vp8":
        return bool(data[0] & 0b0001_0000)
    if codec != "vp9" or data[-1] & 0b1110_0000 == 0b1100_0000:
        return True
    header = data[0] if data[0] & 0b0011_0000 != 0b0011_0000 else data[0] << 1  # profile 3 has one bit more
    return bool(header & 0b0000_1000 or header & 0b0000_0010)  # shows an earlier frame, or itself


def _start(container: av.container.InputContainer, stream: av.video.stream.VideoStream, first: int) -> Fraction:
    """The container's start in seconds; the first frame's time if the container states no start."""
    if container.start_time is None:
        return first * Fraction(stream.time_base)
    return Fraction(container.start_time, av.time_base)


def _last_duration(pts: NDArray[np.int64], stated: int, stream: av.video.stream.VideoStream) -> int:
    """How long the last frame is shown: as stated if that is plausible, else a usual step."""
    if len(pts) > 1:
        usual = int(np.median(np.diff(pts)))
    elif stream.average_rate:
        usual = max(1, round(1 / (stream.average_rate * stream.time_base)))
    else:
        usual = max(1, stated)
    return stated if 0 < stated <= 10 * usual else max(1, usual)


def _first_frame(path: str, index: int, name: str) -> dict[str, Any]:
    """Size, shape and rotation, from the first picture that decodes; this also proves that one does."""
    container, stream = open_video(path, index)
    with container:
        try:
            for packet in packets_of(container, stream):
                try:
                    for frame in stream.decode(packet):
                        aspect = stream.sample_aspect_ratio
                        rotation, mirrored = _orientation(frame)
                        check_size(frame.width, frame.height, name)
                        return {
                            "width": frame.width,
                            "height": frame.height,
                            "rotation": rotation,
                            "mirrored": mirrored,
                            "sample_aspect_ratio": str(aspect) if aspect and aspect > 0 else "1",
                            "interlaced": bool(frame.interlaced_frame),
                            "hdr": _HDR.get(int(frame.color_trc)),
                        }
                except av.error.InvalidDataError:
                    check_memory(stream)
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError) as error:
            check_memory(stream)
            raise VideoError(
                f"{name} holds {stream.codec_context.name} video that cannot be decoded ({_reason(error)})",
                "there is nothing to analyze",
                "re-encode it to H.264, or decrypt it first",
            ) from error
    raise VideoError(
        f"not one frame of {name} could be decoded",
        "there is nothing to analyze",
        "check that it plays; it may be encrypted or damaged",
    )
