"""Reads a film's clock and shape: every packet read, one frame decoded. Runs in the decoding process."""

import hashlib
import json
import os
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import av.container
import av.video.stream
import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import VideoError
from vtn_stream.film import NO_PTS
from vtn_stream.video.clock import Clock, distinct, leaps, one_clock, usual_step
from vtn_stream.video.container import check_memory, check_size, films_in, open_video, packets_of, reason
from vtn_stream.video.fields import FieldWatch
from vtn_stream.video.kinds import is_encrypted
from vtn_stream.video.limits import MAX_DAYS, MAX_FRAMES_PER_S, MAX_PACKETS
from vtn_stream.video.promise import another_follows, ends_early, ends_in_zeros, promised_end
from vtn_stream.video.recorded import created_at, sound_of, start_timecode
from vtn_stream.video.references import TemporalLayers

__all__ = ["Probed", "read_info"]

_HDR = {16: "PQ", 18: "HLG"}  # transfer characteristics in ITU-T H.273, table 3
# Formats that say when a frame is decoded; elsewhere FFmpeg guesses, and not well where the clock steps back.
_WITH_DECODE_TIMES = frozenset(("mpegts", "mpeg", "flv", "live_flv", "mov", "mp4", "avi", "nut", "mxf", "gxf"))
# How many times longer than what is there a promise may be to be believed: nobody keeps less of a download.
_MAX_PROMISE = 1000
# Formats whose clock has 33 bits.
_WRAPPING = frozenset(("mpegts", "mpeg", "wtv"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a probe found: `VideoInfo.facts`, and the arrays beside them."""

    facts: dict[str, Any]
    pts: NDArray[np.int64]
    keyframes: NDArray[np.int64]
    packet_pts: NDArray[np.int64] | None


@dataclass(slots=True)
class _Packets:
    """What the packets of a stream say, in the file's order. problems: why reading ended, if not at the end."""

    times: "array[int]" = field(default_factory=lambda: array("q"))  # NO_PTS where there is none
    decode_times: "array[int]" = field(default_factory=lambda: array("q"))
    durations: "array[int]" = field(default_factory=lambda: array("q"))
    keyframes: "array[int]" = field(default_factory=lambda: array("q"))  # numbers of packets, as are these
    hidden: "array[int]" = field(default_factory=lambda: array("q"))
    problems: list[str] = field(default_factory=list)
    temporal_layers: int = 0
    has_fields: bool = False
    num_encrypted: int = 0
    last_pos: int = 0


def read_info(path: str, stream_index: int | None, alive: Callable[[], None]) -> Probed:
    """Every packet read, one frame decoded.

    alive() is called for every packet, as proof of progress. Raises VideoError.
    """
    name = os.path.basename(path)
    # The film's identity: every byte of its video and when it is shown. Not a sample of the file: a copy with a hole
    # in it must not pass for the whole film, nor the whole film for the copy.
    digest = hashlib.blake2b(digest_size=16)
    container, stream = open_video(path, stream_index)
    with container:
        formats = set(container.format.name.split(","))
        packets = _read_packets(container, stream, digest, name, alive)
        times = np.frombuffer(packets.times, np.int64)
        is_frame = np.ones(len(times), np.bool_)
        is_frame[np.frombuffer(packets.hidden, np.int64)] = False
        num_untimed = int(np.count_nonzero(is_frame & (times == NO_PTS)))
        shown = is_frame & (times != NO_PTS)
        if not shown.any():
            fact = f"{name} has {num_untimed} frames without timestamps" if num_untimed else f"{name} has no frames"
            raise VideoError(fact, "no timeline can be drawn", "remux or re-encode it into an MP4 or MKV file")
        _check_extremes(times[shown], name)
        clock = _clock_of(packets, times, shown, stream, formats, name)
        shown &= clock.times != NO_PTS
        pts, _ = distinct(clock.times[shown])
        is_repaired = not np.array_equal(clock.times, times)

        time_base, usual = Fraction(stream.time_base) / clock.division, usual_step(pts)
        last = np.flatnonzero(shown)[np.argmax(clock.times[shown])]
        stated = packets.durations[int(last)] * clock.division
        end_pts = int(pts[-1]) + _last_duration(pts, stated, stream, time_base)
        dark = [(int(pts[k]) + usual, int(pts[k + 1]), "leap") for k in leaps(pts, time_base)]
        start = _start(container, stream, int(pts[0]), time_base)
        is_whole = 0 < stream.frames <= len(times)  # whatever else the file says
        is_cut = bool(packets.problems) or (not is_whole and ends_early(path, formats))
        if not clock.restarts and (is_cut or (not is_whole and ends_in_zeros(path))):
            promised = promised_end(path, container, stream, int(pts[0]), usual, start, time_base)
            there, least = end_pts - int(pts[0]), usual // 2 if is_cut else 1 / time_base  # sound may last longer
            if promised is not None and there + least < promised - int(pts[0]) <= _MAX_PROMISE * there:
                dark.append((end_pts, promised, "cut off"))
                end_pts, is_cut = promised, True
        mean_rate = stream.average_rate or stream.guessed_rate
        facts = {
            "stream": stream.index,
            "codec": stream.codec_context.name,
            "time_base": str(time_base),
            "start": str(start),
            "end_pts": end_pts,
            "nominal_rate": str(mean_rate) if mean_rate and mean_rate > 0 else None,
            "start_timecode": start_timecode(container, stream),
            "num_untimed": num_untimed,
            "num_hidden": len(packets.hidden),
            "temporal_layers": packets.temporal_layers,
        }
        _check_clock(facts, pts, name)
        facts |= _first_frame(path, stream.index, name)
        digest.update(json.dumps(facts, sort_keys=True).encode() + bytes(stream.codec_context.extradata or b""))
        facts |= {
            "field_pictures": packets.has_fields,
            "num_encrypted": packets.num_encrypted,
            "restarts": list(clock.restarts),
            "num_spread": clock.num_spread,
            "num_merged": clock.num_merged,
            "dark": dark,
            "is_cut": is_cut,
            "is_followed": another_follows(path, formats, packets.last_pos),
            "num_promised": stream.frames if is_cut and 0 < stream.frames <= MAX_PACKETS else 0,
        }
        if is_repaired or dark:
            digest.update(json.dumps(facts, sort_keys=True).encode() + clock.times.tobytes())
        facts["identity"] = digest.hexdigest()
        facts["nominal_rate"] = _nominal_rate(stream, usual * time_base)
        facts["video_streams"] = [s.index for s in films_in(container)]
        facts["created"], facts["sound"] = created_at(container, stream), sound_of(container)
        keyframes = clock.times[np.frombuffer(packets.keyframes, np.int64)]
        return Probed(
            facts=facts,
            pts=pts,
            keyframes=np.unique(keyframes[keyframes != NO_PTS]),
            packet_pts=clock.times if is_repaired else None,
        )


def _read_packets(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    digest: "hashlib.blake2b",
    name: str,
    alive: Callable[[], None],
) -> _Packets:
    codec, found = stream.codec_context.name, _Packets()
    extradata = bytes(stream.codec_context.extradata or b"")
    layers, fields = TemporalLayers(codec, extradata), FieldWatch(codec, extradata)
    for number, packet in enumerate(packets_of(container, stream, problems=found.problems)):
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
        found.times.append(NO_PTS if time is None else time)
        found.decode_times.append(NO_PTS if packet.dts is None else packet.dts)
        found.durations.append(packet.duration or 0)
        found.last_pos = max(found.last_pos, packet.pos or 0)
        found.num_encrypted += packet.has_sidedata("encryption_info")
        if layers.count == 0 and fields.is_second(content):  # else there are no fields
            found.hidden.append(number)
            continue
        if time is None:
            continue
        if packet.is_keyframe:
            found.keyframes.append(number)
        if packet.is_discard or not _is_shown(codec, content):  # an edit list or the codec can hide it
            found.hidden.append(number)
    found.temporal_layers, found.has_fields = layers.count, fields.found
    return found


def _clock_of(
    packets: _Packets,
    times: NDArray[np.int64],
    shown: NDArray[np.bool_],
    stream: av.video.stream.VideoStream,
    formats: set[str],
    name: str,
) -> Clock:
    decode_times = np.frombuffer(packets.decode_times, np.int64)
    if not formats & _WITH_DECODE_TIMES:
        decode_times = np.full_like(decode_times, NO_PTS)
    rate, time_base = stream.average_rate, Fraction(stream.time_base)
    step = max(1, round(1 / (rate * time_base))) if rate else 1
    keys = np.zeros(len(times), np.bool_)
    keys[np.frombuffer(packets.keyframes, np.int64)] = True
    try:
        if formats & _WRAPPING:
            return one_clock(times, decode_times, shown, time_base, step, wraps_at=2**33, keys=keys)
        return one_clock(times, decode_times, shown, time_base, step, keys=keys)
    except ValueError as error:
        raise VideoError(
            f"{name} cannot be put in order: {error}",
            "it was not analyzed",
            "remux it to get new timestamps: ffmpeg -i FILE -c copy NEW.mkv",
        ) from error


def _check_extremes(times: NDArray[np.int64], name: str) -> None:
    if max(abs(int(times.min())), abs(int(times.max()))) > 2**61:
        raise VideoError(f"{name} has impossible timestamps", "they cannot be used", "remux it to get new timestamps")


def _check_clock(facts: dict[str, Any], pts: NDArray[np.int64], name: str) -> None:
    """Raises VideoError if the timestamps cannot be those of a film."""
    time_base, start, end = Fraction(facts["time_base"]), Fraction(facts["start"]), facts["end_pts"]
    lasts_s, starts_s = end * time_base - start, start - int(pts[0]) * time_base
    if max(lasts_s, starts_s) > MAX_DAYS * 86400 or lasts_s <= 0:
        raise VideoError(
            f"{name} lasts {float(lasts_s):.0f} s by its timestamps",
            f"this cannot be right: a film lasts at most {MAX_DAYS} days",
            "remux it to get new timestamps",
        )
    shown_s = (end - int(pts[0])) * time_base
    if len(pts) > 1 and len(pts) > MAX_FRAMES_PER_S * shown_s:
        raise VideoError(
            f"{name} has {len(pts)} frames in {float(shown_s):.2g} s by its timestamps",
            f"this cannot be right: a film has at most {MAX_FRAMES_PER_S} frames a second",
            "remux it at its true rate, such as 25: ffmpeg -r 25 -i FILE -c copy NEW.mkv",
        )


def _nominal_rate(stream: av.video.stream.VideoStream, step_s: Fraction) -> str | None:
    """Frames a second: as the file states them, where its frames come so; else their mean number.

    A last frame that is shown for less makes a mean of what is no rate; what some files state is that of fields.
    """
    mean = stream.average_rate or stream.guessed_rate
    for stated in (stream.base_rate, stream.guessed_rate):
        for rate in (stated, stated / 2) if stated and stated > 0 else ():
            if abs(rate * step_s - 1) < Fraction(1, 50):
                return str(rate)
    return str(mean) if mean and mean > 0 else None


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


def _start(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, first: int, time_base: Fraction
) -> Fraction:
    """The container's start in seconds; the first frame's time if the container states no start."""
    if container.start_time is None:
        return first * time_base
    return Fraction(container.start_time, av.time_base)


def _last_duration(
    pts: NDArray[np.int64], stated: int, stream: av.video.stream.VideoStream, time_base: Fraction
) -> int:
    """How long the last frame is shown: as stated if that is plausible, else a usual step."""
    if len(pts) > 1:
        usual = int(np.median(np.diff(pts)))
    elif stream.average_rate:
        usual = max(1, round(1 / (stream.average_rate * time_base)))
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
                f"{name} holds {stream.codec_context.name} video that cannot be decoded ({reason(error)})",
                "there is nothing to analyze",
                "re-encode it to H.264, or decrypt it first",
            ) from error
    if is_encrypted(path):
        fact = f"not one frame of {name} could be decoded: it is encrypted"
        raise VideoError(fact, "there is nothing to analyze", "decrypt it first")
    raise VideoError(
        f"not one frame of {name} could be decoded",
        "there is nothing to analyze",
        "check that it plays; it may be encrypted or damaged",
    )


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
